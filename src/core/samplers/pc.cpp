// SPDX-License-Identifier: Apache-2.0
// Owns predictor-corrector sampling (Song et al. 2011.13456, section 4.2) as azula has it: the
// corrector replaces a share of the noise by fresh noise, the predictor is DDIM.
#include "core/sampler_kind.hpp"

namespace noisewright {
namespace {

void plan(Stage& s) {
  if (s.stage() < s.setting("corrections")) {
    const double delta = s.setting("delta"), sigma = s.from().sigma;
    s.again(s.blend(s.from().alpha, std::sqrt(1 - delta) * sigma) +
                std::sqrt(delta) * sigma * s.fresh_noise(),
            s.from_time());
  } else {
    s.next(s.blend(s.to().alpha, s.to().sigma));
  }
}

constexpr Param kParams[] = {
    {"corrections", "corrector evaluations a step", 1, 0, 100, nullptr, true},
    {"delta", "share of the noise's variance that a correction makes fresh", 0.01, 0, 1}};

}  // namespace

extern const SamplerKind kPc = sampler_kind(NWR_SAMPLER_PC, "pc", "azula.pc", "predictor-corrector",
                                            NWR_ENTRY_STOCHASTIC, 1, 2, kParams, plan);

}  // namespace noisewright
