// SPDX-License-Identifier: Apache-2.0
// Owns GenSBI's score matching: the SDEs' coefficients, its path, losses, prior and random times.
// Must not know its other schedulers or samplers.
#include <cmath>
#include <iterator>

#include "seeds.hpp"

namespace replay {
namespace {

bool is_vp(const std::string& name) { return name.rfind("VPSm", 0) == 0; }

Schedule sde_of(const std::string& name, const Json& params) {
  return is_vp(name) ? make_schedule("gensbi.sm_vp", params, {"beta_min", "beta_max", "e_s"})
                     : make_schedule("gensbi.sm_ve", params, {"sigma_min", "sigma_max", "e_s"});
}

Table table_of(const std::string& name, const Schedule& sde, const Numbers& times) {
  const auto rows = coefficients(sde, times);
  Table out = {{"marginal_mean_coeff", column(rows, alpha_of)},
               {"marginal_std", column(rows, sigma_of)},
               {"drift_at_x_eq_1", column(rows, dlog_alpha_of)},
               {"diffusion", weigh(sde, "diffusion(convention=g)", times)},
               {"weight", weigh(sde, "gensbi.weight", times)}};
  if (is_vp(name)) {
    // The integral of beta, and beta.
    out.emplace_back("alpha_t", column(rows, [](const nwr_coeffs& c) { return -2 * c.log_alpha; }));
    out.emplace_back("beta_t", column(rows, [](const nwr_coeffs& c) { return -2 * c.dlog_alpha; }));
  } else {
    out.emplace_back("sigma", column(rows, sigma_of));
  }
  return out;
}

// Upstream's formulas, step by step: 1 - exp(-B) cancels where t is small.
SingleRow vp_at(Single t, Single low, Single high) {
  const Single beta = low + (high - low) * t;
  const Single integral = low * t + 0.5 * (high - low) * squared(t);
  const Single g = sqrt(beta);
  return {{"marginal_mean_coeff", exp(-0.5 * integral)},
          {"marginal_std", sqrt(1 - exp(-integral))},
          {"drift_at_x_eq_1", -0.5 * beta},
          {"diffusion", g},
          {"weight", squared(g)},
          {"alpha_t", integral},
          {"beta_t", beta}};
}
SingleRow ve_at(Single t, Single low, Single high) {
  const Single rate = log(high) - log(low);
  const Single sigma = exp(log(low) + t * rate), g = sigma * sqrt(2 * rate);
  return {{"marginal_mean_coeff", 1}, {"marginal_std", sigma}, {"drift_at_x_eq_1", 0},
          {"diffusion", g},           {"weight", squared(g)},  {"sigma", sigma}};
}

SingleTable bounds_of(const SeedCase& c, const Numbers& times) {
  const auto param = [&](const char* name) { return Single(to_number(member(c.params, name))); };
  return single_table(times, [&](Single t) {
    return is_vp(c.name) ? vp_at(t, param("beta_min"), param("beta_max"))
                         : ve_at(t, param("sigma_min"), param("sigma_max"));
  });
}

// ---- the path and what is made of it ---------------------------------------------------------

// Of the coordinates. Upstream's loss was called with weights that the recording does not hold:
// these were found from its two losses with weights, which they give to the digits of float32.
constexpr double kWeights[] = {1, 2, 0.5};

struct Batch {
  Array times, state, target;
  Numbers weight;  // g^2 of each sample
};

// The mean over samples of the sum over coordinates of w g^2 (F - score)^2, for F = -x/2 + t/10.
template <class W>
double loss_of(const Batch& batch, W&& weight_of_coordinate) {
  double sum = 0;
  for (size_t i = 0; i < batch.state.data.size(); ++i) {
    const size_t sample = i / batch.state.row_size();
    const double f = -0.5 * batch.state.data[i] + 0.1 * batch.times.data[sample];
    sum += weight_of_coordinate(i % batch.state.row_size()) * batch.weight[sample] *
           std::pow(f - batch.target.data[i], 2);
  }
  return sum / static_cast<double>(batch.state.rows());
}

void check_losses(Check& check, const Batch& batch, const Json& output) {
  // Upstream rounds F and the score to float32 before it subtracts and squares.
  constexpr double kTolerance = 5e-7;
  const auto compare = [&](const char* name, double ours) {
    check.near(name, {ours}, member(output, name), kTolerance);
  };
  compare("loss_F=-0.5x+0.1t", loss_of(batch, [](size_t) { return 1.0; }));
  compare("loss_with_weights", loss_of(batch, [](size_t k) { return kWeights[k]; }));
  // A coordinate that is conditioned on is data, and adds nothing.
  compare("loss_condition_mask_dim0", loss_of(batch, [](size_t k) { return k == 0 ? 0.0 : 1.0; }));
}

// The library's times are an even map of its uniforms; the same map of recorded uniforms.
Numbers times_of_uniforms(const Schedule& sde, const Numbers& uniforms) {
  const nwr_rng rng{1, 0, 0};
  const Numbers u = random_uniforms(rng, 2), t = random_times(sde, rng, 2);
  Numbers out;
  for (const double x : uniforms) out.push_back(t[0] + (x - u[0]) * (t[1] - t[0]) / (u[1] - u[0]));
  return out;
}

}  // namespace

void replay_gensbi_score_sde(const Json& file, Cases& cases) {
  const bool single = is_single(file);
  each_case(file, cases, [&](Check& check, const SeedCase& c) {
    const Numbers times = to_numbers(member(c.inputs, "t"));
    const Schedule sde = sde_of(c.name, c.params);
    check.equal("T", ends_of(sde).noise, member(c.output, "T"));
    check_table(check, c.output, table_of(c.name, sde, times),
                single ? bounds_of(c, times) : SingleTable());
  });
}

void replay_gensbi_score_path(const Json& file, Cases& cases) {
  each_case(file, cases, [](Check& check, const SeedCase& c) {
    const Schedule sde = make_schedule(is_vp(c.name) ? "gensbi.sm_vp" : "gensbi.sm_ve");
    const Array noise = to_array(member(c.inputs, "x_0")), data = to_array(member(c.inputs, "x_1"));
    if (noise.shape != data.shape || noise.row_size() != std::size(kWeights)) {
      throw Malformed("x_0 and x_1 do not fit");
    }
    Batch batch;
    batch.times = times_of(member(c.inputs, "t"));
    batch.weight = weigh(sde, "gensbi.weight", batch.times.data);
    const auto results = transform(sde, batch.times, {{NWR_DATA, &data}, {NWR_NOISE, &noise}},
                                   {NWR_STATE, NWR_SCORE});
    batch.state = {data.shape, results[0]};
    batch.target = {data.shape, results[1]};
    check.state("x_t", batch.state.data, member(c.output, "x_t"));
    check.state("std_t", column(coefficients(sde, batch.times.data), sigma_of),
                member(c.output, "std_t"));
    check.state("noise", noise.data, member(c.output, "noise"));
    check.state("score_target", batch.target.data, member(c.output, "score_target"));
    check_losses(check, batch, c.output);
    const Json& random = member(c.output, "sample_t_from_u");
    check.state("sample_t_from_u", times_of_uniforms(sde, to_numbers(member(random, "u"))),
                member(random, "t"));
    if (is_vp(c.name)) return;
    // The noise end's state is its noise times sigma, but for the data that alpha leaves.
    const Array none = filled(data.shape, 0), end = filled({}, ends_of(sde).noise);
    check.state("sample_prior_for_z=x0",
                transform(sde, end, {{NWR_DATA, &none}, {NWR_NOISE, &noise}}, {NWR_STATE})[0],
                member(c.output, "sample_prior_for_z=x0"));
  });
  for (const auto& [name, output] : member(file, "outputs").items()) {
    if (!is_vp(name)) continue;
    leave_out(cases, name + " sample_prior",
              "upstream's defect: unit normals, though sigma is 0.88 at its noise end");
  }
}

}  // namespace replay
