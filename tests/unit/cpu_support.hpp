// SPDX-License-Identifier: Apache-2.0
// Owns what tests of the CPU backend share: queues for each instruction set, arrays of any dtype.
// Must not know what is tested.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "backend/backend.hpp"
#include "backend/cpu_kernels.hpp"
#include "math/half.hpp"

namespace noisewright::test {

struct CloseQueue {
  void operator()(Queue* queue) const { cpu_backend().close(queue); }
};
using QueuePtr = std::unique_ptr<Queue, CloseQueue>;

inline QueuePtr make_queue(const Kernels& kernels, uint32_t threads = 1,
                           int64_t streaming_bytes = default_streaming_bytes()) {
  QueueOptions options;
  options.threads = threads;
  return QueuePtr(open_cpu_queue(options, kernels, streaming_bytes));
}

// Those of this machine. The baseline is always among them.
inline std::vector<const Kernels*> all_kernels() {
  std::vector<const Kernels*> found;
  for (const char* isa : {"baseline", "avx2", "avx512"}) {
    if (const Kernels* kernels = kernels_for(isa)) found.push_back(kernels);
  }
  return found;
}

inline const char* name_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::f16: return "f16";
    case Dtype::bf16: return "bf16";
    case Dtype::f32: return "f32";
    case Dtype::f64: return "f64";
    case Dtype::i64: return "i64";
  }
  return "?";
}

inline constexpr Dtype kFloats[] = {Dtype::f16, Dtype::bf16, Dtype::f32, Dtype::f64};

inline double get(const void* from, Dtype dtype) {
  uint16_t half;
  float single;
  double full;
  switch (dtype) {
    case Dtype::f16: std::memcpy(&half, from, sizeof half); return f16_to_f32(half);
    case Dtype::bf16: std::memcpy(&half, from, sizeof half); return bf16_to_f32(half);
    case Dtype::f32: std::memcpy(&single, from, sizeof single); return single;
    default: std::memcpy(&full, from, sizeof full); return full;
  }
}

// Stores a result of arithmetic in float or in double.
inline void put(void* to, Dtype dtype, float x) {
  const double full = x;
  uint16_t half;
  switch (dtype) {
    case Dtype::f16:
      half = f32_to_f16(x);
      std::memcpy(to, &half, sizeof half);
      break;
    case Dtype::bf16:
      half = f32_to_bf16(x);
      std::memcpy(to, &half, sizeof half);
      break;
    case Dtype::f32: std::memcpy(to, &x, sizeof x); break;
    default: std::memcpy(to, &full, sizeof full); break;
  }
}

inline void put(void* to, Dtype dtype, double x) {
  const float single = static_cast<float>(x);
  uint16_t half;
  switch (dtype) {
    case Dtype::f16:
      half = f64_to_f16(x);
      std::memcpy(to, &half, sizeof half);
      break;
    case Dtype::bf16:
      half = f64_to_bf16(x);
      std::memcpy(to, &half, sizeof half);
      break;
    case Dtype::f32: std::memcpy(to, &single, sizeof single); break;
    default: std::memcpy(to, &x, sizeof x); break;
  }
}

}  // namespace noisewright::test
