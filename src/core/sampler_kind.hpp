// SPDX-License-Identifier: Apache-2.0
// Owns what a sampler's file is written in: combinations of what an evaluation has at hand, and the
// view of one evaluation. Must not know memory, devices or tensors.
#pragma once

#include <array>
#include <cmath>

#include "core/plan.hpp"
#include "core/schedule.hpp"
#include "math/rows.hpp"

namespace noisewright {

// Enough for the six stages of Dormand and Prince: the state, two model outputs and six slots are
// the most inputs that a pass takes (kMaxInputs).
inline constexpr int kMaxSlots = 6;

// A linear combination of the state x handed to the model, the model's output, kept arrays, and
// fresh unit normals.
struct Combo {
  double state = 0, output = 0, noise = 0;
  std::array<double, kMaxSlots> kept = {};
  double unlimited = 0;      // the output before its data were limited
  double unconditional = 0;  // the output without the condition

  double of_model() const { return output + unlimited + unconditional; }
};

inline Combo operator*(double factor, Combo c) {
  c.state *= factor;
  c.output *= factor;
  c.noise *= factor;
  c.unlimited *= factor;
  c.unconditional *= factor;
  for (double& k : c.kept) k *= factor;
  return c;
}
inline Combo operator+(Combo a, const Combo& b) {
  a.state += b.state;
  a.output += b.output;
  a.noise += b.noise;
  a.unlimited += b.unlimited;
  a.unconditional += b.unconditional;
  for (int i = 0; i < kMaxSlots; ++i) a.kept[i] += b.kept[i];
  return a;
}
inline Combo operator-(const Combo& a, const Combo& b) { return a + -1.0 * b; }

// How a step reads the model's outputs.
struct Reading {
  nwr_quantity prediction;
  bool limited = false;      // what it gets is data, guided and limited
  bool keeps_noise = false;  // but its noise is what the output said before
  bool plus_plus = false;    // CFG++: only data are guided, all else is of the unconditional output
};

// One evaluation of one step, for one row of times. A sampler's plan() reads it and calls next() or
// again() once.
class Stage {
 public:
  struct Point {
    double t;
    nwr_coeffs at;
  };
  // points[0 .. steps] is the row of times; at is where the model was evaluated, begin where it was
  // first evaluated in this step: the grid's own point, unless the step's opening moved it.
  Stage(const Schedule& schedule, const Settings& settings, const Reading& reading,
        const Point* points, int steps, int step, int stage, const Point& begin, const Point& at)
      : schedule_(schedule),
        settings_(settings),
        reading_(reading),
        points_(points),
        steps_(steps),
        step_(step),
        stage_(stage),
        begin_(begin),
        at_(at) {}

  int step() const { return step_; }
  int steps() const { return steps_; }
  int stage() const { return stage_; }
  bool first() const { return step_ == 0; }
  bool last() const { return step_ + 1 == steps_; }
  double setting(const char* name) const { return settings_[name]; }

  // The step goes from one point of the grid to the next.
  const nwr_coeffs& from() const { return points_[step_].at; }
  const nwr_coeffs& to() const { return points_[step_ + 1].at; }
  double dt() const { return points_[step_ + 1].t - points_[step_].t; }
  double from_time() const { return points_[step_].t; }
  double to_time() const { return points_[step_ + 1].t; }
  // The grid's point some steps before this step's.
  const nwr_coeffs& before(int steps) const { return points_[step_ - steps].at; }
  // One some steps later, and its time.
  const nwr_coeffs& after(int steps) const { return points_[step_ + steps].at; }
  double time_after(int steps) const { return points_[step_ + steps].t; }
  // Where the step's first evaluation stands, this one, and where the step ends.
  const Point& begin() const { return begin_; }
  const Point& at() const { return at_; }
  const Point& end() const { return points_[step_ + 1]; }
  // Whether times are indices, and where they count from: the first index, or the time of data.
  bool discrete() const { return schedule_.index_count() > 0; }
  double data_index() const { return discrete() ? 0 : schedule_.ends().data; }
  // Any other point, by its time or by sigma/alpha; the latter no noisier than the schedule gets.
  Point point(double t) const { return {t, schedule_.at(t, {"t"})}; }
  Point point_of_level(double sigma_over_alpha) const;
  // Whether the step ends at clean data.
  bool to_data() const { return to().sigma == 0 && to().gamma == 0; }
  // Where the run begins, where the last step ends, and whether that is clean data.
  const nwr_coeffs& run_begin() const { return points_[0].at; }
  const nwr_coeffs& run_end() const { return points_[steps_].at; }
  bool ends_at_data() const { return run_end().sigma == 0 && run_end().gamma == 0; }
  // Growth of lambda over this step, and over the one before.
  double h() const { return growth(step_); }
  double h_before() const { return growth(step_ - 1); }

  // The same of the step before, at its begin.
  Stage before_step() const {
    const Point& begin = points_[step_ - 1];
    return {schedule_, settings_, reading_, points_, steps_, step_ - 1, 0, begin, begin};
  }

