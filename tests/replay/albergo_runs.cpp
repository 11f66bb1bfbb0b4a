// SPDX-License-Identifier: Apache-2.0
// Owns the recorded runs of Albergo's SDEIntegrator: two exact models, velocity and score, make the
// drift. Must not know other peers.
#include <cmath>

#include "seed_runs.hpp"

namespace replay {
namespace {

// "step_forward_heun_t0.3": one step from there; else the whole interval.
void replay_run(Check& check, const Json& file, const SeedCase& c) {
  const Json& shared = member(file, "params");
  const bool heun = c.name.find("heun") != std::string::npos;
  const bool reverse = c.name.find("reverse") != std::string::npos;
  const bool one = c.name.rfind("step", 0) == 0;
  const double eps = to_number(member(shared, "eps"));
  const Numbers ends = to_numbers(member(shared, "start_end"));
  const size_t steps = static_cast<size_t>(to_number(member(shared, "n_step"))) - 1;
  const double width = (ends.at(1) - ends.at(0)) / static_cast<double>(steps);
  Numbers times = even_times(ends[0], ends[1], steps);
  if (one) {
    const double from = std::stod(c.name.substr(c.name.rfind('t') + 1));
    times = {from, reverse ? from - width : from + width};
  }
  Walk run;
  run.schedule = make_schedule("albergo.linear(latent=brownian)");
  run.sampler = spec(heun ? "stochastic-heun" : "euler-maruyama",
                     {{"diffusion", "constant"}, {"norm", text(eps)}, {"last_step", "plain"}});
  if (heun) run.sampler.insert(run.sampler.size() - 1, ",noise=ahead");
  run.prediction = reverse ? NWR_FORWARD_DRIFT : NWR_DRIFT;
  run.times = times;
  run.start = to_array(member(c.inputs, "x_init"));
  run.noises = to_arrays(member(c.inputs, "noise_z"));
  const Model model = Model::gaussian(member(shared, "rho1"));
  // Base and latent are both normal here, of variance (1-t)^2 + t(1-t) together.
  run.model = [&](size_t, double t, const Numbers& x) {
    nwr_coeffs at{};
    at.alpha = t, at.sigma = std::sqrt(1 - t), at.dalpha = 1, at.dsigma = -0.5 / at.sigma;
    Numbers drift = predict(model, NWR_VELOCITY, at, x);
    const Numbers score = predict(model, NWR_SCORE, at, x);
    for (size_t i = 0; i < drift.size(); ++i) drift[i] += (reverse ? -eps : eps) * score[i];
    return drift;
  };
  const Walked walked = walk(run);
  if (one) {
    check.state("x", walked.states.back(), member(c.output, "x"));
    return;
  }
  check.level("dt", width, member(c.output, "dt"));
  check.equal("noise_draws_used", static_cast<double>(walked.draws),
              member(c.output, "noise_draws_used"));
  const double points = to_number(shared["n_step"]);
  const auto every = static_cast<size_t>(points / to_number(member(shared, "n_save")));
  const size_t after = every * (heun ? 2 : 1);
  Numbers saved = walked.states.at(after - 1);
  // The noise of the next step is in it already.
  const Numbers& next = run.noises.at(every).data;
  for (size_t i = 0; heun && i < saved.size(); ++i)
    saved[i] -= std::sqrt(2 * eps * width) * next[i];
  const Json& recorded = member(c.output, "xs_saved");
  check.require(recorded.size() == 2, "count of xs_saved");
  check.state("xs_saved[0]", saved, recorded.at(0));
  check.state("xs_saved[1]", walked.states.back(), recorded.at(1));
}

}  // namespace

void replay_albergo_runs(const Json& file, Cases& cases) {
  each_case(file, cases, [&](Check& check, const SeedCase& c) { replay_run(check, file, c); });
}

}  // namespace replay
