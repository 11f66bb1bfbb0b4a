// SPDX-License-Identifier: Apache-2.0
// Owns the element operation of ChangePlan. Must not know strides or where numbers come from.
#pragma once

#include "core/plan.hpp"
#include "math/elementary.hpp"

namespace noisewright {

// A NaN stays.
template <class Real>
NWR_HD NWR_INLINE Real limited(Real x, Real bound) {
  return x > bound ? bound : x < -bound ? -bound : x;
}

// The bound of a sample whose quantile is given (Saharia et al. 2205.11487, section 2.3).
NWR_HD NWR_INLINE double dynamic_bound(double quantile, double most) {
  return quantile < 1 ? 1 : quantile > most ? most : quantile;
}

// Exact where the mask is 0 or 1, whatever the other side holds.
template <class Real>
NWR_HD NWR_INLINE Real blended(Real x, Real other, Real mask) {
  const Real both = add_rn(mul_rn(mask, x), mul_rn(add_rn(Real(1), -mask), other));
  return mask == 1 ? x : mask == 0 ? other : both;
}

// An element with the two numbers of its row.
template <class Real>
NWR_HD NWR_INLINE Real change_element(Change what, Real x, Real other, Real mask, Real first,
                                      Real second) {
  switch (what) {
    case Change::blend: return blended(x, other, mask);
    case Change::clip: return limited(x, first);
    case Change::scale: return div_rn(limited(x, first), first);
    default:
      return mul_rn(x, static_cast<Real>(elementary_exp(add_rn(
                           static_cast<double>(first),
                           mul_rn(static_cast<double>(second), static_cast<double>(other))))));
  }
}

}  // namespace noisewright
