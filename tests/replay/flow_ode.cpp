// SPDX-License-Identifier: Apache-2.0
// Owns the fixed-step ODE solvers of SiT and flow_matching, whose models are velocities and whose
// time runs from 0, noise, to 1, in terms of ours. Must not know other peers.
#include <algorithm>
#include <cctype>
#include <iterator>
#include <numeric>

#include "formats.hpp"
#include "paths.hpp"

namespace replay {
namespace {

Schedule path_of(const std::string& name) {
  if (name == "Linear" || name == "CondOT") return make_schedule("linear");
  if (name == "GVP" || name == "Cosine") {
    // The peers' cos(pi/2) is 6e-17, not 0.
    return make_schedule("torchebm.cosine(compat=yes)");
  }
  if (name == "VP") return make_schedule("sit.vp");
  if (name.rfind("Poly", 0) == 0 && name.size() == 5 && name[4] >= '1' && name[4] <= '9') {
    return make_schedule(spec("polynomial", {{"n", name.substr(4)}}));
  }
  throw Unsupported{"path " + name + " is not in this version"};
}

// The method: SiT tells it in its settings, flow_matching in the class, "ODESolver(torchdiffeq M)".
std::string method_of(const Recording& recording) {
  const std::string name = recording.sampler_class();
  if (name == "Sampler.sample_ode") return text_or(recording.settings(), "sampling_method", "");
  const size_t space = name.rfind(' ');
  if (name.rfind("ODESolver(", 0) != 0 || space == std::string::npos) return name;
  return name.substr(space + 1, name.size() - space - 2);
}

Plan plan_ode(Check& check, const Recording& recording) {
  const std::string method = method_of(recording);
  struct Ours {
    const char *theirs, *name;
    std::vector<double> at;  // of the evaluations, as parts of a step
  };
  const Ours kOurs[] = {{"euler", "euler", {0}},
                        {"midpoint", "midpoint", {0, 0.5}},
                        {"heun2", "heun", {0, 1}},
                        {"heun3", "heun-3", {0, 1.0 / 3, 2.0 / 3}},
                        {"rk4", "kutta-38", {0, 1.0 / 3, 2.0 / 3, 1}}};
  const auto found = std::find_if(std::begin(kOurs), std::end(kOurs),
                                  [&](const Ours& o) { return method == o.theirs; });
  if (found == std::end(kOurs)) {
    throw Unsupported{method == "dopri5"
                          ? "torchdiffeq steps beyond the end and interpolates: ours ends there"
                          : "sampler " + method + " is not in this version"};
  }
  const Json& config = recording.config();
  const size_t stages = found->at.size();
  if (text_or(config, "prediction", "velocity") != "velocity") {
    throw Unsupported{"prediction " + config["prediction"].get<std::string>() +
                      " is not in this version"};
  }
  const Schedule path = path_of(text_or(config, has(config, "path") ? "path" : "scheduler", ""));
  const bool heun = method == "heun2";
  Numbers times;
  const bool inside = has(config, "step_size");
  if (recording.has_any("timesteps") && !inside) {
    times = recording.numbers("timesteps");
    if (has(config, "time_grid"))
      check.state("timesteps", to_numbers(config["time_grid"]), Json(times));
  } else {
    const Json& calls = recording.at("model_calls");
    for (size_t i = 0; i < calls.size(); i += stages) {
      times.push_back(to_number(member(calls[i], "t")));
    }
    // The grid is even but for a last step that is cut; Heun's last call is at its end.
    const double last = times.back(), before = times.size() > 1 ? times[times.size() - 2] : 0;
    times.push_back(inside ? to_number(config["time_grid"].back())
                    : heun ? to_number(member(calls.back(), "t"))
                           : last + (last - before));
  }
  if (inside) {
    check.level("config.step_size", times.at(1) - times[0], config["step_size"]);
    check.state("config.time_grid", {times.front(), times.back()}, config["time_grid"]);
    check.state("timesteps", {times.front(), times.back()}, recording.at("timesteps"));
  }
  if (times.size() < 2 || times.front() < 0 || times.back() > 1)
    throw Malformed("no grid of times");

  Plan plan;
  // The peers' last step is no other than the rest, even to sigma = 0.
  plan.schedule = with_floor(path, 0, 1);
  plan.sampler = found->name;
  plan.form = Form::velocity;
  plan.prediction = NWR_VELOCITY;
  plan.times = {times};
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    // Steps inside a grid of two times are recorded as one.
    if (i == 0 || !inside) plan.step_starts.push_back(plan.evaluations.size());
    for (const double part : found->at) {
      plan.evaluations.emplace_back();
      plan.evaluations.back().request.time = times[i] + part * (times[i + 1] - times[i]);
      plan.evaluations.back().request.time_tolerance = recording.single() ? 1e-6 : 1e-13;
    }
  }
  // SiT counts the points of its grid, flow_matching evaluations.
  plan.count = recording.has_any("timesteps") ? plan.evaluations.size() : times.size();
  for (Evaluation& at : plan.evaluations) {
    const nwr_coeffs c = coefficients(path, at.request.time);
    at.alpha = c.alpha;
    at.sigma = c.sigma;
    at.dalpha = c.dalpha;
    at.dsigma = c.dsigma;
  }
  plan.start = checked_init(check, recording, 1);
  return plan;
}

// SiT's SDE: the peer asks the model for the velocity and again for the score.
Plan plan_sde(Check& check, const Recording& recording) {
  const Json& settings = recording.settings();
  const std::pair<const char*, const char*> forms[] = {
      {"SBDM", "reverse"},
      {"sigma", "sigma"},
      {"linear", "linear"},
      {"decreasing", "sit-decreasing"},
      {"inccreasing-decreasing", "sit-increasing-decreasing"}};
  const std::string name = text_or(settings, "diffusion_form", "SBDM");
  const auto form = std::find_if(std::begin(forms), std::end(forms),
                                 [&](const auto& f) { return name == f.first; });
  if (form == std::end(forms)) throw Unsupported{"diffusion " + name + " is not in this version"};
  if (!has(settings, "last_step")) throw Unsupported{"no last step is not in this version"};
  std::string last = text_or(settings, "last_step", "Mean");
  for (char& c : last) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const bool heun = text_or(settings, "sampling_method", "Euler") == "Heun";
  std::vector<std::pair<std::string, std::string>> ours = {
      {"diffusion", form->second},
      {"norm", text(number_or(settings, "diffusion_norm", 1))},
      {"last_step", last}};
  if (heun) ours.emplace_back("noise", "before");
  Plan plan;
  const Schedule path = path_of(text_or(recording.config(), "path", ""));
  plan.schedule = path;
  plan.sampler = spec(heun ? "stochastic-heun" : "euler-maruyama", ours);
  plan.form = Form::velocity;
  plan.prediction = NWR_VELOCITY;
  plan.calls_per_evaluation = 2;
  // Steps are told before Heun's noise.
  plan.calls_alone = heun;
  // Where alpha is 6e-17, the score is what rounding leaves.
  if (text_or(recording.config(), "path", "") == "GVP") check.set_tolerance(1e-9);
  const Json& calls = recording.at("model_calls");
  Numbers times;
  for (size_t i = 0; i < calls.size(); i += 2) {
    const double t = to_number(member(calls[i], "t"));
    if (times.empty() || t > times.back() + 1e-6) {
      times.push_back(t);
      plan.step_starts.push_back(plan.evaluations.size());
    }
    plan.evaluations.emplace_back();
    Evaluation& at = plan.evaluations.back();
    const nwr_coeffs c = coefficients(path, t);
    at.request.time = t;
    at.request.time_tolerance = recording.single() ? 1e-6 : 1e-12;
    at.alpha = c.alpha, at.sigma = c.sigma, at.dalpha = c.dalpha, at.dsigma = c.dsigma;
  }
  if (heun) {
    // Each step has two; the second stands where the next begins.
    plan.step_starts.clear();
    for (size_t i = 0; i < plan.evaluations.size(); i += 2) plan.step_starts.push_back(i);
  }
  check.level("last_step_size", 1 - times.back(), member(settings, "last_step_size"));
  times.push_back(1);
  plan.times = {times};
  plan.start = checked_init(check, recording, 1);
  plan.draws.emplace(recording.at("noises").size());
  std::iota(plan.draws->begin(), plan.draws->end(), 0);
  return plan;
}

}  // namespace

Planner plan_of_flow_ode(const Json& file) {
  const std::string name = text_or(file, "class", "");
  if (name == "Sampler.sample_sde") return plan_sde;
  if (name != "Sampler.sample_ode" && name.rfind("ODESolver(", 0) != 0) {
    throw Unsupported{"sampler " + name + " is not in this version"};
  }
  return plan_ode;
}

}  // namespace replay
