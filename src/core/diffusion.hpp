// SPDX-License-Identifier: Apache-2.0
// Owns the levels w^2(t) of fresh noise that a stochastic process may have without a change of its
// marginals. Must not know samplers or tensors.
#pragma once

#include "core/schedule.hpp"

namespace noisewright {

// In the order of kDiffusionForms.
enum class Diffusion {
  none,
  reverse,
  constant,
  sbdm,
  sigma,
  linear,
  decreasing,
  increasing_decreasing,
  sit_decreasing,
  sit_increasing_decreasing,
  zero_ends,
  non_singular
};

// The words of a setting that chooses a form.
inline constexpr const char* kDiffusionForms =
    "none,reverse,constant,sbdm,sigma,linear,decreasing,increasing-decreasing,sit-decreasing,"
    "sit-increasing-decreasing,zero-ends,non-singular";
inline constexpr int kLastDiffusion = static_cast<int>(Diffusion::non_singular);

// w^2 = g^2 = 2D at t, where c are the schedule's coefficients.
double diffusion2(Diffusion form, double norm, const Schedule& schedule, double t,
                  const nwr_coeffs& c);

}  // namespace noisewright
