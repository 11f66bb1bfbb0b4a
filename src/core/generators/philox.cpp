// SPDX-License-Identifier: Apache-2.0
// Owns the library's own generator as one of several. Its numbers are the backend's.
#include "core/generator.hpp"

namespace noisewright {
namespace {

class Philox : public Generator {
 public:
  // Each type has uniforms of its own.
  Dtype drawn_as(Dtype wanted) const override { return wanted; }

  void draw(const Context& context, const Draw& draw, std::vector<Rng>& rngs,
            const Array& out) override {
    FillPlan plan;
    plan.shape = out.shape;
    plan.output = out.view;
    plan.what = draw.what;
    plan.rngs = rngs.data();
    plan.rng_count = static_cast<int64_t>(rngs.size());
    context.fill(plan);
    const int64_t used = rngs.size() == 1 ? out.shape.count() : out.shape.inner();
    for (Rng& rng : rngs) rng.offset += static_cast<uint64_t>(used);
  }
};

}  // namespace

extern const GeneratorKind kPhilox;
const GeneratorKind kPhilox = {
    {1000, "philox", "philox4x32-10,noisewright", "ours: by position, the same on every device",
     NWR_ENTRY_STOCHASTIC},
    [](const Settings&, const LevelRange&) -> std::unique_ptr<Generator> {
      return std::make_unique<Philox>();
    }};

}  // namespace noisewright
