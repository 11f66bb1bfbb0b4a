// SPDX-License-Identifier: Apache-2.0
// Owns azula's recorded runs of many cases a file, and those that mend them: which sampler of ours
// each is, and the weights of its Adams-Bashforth methods. Must not know other peers.
#include <algorithm>
#include <cctype>
#include <cmath>

#include "seed_runs.hpp"

namespace replay {
namespace {

// azula integrates by a trapezoid of 257 points.
constexpr double kTrapezoidTolerance = 5e-5;

struct Setup {
  std::string sampler;
  size_t evaluations = 1;  // a step
  bool draws = false;      // whether its noises are drawn by us too
  double tolerance = kTolerance64;
};

std::string lower(std::string word) {
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return word;
}

// The number that follows a key, as in "Ito_eta0.5_temp0.8".
double number_after(const std::string& name, const std::string& key, double other) {
  const size_t at = name.find(key);
  if (at == std::string::npos) return other;
  try {
    return std::stod(name.substr(at + key.size()));
  } catch (const std::exception&) {
    return other;
  }
}

Setup setup_of(const std::string& name) {
  if (name == "DDPM") return {"azula.ddpm", 1, true};
  if (name == "DDIM_eta_None") return {"ddim"};
  const double eta = number_after(name, "eta", 1);
  if (name.rfind("DDIM", 0) == 0) return {spec("azula.ddim", {{"eta", text(eta)}}), 1, eta > 0};
  if (name == "Euler") return {"azula.euler"};
  if (name == "Heun") return {"azula.heun", 2};
  if (name.rfind("Ito", 0) == 0) {
    const double temperature = number_after(name, "temp", 1);
    return {spec("azula.ito", {{"eta", text(eta)}, {"temperature", text(temperature)}}), 1,
            eta > 0};
  }
  if (name.rfind("PC", 0) == 0) {
    const double corrections = number_after(name, "_c", 1);
    return {spec("azula.pc", {{"corrections", text(corrections)},
                              {"delta", text(number_after(name, "_d", 0.01))}}),
            static_cast<size_t>(corrections) + 1, true};
  }
  throw Unsupported{"sampler " + name + " is not in this version"};
}

// "VP_zAB2" is the method zab of order 2; a method that was mended has our plain name.
Setup method_of(const std::string& name, double order, bool mended) {
  const std::string kind = lower(name.substr(name.find('_') + 1));
  const std::string method = kind.substr(0, kind.find("ab") + 2);
  const std::string sampler = mended ? method : "azula." + method;
  return {spec(sampler, {{"order", text(order)}}), 1, false,
          method == "reab" && !mended ? kTrapezoidTolerance : kTolerance64};
}

Schedule schedule_of(const Json& file, const std::string& name) {
  std::string preset = "azula." + lower(name);
  Numbers settings;
  for (const auto& [key, value] : member(member(file, "params"), name.c_str()).items()) {
    settings.push_back(to_number(value));
  }
  return make_schedule(preset, settings);
}

// ---- trajectories ----------------------------------------------------------------------------

void replay_run(Check& check, const Json& file, const SeedCase& c, const Setup& setup,
                const std::string& schedule, const Numbers& times, Array start) {
  const Model model = Model::gaussian(member(member(file, "params"), "model"));
  Walk run =
      gaussian_walk(model, schedule_of(file, schedule), setup.sampler, NWR_DATA, times, start);
  if (has(c.inputs, "noise_z")) run.noises = to_arrays(c.inputs["noise_z"]);
  const Walked walked = walk(run);
  const Json& trajectory = member(c.output, "trajectory");
  check.state("trajectory[0]", start.data, trajectory.at(0));
  check.set_tolerance(setup.tolerance);
  check_states(check, "trajectory", walked, setup.evaluations, trajectory, 1);
  if (!has(c.output, "noise_draws_used")) return;
  // azula draws for eta = 0 too, but for eta = None.
  const bool idle = setup.sampler.find("azula.") == 0 &&
                    setup.sampler.find("eta=0") != setup.sampler.npos && !setup.draws;
  check.equal("noise_draws_used", static_cast<double>(idle ? walked.states.size() : walked.draws),
              c.output["noise_draws_used"]);
}

void replay_trajectory_case(Check& check, const Json& file, const SeedCase& c) {
  const Numbers times = to_numbers(member(c.inputs, "timesteps"));
  const double steps = to_number(member(member(file, "params"), "steps"));
  check.state("inputs.timesteps", even_times(1, 0, static_cast<size_t>(steps)),
              c.inputs["timesteps"]);
  Array start = to_array(member(c.inputs, "x_init_unit"));
  start.data = scaled(to_number(member(c.params, "x_init_scale")), start.data);
  const bool mended = text_or(file, "source", "").rfind("spec.md", 0) == 0;
  Setup setup;
  if (text_or(c.params, "kappa", "") == "eta^2*tau") {
    setup = {spec("ddim", {{"eta", text(to_number(member(c.params, "eta")))}}), 1, true};
  } else if (has(c.params, "sampler")) {
    setup = setup_of(text_or(c.params, "sampler", ""));
  } else {
    setup = method_of(c.name, to_number(member(c.params, "order")), mended);
  }
  replay_run(check, file, c, setup, text_or(c.params, "schedule", ""), times, start);
}

// The exact solution, which a fine run of fourth order reaches.
void replay_endpoint(Check& check, const Json& file, const SeedCase& c) {
  const std::string schedule = c.name.substr(0, c.name.find('_'));
  const Model model = Model::gaussian(member(member(file, "params"), "model"));
  const Schedule path = schedule_of(file, schedule);
  Array start = to_array(member(c.inputs, "x_init_unit"));
  start.data =
      scaled(schedule == "VE" ? to_number(file["params"]["VE"]["sigma_max"]) : 1, start.data);
  constexpr size_t kSteps = 4096;
  const Numbers times = even_times(1, 0, kSteps);
  const Walked walked =
      walk(gaussian_walk(model, path, "rk4(last_step=plain)", NWR_VELOCITY, times, start));
  check.set_tolerance(1e-8);
  check.state("x_final", walked.states.back(), member(c.output, "x_final"));
}

// ---- weights of the Adams-Bashforth methods ---------------------------------------------------

// x' = carry x + scale sum of weight_j F_j; data is what the model must say for F = f.
struct Method {
  double (*node)(const nwr_coeffs& c);
  nwr_quantity prediction;
  double (*carry)(const nwr_coeffs& from, const nwr_coeffs& to);
  double (*scale)(const nwr_coeffs& from, const nwr_coeffs& to);
  double (*output)(const nwr_coeffs& c, double x, double f);
};

double ratio_node(const nwr_coeffs& c) { return c.sigma / c.alpha; }
double share_node(const nwr_coeffs& c) { return c.sigma / (c.alpha + c.sigma); }
double log_node(const nwr_coeffs& c) { return -c.lambda; }
double norm(const nwr_coeffs& c) { return std::hypot(c.alpha, c.sigma); }
double itself(const nwr_coeffs&, double, double f) { return f; }

double alpha_carry(const nwr_coeffs& a, const nwr_coeffs& b) { return b.alpha / a.alpha; }
double alpha_scale(const nwr_coeffs&, const nwr_coeffs& b) { return b.alpha; }

Method method_named(const std::string& name) {
  if (name == "zab") return {ratio_node, NWR_NOISE, alpha_carry, alpha_scale, itself};
  if (name == "zeab") return {log_node, NWR_NOISE, alpha_carry, alpha_scale, itself};
  if (name == "xeab") {
    return {log_node, NWR_DATA,
            [](const nwr_coeffs& a, const nwr_coeffs& b) { return b.sigma / a.sigma; },
            [](const nwr_coeffs&, const nwr_coeffs& b) { return -b.sigma; }, itself};
  }
  if (name == "vab") {
    return {share_node, NWR_NOISE,
            [](const nwr_coeffs& a, const nwr_coeffs& b) {
              return (b.alpha + b.sigma) / (a.alpha + a.sigma);
            },
            [](const nwr_coeffs&, const nwr_coeffs& b) { return b.alpha + b.sigma; },
            // noise - data = f
            [](const nwr_coeffs& c, double x, double f) {
              return (c.alpha * f + x) / (c.alpha + c.sigma);
            }};
  }
  if (name == "reab") {
    return {log_node, NWR_DATA,
            [](const nwr_coeffs& a, const nwr_coeffs& b) { return norm(b) / norm(a); },
            [](const nwr_coeffs& a, const nwr_coeffs& b) { return std::hypot(b.alpha, a.sigma); },
            // (alpha x/norm - norm data)/sigma = f
            [](const nwr_coeffs& c, double x, double f) {
              return (c.alpha * x / norm(c) - c.sigma * f) / norm(c);
            }};
  }
  throw Unsupported{"method " + name + " is not in this version"};
}

// The weights of each step, oldest prediction first, from runs that predict 1 at one evaluation.
std::vector<Numbers> weights_of(const Method& method, const std::string& sampler,
                                const Schedule& schedule, const Numbers& times, size_t order) {
  const size_t steps = times.size() - 1;
  const auto at = coefficients(schedule, times);
  std::vector<Numbers> out(steps);
  for (size_t one = 0; one < steps; ++one) {
    Walk run;
    run.schedule = schedule;
    run.sampler = sampler;
    run.prediction = method.prediction;
    run.times = times;
    run.start = {{1, 1}, {0}};
    run.model = [&](size_t i, double, const Numbers& x) {
      return Numbers{method.output(at[i], x[0], i == one ? 1 : 0)};
    };
    const Walked walked = walk(run);
    for (size_t i = one; i < steps; ++i) {
      const size_t length = std::min(order, i + 1);
      if (i - one >= length) continue;
      const double before = i == 0 ? 0 : walked.states[i - 1][0];
      const double moved = walked.states[i][0] - method.carry(at[i], at[i + 1]) * before;
      out[i].push_back(moved / method.scale(at[i], at[i + 1]));
    }
  }
  return out;
}

void check_weights(Check& check, const std::string& field, const std::vector<Numbers>& weights,
                   const Json& recorded) {
  check.require(recorded.size() == weights.size(), "count of " + field);
  for (size_t i = 0; i < weights.size() && i < recorded.size(); ++i) {
    check.state(indexed(field.c_str(), i), weights[i], recorded[i]);
  }
}

// Of the mended method, which a case holds beside its trajectory.
void replay_mended_weights(Check& check, const Json& file, const SeedCase& c) {
  Method method = method_named("reab");
  method.scale = [](const nwr_coeffs&, const nwr_coeffs& to) { return norm(to); };
  const double order = to_number(member(c.params, "order"));
  const Schedule schedule = schedule_of(file, text_or(c.params, "schedule", ""));
  const Numbers times = to_numbers(member(c.inputs, "timesteps"));
  check_weights(check, "coeffs",
                weights_of(method, spec("reab", {{"order", text(order)}}), schedule, times,
                           static_cast<size_t>(order)),
                member(c.output, "coeffs"));
}

void replay_weights(Check& check, const Json& file, const SeedCase& c) {
  const std::string name = c.name.substr(0, c.name.rfind("_coeffs"));
  const std::string kind = lower(name.substr(name.find('_') + 1));
  const Method method = method_named(kind);
  const Schedule schedule = schedule_of(file, name.substr(0, name.find('_')));
  const Numbers times = to_numbers(member(c.inputs, "timesteps"));
  check.level("u", column(coefficients(schedule, times), method.node), member(c.output, "u"));
  check.set_tolerance(kind == "reab" ? kTrapezoidTolerance : 1e-9);
  for (const size_t order : {size_t{2}, size_t{3}}) {
    const std::string field = "order" + std::to_string(order) + "_step_i";
    check_weights(check, field,
                  weights_of(method, spec("azula." + kind, {{"order", std::to_string(order)}}),
                             schedule, times, order),
                  member(c.output, field.c_str()));
  }
}

}  // namespace

void replay_azula_runs(const Json& file, Cases& cases) {
  each_case(file, cases, [&](Check& check, const SeedCase& c) {
    const auto ends = [&](const std::string& end) {
      return c.name.size() > end.size() &&
             c.name.compare(c.name.size() - end.size(), end.size(), end) == 0;
    };
    if (ends("_coeffs")) return replay_weights(check, file, c);
    if (ends("_endpoint")) return replay_endpoint(check, file, c);
    replay_trajectory_case(check, file, c);
    if (has(c.output, "coeffs")) replay_mended_weights(check, file, c);
  });
}

// The clock and the schedule's coefficients are of single precision, the states are not.
void replay_azula_clocks(const Json& file, Cases& cases) {
  each_case(file, cases, [&](Check& check, const SeedCase& c) {
    if (has(c.output, "x_T")) {
      const nwr_coeffs at =
          coefficients(schedule_of(file, "VP"), to_number(member(c.output, "timesteps0")));
      const Numbers mean = to_numbers(member(c.output, "mean"));
      const Numbers z = to_numbers(member(c.output, "z"));
      const double spread =
          std::hypot(at.alpha * std::sqrt(to_number(member(c.output, "var"))), at.sigma);
      Numbers x(z.size());
      for (size_t i = 0; i < x.size(); ++i) x[i] = at.alpha * mean[i % mean.size()] + spread * z[i];
      check.set_tolerance(kTolerance32);
      check.state("x_T", x, c.output["x_T"]);
      return;
    }
    const std::string sampler = c.name.substr(c.name.find('_') + 1);
    Setup setup = setup_of(sampler.substr(0, sampler.find("_start")));
    setup.tolerance = kTolerance32;
    const Numbers times = to_numbers(member(c.output, "timesteps"));
    const double steps = to_number(member(member(file, "params"), "steps"));
    if (c.name.find("steps") == std::string::npos) {
      check.equal("count of timesteps", steps + 1, static_cast<double>(times.size()));
    }
    check.state("timesteps",
                even_times(number_after(c.name, "_start", 1), number_after(c.name, "_stop", 0),
                           times.size() - 1),
                c.output["timesteps"]);
    replay_run(check, file, c, setup, "VP", times, to_array(member(c.inputs, "x_init")));
  });
}

}  // namespace replay
