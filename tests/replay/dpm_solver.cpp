// SPDX-License-Identifier: Apache-2.0
// Owns the official DPM-Solver in terms of our multistep sampler. Must not know other peers.
#include <algorithm>
#include <cmath>

#include "formats.hpp"
#include "paths.hpp"

namespace replay {
namespace {

// The continuous-time schedule of the recording: a discrete table, its log(alpha) linear between
// times i/1000, or the linear beta of the VP SDE.
class NoiseSchedule {
 public:
  explicit NoiseSchedule(const Json& config) {
    const std::string kind = text_or(config, "schedule", "");
    const std::string beta = text_or(config, "beta", "");
    if (kind == "discrete" && beta == "scaled_linear 0.00085..0.012") {
      schedule_ = make_schedule("ddpm(beta=scaled_linear,beta_start=0.00085,beta_end=0.012)");
      discrete_ = true;
    } else if (kind == "linear" && beta == "continuous linear 0.1..20") {
      schedule_ = make_schedule("vp(beta_min=0.1,beta_max=20)");
    } else {
      throw Unsupported{"schedule " + kind + " (" + beta + ") is not in this version"};
    }
  }

  double first() const { return 1; }
  double last() const { return 1e-3; }

  struct Point {
    double alpha, sigma;
    double ratio() const { return sigma / alpha; }
  };
  Point at(double t) const {
    if (!discrete_) {
      const nwr_coeffs c = coefficients(schedule_, t);
      return {c.alpha, c.sigma};
    }
    const double place = std::clamp(t * 1000 - 1, 0.0, 999.0);
    const double low = std::min(std::floor(place), 998.0);
    const double a = coefficients(schedule_, low).log_alpha;
    const double b = coefficients(schedule_, low + 1).log_alpha;
    const double log_alpha = a + (place - low) * (b - a);
    return {std::exp(log_alpha), std::sqrt(-std::expm1(2 * log_alpha))};
  }

 private:
  Schedule schedule_;
  bool discrete_ = false;
};

// Compares the recorded times with those that skip_type asks for.
void check_times(Check& check, const Recording& recording, const NoiseSchedule& noise,
                 const Numbers& times, double last) {
  const std::string skip = text_or(recording.settings(), "skip_type", "time_uniform");
  const double n = static_cast<double>(times.size());
  const auto place = [&](double first, double end, size_t i) {
    return first + (end - first) * static_cast<double>(i) / n;
  };
  Numbers ours, theirs;
  for (size_t i = 0; i < times.size(); ++i) {
    if (skip == "logSNR") {
      ours.push_back(
          place(std::log(noise.at(noise.first()).ratio()), std::log(noise.at(last).ratio()), i));
      theirs.push_back(std::log(noise.at(times[i]).ratio()));
    } else if (skip == "time_quadratic") {
      ours.push_back(std::pow(place(std::sqrt(noise.first()), std::sqrt(last), i), 2));
      theirs.push_back(times[i]);
    } else {
      ours.push_back(place(noise.first(), last, i));
      theirs.push_back(times[i]);
    }
  }
  check.state("timesteps by skip_type", ours, Json(theirs));
}

Plan plan_solver(Check& check, const Recording& recording) {
  const Json& settings = recording.settings();
  const std::string method = text_or(settings, "method", "");
  const std::string algorithm = text_or(recording.config(), "algorithm_type", "");
  const double order = number_or(settings, "order", 2);
  const bool first_order = order == 1 && (method == "singlestep" || method == "multistep");
  if (!first_order && method != "multistep") {
    throw Unsupported{"method " + method + " is not in this version"};
  }
  if (!first_order && algorithm != "dpmsolver++") {
    throw Unsupported{"algorithm_type " + algorithm + " is not in this version"};
  }
  if (order > 2) throw Unsupported{"order " + text(order) + " is not in this version"};
  if (flag_or(settings, "denoise_to_zero", false)) {
    throw Unsupported{"denoise_to_zero is not in this version"};
  }
  const NoiseSchedule noise(recording.config());
  const double last = number_or(settings, "t_end", noise.last());
  Numbers times;
  for (const Json& call : recording.at("model_calls"))
    times.push_back(to_number(member(call, "t")));
  if (recording.has_own("timesteps")) {
    check.state("timesteps", times, recording.part()["timesteps"]);
  }
  check.equal("sampler_kwargs.steps", static_cast<double>(times.size()), member(settings, "steps"));
  check_times(check, recording, noise, times, last);
  times.push_back(last);

  Plan plan;
  Numbers levels;
  for (const double t : times) levels.push_back(noise.at(t).ratio());
  plan.schedule = ratio_schedule(levels.front());
  const bool taylor = text_or(settings, "solver_type", "dpmsolver") == "taylor";
  const bool last_is_first_order =
      flag_or(settings, "lower_order_final", true) && recording.step_count() < 10;
  plan.sampler = first_order
                     ? "ddim"
                     : spec("dpmpp-2m", {{"solver", taylor ? "heun" : "midpoint"},
                                         {"lower_order_final", last_is_first_order ? "1" : "0"}});
  plan.form = Form::noise;
  plan.prediction = NWR_NOISE;
  set_times(plan, {levels});
  for (size_t i = 0; i < plan.evaluations.size(); ++i) {
    Evaluation& at = plan.evaluations[i];
    const NoiseSchedule::Point point = noise.at(times[i]);
    at.model_time = times[i];
    at.alpha = point.alpha;
    at.sigma = point.sigma;
  }
  plan.start = checked_init(check, recording, 1);
  return plan;
}

}  // namespace

Planner plan_of_dpm_solver(const Json& file) {
  const std::string name = text_or(file, "class", "");
  if (name != "DPM_Solver") throw Unsupported{"sampler " + name + " is not in this version"};
  return plan_solver;
}

}  // namespace replay
