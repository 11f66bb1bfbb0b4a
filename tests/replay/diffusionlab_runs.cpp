// SPDX-License-Identifier: Apache-2.0
// Owns DiffusionLab's recorded runs of its two samplers with models of four kinds. Must not know
// other peers.
#include "seed_runs.hpp"

namespace replay {
namespace {

Schedule schedule_of(const std::string& process) {
  if (process == "FlowMatching") return make_schedule("diffusionlab.flow_matching");
  if (process == "OrnsteinUhlenbeck") return make_schedule("diffusionlab.ornstein_uhlenbeck");
  if (process.rfind("VE", 0) == 0) return make_schedule("ve(sigma_min=0.01,sigma_max=50)");
  throw Unsupported{"process " + process + " is not in this version"};
}

nwr_quantity quantity_of(const std::string& field) {
  if (field == "X0") return NWR_DATA;
  if (field == "EPS") return NWR_NOISE;
  if (field == "SCORE") return NWR_SCORE;
  if (field == "V") return NWR_VELOCITY;
  throw Malformed("vector field " + field);
}

std::string sampler_of(const Json& params) {
  const bool stochastic = flag_or(params, "is_stochastic", false);
  const nwr_quantity field = quantity_of(text_or(params, "vector_field", ""));
  if (text_or(params, "sampler", "") == "DDM") {
    if (!stochastic && field == NWR_NOISE) {
      throw Unsupported{"upstream defect: deterministic DDM of noise runs the stochastic update"};
    }
    return stochastic ? "diffusionlab.ddm(eta=1)" : "diffusionlab.ddm";
  }
  if (!stochastic) return "euler(last_step=plain)";
  if (field == NWR_SCORE || field == NWR_VELOCITY) {
    throw Unsupported{"upstream defect: drift of stochastic Euler-Maruyama with this field"};
  }
  return "euler-maruyama(last_step=plain)";
}

void replay_run(Check& check, const Json& file, const SeedCase& c) {
  const Json& shared = member(file, "params");
  const Numbers times = to_numbers(member(c.inputs, "ts"));
  check.state("ts", even_times(0.999, 0.001, times.size() - 1), c.inputs["ts"]);
  Array start = to_array(member(c.inputs, "x_init_unit"));
  start.data = scaled(to_number(member(shared, "x_init_scale")), start.data);
  Walk run = gaussian_walk(Model::gaussian(member(shared, "model")),
                           schedule_of(text_or(shared, "process", "")), sampler_of(c.params),
                           quantity_of(text_or(c.params, "vector_field", "")), times, start);
  run.noises = to_arrays(member(c.inputs, "zs"));
  const Json& trajectory = member(c.output, "trajectory");
  check.state("trajectory[0]", start.data, trajectory.at(0));
  check_states(check, "trajectory", walk(run), 1, trajectory, 1);
}

}  // namespace

void replay_diffusionlab_runs(const Json& file, Cases& cases) {
  each_case(file, cases, [&](Check& check, const SeedCase& c) { replay_run(check, file, c); });
}

}  // namespace replay
