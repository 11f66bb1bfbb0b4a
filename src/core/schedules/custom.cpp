// SPDX-License-Identifier: Apache-2.0
// Owns schedules that the caller computes. Must not know how the numbers are used.
#include <array>
#include <cmath>

#include "core/float_scope.hpp"
#include "core/schedule.hpp"

namespace noisewright {
namespace {

constexpr double kUnset = std::numeric_limits<double>::quiet_NaN();

class Custom : public Schedule {
 public:
  Custom(const Settings& settings, const nwr_schedule_options& options, Ends ends)
      : Schedule(settings, ends), call_(options.coeffs), user_(options.user) {}

 protected:
  nwr_coeffs coeffs(double t) const override {
    nwr_coeffs c = ask(t);
    if (std::isnan(c.dalpha) || std::isnan(c.dsigma)) {
      const auto slope = slopes(t);
      if (std::isnan(c.dalpha)) c.dalpha = slope[0];
      if (std::isnan(c.dsigma)) c.dsigma = slope[1];
    }
    const double wronskian = c.alpha * c.dsigma - c.dalpha * c.sigma;
    if (std::isnan(c.log_alpha)) c.log_alpha = std::log(c.alpha);
    if (std::isnan(c.dlog_alpha)) c.dlog_alpha = c.dalpha / c.alpha;
    if (std::isnan(c.lambda)) c.lambda = c.log_alpha - std::log(c.sigma);
    if (std::isnan(c.diffusion2)) c.diffusion2 = 2 * c.sigma * std::fabs(wronskian) / c.alpha;
    return c;
  }

 private:
  nwr_coeffs ask(double t) const {
    nwr_coeffs c;
    c.alpha = c.sigma = c.dalpha = c.dsigma = kUnset;
    c.gamma = c.gamma_dgamma = 0;
    c.log_alpha = c.dlog_alpha = c.lambda = c.diffusion2 = kUnset;
    const int32_t result = call_host(call_, user_, t, &c);
    if (result < 0) {
      fail(NWR_ERROR_CALLBACK, "options.coeffs returned ", result, " at t = ", t);
    }
    const auto check = [&](const char* name, double value) {
      if (!(value >= 0) || !std::isfinite(value)) {
        fail(NWR_ERROR_CALLBACK, "options.coeffs gave ", name, " = ", value, " at t = ", t);
      }
    };
    check("alpha", c.alpha);
    check("sigma", c.sigma);
    check("gamma", c.gamma);
    if (!std::isfinite(c.gamma_dgamma)) {
      fail(NWR_ERROR_CALLBACK, "options.coeffs gave gamma_dgamma = ", c.gamma_dgamma,
           " at t = ", t);
    }
    return c;
  }

  // Five-point differences of fourth order, one-sided where an end is near.
  std::array<double, 2> slopes(double t) const {
    static constexpr double kWeights[5][5] = {{-25, 48, -36, 16, -3},
                                              {-3, -10, 18, -6, 1},
                                              {1, -8, 0, 8, -1},
                                              {-1, 6, -18, 10, 3},
                                              {3, -16, 36, -48, 25}};
    const double width = (ends().high - ends().low) / 1024;
    int place = 2;
    while (place > 0 && t - place * width < ends().low) --place;
    while (place < 4 && t + (4 - place) * width > ends().high) ++place;
    std::array<double, 2> slope{};
    for (int i = 0; i < 5; ++i) {
      if (kWeights[place][i] == 0) continue;
      const nwr_coeffs c = ask(i == place ? t : t + (i - place) * width);
      slope[0] += kWeights[place][i] / (12 * width) * c.alpha;
      slope[1] += kWeights[place][i] / (12 * width) * c.sigma;
    }
    return slope;
  }

  nwr_coeffs_fn call_;
  void* user_;
};

Schedule* make_custom(const Settings& settings, const nwr_schedule_options& options) {
  if (!options.coeffs) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "options.coeffs is NULL, but a custom schedule needs it");
  }
  double noise = options.t_noise, data = options.t_data;
  if (noise == 0 && data == 0) data = 1;
  if (!std::isfinite(noise) || !std::isfinite(data) || noise == data) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "options.t_noise is ", noise, " and options.t_data is ", data,
         ", not two different times");
  }
  auto* custom =
      new Custom(settings, options, {noise, data, std::fmin(noise, data), std::fmax(noise, data)});
  Ref<Schedule> owner = Ref<Schedule>::adopt(custom);
  custom->at(noise, {"options.t_noise"});
  custom->at(data, {"options.t_data"});
  return owner.leak();
}

}  // namespace

extern const ScheduleKind kCustom =
    schedule_kind(NWR_SCHEDULE_CUSTOM, "custom", "",
                  "coefficients from options.coeffs; t runs from t_noise to t_data", {},
                  make_custom, kOwnTimeParams);

}  // namespace noisewright
