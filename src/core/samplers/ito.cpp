// SPDX-License-Identifier: Apache-2.0
// Owns azula's Euler-Maruyama step in sigma/alpha of x/alpha, whose fresh noise has eta times the
// forward process's variance; 1/temperature scales the pull toward data.
#include "core/sampler_kind.hpp"

namespace noisewright {
namespace {

void plan(Stage& s) {
  if (s.to_data()) return s.next(s.data());
  const double eta = s.setting("eta");
  const double level = s.from().sigma / s.from().alpha, next = s.to().sigma / s.to().alpha;
  const double added = eta * std::sqrt(std::fabs((level - next) * (level + next)));
  s.next(s.to().alpha * (1 / s.from().alpha * s.state() +
                         (1 + eta * eta) / s.setting("temperature") * (next - level) * s.noise() +
                         added * s.fresh_noise()));
}

constexpr Param kParams[] = {{"eta", "scale of the fresh noise; 0 is deterministic", 1, 0, 1e6},
                             {"temperature", "below 1, samples are more typical", 1, 1e-6, 1e6}};

}  // namespace

extern const SamplerKind kIto = sampler_kind(
    NWR_SAMPLER_ITO, "ito", "azula.ito", "first-order SDE of x/alpha in sigma/alpha",
    NWR_ENTRY_STOCHASTIC, 1, 1, kParams, plan, nullptr, [](const Settings&) { return true; });

}  // namespace noisewright
