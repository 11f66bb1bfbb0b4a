// SPDX-License-Identifier: Apache-2.0
// Owns the two variables that classical methods for ODEs step in, and how their last step ends.
// Must not know any one method.
#pragma once

#include "core/sampler_kind.hpp"

namespace noisewright {

inline constexpr Param kSpaceParam =
    choice("space", "what is stepped: x in t, or x/alpha in sigma/alpha", "t,sigma");
inline constexpr Param kLastStepParam =
    choice("last_step",
           "a step to clean data: on the data prediction where there is one, or as any other step",
           "data,plain");

inline constexpr Param kPartParam = {
    "part", "of the step, where heun's second evaluation stands: 2/3 is Ralston's rule", 1, 1e-3,
    1};

inline bool ends_on_data(const Stage& s) {
  return s.to_data() && s.setting("last_step") == 0 && s.knows_data();
}

// On a scale of 1 in t, the slope of x is the velocity; on that of alpha in sigma/alpha, the slope
// of x/alpha is the noise.
class Space {
 public:
  explicit Space(const Stage& s) : s_(s), sigma_(in_sigma(s.setting("space"))) {}
  static bool in_sigma(double setting) { return setting == 1; }

  double length() const { return clock(s_.end()) - clock(s_.begin()); }
  // A part of the step from its begin.
  Stage::Point point(double part) const {
    return sigma_ ? s_.point_of_level(clock(s_.begin()) + part * length())
                  : s_.point(s_.begin().t + part * length());
  }
  double scale(const Stage::Point& p) const { return sigma_ ? p.at.alpha : 1; }
  // The state moved by a length along the slope, both on the scale of the step's end.
  Combo state() const { return scale(s_.end()) / scale(s_.at()) * s_.state(); }
  Combo move(double length) const {
    return scale(s_.end()) * length * (sigma_ ? s_.noise() : s_.velocity());
  }

 private:
  double clock(const Stage::Point& p) const { return sigma_ ? p.at.sigma / p.at.alpha : p.t; }

  const Stage& s_;
  bool sigma_;
};

// One step of each method, for samplers that differ in what goes before it.
void step_euler(Stage& s);
void step_heun(Stage& s);

}  // namespace noisewright
