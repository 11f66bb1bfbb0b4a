// SPDX-License-Identifier: Apache-2.0
// Owns the grids that are even in time, or in a function of it. Must not know noise levels.
#include <cmath>

#include "core/grid.hpp"
#include "math/coeffs.hpp"

namespace noisewright {
namespace {

void fill_uniform(const GridRequest& r) {
  for (int64_t i = 0; i <= r.steps(); ++i) r.times[i] = between(r.begin, r.end, i, r.steps());
}

// Even in a root of the way from data: n+1 such times, or, with a last one near data, n and the
// end.
void fill_power(const GridRequest& r) {
  const double data = r.schedule.ends().data, power = r.settings["power"];
  const double last = r.settings["last"];
  const double begin = std::fabs(r.begin - data), all = std::fabs(r.schedule.ends().noise - data);
  const double end = last == 0 ? std::fabs(r.end - data) : last * all;
  if (!(end < begin)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, r.settings.entry().name, ": last is ", last,
         ", beyond options.t_begin, ", r.begin);
  }
  const int64_t n = r.steps() - (last == 0 ? 0 : 1);
  r.times[0] = r.begin;
  r.times[r.steps()] = r.end;
  for (int64_t i = 1; i < r.steps(); ++i) {
    const double root = between(std::pow(begin, 1 / power), std::pow(end, 1 / power), i, n);
    r.times[i] = data - r.schedule.direction() * std::pow(root, power);
  }
}

// sin(pi/2 t) is the square of an even one's: diffusers' IPNDM.
void fill_sine_squared(const GridRequest& r) {
  r.times[0] = r.begin;
  r.times[r.steps()] = r.end;
  for (int64_t i = 1; i < r.steps(); ++i) {
    const double sine = std::sin(path::kHalfPi * between(1, 0, i, r.steps()));
    const double v = 1 - std::asin(sine * sine) / path::kHalfPi;
    r.times[i] = r.begin + (r.end - r.begin) * v;
  }
}

constexpr Param kPowerParams[] = {
    {"power", "of which even times have the root", 2, 1e-3, 1e3},
    {"last", "fraction of the way from data of the last time but one; 0: as even as the rest", 0, 0,
     0.999999}};

}  // namespace

extern const GridKind kUniform =
    grid_kind(NWR_GRID_UNIFORM, "uniform", "diffusers.wuerstchen,dpm-solver.time_uniform",
              "even in t", fill_uniform, {}, {});
extern const GridKind kTimeQuadratic =
    grid_kind(1022, "time-quadratic", "dpm-solver.time_quadratic,time_quadratic",
              "even in the root of the way from data", fill_power, kPowerParams, {});
extern const GridKind kSineSquared =
    grid_kind(1025, "sine-squared", "diffusers.ipndm",
              "even in the arc sine of the root of sin(pi/2 t)", fill_sine_squared, {}, {});

}  // namespace noisewright
