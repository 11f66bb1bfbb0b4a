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
};

struct GridKind : Entry {
  void (*fill)(const GridRequest& request);
};

void fill_grid(const Schedule& schedule, const nwr_grid_options& options, double* times,
               size_t count);

// The grid of a sampler that was given none: indices for a discrete schedule, noise levels where
// sigma is the clock, else even times. Begins where log(alpha/sigma) is kLambdaBegin if
// skip_pure_noise and alpha is 0 at the schedule's end.
void fill_default_grid(const Schedule& schedule, bool skip_pure_noise, double* times, size_t count);

}  // namespace noisewright
