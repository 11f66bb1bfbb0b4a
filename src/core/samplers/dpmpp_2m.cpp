// SPDX-License-Identifier: Apache-2.0
// Owns DPM-Solver++(2M) (Lu et al. 2211.01095, algorithm 2): an exponential integrator in
// lambda = log(alpha/sigma) with the data prediction linear over the last two evaluations.
#include "core/sampler_kind.hpp"

namespace noisewright {
namespace {

constexpr Param kParams[] = {
    {"solver", "weight of the slope: at the step's midpoint, or its exact integral", 0, 0, 1,
     "midpoint,heun"},
    {"lower_order_final", "whether the last step is first-order wherever it ends", 0, 0, 1,
     "no,yes"},
    {"order", "1 takes no slope at all", 2, 1, 2, nullptr, true}};

void plan(Stage& s) {
  const Combo data = s.data();
  if (s.setting("order") == 2) s.keep(0, data);
  const Combo first_order = s.blend(s.to().alpha, s.to().sigma);
  const double h = s.h();
  // The slope needs a step before; to an infinite lambda no slope is left.
  if (s.setting("order") == 1 || s.first() || s.to_data() || h == 0 || s.h_before() == 0 ||
      (s.last() && s.setting("lower_order_final") == 1)) {
    s.next(first_order);
    return;
  }
  const double grown = -std::expm1(-h);
  const double weight = s.setting("solver") == 0 ? grown / 2 : 1 - grown / h;
  const double slope = s.to().alpha * weight * h / s.h_before();
  s.next(first_order + slope * (data - s.kept(0)));
}

}  // namespace

extern const SamplerKind kDpmpp2m;
const SamplerKind kDpmpp2m = {
    {NWR_SAMPLER_DPMPP_2M, "dpmpp-2m", "dpm++2m,dpmsolver++,nami.dpmpp",
     "second-order multistep in log-SNR", 0, 2, 1, kParams, kSamplerParams},
    plan};

}  // namespace noisewright
