// SPDX-License-Identifier: Apache-2.0
// Owns Restart (Xu et al. 2306.14878, algorithm 1): Heun's steps for the noise in sigma/alpha;
// where the grid comes nearest to a low level, the state is noised to a high one and the levels
// between are gone through again, some times.
#include "core/samplers/line.hpp"

namespace noisewright {
namespace {

constexpr int kBase = 0;

double level_of(const nwr_coeffs& c) { return c.sigma / c.alpha; }

// Whether the step ends where the grid is nearest to the low level.
bool restarts(const Stage& s) {
  const auto distance = [&](const nwr_coeffs& c) {
    return std::fabs(level_of(c) - s.setting("s_min"));
  };
  const double here = distance(s.to());
  for (int k = 0; k <= s.steps(); ++k) {
    if (distance(s.after(k - s.step())) < here) return false;
  }
  return true;
}

void plan(Stage& s) {
  // No noisier than the schedule gets.
  const double high = level_of(s.point_of_level(s.setting("s_max")).at);
  const double end = level_of(s.to()), begin = level_of(s.from());
  if (s.to_data() || !std::isfinite(begin)) return s.next(s.blend(s.to().alpha, s.to().sigma));
  const int inner = static_cast<int>(s.setting("steps"));
  const int stage = s.stage(), part = (stage - 2) / 2;  // of all inner steps
  const bool first = stage < 2, second_half = stage % 2 == 1;
  // Levels between, as Karras et al. 2206.00364, eq. 5.
  const auto between = [&](int i) {
    const double a = std::pow(high, 1.0 / 7), b = std::pow(end, 1.0 / 7);
    return std::pow(a + (b - a) * i / inner, 7);
  };
  const double from = first ? begin : between(part % inner);
  const double to = first ? end : part % inner + 1 == inner ? end : between(part % inner + 1);
  const Combo x = 1 / s.at().at.alpha * s.state();
  const Combo half = (to - from) / 2 * s.noise();
  const auto go = [&](const Combo& y, double level) {
    const Stage::Point p = level == end ? s.end() : s.point_of_level(level);
    s.again(p.at.alpha * y, p.t);
  };
  if (!second_half) {
    s.keep(kBase, x + half);
    go(x + 2 * half, to);
    return;
  }
  const Combo y = s.kept(kBase) + half;
  const bool passed = first || part % inner + 1 == inner;
  const int done = first ? 0 : (part + 1) / inner;
  if (!passed) {
    go(y, to);
  } else if (done < s.setting("repeats") && end < high && restarts(s)) {
    const double added = std::sqrt((high - end) * (high + end));
    go(y + s.setting("s_noise") * added * s.fresh_noise(), high);
  } else {
    s.next(s.to().alpha * y);
  }
}

constexpr Param kParams[] = {
    {"s_min", "sigma/alpha of the lower end; the nearest of the grid is taken", 0.06, 0, 1e6},
    {"s_max", "sigma/alpha of the upper end", 0.3, 1e-12, 1e6},
    {"steps", "from the upper to the lower end", 3, 1, 1000, nullptr, true},
    {"repeats", "how often", 1, 0, 1000, nullptr, true},
    {"s_noise", "scale of the noise", 1, 0, 1e6}};

}  // namespace

extern const SamplerKind kRestart = sampler_kind(
    NWR_SAMPLER_RESTART, "restart", "", "heun, with a stretch of levels gone through again",
    NWR_ENTRY_STOCHASTIC, 2, 2, kParams, plan, nullptr, [](const Settings&) { return true; });

}  // namespace noisewright
