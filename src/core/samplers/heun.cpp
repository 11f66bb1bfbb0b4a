// SPDX-License-Identifier: Apache-2.0
// Owns Heun's second-order step along dx/dt (Karras et al. 2206.00364, algorithm 1). A step to
// clean data is its first stage alone: 2n-1 evaluations for n such steps.
#include "core/samplers/space.hpp"

namespace noisewright {

void step_heun(Stage& s) {
  const Space space(s);
  const double length = space.length();
  if (s.stage() == 1) {
    s.next(s.kept(0) + space.move(length / 2));
  } else if (ends_on_data(s)) {
    s.next(s.data());
  } else {
    s.keep(0, space.state() + space.move(length / 2));
    s.again(space.state() + space.move(length), s.to_time());
  }
}

namespace {

bool steps_sigma(const Settings& settings) { return Space::in_sigma(settings["space"]); }

constexpr Param kParams[] = {kSpaceParam, kLastStepParam};

}  // namespace

extern const SamplerKind kHeun;
const SamplerKind kHeun = {
    {NWR_SAMPLER_HEUN, "heun", "", "second-order ODE, two evaluations a step", 0, 2, 2, kParams,
     kSamplerParams},
    step_heun,
    nullptr,
    steps_sigma};

}  // namespace noisewright
