// SPDX-License-Identifier: Apache-2.0
// Owns one path of Brownian motion over the places from 0 to 1, made of independent normals by
// Levy's construction (Karatzas and Shreve, section 2.3): W(q) = q Z_0 + sum of hat functions times
// Z_n, one hat at each depth. Must not know noise levels or where normals come from.
//
// The path is known at the multiples of 2^-kPathDepth and exact there: every increment is normal
// with the variance of its length, whatever else is asked for, before or after.
#pragma once

#include <cstdint>

#include "math/philox.hpp"

namespace noisewright {

inline constexpr int kPathDepth = 30;
inline constexpr uint32_t kPathEnd = uint32_t{1} << kPathDepth;
inline constexpr int kMostPathTerms = 2 * kPathDepth + 1;

// A normal of the path and the factor that it has in an increment.
struct PathTerm {
  uint32_t node;
  double factor;
};

// Halves a number k times, exactly.
NWR_HD NWR_INLINE double halved(double x, int k) {
  return x * double_of(static_cast<uint64_t>(1023 - k) << 52);
}

// What node, of depth d, adds to W at a place: half the root of its cell's length times a hat.
NWR_HD NWR_INLINE double path_hat(uint32_t place, int depth, uint32_t node) {
  const int bits = kPathDepth - depth;
  if ((uint32_t{1} << depth | place >> bits) != node) return 0;
  const uint32_t in = place & ((uint32_t{1} << bits) - 1), half = uint32_t{1} << (bits - 1);
  const uint32_t rise = in <= half ? in : (half << 1) - in;
  const double amplitude = sqrt_rn(halved(1, depth)) / 2;
  return amplitude * halved(static_cast<double>(rise), bits - 1);
}

// (W(to) - W(from)) / sqrt|to - from| as factors of normals, in an order that the direction does
// not change; how many.
NWR_HD NWR_INLINE int path_increment(uint32_t from, uint32_t to, PathTerm* terms) {
  const bool rises = to > from;
  const uint32_t low = rises ? from : to, high = rises ? to : from;
  const double length = halved(static_cast<double>(high - low), kPathDepth);
  const double scale = (rises ? 1 : -1) / sqrt_rn(length);
  int count = 0;
  terms[count++] = {0, length * scale};
  for (int depth = 0; depth < kPathDepth; ++depth) {
    const uint32_t places[] = {low, high};
    uint32_t before = 0;
    for (const uint32_t place : places) {
      const uint32_t node = uint32_t{1} << depth | place >> (kPathDepth - depth);
      // The end of all is in no cell.
      if (place == kPathEnd || node == before) continue;
      before = node;
      const double rise =
          (high == kPathEnd ? 0 : path_hat(high, depth, node)) - path_hat(low, depth, node);
      if (rise != 0) terms[count++] = {node, rise * scale};
    }
  }
  return count;
}

// The seed and the stream of a node's normals: Philox of the path's, under a key of its own so that
// a path and the stream that names it have nothing in common.
NWR_HD NWR_INLINE void path_key(uint64_t seed, uint64_t stream, uint32_t node, uint64_t* node_seed,
                                uint64_t* node_stream) {
  constexpr uint64_t kPaths = 0x62726F776E69616Eull;  // "brownian"
  const PhiloxBlock p = philox_block(seed ^ kPaths, stream, node);
  *node_seed = p.word[0] | uint64_t{p.word[1]} << 32;
  *node_stream = p.word[2] | uint64_t{p.word[3]} << 32;
}

}  // namespace noisewright
