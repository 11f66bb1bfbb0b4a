// SPDX-License-Identifier: Apache-2.0
// Owns the C side of random numbers. Must not know how they are made.
#include <algorithm>
#include <cmath>

#include "api/guard.hpp"
#include "api/handles.hpp"
#include "api/options.hpp"
#include "api/rngs.hpp"
#include "api/tensor.hpp"
#include "core/catalog.hpp"
#include "core/density.hpp"
#include "core/generator.hpp"
#include "math/half.hpp"

using namespace noisewright;

namespace {

FillPlan plan_fill(Distribution what, const std::vector<Rng>& generators, const Array& target) {
  FillPlan plan;
  plan.shape = target.shape;
  plan.output = target.view;
  plan.what = what;
  plan.rngs = generators.data();
  plan.rng_count = static_cast<int64_t>(generators.size());
  return plan;
}

double round_to(Dtype dtype, double x) {
  const auto narrow = static_cast<float>(x);
  if (dtype == Dtype::f32) return narrow;
  return dtype == Dtype::f16 ? f16_to_f32(f32_to_f16(narrow)) : bf16_to_f32(f32_to_bf16(narrow));
}

// The number of this type next to bound on the way to inside, or bound itself: times between two
// such numbers stay between the bounds when they are rounded.
double within(Dtype dtype, double bound, double inside) {
  if (dtype == Dtype::f64) return bound;
  struct {
    int digits, least;
    double most;
  } format{23, -126, 3.4e38};
  if (dtype == Dtype::f16) format = {10, -14, 65504};
  if (dtype == Dtype::bf16) format = {7, -126, 3.38e38};
  const double held = std::clamp(bound, -format.most, format.most);
  const double rounded = round_to(dtype, held);
  if (rounded == bound || (rounded > bound) == (inside > bound)) return rounded;
  const double step = std::ldexp(1.0, std::max(std::ilogb(bound), format.least) - format.digits);
  return round_to(dtype, inside > bound ? held + step : held - step);
}

// sigma/alpha from 0 to infinity, as an angle has it.
Level take_level(double level, const char* name) {
  if (!(level >= 0)) fail(NWR_ERROR_INVALID_ARGUMENT, name, " is ", level, ", below 0");
  return std::isinf(level) ? Level{0, 1} : Level{1, level};
}

template <class Number>
void map_times(const Density& density, const DensityRequest& request, double low, double high,
               void* data, size_t count) {
  auto* numbers = static_cast<Number*>(data);
  const bool stratified = request.settings["stratified"] == 1;
  for (size_t i = 0; i < count; ++i) {
    double number = static_cast<double>(numbers[i]);
    if (stratified) number = stratum(density.kind, number, i, count);
    const double t = density.kind.time(request, number);
    numbers[i] = static_cast<Number>(std::clamp(t, low, high));
  }
}

}  // namespace

nwr_status nwr_random_fill(const nwr_context* context, nwr_distribution what, const nwr_rng* rngs,
                           size_t rng_count, const nwr_tensor* out) {
  return guard([&] {
    require(context, "context");
    require(rngs, "rngs");
    const Context& c = *unwrap(context);
    find_by_value(NWR_DOMAIN_DISTRIBUTION, what, {"what"});
    const Array target = take_numbers(out, {"out"}, c, Use::write);
    const std::vector<Rng> generators = take_rngs(rngs, rng_count, target.shape.batch());
    c.fill(plan_fill(static_cast<Distribution>(what), generators, target));
    return NWR_OK;
  });
}

nwr_status nwr_random_generate(const nwr_context* context, const nwr_random_options* options,
                               nwr_rng* rngs, size_t rng_count, const nwr_tensor* out) {
  return guard([&] {
    require(context, "context");
    require(rngs, "rngs");
    const Context& c = *unwrap(context);
    const nwr_random_options given = take(options, "options");
    refuse_flags(given.flags, "options");
    find_by_value(NWR_DOMAIN_DISTRIBUTION, given.what, {"options.what"});
    const Array target = take_numbers(out, {"out"}, c, Use::write);
    std::vector<Rng> generators = take_rngs(rngs, rng_count, target.shape.batch());
    const Stretch stretch = {take_level(given.from_level, "options.from_level"),
                             take_level(given.to_level, "options.to_level"), true,
                             given.from_level != given.to_level};
    const std::unique_ptr<Generator> generator =
        make_generator(choose_generator(given.name, given.params, given.param_count), {});
    generator->check(c, generators, 1);
    // Drawn beside the caller's array, so that a failure writes nothing.
    const Dtype dtype = generator->drawn_as(target.view.dtype);
    const Buffer memory(Ref<const Context>::share(&c),
                        static_cast<size_t>(target.shape.count()) * size_of(dtype));
    const Array drawn = dense(target.shape, dtype, memory.data());
    generator->draw(c, {static_cast<Distribution>(given.what), &stretch, 1}, generators, drawn);
    copy_array(c, drawn, {"the numbers"}, out, {"out"});
    give_rngs(generators, rngs);
    return NWR_OK;
  });
}

nwr_status nwr_random_times(const nwr_context* context, const nwr_schedule* schedule,
                            const nwr_density_options* options, const nwr_rng* rngs,
                            size_t rng_count, const nwr_tensor* out) {
  return guard([&] {
    require(context, "context");
    require(schedule, "schedule");
    require(rngs, "rngs");
    const Context& c = *unwrap(context);
    const nwr_density_options given = take(options, "options");
    refuse_flags(given.flags, "options");
    const Array target = take_numbers(out, {"out"}, c, Use::write, Place::either);
    const std::vector<Rng> generators = take_rngs(rngs, rng_count, target.shape.batch());
    const Settings settings =
        choose(NWR_DOMAIN_DENSITY, given.name, given.kind, given.params, given.param_count);
    const DensityRequest request{*unwrap(schedule), settings};
    const Density density = check_density(request);
    const double low = within(target.view.dtype, density.low, density.high);
    const double high = within(target.view.dtype, density.high, density.low);
    if (low > high) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "out.dtype is ", name_of(NWR_DOMAIN_DTYPE, out->dtype),
           ", which has no number from ", density.low, " to ", density.high);
    }
    // Drawn beside the caller's array, so that a failure writes nothing, and in ordinary memory,
    // where the density's inverse is known.
    const Dtype dtype = target.view.dtype == Dtype::f64 ? Dtype::f64 : Dtype::f32;
    const auto count = static_cast<size_t>(target.shape.count());
    std::vector<unsigned char> numbers(count * size_of(dtype));
    Array drawn = dense(target.shape, dtype, numbers.data());
    drawn.beside = !c.on_host();
    const bool normal = density.kind.from_normal && settings["stratified"] == 0;
    const auto what = normal ? Distribution::normal : Distribution::uniform;
    c.fill_on_host(plan_fill(what, generators, drawn));
    if (dtype == Dtype::f64) {
      map_times<double>(density, request, low, high, numbers.data(), count);
    } else {
      map_times<float>(density, request, low, high, numbers.data(), count);
    }
    copy_array(c, drawn, {"the times"}, out, {"out"});
    return NWR_OK;
  });
}
