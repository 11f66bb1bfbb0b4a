// SPDX-License-Identifier: Apache-2.0
// Owns grids of times: which times a run of n steps visits.
// Must not know samplers, tensors or devices.
#pragma once

#include "core/schedule.hpp"
#include "core/spec.hpp"

namespace noisewright {

struct GridRequest {
  const Schedule& schedule;
  const Settings& settings;
  bool own_ends;      // begin and end are the schedule's
  double begin, end;  // times
  nwr_coeffs begin_at, end_at;
  double* times;
  size_t count;  // at least 2: one more than the steps

  int64_t steps() const { return static_cast<int64_t>(count) - 1; }
};

struct GridKind : Entry {
  void (*fill)(const GridRequest& request);
};

Presets grid_presets();

// What the last step ends on, where the steps alone do not say it: a setting of many grids.
enum class Tail { clean, least, repeat };
inline constexpr Param kTail =
    choice("tail", "where the last step ends: at data, at the least noise level, or where it began",
           "clean,least,repeat");
inline constexpr Param kTailParams[] = {kTail};
constexpr GridKind grid_kind(int32_t value, const char* name, const char* aliases,
                             const char* summary, void (*fill)(const GridRequest&),
                             Params params = {}, Params shared = kTailParams) {
  return {{value, name, aliases, summary, 0, 0, 0, params, shared}, fill};
}
inline Tail tail_of(const GridRequest& request) {
  return static_cast<Tail>(static_cast<int>(request.settings["tail"]));
}
// Writes the last time. least is the time of the least noise level.
void end_grid(const GridRequest& request, double least);

// x at place i of n even intervals; exact at both ends.
inline double between(double begin, double end, int64_t i, int64_t n) {
  const double u = static_cast<double>(i) / static_cast<double>(n);
  return i == n ? end : begin + (end - begin) * u;
}

// Noise as peers count it: sigma itself on a flow, where alpha + sigma is 1, else sigma/alpha.
class NoiseLevel {
 public:
  explicit NoiseLevel(const Schedule& schedule);
  NoiseLevel(const Schedule& schedule, bool flow) : schedule_(schedule), flow_(flow) {}
  double of(const nwr_coeffs& c) const {
    return flow_ ? c.sigma / (c.alpha + c.sigma) : std::exp(-c.lambda);
  }
  double of_ratio(double ratio) const { return flow_ ? ratio / (1 + ratio) : ratio; }
  double lambda(double level) const {
    return flow_ ? std::log1p(-level) - std::log(level) : -std::log(level);
  }
  double time(double level) const {
    return schedule_.time_at(lambda(level), {"log(alpha/sigma) of the grid"});
  }

 private:
  const Schedule& schedule_;
  bool flow_;
};

// A setting that takes whole numbers only.
inline int64_t whole_setting(const GridRequest& request, const char* name) {
  return static_cast<int64_t>(request.settings[name]);
}

// Below every log(alpha/sigma) that a setting could mean.
inline constexpr double kNoLambdaMin = -700;

// The first and last times of a grid of indices, for grids of levels that take their ends from it.
struct Span {
  double first, last;
};
enum class Spaced { table, leading, trailing };
Span spaced_ends(const GridRequest& request, Spaced how);

void fill_grid(const Schedule& schedule, const nwr_grid_options& options, double* times,
               size_t count);

// The first step that is run where strength is the share of steps that are.
uint32_t first_step(nwr_strength rule, uint32_t steps, double strength);

// The grid of a sampler that was given none: indices for a discrete schedule, noise levels where
// sigma is the clock, a flow's own levels, else even times. Begins where log(alpha/sigma) is
// kLambdaBegin if skip_pure_noise and alpha is 0 at the schedule's end.
void fill_default_grid(const Schedule& schedule, bool skip_pure_noise, double* times, size_t count);

}  // namespace noisewright
