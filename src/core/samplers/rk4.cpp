// SPDX-License-Identifier: Apache-2.0
// Owns the classical fourth-order Runge-Kutta step along dx/dt (Kutta 1901). A step to clean data
// is its first stage alone.
#include "core/samplers/space.hpp"

namespace noisewright {
namespace {

constexpr int kBase = 0, kSum = 1;

void plan(Stage& s) {
  if (ends_on_data(s)) {
    s.next(s.data());
    return;
  }
  const Space space(s);
  const double length = space.length();
  const Combo base = s.stage() == 0 ? space.state() : s.kept(kBase);
  const Combo sum = s.stage() == 0 ? base : s.kept(kSum);
  if (s.stage() == 0) s.keep(kBase, base);
  if (s.stage() == 3) {
    s.next(sum + space.move(length / 6));
    return;
  }
  s.keep(kSum, sum + space.move(s.stage() == 0 ? length / 6 : length / 3));
  if (s.stage() == 2) {
    s.again(base + space.move(length), s.to_time());
  } else {
    const Stage::Point middle = space.middle();
    s.again(space.scale(middle) / space.scale(s.end()) * (base + space.move(length / 2)), middle.t);
  }
}

constexpr Param kParams[] = {kSpaceParam, kLastStepParam};

}  // namespace

extern const SamplerKind kRk4;
const SamplerKind kRk4 = {
    {NWR_SAMPLER_RK4, "rk4", "", "fourth-order ODE, four evaluations a step", 0, 4, 4, kParams,
     kSamplerParams},
    plan,
    nullptr,
    [](const Settings& settings) { return Space::in_sigma(settings["space"]); }};

}  // namespace noisewright
