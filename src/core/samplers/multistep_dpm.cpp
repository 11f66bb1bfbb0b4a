// SPDX-License-Identifier: Apache-2.0
// Owns multistep DPM-Solver++ of orders 1 to 3 (Lu et al. 2211.01095, algorithm 2), its SDE forms
// (ibid., section 5; k-diffusion's 2M and 3M SDE), multistep DPM-Solver for the noise, and RES
// (Zhang et al. 2308.02157), whose steps with fresh noise look back as far as they were long.
#include "core/samplers/multistep.hpp"

namespace noisewright {
namespace {

constexpr Param solver_param(double by_default) {
  return choice("solver", "weight of the slope: at the step's midpoint, or its exact integral",
                "midpoint,heun", by_default);
}
constexpr Param kCurvatureParam = choice(
    "curvature", "weight of the second derivative: its exact integral, or half of it as peers have",
    "exact,half");
constexpr Param kSplitParam =
    choice("noise", "the SDE's, the posterior's, or linear in sigma/(alpha+sigma) as for flows",
           "sde,variance,flow");

Multistep method(const Stage& s, Form form, int order) {
  Multistep m{{Line(s.setting("space")), form}, order};
  m.solver.pair = s.setting("solver") == 0 ? Pair::share : Pair::exact;
  m.final = static_cast<int>(s.setting("lower_order_final"));
  return m;
}

void add_noise(Multistep& m, const Stage& s) {
  m.eta = s.setting("eta"), m.s_noise = s.setting("s_noise");
}

void plan_2m(Stage& s) {
  Multistep m = method(s, Form::data, static_cast<int>(s.setting("order")));
  if (cfg_pp_as_in_comfy(s)) m.older = Multistep::Older::guided;
  multistep(s, m);
}

// stable-diffusion.cpp's weights: the shorter of two steps against the longer, over their mean.
void plan_2m_v2(Stage& s) {
  const Line line(s.setting("space"));
  const auto lambda = [&](int back) {
    return line.lambda(place(back < 0 ? s.to() : s.before(back)));
  };
  const double h = lambda(-1) - lambda(0), before = s.first() ? 0 : lambda(0) - lambda(1);
  const Combo now = s.data();
  s.keep(0, now);
  if (!(before > 0) || !std::isfinite(before) || !std::isfinite(h))
    return s.next(s.blend(s.to().alpha, s.to().sigma));
  const double lean = std::fmin(h, before) / std::fmax(h, before) / 2;
  s.next(s.to().sigma / s.from().sigma * s.state() - line.scale(place(s.to())) *
                                                         std::expm1(-(h + before) / 2) *
                                                         ((1 + lean) * now - lean * s.kept(0)));
}

void curve(Multistep& m, const Stage& s) {
  if (s.setting("curvature") == 1) m.solver.curvature = 0.5;
  m.only_start = true, m.corrector = s.setting("start") == 1;
}

void plan_3m(Stage& s) {
  Multistep m = method(s, Form::data, 3);
  curve(m, s);
  multistep(s, m);
}

template <int kOrder>
void plan_sde(Stage& s) {
  Multistep m = method(s, Form::data, kOrder);
  add_noise(m, s);
  if (kOrder == 3) curve(m, s);
  multistep(s, m);
}

void plan_dpm_solver(Stage& s) {
  Multistep m = method(s, Form::slope, static_cast<int>(s.setting("order")));
  add_noise(m, s);
  m.noise = Split::overshoot;
  if (m.order == 3) curve(m, s);
  multistep(s, m);
}

void plan_res(Stage& s) {
  Multistep m{{Line(s.setting("space")), Form::data}, 2};
  add_noise(m, s);
  m.noise = static_cast<Split>(s.setting("noise"));
  if (m.eta > 0) m.spacing = Multistep::Spacing::stretched;
  if (cfg_pp_as_in_comfy(s)) m.older = Multistep::Older::moved;
  multistep(s, m);
}

constexpr Param k2mParams[] = {solver_param(0),
                               kFinalParam,
                               {"order", "1 takes no slope at all", 2, 1, 2, nullptr, true},
                               kLineParam};
constexpr Param k2mV2Params[] = {kLineParam};
constexpr Param k3mParams[] = {kCurvatureParam, kStartParam, kFinalParam, kLineParam,
                               solver_param(1)};
constexpr Param k2mSdeParams[] = {eta_param(1), kNoiseScaleParam, solver_param(0), kFinalParam,
                                  kLineParam};
constexpr Param k3mSdeParams[] = {eta_param(1), kNoiseScaleParam, kCurvatureParam, kStartParam,
                                  kFinalParam,  kLineParam,       solver_param(1)};
constexpr Param kDpmSolverParams[] = {order_param(2, 3), solver_param(0), kCurvatureParam,
                                      kStartParam,       kFinalParam,     eta_param(0),
                                      kNoiseScaleParam,  kLineParam};
constexpr Param kResParams[] = {eta_param(0), kNoiseScaleParam, kSplitParam, kLineParam};

}  // namespace

extern const SamplerKind kDpmpp2m =
    sampler_kind(NWR_SAMPLER_DPMPP_2M, "dpmpp-2m", "dpm++2m,dpmsolver++,nami.dpmpp,k.dpmpp-2m",
                 "second-order multistep in log-SNR", 0, 2, 1, k2mParams, plan_2m);
extern const SamplerKind kDpmpp2mV2 =
    sampler_kind(1041, "sdcpp.dpmpp-2m-v2", "dpmpp2mv2,dpm++2mv2",
                 "dpmpp-2m with stable-diffusion.cpp's weights", 0, 1, 1, k2mV2Params, plan_2m_v2);
extern const SamplerKind kDpmpp3m =
    sampler_kind(NWR_SAMPLER_DPMPP_3M, "dpmpp-3m", "dpm++3m", "third-order multistep in log-SNR", 0,
                 3, 1, k3mParams, plan_3m);
extern const SamplerKind kDpmpp2mSde = sampler_kind(
    NWR_SAMPLER_DPMPP_2M_SDE, "dpmpp-2m-sde", "dpm++2m-sde,k.dpmpp-2m-sde",
    "dpmpp-2m with fresh noise", NWR_ENTRY_STOCHASTIC, 2, 1, k2mSdeParams, plan_sde<2>);
extern const SamplerKind kDpmpp3mSde = sampler_kind(
    NWR_SAMPLER_DPMPP_3M_SDE, "dpmpp-3m-sde", "dpm++3m-sde", "dpmpp-3m with fresh noise",
    NWR_ENTRY_STOCHASTIC, 3, 1, k3mSdeParams, plan_sde<3>);
extern const SamplerKind kDpmSolver = sampler_kind(
    NWR_SAMPLER_DPM_SOLVER, "dpm-solver", "dpmsolver", "multistep for the noise in log-SNR",
    NWR_ENTRY_STOCHASTIC, 2, 1, kDpmSolverParams, plan_dpm_solver);
extern const SamplerKind kResMultistep = sampler_kind(
    NWR_SAMPLER_RES_MULTISTEP, "res-multistep", "res", "second-order multistep, exact weights",
    NWR_ENTRY_STOCHASTIC, 2, 1, kResParams, plan_res);

}  // namespace noisewright
