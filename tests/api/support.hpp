// SPDX-License-Identifier: Apache-2.0
// Owns what the tests of the C API share: handles that free themselves, arrays of any element type,
// and a model whose every prediction is known. Must not know the library's internals.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "noisewright.h"

namespace nwr_test {

template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T* handle) const {
    destroy(handle);
  }
};
using Context = std::unique_ptr<nwr_context, Destroy<nwr_context_destroy>>;
using Schedule = std::unique_ptr<nwr_schedule, Destroy<nwr_schedule_destroy>>;
using Sampler = std::unique_ptr<nwr_sampler, Destroy<nwr_sampler_destroy>>;

// A struct of the API, zeroed, with its size set.
template <class T>
T sized() {
  T value;
  std::memset(&value, 0, sizeof value);
  value.struct_size = sizeof value;
  return value;
}

#define NWR_EXPECT_OK(call) EXPECT_EQ(NWR_OK, (call)) << nwr_last_error()
#define NWR_ASSERT_OK(call) ASSERT_EQ(NWR_OK, (call)) << nwr_last_error()

inline Context make_context(uint32_t threads = 1) {
  auto options = sized<nwr_context_options>();
  options.threads = threads;
  nwr_context* context = nullptr;
  NWR_EXPECT_OK(nwr_context_create(&options, &context));
  return Context(context);
}

inline Schedule make_schedule(const char* spec) {
  auto options = sized<nwr_schedule_options>();
  options.name = spec;
  nwr_schedule* schedule = nullptr;
  NWR_EXPECT_OK(nwr_schedule_create(&options, &schedule)) << spec;
  return Schedule(schedule);
}

inline Sampler make_sampler(const Context& context, const Schedule& schedule,
                            const nwr_sampler_options& options) {
  nwr_sampler* sampler = nullptr;
  NWR_EXPECT_OK(nwr_sampler_create(context.get(), schedule.get(), &options, &sampler));
  return Sampler(sampler);
}

inline nwr_coeffs coeffs_at(const Schedule& schedule, double t) {
  nwr_coeffs c{};
  NWR_EXPECT_OK(nwr_schedule_eval(schedule.get(), &t, 1, &c));
  return c;
}

// ---- element types ------------------------------------------------------------------------------

inline size_t size_of(nwr_dtype dtype) {
  return dtype == NWR_F16 || dtype == NWR_BF16 ? 2 : dtype == NWR_F32 ? 4 : 8;
}

// Digits behind the point of a binary number of this type.
inline int mantissa_bits(nwr_dtype dtype) {
  return dtype == NWR_F16 ? 10 : dtype == NWR_BF16 ? 7 : dtype == NWR_F32 ? 23 : 52;
}
inline double epsilon_of(nwr_dtype dtype) { return std::ldexp(1.0, -mantissa_bits(dtype)); }

// The nearest number of a 16-bit format (finite and in range), written from its definition.
inline uint16_t to_half(double x, nwr_dtype dtype) {
  const int mantissa = mantissa_bits(dtype), bias = dtype == NWR_F16 ? 15 : 127;
  const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  const double magnitude = std::fabs(x);
  int exponent = magnitude > 0 ? std::max(std::ilogb(magnitude), 1 - bias) : 1 - bias;
  double units = std::nearbyint(std::ldexp(magnitude, mantissa - exponent));
  if (units == std::ldexp(1.0, mantissa + 1)) {
    units /= 2;
    ++exponent;
  }
  const int steps = static_cast<int>(units);
  const int normal = 1 << mantissa;
  const int bits = steps < normal ? steps : ((exponent + bias) << mantissa) + steps - normal;
  return static_cast<uint16_t>(sign | bits);
}
inline double from_half(uint16_t h, nwr_dtype dtype) {
  const int mantissa = mantissa_bits(dtype), bias = dtype == NWR_F16 ? 15 : 127;
  const int exponent = (h & 0x7FFF) >> mantissa, rest = h & ((1 << mantissa) - 1);
  const double magnitude = exponent == 0
                               ? std::ldexp(rest, 1 - bias - mantissa)
                               : std::ldexp(rest + (1 << mantissa), exponent - bias - mantissa);
  return h & 0x8000 ? -magnitude : magnitude;
}

