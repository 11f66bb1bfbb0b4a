// SPDX-License-Identifier: Apache-2.0
// Owns first-order steps with fresh noise, Euler's, and the one that leans on the difference to the
// slope before (gradient estimation, Permenter and Yuan 2306.04848, eq. 13).
#include "core/samplers/multistep.hpp"

namespace noisewright {
namespace {

Multistep method(const Stage& s, int order) {
  Multistep m{{Line(s.setting("space")), Form::level}, order};
  m.noise = ancestral_split(s);
  m.eta = s.setting("eta"), m.s_noise = s.setting("s_noise");
  return m;
}

void plan_euler(Stage& s) { multistep(s, method(s, 1)); }

void plan_gradient(Stage& s) {
  Multistep m = method(s, 2);
  m.spacing = Multistep::Spacing::even;
  if (s.ends_at_data()) m.final = 2;
  m.solver.pair = Pair::share, m.solver.share = s.setting("gamma") - 1;
  multistep(s, m);
}

constexpr Param kEulerParams[] = {eta_param(1), kNoiseScaleParam, kAncestralParam, kLineParam};
constexpr Param kGradientParams[] = {{"gamma", "weight of the present slope; 1 is Euler", 2, 0, 10},
                                     eta_param(0),
                                     kNoiseScaleParam,
                                     kAncestralParam,
                                     kLineParam};

}  // namespace

extern const SamplerKind kEulerAncestral = sampler_kind(
    NWR_SAMPLER_EULER_ANCESTRAL, "euler-ancestral", "euler-a,k.euler-ancestral",
    "first-order with fresh noise", NWR_ENTRY_STOCHASTIC, 1, 1, kEulerParams, plan_euler);
extern const SamplerKind kGradientEstimation =
    sampler_kind(NWR_SAMPLER_GRADIENT_ESTIMATION, "gradient-estimation", "euler-ge,ge",
                 "first-order, small error at few steps", NWR_ENTRY_STOCHASTIC, 1, 1,
                 kGradientParams, plan_gradient);

}  // namespace noisewright
