// SPDX-License-Identifier: Apache-2.0
// Owns the fixed-step ODE solvers of SiT and flow_matching, whose models are velocities and whose
// time runs from 0, noise, to 1, in terms of ours. Must not know other peers.
#include <algorithm>
#include <iterator>

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
    throw Unsupported{method == "dopri5" ? "adaptive steps are not in this version"
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
  if (times.size() < 2 || times.front() < 0 || times.back() > 1)
    throw Malformed("no grid of times");

  Plan plan;
  // The peers' last step is no other than the rest, even to sigma = 0.
  plan.schedule = with_floor(path, 0, 1);
  plan.sampler = found->name;
  plan.calls_alone = inside;
  plan.form = Form::velocity;
  plan.prediction = NWR_VELOCITY;
  plan.times = {times};
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    plan.step_starts.push_back(plan.evaluations.size());
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

}  // namespace

Planner plan_of_flow_ode(const Json& file) {
  const std::string name = text_or(file, "class", "");
  if (name != "Sampler.sample_ode" && name.rfind("ODESolver(", 0) != 0) {
    throw Unsupported{"sampler " + name + " is not in this version"};
  }
  return plan_ode;
}

}  // namespace replay
