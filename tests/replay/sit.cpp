// SPDX-License-Identifier: Apache-2.0
// Owns SiT's recorded paths: coefficients, forms of diffusion and conversions, none clamped. Must
// not know samplers or other projects.
#include "seeds.hpp"

namespace replay {
namespace {

Schedule path_of(const std::string& name, const Json& params) {
  if (name == "ICPlan") return make_schedule("sit.linear");
  if (name == "GVPCPlan") return make_schedule("sit.gvp");
  if (name != "VPCPlan") throw Unsupported{"path " + name + " is not in this version"};
  return make_schedule("sit.vp", member(params, "VPCPlan"), {"sigma_min", "sigma_max"});
}

void check_path(Check& check, const SeedCase& c, const Schedule& path) {
  const Numbers times = to_numbers(member(c.inputs, "t"));
  check_columns(check, c.output, coefficients(path, times),
                {{"alpha", alpha_of},
                 {"d_alpha", dalpha_of},
                 {"sigma", sigma_of},
                 {"d_sigma", dsigma_of},
                 {"ratio", dlog_alpha_of},
                 {"drift_mean_at_x_eq_1", [](const nwr_coeffs& k) { return -k.dlog_alpha; }},
                 {"drift_var", half_diffusion_of}});
  const std::pair<const char*, const char*> forms[] = {
      {"diffusion_SBDM", "reverse"},
      {"diffusion_sigma", "sigma"},
      {"diffusion_linear", "linear"},
      {"diffusion_decreasing", "sit-decreasing"},
      {"diffusion_inccreasing-decreasing", "sit-increasing-decreasing"}};
  const auto diffusion = [&](const char* form) {
    return weigh(path, spec("diffusion", {{"form", form}, {"convention", "d"}}), times);
  };
  for (const auto& [name, form] : forms) check.state(name, diffusion(form), member(c.output, name));
  for (const double value : diffusion("constant")) {
    check.state("diffusion_constant", {value}, member(c.output, "diffusion_constant"));
  }
}

void check_path_conversions(Check& check, const SeedCase& c, const Schedule& path) {
  const Array f = to_array(member(c.inputs, "conv_f"));
  check_conversions(check, c.output, path, to_array(member(c.inputs, "conv_t")),
                    to_array(member(c.inputs, "conv_x")), f,
                    {{"score_from_velocity", NWR_VELOCITY, NWR_SCORE},
                     {"noise_from_velocity", NWR_VELOCITY, NWR_NOISE},
                     {"velocity_from_score", NWR_SCORE, NWR_VELOCITY}});
}

}  // namespace

void replay_sit_paths(const Json& file, Cases& cases) {
  each_case(file, cases, [&](Check& check, const SeedCase& c) {
    const Schedule path = path_of(c.name.substr(0, c.name.find('_')), member(file, "params"));
    if (has(c.output, "ratio")) {
      check_path(check, c, path);
    } else {
      check_path_conversions(check, c, path);
    }
  });
}

}  // namespace replay
