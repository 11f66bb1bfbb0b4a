// SPDX-License-Identifier: Apache-2.0
// Owns GenSBI's recorded runs: EDM's sampler with churn on three schedules, and the reverse SDE and
// probability flow of its score schedulers. Must not know other peers.
#include <cmath>

#include "seed_runs.hpp"

namespace replay {
namespace {

// ---- EDM ---------------------------------------------------------------------------------------

Schedule edm_schedule(const std::string& name) {
  if (name == "EDM") return make_schedule("gensbi.edm");
  if (name == "EDM-VE") return make_schedule("gensbi.edm_ve");
  // Churn leads beyond t = 1, where the formula goes on.
  if (name == "EDM-VP") {
    return make_custom(2, 0, [](double t, nwr_coeffs& c) {
      const double integral = 0.1 * t + 9.95 * t * t, beta = 0.1 + 19.9 * t;
      c.alpha = std::exp(-integral / 2);
      c.sigma = std::sqrt(-std::expm1(-integral));
      c.dalpha = -beta / 2 * c.alpha;
      c.dsigma = beta * c.alpha * c.alpha / (2 * c.sigma);
    });
  }
  throw Unsupported{"scheduler " + name + " is not in this version"};
}

Numbers edm_times(const std::string& name, const Schedule& schedule, size_t count) {
  Numbers out;
  if (name == "EDM-VP") {
    out = even_times(1, 1e-3, count - 1);
  } else {
    const char* levels = name == "EDM" ? "karras(sigma_min=0.002,sigma_max=80,rho=7)"
                                       : "exponential(sigma_min=0.02,sigma_max=100)";
    return grid(schedule, levels, count + 1);
  }
  out.push_back(0);
  return out;
}

// A state before the noise of the step that follows it was added.
Numbers before_churn(const Numbers& x, const nwr_coeffs& at, const nwr_coeffs& hat, double amount,
                     const Array& noise) {
  Numbers out(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    out[i] = (x[i] - amount * noise.data[i]) * at.alpha / hat.alpha;
  }
  return out;
}

void replay_edm_run(Check& check, const Json& file, const SeedCase& c) {
  const std::string name = c.name.substr(0, c.name.find('_'));
  const Schedule schedule = edm_schedule(name);
  const auto steps = static_cast<size_t>(to_number(member(member(file, "params"), "n_steps")));
  const Numbers times = to_numbers(member(c.output, "t_steps"));
  check.state("t_steps", edm_times(name, schedule, steps), c.output["t_steps"]);
  const Numbers levels = to_numbers(member(c.output, "sigma_steps"));
  if (times.size() != steps + 1 || levels.size() < steps)
    throw Malformed("t_steps do not fit n_steps");
  Numbers ratios;
  for (const double t : times) ratios.push_back(ratio(schedule, t));
  ratios.resize(levels.size());
  check.level("sigma_steps", ratios, c.output["sigma_steps"]);

  const nwr_coeffs first = coefficients(schedule, times[0]);
  const Array start = to_array(member(c.output, "x_start"));
  check.state("x_start", scaled(first.sigma, to_numbers(member(c.inputs, "x_1_unit"))),
              c.output["x_start"]);
  const bool heun = text_or(c.params, "method", "") == "Heun";
  const double churn = to_number(member(c.params, "S_churn"));
  const double least = number_or(c.params, "S_min", 0), most = number_or(c.params, "S_max", 1e300);
  const double s_noise = number_or(c.params, "S_noise", 1);
  Walk run = gaussian_walk(Model::gaussian(member(file, "params")), schedule,
                           spec("gensbi.edm", {{"solver", heun ? "heun" : "euler"},
                                               {"s_churn", text(churn)},
                                               {"s_min", text(least)},
                                               {"s_max", text(most)},
                                               {"s_noise", text(s_noise)},
                                               {"last_step", "plain"}}),
                           NWR_DATA, times, start);
  const auto churns = [&](size_t step) {
    return churn > 0 && levels[step] >= least && levels[step] <= most;
  };
  const std::vector<Array> noises = to_arrays(member(c.inputs, "noise_z"));
  for (size_t i = 0; i < steps; ++i) {
    if (churns(i)) run.noises.push_back(noises.at(i));
  }
  const Walked walked = walk(run);
  check.require(walked.draws == run.noises.size(), "count of noises");
  const Json& recorded = member(c.output, "trajectory_after_each_step");
  for (size_t step = 0, after = 0; step < steps; ++step) {
    after += heun && step + 1 < steps ? 2 : 1;
    Numbers x = walked.states.at(after - 1);
    if (step + 1 < steps && churns(step + 1)) {
      const nwr_coeffs at = coefficients(schedule, times[step + 1]);
      const nwr_coeffs hat = coefficients(schedule, walked.times[after]);
      const double from = at.sigma / at.alpha, to = hat.sigma / hat.alpha;
      const double amount = hat.alpha * s_noise * std::sqrt((to - from) * (to + from));
      x = before_churn(x, at, hat, amount, noises.at(step + 1));
    }
    check.state(indexed("trajectory_after_each_step", step), x, recorded.at(step));
  }
}

// ---- score matching ----------------------------------------------------------------------------

void replay_score_run(Check& check, const Json& file, const SeedCase& c) {
  const bool vp = has(c.params, "beta_min");
  const Schedule schedule =
      vp ? make_schedule("gensbi.sm_vp",
                         {to_number(c.params["beta_min"]), to_number(member(c.params, "beta_max"))})
         : make_schedule("gensbi.sm_ve", {to_number(member(c.params, "sigma_min")),
                                          to_number(member(c.params, "sigma_max"))});
  const Json& shared = member(file, "params");
  const Numbers times = to_numbers(member(c.output, "times"));
  check.state("times",
              even_times(to_number(member(shared, "T")), to_number(member(shared, "eps")),
                         static_cast<size_t>(to_number(member(shared, "n")))),
              c.output["times"]);
  const Array start = to_array(member(c.output, "x_T"));
  const double prior = vp ? 1 : coefficients(schedule, times[0]).sigma;
  check.state("x_T", scaled(prior, to_numbers(member(c.inputs, "x_prior_unit"))), c.output["x_T"]);
  const Model model = Model::gaussian(shared);
  const std::pair<const char*, const char*> runs[] = {
      {"euler-maruyama(last_step=plain)", "reverse_sde_em_trajectory"},
      {"euler(last_step=plain)", "pf_ode_euler_trajectory"}};
  for (const auto& [sampler, field] : runs) {
    Walk run = gaussian_walk(model, schedule, sampler, NWR_SCORE, times, start);
    run.noises = to_arrays(member(c.inputs, "noise_z"));
    const Json& recorded = member(c.output, field);
    check.state(indexed(field, 0), start.data, recorded.at(0));
    check_states(check, field, walk(run), 1, recorded, 1);
  }
  // Drift and diffusion at the first time.
  const nwr_coeffs at = coefficients(schedule, times[0]);
  const Array score{start.shape, predict(model, NWR_SCORE, at, start.data)};
  const Array when{{}, {times[0]}}, square{{}, {at.diffusion2}};
  const auto drifts = transform(schedule, when, {{NWR_STATE, &start}, {NWR_SCORE, &score}},
                                {NWR_DRIFT, NWR_VELOCITY}, {NWR_F64, &square});
  check.state("step0_drift", drifts[0], member(c.output, "step0_drift"));
  check.state("step0_ode_drift", drifts[1], member(c.output, "step0_ode_drift"));
  const Json& g = member(c.output, "step0_g");
  check.state("step0_g",
              Numbers(g.size(), weigh(schedule, "diffusion(convention=g)", {times[0]})[0]), g);
}

}  // namespace

void replay_gensbi_edm_runs(const Json& file, Cases& cases) {
  each_case(file, cases, [&](Check& check, const SeedCase& c) { replay_edm_run(check, file, c); });
}

void replay_gensbi_score_runs(const Json& file, Cases& cases) {
  each_case(file, cases,
            [&](Check& check, const SeedCase& c) { replay_score_run(check, file, c); });
}

}  // namespace replay
