// SPDX-License-Identifier: Apache-2.0
// Owns what methods for the SDE dx = drift dt + w dW share: which w, and how the last step ends.
// Must not know any one method.
#pragma once

#include "core/diffusion.hpp"
#include "core/sampler_kind.hpp"

namespace noisewright {

inline constexpr Param kDiffusionParam = {"diffusion",
                                          "w^2(t) of the fresh noise",
                                          static_cast<double>(Diffusion::reverse),
                                          0,
                                          kLastDiffusion,
                                          kDiffusionForms};
inline constexpr Param kNormParam = {"norm", "scale of the diffusion", 1, 0, 1e6};
inline constexpr Param kSdeLastStepParam = choice(
    "last_step",
    "plain as any other, mean without noise, euler along dx/dt, tweedie on the data prediction; "
    "auto: tweedie to clean data where it is known, else plain",
    "auto,plain,mean,euler,tweedie");

// Where alpha is 0 the forward SDE's own diffusion is infinite.
inline bool sde_needs_alpha(const Settings& settings) {
  const auto form = static_cast<Diffusion>(settings["diffusion"]);
  return form == Diffusion::reverse || form == Diffusion::sbdm;
}

inline double amount(const Stage& s, double diffusion2) {
  return std::sqrt(diffusion2 * std::fabs(s.dt()));
}

inline bool ends_plainly(const Stage& s) {
  const double rule = s.setting("last_step");
  return rule == 0 ? !s.to_data() || !s.knows_data() : rule == 1 || !s.last();
}

// The last step where it is not plain.
inline void end(Stage& s) {
  const double rule = s.setting("last_step");
  if (rule == 2) {
    s.next(s.state() + s.dt() * s.drift(s.diffusion2(s.at())));
  } else if (rule == 3) {
    s.next(s.state() + s.dt() * s.velocity());
  } else {
    s.next(s.data());
  }
}

}  // namespace noisewright