  // This evaluation as if it stood elsewhere.
  Stage at_point(const Point& p) const {
    return {schedule_, settings_, reading_, points_, steps_, step_, stage_, begin_, p};
  }

  // What the state and the model's output say at the evaluation's time; each fails with
  // NWR_ERROR_SINGULAR where they do not determine it.
  Combo state() const { return {1, 0, 0, {}}; }
  Combo output() const { return made(0, 1); }
  Combo data() const { return quantity(NWR_DATA, 0); }
  // With all guidance and limits, whatever data() is.
  Combo guided_data() const;
  Combo noise() const { return express_row({0, 1, 0}, "noise"); }
  Combo velocity() const { return quantity(NWR_VELOCITY, 0); }
  // The drift in t of the stochastic process that has the diffusion w^2 in the step's direction.
  Combo drift(double diffusion2) const;
  // Whether data() is determined: not by one output on a two-sided interpolant, nor by a drift.
  bool knows_data() const;
  // w^2 at a point, as the settings "diffusion" and "norm" say.
  double diffusion2(const Point& point) const;
  // data and noise with the given weights, without dividing by alpha or sigma where that can be
  // avoided.
  Combo blend(double data, double noise) const {
    return express_row({data, noise, 0}, "the next state");
  }
  Combo fresh_noise() const { return {0, 0, 1, {}}; }
  // The levels between which fresh noise stands for a path's increment, where that is not from the
  // step's first evaluation to where x goes.
  void covers(const nwr_coeffs& from, const nwr_coeffs& to) {
    covered_ = true;
    covered_from_ = from;
    covered_to_ = to;
  }
  Combo kept(int slot) const {
    Combo c;
    c.kept[slot] = 1;
    return c;
  }

  void keep(int slot, const Combo& value) {
    keeps_[slot] = true;
    kept_[slot] = value;
  }
  // The step is done; x becomes value.
  void next(const Combo& value) { x_ = value + guided_part(to().alpha); }
  // The step needs another evaluation, of value at time t.
  void again(const Combo& value, double t) {
    x_ = value + guided_part(reading_.plus_plus ? point(t).at.alpha : 0);
    again_ = true;
    again_time_ = t;
  }
  // CFG++ (Chung et al. 2406.08070, algorithm 2): how much of the guided data's difference x gets,
  // where that is not alpha; before next or again.
  bool plus_plus() const { return reading_.plus_plus; }
  void guide_by(double share) { guided_share_ = share; }
  // Fresh noise is multiplied by exp(offset + slope v), of the model's further output v.
  void spread(double offset, double slope) {
    spreads_ = true;
    spread_ = {offset, slope};
  }

  const Combo& x() const { return x_; }
  bool needs_again() const { return again_; }
  double again_time() const { return again_time_; }
  const nwr_coeffs& covered_from() const { return covered_ ? covered_from_ : begin_.at; }
  const nwr_coeffs& covered_to(const Point& next) const { return covered_ ? covered_to_ : next.at; }
  bool keeps(int slot) const { return keeps_[slot]; }
  const Combo& kept_value(int slot) const { return kept_[slot]; }
  bool spreads() const { return spreads_; }
  const std::array<double, 2>& spread() const { return spread_; }

 private:
  // What the present evaluation is read as.
  bool limited() const { return reading_.limited && !reading_.plus_plus; }
  nwr_quantity read_as() const { return limited() ? NWR_DATA : reading_.prediction; }
  Combo made(double state, double output) const {
    if (reading_.plus_plus) return {state, 0, 0, {}, 0, output};
    return {state, output, 0, {}};
  }
  Combo guided_part(double alpha) const {
    if (!reading_.plus_plus) return {};
    return (std::isnan(guided_share_) ? alpha : guided_share_) * (guided_data() - data());
  }
  bool find(nwr_quantity known, const Row& want, double* factors) const;
  Combo express_row(const Row& want, const char* what) const;
  Combo quantity(nwr_quantity what, double diffusion2) const;
  double growth(int step) const {
    const double a = points_[step].at.lambda, b = points_[step + 1].at.lambda;
    return a == b ? 0 : b - a;  // both may be infinite
  }

  const Schedule& schedule_;
  const Settings& settings_;
  const Reading& reading_;
  const Point* points_;
  int steps_, step_, stage_;
  Point begin_, at_;
  Combo x_;
  bool again_ = false;
  double again_time_ = 0;
  bool covered_ = false;
  nwr_coeffs covered_from_ = {}, covered_to_ = {};
  std::array<bool, kMaxSlots> keeps_ = {};
  std::array<Combo, kMaxSlots> kept_ = {};
  double guided_share_ = NAN;
  bool spreads_ = false;
  std::array<double, 2> spread_ = {};
};

// How a kind whose steps are chosen by their errors compares its two results: the state after the
// step and what is kept in slot low.
struct Adaptive {
  Reduction error;
  bool in_lambda;   // steps are lengths in log(alpha/sigma), else in t
  bool first_same;  // the last evaluation of a step is the first of the next
  double order;     // of the error; where it is a setting, that
  int base, low;    // slots of the state before the step and of the other result
  int before;  // slot of the other result of the step before, on whose scale errors are; or base
  uint32_t slots;
};

// One entry of the catalogue: pure functions of coefficients.
struct SamplerKind : Entry {
  void (*plan)(Stage& stage) = nullptr;
  // What happens to x before a step's first evaluation, as a call of again(); without one, nothing.
  // It is computed in the pass that ends the step before, so that pass may draw no other noise.
  void (*open)(Stage& stage) = nullptr;
  // Whether the first step cannot be taken from where alpha is 0, whatever the model predicts.
  bool (*needs_alpha)(const Settings& settings) = nullptr;
  // Set if steps are chosen by their errors; plan() then takes one attempt, after(2) is the run's
  // end, and fresh noise waits until the attempt is accepted.
  const Adaptive* adaptive = nullptr;

