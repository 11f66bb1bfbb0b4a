// SPDX-License-Identifier: Apache-2.0
// Owns the recorded third legs, paths and transforms of Albergo et al.'s code. Must not know its
// integrators or other projects.
#include <cmath>

#include "model.hpp"
#include "seeds.hpp"

namespace replay {
namespace {

void check_gamma(Check& check, const SeedCase& c, const std::string& name) {
  const Schedule path = make_schedule(spec("linear", {{"latent", name == "zero" ? "none" : name}}));
  const Numbers times = to_numbers(member(c.inputs, "t"));
  check_columns(check, c.output, coefficients(path, times),
                {{"gamma", gamma_of}, {"gg_dot", gamma_dgamma_of}});
  check.state("gamma_dot", gamma_slopes(path, times), member(c.output, "gamma_dot"));
}

// a is of x0, noise, and b of x1, data; those of a mirror are of the latent and of data.
void check_path(Check& check, const SeedCase& c, const std::string& name) {
  const Schedule path = make_schedule("albergo." + name);
  const Numbers times = to_numbers(member(c.inputs, "t"));
  const auto rows = coefficients(path, times);
  const bool mirror = name == "mirror";
  check.state("a", column(rows, mirror ? gamma_of : sigma_of), member(c.output, "a"));
  check.state("a_dot", mirror ? gamma_slopes(path, times) : column(rows, dsigma_of),
              member(c.output, "a_dot"));
  check_columns(check, c.output, rows, {{"b", alpha_of}, {"b_dot", dalpha_of}});
}

}  // namespace

void replay_albergo_fabrics(const Json& file, Cases& cases) {
  // The steepness of the sigmoid, which ours has built in.
  const double steepness = 10;
  each_case(file, cases, [&](Check& check, const SeedCase& c) {
    check.set_tolerance(1e-12);
    if (c.name == "gamma_sigmoid") {
      check.equal("sigmoid_f", steepness, member(member(file, "params"), "sigmoid_f"));
    }
    const size_t line = c.name.find('_');
    const std::string kind = c.name.substr(0, line), name = c.name.substr(line + 1);
    kind == "gamma" ? check_gamma(check, c, name) : check_path(check, c, name);
  });
}

void replay_albergo_transforms(const Json& file, Cases& cases) {
  each_case(file, cases, [&](Check& check, const SeedCase& c) {
    check.set_tolerance(1e-12);
    const Json& params = member(file, "params");
    const Schedule path = make_schedule(
        spec("albergo." + text_or(params, "path", ""), {{"latent", text_or(params, "gamma", "")}}));
    const Array x = to_array(member(c.inputs, "x")), time = filled({}, std::stod(c.name));
    // Noise and latent are both unit normals: together one, of standard deviation spread.
    const nwr_coeffs at = coefficients(path, time.data[0]);
    const double spread = std::hypot(at.sigma, at.gamma);
    const auto answer = Model::gaussian(member(params, "rho1")).answer(x.data, at.alpha, spread);
    const Array data{x.shape, answer.denoised};
    const Array noise{x.shape, scaled(at.sigma / spread, answer.noise)};
    const Array eta{x.shape, scaled(-at.gamma / spread, answer.noise)};
    const std::vector<Quantity> all = {
        {NWR_DATA, &data}, {NWR_NOISE, &noise}, {NWR_NEGATIVE_LATENT, &eta}};
    const auto results =
        transform(path, time, all, {NWR_STATE, NWR_SCORE, NWR_PATH_VELOCITY, NWR_VELOCITY});
    check.require(results[0].size() == x.data.size(), "x");
    check.state("x", results[0], member(c.inputs, "x"));
    check.state("eta_upstream_sign", eta.data, member(c.output, "eta_upstream_sign"));
    check.state("s", results[1], member(c.output, "s"));
    check.state("v", results[2], member(c.output, "v"));
    check.state("b_exact", results[3], member(c.output, "b_exact"));
    const Array score{x.shape,
                      transform(path, time, {{NWR_NEGATIVE_LATENT, &eta}}, {NWR_SCORE})[0]};
    const Array velocity{x.shape, results[2]};
    check.state("SFromEta", score.data, member(c.output, "SFromEta"));
    const auto drifts = transform(path, time, {{NWR_PATH_VELOCITY, &velocity}, {NWR_SCORE, &score}},
                                  {NWR_VELOCITY, NWR_NAMI_DRIFT});
    check.state("BFromVS", drifts[0], member(c.output, "BFromVS"));
    const char* plus = "v_plus_gg_s (nami pre-0.1 sign)";
    check.state(plus, drifts[1], member(c.output, plus));
  });
}

}  // namespace replay
