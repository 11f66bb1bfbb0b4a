// SPDX-License-Identifier: Apache-2.0
// Owns azula's Adams-Bashforth methods: a quantity that the model predicts is a polynomial in a
// clock u through its last values, and is integrated exactly against the weight that solves the
// linear part of the flow (for the exponential ones: Zhang and Chen 2204.13902, section 3.3).
#include <algorithm>

#include "core/samplers/weights.hpp"

namespace noisewright {
namespace {

// What is extrapolated, over which clock, with which weight; c scales the integral.
enum class Form { z, v, ez, ex, re };

double clock(Form form, const nwr_coeffs& c) {
  if (form == Form::z) return c.sigma / c.alpha;
  if (form == Form::v) return c.sigma / (c.alpha + c.sigma);
  return -c.lambda;
}

Combo extrapolated(Form form, const Stage& s) {
  switch (form) {
    case Form::v: return s.blend(-1, 1);
    case Form::ex: return s.data();
    case Form::re: {
      const double scale = std::hypot(s.from().alpha, s.from().sigma);
      return s.blend(-s.from().sigma / scale, s.from().alpha / scale);
    }
    default: return s.noise();
  }
}

// c times the integrals of v^k weight du over the step, where v runs from 0 to 1.
Moments moments(Form form, double begin, double length, const nwr_coeffs& to, int count) {
  switch (form) {
    case Form::z: return scaled(to.alpha * length, powers(count));
    case Form::v: return scaled((to.alpha + to.sigma) * length, powers(count));
    // alpha' e^u' is sigma', and sigma' e^-u' is alpha'.
    case Form::ez: return scaled(to.sigma * length, exponentials(length, count));
    case Form::ex: return scaled(-to.alpha * length, exponentials(-length, count));
    default: break;
  }
  return scaled(length, secants(begin, length, count));
}

void plan(Stage& s, Form form) {
  const int order = static_cast<int>(s.setting("order"));
  const int depth = std::max(order - 1, 1);
  const double begin = clock(form, s.from()), length = clock(form, s.to()) - begin;
  const Combo constant = s.blend(s.to().alpha, s.to().sigma);
  // Beyond either end of the clock nothing is left to extrapolate.
  if (!std::isfinite(length) || length == 0) {
    s.next(constant);
    return;
  }
  const Combo now = extrapolated(form, s);
  if (order > 1) s.keep(s.step() % depth, now);

  // Nodes on the scale of the step, this one's first, as far back as they are finite and different.
  double node[kMostNodes] = {0};
  int count = 1;
  while (count < order && count <= s.step()) {
    node[count] = (clock(form, s.before(count)) - begin) / length;
    if (!std::isfinite(node[count]) || node[count] == node[count - 1]) break;
    ++count;
  }
  Combo x = constant;
  const Moments moment = moments(form, begin, length, s.to(), count);
  if (form == Form::re) {
    // The one form whose quantity turns while data and noise stand still.
    const double next = std::hypot(s.to().alpha, s.to().sigma);
    const double slip = std::hypot(s.to().alpha, s.from().sigma);
    const double scale = s.setting("scale") == 0 ? next : slip;
    x = next / std::hypot(s.from().alpha, s.from().sigma) * s.state() +
        scale * weight_of(node, count, 0, moment) * now;
    for (int j = 1; j < count; ++j) {
      x = x + scale * weight_of(node, count, j, moment) * s.kept((s.step() - j) % depth);
    }
  } else {
    for (int j = 1; j < count; ++j) {
      x = x + weight_of(node, count, j, moment) * (s.kept((s.step() - j) % depth) - now);
    }
  }
  s.next(x);
}

constexpr Param kOrder = {
    "order",    "how many predictions the polynomial goes through; fewer at the start",
    2,          1,
    kMostNodes, nullptr,
    true};
constexpr Param kParams[] = {kOrder};
constexpr Param kScale = {"scale",
                          "of the integral, sqrt(alpha^2+sigma^2): at the next time, or with "
                          "sigma left at this one",
                          0,
                          0,
                          1,
                          "next,mixed"};
constexpr Param kReParams[] = {kOrder, kScale};
constexpr Param kAzulaReParams[] = {kOrder, {kScale.name, kScale.summary, 1, 0, 1, kScale.choices}};

template <Form kForm>
void plan_as(Stage& s) {
  plan(s, kForm);
}

}  // namespace

extern const SamplerKind kZab, kVab, kZeab, kXeab, kReab, kAzulaReab;
const SamplerKind kZab = {
    {NWR_SAMPLER_ZAB, "zab", "azula.zab", "Adams-Bashforth for the noise in sigma/alpha", 0, 2, 1,
     kParams, kSamplerParams},
    plan_as<Form::z>};
const SamplerKind kVab = {{NWR_SAMPLER_VAB, "vab", "azula.vab",
                           "Adams-Bashforth for noise minus data in sigma/(alpha+sigma)", 0, 2, 1,
                           kParams, kSamplerParams},
                          plan_as<Form::v>};
const SamplerKind kZeab = {
    {NWR_SAMPLER_ZEAB, "zeab", "azula.zeab", "exponential Adams-Bashforth for the noise in log-SNR",
     0, 2, 1, kParams, kSamplerParams},
    plan_as<Form::ez>};
const SamplerKind kXeab = {
    {NWR_SAMPLER_XEAB, "xeab", "azula.xeab", "exponential Adams-Bashforth for the data in log-SNR",
     0, 2, 1, kParams, kSamplerParams},
    plan_as<Form::ex>};
const SamplerKind kReab = {{NWR_SAMPLER_REAB, "reab", "",
                            "exponential Adams-Bashforth for the angular prediction in log-SNR", 0,
                            2, 1, kReParams, kSamplerParams},
                           plan_as<Form::re>};
// First-order: azula's slip, for who wants its numbers.
const SamplerKind kAzulaReab = {
    {1002, "azula.reab", "", "reab with scale=mixed, first-order as in azula", 0, 1, 1,
     kAzulaReParams, kSamplerParams},
    plan_as<Form::re>};

}  // namespace noisewright
