// SPDX-License-Identifier: Apache-2.0
#include "core/quantile.hpp"

#include <cmath>
#include <initializer_list>
#include <limits>

namespace noisewright {
namespace {

// Regularised incomplete beta function by its continued fraction (Abramowitz and Stegun 26.5.8,
// evaluated as Thompson and Barnett's modified Lentz), which converges fast for x below the mean.
double beta_below(double x, double a, double b, double log_scale) {
  constexpr double kTiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1), sum;
  d = 1 / (std::fabs(d) < kTiny ? kTiny : d);
  sum = d;
  for (int m = 1; m < 10000; ++m) {
    double change = 1;
    for (const double term : {m * (b - m) * x / ((a - 1 + 2 * m) * (a + 2 * m)),
                              -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 1 + 2 * m))}) {
      d = 1 + term * d;
      c = 1 + term / c;
      d = 1 / (std::fabs(d) < kTiny ? kTiny : d);
      if (std::fabs(c) < kTiny) c = kTiny;
      change = d * c;
      sum *= change;
    }
    if (std::fabs(change - 1) < 4e-16) break;
  }
  return std::exp(a * std::log(x) + b * std::log1p(-x) - log_scale) / a * sum;
}

// The x of a probability that lies below that of the mean.
double beta_lower(double p, double a, double b, double most, double log_scale) {
  // Newton's method in log(x) between bounds: the function is close to a power there.
  double low = std::log(std::numeric_limits<double>::min()), high = std::log(most);
  double y = std::fmin((std::log(p) + std::log(a) + log_scale) / a, high);
  for (int i = 0; i < 200 && low < high; ++i) {
    y = y > low && y < high ? y : low + (high - low) / 2;
    const double x = std::exp(y), value = beta_below(x, a, b, log_scale);
    (value < p ? low : high) = y;
    const double slope = std::exp(a * y + (b - 1) * std::log1p(-x) - log_scale) / value;
    const double step = std::log(p / value) / slope;
    y += step;
    if (std::fabs(step) < 4e-16 * std::fmax(1, std::fabs(y))) break;
  }
  return std::exp(y);
}

}  // namespace

double normal_quantile(double p) {
  if (p == 0.5) return 0;
  const double tail = std::fmin(p, 1 - p), sign = p < 0.5 ? -1 : 1;
  if (tail <= 0) return sign * std::numeric_limits<double>::infinity();
  // Winitzki's inverse of erf to two digits, then Halley's method on the upper tail.
  const double log_tail = std::log(4 * tail * (1 - tail)), k = 4.3307506 + log_tail / 2;
  double z = std::sqrt(2 * (std::sqrt(k * k - log_tail / 0.147) - k));
  for (int i = 0; i < 4; ++i) {
    const double error = std::erfc(z / std::sqrt(2.0)) / 2 - tail;
    const double step = error * std::sqrt(2 * 3.14159265358979323846) * std::exp(z * z / 2);
    z += step / (1 - z * step / 2);
  }
  return sign * z;
}

double beta_quantile(double p, double a, double b) {
  if (p <= 0) return 0;
  if (p >= 1) return 1;
  if (a == b && p == 0.5) return 0.5;
  const double log_scale = std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b);
  const double mean = a / (a + b), below = beta_below(mean, a, b, log_scale);
  if (p <= below) return beta_lower(p, a, b, mean, log_scale);
  return 1 - beta_lower(1 - p, b, a, 1 - mean, log_scale);
}

}  // namespace noisewright
