// SPDX-License-Identifier: Apache-2.0
#include "core/plan.hpp"

#include "math/reduce.hpp"

namespace noisewright {

size_t reduce_scratch(const ReducePlan& plan) {
  const auto rows = static_cast<size_t>(plan.per_sample ? plan.shape.batch() : 1);
  const int64_t count = plan.per_sample ? plan.shape.inner() : plan.shape.count();
  const size_t row = plan.what == Reduction::quantile_abs
                         ? sizeof(Selection) + kDigitValues * sizeof(uint32_t)
                         : static_cast<size_t>(reduce_partials(count)) * sizeof(double) *
                               static_cast<size_t>(reduced_numbers(plan.what, plan.input_count));
  return rows * row;
}

}  // namespace noisewright
