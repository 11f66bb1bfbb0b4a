// SPDX-License-Identifier: Apache-2.0
// Owns functions of a schedule by name, one number a time: amounts of diffusion and weights of
// training losses. Must not know tensors, samplers or devices.
#pragma once

#include "core/schedule.hpp"

namespace noisewright {

struct WeightKind : Entry {
  double (*at)(const Settings& settings, const Schedule& schedule, double t, const nwr_coeffs& c);
};

// Fails, before out is written, on a time outside the schedule and on a weight that is infinite.
void weigh(const Schedule& schedule, const nwr_weight_options& options, const double* times,
           size_t count, double* out);

}  // namespace noisewright
