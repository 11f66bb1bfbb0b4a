// SPDX-License-Identifier: Apache-2.0
// Owns a run with fixed steps as a table: for each evaluation its times, what it reads and writes,
// and the factors. Made once, in double. Must not know memory, devices or tensors.
#pragma once

#include <cstdint>
#include <vector>

#include "core/generator.hpp"
#include "core/sampler_kind.hpp"
#include "math/guidance.hpp"

namespace noisewright {

// Slots beyond the samplers' own: the data prediction when it is to be kept, and the differences of
// outputs that guidance keeps.
inline constexpr int kDenoised = kMaxSlots;
inline constexpr int kDifferences = kMaxSlots + 1;
inline constexpr int kSlots = kMaxSlots + 2;

// Guidance as the settings say, for one evaluation.
struct GuidanceSettings {
  explicit GuidanceSettings(const Settings& settings);

  static constexpr double kNoGuidance = NAN;
  // The weight at an evaluation, or kNoGuidance.
  double at(int step, int steps, const nwr_coeffs& c) const;
  // How many outputs a weight takes, and whether it needs their sums of products.
  int outputs(double weight) const;
  bool needs_sums(double weight) const;
  // Where it needs none: kMaxGuided factors of its outputs.
  void factors(double weight, double* f) const;

  Guidance method;
  bool from_conditional, plus_plus;
  double weight, image, rescale, parallel, norm, inertia, decay, begin, end, low, high;
  int zero_init;
};

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
  bool attempt = false;  // one step of an adaptive run: times are its begin, its end, the run's end
};

class RunTable {
 public:
  // One evaluation: x and some slots become combinations of x, the model's outputs or the limited
  // data, slots and noise. A bit of reads or writes stands for a slot.
  struct Line {
    uint32_t reads = 0;
    uint32_t writes = 0;
    bool draws = false;
    bool asks = true;  // the model; else noise is added and nothing more
    bool reads_outputs = true;
    bool limited = false;  // data are made and limited before
    bool by_sums = false;  // factors of outputs depend on their sums
    bool spreads = false;  // the last output says how much noise is drawn
    int outputs = 1;       // conditional and others
    int given = 1;         // with what else the model gives
    int denoised_slot = -1;
    size_t factors = 0;  // where this line's factors begin
    size_t guided = 0;   // the weight of each row, and what each output takes of the guided one
    size_t limit = 0, limit_guided = 0;  // the same for the data
    size_t spread = 0;                   // two numbers a row
  };

  explicit RunTable(const RunRequest& request);

  size_t size() const { return lines_.size(); }
  const Line& line(size_t evaluation) const { return lines_[evaluation]; }
  int rows() const { return rows_; }
  // The most outputs that an evaluation takes.
  int most_outputs() const;
  const GuidanceSettings& guidance() const { return guidance_; }
  bool limits() const { return limits_; }
  bool spreads() const { return spreads_; }
  bool sums() const { return sums_; }
  // The standard deviation of the fresh noise that an attempt draws once it is accepted.
  double late_noise() const { return late_noise_; }
  double clip() const { return clip_; }
  double threshold() const { return threshold_; }
  double threshold_max() const { return threshold_max_; }
  uint32_t slots() const { return slots_; }
  // The slots that hold something before an evaluation.
  uint32_t written(size_t evaluation) const;
  bool draws() const { return draws_; }
  // Whether a row of a line consumes noise. A row that waits does not, so that it draws what it
  // would draw alone.
  bool draws(size_t evaluation, size_t row) const { return stretches(evaluation)[row].draws; }
  // What a line's noise covers, a stretch for each row.
  const Stretch* stretches(size_t evaluation) const {
    return stretches_.data() + evaluation * static_cast<size_t>(rows_);
  }
  // The levels of all rows' times.
  LevelRange levels() const { return levels_; }
  // The pass before the first evaluation, of x alone: what opens the first step.
  bool opens() const { return opens_; }
  bool opening_draws(size_t row) const { return opening_stretches_[row].draws; }
  const Stretch* opening_stretches() const { return opening_stretches_.data(); }
  // Factors of a line: [row][output][input], as MixPlan orders them. Outputs are the written slots
  // and then x; inputs x, the model's outputs if read, the limited data, the read slots, the noise
  // if it comes as an array.
  const double* factors(const Line& line) const { return factors_.data() + line.factors; }
  const double* factors(size_t place) const { return factors_.data() + place; }
  const double* guided(size_t place) const { return guided_.data() + place; }
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
    Stretch stretch;
    std::array<bool, kMaxSlots + 1> writes = {};
    std::array<Combo, kMaxSlots + 1> slot = {};
    Combo data;  // before it is limited
    double weight = GuidanceSettings::kNoGuidance;
    bool spreads = false;
    std::array<double, 2> spread = {};
  };
  // Composes value with what opens a step, and returns where its first evaluation stands; where
  // that draws, stretch is what it covers.
  static Stage::Point open(const RunRequest& request, const Reading& reading,
                           const Stage::Point* points, int steps, int step, Combo* value,
                           Stretch* stretch);
  void add_opening(const RunRequest& request, const std::vector<Combo>& values);
  void add_line(const RunRequest& request, const std::vector<Emission>& emissions, int step,
                bool noised, bool final);
  void add_times(const RunRequest& request, const std::vector<Stage::Point>& points);

  int rows_ = 1;
  GuidanceSettings guidance_;
  double clip_ = 0, threshold_ = 0, threshold_max_ = 1;
  double late_noise_ = 0;
  bool limits_ = false, spreads_ = false, sums_ = false;
  uint32_t slots_ = 0;
  bool draws_ = false;
  bool opens_ = false;
  std::vector<Line> lines_;
  std::vector<uint32_t> row_slots_;  // what each row has written so far, while the table is made
  std::vector<Stretch> stretches_;
  std::vector<Stretch> opening_stretches_;
  LevelRange levels_;
  std::vector<double> factors_, guided_, opening_, t_, clock_, scale_;
  std::vector<nwr_coeffs> begin_;
};

}  // namespace noisewright
