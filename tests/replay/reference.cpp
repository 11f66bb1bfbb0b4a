// SPDX-License-Identifier: Apache-2.0
// Owns the references of 80 digits, which no upstream made: what every schedule must be to a few
// units in the last place. Must not know recordings of programs.
#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "seeds.hpp"

namespace replay {
namespace {

constexpr double kTolerance = 4e-15;
// lambda alone crosses 0 between its ends: there it may be off by 1e-16.
constexpr double kLambdaFloor = 1e-16 / kTolerance;
// Below every number of the references that is not 0.
constexpr double kNothing = 1e-100;

// "name", "name(1,2)" or "name(key=1,key=2)": ours have the same order of settings.
Schedule schedule_of(const std::string& written) {
  const size_t open = written.find('(');
  if (open == std::string::npos) return make_schedule(written);
  Numbers settings;
  std::stringstream list(written.substr(open + 1, written.size() - open - 2));
  for (std::string item; std::getline(list, item, ',');) {
    const size_t equals = item.find('=');
    settings.push_back(std::stod(equals == std::string::npos ? item : item.substr(equals + 1)));
  }
  return make_schedule(written.substr(0, open), settings);
}

// Each name that a case gives a path, "a = b(1,2) = c", as ours.
std::vector<std::string> names_of(const std::string& name) {
  const std::pair<const char*, const char*> kOurs[] = {
      {"sit.ic", "sit.linear"},
      {"diffusionlab.ve sigma=t", "power"},
      {"diffusionlab.ve sigma=sqrt(t)", "power(0.5)"}};
  std::vector<std::string> out;
  for (size_t begin = 0; begin < name.size();) {
    const size_t end = std::min(name.find(" = ", begin), name.size());
    out.push_back(name.substr(begin, end - begin));
    for (const auto& [theirs, ours] : kOurs) {
      if (out.back() == theirs) out.back() = ours;
    }
    begin = end + 3;
  }
  return out;
}

// -+ g^2/(2 sigma^2), infinite where sigma is 0.
Numbers lambda_slopes(const Schedule& schedule, const std::vector<nwr_coeffs>& rows) {
  const Ends ends = ends_of(schedule);
  const double sign = ends.data > ends.noise ? 1 : -1;
  Numbers out;
  for (const nwr_coeffs& c : rows) {
    out.push_back(sign * (c.sigma == 0 ? std::numeric_limits<double>::infinity()
                                       : c.diffusion2 / (2 * c.sigma * c.sigma)));
  }
  return out;
}

void check_path(Check& check, const Schedule& schedule, const Numbers& times, const Json& output) {
  const auto rows = coefficients(schedule, times);
  const Column columns[] = {{"alpha", alpha_of},
                            {"sigma", sigma_of},
                            {"d_alpha", dalpha_of},
                            {"d_sigma", dsigma_of},
                            {"log_alpha", [](const nwr_coeffs& c) { return c.log_alpha; }},
                            {"ratio_dalpha_alpha", dlog_alpha_of},
                            {"half_g2", half_diffusion_of}};
  for (const Column& c : columns) {
    check.near(c.name, column(rows, c.of), member(output, c.name), kTolerance);
  }
  check.near("lambda", column(rows, [](const nwr_coeffs& c) { return c.lambda; }),
             member(output, "lambda"), kTolerance, kLambdaFloor);
  check.near("d_lambda", lambda_slopes(schedule, rows), member(output, "d_lambda"), kTolerance);
}

std::string latent_of(const std::string& name) {
  const std::string scaled = "scaled_brownian_";
  if (name.rfind(scaled, 0) != 0) return "linear(latent=" + name + ")";
  return "linear(latent=brownian,latent_scale=" + name.substr(scaled.size()) + ")";
}

}  // namespace

void replay_reference_schedules(const Json& file, Cases& cases) {
  each_case(file, cases, [](Check& check, const SeedCase& c) {
    const Numbers times = to_numbers(member(c.inputs, "t"));
    for (const std::string& name : names_of(c.name)) {
      check_path(check, schedule_of(name), times, c.output);
    }
  });
}

void replay_reference_gamma(const Json& file, Cases& cases) {
  each_case(file, cases, [](Check& check, const SeedCase& c) {
    const Schedule schedule = make_schedule(latent_of(c.name));
    const Numbers times = to_numbers(member(c.inputs, "t"));
    const auto rows = coefficients(schedule, times);
    check.near("gamma", column(rows, gamma_of), member(c.output, "gamma"), kTolerance, kNothing);
    check.near("gamma_gamma_dot", column(rows, gamma_dgamma_of),
               member(c.output, "gamma_gamma_dot"), kTolerance, kNothing);
    check.near("gamma_dot", gamma_slopes(schedule, times), member(c.output, "gamma_dot"),
               kTolerance, kNothing);
  });
}

}  // namespace replay
