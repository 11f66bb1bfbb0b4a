// SPDX-License-Identifier: Apache-2.0
// Owns flows as models were trained on them: the straight path with t = sigma as its clock, and
// edm, each with the table of noise levels that grids made of indices choose from. Must not know
// grids.
#include <cmath>

#include "core/schedule.hpp"

namespace noisewright {
namespace {

// Time is the noise level, which is what such models read, times 1000; the shift is in the table.
class Flow : public ClosedForm<path::Linear> {
 public:
  explicit Flow(const Settings& s)
      : ClosedForm(s, kToNoise, {}, Spacing::flow),
        count_(s["count"]),
        shift_(s["shift"] * std::exp(s["mu"])),
        power_(s["power"]) {}

  int64_t table_size() const override { return static_cast<int64_t>(count_); }
  double table_time(double index) const override { return shifted((index + 1) / count_); }
  double shifted(double level) const override { return path::shifted(level, shift_, power_); }
  double sigma_floor() const override {
    const double least = table_time(0);
    return least / (1 - least);
  }

 private:
  double count_, shift_, power_;
};

constexpr Param kFlowParams[] = {{"shift", "k of k s/(1 + (k-1) s), s even", 1, 1e-6, 1e6},
                                 {"mu", "shift is exp(mu) times more", 0, -50, 50},
                                 {"power", "exponent of 1/s - 1", 1, 1e-3, 1e3},
                                 {"count", "size of the table", 1000, 2, 1e7, nullptr, true}};

// edm with a table of noise levels, even in sigma^(1/rho), or in log(sigma) where rho is 0.
class EdmLevels : public ClosedForm<path::Power> {
 public:
  explicit EdmLevels(const Settings& s)
      : ClosedForm(s, {s["sigma_max"], 0, 0, 1e12}, {1}, Spacing::noise_level),
        least_(s["sigma_min"]),
        most_(s["sigma_max"]),
        rho_(s["rho"]),
        count_(s["count"]) {
    require_order(s, "sigma_min", "sigma_max");
  }

  int64_t table_size() const override { return static_cast<int64_t>(count_); }
  double table_time(double index) const override {
    if (index < 0) return 0;
    if (index == 0) return least_;
    const double u = index / (count_ - 1);
    if (u == 1) return most_;
    if (rho_ == 0) return least_ * std::pow(most_ / least_, u);
    const double low = std::pow(least_, 1 / rho_), high = std::pow(most_, 1 / rho_);
    return std::pow(low + (high - low) * u, rho_);
  }
  double sigma_floor() const override { return least_; }

 private:
  double least_, most_, rho_, count_;
};

constexpr Param kEdmParams[] = {
    {"sigma_min", "least sigma of the table", 0.002, 1e-12, 1e12},
    {"sigma_max", "largest, where sampling begins", 120, 1e-12, 1e12},
    {"rho", "the table is even in sigma^(1/rho); 0: in log(sigma)", 0, 0, 1e3},
    {"count", "size of the table", 1000, 2, 1e7, nullptr, true}};

// Pernias et al. 2306.00637: a squared cosine of a warped time, its alpha_bar kept between 1e-4 and
// 0.9999, as the models were trained. Stable Cascade moves log(SNR) by -2 log(shift).
class Wuerstchen : public Schedule {
 public:
  explicit Wuerstchen(const Settings& s)
      : Schedule(s, kToNoise),
        path_{s["s"]},
        scaler_(s["scaler"]),
        log_shift_(std::log(s["shift"])) {}

 protected:
  nwr_coeffs coeffs(double t) const override {
    path::Place place{t, 1 - t};
    double rate = 1;
    if (scaler_ > 1) {
      place = {-std::expm1(scaler_ * std::log1p(-t)), std::pow(1 - t, scaler_)};
      rate = scaler_ * std::pow(1 - t, scaler_ - 1);
    } else if (scaler_ < 1) {
      place = {std::pow(t, scaler_), -std::expm1(scaler_ * std::log(t))};
      rate = scaler_ * std::pow(t, scaler_ - 1);
    }
    const auto p = path_.at(place.u, place.v);
    const double most = std::log(0.9999 / 1e-4) / 2, lambda = p.lambda - log_shift_;
    if (!(std::fabs(lambda) < most)) {
      return to_coeffs(path::variance_preserving(std::copysign(most, lambda), 0.0));
    }
    const double slope = -p.diffusion2 / (2 * p.sigma * p.sigma) * rate;
    return to_coeffs(path::variance_preserving(lambda, slope));
  }

 private:
  path::Cosine path_;
  double scaler_, log_shift_;
};

constexpr Param kWuerstchenParams[] = {
    {"s", "offset of the cosine", 0.008, 0, 1},
    {"scaler", "above 1: 1 - (1-t)^scaler for t; below: t^scaler", 1, 1e-3, 1e3},
    {"shift", "divides alpha/sigma", 1, 1e-6, 1e6}};

template <class Kind>
Schedule* make(const Settings& s, const nwr_schedule_options&) {
  return new Kind(s);
}

}  // namespace

extern const ScheduleKind kFlow =
    schedule_kind(1024, "flow", "flux-schnell,diffusers.flow-match,comfy.flow",
                  "linear, t = sigma, with a shifted table of levels for grids to choose from",
                  kFlowParams, make<Flow>);
extern const ScheduleKind kEdmLevels =
    schedule_kind(1033, "edm-levels", "", "edm with a table of levels for grids to choose from",
                  kEdmParams, make<EdmLevels>, kOwnTimeParams);
extern const ScheduleKind kWuerstchen = schedule_kind(
    1039, "wuerstchen", "diffusers.wuerstchen,stable-cascade",
    "cosine whose alpha_bar is kept between 1e-4 and 0.9999", kWuerstchenParams, make<Wuerstchen>);

}  // namespace noisewright
