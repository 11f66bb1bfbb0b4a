// SPDX-License-Identifier: Apache-2.0
// Owns the peers' recorded trajectories: what their fields mean, and the comparison of a run with
// one. Must not know which peer's sampler is which of ours.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "check.hpp"
#include "library.hpp"
#include "model.hpp"

namespace replay {

// What a recorded model answers.
enum class Form {
  denoised,        // E[data | x]
  noise,           // E[noise | x]
  angular,         // alpha*noise - sigma*data
  flow,            // noise - data
  velocity,        // dalpha*data + dsigma*noise
  score,           // -noise/sigma
  preconditioned,  // F of data = skip*x + gain*F
};

// One evaluation of the recorded model.
struct Evaluation {
  Request request;
  // Where the model stands: its alpha and sigma need not be those of the sampler, since peers round
  // the model's timesteps.
  double alpha = 1, sigma = 0, dalpha = 0, dsigma = 0;
  // model_in = input_scale*x; with library_scale it is eval.input_scale that is checked.
  double input_scale = 1;
  bool library_scale = false;
  // The grid's level where fresh noise has led to another one.
  std::optional<double> grid_sigma;
  // The model's own time where the recording tells one.
  std::optional<double> model_time;
  // Of Form::preconditioned.
  double skip = 0, gain = 1;
};

struct Plan {
  Schedule schedule;
  std::string sampler;
  nwr_quantity prediction = NWR_DATA;
  Form form = Form::denoised;
  std::vector<Numbers> times;
  std::vector<Evaluation> evaluations;
  std::vector<size_t> step_starts;  // among evaluations
  double final_scale = 1;
  // How often the peer asks its model where we ask once.
  size_t calls_per_evaluation = 1;
  // Where steps hold states that are corrected before the model sees them.
  bool calls_alone = false;
  // By how much single precision magnifies its rounding.
  double single_scale = 0;
  // Whether rounding in single precision decides about steps.
  bool only_double = false;
  // The recorded models give tanh(x/2) for the share of the variance.
  bool learns_variance = false;
  // What num_inference_steps counts, where it is not steps.
  std::optional<size_t> count;
  // Whether the peer's preview is our estimate of the clean sample.
  bool compares_denoised = true;
  // As of Run.
  std::optional<std::vector<size_t>> draws;
  std::function<Numbers(size_t evaluation, const Numbers&x)> prepare, edit;
  double noise_scale = 1;
  // The state at the first time, in the recording's scale.
  Array start;
};

// A recording, or its part native_float32, whose missing fields are those of the whole.
class Recording {
 public:
  explicit Recording(const Json& file) : file_(file), part_(file), single_(is_single(file)) {}
  Recording(const Json& file, const Json& part) : file_(file), part_(part), single_(true) {}

  bool single() const { return single_; }
  bool native_part() const { return &file_ != &part_; }
  const Json& file() const { return file_; }
  const Json& part() const { return part_; }
  const Json& config() const { return member(file_, "config"); }
  // sampler_kwargs or step_kwargs, an empty object if null.
  const Json& settings() const;

  bool has_own(const char* name) const { return has(part_, name); }
  bool has_any(const char* name) const { return has(part_, name) || has(file_, name); }
  const Json& at(const char* name) const;
  Numbers numbers(const char* name) const { return to_numbers(at(name)); }
  std::string sampler_class() const { return text_or(file_, "class", ""); }
  std::string model_kind() const { return text_or(file_, "model_kind", ""); }
  bool flow_denoiser() const { return model_kind().rfind("flow_denoiser", 0) == 0; }
  size_t step_count() const { return member(file_, "steps").size(); }

 private:
  static bool is_single(const Json& file) {
    return text_or(file, "dtype", "").rfind("float32", 0) == 0;
  }

  const Json& file_;
  const Json& part_;
  bool single_;
};

// init against init_unit_noise * scale, where both are recorded; returns init.
Array checked_init(Check& check, const Recording& recording, double scale);

// Makes the plan's evaluations: one or two a step, but one in a step to clean data.
void set_times(Plan& plan, std::vector<Numbers> times, int evaluations_per_step = 1);

// Makes the plan's evaluations those of model_calls, at the times that time_of gives for them.
// With a recording of steps it finds which calls begin one.
void set_calls(Plan& plan, const Recording& recording, std::vector<Numbers> times,
               const std::function<double(const Json& call)>& time_of);

// The draws of one run, in turn, whose last step adds nothing that is seen.
void draw_all(Plan& plan, const Recording& recording);

// Makes a plan of a recording and checks what it has on grids and starts.
using Planner = std::function<Plan(Check& check, const Recording& recording)>;

// Plans, runs in double (or as recorded) and compares; then the same for native_float32.
void replay_trajectory(Check& check, const Json& file, const Planner& planner);

}  // namespace replay
