// SPDX-License-Identifier: Apache-2.0
// Owns azula's REAB: the angular prediction is a polynomial in log-SNR through its last values.
#include <algorithm>

#include "core/samplers/multistep.hpp"

namespace noisewright {
namespace {

void plan(Stage& s) {
  const int order = static_cast<int>(s.setting("order"));
  const int depth = std::max(order - 1, 1);
  const double begin = -s.from().lambda, length = -s.to().lambda - begin;
  // Beyond either end of the clock nothing is left to extrapolate.
  if (!std::isfinite(length) || length == 0) return s.next(s.blend(s.to().alpha, s.to().sigma));
  const double from = std::hypot(s.from().alpha, s.from().sigma);
  const Combo now = s.blend(-s.from().sigma / from, s.from().alpha / from);
  if (order > 1) s.keep(s.step() % depth, now);

  // Nodes on the scale of the step, this one's first, as far back as they are finite and different.
  double node[kMostNodes] = {0};
  int count = 1;
  while (count < order && count <= s.step()) {
    node[count] = (-s.before(count).lambda - begin) / length;
    if (!std::isfinite(node[count]) || node[count] == node[count - 1]) break;
    ++count;
  }
  const Moments moment = scaled(length, secants(begin, length, count));
  // The quantity turns while data and noise stand still.
  const double next = std::hypot(s.to().alpha, s.to().sigma);
  const double slip = std::hypot(s.to().alpha, s.from().sigma);
  const double scale = s.setting("scale") == 0 ? next : slip;
  Combo x = next / from * s.state() + scale * weight_of(node, count, 0, moment) * now;
  for (int j = 1; j < count; ++j) {
    x = x + scale * weight_of(node, count, j, moment) * s.kept((s.step() - j) % depth);
  }
  s.next(x);
}

constexpr Param kScale = choice("scale",
                                "of the integral, sqrt(alpha^2+sigma^2): at the next time, or with "
                                "sigma left at this one",
                                "next,mixed");
constexpr Param kParams[] = {order_param(2, kMostNodes), kScale};

}  // namespace

extern const SamplerKind kReab = sampler_kind(
    NWR_SAMPLER_REAB, "reab", "",
    "exponential Adams-Bashforth for the angular prediction in log-SNR", 0, 2, 1, kParams, plan);

}  // namespace noisewright
