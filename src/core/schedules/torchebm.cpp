// SPDX-License-Identifier: Apache-2.0
// Owns torchebm's interpolants: exact by default, or with the clamps of its own formulas. Must not
// know how they are used.
#include <algorithm>
#include <cmath>

#include "core/schedule.hpp"

namespace noisewright {
namespace {

using Options = nwr_schedule_options;

enum class Form { linear, cosine, vp };
enum class Compat { no, yes, base };

// torchebm 0.7, formula for formula. base: what a subclass inherits that gives alpha and sigma
// only.
class Clamped : public Schedule {
 public:
  Clamped(const Settings& settings, Form form, bool base, double beta_min, double beta_max)
      : Schedule(settings, kToData),
        form_(form),
        base_(base),
        beta_min_(beta_min),
        beta_max_(beta_max) {}

  bool has_upstream() const override { return true; }
  bool upstream_factors(double t, const int32_t* inputs, size_t count, int32_t output,
                        double* factors) const override {
    const auto place_of = [&](int32_t quantity) {
      return static_cast<size_t>(std::find(inputs, inputs + count, quantity) - inputs);
    };
    const size_t state = place_of(NWR_STATE), velocity = place_of(NWR_VELOCITY);
    const size_t score = place_of(NWR_SCORE), noise = place_of(NWR_NOISE);
    const nwr_coeffs c = coeffs(t);
    std::fill(factors, factors + count, 0.0);
    const auto set = [&](size_t place, double factor, double of_state) {
      factors[place] = factor;
      if (state < count) factors[state] = of_state;
      return true;
    };
    if (output == NWR_SCORE && state < count && velocity < count) {
      const double q = std::max(c.alpha, 1e-8) / c.dalpha;
      const double spread = std::max(c.sigma * c.sigma - q * c.dsigma * c.sigma, 1e-12);
      return set(velocity, q / spread, -1 / spread);
    }
    if (output == NWR_NOISE && state < count && velocity < count) {
      const double slope = std::fabs(c.dalpha) < 1e-8 ? 1e-8 : c.dalpha;
      const double q = c.alpha / slope;
      double spread = c.sigma - q * c.dsigma;
      if (std::fabs(spread) < 1e-12) spread = spread < 0 ? -1e-12 : 1e-12;
      return set(velocity, -q / spread, 1 / spread);
    }
    if (output == NWR_VELOCITY && state < count && score < count) {
      return set(score, c.diffusion2 / 2, c.dlog_alpha);
    }
    if (output == NWR_SCORE && noise < count) return set(noise, 1 / (-c.sigma + 1e-8), 0);
    if (output == NWR_VELOCITY && state < count && noise < count) {
      return set(noise, c.diffusion2 / 2 / (-c.sigma + 1e-8), c.dlog_alpha);
    }
    // Tweedie's formula with that score.
    if (output == NWR_DATA && state < count && noise < count && c.alpha > 0) {
      return set(noise, c.sigma * c.sigma / c.alpha / (-c.sigma + 1e-8), 1 / c.alpha);
    }
    return false;
  }

 protected:
  nwr_coeffs coeffs(double t) const override {
    const double angle = path::kHalfPi * t;
    nwr_coeffs c{};
    double ratio = 0;
    switch (form_) {
      case Form::linear:
        c.alpha = t, c.sigma = 1 - t, c.dalpha = 1, c.dsigma = -1;
        ratio = 1 / std::max(t, 1e-8);
        break;
      case Form::cosine:
        c.alpha = std::sin(angle), c.sigma = std::cos(angle);
        c.dalpha = path::kHalfPi * c.sigma, c.dsigma = -path::kHalfPi * c.alpha;
        ratio = path::kPi / (2 * std::max(std::tan(angle), 1e-8));
        break;
      case Form::vp: {
        const double rest = 1 - t, rise = beta_max_ - beta_min_;
        const double log_alpha = -0.25 * rest * rest * rise - 0.5 * rest * beta_min_;
        ratio = 0.5 * rest * rise + 0.5 * beta_min_;
        const double square = std::exp(2 * log_alpha);
        c.alpha = std::exp(log_alpha), c.dalpha = c.alpha * ratio;
        c.sigma = std::sqrt(std::max(1 - square, 1e-12));
        c.dsigma = square * 2 * ratio / (-2 * c.sigma);
        break;
      }
    }
    if (base_) ratio = c.dalpha / std::max(c.alpha, 1e-8);
    c.dlog_alpha = ratio;
    c.diffusion2 = form_ == Form::vp && !base_
                       ? beta_min_ + (1 - t) * (beta_max_ - beta_min_)
                       : 2 * (ratio * c.sigma * c.sigma - c.sigma * c.dsigma);
    c.log_alpha = std::log(c.alpha);
    c.lambda = c.log_alpha - std::log(c.sigma);
    return c;
  }

 private:
  Form form_;
  bool base_;
  double beta_min_, beta_max_;
};

constexpr Param kCompat =
    choice("compat", "torchebm's own clamps, or those of its base class", "no,yes,base");
constexpr Param kPlainParams[] = {kCompat};
// The names say sigma, the values are betas.
constexpr Param kVpParams[] = {{"sigma_min", "beta at t = 1, data", 0.1, 0, 1e6},
                               {"sigma_max", "beta at t = 0, noise", 20, 1e-6, 1e6},
                               kCompat};

// Exact, or with the clamps.
template <class Path>
Schedule* make(const Settings& s, Form form, Path path, double low = 0, double high = 0) {
  const auto compat = static_cast<Compat>(static_cast<int>(s["compat"]));
  if (compat == Compat::no) return closed_form(s, kToData, path);
  return new Clamped(s, form, compat == Compat::base, low, high);
}

}  // namespace

extern const ScheduleKind kTorchEbmLinear = schedule_kind(
    1010, "torchebm.linear", "", "LinearInterpolant; t = 1 is data", kPlainParams,
    [](const Settings& s, const Options&) { return make(s, Form::linear, path::Linear{}); });
extern const ScheduleKind kTorchEbmCosine = schedule_kind(
    1011, "torchebm.cosine", "", "CosineInterpolant; t = 1 is data", kPlainParams,
    [](const Settings& s, const Options&) { return make(s, Form::cosine, path::Trigonometric{}); });
extern const ScheduleKind kTorchEbmVp =
    schedule_kind(1012, "torchebm.vp", "sit.vp", "VariancePreservingInterpolant; t = 1 is data",
                  kVpParams, [](const Settings& s, const Options&) {
                    require_order(s, "sigma_min", "sigma_max", true);
                    const double low = s["sigma_min"], high = s["sigma_max"];
                    return make(s, Form::vp, path::Vp{low, high}, low, high);
                  });

}  // namespace noisewright
