// SPDX-License-Identifier: Apache-2.0
// Owns the conversions between the 16-bit formats and float or double: round to nearest even,
// subnormals kept. Integers and exact operations only, so that no rounding mode matters.
// Must not know where the numbers come from.
//
// A NaN that is stored becomes the one pattern 0x7E00 (f16) or 0x7FC0 (bf16); one that is loaded
// keeps sign and payload and becomes quiet, as the instructions of x86 do.
#pragma once

#include "math/hd.hpp"

namespace noisewright {

inline constexpr uint16_t kNanF16 = 0x7E00u;
inline constexpr uint16_t kNanBf16 = 0x7FC0u;

NWR_HD NWR_INLINE float f16_to_f32(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16;
  const uint32_t rest = h & 0x7FFFu;
  if (rest > 0x7C00u) return float_of(sign | 0x7FC00000u | (rest & 0x3FFu) << 13);
#if defined(__CUDA_ARCH__)
  // The conversion of what is no NaN is one exact instruction.
  float x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(h));
  return x;
#else
  if (rest == 0x7C00u) return float_of(sign | 0x7F800000u);
  if (rest >= 0x0400u) return float_of(sign | ((rest << 13) + 0x38000000u));
  // Subnormal: an integer below 1024 in units of 2^-24.
  const float magnitude =
      mul_rn(static_cast<float>(static_cast<int32_t>(rest)), 5.9604644775390625e-08f);
  return float_of(sign | bits_of(magnitude));
#endif
}

NWR_HD NWR_INLINE float bf16_to_f32(uint16_t h) {
  const uint32_t u = static_cast<uint32_t>(h) << 16;
  return float_of((u & 0x7FFFFFFFu) > 0x7F800000u ? u | 0x400000u : u);
}

NWR_HD NWR_INLINE uint16_t f32_to_f16(float x) {
  const uint32_t u = bits_of(x);
  const uint32_t rest = u & 0x7FFFFFFFu;
  if (rest > 0x7F800000u) return kNanF16;
#if defined(__CUDA_ARCH__)
  uint16_t rounded;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(rounded) : "f"(x));
  return rounded;
#else
  const uint32_t sign = (u >> 16) & 0x8000u;
  uint32_t h;
  if (rest >= 0x477FF000u) {  // 65520, halfway from the largest f16 to the next power
    h = 0x7C00u;
  } else if (rest >= 0x38800000u) {  // 2^-14
    h = (rest - 0x38000000u + 0xFFFu + ((rest >> 13) & 1u)) >> 13;
  } else if (rest > 0x33000000u) {  // 2^-25, half of the least subnormal
    const uint32_t shift = 126u - (rest >> 23);
    const uint32_t mantissa = (rest & 0x7FFFFFu) | 0x800000u;
    h = (mantissa + (1u << (shift - 1u)) - 1u + ((mantissa >> shift) & 1u)) >> shift;
  } else {
    h = 0;
  }
  return static_cast<uint16_t>(sign | h);
#endif
}

NWR_HD NWR_INLINE uint16_t f32_to_bf16(float x) {
  const uint32_t u = bits_of(x);
  if ((u & 0x7FFFFFFFu) > 0x7F800000u) return kNanBf16;
  return static_cast<uint16_t>((u + 0x7FFFu + ((u >> 16) & 1u)) >> 16);
}

// The float next to x toward zero, with its last bit set if x lies beyond it. Rounding that to a
// format at least two bits shorter gives what rounding x itself would give (Boldo and Melquiond,
// "Emulation of a FMA and correctly rounded sums", 2008): no double rounding.
NWR_HD NWR_INLINE float f64_to_f32_odd(double x) {
  const float nearest = static_cast<float>(x);
  const double back = static_cast<double>(nearest);
  if (back == x) return nearest;
  uint32_t u = bits_of(nearest);
  if ((back < 0 ? -back : back) > (x < 0 ? -x : x)) u -= 1u;
  return float_of(u | 1u);
}

NWR_HD NWR_INLINE uint16_t f64_to_f16(double x) { return f32_to_f16(f64_to_f32_odd(x)); }
NWR_HD NWR_INLINE uint16_t f64_to_bf16(double x) { return f32_to_bf16(f64_to_f32_odd(x)); }

// Toward zero, for 2^-24 <= x < 1 only, where uniform numbers lie: rounding to nearest would turn
// the largest of them into 1, which is outside of their open interval.
NWR_HD NWR_INLINE uint16_t uniform_to_f16(float x) {
  const uint32_t u = bits_of(x);
  if (u >= 0x38800000u) return static_cast<uint16_t>((u - 0x38000000u) >> 13);
  return static_cast<uint16_t>(((u & 0x7FFFFFu) | 0x800000u) >> (126u - (u >> 23)));
}

NWR_HD NWR_INLINE uint16_t uniform_to_bf16(float x) {
  return static_cast<uint16_t>(bits_of(x) >> 16);
}

}  // namespace noisewright
