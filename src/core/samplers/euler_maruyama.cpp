// SPDX-License-Identifier: Apache-2.0
// Owns the Euler-Maruyama step of the SDE with any diffusion that keeps the marginals (Song et al.
// 2011.13456, eq. 6; Albergo et al. 2303.08797, eq. 2.33; Ma et al. 2401.08740).
#include "core/samplers/sde.hpp"

namespace noisewright {
namespace {

void plan(Stage& s) {
  if (!ends_plainly(s)) return end(s);
  const double w2 = s.diffusion2(s.at());
  s.next(s.state() + s.dt() * s.drift(w2) + amount(s, w2) * s.fresh_noise());
}

constexpr Param kParams[] = {kDiffusionParam, kNormParam, kSdeLastStepParam};

}  // namespace

extern const SamplerKind kEulerMaruyama =
    sampler_kind(NWR_SAMPLER_EULER_MARUYAMA, "euler-maruyama", "em", "first-order SDE",
                 NWR_ENTRY_STOCHASTIC, 1, 1, kParams, plan, nullptr, sde_needs_alpha);

}  // namespace noisewright
