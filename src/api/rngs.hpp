// SPDX-License-Identifier: Apache-2.0
// Owns the crossing of nwr_rng. Must not know what the generators are for.
#pragma once

#include <vector>

#include "core/error.hpp"
#include "core/plan.hpp"
#include "noisewright.h"

namespace noisewright {

inline std::vector<Rng> take_rngs(const nwr_rng* rngs, size_t count) {
  std::vector<Rng> taken(count);
  for (size_t i = 0; i < count; ++i) taken[i] = {rngs[i].seed, rngs[i].stream, rngs[i].offset};
  return taken;
}

// Where they stand now, to the caller.
inline void give_rngs(const std::vector<Rng>& from, nwr_rng* rngs) {
  for (size_t i = 0; i < from.size(); ++i) {
    rngs[i] = {from[i].seed, from[i].stream, from[i].offset};
  }
}

// The generators of a call that numbers the elements of one tensor.
inline std::vector<Rng> take_rngs(const nwr_rng* rngs, size_t count, int64_t batch) {
  if (count != 1 && count != static_cast<size_t>(batch)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "rng_count is ", count, ", neither 1 nor the batch, ", batch);
  }
  return take_rngs(rngs, count);
}

}  // namespace noisewright
