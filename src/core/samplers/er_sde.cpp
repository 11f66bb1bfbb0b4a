// SPDX-License-Identifier: Apache-2.0
// Owns ER-SDE (Cui et al. 2309.06169): the SDE whose noise scale phi is a function of sigma/alpha,
// the data a polynomial in sigma/alpha.
#include "core/samplers/multistep.hpp"

namespace noisewright {
namespace {

double phi(double power, double level) {
  return power > 0 ? std::pow(level, power) : level * (std::exp(std::pow(level, 0.3)) + 10);
}

// The integrals of v^(k-1)/phi over the step, where v runs from 0 to 1: exact, over the logarithm
// of the level, or a left Riemann sum from the end.
Moments integrals(const Stage& s, double a, double b) {
  const double power = s.setting("power"), count = s.setting("points");
  Moments m{};
  const auto add = [&](double level, double weight) {
    const double v = (a - level) / (a - b);
    weight /= phi(power, level);
    for (int k = 0; k < 2; ++k, weight *= v) m[k] += weight;
  };
  for (double i = 0; i < count; ++i) add(b + (a - b) * i / count, 1 / count);
  if (count > 0) return m;
  const double length = std::log(b / a);
  quadrature(std::ceil(-length), [&](double w, double weight) {
    const double level = a * std::exp(length * w);
    add(level, weight * level * length / (b - a));
  });
  return m;
}

void plan(Stage& s) {
  const double a = s.from().sigma / s.from().alpha, b = s.to().sigma / s.to().alpha;
  const auto level = [&](int back) { return s.before(back).sigma / s.before(back).alpha; };
  // As many values as stand at different levels.
  int order = 1;
  while (order < s.setting("order") && order <= s.step() && level(order) != level(order - 1)) {
    ++order;
  }
  const Combo data = s.data();
  if (s.setting("order") > 1) s.keep(s.step() % 2, data);
  if (!(b > 0 && b < a && std::isfinite(a)))
    return s.next(s.to().alpha * data + s.to().sigma * s.setting("s_noise") * s.fresh_noise());
  const double end = phi(s.setting("power"), b), q = end / phi(s.setting("power"), a);
  const double variance = (b - a * q) * (b + a * q);
  const bool draws = variance > s.setting("least_variance");
  Combo x = q / s.from().alpha * s.state() + (1 - q) * data +
            (draws ? std::sqrt(variance) * s.setting("s_noise") : 0) * s.fresh_noise();
  if (order > 1) {
    // Newton's form; peers take the first difference as the slope at the step's begin.
    const Moments m = integrals(s, a, b);
    const double first = 1 - end * m[0], second = 1 - 2 * end * m[1];
    const auto node = [&](int back) { return (level(back) - a) / (b - a); };
    const Combo before = s.kept((s.step() + 1) % 2);
    const Combo slope = -1 / node(1) * (data - before);
    x = x + first * slope;
    if (order > 2) {
      const Combo slope_before = 1 / (node(1) - node(2)) * (before - s.kept(s.step() % 2));
      const double centred = s.setting("slope") == 0 ? node(1) * first : 0;
      x = x + -(second - centred) / node(2) * (slope - slope_before);
    }
  }
  s.next(s.to().alpha * x);
}

constexpr Param kParams[] = {
    order_param(3, 3),
    {"power", "phi is this power of sigma/alpha; 0 is the paper's x (exp(x^0.3) + 10)", 0, 0, 10},
    {"points", "of a left Riemann sum for the integrals; 0 is exact", 0, 0, 1e5, nullptr, true},
    choice("slope", "at the step's begin, or the last difference as peers have it",
           "exact,backward"),
    {"least_variance", "of the fresh noise; below it there is none", 0, 0, 1},
    kNoiseScaleParam};

}  // namespace

extern const SamplerKind kErSde = sampler_kind(
    NWR_SAMPLER_ER_SDE, "er-sde", "", "multistep for the SDE with little noise at low levels",
    NWR_ENTRY_STOCHASTIC, 2, 1, kParams, plan);

}  // namespace noisewright
