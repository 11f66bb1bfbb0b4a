// SPDX-License-Identifier: Apache-2.0
// Owns every call of the C API: schedules, grids, transforms, random words and runs of a sampler.
// Must not know recordings or their formats.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "json.hpp"
#include "noisewright.h"

namespace replay {

// The library refused or broke a rule of its header.
struct LibraryError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

using Schedule = std::shared_ptr<const nwr_schedule>;

Schedule make_schedule(const std::string& spec);
// alpha_bar of each index.
Schedule make_table(const Numbers& alpha_bars);
// Fills alpha, sigma, dalpha and dsigma at t.
using Coefficients = std::function<void(double t, nwr_coeffs& out)>;
Schedule make_custom(double t_noise, double t_data, Coefficients coefficients);

// A configuration of another library, by nwr_schedule_import.
struct Imported {
  Schedule schedule;
  std::string grid, sampler;
  nwr_quantity prediction;
  nwr_clock clock;
  double clock_scale;
  nwr_start start;
  std::vector<std::string> warnings;
};
Imported import_config(const std::string& text, size_t steps,
                       const std::vector<std::pair<std::string, double>>& arguments);

// The first step that a strength leaves, by the name of its rule.
double first_step(const std::string& rule, double steps, double strength);

// "name(key=value,...)"
std::string spec(const std::string& name,
                 const std::vector<std::pair<std::string, std::string>>& settings);
// Every digit.
std::string text(double value);

nwr_coeffs coefficients(const Schedule& schedule, double t);
std::vector<nwr_coeffs> coefficients(const Schedule& schedule, const Numbers& times);
// Where sampling begins and ends.
struct Ends {
  double noise, data;
};
Ends ends_of(const Schedule& schedule);
// Settings of a schedule by name, in the catalogue's order; empty for a name that it lacks.
std::vector<std::string> settings_of(const std::string& schedule);
// sigma/alpha
double ratio(const Schedule& schedule, double t);
double time_of_ratio(const Schedule& schedule, double ratio);
Numbers times_of_ratios(const Schedule& schedule, const Numbers& ratios);
// Between times begin and end; both 0 is the schedule's own ends.
Numbers grid(const Schedule& schedule, const std::string& spec, size_t count, double begin = 0,
             double end = 0);
// nwr_schedule_weigh; infinity where the library says that it has no value.
Numbers weigh(const Schedule& schedule, const std::string& spec, const Numbers& times);

struct Quantity {
  nwr_quantity quantity;
  const Array* array;
};
struct TransformSettings {
  nwr_dtype dtype = NWR_F64;
  const Array* diffusion = nullptr;
};
// The outputs of inputs, all of the shape of the first input; times is a scalar or one a sample.
std::vector<Numbers> transform(const Schedule& schedule, const Array& times,
                               const std::vector<Quantity>& inputs,
                               const std::vector<nwr_quantity>& outputs,
                               const TransformSettings& settings = {});
// The same as factors of the inputs.
Numbers factors(const Schedule& schedule, double t, const std::vector<nwr_quantity>& inputs,
                nwr_quantity output);

// Uniforms of a float64 tensor.
Numbers random_uniforms(const nwr_rng& rng, size_t count);
// nwr_random_generate: numbers of a generator's spec, which moves rng on; levels are those of a
// path.
struct Source {
  std::string generator;
  nwr_distribution what = NWR_NORMAL;
  nwr_dtype dtype = NWR_F32;
  double from_level = 0, to_level = 0;
};
Numbers random_numbers(const Source& source, nwr_rng& rng, size_t count);
// Even in t.
Numbers random_times(const Schedule& schedule, const nwr_rng& rng, size_t count);

// One evaluation of the model: where, and what to hand the sampler of what it answers.
struct Request {
  double time = 0;
  // Inner points are found from noise levels, to rounding.
  double time_tolerance = 0;
  // The recording's states are scale times ours.
  double scale = 1;
  // The sampler gets feed_state*x + feed_output*output, x in our scale.
  double feed_state = 0;
  double feed_output = 1;
  // Index of the recorded noise that this step adds, or -1.
  int noise = -1;
};

struct Run {
  Schedule schedule;
  std::string sampler;
  nwr_quantity prediction = NWR_DATA;
  bool keep_denoised = false;
  // Runs one after the other, each from the state where the one before ended.
  std::vector<Numbers> times;
  std::vector<Request> requests;
  double final_scale = 1;
  Array start;
  std::vector<Array> noises;
  // Indices of noises in the order in which the sampler draws them, all of them; without it each
  // request tells its own.
  std::optional<std::vector<size_t>> draws;
  // What the caller makes of the state before and after an evaluation, in the recording's scale.
  std::function<Numbers(size_t request, const Numbers& x)> prepare;
  std::function<Numbers(size_t request, const Numbers& x)> edit;
  // The model's output for a state in the recording's scale, at one of the requests.
  std::function<Numbers(size_t request, const Numbers& x)> model;
  // A second output: without the condition, of which Event::output is the mixture by share; or of
  // the variance, which then stands behind the first in each row.
  std::function<Numbers(size_t request, const Numbers& x)> second;
  std::optional<double> share;
};

// What happened at one request, in the recording's scale.
struct Event {
  Numbers before, output, after, denoised;
  Numbers second;          // the second output of the model
  double input_scale = 1;  // eval.input_scale
};

std::vector<Event> execute(const Run& run, nwr_dtype dtype);

// A run of one sampler in float64 from a state on, without a recording's scales and requests.
struct Walk {
  Schedule schedule;
  std::string sampler;
  nwr_quantity prediction = NWR_DATA;
  Numbers times;
  Array start;
  std::vector<Array> noises;  // in the order in which they are drawn
  // The model's output at an evaluation, counted from 0, at time t.
  std::function<Numbers(size_t evaluation, double t, const Numbers& x)> model;
};
struct Walked {
  std::vector<Numbers> states;  // after each evaluation
  Numbers times;                // of each evaluation, and the end
  size_t draws = 0;
};
Walked walk(const Walk& walk);

// The estimates of data at evaluations whose model, which predicts data, gives these outputs.
std::vector<Numbers> estimates(const std::string& sampler, const std::vector<int64_t>& shape,
                               const std::vector<std::vector<Numbers>>& outputs);

}  // namespace replay
