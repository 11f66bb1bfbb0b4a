// SPDX-License-Identifier: Apache-2.0
// Owns nami's recorded runs: its fixed-step solvers and DPM-Solver++. Must not know other peers.
#include "seed_runs.hpp"

namespace replay {
namespace {

void replay_run(Check& check, const Json& file, const SeedCase& c) {
  const std::string path = c.name.substr(0, c.name.find('_'));
  const std::string method = c.name.substr(c.name.find('_') + 1);
  const Schedule schedule = make_schedule("nami." + path);
  const double begin = to_number(member(c.params, "t0")), end = to_number(member(c.params, "t1"));
  const auto steps = static_cast<size_t>(to_number(member(member(file, "params"), "steps")));
  Numbers times = even_times(begin, end, steps);
  std::string sampler;
  if (has(c.params, "order")) {
    sampler = spec("nami.dpmpp", {{"order", text(to_number(c.params["order"]))}});
    const bool even = text_or(c.params, "skip_type", "") == "time_uniform";
    check.state("times", even ? times : grid(schedule, "logsnr", steps + 1, begin, end),
                member(c.output, "times"));
    times = to_numbers(c.output["times"]);
  } else if (method == "reverse_sde_em") {
    sampler = "euler-maruyama(last_step=plain)";
  } else if (method == "pfode_heun" || method == "pfode_rk4") {
    sampler = method.substr(method.find('_') + 1) + "(last_step=plain)";
  } else {
    throw Unsupported{"method " + method + " is not in this version"};
  }
  Walk run = gaussian_walk(Model::gaussian(member(member(file, "params"), "model")), schedule,
                           sampler, NWR_DATA, times, to_array(member(c.params, "x_init")));
  run.noises = to_arrays(member(c.inputs, "noise_z"));
  check.state("x_final", walk(run).states.back(), member(c.output, "x_final"));
}

}  // namespace

void replay_nami_runs(const Json& file, Cases& cases) {
  each_case(file, cases, [&](Check& check, const SeedCase& c) { replay_run(check, file, c); });
}

}  // namespace replay
