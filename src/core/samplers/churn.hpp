// SPDX-License-Identifier: Apache-2.0
// Owns fresh noise before a step (Karras et al. 2206.00364, algorithm 2). Must not know the step.
#pragma once

#include "core/samplers/line.hpp"

namespace noisewright {

inline constexpr Param kChurnParam = {
    "s_churn", "noise added in all: by s_churn/steps, at most 0.414, grows sigma/alpha", 0, 0, 1e6};
inline constexpr Param kChurnMinParam = {"s_min", "sigma/alpha below which none is added", 0, 0,
                                         1e300};
inline constexpr Param kChurnMaxParam = {"s_max", "sigma/alpha above which none is added", 1e300, 0,
                                         1e300};
inline constexpr Param kChurnNoiseParam = {"s_noise", "standard deviation of what is added", 1,
                                           1e-6, 1e6};

// By which share the level grows.
inline double churn_growth(const Stage& s, double level) {
  const bool churns = s.h() > 0 && level >= s.setting("s_min") && level <= s.setting("s_max");
  return churns ? std::fmin(s.setting("s_churn") / s.steps(), std::sqrt(2.0) - 1) : 0;
}

// x = alpha (data + level noise), so that noise is added to x/alpha.
inline void churn(Stage& s) {
  const double level = s.from().sigma / s.from().alpha;
  const double growth = churn_growth(s, level);
  if (growth == 0) return;
  const Stage::Point hat = s.point_of_level(level * (1 + growth));
  const double hat_level = hat.at.sigma / hat.at.alpha;
  const double added = missing_noise(hat_level, level);
  s.again(hat.at.alpha / s.from().alpha * s.state() +
              hat.at.alpha * s.setting("s_noise") * added * s.fresh_noise(),
          hat.t);
}

}  // namespace noisewright
