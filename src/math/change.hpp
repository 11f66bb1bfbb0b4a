// SPDX-License-Identifier: Apache-2.0
// Owns the element operation of ChangePlan, and the exponential that it and guidance take. Must not
// know strides or where numbers come from.
#pragma once

#include "core/plan.hpp"
#include "math/hd.hpp"

namespace noisewright {

// e^x to 1 ulp, the same bits everywhere: x = k ln 2 + r with |r| <= ln 2 / 2 (Cody and Waite), and
// Taylor's polynomial in r.
NWR_HD NWR_INLINE double exp_rn(double x) {
  if (!(x < 709.79)) return x != x ? x : double_of(0x7FF0000000000000u);
  if (x < -745.14) return 0;
  const double k = static_cast<double>(
      static_cast<int64_t>(add_rn(mul_rn(x, 1.4426950408889634), x < 0 ? -0.5 : 0.5)));
  double r = add_rn(x, mul_rn(k, -6.93147180369123816490e-01));
  r = add_rn(r, mul_rn(k, -1.90821492927058770002e-10));
  double p = 1.6059043836821613e-10;  // 1/13!
  constexpr double kInverseFactorials[] = {2.08767569878681e-09,
                                           2.505210838544172e-08,
                                           2.755731922398589e-07,
                                           2.7557319223985893e-06,
                                           2.48015873015873e-05,
                                           1.984126984126984e-04,
                                           1.388888888888889e-03,
                                           8.333333333333333e-03,
                                           4.1666666666666664e-02,
                                           1.6666666666666666e-01,
                                           0.5};
  for (int i = 0; i < 11; ++i) p = add_rn(mul_rn(p, r), kInverseFactorials[i]);
  const double y = add_rn(1.0, add_rn(r, mul_rn(mul_rn(r, r), p)));
  // In two factors: 2^k alone may be beyond the range where the product is not.
  const int64_t half = static_cast<int64_t>(k) / 2, rest = static_cast<int64_t>(k) - half;
  return mul_rn(mul_rn(y, double_of(static_cast<uint64_t>(1023 + half) << 52)),
                double_of(static_cast<uint64_t>(1023 + rest) << 52));
}

// A NaN stays.
template <class Real>
NWR_HD NWR_INLINE Real limited(Real x, Real bound) {
  return x > bound ? bound : x < -bound ? -bound : x;
}

// The bound of a sample whose quantile is given (Saharia et al. 2205.11487, section 2.3).
NWR_HD NWR_INLINE double dynamic_bound(double quantile, double most) {
  return quantile < 1 ? 1 : quantile > most ? most : quantile;
}

// An element with the two numbers of its row.
template <class Real>
NWR_HD NWR_INLINE Real change_element(Change what, Real x, Real other, Real first, Real second) {
  switch (what) {
    case Change::clip: return limited(x, first);
    case Change::scale: return div_rn(limited(x, first), first);
    default:
      return mul_rn(x, static_cast<Real>(exp_rn(add_rn(
                           static_cast<double>(first),
                           mul_rn(static_cast<double>(second), static_cast<double>(other))))));
  }
}

}  // namespace noisewright
