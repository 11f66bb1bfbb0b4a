// SPDX-License-Identifier: Apache-2.0
// Owns the grids of a flow's noise level s = sigma/(alpha+sigma): even ones, shifted and stretched.
// Must not know which schedule turns them into times.
#include <algorithm>
#include <array>
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
  if (!(s["base_tokens"] < s["max_tokens"])) {
    fail(NWR_ERROR_INVALID_ARGUMENT, s.entry().name, ": max_tokens is ", s["max_tokens"],
         ", not above base_tokens, ", s["base_tokens"]);
  }
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

struct Defaults {
  double shift = 0, tokens = 0, base_mu = 0.5, max_mu = 1.15, base_tokens = 256;
  double terminal = 0, first = 1, last = 0, closed = 0, twice = 0, most = 1, fit = 0;
};
constexpr std::array<Param, 15> flow_params(const Defaults& d) {
  return {
      {{"shift", "k of k s/(1 + (k-1) s); 0 is the schedule's own", d.shift, 0, 1e6},
       {"mu", "shift is exp(mu) times more", 0, -50, 50},
       {"power", "exponent of 1/s - 1", 1, 1e-3, 1e3},
       {"tokens", "length of the sequence, from which more mu; 0: none", d.tokens, 0, 1e9},
       {"base_mu", "mu at base_tokens", d.base_mu, -50, 50},
       {"max_mu", "mu at max_tokens", d.max_mu, -50, 50},
       {"base_tokens", "a length", d.base_tokens, 0, 1e9},
       {"max_tokens", "a greater length", 4096, 1, 1e9},
       {"fit", "mu is linear in tokens, or FLUX.2's", d.fit, 0, 1, "linear,flux2"},
       {"terminal", "the last level, to which the others are stretched; 0: none", d.terminal, 0,
        0.99},
       {"first", "first level before the shift", d.first, 1e-6, 1},
       {"last", "last level before the shift", d.last, 0, 0.999999},
       {"closed", "whether the last level is one of the n", d.closed, 0, 1, "no,yes"},
       {"twice", "whether the last level is shifted twice, as peers do", d.twice, 0, 1, "no,yes"},
       {"most", "levels above are this one", d.most, 1e-6, 1}}};
}
constexpr Defaults with_tokens(double base_mu, double max_mu, double base_tokens, double terminal) {
  Defaults d;
  d.tokens = 4096, d.base_mu = base_mu, d.max_mu = max_mu, d.base_tokens = base_tokens;
  d.terminal = terminal;
  return d;
}
constexpr Defaults with_shift(double shift) {
  Defaults d;
  d.shift = shift;
  return d;
}
constexpr Defaults with_ends(double first, double last, bool closed, bool twice, double most) {
  Defaults d;
  d.first = first, d.last = last, d.closed = closed, d.twice = twice, d.most = most;
  return d;
}
constexpr Defaults flux2_defaults() {
  Defaults d;
  d.tokens = 4096, d.fit = 1;
  return d;
}
constexpr auto kPlain = flow_params({}), kSd3 = flow_params(with_shift(3)),
               kFlux1 = flow_params(with_tokens(0.5, 1.15, 256, 0)),
               kFlux2Params = flow_params(flux2_defaults()),
               kLtx2 = flow_params(with_tokens(0.95, 2.05, 1024, 0.1)),
               kFlowMatch = flow_params(with_ends(1, 0.001, true, true, 1)),
               kComfySgm = flow_params(with_ends(1, 0.001, false, true, 1)),
               kMultistep = flow_params(with_ends(0.999, 0, false, false, 1)),
               kUniPc = flow_params(with_ends(1, 0.001, false, false, 1 - 1e-6));
constexpr Param kLogitNormalParams[] = {
    {"mean", "of the normal", 0, -1e3, 1e3},
    {"std", "of the normal", 1.75, 1e-6, 1e3},
    {"logsnr_min", "2 log(alpha/sigma) at most noise", -18, -700, 700},
    {"logsnr_max", "2 log(alpha/sigma) at least noise", 15, -700, 700},
    {"tokens", "length of the sequence: mean grows by log(tokens/1024)/2; 0: not", 0, 0, 1e9}};

constexpr GridKind kind(int32_t value, const char* name, const char* aliases, const char* summary,
                        const std::array<Param, 15>& params) {
  return grid_kind(value, name, aliases, summary, fill_flow, {params.data(), params.size()},
                   kTailParams);
}

}  // namespace

extern const GridKind kFlowGrid, kSd3Grid, kFluxGrid, kFlux2Grid, kLtx2Grid, kFlowMatchGrid,
    kComfyFlowSgm, kFlowMultistep, kFlowUniPc, kLogitNormalGrid;
const GridKind kFlowGrid = kind(1026, "flow", "diffusers.flow-map",
                                "even in s = sigma/(alpha+sigma), then shifted", kPlain);
const GridKind kSd3Grid = kind(1027, "sd3", "", "flow with shift 3", kSd3);
const GridKind kFluxGrid = kind(1028, "flux", "sdcpp.flux,diffusers.flux",
                                "flow with the mu of 4096 tokens, or of others", kFlux1);
const GridKind kFlux2Grid =
    kind(1029, "flux2", "sdcpp.flux2", "flow with FLUX.2's mu of tokens and steps", kFlux2Params);
const GridKind kLtx2Grid =
    kind(1030, "ltx2", "sdcpp.ltx2", "flow with LTX-2's mu of tokens, stretched to 0.1", kLtx2);
const GridKind kFlowMatchGrid = kind(1031, "diffusers.flow-match", "comfy.flow-normal",
                                     "flow down to 0.001, which is shifted twice", kFlowMatch);
const GridKind kComfyFlowSgm =
    kind(1032, "comfy.flow-sgm", "", "comfy.flow-normal without its last level", kComfySgm);
const GridKind kFlowMultistep =
    kind(1033, "diffusers.flow-multistep", "", "flow from 0.999 down", kMultistep);
const GridKind kFlowUniPc = kind(1034, "diffusers.flow-unipc", "",
                                 "flow down to 0.001, and no level above 0.999999", kUniPc);
const GridKind kLogitNormalGrid =
    grid_kind(1035, "logit-normal", "logit_normal,sdcpp.logit_normal,ideogram4",
              "s as quantiles of a logit-normal distribution", fill_logit_normal,
              kLogitNormalParams, kTailParams);

}  // namespace noisewright
