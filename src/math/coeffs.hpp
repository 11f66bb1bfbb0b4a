// SPDX-License-Identifier: Apache-2.0
// Owns the closed forms of every built-in path: alpha, sigma, gamma, their derivatives, and the
// inverse of lambda = log(alpha/sigma). Must not know grids, handles or where the numbers are used.
//
// A place on a path is a pair (u, v) with v = 1 - u, both exact: u = 0 is data, u = 1 is noise.
// Whoever has only one of them loses the digits near the other end. Derivatives are in u.
//
// Each form is exact at both ends: differences such as 1 - alpha^2 are written as products or
// through expm1, so that no digit is lost near the clean end, and lambda keeps its digits where it
// crosses 0. Infinite derivatives at an end are returned as infinities, never clamped.
#pragma once

#include <cmath>

#include "math/hd.hpp"

namespace noisewright::path {

inline constexpr double kPi = 3.14159265358979323846;
inline constexpr double kHalfPi = kPi / 2;
inline constexpr double kLog2 = 0.69314718055994530942;

template <class R>
struct Point {
  R alpha, sigma, dalpha, dsigma, log_alpha, dlog_alpha, lambda, diffusion2;
};

struct Place {
  double u, v;
};

// v - u, to all its digits in the middle too.
template <class R>
NWR_HD R gap(R u, R v) {
  return 2 * (u < v ? R(0.5) - u : v - R(0.5));
}

// For forms with large exponents, which lose as many digits: they are computed in double whatever R
// is. The place is made anew from its small side, which is exact.
NWR_HD inline Place widened(double u, double v) {
  return u < v ? Place{u, 1 - u} : Place{1 - v, v};
}
template <class R>
NWR_HD Point<R> narrowed(const Point<double>& p) {
  return {R(p.alpha),     R(p.sigma),      R(p.dalpha), R(p.dsigma),
          R(p.log_alpha), R(p.dlog_alpha), R(p.lambda), R(p.diffusion2)};
}

// sigma^2 of a variance preserving path.
template <class R>
NWR_HD R variance_at(R lambda) {
  return 1 / (1 + std::exp(2 * lambda));
}

// log(a/b) where a - b is known to more digits than a and b.
template <class R>
NWR_HD R log_ratio(R a, R b, R difference) {
  return std::fabs(difference) < b / 2 ? std::log1p(difference / b) : std::log(a) - std::log(b);
}
// The same where a^2 - b^2 is. The squares may underflow.
template <class R>
NWR_HD R log_ratio_by_squares(R a, R b, R difference) {
  return std::fabs(difference) < b * b / 2 ? std::log1p(difference / (b * b)) / 2
                                           : std::log(a) - std::log(b);
}

// Straight lines: alpha from 1 to alpha_min, sigma from sigma_min to 1. With both 0 the rectified
// flow (Liu et al. 2209.03003; Lipman et al. 2210.02747).
struct Linear {
  double alpha_min = 0, sigma_min = 0;

  template <class R>
  NWR_HD Point<R> at(R u, R v) const {
    return along(u, v, gap(u, v));
  }
  // difference is v - u to all its digits.
  template <class R>
  NWR_HD Point<R> along(R u, R v, R difference) const {
    const R a = R(alpha_min), s = R(sigma_min);
    Point<R> p;
    p.alpha = v + u * a;
    p.sigma = u + v * s;
    p.dalpha = a - 1;
    p.dsigma = 1 - s;
    p.log_alpha = p.alpha > R(0.5) ? std::log1p(u * R(alpha_min - 1)) : std::log(p.alpha);
    p.dlog_alpha = p.dalpha / p.alpha;
    p.lambda = log_ratio(p.alpha, p.sigma, difference + (u * a - v * s));
    p.diffusion2 = 2 * p.sigma * (1 - a * s) / p.alpha;
    return p;
  }
  Place place_of(double lambda) const {
    // Through r = alpha/sigma or its inverse, whichever cannot overflow.
    const double a = alpha_min, s = sigma_min;
    if (lambda > 0) {
      const double q = std::exp(-lambda), all = (1 - a) * q + (1 - s);
      return {(q - s) / all, (1 - a * q) / all};
    }
    const double r = std::exp(lambda), all = (1 - a) + r * (1 - s);
    return {(1 - r * s) / all, (r - a) / all};
  }
};

// alpha = cos(theta u), theta = acos(alpha_min); sigma = sin(theta u), above sigma_min. With both 0
// the trigonometric interpolant (Albergo and Vanden-Eijnden 2209.15571; GVP in Ma et al.
// 2401.08740).
struct Trigonometric {
  double alpha_min = 0, sigma_min = 0;

