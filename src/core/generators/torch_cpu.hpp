// SPDX-License-Identifier: Apache-2.0
// Owns PyTorch's CPU generator as a value: a seed, the words that have been taken, and where the
// pair begins whose second normal waits. Must not know contexts or samplers.
#pragma once

#include "core/plan.hpp"
#include "math/mt19937.hpp"
#include "math/torch_random.hpp"

namespace noisewright {

// rng.offset counts words; rng.stream is 1 + the place of the waiting pair's first word, or 0. The
// twister's own state is kept and used again where the next draw is further on.
class TorchCpu {
 public:
  // torch.randn(count) or torch.rand(count) of a type, dense, and what it leaves behind.
  void draw(Distribution what, Rng& rng, Dtype type, int64_t count, void* data);

 private:
  void seek(uint64_t seed, uint64_t place);
  uint32_t word();
  uint64_t words();
  double uniform(Dtype type);
  double single_normal(Rng& rng);

  bool seeded_ = false;
  uint64_t seed_ = 0, place_ = 0;
  // The second normal of the last pair, and 1 + where that began.
  uint64_t pair_ = 0;
  double second_ = 0;
  Mt19937 twister_;
};

}  // namespace noisewright
