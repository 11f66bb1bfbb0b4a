// SPDX-License-Identifier: Apache-2.0
// Owns explicit Runge-Kutta steps along dx/dt (Kutta 1901; Bogacki and Shampine 1989; Dormand and
// Prince 1980). A step to clean data is its first stage alone.
#include "core/samplers/space.hpp"

namespace noisewright {
namespace {

constexpr int kMost = kMaxSlots + 1;

struct Tableau {
  int stages;
  double at[kMost];
  double inner[kMost][kMost];
  double weight[kMost];
};

// x and the slopes so far: slot i+1 holds that of stage i.
Combo sum(const Stage& s, Combo x, const Combo& now, const double* factors) {
  x = x + factors[s.stage()] * now;
  for (int i = 0; i < s.stage(); ++i) x = x + factors[i] * s.kept(i + 1);
  return x;
}

void next_stage(Stage& s, const Space& space, const Tableau& m, const Combo& base,
                const Combo& now) {
  const int next = s.stage() + 1;
  const Stage::Point p = m.at[next] == 1 ? s.end() : space.point(m.at[next]);
  s.again(space.scale(p) / space.scale(s.end()) * sum(s, base, now, m.inner[next]), p.t);
}

// Slot 0 holds the base and, for the last stage, all else of the sum; the others hold slopes.
void plan(Stage& s, const Tableau& m) {
  if (ends_on_data(s)) return s.next(s.data());
  const Space space(s);
  const int stage = s.stage(), left = m.stages - 1 - stage;
  const Combo now = space.move(space.length());
  const Combo base = stage == 0 ? space.state() : s.kept(0);
  if (left == 0) return s.next(base + m.weight[stage] * now);
  if (left == 1) {
    s.keep(0, sum(s, base, now, m.weight));
  } else {
    if (stage == 0) s.keep(0, base);
    s.keep(stage + 1, now);
  }
  next_stage(s, space, m, base, now);
}

// A pair of methods: the value at the end, which is the first of the next step, tells how far off
// the result of lower order is.
struct PairRule {
  Tableau tableau;
  double error[kMost];  // weights less those of the other
};

// Slot 0 holds the state before, the others slopes; slot 1 in the end the error, then the other
// result.
void plan_pair(Stage& s, const PairRule& pair) {
  if (ends_on_data(s)) return s.next(s.data());
  const Tableau& m = pair.tableau;
  const Space space(s);
  const int stage = s.stage();
  const Combo now = space.move(space.length());
  if (stage == m.stages) {
    s.keep(1, s.state() - s.kept(1) - pair.error[stage] * now);
    s.next(s.state());
    return;
  }
  const Combo before = stage == 0 ? s.state() : s.kept(0);
  const Combo base = space.scale(s.end()) / space.scale(s.begin()) * before;
  if (stage + 1 == m.stages) {
    s.keep(1, sum(s, {}, now, pair.error));
    s.again(sum(s, base, now, m.weight), s.to_time());
    return;
  }
  if (stage == 0) s.keep(0, before);
  s.keep(stage + 1, now);
  next_stage(s, space, m, base, now);
}

constexpr Tableau kMidpointRule = {2, {0, 0.5}, {{}, {0.5}}, {0, 1}};
constexpr Tableau kHeun3Rule = {
    3, {0, 1.0 / 3, 2.0 / 3}, {{}, {1.0 / 3}, {0, 2.0 / 3}}, {0.25, 0, 0.75}};
constexpr Tableau kBogackiShampineRule = {
    3, {0, 0.5, 0.75}, {{}, {0.5}, {0, 0.75}}, {2.0 / 9, 1.0 / 3, 4.0 / 9}};
constexpr Tableau kRk4Rule = {
    4, {0, 0.5, 0.5, 1}, {{}, {0.5}, {0, 0.5}, {0, 0, 1}}, {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6}};
constexpr Tableau kKutta38Rule = {4,
                                  {0, 1.0 / 3, 2.0 / 3, 1},
                                  {{}, {1.0 / 3}, {-1.0 / 3, 1}, {1, -1, 1}},
                                  {0.125, 0.375, 0.375, 0.125}};
constexpr Tableau kDormandPrinceRule = {
    6,
    {0, 0.2, 0.3, 0.8, 8.0 / 9, 1},
    {{},
     {0.2},
     {3.0 / 40, 9.0 / 40},
     {44.0 / 45, -56.0 / 15, 32.0 / 9},
     {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
     {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656}},
    {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84}};

constexpr PairRule kBosh3Rule = {
    kBogackiShampineRule, {2.0 / 9 - 7.0 / 24, 1.0 / 3 - 1.0 / 4, 4.0 / 9 - 1.0 / 3, -1.0 / 8}};
constexpr PairRule kDopri5Rule = {
    kDormandPrinceRule,
    {71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525, -1.0 / 40}};
constexpr Adaptive pair_rule(double order) {
  return {Reduction::error_sum, false, true, order, 0, 1, 0, 0x3F};
}
constexpr Adaptive kAdaptive3 = pair_rule(3), kAdaptive5 = pair_rule(5);

template <const Tableau& kTableau>
void plan_as(Stage& s) {
  plan(s, kTableau);
}

constexpr Param kParams[] = {kSpaceParam, kLastStepParam};

constexpr Param kPairParams[] = {rtol_param(1e-5),  atol_param(1e-5),
                                 first_param(0.01), controller_param(2),
                                 kPParam,           kIParam,
                                 kDParam,           kAcceptParam,
                                 kErrorNormParam,   kMostEvaluationsParam,
                                 kSpaceParam,       kLastStepParam};

bool steps_sigma(const Settings& settings) { return Space::in_sigma(settings["space"]); }

}  // namespace

extern const SamplerKind kRk4 =
    sampler_kind(NWR_SAMPLER_RK4, "rk4", "", "fourth-order ODE, four evaluations a step", 0, 4, 4,
                 kParams, plan_as<kRk4Rule>, nullptr, steps_sigma);
extern const SamplerKind kMidpoint = sampler_kind(
    NWR_SAMPLER_MIDPOINT, "midpoint", "", "second-order ODE by the slope in the middle", 0, 2, 2,
    kParams, plan_as<kMidpointRule>, nullptr, steps_sigma);
extern const SamplerKind kHeun3 =
    sampler_kind(NWR_SAMPLER_HEUN_3, "heun-3", "", "Heun's third-order ODE", 0, 3, 3, kParams,
                 plan_as<kHeun3Rule>, nullptr, steps_sigma);
extern const SamplerKind kKutta38 = sampler_kind(
    NWR_SAMPLER_KUTTA_38, "kutta-38", "torchdiffeq.rk4", "fourth-order ODE, the 3/8 rule", 0, 4, 4,
    kParams, plan_as<kKutta38Rule>, nullptr, steps_sigma);
extern const SamplerKind kBogackiShampine = sampler_kind(
    NWR_SAMPLER_BOGACKI_SHAMPINE, "bogacki-shampine", "bosh3", "third-order ODE, fixed steps", 0, 3,
    3, kParams, plan_as<kBogackiShampineRule>, nullptr, steps_sigma);
extern const SamplerKind kDormandPrince = sampler_kind(
    NWR_SAMPLER_DORMAND_PRINCE, "dormand-prince", "dopri5", "fifth-order ODE, fixed steps", 0, 5, 6,
    kParams, plan_as<kDormandPrinceRule>, nullptr, steps_sigma);

extern const SamplerKind kBosh3 = sampler_kind(
    NWR_SAMPLER_BOGACKI_SHAMPINE_ADAPTIVE, "bogacki-shampine-adaptive", "bosh3-adaptive",
    "third-order ODE, steps chosen by their errors", NWR_ENTRY_ADAPTIVE, 3, 3, kPairParams,
    [](Stage& s) { plan_pair(s, kBosh3Rule); }, nullptr, steps_sigma, &kAdaptive3);
extern const SamplerKind kDopri5 = sampler_kind(
    NWR_SAMPLER_DORMAND_PRINCE_ADAPTIVE, "dormand-prince-adaptive", "dopri5-adaptive",
    "fifth-order ODE, steps chosen by their errors", NWR_ENTRY_ADAPTIVE, 5, 6, kPairParams,
    [](Stage& s) { plan_pair(s, kDopri5Rule); }, nullptr, steps_sigma, &kAdaptive5);

}  // namespace noisewright
