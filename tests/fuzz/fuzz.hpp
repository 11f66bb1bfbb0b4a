// SPDX-License-Identifier: Apache-2.0
// Owns what the fuzz targets share: bytes read as numbers and names, and a check that aborts. Must
// not know the library's internals.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "noisewright.h"

// The one function of a target; 0 always.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

#define FUZZ_CHECK(condition)                                                             \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "%s:%d: %s; last error: %s\n", __FILE__, __LINE__, #condition, \
                   nwr_last_error());                                                     \
      std::abort();                                                                       \
    }                                                                                     \
  } while (0)

namespace fuzz {

template <class T>
T sized() {
  T value;
  std::memset(&value, 0, sizeof value);
  value.struct_size = sizeof value;
  return value;
}

// An error has a sentence, and is none of the library's own.
inline nwr_status checked(nwr_status status) {
  FUZZ_CHECK(status >= NWR_ERROR_INTERNAL && status <= NWR_CANCELLED);
  FUZZ_CHECK(status != NWR_ERROR_INTERNAL);
  if (status < 0) {
    const char* const why = nwr_last_error();
    const size_t length = std::strlen(why);
    FUZZ_CHECK(length > 0 && length < 1024);
  }
  return status;
}

// Reads the input from its front; zeros where it has ended.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : at_(data), left_(size) {}
  size_t left() const { return left_; }
  uint8_t byte() {
    if (left_ == 0) return 0;
    --left_;
    return *at_++;
  }
  template <class T>
  T raw() {
    unsigned char bytes[sizeof(T)];
    for (unsigned char& b : bytes) b = byte();
    T value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
  }
  uint32_t below(uint32_t most) { return byte() % most; }
  // A number: often a plain one, sometimes any bits.
  double number() {
    static constexpr double kPlain[] = {0,   1,       0.5, -1,   2,     0.25,   3,     1e-3,
                                        999, 10,      0.1, -0.5, 1e300, 1e-300, 80,    0.002,
                                        700, -1e-310, 1e6, 1e9,  50,    0.9999, 0.029, 14.6};
    const uint8_t how = byte();
    if (how < 200) return kPlain[how % (sizeof kPlain / sizeof *kPlain)];
    if (how < 230) return byte() / 255.0;
    return raw<double>();
  }
  // Up to most bytes, as far as a zero.
  std::string text(size_t most) {
    std::string out;
    while (left_ > 0 && out.size() < most) {
      const uint8_t b = byte();
      if (b == 0) break;
      out += static_cast<char>(b);
    }
    return out;
  }
  std::vector<uint8_t> rest() {
    std::vector<uint8_t> out(at_, at_ + left_);
    left_ = 0;
    return out;
  }

 private:
  const uint8_t* at_;
  size_t left_;
};

inline nwr_context* shared_context() {
  static nwr_context* const context = [] {
    auto options = sized<nwr_context_options>();
    options.threads = 1;
    nwr_context* made = nullptr;
    FUZZ_CHECK(nwr_context_create(&options, &made) == NWR_OK);
    return made;
  }();
  return context;
}

inline nwr_schedule* shared_schedule(size_t which) {
  static nwr_schedule* schedules[4] = {};
  static constexpr const char* kNames[] = {"vp", "ddpm(count=50)", "edm", "flux"};
  nwr_schedule*& schedule = schedules[which % 4];
  if (!schedule) {
    auto options = sized<nwr_schedule_options>();
    options.name = kNames[which % 4];
    FUZZ_CHECK(nwr_schedule_create(&options, &schedule) == NWR_OK);
  }
  return schedule;
}

inline nwr_tensor dense(void* data, nwr_dtype dtype, int32_t ndim, const int64_t* shape) {
  nwr_tensor tensor;
  std::memset(&tensor, 0, sizeof tensor);
  tensor.data = data, tensor.device = NWR_CPU, tensor.ndim = ndim, tensor.dtype = dtype;
  tensor.shape = shape;
  return tensor;
}

}  // namespace fuzz
