// SPDX-License-Identifier: Apache-2.0
// Owns torchebm's recorded runs of FlowSampler. Must not know other peers.
#include <cctype>

#include "seed_runs.hpp"

namespace replay {
namespace {

nwr_quantity quantity_of(const std::string& name) {
  if (name == "velocity") return NWR_VELOCITY;
  if (name == "score") return NWR_SCORE;
  if (name == "noise") return NWR_NOISE;
  throw Malformed("prediction " + name);
}

std::string lower(std::string word) {
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return word;
}

Schedule schedule_of(const std::string& interpolant) {
  const std::string name = interpolant.substr(0, interpolant.find('_'));
  return make_schedule("torchebm." + name + "(compat=yes)");
}

struct Setup {
  std::string sampler;
  size_t evaluations = 1;  // a step
  bool last_step = false;  // one more step, of a kind of its own
};

Setup setup_of(const Json& params) {
  const std::string integrator = text_or(params, "integrator", "");
  const size_t evaluations = integrator == "heun" ? 2 : integrator == "rk4" ? 4 : 1;
  if (text_or(params, "mode", "") == "ode") {
    return {spec(integrator, {{"last_step", "plain"}}), evaluations};
  }
  const bool given = params.contains("last_step");
  const bool last = !given || params["last_step"].is_string();
  const std::string rule = last ? lower(text_or(params, "last_step", "Mean")) : "plain";
  const std::string form = lower(text_or(params, "diffusion_form", "SBDM"));
  return {spec(integrator == "heun" ? "stochastic-heun" : "euler-maruyama",
               {{"diffusion", form},
                {"norm", text(number_or(params, "diffusion_norm", 1))},
                {"last_step", rule}}),
          evaluations, last};
}

// [sample][step][i] to [step][sample][i].
Json by_step(const Json& trajectory) {
  Json out = Json::array();
  for (size_t step = 0; step < trajectory.at(0).size(); ++step) {
    Json states = Json::array();
    for (const Json& sample : trajectory) states.push_back(sample.at(step));
    out.push_back(states);
  }
  return out;
}

// FlowSampler's interval, section "check_interval" of SiT and torchebm.
void check_interval(Check& check, const SeedCase& c, const Setup& setup, double last_size) {
  const double eps = number_or(c.params, "sample_eps", 0);
  const bool vp = text_or(c.params, "interpolant", "").rfind("vp", 0) == 0;
  const bool velocity = text_or(c.params, "prediction", "") == "velocity";
  const bool sde = text_or(c.params, "mode", "") == "sde";
  const bool sbdm = lower(text_or(c.params, "diffusion_form", "SBDM")) == "sbdm";
  double begin = 0, end = 1;
  if (vp || sde || !velocity) end = 1 - (setup.last_step ? last_size : eps);
  if (!vp && (!velocity || (sde && sbdm))) begin = eps;
  check.level("t0", begin, member(c.output, "t0"));
  check.level("t1", end, member(c.output, "t1"));
}

void replay_run(Check& check, const Json& file, const SeedCase& c) {
  if (flag_or(c.params, "reverse", false)) {
    throw Unsupported{"upstream defect: the reverse ODE reads the field at the wrong time"};
  }
  const Setup setup = setup_of(c.params);
  const double last_size = to_number(member(member(file, "params"), "last_step_size_default"));
  check_interval(check, c, setup, last_size);
  const double steps = to_number(member(file["params"], "n_steps"));
  const double begin = to_number(member(c.output, "t0")), end = to_number(member(c.output, "t1"));
  Numbers times = even_times(begin, end, static_cast<size_t>(steps));
  if (setup.last_step) times.push_back(end + last_size);
  const Schedule schedule = schedule_of(text_or(c.params, "interpolant", ""));
  Walk run = gaussian_walk(Model::gaussian(member(member(file, "params"), "model")), schedule,
                           setup.sampler, quantity_of(text_or(c.params, "prediction", "")), times,
                           to_array(member(c.inputs, "x_init")));
  run.noises = to_arrays(member(c.inputs, "noise_z"));
  // Where the first amount is 0 we draw nothing for it.
  const bool idle = setup.sampler.find("increasing-decreasing") != std::string::npos && begin == 0;
  if (idle) run.noises.erase(run.noises.begin());
  Walked walked = walk(run);
  check.equal("noise_draws_used", static_cast<double>(walked.draws + (idle ? 1 : 0)),
              member(c.output, "noise_draws_used"));
  // What is recorded last includes the last step.
  if (setup.last_step) walked.states.erase(walked.states.end() - 2);
  check_states(check, "trajectory_after_each_step", walked, setup.evaluations,
               by_step(member(c.output, "trajectory_after_each_step")), 0);
}

}  // namespace

void replay_torchebm_runs(const Json& file, Cases& cases) {
  each_case(file, cases, [&](Check& check, const SeedCase& c) { replay_run(check, file, c); });
}

}  // namespace replay
