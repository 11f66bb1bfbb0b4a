// SPDX-License-Identifier: Apache-2.0
// Owns second-order steps along dx/dt with a second evaluation at the end, as Heun's, or before it
// (Karras et al. 2206.00364, algorithm 1 and, with alpha, appendix D.3). A step to clean data is
// its first stage alone: 2n-1 evaluations for n such steps.
#include "core/samplers/space.hpp"

namespace noisewright {

void step_heun(Stage& s) {
  const Space space(s);
  const double length = space.length(), part = s.setting("part"), weight = 0.5 / part;
  if (s.stage() == 1) {
    s.next(s.kept(0) + space.move(weight * length));
  } else if (ends_on_data(s)) {
    s.next(s.data());
  } else {
    s.keep(0, space.state() + space.move((1 - weight) * length));
    const Stage::Point p = part == 1 ? s.end() : space.point(part);
    const double scale = space.scale(p) / space.scale(s.end());
    s.again(scale * (space.state() + space.move(part * length)), p.t);
  }
}

namespace {

bool steps_sigma(const Settings& settings) { return Space::in_sigma(settings["space"]); }

constexpr Param kParams[] = {kSpaceParam, kLastStepParam, kPartParam};

}  // namespace

extern const SamplerKind kHeun =
    sampler_kind(NWR_SAMPLER_HEUN, "heun", "", "second-order ODE, two evaluations a step", 0, 2, 2,
                 kParams, step_heun, nullptr, steps_sigma);

}  // namespace noisewright
