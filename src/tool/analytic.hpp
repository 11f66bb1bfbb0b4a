// SPDX-License-Identifier: Apache-2.0
// Owns models with exact answers, at any alpha and sigma: a mixture of Gaussians, whose probability
// flow keeps quantiles, and one Gaussian, for which all is linear. Must not know any sampler.
#pragma once

#include <noisewright.h>

#include <string>

namespace tool {

// x = alpha data + sigma noise, with derivatives where a velocity is wanted.
struct Level {
  double alpha, sigma, dalpha = 0, dsigma = 0;
};

class Mixture {
 public:
  // E[data | x].
  static double data(const Level& at, double x);
  // Where the probability flow leads: to the same quantile.
  static double transport(const Level& from, const Level& to, double x);
};

// Data of mean 0.7 and standard deviation 0.5.
struct Gaussian {
  static constexpr double kMean = 0.7, kSpread = 0.5;
  // Without the mean: what the linear part of E[data | x] makes of x.
  static double slope(const Level& at);
  static double variance(const Level& at);
};

// What a model of that kind says where the data are expected to be data.
double predicted(nwr_quantity what, const Level& at, double x, double data);
// "noise", ...; throws UsageError.
nwr_quantity quantity_of(const std::string& name);

}  // namespace tool