  template <class R>
  NWR_HD Point<R> at(R u, R v) const {
    const R floor = R(sigma_min);
    const R rest = R(std::asin(alpha_min));  // pi/2 - theta
    const R theta = alpha_min == 0 ? R(kHalfPi) : R(std::acos(alpha_min));
    Point<R> p;
    p.alpha = u < R(0.5) ? std::cos(theta * u) : std::sin(rest + theta * v);
    const R sine = u < R(0.5) || alpha_min > 0 ? std::sin(theta * u) : std::cos(theta * v);
    p.sigma = floor == 0 ? sine : std::hypot(sine, floor);
    p.dalpha = -theta * sine;
    p.dsigma = floor == 0 ? theta * p.alpha : theta * sine * p.alpha / p.sigma;
    p.log_alpha = sine * sine < R(0.5) ? std::log1p(-sine * sine) / 2 : std::log(p.alpha);
    p.dlog_alpha = p.dalpha / p.alpha;
    // alpha^2 - sine^2 = cos(2 theta u)
    const R difference = std::sin(R(kHalfPi) * gap(u, v) + 2 * rest * u) - floor * floor;
    p.lambda = log_ratio_by_squares(p.alpha, p.sigma, difference);
    p.diffusion2 = 2 * theta * (1 + floor * floor) * sine / p.alpha;
    return p;
  }
  Place place_of(double lambda) const {
    const double r = std::exp(lambda);
    double x, y;  // along cos and sin of the angle
    if (lambda > 0) {
      y = std::sqrt(std::fmax(std::exp(-2 * lambda) - sigma_min * sigma_min, 0));
      x = std::sqrt(1 + sigma_min * sigma_min);
    } else {
      y = std::sqrt(std::fmax(1 - r * r * sigma_min * sigma_min, 0));
      x = r * std::sqrt(1 + sigma_min * sigma_min);
    }
    const double theta = std::acos(alpha_min);
    return {std::atan2(y, x) / theta, (std::atan2(x, y) - std::asin(alpha_min)) / theta};
  }
};

// Variance preserving, alpha = cos(theta)/cos(theta_0), theta = (u+s)/(1+s) pi/2
// (Nichol and Dhariwal 2102.09672, eq. 17, without its clipping of beta).
struct Cosine {
  double s;

