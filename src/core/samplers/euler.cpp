// SPDX-License-Identifier: Apache-2.0
// Owns the first-order step along dx/dt. A step to clean data ends on the data prediction, which is
// the same for the rectified flow and exact where the velocity is infinite.
#include "core/samplers/space.hpp"

namespace noisewright {

void step_euler(Stage& s) {
  const Space space(s);
  s.next(ends_on_data(s) ? s.data() : space.state() + space.move(space.length()));
}

namespace {

constexpr Param kParams[] = {kSpaceParam, kLastStepParam};

}  // namespace

extern const SamplerKind kEuler = sampler_kind(NWR_SAMPLER_EULER, "euler", "flow-map",
                                               "first-order ODE", 0, 1, 1, kParams, step_euler);

}  // namespace noisewright
