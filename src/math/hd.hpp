// SPDX-License-Identifier: Apache-2.0
// Owns what lets one formula serve host and device: the marks and the exact single operations.
// Must not know what is computed with them.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)
#  define NWR_HD __host__ __device__
#  define NWR_INLINE __forceinline__
#  define NWR_WRITE_OUT
#else
#  define NWR_HD
// Before a loop of a few rounds.
#  define NWR_WRITE_OUT _Pragma("GCC unroll 4")
// Always inlined: these files are also compiled for instruction sets that the machine may lack, and
// the linker must find no copy of such code to share with the rest of the library.
#  define NWR_INLINE inline __attribute__((always_inline))
#endif

namespace noisewright {

NWR_HD NWR_INLINE uint32_t bits_of(float x) {
#if defined(__CUDA_ARCH__)
  return __float_as_uint(x);
#else
  uint32_t u;
  std::memcpy(&u, &x, sizeof u);
  return u;
#endif
}

NWR_HD NWR_INLINE float float_of(uint32_t u) {
#if defined(__CUDA_ARCH__)
  return __uint_as_float(u);
#else
  float x;
  std::memcpy(&x, &u, sizeof x);
  return x;
#endif
}

NWR_HD NWR_INLINE uint64_t bits_of(double x) {
#if defined(__CUDA_ARCH__)
  return static_cast<uint64_t>(__double_as_longlong(x));
#else
  uint64_t u;
  std::memcpy(&u, &x, sizeof u);
  return u;
#endif
}

NWR_HD NWR_INLINE double double_of(uint64_t u) {
#if defined(__CUDA_ARCH__)
  return __longlong_as_double(static_cast<long long>(u));
#else
  double x;
  std::memcpy(&x, &u, sizeof x);
  return x;
#endif
}

// One operation and one rounding to nearest each. No compiler may fuse two of them: on the host
// -ffp-contract=off forbids it, on the device the intrinsics do.
NWR_HD NWR_INLINE float mul_rn(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}

NWR_HD NWR_INLINE double mul_rn(double a, double b) {
#if defined(__CUDA_ARCH__)
  return __dmul_rn(a, b);
#else
  return a * b;
#endif
}

NWR_HD NWR_INLINE float add_rn(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fadd_rn(a, b);
#else
  return a + b;
#endif
}

NWR_HD NWR_INLINE double add_rn(double a, double b) {
#if defined(__CUDA_ARCH__)
  return __dadd_rn(a, b);
#else
  return a + b;
#endif
}

NWR_HD NWR_INLINE float div_rn(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fdiv_rn(a, b);
#else
  return a / b;
#endif
}

NWR_HD NWR_INLINE double div_rn(double a, double b) {
#if defined(__CUDA_ARCH__)
  return __ddiv_rn(a, b);
#else
  return a / b;
#endif
}

#if !defined(__CUDACC__)
// For vectors of GCC and Clang, element by element.
template <class Vector>
NWR_INLINE Vector mul_rn(Vector a, Vector b) {
  return a * b;
}

template <class Vector>
NWR_INLINE Vector add_rn(Vector a, Vector b) {
  return a + b;
}
#endif

NWR_HD NWR_INLINE float fma_rn(float a, float b, float c) {
#if defined(__CUDA_ARCH__)
  return __fmaf_rn(a, b, c);
#else
  return __builtin_fmaf(a, b, c);
#endif
}

NWR_HD NWR_INLINE float sqrt_rn(float x) {
#if defined(__CUDA_ARCH__)
  return __fsqrt_rn(x);
#else
  return __builtin_sqrtf(x);
#endif
}

NWR_HD NWR_INLINE double sqrt_rn(double x) {
#if defined(__CUDA_ARCH__)
  return __dsqrt_rn(x);
#else
  return __builtin_sqrt(x);
#endif
}

NWR_HD NWR_INLINE uint32_t mul_high(uint32_t a, uint32_t b) {
#if defined(__CUDA_ARCH__)
  return __umulhi(a, b);
#else
  return static_cast<uint32_t>((static_cast<uint64_t>(a) * b) >> 32);
#endif
}

}  // namespace noisewright
