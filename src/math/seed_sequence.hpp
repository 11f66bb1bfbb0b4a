// SPDX-License-Identifier: Apache-2.0
// Owns the hash that makes seeds of seeds: M. E. O'Neill, "Developing a seed_seq alternative"
// (2015), with the constants and the spawn keys of numpy's SeedSequence. Must not know who asks.
#pragma once

#include <cstdint>

namespace noisewright {

// The first word that numpy's SeedSequence(entropy, spawn_key=..., pool_size=24) generates, with
// the key's integers given as words; without a key of words it is that of the entropy alone.
inline uint32_t seed_of(uint64_t entropy, const uint32_t* key, int key_words) {
  constexpr int kPool = 24, kMostKey = 4;
  uint32_t input[kPool + kMostKey] = {static_cast<uint32_t>(entropy),
                                      static_cast<uint32_t>(entropy >> 32)};
  int count = kPool;
  for (int i = 0; i < key_words && i < kMostKey; ++i) input[count++] = key[i];

  uint32_t factor = 0x43B0D7E5u;
  const auto hash = [&](uint32_t x) {
    x ^= factor;
    factor *= 0x931E8875u;
    x *= factor;
    return x ^ x >> 16;
  };
  const auto mix = [](uint32_t x, uint32_t y) {
    const uint32_t z = 0xCA01F9DDu * x - 0x4973F715u * y;
    return z ^ z >> 16;
  };
  uint32_t pool[kPool];
  for (int i = 0; i < kPool; ++i) pool[i] = hash(input[i]);
  for (int from = 0; from < kPool; ++from) {
    for (int to = 0; to < kPool; ++to) {
      if (from != to) pool[to] = mix(pool[to], hash(pool[from]));
    }
  }
  for (int i = kPool; i < count; ++i) {
    for (uint32_t& word : pool) word = mix(word, hash(input[i]));
  }
  constexpr uint32_t kFirst = 0x8B51F9DDu, kNext = 0x58F38DEDu;
  const uint32_t word = (pool[0] ^ kFirst) * (kFirst * kNext);
  return word ^ word >> 16;
}

}  // namespace noisewright
