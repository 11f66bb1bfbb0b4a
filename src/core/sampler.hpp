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

#include "core/adaptive.hpp"
#include "core/array.hpp"
#include "core/generator.hpp"
#include "core/run_table.hpp"

namespace noisewright {

inline constexpr uint32_t kMostSteps = 1000000;
// Of a model, at one evaluation: three for guidance, one for variance.
inline constexpr int kMostOutputs = 4;

struct SamplerSetup {
  std::string spec;  // of kind and settings
  nwr_quantity prediction = NWR_VELOCITY;
  nwr_clock clock = NWR_CLOCK_T;
  bool keep_denoised = false;
  std::vector<double> times;
  int rows = 1;
  std::vector<Rng> rngs;
  std::string generator = "philox";  // spec
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
  bool done() const { return control_ ? control_->done() : evaluation_ == table_.size(); }
  // The table's line that comes next; of an adaptive run the table is that of the present attempt.
  size_t evaluation() const { return evaluation_; }
  size_t evaluations() const { return evaluations_; }
  const std::string& spec() const { return setup_.spec; }
  bool adapts() const { return control_ != nullptr; }
  const RunTable& table() const { return table_; }
  const Context& context() const { return *context_; }
  const Schedule& schedule() const { return *schedule_; }
  const Shape& shape() const { return shape_; }
  Dtype dtype() const { return dtype_; }
  // Whether noise is an array that is filled before the pass, not made in it.
  bool has_noise_source() const { return noise_is_array_; }

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
  // An evaluation: the pass of its line, with the model's outputs or, where one serves twice, those
  // of the evaluation before.
  void take_line(const Array& x, const Array* outputs);
  // Ends an attempt: takes it or goes back, and begins the next.
  void end_attempt(const Array& x, const Array* outputs);
  double attempt_error(const Array& x);
  // Of the whole run, or of an adaptive run's present attempt.
  RunTable make_table(const StepControl* control) const;
  // The slots that hold something before the next evaluation.
  uint32_t written() const;
  void copy(const View& from, const View& to) const;
  // Makes the data and limits them.
  void limit(const RunTable::Line& line, const Array& x, const Array* outputs);
  // Draws noise and scales it by what the model says.
  void spread_noise(const RunTable::Line& line, const Array& amount);
  // A pass whose factors depend on sums where the line's do.
  void mix(const RunTable::Line& line, const MixPlan& plan, size_t guided, int differences);
  // Fills an array before the pass that reads it. rngs are those that a generator draws from.
  Array drawn(const Buffer& buffer, const Shape& shape, Dtype dtype) const;
  void draw(uint64_t number, const Stretch* stretches, std::vector<Rng>& rngs, const Array& out);
  // Adds the noise to a plan, as an input or as generators.
  void add_noise(MixPlan& plan, const Buffer& noise) const;
  // Moves on behind a draw; draws(row) tells whether that row of times took part.
  template <class Draws>
  void advance_noise(Draws&& draws);

  Ref<const Context> context_;
  Ref<const Schedule> schedule_;
  SamplerSetup setup_;
  std::shared_ptr<void> held_;
  NoiseSource noise_;
  bool noise_is_array_;
  Settings settings_;
  std::unique_ptr<StepControl> control_;  // of an adaptive run
  RunTable table_;
  std::unique_ptr<Generator> generator_;  // unless the noise is the callback's or made in the pass

  bool started_ = false;
  bool fitted_ = false;  // memory_ fits shape_ and dtype_
  Shape shape_;
  Dtype dtype_ = Dtype::f32;
  size_t evaluation_ = 0;
  size_t evaluations_ = 0;  // done in all
  int denoised_slot_ = -1;  // of the last one
  uint64_t draw_ = 0;
  std::vector<Rng> rngs_;   // where the noise goes on
  std::vector<Rng> ahead_;  // where it will, once the pass that reads it is done
  Memory memory_;
  mutable std::atomic<bool> cancel_{false};
};

}  // namespace noisewright