  template <class R>
  NWR_HD Point<R> at(R u, R v) const {
    const R k = R(kHalfPi / (1 + s));
    const R cos_0 = std::cos(R(s) * k);
    const R cos_theta = std::sin(v * k);
    const R sin_theta = std::sin((u + R(s)) * k);
    // 1 - alpha^2 = sin(theta - theta_0) sin(theta + theta_0) / cos(theta_0)^2
    const R low = std::sin(u * k), high = std::sin((u + 2 * R(s)) * k);
    const R variance = low * high / (cos_0 * cos_0);
    Point<R> p;
    p.alpha = u > 0 ? cos_theta / cos_0 : R(1);
    // By roots, for the product of two small sines underflows.
    p.sigma = v > 0 ? std::sqrt(low) * std::sqrt(high) / cos_0 : R(1);
    p.dalpha = -k * sin_theta / cos_0;
    p.dsigma = s == 0 && u == 0 ? k : -p.alpha * p.dalpha / p.sigma;
    p.log_alpha = variance < R(0.5) ? std::log1p(-variance) / 2 : std::log(p.alpha);
    p.dlog_alpha = -k * sin_theta / cos_theta;
    p.lambda = p.log_alpha - std::log(p.sigma);
    p.diffusion2 = -2 * p.dlog_alpha;
    return p;
  }
  Place place_of(double lambda) const {
    const double k = kHalfPi / (1 + s);
    const double theta_0 = s * k;
    const double variance = variance_at(lambda);
    const double alpha = 1 / std::sqrt(1 + std::exp(-2 * lambda));
    const double c = std::cos(theta_0);
    const double cosine = alpha * c, sine = std::hypot(std::sin(theta_0), c * std::sqrt(variance));
    const double theta = std::atan2(sine, cosine);
    // theta - theta_0 through its sine: both are equal to many digits near the clean end.
    const double gap = variance * c * c / std::sin(theta + theta_0);
    const double u = (theta - theta_0 < 0.5 ? std::asin(gap) : theta - theta_0) / k;
    return {u, std::atan2(cosine, sine) / k};
  }
};

// Variance preserving with linear beta (Song et al. 2011.13456, eq. 32-33), above sigma_min:
// sigma^2 = 1 - alpha^2 + sigma_min^2.
struct Vp {
  double beta_min, beta_max, sigma_min = 0;

  template <class R>
  NWR_HD Point<R> at(R u, R v) const {
    return narrowed<R>(wide(widened(u, v).u));
  }
  NWR_HD Point<double> wide(double u) const {
    const double slope = beta_max - beta_min, floor = sigma_min * sigma_min;
    const double mean = beta_min + slope * u / 2;
    const double integral = mean * u, beta = beta_min + slope * u;
    const double variance = -std::expm1(-integral) + floor;
    Point<double> p;
    p.alpha = std::exp(-integral / 2);
    // By roots where the integral would underflow.
    p.sigma = variance < 1e-30 ? std::sqrt(mean) * std::sqrt(u) : std::sqrt(variance);
    p.dlog_alpha = -beta / 2;
    p.dalpha = p.dlog_alpha * p.alpha;
    p.dsigma = beta == 0 ? (floor == 0 ? std::sqrt(slope / 2) : 0)
                         : beta * (p.alpha * p.alpha) / (2 * p.sigma);
    p.log_alpha = -integral / 2;
    // alpha^2 - sigma^2 = 2 exp(-integral) - 1 - floor
    const double difference = std::expm1(kLog2 - integral) - floor;
    p.lambda = std::fabs(difference) < variance / 2 ? std::log1p(difference / variance) / 2
                                                    : p.log_alpha - std::log(p.sigma);
    p.diffusion2 = beta * (1 + floor);
    return p;
  }
  Place place_of(double lambda) const {
    const double q = std::exp(-2 * lambda), floor = sigma_min * sigma_min;
    const double integral =
        lambda < -300 ? -2 * lambda : std::fmax(std::log1p((q - floor) / (1 + floor)), 0);
    const double slope = beta_max - beta_min;
    const double u =
        2 * integral / (beta_min + std::sqrt(beta_min * beta_min + 2 * slope * integral));
    return {u, 1 - u};
  }
};

// Variance exploding, sigma geometric in u (Song et al. 2011.13456, eq. 30-31).
struct Ve {
  double sigma_min, sigma_max;

