// SPDX-License-Identifier: Apache-2.0
// Owns what sources of random numbers with a name have in common: what a draw is, and where it
// goes. Must not know any one generator, nor samplers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/array.hpp"
#include "core/spec.hpp"
#include "math/half.hpp"

namespace noisewright {

// A noise level, as sigma and alpha.
struct Level {
  double alpha = 1, sigma = 0;
};

// What a draw covers in one row of times.
struct Stretch {
  Level from, to;
  bool draws = true;     // rows that wait for the others leave their generators alone
  bool follows = false;  // along the run: a path, where there is one, goes from level to level
};

struct Draw {
  Distribution what = Distribution::normal;
  const Stretch* stretches = nullptr;
  size_t rows = 1;  // 1, or the batch
};

// The levels of a run, of sigma/alpha and of sigma alone; 0 where there is no run.
struct LevelRange {
  double least_ratio = 0, most_ratio = 0, least_sigma = 0, most_sigma = 0;
};

// Makes arrays of random numbers. What it keeps between draws saves work and changes no number: the
// state is in the rngs.
class Generator {
 public:
  virtual ~Generator() = default;
  // The type that it draws for arrays of a type.
  virtual Dtype drawn_as(Dtype wanted) const {
    return wanted == Dtype::f64 ? Dtype::f64 : Dtype::f32;
  }
  // Fails where it cannot draw from these for a run with so many rows of times.
  virtual void check(const Context&, const std::vector<Rng>&, size_t) const {}
  // Writes one draw into a dense array of the context's device and moves rngs on: one, which
  // numbers all elements, or one a sample.
  virtual void draw(const Context& context, const Draw& draw, std::vector<Rng>& rngs,
                    const Array& out) = 0;
};

struct GeneratorKind : Entry {
  std::unique_ptr<Generator> (*make)(const Settings& settings, const LevelRange& range) = nullptr;
  bool plugin = false;  // of CUDA's plugin alone
};

Settings choose_generator(const char* name, const nwr_param* params, uint32_t param_count);
// Whether a sampler makes its numbers during the pass.
bool is_philox(const std::string& spec);
std::unique_ptr<Generator> make_generator(const Settings& settings, const LevelRange& range);

// Numbers of ordinary memory that go to a device when they are written.
class HostArray {
 public:
  // write(memory) gets room for the elements of out, out's own where that is ordinary memory.
  template <class Write>
  void fill(const Context& context, const Array& out, const Write& write) {
    if (context.on_host()) return write(out.view.data);
    const size_t bytes = static_cast<size_t>(out.shape.count()) * size_of(out.view.dtype);
    if (bytes_.size() < bytes) bytes_.resize(bytes);
    write(static_cast<void*>(bytes_.data()));
    context.transfer(out.view.data, bytes_.data(), bytes);
  }

 private:
  std::vector<unsigned char> bytes_;
};

// The number of a type nearest to value, into element index of a dense array.
inline void store_number(void* data, Dtype type, size_t index, double value) {
  switch (type) {
    case Dtype::f64: static_cast<double*>(data)[index] = value; return;
    case Dtype::f32: static_cast<float*>(data)[index] = static_cast<float>(value); return;
    case Dtype::f16:
      static_cast<uint16_t*>(data)[index] = f32_to_f16(static_cast<float>(value));
      return;
    default: static_cast<uint16_t*>(data)[index] = f32_to_bf16(static_cast<float>(value));
  }
}

}  // namespace noisewright
