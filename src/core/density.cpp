// SPDX-License-Identifier: Apache-2.0
#include "core/density.hpp"

#include <algorithm>
#include <cmath>

#include "core/quantile.hpp"

namespace noisewright {
namespace {

struct Span {
  double begin, end;
};

constexpr Param kUniformParams[] = {
    {"begin", "first time; with end, both 0 is the schedule's ends", 0, -1e12, 1e12},
    {"end", "last time", 0, -1e12, 1e12}};

Span ends_of(const Schedule& schedule) {
  const Schedule::Ends& ends = schedule.ends();
  return {std::min(ends.noise, ends.data), std::max(ends.noise, ends.data)};
}

Span span_of(const DensityRequest& r) {
  const double begin = r.settings["begin"], end = r.settings["end"];
  return begin != 0 || end != 0 ? Span{begin, end} : ends_of(r.schedule);
}

double uniform_time(const DensityRequest& r, double number) {
  const Span span = span_of(r);
  return std::min(span.begin + (span.end - span.begin) * number, span.end);
}

// The time of a fraction of the way from data to noise.
double time_of_fraction(const Schedule& schedule, double u) {
  const Schedule::Ends& ends = schedule.ends();
  return ends.data + (ends.noise - ends.data) * u;
}

constexpr Param kNormalParams[] = {{"mean", "of the normal", 0, -1e3, 1e3},
                                   {"std", "of the normal", 1, 1e-12, 1e3}};

// Esser et al. 2403.03206, section 3.1.
double logit_normal_time(const DensityRequest& r, double number) {
  const double u = 1 / (1 + std::exp(-(r.settings["mean"] + r.settings["std"] * number)));
  return time_of_fraction(r.schedule, u);
}

constexpr Param kLogNormalParams[] = {{"mean", "of log(sigma/alpha)", -1.2, -1e3, 1e3},
                                      {"std", "of log(sigma/alpha)", 1.2, 1e-12, 1e3}};

// The time of a log(sigma/alpha), or the end that is nearest.
double time_of_log_sigma(const Schedule& schedule, double log_sigma) {
  const Schedule::Ends& ends = schedule.ends();
  if (-log_sigma <= schedule.at(ends.noise, {"t"}).lambda) return ends.noise;
  if (-log_sigma >= schedule.at(ends.data, {"t"}).lambda) return ends.data;
  return schedule.time_at(-log_sigma, {"log(alpha/sigma)"});
}

// Karras et al. 2206.00364, table 1.
double log_normal_time(const DensityRequest& r, double number) {
  return time_of_log_sigma(r.schedule, r.settings["mean"] + r.settings["std"] * number);
}

constexpr Param kLogUniformParams[] = {
    {"sigma_min", "least sigma/alpha; 0 is the schedule's", 0, 0, 1e12},
    {"sigma_max", "largest sigma/alpha; 0 is the schedule's", 0, 0, 1e12}};

// In sigma/alpha.
Span levels_of(const DensityRequest& r) {
  const auto level = [&](const char* name, double end) {
    const double given = r.settings[name];
    if (given != 0) return given;
    const nwr_coeffs c = r.schedule.at(end, {"t"});
    return c.sigma / c.alpha;
  };
  return {level("sigma_min", r.schedule.ends().data), level("sigma_max", r.schedule.ends().noise)};
}

double log_uniform_time(const DensityRequest& r, double number) {
  const Span levels = levels_of(r);
  const double low = std::log(levels.begin), high = std::log(levels.end);
  return time_of_log_sigma(r.schedule, low + (high - low) * number);
}

constexpr Param kModeParams[] = {
    {"scale", "weight of the middle, below 0 of the ends", 1.29, -1, 1.7519383938841}};

// Esser et al. 2403.03206, eq. 20.
double mode_time(const DensityRequest& r, double number) {
  const double cosine = std::cos(path::kHalfPi * number);
  const double u = 1 - number - r.settings["scale"] * (cosine * cosine - 1 + number);
  return time_of_fraction(r.schedule, std::clamp(u, 0.0, 1.0));
}

// Between two noise levels, both in sigma/alpha and with the least above 0.
constexpr Param kLeast = {"sigma_min", "least sigma/alpha", 1e-3, 1e-12, 1e12};
constexpr Param kMost = {"sigma_max", "largest sigma/alpha", 1e3, 1e-12, 1e12};
constexpr Param kLogLogisticParams[] = {{"mean", "of log(sigma/alpha)", 0, -1e3, 1e3},
                                        {"scale", "of log(sigma/alpha)", 1, 1e-12, 1e3},
                                        kLeast,
                                        kMost};
constexpr Param kVDiffusionParams[] = {kLeast, kMost};
constexpr Param kCosineInterpolatedParams[] = {
    {"image", "width of the images", 64, 1e-6, 1e9},
    {"noise_low", "width whose noise they get at the noisy end", 32, 1e-6, 1e9},
    {"noise_high", "at the clean end", 64, 1e-6, 1e9},
    kLeast,
    kMost};

double between(double low, double high, double u) { return low + (high - low) * u; }

// Crowson et al. 2401.11605's densities of log(sigma/alpha), cut to two levels.
double log_logistic_time(const DensityRequest& r, double number) {
  const double mean = r.settings["mean"], scale = r.settings["scale"];
  const auto below = [=](const char* name) {
    return 1 / (1 + std::exp((mean - std::log(r.settings[name])) / scale));
  };
  const double p = between(below("sigma_min"), below("sigma_max"), number);
  return time_of_log_sigma(r.schedule, mean + scale * std::log(p / (1 - p)));
}
// Salimans and Ho 2202.00512: t even, sigma = sigma_data tan(pi/2 t).
double v_diffusion_time(const DensityRequest& r, double number) {
  const double data = r.schedule.sigma_data();
  const auto angle = [=](const char* name) { return std::atan(r.settings[name] / data); };
  return time_of_log_sigma(
      r.schedule,
      std::log(data * std::tan(between(angle("sigma_min"), angle("sigma_max"), number))));
}
// Hoogeboom et al. 2301.11093: the SNR of a cosine at two resolutions, mixed along t.
double cosine_interpolated_time(const DensityRequest& r, double number) {
  const double data = r.schedule.sigma_data();
  const auto log_sigma = [&](double width) {
    const double shift = width / r.settings["image"];
    const auto angle = [&](const char* name) { return std::atan(r.settings[name] / data * shift); };
    const double tangent = std::tan(between(angle("sigma_max"), angle("sigma_min"), number));
    return std::log(data * tangent / shift);
  };
  return time_of_log_sigma(r.schedule, between(log_sigma(r.settings["noise_low"]),
                                               log_sigma(r.settings["noise_high"]), number));
}

constexpr Param kSplitParams[] = {{"mean", "of log(sigma/alpha), its mode", -1.2, -1e3, 1e3},
                                  {"std_low", "of log(sigma/alpha) below", 1.2, 1e-12, 1e3},
                                  {"std_high", "of log(sigma/alpha) above", 1.2, 1e-12, 1e3}};

// Two halves of normals that meet at the mode.
double split_log_normal_time(const DensityRequest& r, double number) {
  const double low = r.settings["std_low"], high = r.settings["std_high"];
  const double share = low / (low + high);
  const double z = number < share ? low * normal_quantile(number / share / 2)
                                  : -high * normal_quantile((1 - number) / (1 - share) / 2);
  return time_of_log_sigma(r.schedule, r.settings["mean"] + z);
}

}  // namespace

extern const DensityKind kDensityMode, kDensityLogLogistic, kDensityVDiffusion,
    kDensityCosineInterpolated, kDensitySplitLogNormal;
const DensityKind kDensityMode = {
    {1000, "mode", "sd3.mode", "u with more weight in the middle, or at the ends", 0, 0, 0,
     kModeParams, kDensityParams},
    false,
    mode_time};
const DensityKind kDensityLogLogistic = {
    {1001, "log-logistic", "k.log-logistic", "log(sigma/alpha) is logistic between two levels", 0,
     0, 0, kLogLogisticParams, kDensityParams},
    false,
    log_logistic_time};
const DensityKind kDensityVDiffusion = {
    {1002, "v-diffusion", "k.v-diffusion",
     "the angle atan(sigma/(alpha sigma_data)) is uniform between two levels", 0, 0, 0,
     kVDiffusionParams, kDensityParams},
    false,
    v_diffusion_time};
const DensityKind kDensityCosineInterpolated = {
    {1003, "cosine-interpolated", "k.cosine-interpolated",
     "v-diffusion whose SNR goes from one resolution's to another's", 0, 0, 0,
     kCosineInterpolatedParams, kDensityParams},
    false,
    cosine_interpolated_time};
const DensityKind kDensitySplitLogNormal = {
    {1004, "split-log-normal", "k.split-lognormal",
     "log(sigma/alpha) is normal with two deviations", 0, 0, 0, kSplitParams, kDensityParams},
    false,
    split_log_normal_time};

extern const DensityKind kDensityUniform, kDensityLogitNormal, kDensityLogNormal,
    kDensityLogUniform;
const DensityKind kDensityUniform = {
    {NWR_DENSITY_UNIFORM, "uniform", "", "even in t", 0, 0, 0, kUniformParams, kDensityParams},
    false,
    uniform_time};
const DensityKind kDensityLogitNormal = {
    {NWR_DENSITY_LOGIT_NORMAL, "logit-normal", "sd3.logit_normal",
     "the fraction of the way to noise is the sigmoid of a normal", 0, 0, 0, kNormalParams,
     kDensityParams},
    true,
    logit_normal_time};
const DensityKind kDensityLogNormal = {
    {NWR_DENSITY_LOG_NORMAL, "log-normal", "edm,k.lognormal", "log(sigma/alpha) is normal", 0, 0, 0,
     kLogNormalParams, kDensityParams},
    true,
    log_normal_time};
const DensityKind kDensityLogUniform = {
    {NWR_DENSITY_LOG_UNIFORM, "log-uniform", "k.log-uniform", "log(sigma/alpha) is uniform", 0, 0,
     0, kLogUniformParams, kDensityParams},
    false,
    log_uniform_time};

double stratum(const DensityKind& kind, double number, size_t i, size_t count) {
  const double u = (static_cast<double>(i) + number) / static_cast<double>(count);
  return kind.from_normal ? normal_quantile(u) : u;
}

Density check_density(const DensityRequest& r) {
  const auto& kind = static_cast<const DensityKind&>(r.settings.entry());
  Span span = ends_of(r.schedule);
  if (kind.value == NWR_DENSITY_UNIFORM) {
    span = span_of(r);
    r.schedule.at(span.begin, {"begin"});
    r.schedule.at(span.end, {"end"});
    if (!(span.begin < span.end)) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "uniform: end is ", span.end, ", not above begin, ",
           span.begin);
    }
  }
  const bool of_time = kind.value == NWR_DENSITY_UNIFORM ||
                       kind.value == NWR_DENSITY_LOGIT_NORMAL || kind.value == kDensityMode.value;
  if (!of_time && kind.value != NWR_DENSITY_LOG_UNIFORM) {
    const double noise = r.schedule.at(r.schedule.ends().noise, {"t"}).lambda;
    if (!(noise < r.schedule.at(r.schedule.ends().data, {"t"}).lambda)) {
      fail(NWR_ERROR_UNSUPPORTED, kind.name, ": ", r.schedule.spec(), " has no levels of noise");
    }
    const double least = r.settings.get("sigma_min", 0), most = r.settings.get("sigma_max", 1);
    if (!(least < most)) {
      fail(NWR_ERROR_INVALID_ARGUMENT, kind.name, ": sigma_max is ", most,
           ", not above sigma_min, ", least);
    }
  }
  if (kind.value == NWR_DENSITY_LOG_UNIFORM) {
    const Span levels = levels_of(r);
    if (!(levels.begin > 0 && levels.begin < levels.end) || !std::isfinite(levels.end)) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "log-uniform: sigma_min is ", levels.begin,
           " and sigma_max ", levels.end, "; they must be finite, above 0 and in that order");
    }
  }
  return {kind, span.begin, span.end};
}

}  // namespace noisewright
