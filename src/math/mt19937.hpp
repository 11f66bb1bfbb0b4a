// SPDX-License-Identifier: Apache-2.0
// Owns the bits of MT19937 (Matsumoto and Nishimura, "Mersenne twister", TOMACS 8, 1998), seeded
// by 32 bits. Must not know what the bits are turned into.
#pragma once

#include <cstdint>

namespace noisewright {

class Mt19937 {
 public:
  explicit Mt19937(uint32_t seed = 5489) {
    state_[0] = seed;
    for (uint32_t i = 1; i < kSize; ++i) {
      state_[i] = 1812433253u * (state_[i - 1] ^ state_[i - 1] >> 30) + i;
    }
  }

  uint32_t next() {
    if (used_ == kSize) twist();
    uint32_t y = state_[used_++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9D2C5680u;
    y ^= y << 15 & 0xEFC60000u;
    return y ^ y >> 18;
  }

  void skip(uint64_t words) {
    while (words > kSize - used_) {
      words -= kSize - used_;
      twist();
    }
    used_ += static_cast<uint32_t>(words);
  }

 private:
  static constexpr uint32_t kSize = 624, kMiddle = 397;

  void twist() {
    for (uint32_t i = 0; i < kSize; ++i) {
      const uint32_t next = i + 1 < kSize ? i + 1 : 0;
      const uint32_t far = i + kMiddle < kSize ? i + kMiddle : i + kMiddle - kSize;
      const uint32_t y = (state_[i] & 0x80000000u) | (state_[next] & 0x7FFFFFFFu);
      state_[i] = state_[far] ^ y >> 1 ^ ((y & 1) != 0 ? 0x9908B0DFu : 0u);
    }
    used_ = 0;
  }

  uint32_t state_[kSize];
  uint32_t used_ = kSize;
};

}  // namespace noisewright
