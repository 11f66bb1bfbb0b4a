// SPDX-License-Identifier: Apache-2.0
// Owns a schedule as plain data, which a device can evaluate: a closed form with its settings, a
// discrete table, or a table of any other schedule. Must not know handles or memory.
#pragma once

#include "math/coeffs.hpp"
#include "math/rows.hpp"
#include "noisewright.h"

namespace noisewright {

enum class PathForm : int32_t {
  linear,
  trigonometric,
  cosine,
  vp,
  ve,
  power,
  edm_rho,
  decay,
  polar,
  polar_swap,
  polynomial,
  mirror,
  encode_decode,
  discrete,  // table: lambdas, then log(alpha_bar)s
  tabulated  // table: kTableWidth numbers at each of evenly spaced times from low to high
};

template <class Path>
struct FormOf;
#define NWR_FORM(type, form)                          \
  template <>                                         \
  struct FormOf<path::type> {                         \
    static constexpr PathForm value = PathForm::form; \
  };
NWR_FORM(Linear, linear)
NWR_FORM(Trigonometric, trigonometric)
NWR_FORM(Cosine, cosine)
NWR_FORM(Vp, vp)
NWR_FORM(Ve, ve)
NWR_FORM(Power, power)
NWR_FORM(EdmRho, edm_rho)
NWR_FORM(Decay, decay)
NWR_FORM(Polar, polar)
NWR_FORM(PolarSwap, polar_swap)
NWR_FORM(Polynomial, polynomial)
NWR_FORM(Mirror, mirror)
NWR_FORM(EncodeDecode, encode_decode)
#undef NWR_FORM

struct PathPlan {
  PathForm form = PathForm::linear;
  path::Latent latent = path::Latent::none;
  double setting[3] = {};  // the closed form's own; discrete: whether levels are even
  double low = 0, high = 1;
  double direction = 1;
  double latent_scale = 1;
  double sigma_data = 1;
  const double* table = nullptr;  // in the device's memory
  int64_t table_count = 0;        // indices, or times
};

// alpha, its slope, sigma, its slope, gamma^2, its slope.
inline constexpr int kTableWidth = 6;
inline constexpr int64_t kTableTimes = 4097;

// direction is that of Schedule: derivatives of a point are along the way to noise.
NWR_HD inline nwr_coeffs to_coeffs(const path::Point<double>& p, double direction = -1) {
  nwr_coeffs c;
  c.alpha = p.alpha;
  c.sigma = p.sigma;
  c.gamma = 0;
  c.dalpha = -direction * p.dalpha;
  c.dsigma = -direction * p.dsigma;
  c.gamma_dgamma = 0;
  c.log_alpha = p.log_alpha;
  c.dlog_alpha = -direction * p.dlog_alpha;
  c.lambda = p.lambda;
  c.diffusion2 = p.diffusion2;
  return c;
}

NWR_HD inline path::Place place_at(double t, double direction) {
  return direction > 0 ? path::Place{1 - t, t} : path::Place{t, 1 - t};
}

NWR_HD inline void add_latent(path::Latent latent, double scale, double t, double direction,
                              nwr_coeffs* c) {
  if (latent == path::Latent::none) return;
  const path::Place place = place_at(t, direction);
  const path::Gamma<double> gamma = path::gamma_at(latent, scale, place.u, place.v);
  c->gamma = gamma.value;
  c->gamma_dgamma = -direction * gamma.product;
}

template <class Path>
NWR_HD nwr_coeffs closed_coeffs(const PathPlan& plan, double t) {
  static_assert(sizeof(Path) <= sizeof plan.setting);
  Path path;
  std::memcpy(static_cast<void*>(&path), plan.setting, sizeof path);
  const path::Place place = place_at(t, plan.direction);
  return to_coeffs(path.template at<double>(place.u, place.v), plan.direction);
}

// Between two times by Hermite's cubic, and its slope.
struct Hermite {
  double value, slope;
};
NWR_HD inline Hermite hermite(const double* a, const double* b, double x, double step) {
  const double rise = b[0] - a[0], p = a[1] * step, q = b[1] * step;
  const double c2 = 3 * rise - 2 * p - q, c3 = p + q - 2 * rise;
  return {a[0] + x * (p + x * (c2 + x * c3)), (p + x * (2 * c2 + 3 * x * c3)) / step};
}

NWR_HD inline nwr_coeffs tabulated_coeffs(const PathPlan& plan, double t) {
  const int64_t intervals = plan.table_count - 1;
  const double step = (plan.high - plan.low) / static_cast<double>(intervals);
  const double place = (t - plan.low) / step;
  int64_t i = static_cast<int64_t>(place);
  if (i >= intervals) i = intervals - 1;
  const double* const a = plan.table + i * kTableWidth;
  const double x = place - static_cast<double>(i);
  const Hermite alpha = hermite(a, a + kTableWidth, x, step);
  const Hermite sigma = hermite(a + 2, a + 2 + kTableWidth, x, step);
  const Hermite square = hermite(a + 4, a + 4 + kTableWidth, x, step);
  nwr_coeffs c = to_coeffs({});
  c.alpha = alpha.value;
  c.dalpha = alpha.slope;
  c.sigma = sigma.value;
  c.dsigma = sigma.slope;
  c.gamma = square.value > 0 ? std::sqrt(square.value) : 0;
  c.gamma_dgamma = square.slope / 2;
  return c;
}

// The coefficients at t, which must lie in [low, high]; from a table those alone that rows read.
NWR_HD inline nwr_coeffs path_coeffs(const PathPlan& plan, double t) {
  nwr_coeffs c;
  switch (plan.form) {
    case PathForm::linear: c = closed_coeffs<path::Linear>(plan, t); break;
    case PathForm::trigonometric: c = closed_coeffs<path::Trigonometric>(plan, t); break;
    case PathForm::cosine: c = closed_coeffs<path::Cosine>(plan, t); break;
    case PathForm::vp: c = closed_coeffs<path::Vp>(plan, t); break;
    case PathForm::ve: c = closed_coeffs<path::Ve>(plan, t); break;
    case PathForm::power: c = closed_coeffs<path::Power>(plan, t); break;
    case PathForm::edm_rho: c = closed_coeffs<path::EdmRho>(plan, t); break;
    case PathForm::decay: c = closed_coeffs<path::Decay>(plan, t); break;
    case PathForm::polar: c = closed_coeffs<path::Polar>(plan, t); break;
    case PathForm::polar_swap: c = closed_coeffs<path::PolarSwap>(plan, t); break;
    case PathForm::polynomial: c = closed_coeffs<path::Polynomial>(plan, t); break;
    case PathForm::mirror: c = closed_coeffs<path::Mirror>(plan, t); break;
    case PathForm::encode_decode: c = closed_coeffs<path::EncodeDecode>(plan, t); break;
    case PathForm::discrete: {
      const path::DiscreteTable table = {plan.table, plan.table + plan.table_count,
                                         plan.table_count, plan.setting[0] != 0};
      c = to_coeffs(table.at(t));
      break;
    }
    default: return tabulated_coeffs(plan, t);
  }
  add_latent(plan.latent, plan.latent_scale, t, plan.direction, &c);
  return c;
}

}  // namespace noisewright
