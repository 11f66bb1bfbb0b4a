// SPDX-License-Identifier: Apache-2.0
// Owns a run through time: the state machine, the arrays it keeps between evaluations, its place in
// the noise. Must not know the C API's structs or how a backend works.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/context.hpp"
#include "core/run_table.hpp"

namespace noisewright {

inline constexpr uint32_t kMostSteps = 1000000;
// Of a model, at one evaluation: three for guidance, one for variance.
inline constexpr int kMostOutputs = 4;

// A checked array of the caller.
struct Array {
  Shape shape;
  View view;
  bool beside = false;  // in ordinary memory, of a context whose device has its own
};

// The array that memory is, last axis fastest.
View dense_view(const Shape& shape, Dtype dtype, void* memory);
Array dense(const Shape& shape, Dtype dtype, void* memory);

struct SamplerSetup {
  std::string spec;  // of kind and settings
  nwr_quantity prediction = NWR_VELOCITY;
  nwr_clock clock = NWR_CLOCK_T;
  bool keep_denoised = false;
  std::vector<double> times;
  int rows = 1;
  std::vector<Rng> rngs;
};

class Sampler {
 public:
  // Writes unit normals for a draw; throws where it cannot.
  using NoiseSource = std::function<void(uint64_t draw, const Array& out)>;

  Sampler(Ref<const Context> context, Ref<const Schedule> schedule, SamplerSetup setup,
          NoiseSource noise);

  void start(const Array& x, nwr_start start);
  // Fails before anything is written if the evaluation cannot be taken.
  void step(const Array& x, const Array* outputs);
  Array denoised() const;

  bool started() const { return started_; }
  bool done() const { return evaluation_ == table_.size(); }
  size_t evaluation() const { return evaluation_; }
  const RunTable& table() const { return table_; }
  const Context& context() const { return *context_; }
  const Schedule& schedule() const { return *schedule_; }
  const Shape& shape() const { return shape_; }
  Dtype dtype() const { return dtype_; }
  bool has_noise_source() const { return static_cast<bool>(noise_); }

  // Keeps an object alive as long as the sampler.
  void hold(std::shared_ptr<void> object) { held_ = std::move(object); }

  // Dense arrays of x's shape and type for a model's outputs, made when first asked for.
  Array scratch_output(int index);

  void cancel() const { cancel_.store(true, std::memory_order_relaxed); }
  bool take_cancel() const { return cancel_.exchange(false, std::memory_order_relaxed); }

 private:
  friend class SavedState;

  // What a run keeps between evaluations, for one shape and type of x.
  struct Memory {
    std::array<Buffer, kSlots> slots;
    Buffer limited;  // data, before and after they are limited
    Buffer guided;   // factors for each sample
    Buffer sums;     // of products of outputs, for each sample
    Buffer bounds;   // of data, for each sample
    Buffer scratch;  // of a reduction
    Buffer drawn;
    Buffer opening;  // the noise of the first step's opening, drawn before anything is written
    std::array<Buffer, kMostOutputs> outputs;
  };
  Memory prepare(const Shape& shape, Dtype dtype) const;
  Array own(const Buffer& buffer) const;
  // How data are computed: in f32 where x is narrower.
  Dtype wide_dtype() const { return dtype_ == Dtype::f64 ? Dtype::f64 : Dtype::f32; }
  // Sums of products of the outputs, and of the kept differences.
  void add_sums(const RunTable::Line& line, const Array* outputs);
  // Makes the data and limits them.
  void limit(const RunTable::Line& line, const Array& x, const Array* outputs);
  // Draws noise and scales it by what the model says.
  void spread_noise(const RunTable::Line& line, const Array& amount);
  // A pass whose factors depend on sums where the line's do.
  void mix(const RunTable::Line& line, const MixPlan& plan, size_t guided, int differences);
  // Adds the noise to a plan, as an input or as generators.
  void add_noise(MixPlan& plan, const Buffer& drawn) const;
  // Moves on behind a draw; draws(row) tells whether that row of times took part.
  template <class Draws>
  void advance_noise(Draws&& draws);

  Ref<const Context> context_;
  Ref<const Schedule> schedule_;
  SamplerSetup setup_;
  std::shared_ptr<void> held_;
  NoiseSource noise_;
  RunTable table_;

  bool started_ = false;
  bool fitted_ = false;  // memory_ fits shape_ and dtype_
  Shape shape_;
  Dtype dtype_ = Dtype::f32;
  size_t evaluation_ = 0;
  uint64_t draw_ = 0;
  std::vector<Rng> rngs_;  // where the noise goes on
  Memory memory_;
  mutable std::atomic<bool> cancel_{false};
};

}  // namespace noisewright
