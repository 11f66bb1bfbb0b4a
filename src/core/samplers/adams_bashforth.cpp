// SPDX-License-Identifier: Apache-2.0
// Owns Adams-Bashforth methods: a quantity that the model predicts is a polynomial through its last
// values and is integrated exactly (Zhang and Chen 2204.13902, section 3.3); and those of fixed
// weights, iPNDM and PNDM (Liu et al. 2202.09778).
#include "core/samplers/multistep.hpp"

namespace noisewright {
namespace {

Multistep method(const Stage& s, double space, Form form, int final = 0) {
  Multistep m{{Line(space), form}, static_cast<int>(s.setting("order"))};
  m.final = final;
  return m;
}

template <int kSpace, Form kForm>
void plan_as(Stage& s) {
  multistep(s, method(s, kSpace, kForm));
}

// A start of order 1 can be corrected with the value at its end.
template <Form kForm>
void plan_started(Stage& s) {
  Multistep m = method(s, kForm == Form::level ? s.setting("space") : 0, kForm,
                       static_cast<int>(s.setting("lower_order_final")));
  m.only_start = true, m.corrector = s.setting("start") == 1;
  multistep(s, m);
}

void plan_ipndm(Stage& s) {
  Multistep m =
      method(s, s.setting("space"), Form::level, static_cast<int>(s.setting("lower_order_final")));
  m.spacing = Multistep::Spacing::even;
  multistep(s, m);
}

// A step of the classical Runge-Kutta method for the noise, whose weights hold in time (2202.09778,
// algorithm 2), or for the output as the step's begin reads it. What it keeps are the values of the
// steps' begins, in the multistep's ring.
void runge_kutta(Stage& s) {
  constexpr int kX = 3, kSum = 4;
  const int depth = std::max(static_cast<int>(s.setting("order")) - 1, 1), stage = s.stage();
  const bool raw = s.setting("average") == 1;
  const Combo now = raw ? s.output() : s.noise();
  const Combo x = stage == 0 ? s.state() : s.kept(kX);
  const double weight = stage == 1 || stage == 2 ? 1.0 / 3 : 1.0 / 6;
  const Combo sum = stage == 0 ? weight * now : s.kept(kSum) + weight * now;
  const double half = s.discrete() ? std::ceil(s.dt() / 2) : s.dt() / 2;
  const Stage::Point end = stage >= 2 ? s.end() : s.point(s.from_time() + half);
  const double keep = end.at.alpha / s.from().alpha;
  Combo share{keep, end.at.sigma - keep * s.from().sigma, 0, {}};
  if (raw) share = s.at_point(s.begin()).blend(end.at.alpha, end.at.sigma);
  const Combo moved = share.state * x + share.output * (stage == 3 ? sum : now);
  if (stage == 3) return s.next(moved);
  if (stage == 0) s.keep(s.step() % depth, now), s.keep(kX, x);
  s.keep(kSum, sum);
  s.again(moved, end.t);
}

// The first steps are Runge-Kutta's, or the first one is Heun's, whose end is evaluated again.
void plan_pndm(Stage& s) {
  const bool heun = s.setting("start") == 0;
  if (!heun && s.step() < 3) return runge_kutta(s);
  Multistep m = method(s, 0, Form::level);
  m.spacing = Multistep::Spacing::even;
  m.raw = s.setting("average") == 1;
  m.corrector = heun, m.only_start = m.evaluates_again = heun, m.corrector_pair = Pair::share;
  multistep(s, m);
}

constexpr Param kParams[] = {order_param(2, kMostNodes)};
constexpr Param kLmsParams[] = {order_param(3, kMostNodes - 1), kStartParam, kFinalParam,
                                kLineParam};
constexpr Param kFixedParams[] = {order_param(4, 4), kFinalParam, kLineParam};
constexpr Param kPndmParams[] = {
    order_param(4, 4),
    choice("start", "one step of Heun, or three of the classical Runge-Kutta method",
           "heun,runge-kutta"),
    choice("average", "what is averaged: the noise, or the model's output whatever it predicts",
           "noise,output")};
constexpr Param kDeisParams[] = {order_param(3, kMostNodes - 1), kStartParam, kFinalParam};

}  // namespace

extern const SamplerKind kZab = sampler_kind(NWR_SAMPLER_ZAB, "zab", "azula.zab",
                                             "Adams-Bashforth for the noise in sigma/alpha", 0, 2,
                                             1, kParams, plan_as<0, Form::level>);
extern const SamplerKind kVab =
    sampler_kind(NWR_SAMPLER_VAB, "vab", "azula.vab",
                 "Adams-Bashforth for noise minus data in sigma/(alpha+sigma)", 0, 2, 1, kParams,
                 plan_as<1, Form::level>);
extern const SamplerKind kZeab = sampler_kind(
    NWR_SAMPLER_ZEAB, "zeab", "azula.zeab", "exponential Adams-Bashforth for the noise in log-SNR",
    0, 2, 1, kParams, plan_as<0, Form::slope>);
extern const SamplerKind kXeab = sampler_kind(NWR_SAMPLER_XEAB, "xeab", "azula.xeab",
                                              "exponential Adams-Bashforth for the data in log-SNR",
                                              0, 2, 1, kParams, plan_as<0, Form::data>);
extern const SamplerKind kLms =
    sampler_kind(NWR_SAMPLER_LMS, "lms", "ipndm-v", "linear multistep, exact weights", 0, 3, 1,
                 kLmsParams, plan_started<Form::level>);
extern const SamplerKind kIpndm =
    sampler_kind(NWR_SAMPLER_IPNDM, "ipndm", "", "Adams-Bashforth, fixed weights", 0, 2, 1,
                 kFixedParams, plan_ipndm);
extern const SamplerKind kPndm = sampler_kind(
    NWR_SAMPLER_PNDM, "pndm", "plms", "Adams-Bashforth, fixed weights, after a step of Heun", 0, 2,
    1, kPndmParams, plan_pndm);
extern const SamplerKind kDeis =
    sampler_kind(NWR_SAMPLER_DEIS, "deis", "", "the noise a polynomial in log-SNR, exact integrals",
                 0, 3, 1, kDeisParams, plan_started<Form::slope>);

}  // namespace noisewright