  template <class R>
  NWR_HD Point<R> at(R u, R v) const {
    return narrowed<R>(wide(widened(u, v)));
  }
  NWR_HD Point<double> wide(Place place) const {
    const double first = std::log(sigma_min), last = std::log(sigma_max), rate = last - first;
    // Each half starts from its own end, where sigma is exact.
    Point<double> p;
    p.alpha = 1;
    p.sigma = place.u < 0.5 ? sigma_min * std::exp(place.u * rate)
                            : sigma_max * std::exp(-place.v * rate);
    p.dalpha = 0;
    p.dsigma = p.sigma * rate;
    p.log_alpha = 0;
    p.dlog_alpha = 0;
    p.lambda = -(place.v * first + place.u * last);
    p.diffusion2 = 2 * rate * p.sigma * p.sigma;
    return p;
  }
  Place place_of(double lambda) const {
    const double first = std::log(sigma_min), last = std::log(sigma_max);
    return {(-lambda - first) / (last - first), (last + lambda) / (last - first)};
  }
};

// Variance exploding, sigma a power of u, which may exceed 1. With power 1 sigma itself is the
// clock (Karras et al. 2206.00364), with 1/2 its square (Song et al. 2011.13456 in their table 1).
struct Power {
  double power = 1;

  template <class R>
  NWR_HD Point<R> at(R u, R) const {
    const R n = R(power);
    Point<R> p;
    p.alpha = 1;
    p.sigma = power == 1 ? u : power == 0.5 ? std::sqrt(u) : std::pow(u, n);
    p.dalpha = 0;
    p.dsigma = power == 1 ? R(1) : n * (u == 0 ? std::pow(u, n - 1) : p.sigma / u);
    p.log_alpha = 0;
    p.dlog_alpha = 0;
    p.lambda = -n * std::log(u);
    p.diffusion2 = 2 * n * (power == 0.5 ? R(1) : std::pow(u, 2 * n - 1));
    return p;
  }
  Place place_of(double lambda) const {
    const double u = std::exp(-lambda / power);
    return {u, 1 - u};
  }
};

// Variance exploding along Karras et al. 2206.00364, eq. 5, with the grid's parameter as the clock.
struct EdmRho {
  double sigma_min, sigma_max, rho;

  template <class R>
  NWR_HD Point<R> at(R u, R v) const {
    return narrowed<R>(wide(widened(u, v)));
  }
  NWR_HD Point<double> wide(Place place) const {
    const double first = std::pow(sigma_min, 1 / rho), last = std::pow(sigma_max, 1 / rho);
    const double root = place.v * first + place.u * last;
    Point<double> p;
    p.alpha = 1;
    p.sigma = place.u == 0 ? sigma_min : place.v == 0 ? sigma_max : std::pow(root, rho);
    p.dalpha = 0;
    p.dsigma = rho * (p.sigma / root) * (last - first);
    p.log_alpha = 0;
    p.dlog_alpha = 0;
    p.lambda = place.u == 0   ? -std::log(sigma_min)
               : place.v == 0 ? -std::log(sigma_max)
                              : -rho * std::log(root);
    p.diffusion2 = 2 * p.sigma * p.dsigma;
    return p;
  }
  Place place_of(double lambda) const {
    const double first = std::pow(sigma_min, 1 / rho), last = std::pow(sigma_max, 1 / rho);
    const double root = std::exp(-lambda / rho);
    return {(root - first) / (last - first), (last - root) / (last - first)};
  }
};

// Linear in tau = (gamma^u - 1)/(gamma - 1) (azula's DecaySchedule).
struct Decay {
  double alpha_min, sigma_min, gamma;

