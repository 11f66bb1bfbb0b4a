// SPDX-License-Identifier: Apache-2.0
// Owns the schedules of the recordings: ours by name and settings, callbacks and tables.
// Must not know samplers or how a file is laid out.
#include "paths.hpp"

#include <algorithm>
#include <cmath>

#include "check.hpp"

namespace replay {
namespace {

constexpr double kHalfPi = 1.57079632679489661923;
// The least sigma that is not 0 in any arithmetic that follows.
constexpr double kFloor = 1e-300;

// alpha_bar from the betas of a continuous alpha_bar(u), each capped as diffusers caps them.
template <class F>
Numbers capped_betas(size_t count, F&& alpha_bar) {
  Numbers betas(count);
  const double total = static_cast<double>(count);
  for (size_t i = 0; i < count; ++i) {
    const double u = static_cast<double>(i) / total, v = static_cast<double>(i + 1) / total;
    betas[i] = std::min(1 - alpha_bar(v) / alpha_bar(u), 0.999);
  }
  return betas;
}

Numbers betas_of(const Json& config, size_t count) {
  const std::string kind = text_or(config, "beta_schedule", "linear");
  const double start = to_number(member(config, "beta_start"));
  const double end = to_number(member(config, "beta_end"));
  if (kind == "exp") return capped_betas(count, [](double u) { return std::exp(-12 * u); });
  if (kind == "squaredcos_cap_v2") {
    return capped_betas(
        count, [](double u) { return std::pow(std::cos((u + 0.008) / 1.008 * kHalfPi), 2); });
  }
  if (kind == "laplace") {
    return capped_betas(count, [](double u) {
      const double sign = u <= 0.5 ? 1 : -1;
      const double log_snr = -0.5 * sign * std::log(1 - 2 * std::fabs(u - 0.5) + 1e-6);
      const double snr = std::exp(log_snr);
      return std::sqrt(snr / (1 + snr));
    });
  }
  Numbers betas(count);
  for (size_t i = 0; i < count; ++i) {
    const double u = static_cast<double>(i) / static_cast<double>(count - 1);
    if (kind == "linear") {
      betas[i] = start + (end - start) * u;
    } else if (kind == "scaled_linear") {
      betas[i] = std::pow(std::sqrt(start) + (std::sqrt(end) - std::sqrt(start)) * u, 2);
    } else if (kind == "sigmoid") {
      betas[i] = (end - start) / (1 + std::exp(6 - 12 * u)) + start;
    } else {
      throw Unsupported{"beta_schedule " + kind + " is not in this version"};
    }
  }
  return betas;
}

// Shifts and scales sqrt(alpha_bar) so that it ends at 0 (Lin et al. 2305.08891).
void rescale_to_zero_snr(Numbers& alpha_bars) {
  const double first = std::sqrt(alpha_bars.front()), last = std::sqrt(alpha_bars.back());
  for (double& value : alpha_bars) {
    value = std::pow((std::sqrt(value) - last) * first / (first - last), 2);
  }
  alpha_bars.back() = 0;
}

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
  const std::string kind = text_or(config, "beta_schedule", "linear");
  const bool zero_snr = flag_or(config, "rescale_betas_zero_snr", false);
  const double shift = number_or(config, "snr_shift_scale", 1);
  const bool ours = kind == "linear" || kind == "scaled_linear" || kind == "squaredcos_cap_v2";
  if (ours && !zero_snr && shift == 1 && !has(config, "trained_betas")) {
    return make_schedule(
        spec("ddpm", {{"beta", kind},
                      {"beta_start", text(to_number(member(config, "beta_start")))},
                      {"beta_end", text(to_number(member(config, "beta_end")))},
                      {"count", std::to_string(count)}}));
  }
  const Numbers betas =
      has(config, "trained_betas") ? to_numbers(config["trained_betas"]) : betas_of(config, count);
  if (betas.size() != count) throw Malformed("trained_betas do not fit num_train_timesteps");
  Numbers alpha_bars;
  double product = 1;
  for (const double beta : betas) alpha_bars.push_back(product *= 1 - beta);
  for (double& value : alpha_bars) value /= shift + (1 - shift) * value;
  if (zero_snr) rescale_to_zero_snr(alpha_bars);
  if (zero_snr && patched) alpha_bars.back() = std::ldexp(1, -24);
  return make_table(alpha_bars);
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
