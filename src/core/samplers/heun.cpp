// SPDX-License-Identifier: Apache-2.0
// Owns Heun's second-order step in t along dx/dt (Karras et al. 2206.00364, algorithm 1). A step to
// clean data is its first stage alone: 2n-1 evaluations for n such steps.
#include "core/sampler_kind.hpp"

namespace noisewright {
namespace {

void plan(Stage& s) {
  if (s.stage() == 1) {
    s.next(s.kept(0) + s.dt() / 2 * s.velocity());
  } else if (s.to_data()) {
    s.next(s.data());
  } else {
    const Combo velocity = s.velocity();
    s.keep(0, s.state() + s.dt() / 2 * velocity);
    s.again(s.state() + s.dt() * velocity, s.to_time());
  }
}

}  // namespace

extern const SamplerKind kHeun;
const SamplerKind kHeun = {{NWR_SAMPLER_HEUN,
                            "heun",
                            "",
                            "second-order ODE, two evaluations a step",
                            0,
                            2,
                            2,
                            {},
                            kSamplerParams},
                           plan,
                           1};

}  // namespace noisewright