  template <class R>
  NWR_HD Point<R> at(R u, R v) const {
    const Linear line{alpha_min, sigma_min};
    return gamma == 1 ? line.at(u, v) : narrowed<R>(wide(line, widened(u, v)));
  }
  NWR_HD Point<double> wide(const Linear& line, Place place) const {
    const double rate = std::log(gamma), all = gamma - 1;
    const double grown = std::exp(rate * place.u);
    // (gamma + 1 - 2 gamma^u) / (gamma - 1) from the middle, where it is 0 but for a cosh.
    const double sinh = std::sinh(rate / 4);
    const double difference = 2 * std::exp(rate / 2) *
                              (2 * sinh * sinh - std::expm1(-rate * gap(place.u, place.v) / 2)) /
                              all;
    Point<double> p = line.along(std::expm1(rate * place.u) / all,
                                 grown * std::expm1(rate * place.v) / all, difference);
    const double slope = rate * grown / all;
    p.dalpha *= slope;
    p.dsigma *= slope;
    p.dlog_alpha *= slope;
    p.diffusion2 *= slope;
    return p;
  }
  Place place_of(double lambda) const {
    const Place line = Linear{alpha_min, sigma_min}.place_of(lambda);
    if (gamma == 1) return line;
    const double rate = std::log(gamma), all = gamma - 1;
    // 1 + tau (gamma - 1), by terms of one sign; then gamma^v - 1 = (1 - tau) (gamma - 1)/gamma^u.
    const double grown = line.v + line.u * gamma, rest = line.v * all / grown;
    const double u = grown > 0.5 ? std::log1p(line.u * all) : std::log(grown);
    return {u / rate, std::log1p(rest) / rate};
  }
};

// Variance preserving with sigma as its clock, alpha = sqrt(1 - u^2) (DiffusionLab's
// Ornstein-Uhlenbeck process).
struct Polar {
  template <class R>
  NWR_HD Point<R> at(R u, R v) const {
    const R square = v * (1 + u);  // alpha^2
    Point<R> p;
    p.alpha = std::sqrt(square);
    p.sigma = u;
    p.dalpha = -u / p.alpha;
    p.dsigma = 1;
    p.log_alpha = u < R(0.5) ? std::log1p(-u * u) / 2 : std::log(square) / 2;
    p.dlog_alpha = -u / square;
    p.lambda = log_ratio_by_squares(p.alpha, u, square - u * u);
    p.diffusion2 = 2 * u / square;
    return p;
  }
  Place place_of(double lambda) const {
    const double r = std::exp(lambda), u = 1 / std::hypot(1.0, r);
    // 1 - u = alpha^2 / (1 + u)
    return {u, variance_at(-lambda) / (1 + u)};
  }
};

// Variance preserving with alpha as its clock, alpha = v: not the reversal of Polar (GenSBI's
// LinearVPScheduler, after Lipman et al. 2412.06264).
struct PolarSwap {
  template <class R>
  NWR_HD Point<R> at(R u, R v) const {
    const R square = u * (1 + v);  // sigma^2
    Point<R> p;
    p.alpha = v;
    p.sigma = std::sqrt(square);
    p.dalpha = -1;
    p.dsigma = v / p.sigma;
    p.log_alpha = u < R(0.5) ? std::log1p(-u) : std::log(v);
    p.dlog_alpha = -1 / v;
    p.lambda = log_ratio_by_squares(v, p.sigma, v * v - square);
    p.diffusion2 = 2 / v;
    return p;
  }
  Place place_of(double lambda) const {
    const double v = 1 / std::hypot(1.0, std::exp(-lambda));
    return {variance_at(lambda) / (1 + v), v};
  }
};

// alpha = v^n, sigma = 1 - v^n (Lipman et al. 2412.06264).
struct Polynomial {
  double n;

  template <class R>
  NWR_HD Point<R> at(R u, R v) const {
    const R log_v = u < R(0.5) ? std::log1p(-u) : std::log(v);
    Point<R> p;
    p.alpha = u < R(0.5) ? std::exp(R(n) * log_v) : std::pow(v, R(n));
    p.sigma = -std::expm1(R(n) * log_v);
    p.dalpha = -R(n) * (v == 0 ? std::pow(v, R(n - 1)) : p.alpha / v);
    p.dsigma = -p.dalpha;
    p.log_alpha = R(n) * log_v;
    p.dlog_alpha = -R(n) / v;
    // alpha - sigma = 2 alpha - 1
    const R difference = std::expm1(R(kLog2) + p.log_alpha);
    p.lambda = std::fabs(difference) < p.sigma / 2 ? std::log1p(difference / p.sigma)
                                                   : p.log_alpha - std::log(p.sigma);
    p.diffusion2 = 2 * p.sigma * R(n) / v;
    return p;
  }
  Place place_of(double lambda) const {
    // log(alpha) = -log(1 + exp(-lambda))
    const double log_alpha =
        lambda > 0 ? -std::log1p(std::exp(-lambda)) : lambda - std::log1p(std::exp(lambda));
    return {-std::expm1(log_alpha / n), std::exp(log_alpha / n)};
  }
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

// A table of alpha_bar as lambda and as log(alpha_bar). t is the index, from count-1, noise, to -1,
// where alpha_bar is 1: the end that peers reach through a "previous timestep" below 0. Between two
// indices lambda is linear in t, or sigma/alpha where even_levels is set; between -1 and 0, where
// lambda is infinite, and towards a last index of pure noise, alpha_bar is.
struct DiscreteTable {
  const double* lambda;
  const double* log_alpha_bar;
  int64_t count;
  bool even_levels = false;

