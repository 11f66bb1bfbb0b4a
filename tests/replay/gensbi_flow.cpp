// SPDX-License-Identifier: Apache-2.0
// Owns GenSBI's flow matching: schedulers, conversions, a change of schedule, and the parts of its
// SDE solvers that are right. Must not know its other schedulers or samplers.
#include <cmath>

#include "model.hpp"
#include "seeds.hpp"

namespace replay {
namespace {

Schedule scheduler_of(const std::string& name, const Json& params) {
  const std::string poly = "Polynomial_n";
  if (name.rfind(poly, 0) == 0)
    return make_schedule("gensbi.fm_poly(n=" + name.substr(poly.size()) + ")");
  if (name == "CondOT") return make_schedule("gensbi.fm_condot");
  if (name == "LinearVP") return make_schedule("gensbi.fm_linear_vp");
  if (name == "Cosine") return make_schedule("gensbi.fm_cosine");
  if (name != "VP") throw Unsupported{"scheduler " + name + " is not in this version"};
  if (!has(params, "VP")) return make_schedule("gensbi.fm_vp");
  return make_schedule("gensbi.fm_vp", params["VP"], {"beta_min", "beta_max"});
}

// Upstream's snr is alpha/sigma. Where its inverse leaves the clock, ours has no time.
void check_inverse(Check& check, const SeedCase& c, const Schedule& path) {
  const Numbers levels = to_numbers(member(c.inputs, "snr"));
  const Json& recorded = member(c.output, "snr_inverse");
  check.require(recorded.size() == levels.size(), "count of snr_inverse");
  for (size_t i = 0; i < levels.size() && i < recorded.size(); ++i) {
    const std::string where = indexed("snr_inverse", i);
    const double theirs = to_number(recorded[i]);
    if (theirs >= 0 && theirs <= 1) {
      check.state(where, {time_of_ratio(path, 1 / levels[i])}, recorded[i]);
    } else {
      const double first = coefficients(path, theirs < 0 ? 0.0 : 1.0).lambda;
      check.require(theirs < 0 ? std::log(levels[i]) < first : std::log(levels[i]) > first, where);
    }
  }
}

// "schedule_transform_A->B_of_v=-0.3x+t": a velocity on A, asked for on B. The data and the noise
// of a state are the same on both.
void check_change(Check& check, const SeedCase& c, const Json& params) {
  const std::string begin = "schedule_transform_";
  const size_t arrow = c.name.find("->"), end = c.name.find("_of_v=-0.3x+t");
  if (c.name.rfind(begin, 0) != 0 || arrow == std::string::npos || end == std::string::npos) {
    throw Unsupported{"a change of schedule of another velocity is not in this version"};
  }
  const Schedule from = scheduler_of(c.name.substr(begin.size(), arrow - begin.size()), params);
  const Schedule to = scheduler_of(c.name.substr(arrow + 2, end - arrow - 2), params);
  const Array times = times_of(member(c.inputs, "t")), x = to_array(member(c.inputs, "x"));
  if (x.row_size() != 1 || x.data.size() != times.data.size()) throw Malformed("x does not fit t");
  Array there = times, state = x, velocity = x;
  for (size_t i = 0; i < x.data.size(); ++i) {
    const nwr_coeffs after = coefficients(to, times.data[i]);
    there.data[i] = time_of_ratio(from, after.sigma / after.alpha);
    const nwr_coeffs before = coefficients(from, there.data[i]);
    state.data[i] *= std::hypot(before.alpha, before.sigma) / std::hypot(after.alpha, after.sigma);
    velocity.data[i] = -0.3 * state.data[i] + there.data[i];
  }
  const auto ends = transform(from, there, {{NWR_STATE, &state}, {NWR_VELOCITY, &velocity}},
                              {NWR_DATA, NWR_NOISE});
  const Array data{x.shape, ends[0]}, noise{x.shape, ends[1]};
  check.state("u",
              transform(to, times, {{NWR_DATA, &data}, {NWR_NOISE, &noise}}, {NWR_VELOCITY})[0],
              member(c.output, "u"));
}

}  // namespace

void replay_gensbi_flow_schedulers(const Json& file, Cases& cases) {
  each_case(file, cases, [&](Check& check, const SeedCase& c) {
    const Schedule path = scheduler_of(c.name, member(file, "params"));
    check_columns(
        check, c.output, coefficients(path, to_numbers(member(c.inputs, "t"))),
        {{"alpha", alpha_of}, {"sigma", sigma_of}, {"d_alpha", dalpha_of}, {"d_sigma", dsigma_of}});
    check_inverse(check, c, path);
  });
}

void replay_gensbi_flow_conversions(const Json& file, Cases& cases) {
  each_case(file, cases, [&](Check& check, const SeedCase& c) {
    const Json& params = member(file, "params");
    if (has(c.output, "u")) return check_change(check, c, params);
    const Array f = to_array(member(c.inputs, "f"));
    check_conversions(check, c.output, scheduler_of(c.name, params),
                      times_of(member(c.inputs, "t")), to_array(member(c.inputs, "x")), f,
                      {{"target_to_velocity", NWR_DATA, NWR_VELOCITY},
                       {"epsilon_to_velocity", NWR_NOISE, NWR_VELOCITY},
                       {"velocity_to_target", NWR_VELOCITY, NWR_DATA},
                       {"epsilon_to_target", NWR_NOISE, NWR_DATA},
                       {"velocity_to_epsilon", NWR_VELOCITY, NWR_NOISE},
                       {"target_to_epsilon", NWR_DATA, NWR_NOISE}});
  });
}

void replay_gensbi_flow_sde(const Json& file, Cases& cases) {
  each_case(file, cases, [](Check& check, const SeedCase& c) {
    const Schedule path = make_schedule("gensbi.fm_condot");
    const Array x = to_array(member(c.inputs, "x")), time = filled({}, std::stod(c.name));
    check.equal("mu0", 0, member(c.params, "mu0"));
    check.equal("sigma0", 1, member(c.params, "sigma0"));
    const nwr_coeffs at = coefficients(path, time.data[0]);
    const auto answer = Model::gaussian(c.params).answer(x.data, at.alpha, at.sigma);
    const Array data{x.shape, answer.denoised}, noise{x.shape, answer.noise};
    const Array velocity{x.shape, transform(path, time, {{NWR_DATA, &data}, {NWR_NOISE, &noise}},
                                            {NWR_VELOCITY})[0]};
    check.state("velocity", velocity.data, member(c.output, "velocity"));
    const Numbers score = convert(path, time, x, {NWR_VELOCITY, &velocity}, NWR_SCORE);
    for (const char* name : {"true_score", "correct_formula_(t*v-x)/(1-t)"}) {
      check.state(name, score, member(c.output, name));
    }
    const std::string norm = text(to_number(member(c.params, "alpha")));
    for (const auto& [name, form] : {std::pair<const char*, const char*>{"zeroends_g", "zero-ends"},
                                     {"nonsingular_g", "non-singular"}}) {
      const std::string weight =
          spec("diffusion", {{"form", form}, {"norm", norm}, {"convention", "g"}});
      check.state(name, weigh(path, weight, time.data), member(c.output, name));
    }
  });
  for (const auto& [name, output] : member(file, "outputs").items()) {
    leave_out(cases, name + " get_score_upstream and drifts of it",
              "upstream's defect: the velocity's sign in its score");
  }
}

}  // namespace replay
