// SPDX-License-Identifier: Apache-2.0
// Owns azula's recorded schedules and preconditionings. Must not know its samplers.
#include <cmath>

#include "seeds.hpp"

namespace replay {
namespace {

// "DecaySchedule_gamma0.999" is a DecaySchedule.
std::string class_of(const std::string& name) { return name.substr(0, name.find('_')); }

// The fraction of the way along a line from alpha = 1 to alpha_min.
Numbers places(const std::vector<nwr_coeffs>& rows, double alpha_min) {
  Numbers out;
  for (const nwr_coeffs& c : rows) out.push_back((1 - c.alpha) / (1 - alpha_min));
  return out;
}

// Upstream's formulas and what automatic differentiation makes of them, step by step.
SingleRow row_of(Single alpha, Single sigma, Single dalpha, Single dsigma) {
  return {{"alpha", alpha},
          {"sigma", sigma},
          {"d_alpha_autograd", dalpha},
          {"d_sigma_autograd", dsigma}};
}
// sigma = sqrt(1 - alpha^2 + sigma_min^2).
SingleRow preserving(Single alpha, Single dalpha, Single sigma_min) {
  const Single sigma = sqrt(1 - squared(alpha) + squared(sigma_min));
  return row_of(alpha, sigma, dalpha, -alpha * dalpha / sigma);
}
SingleRow straight(Single place, Single slope, Single alpha_min, Single sigma_min) {
  return row_of((1 - place) + place * alpha_min, (1 - place) * sigma_min + place,
                slope * (alpha_min - 1), slope * (1 - sigma_min));
}
SingleRow single_row(const std::string& name, const Json& params, Single t) {
  const auto param = [&](const char* key) { return Single(to_number(member(params, key))); };
  const Single sigma_min = param("sigma_min");
  if (name == "VESchedule") {
    const Single first = log(sigma_min), last = log(param("sigma_max"));
    const Single sigma = exp((1 - t) * first + t * last);
    return row_of(1, sigma, 0, sigma * (last - first));
  }
  const Single alpha_min = param("alpha_min");
  if (name == "VPSchedule") {
    const Single rate = log(alpha_min), alpha = exp(squared(t) * rate);
    return preserving(alpha, 2 * t * rate * alpha, sigma_min);
  }
  if (name == "CosineSchedule") {
    const Single angle = std::acos(to_number(params["alpha_min"]));
    return preserving(cos(angle * t), -angle * sin(angle * t), sigma_min);
  }
  if (name == "RectifiedSchedule") return straight(t, 1, alpha_min, sigma_min);
  const Single gamma = param("gamma"), rate = log(gamma), grown = exp(t * rate);
  const Single place = (1 - grown) / (1 - gamma);
  SingleRow row = straight(place, rate * grown / (gamma - 1), alpha_min, sigma_min);
  row.emplace_back("tau", place);
  return row;
}

}  // namespace

void replay_azula_schedules(const Json& file, Cases& cases) {
  const bool single = is_single(file);
  each_case(file, cases, [&](Check& check, const SeedCase& c) {
    const Numbers times = to_numbers(member(c.inputs, "t"));
    const std::string name = class_of(c.name);
    const auto rows = coefficients(azula_schedule(name, c.params), times);
    Table table = {{"alpha", column(rows, alpha_of)}, {"sigma", column(rows, sigma_of)}};
    // Version 0.1.1, whose results have a shape of their own, is recorded without derivatives.
    if (!has(c.output, "returned_shape")) {
      table.emplace_back("d_alpha_autograd", column(rows, dalpha_of));
      table.emplace_back("d_sigma_autograd", column(rows, dsigma_of));
    }
    if (has(c.params, "gamma")) {
      table.emplace_back("tau", places(rows, to_number(member(c.params, "alpha_min"))));
    }
    SingleTable bounds;
    if (single) {
      bounds = single_table(times, [&](Single t) { return single_row(name, c.params, t); });
    }
    check_table(check, c.output, table, bounds);
    if (has(c.output, "returned_shape")) {
      const Numbers shape = {static_cast<double>(times.size()), 1};
      check.near("returned_shape", shape, c.output["returned_shape"], 0);
    }
  });
}

void replay_azula_preconditioning(const Json& file, Cases& cases) {
  each_case(file, cases, [](Check& check, const SeedCase& c) {
    const Schedule path = make_schedule(c.name == "VP"   ? "azula.vp"
                                        : c.name == "VE" ? "azula.ve"
                                                         : "azula.rectified");
    Numbers in, clock, mean;
    for (const double t : to_numbers(member(c.inputs, "t"))) {
      const nwr_coeffs at = coefficients(path, t);
      const auto parts = factors(path, t, {NWR_STATE, NWR_PRECONDITIONED}, NWR_DATA);
      mean.push_back(parts[0] + parts[1]);
      // c_out = sigma c_in.
      in.push_back(parts[1] / at.sigma);
      clock.push_back(-at.lambda);
    }
    check.state("karras_c_in", in, member(c.output, "karras_c_in"));
    check.state("simple_c_in", in, member(c.output, "simple_c_in"));
    check.state("karras_c_time", clock, member(c.output, "karras_c_time"));
    check.state("simple_c_time", clock, member(c.output, "simple_c_time"));
    check.state("karras_mean_at_x1_F1", mean, member(c.output, "karras_mean_at_x1_F1"));
  });
}

}  // namespace replay
