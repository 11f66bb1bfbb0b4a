// SPDX-License-Identifier: Apache-2.0
// Owns torchebm's recorded interpolants: coefficients with its own clamps, conversions, states and
// velocities. Must not know samplers or other projects.
#include <algorithm>

#include "seeds.hpp"

namespace replay {
namespace {

constexpr double kHalfPi = 1.57079632679489661923;

// The entry of params that a case stands for: its own name, or what follows a prefix "rank4_".
std::string interpolant_of(const std::string& name, const Json& params) {
  for (const auto& [key, value] : params.items()) {
    const bool ends = name.size() > key.size() &&
                      name.compare(name.size() - key.size(), key.size(), key) == 0 &&
                      name[name.size() - key.size() - 1] == '_';
    if (name == key || ends) return key;
  }
  throw Unsupported{"interpolant " + name + " is not in this version"};
}

// compat: no, yes or base.
Schedule path_of(const std::string& interpolant, const Json& params, const std::string& compat) {
  std::vector<std::pair<std::string, std::string>> settings = {{"compat", compat}};
  std::string name = interpolant;
  if (interpolant.rfind("vp", 0) == 0) {
    name = "vp";
    for (const char* key : {"sigma_min", "sigma_max"}) {
      settings.emplace_back(key, text(to_number(member(params, key))));
    }
  }
  return make_schedule(spec("torchebm." + name, settings));
}

struct Form {
  const char *name, *ours;
};
constexpr Form kForms[] = {{"diffusion_constant", "form=constant"},
                           {"diffusion_SBDM", "form=sbdm"},
                           {"diffusion_sigma", "form=sigma"},
                           {"diffusion_linear", "form=linear"},
                           {"diffusion_decreasing", "form=decreasing"},
                           {"diffusion_increasing-decreasing", "form=increasing-decreasing"},
                           {"diffusion_SBDM_norm0.5", "form=sbdm,norm=0.5"}};

Table table_of(const std::string& interpolant, const Json& params, const Numbers& times, double x) {
  const Schedule own = path_of(interpolant, params, "yes");
  const Schedule base = path_of(interpolant, params, "base");
  const auto rows = coefficients(own, times), base_rows = coefficients(base, times);
  Table out = {{"alpha", column(rows, alpha_of)},
               {"d_alpha", column(rows, dalpha_of)},
               {"sigma", column(rows, sigma_of)},
               {"d_sigma", column(rows, dsigma_of)},
               {"d_alpha_alpha_ratio", column(rows, dlog_alpha_of)},
               {"d_alpha_alpha_ratio_base_class", column(base_rows, dlog_alpha_of)},
               {"drift_mean_at_x_eq_1", scaled(-x, column(rows, dlog_alpha_of))},
               {"drift_var", column(rows, half_diffusion_of)},
               {"drift_var_base_class", column(base_rows, half_diffusion_of)},
               // The base class's drift takes the subclass's ratio.
               {"drift_mean_base_class_at_x_eq_1", scaled(-x, column(rows, dlog_alpha_of))}};
  for (const Form& form : kForms) {
    out.emplace_back(form.name,
                     weigh(own, std::string("diffusion(convention=d,") + form.ours + ")", times));
  }
  return out;
}

// Upstream's formulas, step by step. Where 1 - alpha^2 cancels, and at the cosine's t = 1, where
// float32's pi/2 is above pi/2 and the tangent negative, there are few digits or none.
SingleRow cosine_at(Single t) {
  const Single half_pi = kHalfPi, angle = half_pi * t;
  return {{"alpha", sin(angle)},
          {"d_alpha", half_pi * cos(angle)},
          {"sigma", cos(angle)},
          {"d_sigma", -half_pi * sin(angle)},
          {"d_alpha_alpha_ratio", Single(2 * kHalfPi) / (2 * at_least(tan(angle), 1e-8))}};
}
SingleRow linear_at(Single t) {
  return {{"alpha", t},
          {"d_alpha", 1},
          {"sigma", 1 - t},
          {"d_sigma", -1},
          {"d_alpha_alpha_ratio", 1 / at_least(t, 1e-8)}};
}
SingleRow vp_at(Single t, double beta_min, double beta_max) {
  const Single rest = 1 - t, rise = beta_max - beta_min, least = beta_min;
  const Single log_alpha = -(0.25 * squared(rest) * rise) - 0.5 * rest * least;
  const Single ratio = 0.5 * rest * rise + 0.5 * least;
  const Single alpha = exp(log_alpha), square = exp(2 * log_alpha);
  const Single sigma = sqrt(at_least(1 - square, 1e-12));
  return {{"alpha", alpha},
          {"d_alpha", alpha * ratio},
          {"sigma", sigma},
          {"d_sigma", square * (2 * ratio) / (-2 * sigma)},
          {"d_alpha_alpha_ratio", ratio},
          {"drift_var", 0.5 * (least + rest * rise)}};
}

void add_rest(SingleRow& row, Single t) {
  const auto at = [&](const char* name) {
    return std::find_if(row.begin(), row.end(), [=](auto& item) { return item.first == name; });
  };
  const Single sigma = at("sigma")->second, slope = at("d_sigma")->second;
  const Single ratio = at("d_alpha_alpha_ratio")->second;
  const Single base = at("d_alpha")->second / at_least(at("alpha")->second, 1e-8);
  const auto half_diffusion = [&](Single r) { return r * squared(sigma) - sigma * slope; };
  if (at("drift_var") == row.end()) row.emplace_back("drift_var", half_diffusion(ratio));
  const Single own = at("drift_var")->second;
  const Single rest = 1 - t, sbdm = own / (sigma + 1e-8);
  row.insert(row.end(), {{"d_alpha_alpha_ratio_base_class", base},
                         {"drift_mean_at_x_eq_1", -ratio},
                         {"drift_mean_base_class_at_x_eq_1", -ratio},
                         {"drift_var_base_class", half_diffusion(ratio)},
                         {"diffusion_constant", 1},
                         {"diffusion_SBDM", sbdm},
                         {"diffusion_sigma", sigma},
                         {"diffusion_linear", rest},
                         {"diffusion_decreasing", squared(rest)},
                         {"diffusion_increasing-decreasing", 4 * t * rest},
                         {"diffusion_SBDM_norm0.5", 0.5 * sbdm}});
}

SingleTable bounds_of(const SeedCase& c, const Numbers& times) {
  const bool vp = c.name.rfind("vp", 0) == 0;
  const double low = vp ? to_number(member(c.params, "sigma_min")) : 0;
  const double high = vp ? to_number(member(c.params, "sigma_max")) : 0;
  return single_table(times, [&](Single t) {
    SingleRow row = vp ? vp_at(t, low, high) : c.name == "linear" ? linear_at(t) : cosine_at(t);
    add_rest(row, t);
    return row;
  });
}

}  // namespace

void replay_torchebm_schedules(const Json& file, Cases& cases) {
  const bool single = is_single(file);
  each_case(file, cases, [&](Check& check, const SeedCase& c) {
    const Numbers times = to_numbers(member(c.inputs, "t"));
    check.set_tolerance(1e-12);
    check_table(check, c.output,
                table_of(c.name, c.params, times, to_number(member(c.inputs, "x"))),
                single ? bounds_of(c, times) : SingleTable());
  });
}

void replay_torchebm_conversions(const Json& file, Cases& cases) {
  each_case(file, cases, [](Check& check, const SeedCase& c) {
    check.set_tolerance(1e-12);
    const Array times = to_array(member(c.inputs, "t")), x = to_array(member(c.inputs, "x"));
    const Array velocity = to_array(member(c.inputs, "velocity"));
    const Array score = to_array(member(c.inputs, "score"));
    const Schedule path = path_of(c.name, c.params, "yes");
    check_conversions(check, c.output, path, times, x, velocity,
                      {{"velocity_to_score", NWR_VELOCITY, NWR_SCORE},
                       {"velocity_to_noise", NWR_VELOCITY, NWR_NOISE}});
    Array there{x.shape, convert(path, times, x, {NWR_SCORE, &score}, NWR_VELOCITY)};
    check.state("score_to_velocity", there.data, member(c.output, "score_to_velocity"));
    // q v - x cancels where its spread is small, and what was rounded on the way there shows.
    check.near("roundtrip_score_velocity_score",
               convert(path, times, x, {NWR_VELOCITY, &there}, NWR_SCORE),
               member(c.output, "roundtrip_score_velocity_score"), 1e-9, 1);
    const auto rows = coefficients(path, times.data);
    Numbers drift = x.data;
    for (size_t i = 0; i < drift.size(); ++i) drift[i] *= -rows[i / x.row_size()].dlog_alpha;
    check.state("drift_mean", drift, member(c.output, "drift_mean"));
    check.state("drift_var", column(rows, half_diffusion_of), member(c.output, "drift_var"));
  });
}

void replay_torchebm_interpolate(const Json& file, Cases& cases) {
  each_case(file, cases, [&](Check& check, const SeedCase& c) {
    check.set_tolerance(1e-12);
    const Json& params = member(file, "params");
    const std::string interpolant = interpolant_of(c.name, params);
    const Array noise = to_array(member(c.inputs, "x0")), data = to_array(member(c.inputs, "x1"));
    if (noise.shape != data.shape) throw Malformed("x0 and x1 do not fit");
    const auto results =
        transform(path_of(interpolant, params[interpolant], "yes"), to_array(member(c.inputs, "t")),
                  {{NWR_DATA, &data}, {NWR_NOISE, &noise}}, {NWR_STATE, NWR_VELOCITY});
    check.state("x_t", results[0], member(c.output, "x_t"));
    check.state("u_t", results[1], member(c.output, "u_t"));
  });
}

}  // namespace replay
