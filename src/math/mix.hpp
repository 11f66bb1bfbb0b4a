// SPDX-License-Identifier: Apache-2.0
// Owns the element operation of MixPlan. Must not know strides, dtypes or where factors come from.
#pragma once

#include "math/hd.hpp"

namespace noisewright {

// The first product of a row stands alone: 0 + (-0) would lose the sign of a zero. Real may be a
// vector of elements.
template <class Real>
NWR_HD NWR_INLINE Real mix_first(Real factor, Real x) {
  return mul_rn(factor, x);
}

template <class Real>
NWR_HD NWR_INLINE Real mix_next(Real sum, Real factor, Real x) {
  return add_rn(sum, mul_rn(factor, x));
}

// Where the first product is not told from the others: the one number that leaves each as it is,
// its sign too.
template <class Real>
NWR_HD NWR_INLINE Real mix_nothing() {
  return Real(-0.0);
}

// A term is left out if its factor is 0 as Real, that is, after the one rounding to Real.
template <class Real>
NWR_HD NWR_INLINE bool mix_uses(Real factor) {
  return factor != Real(0);
}

// One output element: factors[0..count) times load(0..count) in order, the noise last.
template <class Real, class Load>
NWR_HD NWR_INLINE Real mix_row(const Real* factors, int count, Load load) {
  Real sum = Real(0);
  bool empty = true;
  for (int k = 0; k < count; ++k) {
    if (!mix_uses(factors[k])) continue;
    sum = empty ? mix_first(factors[k], load(k)) : mix_next(sum, factors[k], load(k));
    empty = false;
  }
  return sum;
}

}  // namespace noisewright