  NWR_HD Point<double> at(double t) const {
    if (t < 0) {
      const double reach = -std::expm1(log_alpha_bar[0]);
      const double variance = (t + 1) * reach;
      return from_alpha_bar(1 - variance, variance, -reach);
    }
    const double floor = std::floor(t);
    const int64_t index = static_cast<int64_t>(floor);
    if (floor == t) return at_index(index);
    const double low = lambda[index], high = lambda[index + 1];
    if (!std::isfinite(high)) return towards_pure_noise(t, index);
    if (even_levels) {
      const double rise = std::exp(-high) - std::exp(-low);
      const double level = std::exp(-low) + (t - floor) * rise;
      return variance_preserving(-std::log(level), -rise / level);
    }
    return variance_preserving(low + (t - floor) * (high - low), high - low);
  }
  // The time between index-1 and index at which lambda has a value.
  double time_of(double value, int64_t index) const {
    const double variance = variance_at(value);
    if (index == 0) return -1 + variance / -std::expm1(log_alpha_bar[0]);
    const double low = lambda[index - 1], high = lambda[index];
    const double base = static_cast<double>(index - 1);
    if (!std::isfinite(high)) {
      return base + 1 - variance_at(-value) / std::exp(log_alpha_bar[index - 1]);
    }
    return base + (even_levels ? std::expm1(low - value) / std::expm1(low - high)
                               : (value - low) / (high - low));
  }

