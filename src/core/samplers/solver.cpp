// SPDX-License-Identifier: Apache-2.0
#include "core/samplers/solver.hpp"

namespace noisewright {

Combo Solver::correction(const Base& base, const Target& target, const Nodes& nodes) const {
  Combo sum;
  if (nodes.count == 1) return sum;
  const Place to = form == Form::slope ? target.end : target.down;
  const double length = clock(to) - clock(base.at);
  // scale times the integral of v^k e^(h(v-1)) h dv, or for the slope sigma times that of
  // -v^k e^(h(1-v)) h dv: Hochbruck and Ostermann's phi functions.
  const double factor =
      target.factor * line.scale(to) * length * (form == Form::slope ? -line.level(to) : 1);
  const double rate = form == Form::slope ? -length : length;
  Moments m =
      scaled(factor, form == Form::level ? powers(nodes.count) : exponentials(rate, nodes.count));
  if (nodes.count == 2 && pair != Pair::exact) {
    m[1] = share * (pair == Pair::share ? m[0] : factor);
  }
  if (nodes.count == 3) m[2] *= curvature;
  for (int j = 1; j < nodes.count; ++j) {
    sum = sum + weight_of(nodes.at, nodes.count, j, m) * (nodes.value[j] - base.value);
  }
  return sum;
}

}  // namespace noisewright
