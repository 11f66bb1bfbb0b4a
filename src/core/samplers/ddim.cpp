// SPDX-License-Identifier: Apache-2.0
// Owns DDIM (Song et al. 2010.02502, eq. 12) and DDPM's ancestral sampling (Ho et al. 2006.11239,
// eq. 6-7), on any schedule: x' = alpha' data + sigma' sqrt(1-kappa) noise + amount * fresh noise.
#include "core/sampler_kind.hpp"

namespace noisewright {
namespace {

// The share of the next noise level's variance that the forward process adds between the two times;
// 0 for a step away from data.
double posterior_share(const Stage& s) { return std::fmax(-std::expm1(-2 * s.h()), 0); }

// kappa is the share of fresh noise in the variance of the next noise.
void next(Stage& s, double kappa) {
  s.next(s.blend(s.to().alpha, s.to().sigma * std::sqrt(1 - kappa)) +
         s.to().sigma * std::sqrt(kappa) * s.fresh_noise());
}

constexpr Param kDdimParams[] = {
    {"eta", "share of fresh noise: 0 is deterministic, 1 is ancestral", 0, 0, 1e6}};

void plan_ddim(Stage& s) {
  const double eta = s.setting("eta");
  next(s, std::fmin(eta * eta * posterior_share(s), 1));
}

constexpr Param kAzulaDdimParams[] = {
    {"eta", "share of the posterior's variance that is fresh noise", 0, 0, 1e6}};

void plan_azula_ddim(Stage& s) { next(s, std::fmin(s.setting("eta") * posterior_share(s), 1)); }

constexpr Param kDdpmParams[] = {
    choice(
        "variance",
        "of the fresh noise: the posterior's; the forward step's; or between the two as a further "
        "output of the model says, from -1 to 1",
        "small,large,learned_range"),
    choice("last_step", "plain as any other, or the mean without noise", "plain,mean")};

void plan_ddpm(Stage& s) {
  const double kappa = posterior_share(s);
  if (s.setting("variance") == 2) {
    // Nichol and Dhariwal 2102.09672, eq. 15, as a standard deviation.
    const double ratio = s.to_data() ? 0 : std::log(s.from().sigma / s.to().sigma);
    s.spread(ratio / 2, ratio / 2);
  }
  const double scale = s.setting("variance") != 1 || s.to_data() ? s.to().sigma : s.from().sigma;
  const bool mean = s.last() && s.setting("last_step") == 1;
  s.next(s.blend(s.to().alpha, s.to().sigma * std::sqrt(1 - kappa)) +
         (mean ? 0 : scale * std::sqrt(kappa)) * s.fresh_noise());
}

}  // namespace

extern const SamplerKind kDdim =
    sampler_kind(NWR_SAMPLER_DDIM, "ddim", "azula.euler,diffusionlab.ddm,ddim-inverse",
                 "exact for a constant data prediction; eta adds fresh noise", NWR_ENTRY_STOCHASTIC,
                 1, 1, kDdimParams, plan_ddim);
// Its eta is the square of Song's.
extern const SamplerKind kAzulaDdim =
    sampler_kind(1000, "azula.ddim", "", "ddim whose eta scales the variance of the fresh noise",
                 NWR_ENTRY_STOCHASTIC, 1, 1, kAzulaDdimParams, plan_azula_ddim);
extern const SamplerKind kDdpmSampler =
    sampler_kind(NWR_SAMPLER_DDPM, "ddpm", "ancestral,azula.ddpm", "ancestral sampling",
                 NWR_ENTRY_STOCHASTIC, 1, 1, kDdpmParams, plan_ddpm);

}  // namespace noisewright
