// SPDX-License-Identifier: Apache-2.0
// Owns azula's recorded trajectories, one a file, in terms of our samplers. Must not know other
// peers.
#include <cmath>

#include "formats.hpp"
#include "paths.hpp"

namespace replay {
namespace {

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
  const bool ancestral = name == "DDPMSampler" || name == "DDIMSampler";
  if (ancestral) {
    plan.schedule = path;
    plan.sampler =
        name == "DDPMSampler"
            ? "ddpm"
            : spec("azula.ddim", {{"eta", text(number_or(recording.settings(), "eta", 0))}});
    set_times(plan, {times});
    check.require(recording.at("noises").size() == plan.evaluations.size(), "count of noises");
  } else {
    // These step x/alpha along sigma/alpha.
    plan.schedule = make_schedule(spec("edm", {{"sigma_max", text(ratios.front())}}));
    plan.sampler = name == "EulerSampler" ? "euler" : "heun";
    set_times(plan, {ratios}, name == "HeunSampler" ? 2 : 1);
    plan.final_scale = alphas.back();
  }
  size_t step = 0;
  for (size_t i = 0; i < plan.evaluations.size(); ++i) {
    Evaluation& at = plan.evaluations[i];
    if (step < plan.step_starts.size() && plan.step_starts[step] == i) ++step;
    // The second stage of a step is where the next begins.
    const size_t point = plan.step_starts[step - 1] == i ? step - 1 : step;
    at.alpha = alphas[point];
    at.sigma = sigmas[point];
    at.model_time = times[point];
    if (ancestral) {
      at.request.noise = static_cast<int>(i);
    } else {
      at.request.scale = alphas[point];
    }
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
  for (const char* ours : {"DDPMSampler", "DDIMSampler", "EulerSampler", "HeunSampler"}) {
    if (name == ours) return plan_azula;
  }
  throw Unsupported{"sampler " + name + " is not in this version"};
}

}  // namespace replay
