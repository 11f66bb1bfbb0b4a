// SPDX-License-Identifier: Apache-2.0
#include "core/density.hpp"

#include <algorithm>
#include <cmath>

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

constexpr Param kNormalParams[] = {{"mean", "of the normal", 0, -1e3, 1e3},
                                   {"std", "of the normal", 1, 1e-12, 1e3}};

// Esser et al. 2403.03206, section 3.1.
double logit_normal_time(const DensityRequest& r, double number) {
  const double u = 1 / (1 + std::exp(-(r.settings["mean"] + r.settings["std"] * number)));
  const Schedule::Ends& ends = r.schedule.ends();
  return ends.data + (ends.noise - ends.data) * u;
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

}  // namespace

extern const DensityKind kDensityUniform, kDensityLogitNormal, kDensityLogNormal,
    kDensityLogUniform;
const DensityKind kDensityUniform = {
    {NWR_DENSITY_UNIFORM, "uniform", "", "even in t", 0, 0, 0, kUniformParams},
    false,
    uniform_time};
const DensityKind kDensityLogitNormal = {
    {NWR_DENSITY_LOGIT_NORMAL, "logit-normal", "",
     "the fraction of the way to noise is the sigmoid of a normal", 0, 0, 0, kNormalParams},
    true,
    logit_normal_time};
const DensityKind kDensityLogNormal = {{NWR_DENSITY_LOG_NORMAL, "log-normal", "edm",
                                        "log(sigma/alpha) is normal", 0, 0, 0, kLogNormalParams},
                                       true,
                                       log_normal_time};
const DensityKind kDensityLogUniform = {{NWR_DENSITY_LOG_UNIFORM, "log-uniform", "",
                                         "log(sigma/alpha) is uniform", 0, 0, 0, kLogUniformParams},
                                        false,
                                        log_uniform_time};

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
  if (kind.value == NWR_DENSITY_LOG_NORMAL) {
    const double noise = r.schedule.at(r.schedule.ends().noise, {"t"}).lambda;
    if (!(noise < r.schedule.at(r.schedule.ends().data, {"t"}).lambda)) {
      fail(NWR_ERROR_UNSUPPORTED, "log-normal: ", r.schedule.spec(), " has no levels of noise");
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
