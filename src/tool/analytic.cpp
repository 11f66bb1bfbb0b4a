// SPDX-License-Identifier: Apache-2.0
// In one dimension the probability flow is monotone and carries the density, so it keeps quantiles:
// the exact end of a path is one inversion of a distribution function.
#include "analytic.hpp"

#include <cmath>
#include <iterator>

#include "args.hpp"

namespace tool {
namespace {

struct Part {
  double weight, mean, spread;
};
constexpr Part kParts[] = {{0.4, -1, 0.5}, {0.6, 0.8, 0.4}};

double variance_of(const Part& p, const Level& at) {
  return at.alpha * at.alpha * p.spread * p.spread + at.sigma * at.sigma;
}

// The probability beyond x, on one side, so that none is lost near 1.
double beyond(const Level& at, double x, double side) {
  double sum = 0;
  for (const Part& p : kParts) {
    sum += p.weight / 2 *
           std::erfc(side * (x - at.alpha * p.mean) / std::sqrt(2 * variance_of(p, at)));
  }
  return sum;
}

}  // namespace

double Mixture::data(const Level& at, double x) {
  double total = 0, sum = 0;
  for (const Part& p : kParts) {
    const double variance = variance_of(p, at), off = x - at.alpha * p.mean;
    const double density = p.weight * std::exp(-off * off / (2 * variance)) / std::sqrt(variance);
    total += density;
    sum += density * (p.mean + at.alpha * p.spread * p.spread / variance * off);
  }
  return sum / total;
}

double Mixture::transport(const Level& from, const Level& to, double x) {
  const double side = beyond(from, x, 1) < 0.5 ? 1 : -1, wanted = beyond(from, x, side);
  double low = -1e3, high = 1e3;
  while (true) {
    const double middle = low + (high - low) / 2;
    if (middle == low || middle == high) return middle;
    if ((beyond(to, middle, side) > wanted) == (side > 0)) {
      low = middle;
    } else {
      high = middle;
    }
  }
}

double Gaussian::slope(const Level& at) { return at.alpha * kSpread * kSpread / variance(at); }

double Gaussian::variance(const Level& at) {
  return at.alpha * at.alpha * kSpread * kSpread + at.sigma * at.sigma;
}

double predicted(nwr_quantity what, const Level& at, double x, double data) {
  const double noise = (x - at.alpha * data) / at.sigma;
  switch (what) {
    case NWR_DATA: return data;
    case NWR_NOISE: return noise;
    case NWR_VELOCITY: return at.dalpha * data + at.dsigma * noise;
    case NWR_SCORE: return -noise / at.sigma;
    default: return at.alpha * noise - at.sigma * data;
  }
}

nwr_quantity quantity_of(const std::string& name) {
  constexpr struct {
    const char* name;
    nwr_quantity value;
  } kNames[] = {{"data", NWR_DATA},       {"noise", NWR_NOISE}, {"velocity", NWR_VELOCITY},
                {"angular", NWR_ANGULAR}, {"v", NWR_ANGULAR},   {"score", NWR_SCORE}};
  for (const auto& n : kNames) {
    if (name == n.name) return n.value;
  }
  throw UsageError("--prediction is data, noise, velocity, angular or score, not '" + name + "'");
}

}  // namespace tool
