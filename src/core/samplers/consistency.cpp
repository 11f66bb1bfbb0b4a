// SPDX-License-Identifier: Apache-2.0
// Owns samplers of models that go to clean data at once: latent consistency (Luo et al.
// 2310.04378), consistency (Song et al. 2303.01469, algorithm 1) and trajectory consistency (Zheng
// et al. 2402.19159, algorithm 4).
#include "core/samplers/multistep.hpp"

namespace noisewright {
namespace {

void plan_lcm(Stage& s) {
  // The boundary condition of networks that were trained with it: x itself at time 0.
  const double scaled = s.setting("timestep_scaling") * s.at().t;
  const bool bounded = s.setting("timestep_scaling") > 0;
  const double norm = std::hypot(scaled, 0.5);
  Combo data = s.data();
  if (bounded) data = 0.25 / (norm * norm) * s.state() + scaled / norm * data;
  s.next(s.to().alpha * data + s.to().sigma * s.setting("s_noise") * s.fresh_noise());
}

void plan_consistency(Stage& s) {
  const double added = missing_noise(s.to().sigma, s.to().alpha * s.setting("sigma_min"));
  s.next(s.to().alpha * s.data() + added * s.setting("s_noise") * s.fresh_noise());
}

void plan_tcd(Stage& s) {
  const double end = s.data_index(), to = s.discrete() ? std::round(s.to_time()) : s.to_time();
  const double gamma = s.setting("gamma"), part = (1 - gamma) * (to - end);
  const bool whole = s.discrete();
  const nwr_coeffs inner = gamma > 0 ? s.point(end + (whole ? std::floor(part) : part)).at : s.to();
  const double keep = s.to().alpha / inner.alpha;
  const double added = missing_noise(s.to().sigma, keep * inner.sigma);
  s.next(s.blend(s.to().alpha, keep * inner.sigma) + added * s.fresh_noise());
}

constexpr Param kLcmParams[] = {
    {"timestep_scaling", "of the boundary condition c(t) of some networks; 0 is none", 0, 0, 1e6},
    kNoiseScaleParam};
constexpr Param kConsistencyParams[] = {{"sigma_min", "level that the model leaves", 0.002, 0, 1e6},
                                        kNoiseScaleParam};
constexpr Param kTcdParams[] = {
    {"gamma", "how far beyond each time it goes, as a part of that time, before fresh noise", 0.3,
     0, 1}};

}  // namespace

extern const SamplerKind kLcmSampler =
    sampler_kind(NWR_SAMPLER_LCM, "lcm", "trigflow,scm", "to clean data and noised again",
                 NWR_ENTRY_STOCHASTIC, 1, 1, kLcmParams, plan_lcm);
extern const SamplerKind kConsistencySampler = sampler_kind(
    NWR_SAMPLER_CONSISTENCY, "consistency", "cm", "lcm above a level that the model leaves",
    NWR_ENTRY_STOCHASTIC, 1, 1, kConsistencyParams, plan_consistency);
extern const SamplerKind kTcd =
    sampler_kind(NWR_SAMPLER_TCD, "tcd", "", "ddim beyond the next time, noised again",
                 NWR_ENTRY_STOCHASTIC, 1, 1, kTcdParams, plan_tcd);

}  // namespace noisewright
