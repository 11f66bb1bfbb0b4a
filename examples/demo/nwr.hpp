// SPDX-License-Identifier: Apache-2.0
// What C++ adds to the C interface: handles that release themselves, errors that are thrown.
// Only noisewright.h is behind it.
#pragma once

#include <noisewright.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "progress.hpp"

namespace demo {

struct NwrError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Passes success and news on, throws on errors.
inline nwr_status check(nwr_status s) {
  if (s < 0) throw NwrError(nwr_last_error());
  return s;
}

template <class T, void (*destroy)(T*)>
struct Destroy {
  void operator()(T* handle) const { destroy(handle); }
};
template <class T, void (*destroy)(T*)>
using Handle = std::unique_ptr<T, Destroy<T, destroy>>;

using Context = Handle<nwr_context, nwr_context_destroy>;
using Schedule = Handle<nwr_schedule, nwr_schedule_destroy>;
using Sampler = Handle<nwr_sampler, nwr_sampler_destroy>;

// A dense array of samples on the CPU, with the tensor that shows it to the library.
template <class T>
class Batch {
 public:
  Batch(std::size_t samples, std::size_t numbers)
      : shape_{static_cast<std::int64_t>(samples), static_cast<std::int64_t>(numbers)},
        values_(samples * numbers) {}

  std::size_t samples() const { return static_cast<std::size_t>(shape_[0]); }
  std::size_t bytes() const { return values_.size() * sizeof(T); }
  T* sample(std::size_t i) { return &values_[i * static_cast<std::size_t>(shape_[1])]; }
  std::vector<T>& values() { return values_; }
  const std::vector<T>& values() const { return values_; }

  nwr_tensor tensor() {
    nwr_tensor t{};
    t.data = values_.data();
    t.device = NWR_CPU;
    t.ndim = 2;
    t.dtype = sizeof(T) == sizeof(float) ? NWR_F32 : NWR_F64;
    t.shape = shape_.data();
    return t;
  }

 private:
  std::array<std::int64_t, 2> shape_;
  std::vector<T> values_;
};

Context make_context(unsigned threads);
Schedule make_schedule(const char* spec);
std::vector<double> make_grid(const nwr_schedule* schedule, const char* spec, std::size_t steps,
                              double begin, double end);

struct SamplerSetup {
  std::string spec;
  nwr_quantity prediction = NWR_VELOCITY;
  double guidance = 1;
  std::vector<double> times;
  std::vector<nwr_rng> rngs;
  bool keep_denoised = false;
};
Sampler make_sampler(const nwr_context* context, const nwr_schedule* schedule,
                     const SamplerSetup& setup);

struct Entry {
  std::string name, summary;
  nwr_entry_flags flags;
  std::size_t index;
};
std::vector<Entry> catalogue(nwr_domain domain);

// The loop: ask what to evaluate, evaluate, hand the answer back. model(eval) writes outputs.
// Stops before the next evaluation when the user interrupts; says whether the run came to its end.
template <class Model, class After>
bool run(nwr_sampler* sampler, const nwr_tensor& x, const std::vector<nwr_tensor>& outputs,
         Model&& model, After&& after) {
  nwr_eval eval{};
  eval.struct_size = sizeof eval;
  while (check(nwr_sampler_next(sampler, &eval)) != NWR_DONE) {
    if (interrupted()) return false;
    model(eval);
    check(nwr_sampler_step(sampler, &x, outputs.data(), outputs.size()));
    after(eval);
  }
  return true;
}

}  // namespace demo
