// SPDX-License-Identifier: Apache-2.0
// Owns singlestep methods in lambda: DPM-Solver of orders 1 to 3 (Lu et al. 2206.00927, algorithms
// 1 and 2, and its "fast" list of orders), DPM-Solver++(2S) (2211.01095), DPM++ SDE, RES of two
// stages (2308.02157), SEEDS (Gonzalez et al. 2305.14267), and DPM2 (2206.00364's midpoint rule).
#include "core/samplers/churn.hpp"
#include "core/samplers/singlestep.hpp"

namespace noisewright {
namespace {

Singlestep method(const Stage& s, Form form, int count) {
  Singlestep m{{Line(s.setting("space")), form}, count};
  m.eta = s.setting("eta"), m.s_noise = s.setting("s_noise");
  return m;
}

void weigh(Singlestep& m, const Stage& s) {
  m.solver.pair = s.setting("solver") == 0 ? Pair::share : Pair::exact;
  m.three = s.setting("solver") == 1;
}

void thirds(Singlestep& m) {
  if (m.count == 3) m.at[0] = 1.0 / 3;
}

void plan_2s(Stage& s) {
  Singlestep m = method(s, predicted_form(s), static_cast<int>(s.setting("order")));
  weigh(m, s), thirds(m);
  m.noise = ancestral_split(s);
  m.first_inner = s.setting("first_inner");
  singlestep(s, m);
}

// Blocks of 1, 2, 3 values; lower orders at the end, and 1 to clean data.
int block_order(const Stage& s, int step) {
  const int order = static_cast<int>(s.setting("order")), n = s.steps();
  const bool lowers = s.setting("lower_order_final") == 1 && n % order == 0;
  if (step + 1 == n && (lowers || s.ends_at_data())) return 1;
  if (step >= n) return 1;
  return step % order + 1;
}

void plan_blocks(Stage& s) {
  Singlestep m = method(s, predicted_form(s), 3);
  weigh(m, s);
  m.noise = m.solver.form == Form::data ? Split::sde : Split::overshoot;
  const int order = block_order(s, s.step()), next = block_order(s, s.step() + 1);
  const bool inner = next > order;
  if (inner && s.setting("inner") == 1) m.solver.pair = Pair::exact;
  blockwise(s, m, order, next);
}

void plan_fast(Stage& s) {
  const int rest = static_cast<int>(s.setting("rest")), left = s.steps() - s.step();
  int count = 3;
  if (rest == 0 && left <= 2) count = left;
  if (rest > 0 && left == 1) count = rest;
  Singlestep m = method(s, Form::slope, count);
  thirds(m);
  m.solver.pair = Pair::share;
  m.noise = Split::variance;
  m.floor = m.solver.line.level(place(s.run_end()));
  singlestep(s, m);
}

// Of orders 2 and 3, with the results of one order less (2206.00927, algorithm 3).
constexpr int kLow = 4, kBefore = 5;
constexpr Adaptive kAdaptiveRule = {
    Reduction::error_largest, true, false, 2, 0, kLow, kBefore, 0x37};

void plan_adaptive(Stage& s) {
  Singlestep m = method(s, predicted_form(s), static_cast<int>(s.setting("order")));
  thirds(m);
  m.solver.pair = Pair::share;
  m.noise = Split::variance;
  m.floor = m.solver.line.level(place(s.after(2)));
  m.low = kLow;
  singlestep(s, m);
}

void plan_sde(Stage& s) {
  Singlestep m = method(s, Form::data, 2);
  m.at[0] = s.setting("r");
  m.solver.pair = Pair::share;
  const bool path = s.setting("draws") == 0;
  m.when = path ? Singlestep::along_path : Singlestep::at_points;
  m.noise = path ? Split::sde : Split::variance;
  singlestep(s, m);
}

void plan_seeds(Stage& s, int count) {
  Singlestep m = method(s, Form::data, count);
  thirds(m);
  m.solver.pair = Pair::share;
  m.when = Singlestep::along_path;
  singlestep(s, m);
}

void plan_res_2s(Stage& s) {
  Singlestep m = method(s, Form::data, 2);
  m.noise = ancestral_split(s);
  singlestep(s, m);
}

void plan_dpm2(Stage& s) {
  Singlestep m = method(s, Form::level, 2);
  m.solver.pair = Pair::share;
  m.root = s.setting("middle") == 0 ? 0 : 3;
  m.noise = ancestral_split(s);
  singlestep(s, m);
}

constexpr Param kSolverParam = {
    "solver", "weight of the slope: at the inner point, or its exact integral with all values",
    0,        0,
    1,        "midpoint,heun"};
constexpr Param k2sParams[] = {
    order_param(2, 3),
    kPredictParam,
    kSolverParam,
    eta_param(0),
    kNoiseScaleParam,
    kAncestralParam,
    kLineParam,
    {"first_inner", "sigma/(alpha+sigma) of the inner point of a step from alpha = 0; 1 has none",
     1, 0.5, 1}};
constexpr Param kBlockParams[] = {
    order_param(2, 3),
    kPredictParam,
    kSolverParam,
    eta_param(0),
    kNoiseScaleParam,
    kFinalParam,
    {"inner", "weights within a block: as the solver's, or exact", 1, 0, 1, "solver,exact"},
    kLineParam};
constexpr Param kFastParams[] = {
    {"rest", "evaluations of the last step: 1, 2, or 0 for a step of 2 and one of 1", 0, 0, 2,
     nullptr, true},
    eta_param(0),
    kNoiseScaleParam,
    kLineParam};
constexpr Param kAdaptiveParams[] = {
    {"order", "of the result that is kept", 3, 2, 3, nullptr, true},
    {"predict", "what is extrapolated", 1, 0, 1, "data,noise"},
    rtol_param(0.05),
    atol_param(0.0078),
    first_param(0.05),
    controller_param(0),
    kPParam,
    kIParam,
    kDParam,
    kAcceptParam,
    kErrorNormParam,
    kMostEvaluationsParam,
    eta_param(0),
    kNoiseScaleParam,
    kLineParam};
constexpr Param kSdeParams[] = {
    {"r", "the inner point, as a part of the step", 0.5, 0.01, 1},
    {"draws", "both of one Brownian path, or independent", 0, 0, 1, "path,independent"},
    eta_param(1),
    kNoiseScaleParam,
    kLineParam};
constexpr Param kSeedsParams[] = {eta_param(1), kNoiseScaleParam, kLineParam};
constexpr Param kResParams[] = {eta_param(0), kNoiseScaleParam, kAncestralParam, kLineParam};
constexpr Param kDpm2Params[] = {
    {"middle", "of the levels: in their logarithm, or in their cube roots", 0, 0, 1,
     "log,cube-root"},
    eta_param(0),
    kAncestralParam,
    kChurnParam,
    kChurnMinParam,
    kChurnMaxParam,
    kChurnNoiseParam,
    kLineParam};

}  // namespace

extern const SamplerKind kDpmAdaptive;
const SamplerKind kDpmAdaptive = {
    {NWR_SAMPLER_DPM_ADAPTIVE, "dpm-adaptive", "k.dpm-adaptive,comfy.dpm-adaptive",
     "steps in log-SNR chosen by their errors", NWR_ENTRY_STOCHASTIC | NWR_ENTRY_ADAPTIVE, 3, 3,
     kAdaptiveParams, kSamplerParams},
    plan_adaptive,
    nullptr,
    [](const Settings&) { return true; },
    &kAdaptiveRule};

extern const SamplerKind kDpmpp2s, kDpmSinglestep, kDpmFast, kDpmppSde, kSeeds2, kSeeds3, kRes2s,
    kDpm2;
const SamplerKind kDpmpp2s = {
    {NWR_SAMPLER_DPMPP_2S, "dpmpp-2s", "dpm++2s", "second-order in log-SNR with an inner point",
     NWR_ENTRY_STOCHASTIC, 2, 2, k2sParams, kSamplerParams},
    plan_2s};
const SamplerKind kDpmSinglestep = {{NWR_SAMPLER_DPM_SINGLESTEP, "dpm-singlestep", "",
                                     "dpmpp-2s, its inner points those of the grid",
                                     NWR_ENTRY_STOCHASTIC, 2, 1, kBlockParams, kSamplerParams},
                                    plan_blocks};
const SamplerKind kDpmFast = {
    {NWR_SAMPLER_DPM_FAST, "dpm-fast", "k.dpm-fast", "third-order for the noise, lower at the end",
     NWR_ENTRY_STOCHASTIC, 2, 3, kFastParams, kSamplerParams},
    plan_fast};
const SamplerKind kDpmppSde = {
    {NWR_SAMPLER_DPMPP_SDE, "dpmpp-sde", "dpm++sde", "an SDE step with an inner point",
     NWR_ENTRY_STOCHASTIC, 2, 2, kSdeParams, kSamplerParams},
    plan_sde};
const SamplerKind kSeeds2 = {{NWR_SAMPLER_SEEDS_2, "seeds-2", "", "exponential SDE, two stages",
                              NWR_ENTRY_STOCHASTIC, 2, 2, kSeedsParams, kSamplerParams},
                             [](Stage& s) { plan_seeds(s, 2); }};
const SamplerKind kSeeds3 = {{NWR_SAMPLER_SEEDS_3, "seeds-3", "", "exponential SDE, three stages",
                              NWR_ENTRY_STOCHASTIC, 3, 3, kSeedsParams, kSamplerParams},
                             [](Stage& s) { plan_seeds(s, 3); }};
const SamplerKind kRes2s = {{NWR_SAMPLER_RES_2S, "res-2s", "", "second-order, exact weights",
                             NWR_ENTRY_STOCHASTIC, 2, 2, kResParams, kSamplerParams},
                            plan_res_2s};
const SamplerKind kDpm2 = {
    {NWR_SAMPLER_DPM_2, "dpm-2", "dpm2,kdpm2,k.dpm-2", "midpoint rule in log-SNR",
     NWR_ENTRY_STOCHASTIC, 2, 2, kDpm2Params, kSamplerParams},
    plan_dpm2,
    churn};

}  // namespace noisewright
