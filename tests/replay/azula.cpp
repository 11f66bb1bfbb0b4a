// SPDX-License-Identifier: Apache-2.0
// Owns azula's samplers in terms of ours, in both shapes of its recordings: a trajectory a file,
// and many cases a file. Must not know other peers.
//
// azula's eta multiplies the variance of the fresh noise, ours its standard deviation.
#include <cmath>

#include "formats.hpp"
#include "paths.hpp"

namespace replay {
namespace {

std::string ddim(double eta) { return spec("ddim", {{"eta", text(std::sqrt(eta))}}); }

// ---- one trajectory --------------------------------------------------------------------------

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
    plan.sampler = name == "DDPMSampler" ? "ddpm" : ddim(number_or(recording.settings(), "eta", 0));
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

// ---- many cases ------------------------------------------------------------------------------

struct Setup {
  std::string sampler;
  bool draws = false;  // a noise a step, even where its factor is 0
};

// "DDPM", "DDIM_eta0.3", "DDIM_eta1.7_clipped", "DDIM_eta_None"; or, with eta as the papers have
// it, eta and kappa of their own.
Setup setup_of(const Json& params) {
  if (text_or(params, "kappa", "") == "eta^2*tau") {
    return {spec("ddim", {{"eta", text(to_number(member(params, "eta")))}}), true};
  }
  if (!has(params, "sampler")) throw Unsupported{"a case without a sampler is not in this version"};
  const std::string name = text_or(params, "sampler", "");
  if (name == "DDPM") return {"ddpm", true};
  if (name == "DDIM_eta_None") return {"ddim", false};
  const std::string prefix = "DDIM_eta";
  if (name.rfind(prefix, 0) == 0) {
    try {
      return {ddim(std::stod(name.substr(prefix.size()))), true};
    } catch (const std::exception&) {
      throw Malformed("sampler " + name + " has no eta");
    }
  }
  throw Unsupported{"sampler " + name.substr(0, name.find('_')) + " is not in this version"};
}

void replay_case(Check& check, const Json& file, const Json& params, const Json& output) {
  const Json& inputs = member(file, "inputs");
  const Setup setup = setup_of(params);
  const std::string path = text_or(params, "schedule", "");
  const Json& shared = member(file, "params");
  const Model model = Model::gaussian(member(shared, "model"));
  Run run;
  run.schedule = azula_schedule(path, member(shared, path.c_str()));
  run.sampler = setup.sampler;
  run.prediction = NWR_DATA;
  const Numbers times = to_numbers(member(inputs, "timesteps"));
  const double steps = to_number(member(shared, "steps"));
  Numbers uniform;
  for (size_t i = 0; i < times.size(); ++i) uniform.push_back(1 - static_cast<double>(i) / steps);
  check.state("inputs.timesteps", uniform, inputs["timesteps"]);
  run.times = {times};
  run.start = to_array(member(inputs, "x_init_unit"));
  if (run.start.row_size() != model.dimension())
    throw Malformed("x_init_unit does not fit the model");
  for (double& x : run.start.data) x *= to_number(member(params, "x_init_scale"));
  for (const Json& noise : member(inputs, "noise_z")) run.noises.push_back(to_array(noise));
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    Request request;
    request.time = times[i];
    request.noise = setup.draws ? static_cast<int>(i) : -1;
    run.requests.push_back(request);
  }
  run.model = [&](size_t i, const Numbers& x) {
    const nwr_coeffs c = coefficients(run.schedule, times[i]);
    return model.answer(x, c.alpha, c.sigma).denoised;
  };
  const auto events = execute(run, NWR_F64);
  const Json& trajectory = member(output, "trajectory");
  check.require(trajectory.size() == times.size(), "count of trajectory");
  for (size_t i = 0; i < trajectory.size() && i < times.size(); ++i) {
    check.state(indexed("trajectory", i), i == 0 ? run.start.data : events[i - 1].after,
                trajectory[i]);
  }
  if (has(output, "noise_draws_used")) {
    check.equal("noise_draws_used", setup.draws ? static_cast<double>(events.size()) : 0,
                output["noise_draws_used"]);
  }
}

}  // namespace

Planner plan_of_azula(const Json& file) {
  const std::string name = text_or(file, "class", "");
  for (const char* ours : {"DDPMSampler", "DDIMSampler", "EulerSampler", "HeunSampler"}) {
    if (name == ours) return plan_azula;
  }
  throw Unsupported{"sampler " + name + " is not in this version"};
}

void replay_azula_seeds(const Json& file, Cases& cases) {
  const bool single = text_or(file, "dtype", "").rfind("float64", 0) != 0;
  for (const auto& [name, output] : member(file, "outputs").items()) {
    cases.run(name, [&, &name = name, &output = output](Check& check) {
      if (single) throw Unsupported{"a schedule computed in float32 is not in this version"};
      if (!has(output, "trajectory"))
        throw Unsupported{"a case without trajectory is not in this version"};
      const Json& params = member(member(file, "case_params"), name.c_str());
      replay_case(check, file, params, output);
    });
  }
}

}  // namespace replay
