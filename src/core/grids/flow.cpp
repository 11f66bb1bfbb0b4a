// SPDX-License-Identifier: Apache-2.0
// Owns the grids of a flow's noise level s = sigma/(alpha+sigma): even ones, shifted and stretched.
// Must not know which schedule turns them into times.
#include <algorithm>
#include <vector>

#include "core/grid.hpp"
#include "core/quantile.hpp"
#include "math/coeffs.hpp"

namespace noisewright {
namespace {

// The n levels in their places; those of a whole flow, from 1 to 0, are scaled to where this part
// of time, or another kind of schedule, begins and ends.
void write_levels(const GridRequest& r, const std::vector<double>& levels) {
  const NoiseLevel noise(r.schedule, true);
  const double first = noise.of(r.begin_at), last = noise.of(r.end_at);
  for (size_t i = 0; i < levels.size(); ++i) {
    const double level = last + (first - last) * levels[i];
    r.times[i] = levels[i] == 1 ? r.begin : noise.time(level);
  }
  const bool has_table = r.schedule.table_size() > 0;
  end_grid(r, has_table ? r.schedule.table_time(0) : r.times[r.count - 2]);
}

// mu from the length of the sequence: on a line (FLUX), or FLUX.2's fit to length and steps.
double mu_of(const GridRequest& r) {
  const Settings& s = r.settings;
  const double tokens = s["tokens"], mu = s["mu"];
  if (tokens == 0) return mu;
  if (s["fit"] == 1) {
    const double at_200 = 0.00016927 * tokens + 0.45666666;
    const double at_10 = 8.73809524e-05 * tokens + 1.89833333;
    if (tokens > 4300) return mu + at_200;
    return mu + at_200 + (at_200 - at_10) / 190 * (static_cast<double>(r.steps()) - 200);
  }
  const double rise = (s["max_mu"] - s["base_mu"]) / (s["max_tokens"] - s["base_tokens"]);
  return mu + s["base_mu"] + rise * (tokens - s["base_tokens"]);
}

void fill_flow(const GridRequest& r) {
  const Settings& s = r.settings;
  require_order(s, "base_tokens", "max_tokens");
  const double mu = mu_of(r), given = s["shift"], first = s["first"];
  const double shift = (given == 0 ? 1 : given) * std::exp(mu);
  const auto shifted = [&](double level) {
    const bool own = given == 0 && mu == 0;
    return own ? r.schedule.shifted(level) : path::shifted(level, shift, s["power"]);
  };
  const bool closed = s["closed"] == 1;
  const double last = s["twice"] == 1 ? shifted(s["last"]) : s["last"];
  const int64_t n = r.steps(), intervals = closed ? std::max<int64_t>(n - 1, 1) : n;
  std::vector<double> levels;
  for (int64_t i = 0; i < n; ++i) {
    levels.push_back(shifted(between(first, last, i, intervals)));
  }
  // Stretched so that the last level is terminal, as LTX-Video has it.
  const double terminal = s["terminal"];
  if (terminal > 0 && n > 1) {
    const double scale = (1 - levels.back()) / (1 - terminal);
    for (double& level : levels) level = 1 - (1 - level) / scale;
  }
  for (double& level : levels) level = std::min(level, s["most"]);
  write_levels(r, levels);
}

// Esser et al. 2403.03206's density as a grid: levels as quantiles of a logit-normal.
void fill_logit_normal(const GridRequest& r) {
  const Settings& s = r.settings;
  const double tokens = s["tokens"];
  const double mean = s["mean"] + (tokens == 0 ? 0 : std::log(tokens / 1024) / 2);
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  const double least = sigmoid(-s["logsnr_max"] / 2), most = sigmoid(-s["logsnr_min"] / 2);
  std::vector<double> levels;
  for (int64_t i = 0; i < r.steps(); ++i) {
    const double z = normal_quantile(between(1, 0, i, r.steps()));
    levels.push_back(std::clamp(sigmoid(mean + s["std"] * z), least, most));
  }
  write_levels(r, levels);
}

constexpr Param kFlowParams[] = {
    {"shift", "k of k s/(1 + (k-1) s); 0 is the schedule's own", 0, 0, 1e6},
    {"mu", "shift is exp(mu) times more", 0, -50, 50},
    {"power", "exponent of 1/s - 1", 1, 1e-3, 1e3},
    {"tokens", "length of the sequence, from which more mu; 0: none", 0, 0, 1e9},
    {"base_mu", "mu at base_tokens", 0.5, -50, 50},
    {"max_mu", "mu at max_tokens", 1.15, -50, 50},
    {"base_tokens", "a length", 256, 0, 1e9},
    {"max_tokens", "a greater length", 4096, 1, 1e9},
    choice("fit", "mu is linear in tokens, or FLUX.2's", "linear,flux2"),
    {"terminal", "the last level, to which the others are stretched; 0: none", 0, 0, 0.99},
    {"first", "first level before the shift", 1, 1e-6, 1},
    {"last", "last level before the shift", 0, 0, 0.999999},
    choice("closed", "whether the last level is one of the n", "no,yes"),
    choice("twice", "whether the last level is shifted twice, as peers do", "no,yes"),
    {"most", "levels above are this one", 1, 1e-6, 1}};
constexpr Param kLogitNormalParams[] = {
    {"mean", "of the normal", 0, -1e3, 1e3},
    {"std", "of the normal", 1.75, 1e-6, 1e3},
    {"logsnr_min", "2 log(alpha/sigma) at most noise", -18, -700, 700},
    {"logsnr_max", "2 log(alpha/sigma) at least noise", 15, -700, 700},
    {"tokens", "length of the sequence: mean grows by log(tokens/1024)/2; 0: not", 0, 0, 1e9}};

}  // namespace

extern const GridKind kFlowGrid =
    grid_kind(1026, "flow", "diffusers.flow-map", "even in s = sigma/(alpha+sigma), then shifted",
              fill_flow, kFlowParams);
extern const GridKind kLogitNormalGrid = grid_kind(
    1035, "logit-normal", "logit_normal,sdcpp.logit_normal,ideogram4",
    "s as quantiles of a logit-normal distribution", fill_logit_normal, kLogitNormalParams);

}  // namespace noisewright
