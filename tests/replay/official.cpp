// SPDX-License-Identifier: Apache-2.0
// Owns the official DPM-Solver, UniPC and ER-SDE in terms of ours. Must not know other peers.
#include <algorithm>
#include <cmath>
#include <iterator>

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

using Settings = std::vector<std::pair<std::string, std::string>>;

std::string dpm_sampler(const Recording& recording) {
  const Json& settings = recording.settings();
  const std::string method = text_or(settings, "method", "");
  const bool data = text_or(recording.config(), "algorithm_type", "") == "dpmsolver++";
  const double order = number_or(settings, "order", 2);
  const bool taylor = text_or(settings, "solver_type", "dpmsolver") == "taylor";
  if (method == "adaptive") {
    return spec("dpm-adaptive", {{"order", text(order)},
                                 {"predict", data ? "data" : "noise"},
                                 {"controller", "plain"},
                                 {"error", "sample"}});
  }
  if (order == 1) return "ddim";
  const std::string solver = taylor ? "heun" : "midpoint";
  if (method != "multistep") {
    return spec("dpm-singlestep", {{"order", text(order)},
                                   {"predict", data ? "data" : "noise"},
                                   {"solver", solver},
                                   {"lower_order_final", order == 3 ? "yes" : "no"}});
  }
  const bool lowers = flag_or(settings, "lower_order_final", true) && recording.step_count() < 10;
  Settings ours = {{"solver", solver}, {"lower_order_final", lowers ? "yes" : "no"}};
  if (data && order == 2) return spec("dpmpp-2m", ours);
  if (data) return spec("diffusers.dpmpp-3m", ours);
  ours.push_back({"order", text(order)});
  return spec("diffusers.dpm-solver", ours);
}

std::string unipc_sampler(const Recording& recording) {
  const std::string variant = text_or(recording.config(), "variant", "bh2");
  if (variant == "vary_coeff") {
    throw Unsupported{"the corrector of vary_coeff, of order 1, is a defect of the peer"};
  }
  const bool data = text_or(recording.config(), "algorithm_type", "") == "data_prediction";
  return spec("diffusers.unipc", {{"order", text(number_or(recording.settings(), "order", 3))},
                                  {"variant", variant},
                                  {"predict", data ? "data" : "noise"}});
}

Plan plan_solver(Check& check, const Recording& recording,
                 std::string (*sampler)(const Recording& recording)) {
  const Json& settings = recording.settings();
  Plan plan;
  plan.sampler = sampler(recording);
  const NoiseSchedule noise(recording.config());
  const double last = number_or(settings, "t_end", noise.last());
  Numbers times;
  for (const Json& call : recording.at("model_calls"))
    times.push_back(to_number(member(call, "t")));
  const bool to_data = flag_or(settings, "denoise_to_zero", false);
  if (recording.has_own("timesteps")) {
    check.state("timesteps", times, recording.part()["timesteps"]);
  }
  const bool blocks = plan.sampler.rfind("dpm-singlestep", 0) == 0;
  const bool adapts = plan.sampler.rfind("dpm-adaptive", 0) == 0;
  if (!to_data && !adapts) {
    check.equal("sampler_kwargs.steps", static_cast<double>(times.size()),
                member(settings, "steps"));
  }
  // The blocks of logSNR are even, but not with one another.
  if (!to_data && !adapts && !(blocks && text_or(settings, "skip_type", "") == "logSNR")) {
    check_times(check, recording, noise, times, last);
  }
  if (!to_data) times.push_back(last);

  Numbers levels;
  for (const double t : times) levels.push_back(noise.at(t).ratio());
  if (to_data) levels.push_back(0);
  plan.schedule = ratio_schedule(levels.front());
  plan.form = Form::noise;
  plan.prediction = NWR_NOISE;
  set_times(plan, {levels});
  if (adapts) {
    // The peer finds its times to 1e-5, and partly in single precision.
    check.set_tolerance(1e-6);
    plan.only_double = true;
    plan.count = static_cast<size_t>(to_number(member(settings, "steps")));
    plan.times = {{levels.front(), levels.back()}};
    for (Evaluation& at : plan.evaluations) {
      at.request.time_tolerance = 1e-5 * (1 + at.request.time);
    }
  }
  for (size_t i = 0; i < plan.evaluations.size(); ++i) {
    Evaluation& at = plan.evaluations[i];
    const NoiseSchedule::Point point = noise.at(times[i]);
    at.model_time = times[i];
    at.alpha = point.alpha;
    at.sigma = point.sigma;
  }
  // Steps hold what is corrected before the model sees it.
  plan.calls_alone = plan.sampler.find("unipc") != std::string::npos;
  if (blocks) {
    // A block is a step; orders 2 and 1 end a run of whole ones.
    const size_t order = static_cast<size_t>(number_or(settings, "order", 2));
    const size_t n = plan.evaluations.size();
    plan.step_starts.clear();
    for (size_t i = 0; i < n; ++i) {
      const bool lowers = order == 3 && n % 3 == 0 && i + 1 == n;
      if (i % order == 0 || lowers) plan.step_starts.push_back(i);
    }
    plan.count = n;
  }
  if (to_data) {
    check.equal("sampler_kwargs.steps", static_cast<double>(times.size() - 1),
                member(settings, "steps"));
    check.level("sampler_kwargs.t_end", times.back(), Json(last));
    plan.count = plan.evaluations.size() - 1;
    // From sigma = 0.01 to data at once: single precision's rounding grows.
    plan.single_scale = 80;
  }
  plan.start = checked_init(check, recording, 1);
  return plan;
}

