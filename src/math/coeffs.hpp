// SPDX-License-Identifier: Apache-2.0
// Owns the closed forms of every built-in schedule: alpha, sigma, their derivatives, and the
// inverse of lambda = log(alpha/sigma). Must not know grids, handles or where the numbers are used.
//
// Each form is exact at both ends of time: differences such as 1 - alpha^2 are written as products
// or through expm1, so that no digit is lost near the clean end. Infinite derivatives at an end are
// returned as infinities, never clamped.
#pragma once

#include <cmath>

#include "math/hd.hpp"

namespace noisewright::path {

inline constexpr double kHalfPi = 1.57079632679489661923;

template <class R>
struct Point {
  R alpha, sigma, dalpha, dsigma, log_alpha, dlog_alpha, lambda, diffusion2;
};

// sigma^2 of a variance preserving path.
template <class R>
NWR_HD R variance_at(R lambda) {
  return 1 / (1 + std::exp(2 * lambda));
}

// Rectified flow, x_t = t*data + (1-t)*noise (Liu et al. 2209.03003; Lipman et al. 2210.02747).
struct Linear {
  template <class R>
  NWR_HD Point<R> at(R t) const {
    const R rest = 1 - t;
    Point<R> p;
    p.alpha = t;
    p.sigma = rest;
    p.dalpha = 1;
    p.dsigma = -1;
    p.log_alpha = t < R(0.5) ? std::log(t) : std::log1p(-rest);
    p.dlog_alpha = 1 / t;
    // t - rest is exact near one half, where lambda is near 0.
    p.lambda = t > R(0.25) && t < R(0.75) ? std::log1p((t - rest) / rest) : std::log(t / rest);
    p.diffusion2 = 2 * rest / t;
    return p;
  }
  double time_at(double lambda) const { return 1 / (1 + std::exp(-lambda)); }
};

// Variance preserving, alpha = cos(theta)/cos(theta_0), theta = (t+s)/(1+s) pi/2
// (Nichol and Dhariwal 2102.09672, eq. 17, without its clipping of beta).
struct Cosine {
  double s;

  template <class R>
  NWR_HD Point<R> at(R t) const {
    const R k = R(kHalfPi / (1 + s));
    const R cos_0 = std::cos(R(s) * k);
    const R cos_theta = std::sin((1 - t) * k);
    const R sin_theta = std::sin((t + R(s)) * k);
    // 1 - alpha^2 = sin(theta - theta_0) sin(theta + theta_0) / cos(theta_0)^2
    const R variance = std::sin(t * k) * std::sin((t + 2 * R(s)) * k) / (cos_0 * cos_0);
    Point<R> p;
    p.alpha = t > 0 ? cos_theta / cos_0 : R(1);
    p.sigma = t < 1 ? std::sqrt(variance) : R(1);
    p.dalpha = -k * sin_theta / cos_0;
    p.dsigma = s == 0 && t == 0 ? k : -p.alpha * p.dalpha / p.sigma;
    p.log_alpha = variance < R(0.5) ? std::log1p(-variance) / 2 : std::log(p.alpha);
    p.dlog_alpha = -k * sin_theta / cos_theta;
    p.lambda = p.log_alpha - std::log(variance) / 2;
    p.diffusion2 = -2 * p.dlog_alpha;
    return p;
  }
  double time_at(double lambda) const {
    const double k = kHalfPi / (1 + s);
    const double theta_0 = s * k;
    const double variance = variance_at(lambda);
    const double alpha = 1 / std::sqrt(1 + std::exp(-2 * lambda));
    const double c = std::cos(theta_0);
    const double theta =
        std::atan2(std::hypot(std::sin(theta_0), c * std::sqrt(variance)), alpha * c);
    // theta - theta_0 through its sine: both are equal to many digits near the clean end.
    const double sine = variance * c * c / std::sin(theta + theta_0);
    return (theta - theta_0 < 0.5 ? std::asin(sine) : theta - theta_0) / k;
  }
};

// Variance preserving with linear beta (Song et al. 2011.13456, eq. 32-33).
struct Vp {
  double beta_min, beta_max;

  template <class R>
  NWR_HD Point<R> at(R t) const {
    const R b0 = R(beta_min), slope = R(beta_max - beta_min);
    const R integral = b0 * t + slope * t * t / 2;
    const R beta = b0 + slope * t;
    const R variance = -std::expm1(-integral);
    Point<R> p;
    p.alpha = std::exp(-integral / 2);
    p.sigma = std::sqrt(variance);
    p.dlog_alpha = -beta / 2;
    p.dalpha = p.dlog_alpha * p.alpha;
    p.dsigma = beta == 0 ? std::sqrt(slope / 2) : beta * (p.alpha * p.alpha) / (2 * p.sigma);
    p.log_alpha = -integral / 2;
    p.lambda = p.log_alpha - std::log(variance) / 2;
    p.diffusion2 = beta;
    return p;
  }
  double time_at(double lambda) const {
    const double integral = std::log1p(std::exp(-2 * lambda));
    const double slope = beta_max - beta_min;
    return 2 * integral / (beta_min + std::sqrt(beta_min * beta_min + 2 * slope * integral));
  }
};

// Variance exploding, sigma geometric in t (Song et al. 2011.13456, eq. 30-31).
struct Ve {
  double sigma_min, sigma_max;

  template <class R>
  NWR_HD Point<R> at(R t) const {
    const R first = R(std::log(sigma_min)), last = R(std::log(sigma_max));
    const R rate = last - first;
    const R log_sigma = (1 - t) * first + t * last;
    Point<R> p;
    p.alpha = 1;
    p.sigma = t == 0 ? R(sigma_min) : t == 1 ? R(sigma_max) : std::exp(log_sigma);
    p.dalpha = 0;
    p.dsigma = p.sigma * rate;
    p.log_alpha = 0;
    p.dlog_alpha = 0;
    p.lambda = -log_sigma;
    p.diffusion2 = 2 * rate * p.sigma * p.sigma;
    return p;
  }
  double time_at(double lambda) const {
    return (-lambda - std::log(sigma_min)) / std::log(sigma_max / sigma_min);
  }
};

// Variance exploding with sigma itself as the clock (Karras et al. 2206.00364).
struct Edm {
  template <class R>
  NWR_HD Point<R> at(R t) const {
    Point<R> p;
    p.alpha = 1;
    p.sigma = t;
    p.dalpha = 0;
    p.dsigma = 1;
    p.log_alpha = 0;
    p.dlog_alpha = 0;
    p.lambda = -std::log(t);
    p.diffusion2 = 2 * t;
    return p;
  }
  double time_at(double lambda) const { return std::exp(-lambda); }
};

// A variance preserving point from its lambda and the slope of lambda in time.
template <class R>
NWR_HD Point<R> variance_preserving(R lambda, R slope) {
  const R variance = variance_at(lambda);
  Point<R> p;
  p.alpha = 1 / std::sqrt(1 + std::exp(-2 * lambda));
  p.sigma = std::sqrt(variance);
  p.dlog_alpha = variance * slope;
  p.dalpha = p.dlog_alpha * p.alpha;
  p.dsigma = -p.sigma * (p.alpha * p.alpha) * slope;
  // Through 1 - variance its digits would go where alpha is small.
  p.log_alpha = lambda < 0 ? lambda - std::log1p(std::exp(2 * lambda)) / 2
                           : -std::log1p(std::exp(-2 * lambda)) / 2;
  p.lambda = lambda;
  p.diffusion2 = 2 * variance * std::fabs(slope);
  return p;
}

}  // namespace noisewright::path