 private:
  NWR_HD Point<double> at_index(int64_t index) const {
    if (!std::isfinite(lambda[index])) {
      return towards_pure_noise(static_cast<double>(index), index - 1);
    }
    // The slope is that of the side towards data, where a sampler goes. On the last stretch it is
    // d(lambda)/d(alpha_bar) * d(alpha_bar)/dt from above.
    double slope = -1 / (2 * std::exp(log_alpha_bar[0]));
    if (index > 0) {
      const double fall = lambda[index] - lambda[index - 1];
      slope = even_levels ? std::expm1(fall) : fall;
    }
    Point<double> p = variance_preserving(lambda[index], slope);
    p.log_alpha = log_alpha_bar[index] / 2;
    p.alpha = std::exp(p.log_alpha);
    p.sigma = std::sqrt(-std::expm1(log_alpha_bar[index]));
    return p;
  }
  NWR_HD Point<double> towards_pure_noise(double t, int64_t index) const {
    const double reach = std::exp(log_alpha_bar[index]);
    const double alpha_bar = (static_cast<double>(index) + 1 - t) * reach;
    return from_alpha_bar(alpha_bar, 1 - alpha_bar, -reach);
  }
  // alpha_bar linear in t.
  static NWR_HD Point<double> from_alpha_bar(double alpha_bar, double variance, double slope) {
    Point<double> p;
    p.alpha = std::sqrt(alpha_bar);
    p.sigma = std::sqrt(variance);
    p.dalpha = slope / (2 * p.alpha);
    p.dsigma = -slope / (2 * p.sigma);
    p.log_alpha = variance < 0.5 ? std::log1p(-variance) / 2 : std::log(alpha_bar) / 2;
    p.dlog_alpha = slope / (2 * alpha_bar);
    p.lambda = p.log_alpha - std::log(variance) / 2;
    p.diffusion2 = -slope / alpha_bar;
    return p;
  }
};

// A flow's noise level with the steps moved to its noisy end: k s / (1 + (k-1) s) (Esser et al.
// 2403.03206, eq. 23); with a power of 1/s - 1 as in FLUX's code, where k is exp(mu).
inline double shifted(double s, double k, double power = 1) {
  if (s <= 0 || s >= 1) return s;
  const double odds = (1 - s) / s;
  return k / (k + (power == 1 ? odds : std::pow(odds, power)));
}

// Data and latent alone: x_t = data + gamma latent (Albergo et al. 2303.08797, section 3.4).
struct Mirror {
  template <class R>
  NWR_HD Point<R> at(R, R) const {
    return {1, 0, 0, 0, 0, 0, R(HUGE_VAL), 0};
  }
  Place place_of(double) const { return {0, 1}; }
};

// From one end to the latent and on to the other: sigma = cos^2(pi t) up to t = 1/2, alpha =
// cos^2(pi t) from there. Their section 3.4, "encoding-decoding".
struct EncodeDecode {
  template <class R>
  NWR_HD Point<R> at(R u, R v) const {
    const R cosine = std::sin(R(kHalfPi) * gap(u, v)), square = cosine * cosine;
    const R sine = std::sin(R(kPi) * std::fmin(u, v));
    // d/du cos^2(pi u)
    const R slope = -R(2 * kPi) * cosine * sine;
    const bool data_side = u < v;
    Point<R> p;
    p.alpha = data_side ? square : R(0);
    p.sigma = data_side ? R(0) : square;
    p.dalpha = data_side ? slope : R(0);
    p.dsigma = data_side ? R(0) : slope;
    p.log_alpha = std::log(p.alpha);
    p.dlog_alpha = data_side ? p.dalpha / p.alpha : R(0);  // alpha stays 0
    p.lambda = data_side ? R(HUGE_VAL) : -R(HUGE_VAL);
    p.diffusion2 = 0;
    return p;
  }
  Place place_of(double) const { return {0.5, 0.5}; }
};

// The third leg of a two-sided interpolant (Albergo et al. 2303.08797, table 8): gamma and
// gamma*dgamma/du, which stays finite where dgamma/du does not.
enum class Latent { none, brownian, bsquared, sinesquared, sigmoid };

template <class R>
struct Gamma {
  R value, product;
};

template <class R>
NWR_HD Gamma<R> gamma_at(Latent latent, R scale, R u, R v) {
  const R tilt = gap(u, v);
  switch (latent) {
    case Latent::brownian: return {std::sqrt(scale * u * v), scale * tilt / 2};
    case Latent::bsquared: return {std::sqrt(scale) * (u * v), scale * (u * v) * tilt};
    case Latent::sinesquared: {
      const R sine = std::sin(R(kPi) * (u < v ? u : v)), cosine = std::sin(R(kHalfPi) * tilt);
      return {std::sqrt(scale) * (sine * sine), scale * R(2 * kPi) * (sine * sine * sine) * cosine};
    }
    case Latent::sigmoid: {
      // S(y+1) - S(y-1) - S(-4) + S(-6), y = 10 u - 5, is even in y; with C = cosh y + cosh 1
      // S(y+1) - S(y-1) = sinh 1 / C, and cosh 5 - cosh y is a product. In double, as above.
      const Place place = widened(u, v);
      const double y = 5 * gap(place.u, place.v), rise = 5 * std::fmin(place.u, place.v);
      const double c = std::cosh(y) + std::cosh(1.0), c_5 = std::cosh(5.0) + std::cosh(1.0);
      const double value = 2 * std::sinh(1.0) * std::sinh(rise) * std::sinh(5 - rise) / (c * c_5);
      const double slope = 10 * std::sinh(1.0) * std::sinh(y) / (c * c);
      return {R(std::sqrt(double(scale)) * value), R(scale * value * slope)};
    }
    default: return {0, 0};
  }
}

}  // namespace noisewright::path
