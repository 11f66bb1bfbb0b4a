// SPDX-License-Identifier: Apache-2.0
#include "core/grid.hpp"

#include <algorithm>
#include <vector>

namespace noisewright {

NoiseLevel::NoiseLevel(const Schedule& schedule) : schedule_(schedule) {
  const Schedule::Ends& ends = schedule.ends();
  const nwr_coeffs c = schedule.at((ends.noise + ends.data) / 2, {"t"});
  flow_ = std::fabs(c.alpha + c.sigma - 1) < 1e-12;
}

void end_grid(const GridRequest& r, double least) {
  const size_t n = r.count - 1;
  switch (tail_of(r)) {
    case Tail::clean: r.times[n] = r.end; break;
    case Tail::least: r.times[n] = least; break;
    case Tail::repeat: r.times[n] = r.times[n - 1]; break;
  }
}

namespace {

void check_count(size_t count) {
  if (count < 2 || count > 10000000) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "count is ", count, ", outside 2 to 10000000");
  }
}

}  // namespace

void fill_grid(const Schedule& schedule, const nwr_grid_options& options, double* times,
               size_t count) {
  check_count(count);
  const Settings settings =
      choose(NWR_DOMAIN_GRID, options.name, options.kind, options.params, options.param_count);
  const auto& kind = static_cast<const GridKind&>(settings.entry().base());
  const bool own_ends = options.t_begin == 0 && options.t_end == 0;
  const double begin = own_ends ? schedule.ends().noise : options.t_begin;
  const double end = own_ends ? schedule.ends().data : options.t_end;
  const nwr_coeffs begin_at = schedule.at(begin, {"options.t_begin"});
  const nwr_coeffs end_at = schedule.at(end, {"options.t_end"});
  if (!((end - begin) * schedule.direction() > 0)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "options.t_begin is ", begin, " and options.t_end is ", end,
         ", but ", schedule.spec(), " runs from ", schedule.ends().noise, " to ",
         schedule.ends().data);
  }
  // Filled beside the caller's array, so that a failure writes nothing.
  std::vector<double> filled(count);
  kind.fill({schedule, settings, own_ends, begin, end, begin_at, end_at, filled.data(), count});
  std::copy(filled.begin(), filled.end(), times);
}

uint32_t first_step(nwr_strength rule, uint32_t steps, double strength) {
  find_by_value(NWR_DOMAIN_STRENGTH, rule, {"rule"});
  if (!(strength >= 0 && strength <= 1)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "strength is ", strength, ", outside 0 to 1");
  }
  const double n = steps, run = n * strength;
  return static_cast<uint32_t>(rule == NWR_STRENGTH_FLOOR ? n - std::floor(run)
                                                          : std::floor(n - run));
}

void fill_default_grid(const Schedule& schedule, bool skip_pure_noise, double* times,
                       size_t count) {
  nwr_grid_options options{};
  switch (schedule.spacing()) {
    case Schedule::Spacing::time: options.kind = NWR_GRID_UNIFORM; break;
    case Schedule::Spacing::noise_level: options.kind = NWR_GRID_KARRAS; break;
    case Schedule::Spacing::index: options.kind = NWR_GRID_TRAILING; break;
    case Schedule::Spacing::flow: options.name = "flow"; break;
  }
  const Schedule::Ends& ends = schedule.ends();
  if (skip_pure_noise && (options.name || options.kind == NWR_GRID_UNIFORM) &&
      schedule.at(ends.noise, {"t"}).alpha == 0) {
    options.t_begin = schedule.time_at(kLambdaBegin, {"lambda"});
    options.t_end = ends.data;
  }
  fill_grid(schedule, options, times, count);
}

}  // namespace noisewright