inline double load(const void* at, nwr_dtype dtype) {
  if (dtype == NWR_F64) {
    double x;
    std::memcpy(&x, at, sizeof x);
    return x;
  }
  if (dtype == NWR_F32) {
    float x;
    std::memcpy(&x, at, sizeof x);
    return static_cast<double>(x);
  }
  uint16_t h;
  std::memcpy(&h, at, sizeof h);
  return from_half(h, dtype);
}
inline void store(void* at, nwr_dtype dtype, double value) {
  if (dtype == NWR_F64) {
    std::memcpy(at, &value, sizeof value);
  } else if (dtype == NWR_F32) {
    const float x = static_cast<float>(value);
    std::memcpy(at, &x, sizeof x);
  } else {
    const uint16_t h = to_half(value, dtype);
    std::memcpy(at, &h, sizeof h);
  }
}

// ---- arrays -------------------------------------------------------------------------------------

// An array of its own, dense or with given strides; converts to the view that the library takes.
class Tensor {
 public:
  Tensor(nwr_dtype dtype, std::vector<int64_t> shape) : Tensor(dtype, std::move(shape), {}, 0, 0) {}
  // room elements in all; the view's first element stands at first.
  Tensor(nwr_dtype dtype, std::vector<int64_t> shape, std::vector<int64_t> strides, size_t room,
         size_t first)
      : shape_(std::move(shape)), strides_(std::move(strides)), dtype_(dtype), first_(first) {
    count_ = 1;
    for (const int64_t extent : shape_) count_ *= static_cast<size_t>(extent);
    bytes_.resize((strides_.empty() ? count_ : room) * size_of(dtype), 0xA5);
    point();
  }
  Tensor(const Tensor& other)
      : bytes_(other.bytes_),
        shape_(other.shape_),
        strides_(other.strides_),
        dtype_(other.dtype_),
        count_(other.count_),
        first_(other.first_) {
    point();
  }
  Tensor(Tensor&&) = default;  // moved vectors keep their addresses
  Tensor& operator=(const Tensor& other) {
    Tensor copy(other);
    *this = std::move(copy);
    return *this;
  }
  Tensor& operator=(Tensor&&) = default;

  operator const nwr_tensor*() const { return &view_; }
  const nwr_tensor& view() const { return view_; }
  nwr_dtype dtype() const { return dtype_; }
  size_t count() const { return count_; }
  const std::vector<unsigned char>& bytes() const { return bytes_; }

  // Elements in row-major order, whatever the strides.
  double get(size_t i) const { return load(address(i), dtype_); }
  void set(size_t i, double value) { store(const_cast<unsigned char*>(address(i)), dtype_, value); }
  std::vector<double> values() const {
    std::vector<double> out(count_);
    for (size_t i = 0; i < count_; ++i) out[i] = get(i);
    return out;
  }
  Tensor& fill(const std::vector<double>& values) {
    for (size_t i = 0; i < count_; ++i) set(i, values[i % values.size()]);
    return *this;
  }

 private:
  const unsigned char* address(size_t i) const {
    int64_t at = static_cast<int64_t>(first_);
    if (strides_.empty()) {
      at = static_cast<int64_t>(i);
    } else {
      for (size_t axis = shape_.size(); axis-- > 0;) {
        const size_t extent = static_cast<size_t>(shape_[axis]);
        at += static_cast<int64_t>(i % extent) * strides_[axis];
        i /= extent;
      }
    }
    return bytes_.data() + static_cast<size_t>(at) * size_of(dtype_);
  }
  void point() {
    view_ = {};
    view_.data = bytes_.data() + first_ * size_of(dtype_);
    view_.device = NWR_CPU;
    view_.dtype = dtype_;
    view_.ndim = static_cast<int32_t>(shape_.size());
    view_.shape = shape_.data();
    view_.strides = strides_.empty() ? nullptr : strides_.data();
  }

  std::vector<unsigned char> bytes_;
  std::vector<int64_t> shape_, strides_;
  nwr_dtype dtype_;
  size_t count_ = 0, first_ = 0;
  nwr_tensor view_;
};

// Some finite numbers of both signs, different for each seed.
inline std::vector<double> numbers(size_t count, uint32_t seed = 1) {
  std::vector<double> out(count);
  for (double& value : out) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<double>(seed >> 8) / 8388608.0 - 1;
  }
  return out;
}

inline Tensor scalar(double value) { return Tensor(NWR_F64, {}).fill({value}); }

