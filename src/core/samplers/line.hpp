// SPDX-License-Identifier: Apache-2.0
// Owns the two lines on which solvers move, and how a stochastic step is split into a deterministic
// one and fresh noise. Must not know any one method.
#pragma once

#include <algorithm>

#include "core/sampler_kind.hpp"

namespace noisewright {

inline constexpr Param kLineParam = choice(
    "space", "what is stepped: x/alpha in sigma/alpha, or x/(alpha+sigma) in sigma/(alpha+sigma)",
    "sigma,flow");

// What a solver needs of a point; it need not lie on the schedule.
struct Place {
  double alpha, sigma;
};
inline Place place(const nwr_coeffs& c) { return {c.alpha, c.sigma}; }

// x = scale (data + level slope): level is sigma/alpha and the slope the noise, or on the line of
// flows, which is that of peers without a notion of alpha, level is sigma/(alpha+sigma) and the
// slope noise minus data.
class Line {
 public:
  explicit Line(double space) : flow_(space == 1) {}
  double scale(Place p) const { return flow_ ? p.alpha + p.sigma : p.alpha; }
  double level(Place p) const { return p.sigma / scale(p); }
  double lambda(Place p) const { return -std::log(level(p)); }
  // Where the level is another one and the scale that of p.
  Place at_level(Place p, double level) const {
    return {flow_ ? scale(p) * (1 - level) : p.alpha, scale(p) * level};
  }
  Combo slope(const Stage& s) const { return flow_ ? s.blend(-1, 1) : s.noise(); }
  Stage::Point point(const Stage& s, double level) const {
    return s.point_of_level(flow_ ? level / (1 - level) : level);
  }

 private:
  bool flow_;
};

// The noise that one of variance part^2 lacks of variance whole^2.
inline double missing_noise(double whole, double part) {
  return std::sqrt(std::fmax((whole - part) * (whole + part), 0));
}

// Which part of a step is fresh noise: that of the SDE with eta times the forward process's
// (Lu et al. 2211.01095, eq. 20); eta times the posterior's standard deviation (2010.02502,
// eq. 16); that of rectified flow, linear in sigma; or that of the SDE for methods that extrapolate
// the slope, which go beyond the end and come back.
enum class Split { sde, variance, flow, overshoot };

struct Target {
  Place down;         // where the deterministic part goes
  Place end;          // where its integrals end
  double up = 0;      // what is added of fresh noise
  double factor = 1;  // of the integrals of a slope
};

inline Target split(Line line, Split kind, double eta, Place from, Place to) {
  Target t{to, to};
  const double a = line.level(from), b = line.level(to);
  if (eta == 0 || !(b < a) || b == 0) return t;
  const double scale = line.scale(to);
  if (kind == Split::flow) {
    const double s = from.sigma / (from.alpha + from.sigma), e = to.sigma / (to.alpha + to.sigma);
    const double down = e * (1 + (e / s - 1) * std::fmin(eta, 1));
    t.down.sigma = to.alpha * down / (1 - down);
    t.up = missing_noise(to.sigma, t.down.sigma);
  } else if (kind == Split::variance) {
    const double up = std::fmin(b, eta * b * std::sqrt((1 - b / a) * (1 + b / a)));
    t.down = line.at_level(to, std::sqrt((b - up) * (b + up)));
    t.up = scale * up;
  } else if (kind == Split::sde) {
    const double h = std::log(a / b);
    t.down = line.at_level(to, b * std::exp(-eta * h));
    t.up = to.sigma * std::sqrt(-std::expm1(-2 * eta * h));
  } else {
    t.down = line.at_level(to, b + eta * (b - a));
    t.up = scale * std::sqrt(eta * (a - b) * (a + b));
    t.factor = 1 + eta;
    return t;
  }
  t.end = t.down;
  return t;
}

}  // namespace noisewright
