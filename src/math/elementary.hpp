// SPDX-License-Identifier: Apache-2.0
// Owns exponential, logarithm, sine and cosine in double by plain operations in a fixed order, so
// that numbers made with them have the same bits everywhere. Must not know what they are for.
#pragma once

#include "math/hd.hpp"

namespace noisewright {

// e^x to 1 ulp, the same bits everywhere: x = k ln 2 + r with |r| <= ln 2 / 2 (Cody and Waite), and
// Taylor's polynomial in r.
NWR_HD NWR_INLINE double elementary_exp(double x) {
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

// The natural logarithm of a normal number above 0, to 1 unit in the last place: with m 2^k = x and
// s = (m-1)/(m+1), log x = k ln 2 + 2 (s + s^3/3 + s^5/5 + ...), |s| < 0.172.
NWR_HD NWR_INLINE double elementary_log(double x) {
  constexpr double kLn2High = 0x1.62e42fefp-1;  // 33 bits: times an exponent it is exact
  constexpr double kLn2Low = 0x1.473de6af278edp-34;
  const uint64_t bits = bits_of(x);
  int64_t exponent = static_cast<int64_t>(bits >> 52) - 1023;
  uint64_t mantissa = bits & 0xFFFFFFFFFFFFFull;
  if (mantissa > 0x6A09E667F3BCDull) {  // above sqrt(2), so that m is near 1
    ++exponent;
    mantissa |= uint64_t{0x3FE} << 52;
  } else {
    mantissa |= uint64_t{0x3FF} << 52;
  }
  const double f = double_of(mantissa) - 1;
  const double s = f / (2 + f), z = s * s;
  double p = 1.0 / 23;
  p = p * z + 1.0 / 21;
  p = p * z + 1.0 / 19;
  p = p * z + 1.0 / 17;
  p = p * z + 1.0 / 15;
  p = p * z + 1.0 / 13;
  p = p * z + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  // 2 s = f - s f, and the small parts are summed first.
  const double k = static_cast<double>(exponent);
  return k * kLn2High + (f - (s * f - (2 * s * z * p + k * kLn2Low)));
}

// Sine and cosine of an angle from 0 to 7, to 1e-16. Multiples of pi/2 are taken off in three
// parts, of which the first two have few enough bits that no rounding happens.
NWR_HD NWR_INLINE void elementary_sincos(double angle, double* sine, double* cosine) {
  constexpr double kHalfPi1 = 0x1.921fb544p+0;
  constexpr double kHalfPi2 = 0x1.0b4611a6p-34;
  constexpr double kHalfPi3 = 0x1.3198a2e037073p-69;
  // Either neighbour will do in the middle between two.
  // NOLINTNEXTLINE(bugprone-incorrect-roundings)
  const int turn = static_cast<int>(angle * 0.63661977236758134308 + 0.5);
  const double n = turn;
  const double a = ((angle - n * kHalfPi1) - n * kHalfPi2) - n * kHalfPi3;
  const double q = a * a;
  double s = 1.0 / 355687428096000.0;
  s = s * q - 1.0 / 1307674368000.0;
  s = s * q + 1.0 / 6227020800.0;
  s = s * q - 1.0 / 39916800.0;
  s = s * q + 1.0 / 362880.0;
  s = s * q - 1.0 / 5040.0;
  s = s * q + 1.0 / 120.0;
  s = s * q - 1.0 / 6.0;
  s = a + a * q * s;
  double c = 1.0 / 20922789888000.0;
  c = c * q - 1.0 / 87178291200.0;
  c = c * q + 1.0 / 479001600.0;
  c = c * q - 1.0 / 3628800.0;
  c = c * q + 1.0 / 40320.0;
  c = c * q - 1.0 / 720.0;
  c = c * q + 1.0 / 24.0;
  c = 1 - (q / 2 - q * q * c);
  const bool swap = (turn & 1) != 0;
  const double y = swap ? c : s, x = swap ? s : c;
  *sine = (turn & 2) != 0 ? -y : y;
  *cosine = ((turn + 1) & 2) != 0 ? -x : x;
}

}  // namespace noisewright