// ---- a model that is known ----------------------------------------------------------------------

constexpr nwr_quantity kPredictions[] = {NWR_DATA, NWR_NOISE, NWR_VELOCITY, NWR_SCORE, NWR_ANGULAR};
constexpr const char* kSamplers[] = {"euler",
                                     "heun",
                                     "ddim",
                                     "ddim(eta=0.7)",
                                     "ddpm",
                                     "ddpm(variance=large)",
                                     "dpmpp-2m",
                                     "dpmpp-2m(solver=heun)",
                                     "rk4",
                                     "reab(order=4)",
                                     "pc",
                                     "euler-maruyama(diffusion=sigma)",
                                     "edm",
                                     "edm(s_churn=20)",
                                     "unipc(order=3)",
                                     "sa-solver(order=3,mode=pece)",
                                     "dpmpp-sde",
                                     "seeds-3",
                                     "dpm-singlestep(order=3)",
                                     "er-sde",
                                     "dpmpp-3m-sde",
                                     "restart(s_min=1,s_max=2)",
                                     "pndm",
                                     "dpm-2-ancestral",
                                     "dormand-prince"};
inline bool is_stochastic(const std::string& sampler) {
  for (const char* sign : {"ddpm", "eta", "churn", "pc", "diffusion", "sa-solver", "sde", "seeds",
                           "restart", "ancestral"}) {
    const bool found = sampler.find(sign) != std::string::npos;
    if (found && sampler != "unipc(order=3)") return true;
  }
  return false;
}

// Data of a Gaussian with this mean and variance in every element, noise of a unit one: conditional
// means are linear in x, and the flow from one time to another is known.
struct Gaussian {
  double mean = 0.5, variance = 0.49;

  double spread(const nwr_coeffs& c) const {
    return c.alpha * c.alpha * variance + c.sigma * c.sigma;
  }
  double predict(nwr_quantity what, const nwr_coeffs& c, double x) const {
    const double pull = (x - c.alpha * mean) / spread(c);
    const double data = mean + c.alpha * variance * pull, noise = c.sigma * pull;
    switch (what) {
      case NWR_DATA: return data;
      case NWR_NOISE: return noise;
      case NWR_VELOCITY: return c.dalpha * data + c.dsigma * noise;
      case NWR_SCORE: return -pull;
      case NWR_ANGULAR: return c.alpha * noise - c.sigma * data;
      default: return std::nan("");
    }
  }
  // Where the probability flow takes x.
  double flow(const nwr_coeffs& from, const nwr_coeffs& to, double x) const {
    return to.alpha * mean + std::sqrt(spread(to) / spread(from)) * (x - from.alpha * mean);
  }
};

// Evaluates the model for every sample at that sample's time.
inline void evaluate(const Gaussian& model, const Schedule& schedule, nwr_quantity prediction,
                     const nwr_eval& eval, const Tensor& x, Tensor* out, double push = 0) {
  const size_t rows = eval.row_count;
  const size_t width = x.count() / rows;
  for (size_t row = 0; row < rows; ++row) {
    const nwr_coeffs c = coeffs_at(schedule, eval.t_rows[row]);
    for (size_t i = row * width; i < (row + 1) * width; ++i) {
      out->set(i, model.predict(prediction, c, x.get(i)) + push);
    }
  }
}

// Runs next, model, step to the end. after(evaluations) is called behind each step.
template <class After>
void finish(nwr_sampler* sampler, const Schedule& schedule, nwr_quantity prediction, Tensor* x,
            After&& after) {
  Tensor output = *x;
  auto eval = sized<nwr_eval>();
  nwr_status status;
  while ((status = nwr_sampler_next(sampler, &eval)) == NWR_OK) {
    evaluate(Gaussian{}, schedule, prediction, eval, *x, &output);
    NWR_ASSERT_OK(nwr_sampler_step(sampler, *x, output, 1));
    after(eval.index + 1);
    if (testing::Test::HasFatalFailure()) return;
  }
  ASSERT_EQ(NWR_DONE, status) << nwr_last_error();
}
inline void finish(nwr_sampler* sampler, const Schedule& schedule, nwr_quantity prediction,
                   Tensor* x) {
  finish(sampler, schedule, prediction, x, [](uint32_t) {});
}

}  // namespace nwr_test
