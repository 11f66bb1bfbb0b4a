// SPDX-License-Identifier: Apache-2.0
// Owns a run with fixed steps as a table: for each evaluation its times, what it reads and writes,
// and the factors. Made once, in double. Must not know memory, devices or tensors.
#pragma once

#include <cstdint>
#include <vector>

#include "core/sampler_kind.hpp"

namespace noisewright {

struct RunRequest {
  const SamplerKind& kind;
  const Settings& settings;
  const Schedule& schedule;
  nwr_quantity prediction;
  nwr_clock clock;
  bool keep_denoised;
  bool noise_is_input;               // fresh noise comes as an array, not from generators
  const std::vector<double>& times;  // rows of equal length
  int rows;
};

class RunTable {
 public:
  // One evaluation: x and some slots become combinations of x, the model's outputs, slots and
  // noise. A bit of reads or writes stands for a slot.
  struct Line {
    uint32_t reads = 0;
    uint32_t writes = 0;
    bool draws = false;
    bool asks = true;  // the model; else noise is added and nothing more
    int denoised_slot = -1;
    size_t factors = 0;  // where this line's factors begin
  };

  RunTable() = default;
  explicit RunTable(const RunRequest& request);

  size_t size() const { return lines_.size(); }
  const Line& line(size_t evaluation) const { return lines_[evaluation]; }
  int rows() const { return rows_; }
  int model_outputs() const { return model_outputs_; }
  uint32_t slots() const { return slots_; }
  // The slots that hold something before an evaluation.
  uint32_t written(size_t evaluation) const;
  bool draws() const { return draws_; }
  // Whether a row of a line consumes noise. A row that waits does not, so that it draws what it
  // would draw alone.
  bool draws(size_t evaluation, size_t row) const {
    return row_draws_[evaluation * static_cast<size_t>(rows_) + row];
  }
  // The pass before the first evaluation, of x alone: what opens the first step.
  bool opens() const { return opens_; }
  bool opening_draws(size_t row) const { return opening_draws_[row]; }
  // Factors of a line: [row][output][input], as MixPlan orders them. Outputs are the written slots
  // and then x; inputs x, the model's outputs, the read slots, the noise if it comes as an array.
  const double* factors(const Line& line) const { return factors_.data() + line.factors; }
  // Likewise; x is the one output, and the noise an input if it comes as an array.
  const double* opening() const { return opening_.data(); }

  // The rows of times of an evaluation; evaluation size() is the end of the run.
  const double* t(size_t evaluation) const { return t_.data() + evaluation * rows_; }
  const double* clock(size_t evaluation) const { return clock_.data() + evaluation * rows_; }
  const double* input_scale(size_t evaluation) const { return scale_.data() + evaluation * rows_; }
  // The coefficients where each row begins.
  const std::vector<nwr_coeffs>& begin() const { return begin_; }

 private:
  struct Emission {
    Combo x;
    std::array<bool, kMaxSlots + 1> writes = {};
    std::array<Combo, kMaxSlots + 1> slot = {};
  };
  // Composes value with what opens a step, and returns where its first evaluation stands.
  static Stage::Point open(const RunRequest& request, const Stage::Point* points, int steps,
                           int step, Combo* value);
  void add_opening(const RunRequest& request, const std::vector<Combo>& values);
  void add_line(const RunRequest& request, const std::vector<Emission>& emissions, bool noised,
                bool final);
  void add_times(const RunRequest& request, const std::vector<Stage::Point>& points);

  int rows_ = 1;
  int model_outputs_ = 1;
  double guidance_ = 1;
  uint32_t slots_ = 0;
  bool draws_ = false;
  bool opens_ = false;
  std::vector<Line> lines_;
  std::vector<uint32_t> row_slots_;  // what each row has written so far, while the table is made
  std::vector<bool> row_draws_;
  std::vector<bool> opening_draws_;
  std::vector<double> factors_, opening_, t_, clock_, scale_;
  std::vector<nwr_coeffs> begin_;
};

}  // namespace noisewright