  // The kind that does the work: itself, or that of which it is a preset.
  const SamplerKind& base() const {
    return preset_of ? static_cast<const SamplerKind&>(*preset_of) : *this;
  }
};

// Kinds that are others with settings of their own, after all others in the catalogue.
size_t sampler_preset_count();
const SamplerKind& sampler_preset(size_t index);

// Settings of adaptive kinds.
constexpr Param controller_param(double by_default) {
  return {"controller",
          "of steps: a PID controller; a step of 0.9 error^(-1/order); or that, between 0.2 and 10",
          by_default,
          0,
          2,
          "pid,plain,bounded"};
}
constexpr Param rtol_param(double by_default) {
  return {"rtol", "error of a step, as a share of the state", by_default, 0, 1};
}
constexpr Param atol_param(double by_default) {
  return {"atol", "error of a step beside that", by_default, 1e-300, 1e6};
}
constexpr Param first_param(double by_default) {
  return {"first", "length of the first step, in log(alpha/sigma) or in t", by_default, 1e-12, 1e6};
}
inline constexpr Param kPParam = {"p", "the PID controller's proportional part", 0, -10, 10};
inline constexpr Param kIParam = {"i", "its integral part", 1, -10, 10};
inline constexpr Param kDParam = {"d", "its differential part", 0, -10, 10};
inline constexpr Param kAcceptParam = {"accept", "PID: the least growth with which a step is taken",
                                       0.81, 1e-3, 10};
inline constexpr Param kErrorNormParam = {
    "error", "over the whole batch, or the largest of a sample", 0, 0, 1, "batch,sample"};
inline constexpr Param kMostEvaluationsParam = {
    "most_evaluations", "after which the run fails", 10000, 1, 1e9, nullptr, true};

// What guidance_high is unless it is set: above all noise levels that are finite.
inline constexpr double kEveryLevel = 1e300;

// Settings that every sampler has, after its own.
inline constexpr Param kSamplerParams[] = {
    {"guidance", "classifier-free guidance: weight of the conditional output; 1 takes one output",
     1, -1e6, 1e6},
    {"guidance_from", "what the weighted difference is added to", 0, 0, 1,
     "unconditional,conditional"},
    {"guidance_method",
     "plain; or of an unconditional output that is fit to the conditional one; or of a difference "
     "projected (apg) or tangential (tcfg); or decaying with its size",
     0, 0, 4, "plain,zero_star,projected,tangential,decaying"},
    {"guidance_rescale", "share of the conditional output's standard deviation that is restored", 0,
     0, 1},
    {"guidance_begin", "part of the steps from which on there is guidance", 0, 0, 1},
    {"guidance_end", "part of the steps up to which there is guidance", 1, 0, 1},
    {"guidance_low", "least sigma/alpha at which there is guidance", 0, 0, kEveryLevel},
    {"guidance_high", "largest sigma/alpha at which there is guidance", kEveryLevel, 0,
     kEveryLevel},
    {"guidance_image",
     "weight of a second condition, whose output comes between the two; 0: there is none", 0, -1e6,
     1e6},
    {"guidance_parallel", "projected: share of the difference along the conditional output", 1,
     -1e6, 1e6},
    {"guidance_norm", "projected: the most that the difference measures; 0: no bound", 0, 0, 1e300},
    {"guidance_momentum", "projected: share of the differences before", 0, -1, 1},
    {"guidance_decay", "decaying: how fast", 8, 0, 1e6},
    {"zero_init", "so many steps take the model's output for 0", 0, 0, 1e6, nullptr, true},
    {"cfg_pp",
     "CFG++: guided data, but unconditional noise; or with the older values as in ComfyUI", 0, 0, 2,
     "no,yes,comfy"},
    {"clip", "data are limited to this magnitude; 0: they are not", 0, 0, 1e300},
    {"threshold",
     "dynamic thresholding: quantile of a sample's data that limits them, if above 1, and by which "
     "they are divided; 0: none",
     0, 0, 1},
    {"threshold_max", "the most that this quantile counts for", 1, 1, 1e300},
    {"limited_noise", "noise follows from limited data, or stays what the model said", 0, 0, 1,
     "data,model"},
    {"unit_input", "whether the model reads x/sqrt((alpha sigma_data)^2+sigma^2)", 0, 0, 1,
     "no,yes"}};

}  // namespace noisewright
