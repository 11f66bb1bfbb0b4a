// SPDX-License-Identifier: Apache-2.0
// Owns Heun's step of the drift with the noise of one Euler-Maruyama step. Where the noise comes in
// differs: torchebm adds it after, SiT (Ma et al. 2401.08740) before, and Albergo et al.
// (2303.08797) before, with both evaluations at the step's end.
#include "core/samplers/sde.hpp"

namespace noisewright {
namespace {

enum When { after, before, ahead };
When when(const Stage& s) { return static_cast<When>(s.setting("noise")); }

void open(Stage& s) {
  if (when(s) == after || !ends_plainly(s)) return;
  s.covers(s.from(), s.to());
  s.again(s.state() + amount(s, s.diffusion2(s.begin())) * s.fresh_noise(),
          when(s) == before ? s.from_time() : s.to_time());
}

void plan(Stage& s) {
  if (!ends_plainly(s)) return end(s);
  const Combo move = s.dt() * s.drift(s.diffusion2(s.at()));
  if (s.stage() == 0) {
    s.keep(0, s.state() + 0.5 * move);
    s.again(s.state() + move, s.to_time());
  } else {
    const double added = when(s) == after ? amount(s, s.diffusion2(s.begin())) : 0;
    s.next(s.kept(0) + 0.5 * move + added * s.fresh_noise());
  }
}

constexpr Param kParams[] = {
    kDiffusionParam, kNormParam, kSdeLastStepParam,
    choice("noise", "added after the step, before it, or before it with both drifts at its end",
           "after,before,ahead")};

}  // namespace

extern const SamplerKind kStochasticHeun = sampler_kind(
    NWR_SAMPLER_STOCHASTIC_HEUN, "stochastic-heun", "", "SDE with a second-order drift",
    NWR_ENTRY_STOCHASTIC, 1, 2, kParams, plan, open, sde_needs_alpha);

}  // namespace noisewright
