// SPDX-License-Identifier: Apache-2.0
// Owns heunpp2, up to three evaluations a step whose slopes are weighed by how far the levels stand
// below the run's first: first-order, kept for who has used it.
#include "core/samplers/multistep.hpp"

namespace noisewright {
namespace {

constexpr int kSum = 0;

void plan(Stage& s) {
  const Line line(s.setting("space"));
  const Place from = place(s.from()), to = place(s.to());
  const double top = line.level(place(s.run_begin()));
  const bool one = s.last() || !std::isfinite(top), two = s.step() + 2 == s.steps();
  const Combo now = line.slope(s);
  if (one) return s.next(s.blend(to.alpha, to.sigma));
  const double length = line.scale(to) * (line.level(to) - line.level(from));
  const Place beyond = place(s.after(two ? 1 : 2));
  const double share = two ? 0 : line.level(beyond) / (3 * top);
  const double second = line.level(to) / ((two ? 2 : 3) * top);
  if (s.stage() == 0) {
    const Combo x = line.scale(to) / line.scale(from) * s.state();
    s.keep(kSum, x + length * (1 - second - share) * now);
    s.again(x + length * now, s.to_time());
  } else if (s.stage() == 1 && !two) {
    s.keep(kSum, s.kept(kSum) + length * second * now);
    s.again(line.scale(beyond) / line.scale(to) * s.state() +
                line.scale(beyond) * (line.level(beyond) - line.level(to)) * now,
            s.time_after(2));
  } else {
    s.next(s.kept(kSum) + length * (two ? second : share) * now);
  }
}

constexpr Param kParams[] = {kLineParam};

}  // namespace

extern const SamplerKind kHeunpp2 = sampler_kind(
    NWR_SAMPLER_HEUNPP2, "heunpp2", "", "first-order, looks ahead", 0, 1, 3, kParams, plan);

}  // namespace noisewright
