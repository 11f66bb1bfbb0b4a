// SPDX-License-Identifier: Apache-2.0
// Owns the bits of every random stream: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel
// random numbers: as easy as 1, 2, 3", SC 2011). Must not know what the bits are turned into.
#pragma once

#include "math/hd.hpp"

namespace noisewright {

inline constexpr uint32_t kPhiloxMul0 = 0xD2511F53u;
inline constexpr uint32_t kPhiloxMul1 = 0xCD9E8D57u;
inline constexpr uint32_t kPhiloxWeyl0 = 0x9E3779B9u;  // golden ratio
inline constexpr uint32_t kPhiloxWeyl1 = 0xBB67AE85u;  // sqrt(3) - 1
inline constexpr int kPhiloxRounds = 10;

struct PhiloxBlock {
  uint32_t word[4];
};

NWR_HD NWR_INLINE PhiloxBlock philox4x32_10(PhiloxBlock counter, uint32_t key0, uint32_t key1) {
  uint32_t x = counter.word[0], y = counter.word[1], z = counter.word[2], w = counter.word[3];
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const uint32_t high0 = mul_high(kPhiloxMul0, x), low0 = kPhiloxMul0 * x;
    const uint32_t high1 = mul_high(kPhiloxMul1, z), low1 = kPhiloxMul1 * z;
    x = high1 ^ y ^ key0;
    y = low1;
    z = high0 ^ w ^ key1;
    w = low0;
    key0 += kPhiloxWeyl0;
    key1 += kPhiloxWeyl1;
  }
  return {{x, y, z, w}};
}

// Block n of a stream holds the words of its elements 4n to 4n + 3. Seed and stream are placed as
// curand_init(seed, stream, offset) places seed and subsequence.
NWR_HD NWR_INLINE PhiloxBlock philox_block(uint64_t seed, uint64_t stream, uint64_t block) {
  const PhiloxBlock counter = {{static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                                static_cast<uint32_t>(stream),
                                static_cast<uint32_t>(stream >> 32)}};
  return philox4x32_10(counter, static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
}

}  // namespace noisewright
