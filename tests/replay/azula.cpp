// SPDX-License-Identifier: Apache-2.0
// Owns azula's recorded trajectories, one a file, in terms of our samplers. Must not know other
// peers.
#include <cctype>
#include <cmath>
#include <numeric>

#include "formats.hpp"
#include "paths.hpp"

namespace replay {
namespace {

std::string sampler_of(const std::string& name, const Recording& recording) {
  const auto number = [&](const char* key, double other) {
    return text(number_or(recording.settings(), key, other));
  };
  if (name == "DDPMSampler") return "ddpm";
  if (name == "DDIMSampler") return spec("azula.ddim", {{"eta", number("eta", 0)}});
  if (name == "ItoSampler") {
    return spec("azula.ito",
                {{"eta", number("eta", 1)}, {"temperature", number("temperature", 1)}});
  }
  if (name == "PCSampler") {
    return spec("azula.pc",
                {{"corrections", number("corrections", 1)}, {"delta", number("delta", 0.01)}});
  }
  std::string kind = "azula.";
  for (const char c : name.substr(0, name.find("Sampler"))) {
    kind += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return spec(kind, {{"order", number("order", 2)}});
}

Plan plan_azula(Check& check, const Recording& recording) {
  const std::string name = recording.sampler_class();
  const Json& config = recording.config();
  const Schedule path = azula_schedule(text_or(config, "schedule", ""), config);
  const Numbers times = recording.numbers("timesteps");
  Numbers alphas, sigmas, ratios, uniform;
  const double steps = to_number(member(recording.file(), "num_inference_steps"));
  for (size_t i = 0; i < times.size(); ++i) {
    const nwr_coeffs c = coefficients(path, times[i]);
    alphas.push_back(c.alpha);
    sigmas.push_back(c.sigma);
    ratios.push_back(c.sigma / c.alpha);
    uniform.push_back(1 - static_cast<double>(i) / steps);
  }
  check.state("timesteps", uniform, recording.at("timesteps"));
  check.level("alphas", alphas, recording.at("alphas"));
  check.level("sigmas", sigmas, recording.at("sigmas"));

  Plan plan;
  const bool one = name != "EulerSampler" && name != "HeunSampler";
  const std::string ours = one ? sampler_of(name, recording) : "";
  if (one) {
    plan.schedule = path;
    plan.sampler = ours;
    set_times(plan, {times});
    if (name == "PCSampler") {
      // The corrector's evaluation stands at the predictor's time.
      set_calls(plan, recording, {times},
                [](const Json& call) { return to_number(member(call, "t")); });
    }
    if (name.find("AB") != std::string::npos) {
      // Weights by systems of equations that are not centred, and REAB's by a trapezoid.
      check.set_tolerance(name == "REABSampler" ? 5e-5 : 1e-8);
    }
  } else {
    // These step x/alpha along sigma/alpha.
    plan.schedule = make_schedule(spec("edm", {{"sigma_max", text(ratios.front())}}));
    plan.sampler = name == "EulerSampler" ? "euler" : "heun";
    set_times(plan, {ratios}, name == "HeunSampler" ? 2 : 1);
    plan.final_scale = alphas.back();
  }
  for (size_t i = 0; i < plan.evaluations.size(); ++i) {
    Evaluation& at = plan.evaluations[i];
    // Heun's second stage of a step is where the next begins, the corrector's where its own does.
    size_t point = i;
    if (name == "HeunSampler") point = (i + 1) / 2;
    if (name == "PCSampler") point = i * static_cast<size_t>(steps) / plan.evaluations.size();
    at.alpha = alphas.at(point);
    at.sigma = sigmas[point];
    at.model_time = times[point];
    if (!one) at.request.scale = at.alpha;
  }
  if (!recording.at("noises").empty() && number_or(recording.settings(), "eta", 1) != 0) {
    plan.draws.emplace(recording.at("noises").size());
    std::iota(plan.draws->begin(), plan.draws->end(), 0);
  }
  // Sampler.init for data of this variance, which every recording was made with.
  constexpr double kDataVariance = 0.35;
  plan.start = checked_init(check, recording,
                            std::hypot(alphas.front() * std::sqrt(kDataVariance), sigmas.front()));
  return plan;
}

}  // namespace

Planner plan_of_azula(const Json& file) {
  const std::string name = text_or(file, "class", "");
  for (const char* ours :
       {"DDPMSampler", "DDIMSampler", "EulerSampler", "HeunSampler", "ItoSampler", "PCSampler",
        "zABSampler", "vABSampler", "zEABSampler", "xEABSampler", "REABSampler"}) {
    if (name == ours) return plan_azula;
  }
  throw Unsupported{"sampler " + name + " is not in this version"};
}

}  // namespace replay
