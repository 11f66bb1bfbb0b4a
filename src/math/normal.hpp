// SPDX-License-Identifier: Apache-2.0
// Owns the meaning of a random word: the normal and the uniform number made of it. The bit layout,
// the constants and the order of operations are frozen; tests/unit/normal_test.cpp holds samples.
// Must not know where numbers are stored.
#pragma once

#include "math/philox.hpp"

namespace noisewright {

// -2*log1p(f)/f on [-1/2, 0], highest power first (relative error 2.5e-8). The last one is exact.
inline constexpr float kLog8 = -2.82970118522644042969f;
inline constexpr float kLog7 = -3.28122520446777343750f;
inline constexpr float kLog6 = -2.41991400718688964844f;
inline constexpr float kLog5 = -0.36338910460472106934f;
inline constexpr float kLog4 = -0.52785891294479370117f;
inline constexpr float kLog3 = 0.48728305101394653320f;
inline constexpr float kLog2 = -0.66727113723754882812f;
inline constexpr float kLog1 = 0.99999022483825683594f;
inline constexpr float kLog0 = -2.0f;
inline constexpr float kTwoLn2 = 1.38629436111989061883f;
// sin(pi/2 a)/a and cos(pi/2 a) in q = a*a for a in (0, 1/2].
inline constexpr float kSin3 = -4.62875189259648323059e-3f;
inline constexpr float kSin2 = 7.96920061111450195313e-2f;
inline constexpr float kSin1 = -0.64596498012542724609f;
inline constexpr float kSin0 = 1.57079637050628662109f;
inline constexpr float kCos4 = 8.96678538993000984192e-4f;
inline constexpr float kCos3 = -2.08565033972263336182e-2f;
inline constexpr float kCos2 = 0.25366863608360290527f;
inline constexpr float kCos1 = -1.23370051383972167969f;
inline constexpr float kTwoToMinus30 = 9.31322574615478515625e-10f;
inline constexpr float kTwoToMinus32 = 2.3283064365386962890625e-10f;

// Box and Muller, "A note on the generation of random normal deviates" (1958). Two words give two
// normals; the result is never 0 and never beyond 6.67.
//
// Radius: u = (x|1)/2^32, t = -2 ln u. The word is converted as a signed number, so that for
// u >= 1/2 it is already u - 1 in full resolution; below, f = m/2 - 1 for the mantissa m.
// Angle: 29 odd bits within one octant, one bit that swaps sine and cosine, two sign bits. So no
// range reduction is needed, and each sign is exact.
NWR_HD NWR_INLINE void box_muller(uint32_t x, uint32_t y, float* z0, float* z1) {
  const int32_t s = static_cast<int32_t>(x | 1u);
  const float c = static_cast<float>(s);
  const uint32_t b = bits_of(c);
  const float f =
      s < 0 ? mul_rn(c, kTwoToMinus32) : add_rn(float_of((b & 0x7FFFFFu) | 0x3F000000u), -1.0f);
  const float k = s < 0 ? 0.0f : static_cast<float>(158 - static_cast<int32_t>(b >> 23));
  float p = fma_rn(kLog8, f, kLog7);
  p = fma_rn(p, f, kLog6);
  p = fma_rn(p, f, kLog5);
  p = fma_rn(p, f, kLog4);
  p = fma_rn(p, f, kLog3);
  p = fma_rn(p, f, kLog2);
  p = fma_rn(p, f, kLog1);
  p = fma_rn(p, f, kLog0);
  const float radius = sqrt_rn(fma_rn(f, p, mul_rn(k, kTwoLn2)));

  const int32_t odd = static_cast<int32_t>((y & 0x1FFFFFFFu) | 1u);
  const float a = mul_rn(static_cast<float>(odd), kTwoToMinus30);
  const float q = mul_rn(a, a);
  float sine = fma_rn(kSin3, q, kSin2);
  sine = fma_rn(sine, q, kSin1);
  sine = fma_rn(sine, q, kSin0);
  float cosine = fma_rn(kCos4, q, kCos3);
  cosine = fma_rn(cosine, q, kCos2);
  cosine = fma_rn(cosine, q, kCos1);
  cosine = fma_rn(cosine, q, 1.0f);
  const float r_sine = mul_rn(mul_rn(radius, a), sine);
  const float r_cosine = mul_rn(radius, cosine);

  const bool swap = (y & 0x20000000u) != 0;
  *z0 = float_of(bits_of(swap ? r_sine : r_cosine) ^ (y & 0x80000000u));
  *z1 = float_of(bits_of(swap ? r_cosine : r_sine) ^ ((y << 1) & 0x80000000u));
}

// The normals of a stream's elements 4*block to 4*block + 3.
NWR_HD NWR_INLINE void normal_block(uint64_t seed, uint64_t stream, uint64_t block, float z[4]) {
  const PhiloxBlock p = philox_block(seed, stream, block);
  box_muller(p.word[0], p.word[1], &z[0], &z[1]);
  box_muller(p.word[2], p.word[3], &z[2], &z[3]);
}

// Uniform in the open interval (0, 1), for float and narrower. Both steps are exact.
NWR_HD NWR_INLINE float uniform32(uint32_t word) {
  return mul_rn(add_rn(static_cast<float>(static_cast<int32_t>(word >> 9)), 0.5f),
                1.1920928955078125e-07f);
}

// Likewise for double.
NWR_HD NWR_INLINE double uniform64(uint32_t word) {
  return mul_rn(add_rn(static_cast<double>(word), 0.5), 2.3283064365386962890625e-10);
}

}  // namespace noisewright