// ---- ER-SDE ----------------------------------------------------------------------------------

Plan plan_er_sde(Check& check, const Recording& recording) {
  const std::string name = recording.sampler_class();
  const Numbers sigmas = recording.numbers("sigmas"), alphas = recording.numbers("alphas");
  Numbers levels;
  for (size_t i = 0; i < sigmas.size(); ++i) levels.push_back(sigmas[i] / alphas[i]);
  const std::pair<double, const char*> kPowers[] = {
      {1, "1"}, {2, "2"}, {4, "1.5"}, {5, "2.5"}, {7, "0"}};
  const double function = to_number(member(recording.config(), "noise_scale_func"));
  const auto power = std::find_if(std::begin(kPowers), std::end(kPowers),
                                  [=](const auto& p) { return p.first == function; });
  if (power == std::end(kPowers)) {
    throw Unsupported{"noise_scale_func " + text(function) + " is not in this version"};
  }
  const bool ve = name.rfind("ve", 0) == 0;
  Plan plan;
  plan.schedule = ve ? make_schedule(spec("edm", {{"sigma_max", text(levels.front())}}))
                     : ratio_schedule(levels.front());
  plan.sampler =
      spec("ersde.er-sde", {{"order", std::string(1, name[3])}, {"power", power->second}});
  set_times(plan, {levels});
  plan.draws.emplace();
  const double exponent = std::stod(power->second);
  const auto phi = [=](double l) {
    return exponent > 0 ? std::pow(l, exponent) : l * (std::exp(std::pow(l, 0.3)) + 10);
  };
  for (size_t i = 0; i < plan.evaluations.size(); ++i) {
    Evaluation& at = plan.evaluations[i];
    at.alpha = alphas[i];
    at.sigma = sigmas[i];
    const double kept = levels[i] * phi(levels[i + 1]) / phi(levels[i]);
    // The peer draws in every step, and leaves out what is below this variance.
    const bool adds = levels[i + 1] * levels[i + 1] - kept * kept > 1e-6;
    if (levels[i + 1] > 0 && adds) plan.draws->push_back(i);
  }
  // The peer counts levels, of which variance preserving runs have no 0.
  plan.count = plan.evaluations.size() + (ve ? 0 : 1);
  if (ve) check.level("alphas", Numbers(alphas.size(), 1), recording.at("alphas"));
  check.require(plan.evaluations.size() == recording.step_count(), "count of steps");
  plan.start = checked_init(check, recording, ve ? levels.front() : 1);
  return plan;
}

}  // namespace

Planner plan_of_official(const Json& file) {
  const std::string name = text_or(file, "class", "");
  const auto with = [](auto sampler) {
    return [=](Check& check, const Recording& recording) {
      return plan_solver(check, recording, sampler);
    };
  };
  if (name == "DPM_Solver") return with(dpm_sampler);
  if (name == "UniPC") return with(unipc_sampler);
  if (name.find("_order") != std::string::npos) return plan_er_sde;
  throw Unsupported{"sampler " + name + " is not in this version"};
}

}  // namespace replay
