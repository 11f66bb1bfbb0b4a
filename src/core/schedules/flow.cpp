// SPDX-License-Identifier: Apache-2.0
// Owns flows as models were trained on them: the straight path with t = sigma as its clock, and
// edm, each with the table of noise levels that grids made of indices choose from. Must not know
// grids.
#include <array>
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

constexpr std::array<Param, 4> flow_params(double shift, double mu = 0, double count = 1000) {
  return {{{"shift", "k of k s/(1 + (k-1) s), s even", shift, 1e-6, 1e6},
           {"mu", "shift is exp(mu) times more", mu, -50, 50},
           {"power", "exponent of 1/s - 1", 1, 1e-3, 1e3},
           {"count", "size of the table", count, 2, 1e7, nullptr, true}}};
}
constexpr auto kPlain = flow_params(1), kThree = flow_params(3), kFlux1 = flow_params(1, 1.15),
               kAura = flow_params(1.73), kFive = flow_params(5), kSix = flow_params(6),
               kSeven = flow_params(7), kTwelve = flow_params(12),
               kComfyFlux1 = flow_params(1, 1.15, 10000);

Schedule* make_flow(const Settings& s, const nwr_schedule_options&) { return new Flow(s); }

constexpr ScheduleKind flow(int32_t value, const char* name, const char* aliases,
                            const char* summary, const std::array<Param, 4>& params) {
  return {{value, name, aliases, summary, 0, 0, 0, {params.data(), params.size()}, kUnitTimeParams},
          make_flow};
}

// edm with a table of noise levels, even in sigma^(1/rho), or in log(sigma) where rho is 0.
class EdmLevels : public ClosedForm<path::Power> {
 public:
  explicit EdmLevels(const Settings& s)
      : ClosedForm(s, {s["sigma_max"], 0, 0, 1e12}, {1}, Spacing::noise_level),
        least_(s["sigma_min"]),
        most_(s["sigma_max"]),
        rho_(s["rho"]),
        count_(s["count"]) {
    if (!(least_ < most_)) {
      fail(NWR_ERROR_INVALID_ARGUMENT, s.entry().name, ": sigma_max is ", most_,
           ", not above sigma_min, ", least_);
    }
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

constexpr std::array<Param, 4> edm_params(double least, double most, double rho, double count) {
  return {{{"sigma_min", "least sigma of the table", least, 1e-12, 1e12},
           {"sigma_max", "largest, where sampling begins", most, 1e-12, 1e12},
           {"rho", "the table is even in sigma^(1/rho); 0: in log(sigma)", rho, 0, 1e3},
           {"count", "size of the table", count, 2, 1e7, nullptr, true}}};
}
constexpr auto kComfyEdmParams = edm_params(0.002, 120, 0, 1000);
constexpr auto kSvdParams = edm_params(0.002, 700, 0, 1000);
constexpr auto kCmParams = edm_params(0.002, 80, 7, 40);
constexpr auto kCosineDpmParams = edm_params(0.3, 500, 0, 1000);
constexpr Param kSigmaDataHalf[] = {
    {"sigma_data", "standard deviation of the data in EDM's preconditioning", 0.5, 1e-12, 1e12}};

constexpr ScheduleKind edm(int32_t value, const char* name, const char* aliases,
                           const char* summary, const std::array<Param, 4>& params, Params shared) {
  return {
      {value, name, aliases, summary, 0, 0, 0, {params.data(), params.size()}, shared},
      [](const Settings& s, const nwr_schedule_options&) -> Schedule* { return new EdmLevels(s); }};
}

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

}  // namespace

extern const ScheduleKind kFlow, kSd3, kFlux, kAuraFlow, kWan, kLumina, kHunyuanVideo, kMiniMaxH3,
    kComfyFlux, kEdmLevels, kComfyEdm, kSvd, kDiffusersEdm, kConsistency, kCosineDpm, kWuerstchen;
const ScheduleKind kFlow =
    flow(1024, "flow", "flux-schnell,diffusers.flow-match,comfy.flow",
         "linear, t = sigma, with a shifted table of levels for grids to choose from", kPlain);
const ScheduleKind kSd3 = flow(1025, "sd3", "sana,sdcpp.flow", "flow with shift 3", kThree);
const ScheduleKind kFlux = flow(1026, "flux", "flux-dev,flux1", "flow with mu 1.15", kFlux1);
const ScheduleKind kAuraFlow = flow(1027, "auraflow", "", "flow with shift 1.73", kAura);
const ScheduleKind kWan = flow(1028, "wan", "wan21", "flow with shift 5", kFive);
const ScheduleKind kLumina = flow(1029, "lumina2", "lumina", "flow with shift 6", kSix);
const ScheduleKind kHunyuanVideo = flow(1030, "hunyuan-video", "", "flow with shift 7", kSeven);
const ScheduleKind kMiniMaxH3 = flow(1031, "minimax-h3", "", "flow with shift 12", kTwelve);
const ScheduleKind kComfyFlux =
    flow(1032, "comfy.flux", "", "flux with a table of 10000 levels", kComfyFlux1);
const ScheduleKind kEdmLevels =
    edm(1033, "edm-levels", "", "edm with a table of levels for grids to choose from",
        kComfyEdmParams, kOwnTimeParams);
const ScheduleKind kComfyEdm =
    edm(1034, "comfy.edm", "", "edm-levels from 0.002 to 120", kComfyEdmParams, kOwnTimeParams);
const ScheduleKind kSvd =
    edm(1035, "svd", "", "edm-levels from 0.002 to 700: Stable Video Diffusion", kSvdParams,
        kOwnTimeParams);
const ScheduleKind kDiffusersEdm =
    edm(1036, "diffusers.edm", "playground-v2.5", "edm-levels from 0.002 to 80, sigma_data 0.5",
        kCmParams, kSigmaDataHalf);
const ScheduleKind kConsistency =
    edm(1037, "diffusers.cm", "openai.cm", "the 40 levels of consistency models", kCmParams,
        kSigmaDataHalf);
const ScheduleKind kCosineDpm = edm(1038, "diffusers.cosine-dpm", "stable-audio",
                                    "edm-levels from 0.3 to 500", kCosineDpmParams, kOwnTimeParams);
const ScheduleKind kWuerstchen = {
    {1039, "wuerstchen", "diffusers.wuerstchen,stable-cascade",
     "cosine whose alpha_bar is kept between 1e-4 and 0.9999", 0, 0, 0, kWuerstchenParams,
     kUnitTimeParams},
    [](const Settings& s, const nwr_schedule_options&) -> Schedule* { return new Wuerstchen(s); }};

}  // namespace noisewright
