// SPDX-License-Identifier: Apache-2.0
// Owns how PyTorch turns words of MT19937 (its CPU generator) and of Philox (its CUDA generator)
// into uniforms and normals, and which word goes where. Must not know memory or generators' states.
//
// Uniforms are exact. The logarithm, sine and cosine are ours in double, rounded: PyTorch's own
// depend on its build (vectorised, glibc's, the GPU's fast ones) and differ by some units in the
// last place from each other, as they do from these.
#pragma once

#include "core/plan.hpp"
#include "math/elementary.hpp"
#include "math/half.hpp"
#include "math/philox.hpp"

namespace noisewright {

inline constexpr double kTwoPi = 6.28318530717958647693;

// ---- the CPU generator --------------------------------------------------------------------------

// From 0 on, below 1: as many low bits of a word as the type has digits.
NWR_HD NWR_INLINE double torch_uniform(uint64_t word, int digits) {
  return static_cast<double>(word & ((uint64_t{1} << digits) - 1)) *
         double_of(static_cast<uint64_t>(1023 - digits) << 52);
}

// A normal pair of two uniforms in double: what fewer than 16 numbers of any type are made of.
NWR_HD NWR_INLINE void torch_pair(double u1, double u2, double* z0, double* z1) {
  double sine, cosine;
  elementary_sincos(kTwoPi * u1, &sine, &cosine);
  const double radius = sqrt_rn(-2 * elementary_log(1 - u2));
  *z0 = radius * cosine;
  *z1 = radius * sine;
}

// The number of a type that is nearest to x, which is a float but for f64.
NWR_HD NWR_INLINE double torch_round(Dtype type, double x) {
  if (type == Dtype::f64) return x;
  const auto narrow = static_cast<float>(x);
  if (type == Dtype::f16) return static_cast<double>(f16_to_f32(f32_to_f16(narrow)));
  if (type == Dtype::bf16) return static_cast<double>(bf16_to_f32(f32_to_bf16(narrow)));
  return static_cast<double>(narrow);
}

// Numbers j and j + 8 of a block of 16, from the uniforms at their places; every operation is
// rounded to the type. float's angle is a product of floats, as in the vectorised build.
NWR_HD NWR_INLINE void torch_block_pair(Dtype type, double u1, double u2, double* z0, double* z1) {
  const double log = torch_round(type, elementary_log(torch_round(type, 1 - u1)));
  const double square = torch_round(type, -2 * log);
  const double radius =
      type == Dtype::f64 ? sqrt_rn(square) : torch_round(type, sqrt_rn(static_cast<float>(square)));
  const double turn = type == Dtype::f32 ? static_cast<double>(static_cast<float>(kTwoPi)) : kTwoPi;
  double sine, cosine;
  elementary_sincos(torch_round(type, turn * u2), &sine, &cosine);
  *z0 = torch_round(type, radius * torch_round(type, cosine));
  *z1 = torch_round(type, radius * torch_round(type, sine));
}

// ---- the CUDA generator -------------------------------------------------------------------------

inline constexpr int64_t kTorchThreads = 256;  // of a block

// Which of the grid's threads makes an element, in which of its calls, as which of its numbers.
// Each call takes four words.
struct TorchGrid {
  int64_t threads;
  int per_call;  // 4 numbers, 2 of f64

  NWR_HD NWR_INLINE uint64_t calls(int64_t count) const {
    return static_cast<uint64_t>((count - 1) / (threads * per_call)) + 1;
  }
};

NWR_HD NWR_INLINE TorchGrid torch_grid(int64_t count, int64_t multiprocessors,
                                       int64_t threads_per_multiprocessor, Dtype type) {
  const int64_t needed = (count + kTorchThreads - 1) / kTorchThreads;
  const int64_t most = multiprocessors * (threads_per_multiprocessor / kTorchThreads);
  return {(needed < most ? needed : most) * kTorchThreads, type == Dtype::f64 ? 2 : 4};
}

// The words of one call: those of cuRAND's generator curand_init(seed, thread, offset).
NWR_HD NWR_INLINE PhiloxBlock torch_words(const TorchGrid& grid, uint64_t seed, uint64_t offset,
                                          int64_t element, int* place) {
  const int64_t round = element / grid.threads;
  *place = static_cast<int>(round % grid.per_call);
  return philox_block(seed, static_cast<uint64_t>(element % grid.threads),
                      offset / 4 + static_cast<uint64_t>(round / grid.per_call));
}

// 53 bits of two words.
NWR_HD NWR_INLINE double torch_wide(uint32_t low, uint32_t high) {
  return static_cast<double>(uint64_t{low} ^ (uint64_t{high} << 21));
}

NWR_HD NWR_INLINE double torch_cuda_normal(Dtype type, const PhiloxBlock& p, int place) {
  double radius, angle, sine, cosine;
  if (type == Dtype::f64) {
    const double u = torch_wide(p.word[0], p.word[1]) * 0x1p-53 + 0x1p-54;
    const double v = torch_wide(p.word[2], p.word[3]) * 0x1p-52 + 0x1p-53;  // half turns
    radius = sqrt_rn(-2 * elementary_log(u));
    elementary_sincos(kTwoPi / 2 * v, &sine, &cosine);
    return radius * (place == 0 ? sine : cosine);
  }
  constexpr float kTurn = 2.3283064e-10f * 6.2831855f;
  const uint32_t x = p.word[place & 2], y = p.word[(place & 2) + 1];
  const float u = fma_rn(static_cast<float>(x), 2.3283064e-10f, 2.3283064e-10f / 2);
  angle = static_cast<double>(fma_rn(static_cast<float>(y), kTurn, kTurn / 2));
  const float log = static_cast<float>(elementary_log(static_cast<double>(u)));
  elementary_sincos(angle, &sine, &cosine);
  const float part = static_cast<float>((place & 1) == 0 ? sine : cosine);
  return static_cast<double>(mul_rn(sqrt_rn(mul_rn(-2.0f, log)), part));
}

// From 0 on, below 1: cuRAND's interval excludes 0 and has 1, which PyTorch makes 0.
NWR_HD NWR_INLINE double torch_cuda_uniform(Dtype type, const PhiloxBlock& p, int place) {
  double u;
  if (type == Dtype::f64) {
    u = torch_wide(p.word[2 * place], p.word[2 * place + 1]) * 0x1p-53 + 0x1p-54;
  } else {
    const auto word = static_cast<float>(p.word[place]);
    u = torch_round(type, static_cast<double>(fma_rn(word, 2.3283064e-10f, 2.3283064e-10f / 2)));
  }
  return u == 1 ? 0 : u;
}

}  // namespace noisewright
