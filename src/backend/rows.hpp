// SPDX-License-Identifier: Apache-2.0
// Owns factors that are made where the times are: on the device, once a row. Must not know memory
// beyond the row's own numbers.
#pragma once

#include "core/plan.hpp"
#include "math/path.hpp"

namespace noisewright {

// Numbers on the device, one for all rows or one each.
struct DeviceNumbers {
  const void* data = nullptr;  // aligned to the element; nullptr: the value
  Dtype dtype = Dtype::f64;    // or f32
  int64_t stride = 0;          // in elements
  double value = 0;
};

// Which quantities a MixPlan makes of which.
struct Conversion {
  int32_t known_count = 0;  // the plan's inputs, and what is drawn, behind them
  int32_t output_count = 0;
  int32_t known[kMaxKnown] = {};
  int32_t output[kMaxOutputs] = {};
  bool draws = false;  // the last of the known is the plan's noise

  // Factors of one output, and of one row, as MixPlan orders them.
  NWR_HD int32_t width() const { return known_count + (draws ? 0 : 1); }
  NWR_HD int64_t row_size() const { return int64_t{output_count} * width(); }
};

// The factors of a MixPlan that has none, row by row, at times that the host does not know. A time
// outside of the path's, a diffusion that is negative or not finite, and inputs that do not
// determine an output make factors of NaN: nobody waits to be told.
struct RowsPlan : Conversion {
  PathPlan path;
  DeviceNumbers times;
  DeviceNumbers diffusions;
  int64_t rows = 1;
};

NWR_HD inline double device_number(const DeviceNumbers& numbers, int64_t row) {
  if (numbers.data == nullptr) return numbers.value;
  const int64_t place = row * numbers.stride;
  if (numbers.dtype == Dtype::f32) {
    return static_cast<double>(static_cast<const float*>(numbers.data)[place]);
  }
  return static_cast<const double*>(numbers.data)[place];
}

// Whether a drift may have this w^2.
NWR_HD inline bool is_diffusion(double value) { return value >= 0 && std::isfinite(value); }

// Writes the factors of a row.
NWR_HD inline void make_row(const RowsPlan& plan, int64_t row, double* factors) {
  const double t = device_number(plan.times, row);
  const double diffusion = device_number(plan.diffusions, row);
  const bool valid = t >= plan.path.low && t <= plan.path.high && is_diffusion(diffusion);
  nwr_coeffs c = {};
  if (valid) c = path_coeffs(plan.path, t);
  const RowSetting setting = {diffusion, plan.path.direction, plan.path.sigma_data};
  const int width = plan.width();
  for (int j = 0; j < plan.output_count; ++j) {
    double found[kMaxKnown];
    const bool determined =
        valid && quantity_factors(c, setting, plan.known, plan.known_count, plan.output[j], found);
    for (int k = 0; k < width; ++k) {
      const double nan = double_of(0x7FF8000000000000u);
      factors[j * width + k] = !determined ? nan : k < plan.known_count ? found[k] : 0.0;
    }
  }
}

}  // namespace noisewright
