// SPDX-License-Identifier: Apache-2.0
// Owns the schedules of the recordings: ours by name and settings, callbacks and tables.
// Must not know samplers or how a file is laid out.
#include "paths.hpp"

#include <algorithm>
#include <cmath>

#include "check.hpp"

namespace replay {
namespace {

// The least sigma that is not 0 in any arithmetic that follows.
constexpr double kFloor = 1e-300;

}  // namespace

Schedule make_schedule(const std::string& name, const Json& params,
                       const std::vector<const char*>& keys) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const char* key : keys) pairs.emplace_back(key, text(to_number(member(params, key))));
  return make_schedule(spec(name, pairs));
}

Schedule ratio_schedule(double highest) {
  return make_custom(highest, 0, [](double t, nwr_coeffs& c) {
    const double square = 1 + t * t, root = std::sqrt(square);
    c.alpha = 1 / root;
    c.sigma = t / root;
    c.dalpha = -t / (square * root);
    c.dsigma = 1 / (square * root);
    c.log_alpha = -std::log(square) / 2;
    c.lambda = -std::log(t);
  });
}

Schedule with_floor(const Schedule& schedule, double t_noise, double t_data) {
  return make_custom(t_noise, t_data, [schedule](double t, nwr_coeffs& c) {
    c = coefficients(schedule, t);
    if (c.sigma > 0) return;
    c.sigma = kFloor;
    c.lambda = c.log_alpha - std::log(kFloor);
  });
}

size_t discrete_count(const Json& config) {
  const double count = to_number(member(config, "num_train_timesteps"));
  if (!(count >= 2 && count <= 1e6) || count != std::floor(count)) {
    throw Malformed("num_train_timesteps is not a count");
  }
  return static_cast<size_t>(count);
}

Schedule discrete_schedule(const Json& config, bool patched) {
  const size_t count = discrete_count(config);
  const bool zero_snr = flag_or(config, "rescale_betas_zero_snr", false);
  const double shift = number_or(config, "snr_shift_scale", 1);
  if (has(config, "trained_betas")) {
    if (zero_snr || shift != 1) throw Unsupported{"trained_betas that are rescaled"};
    const Numbers betas = to_numbers(config["trained_betas"]);
    if (betas.size() != count) throw Malformed("trained_betas do not fit num_train_timesteps");
    Numbers alpha_bars;
    for (const double beta : betas) {
      alpha_bars.push_back((alpha_bars.empty() ? 1 : alpha_bars.back()) * (1 - beta));
    }
    return make_table(alpha_bars);
  }
  return make_schedule(spec("ddpm", {{"beta", text_or(config, "beta_schedule", "linear")},
                                     {"beta_start", text(number_or(config, "beta_start", 0.0001))},
                                     {"beta_end", text(number_or(config, "beta_end", 0.02))},
                                     {"count", std::to_string(count)},
                                     {"snr_shift", text(shift)},
                                     {"zero_snr", zero_snr ? "yes" : "no"},
                                     {"terminal", text(patched ? std::ldexp(1, -24) : 0)}}));
}

Numbers spread(const std::string& kind, double first, double last, double count, double rho) {
  if (!(count >= 1 && count <= 1e6)) throw Malformed("no count of noise levels");
  const Schedule edm = make_schedule(spec("edm", {{"sigma_max", text(first)}}));
  std::vector<std::pair<std::string, std::string>> settings = {{"sigma_max", text(first)},
                                                               {"sigma_min", text(last)}};
  if (kind == "karras") settings.push_back({"rho", text(rho)});
  // The last time of such a grid on edm is sigma = 0.
  Numbers out = grid(edm, spec(kind, settings), static_cast<size_t>(count) + 1);
  out.pop_back();
  return out;
}

Schedule azula_schedule(const std::string& name, const Json& params) {
  struct Preset {
    const char *theirs, *ours;
    std::vector<const char*> settings;
  };
  static const Preset kPresets[] = {{"VE", "azula.ve", {"sigma_min", "sigma_max"}},
                                    {"VP", "azula.vp", {"alpha_min", "sigma_min"}},
                                    {"Cosine", "azula.cosine", {"alpha_min", "sigma_min"}},
                                    {"Rectified", "azula.rectified", {"alpha_min", "sigma_min"}},
                                    {"Decay", "azula.decay", {"alpha_min", "sigma_min", "gamma"}}};
  for (const Preset& preset : kPresets) {
    if (name == preset.theirs || name == std::string(preset.theirs) + "Schedule") {
      return make_schedule(preset.ours, params, preset.settings);
    }
  }
  throw Unsupported{"schedule " + name + " is not in this version"};
}

}  // namespace replay
