// SPDX-License-Identifier: Apache-2.0
// Owns the crossing of nwr_rng. Must not know what the generators are for.
#pragma once

#include <vector>

#include "core/plan.hpp"
#include "noisewright.h"

namespace noisewright {

inline std::vector<Rng> take_rngs(const nwr_rng* rngs, size_t count) {
  std::vector<Rng> taken(count);
  for (size_t i = 0; i < count; ++i) taken[i] = {rngs[i].seed, rngs[i].stream, rngs[i].offset};
  return taken;
}

}  // namespace noisewright
