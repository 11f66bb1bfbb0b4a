// SPDX-License-Identifier: Apache-2.0
// Owns EDM's sampler (Karras et al. 2206.00364, algorithm 2) on any schedule: each step first adds
// noise, back to a noisier time, and then goes along dx/dt. A step to clean data has no correction.
#include "core/samplers/churn.hpp"
#include "core/samplers/space.hpp"

namespace noisewright {
namespace {

constexpr Param kParams[] = {choice("solver", "the step after the noise", "euler,heun", 1),
                             kChurnParam,
                             kChurnMinParam,
                             kChurnMaxParam,
                             kChurnNoiseParam,
                             kSpaceParam,
                             kLastStepParam,
                             kPartParam};

void plan(Stage& s) { s.setting("solver") == 0 || s.to_data() ? step_euler(s) : step_heun(s); }

}  // namespace

extern const SamplerKind kEdmSampler = sampler_kind(
    NWR_SAMPLER_EDM, "edm", "gensbi.edm", "heun or euler after fresh noise in each step",
    NWR_ENTRY_STOCHASTIC, 2, 2, kParams, plan, churn,
    [](const Settings& settings) { return Space::in_sigma(settings["space"]); });

}  // namespace noisewright
