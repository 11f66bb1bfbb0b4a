// SPDX-License-Identifier: Apache-2.0
// Owns EDM's sampler (Karras et al. 2206.00364, algorithm 2) on any schedule: each step first adds
// noise, back to a noisier time, and then goes along dx/dt. A step to clean data has no correction.
#include "core/samplers/space.hpp"

namespace noisewright {
namespace {

constexpr Param kParams[] = {
    {"solver", "the step after the noise", 1, 0, 1, "euler,heun"},
    {"s_churn", "noise added in all: by s_churn/steps, at most 0.414, grows sigma/alpha", 0, 0,
     1e6},
    {"s_min", "sigma/alpha below which none is added", 0, 0, 1e300},
    {"s_max", "sigma/alpha above which none is added", 1e300, 0, 1e300},
    {"s_noise", "standard deviation of what is added", 1, 1e-6, 1e6},
    kSpaceParam,
    kLastStepParam};

// x = alpha (data + level noise), so that noise is added to x/alpha.
void open(Stage& s) {
  const double level = s.from().sigma / s.from().alpha;
  const double growth = std::fmin(s.setting("s_churn") / s.steps(), std::sqrt(2.0) - 1);
  const bool churns =
      growth > 0 && s.h() > 0 && level >= s.setting("s_min") && level <= s.setting("s_max");
  if (!churns) return;
  const Stage::Point hat = s.point_of_level(level * (1 + growth));
  const double hat_level = hat.at.sigma / hat.at.alpha;
  const double added = std::sqrt(std::fmax((hat_level - level) * (hat_level + level), 0));
  s.again(hat.at.alpha / s.from().alpha * s.state() +
              hat.at.alpha * s.setting("s_noise") * added * s.fresh_noise(),
          hat.t);
}

void plan(Stage& s) { s.setting("solver") == 0 || s.to_data() ? step_euler(s) : step_heun(s); }

}  // namespace

extern const SamplerKind kEdmSampler;
const SamplerKind kEdmSampler = {
    {NWR_SAMPLER_EDM, "edm", "gensbi.edm", "heun or euler after fresh noise in each step",
     NWR_ENTRY_STOCHASTIC, 2, 2, kParams, kSamplerParams},
    plan,
    open,
    [](const Settings& settings) { return Space::in_sigma(settings["space"]); }};

}  // namespace noisewright
