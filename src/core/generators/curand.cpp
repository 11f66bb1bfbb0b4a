// SPDX-License-Identifier: Apache-2.0
// Owns cuRAND's generators by name. The numbers are cuRAND's own, made by the plugin; those of two
// versions of cuRAND may differ.
#include "core/generator.hpp"

namespace noisewright {
namespace {

class Curand : public Generator {
 public:
  Curand(Foreign family, const Settings& settings)
      : name_(settings.entry().name),
        family_(family),
        dimensions_(static_cast<uint32_t>(settings.get("dimensions", 1))) {}

  void check(const Context& context, const std::vector<Rng>& rngs, size_t) const override {
    if (!context.generates()) {
      fail(NWR_ERROR_UNSUPPORTED, name_,
           " is cuRAND's and needs a CUDA context, but this one's is ",
           name_of(NWR_DOMAIN_DEVICE, context.device()));
    }
    for (size_t i = 0; i < rngs.size(); ++i) {
      if (rngs[i].stream == 0) continue;
      fail(NWR_ERROR_INVALID_ARGUMENT, Name{"rngs", static_cast<int64_t>(i)}, ".stream is ",
           rngs[i].stream, ", but cuRAND has a seed and an offset alone");
    }
  }

  void draw(const Context& context, const Draw& draw, std::vector<Rng>& rngs,
            const Array& out) override {
    const bool alone = rngs.size() > 1;
    ForeignPlan plan;
    plan.family = family_;
    plan.what = draw.what;
    plan.dtype = out.view.dtype;
    plan.count = alone ? out.shape.inner() : out.shape.count();
    plan.dimensions = dimensions_;
    // Normals come in pairs, quasi-random numbers in points.
    const int64_t unit = family_ == Foreign::curand_sobol ? dimensions_ : 2;
    const auto used = static_cast<uint64_t>((plan.count + unit - 1) / unit * unit);
    const size_t bytes = static_cast<size_t>(plan.count) * size_of(plan.dtype);
    for (size_t i = 0; i < rngs.size(); ++i) {
      if (alone && !draw.stretches[draw.rows > 1 ? i : 0].draws) continue;
      plan.seed = rngs[i].seed;
      plan.offset = rngs[i].offset;
      plan.data = static_cast<unsigned char*>(out.view.data) + i * bytes;
      context.generate(plan);
      rngs[i].offset += family_ == Foreign::curand_sobol ? used / dimensions_ : used;
    }
  }

 private:
  const char* name_;
  Foreign family_;
  uint32_t dimensions_;
};

template <Foreign kFamily>
std::unique_ptr<Generator> make(const Settings& settings, const LevelRange&) {
  return std::make_unique<Curand>(kFamily, settings);
}

constexpr Param kSobolParams[] = {
    {"dimensions", "of the points: all first coordinates come first, then all second", 1, 1, 20000,
     nullptr, true}};

}  // namespace

extern const GeneratorKind kCurandXorwow, kCurandPhilox, kCurandSobol;
const GeneratorKind kCurandXorwow = {
    {1005, "curand-xorwow", "", "cuRAND's XORWOW, on CUDA contexts", NWR_ENTRY_STOCHASTIC},
    make<Foreign::curand_xorwow>,
    true};
const GeneratorKind kCurandPhilox = {
    {1006, "curand-philox", "", "cuRAND's Philox4x32-10, on CUDA contexts", NWR_ENTRY_STOCHASTIC},
    make<Foreign::curand_philox>,
    true};
const GeneratorKind kCurandSobol = {
    {1007, "curand-sobol", "", "cuRAND's scrambled Sobol points, on CUDA contexts",
     NWR_ENTRY_STOCHASTIC, 0, 0, kSobolParams},
    make<Foreign::curand_sobol>,
    true};

}  // namespace noisewright
