// SPDX-License-Identifier: Apache-2.0
// Owns the catalogue entries of the closed forms. Must not know how a formula is used.
#include <cmath>

#include "core/schedule.hpp"

namespace noisewright {
namespace {

using Options = nwr_schedule_options;

constexpr Param time_param(double by_default) {
  return choice("time", "where t = 1 is", "to-noise,to-data", by_default);
}
constexpr Param kAlphaMin = {"alpha_min", "alpha at the noise end", 0, 0, 0.999};
constexpr Param kSigmaMin = {"sigma_min", "sigma at the clean end", 0, 0, 0.999};

template <class Path>
Schedule* make(const Settings& s, Path path) {
  return closed_form(s, s["time"] == 1 ? kToData : kToNoise, path);
}

constexpr Param kStraightParams[] = {kAlphaMin, kSigmaMin, time_param(1)};
constexpr Param kCosineParams[] = {
    {"s", "offset that keeps the slope finite at the clean end", 0.008, 0, 1}, time_param(0)};
constexpr Param kVpParams[] = {{"beta_min", "beta at the clean end", 0.1, 0, 1e6},
                               {"beta_max", "beta at the noise end", 20, 1e-6, 1e6},
                               kSigmaMin,
                               time_param(0)};
constexpr Param kVeParams[] = {{"sigma_min", "sigma at the clean end", 0.01, 1e-12, 1e12},
                               {"sigma_max", "sigma at the noise end", 50, 1e-12, 1e12},
                               time_param(0)};
constexpr Param kPowerParams[] = {{"power", "exponent of t", 1, 1e-3, 1e3},
                                  {"t_max", "time where sampling begins", 1, 1e-12, 1e12}};
constexpr Param kEdmParams[] = {{"sigma_max", "sigma where sampling begins", 80, 1e-12, 1e12}};
constexpr Param kEdmRhoParams[] = {
    {"sigma_min", "sigma at the clean end", 0.002, 1e-12, 1e12},
    {"sigma_max", "sigma at the noise end", 80, 1e-12, 1e12},
    {"rho", "exponent: the larger, the more time at low noise", 7, 1e-3, 1e3},
    time_param(0)};
constexpr Param kDecayParams[] = {
    {"alpha_min", "alpha at the noise end", 1e-3, 0, 0.999},
    {"sigma_min", "sigma at the clean end", 1e-3, 0, 0.999},
    {"gamma", "base of the exponential; 1 is linear", 0.1, 1e-12, 1e12},
    time_param(0)};
constexpr Param kTimeToNoise[] = {time_param(0)};
constexpr Param kTimeToData[] = {time_param(1)};
constexpr Param kMirrorParams[] = {time_param(1), latent_param(1), kLatentScale, kSigmaData};
constexpr Param kPolynomialParams[] = {{"n", "exponent", 1, 1e-3, 1e3}, time_param(1)};

}  // namespace

extern const ScheduleKind kLinear = schedule_kind(
    NWR_SCHEDULE_LINEAR, "linear",
    "rectified-flow,flow-matching,condot,sit.linear,gensbi.fm_condot,nami.linear,albergo.linear,"
    "albergo.one-sided-linear",
    "alpha from 1 to alpha_min, sigma from sigma_min to 1, straight: the rectified flow",
    kStraightParams, [](const Settings& s, const Options&) {
      return make(s, path::Linear{s["alpha_min"], s["sigma_min"]});
    });
extern const ScheduleKind kTrigonometric =
    schedule_kind(NWR_SCHEDULE_TRIGONOMETRIC, "trigonometric",
                  "gvp,sit.gvp,gensbi.fm_cosine,nami.cosine,albergo.one-sided-trig",
                  "alpha a cosine down to alpha_min, sigma a sine above sigma_min", kStraightParams,
                  [](const Settings& s, const Options&) {
                    return make(s, path::Trigonometric{s["alpha_min"], s["sigma_min"]});
                  });
extern const ScheduleKind kCosine =
    schedule_kind(NWR_SCHEDULE_COSINE, "cosine", "squared-cosine",
                  "variance preserving, alpha^2 a squared cosine", kCosineParams,
                  [](const Settings& s, const Options&) { return make(s, path::Cosine{s["s"]}); });
extern const ScheduleKind kVp =
    schedule_kind(NWR_SCHEDULE_VP, "vp", "nami.vp,gensbi.edm_vp",
                  "variance preserving above sigma_min, beta linear in t", kVpParams,
                  [](const Settings& s, const Options&) {
                    require_order(s, "beta_min", "beta_max", true);
                    return make(s, path::Vp{s["beta_min"], s["beta_max"], s["sigma_min"]});
                  });
extern const ScheduleKind kVe =
    schedule_kind(NWR_SCHEDULE_VE, "ve", "nami.ve", "variance exploding, sigma geometric in t",
                  kVeParams, [](const Settings& s, const Options&) {
                    require_order(s, "sigma_min", "sigma_max");
                    return make(s, path::Ve{s["sigma_min"], s["sigma_max"]});
                  });
extern const ScheduleKind kPower = schedule_kind(
    NWR_SCHEDULE_POWER, "power", "vepow",
    "variance exploding, sigma = t^power; t runs from t_max, noise, to 0, data", kPowerParams,
    [](const Settings& s, const Options&) {
      return closed_form(s, {s["t_max"], 0, 0, 1e12}, path::Power{s["power"]});
    },
    kOwnTimeParams);
extern const ScheduleKind kEdm = schedule_kind(
    NWR_SCHEDULE_EDM, "edm", "karras,gensbi.edm",
    "variance exploding, sigma = t; t runs from sigma_max, noise, to 0, data", kEdmParams,
    [](const Settings& s, const Options&) {
      return closed_form(s, {s["sigma_max"], 0, 0, 1e12}, path::Power{1},
                         Schedule::Spacing::noise_level);
    },
    kOwnTimeParams);
extern const ScheduleKind kEdmRho =
    schedule_kind(NWR_SCHEDULE_EDM_RHO, "edm-rho", "edmrho,nami.edm",
                  "variance exploding, sigma along Karras's grid", kEdmRhoParams,
                  [](const Settings& s, const Options&) {
                    require_order(s, "sigma_min", "sigma_max");
                    return make(s, path::EdmRho{s["sigma_min"], s["sigma_max"], s["rho"]});
                  });
extern const ScheduleKind kDecay = schedule_kind(
    NWR_SCHEDULE_DECAY, "decay", "azula.decay", "linear in a decaying exponential of t",
    kDecayParams, [](const Settings& s, const Options&) {
      return make(s, path::Decay{s["alpha_min"], s["sigma_min"], s["gamma"]});
    });
extern const ScheduleKind kPolar =
    schedule_kind(NWR_SCHEDULE_POLAR, "polar", "diffusionlab.ornstein_uhlenbeck",
                  "variance preserving, sigma = t", kTimeToNoise,
                  [](const Settings& s, const Options&) { return make(s, path::Polar{}); });
extern const ScheduleKind kPolarSwap =
    schedule_kind(NWR_SCHEDULE_POLAR_SWAP, "polar-swap", "polarswap,gensbi.fm_linear_vp",
                  "variance preserving, alpha = t", kTimeToData,
                  [](const Settings& s, const Options&) { return make(s, path::PolarSwap{}); });
extern const ScheduleKind kPolynomial = schedule_kind(
    NWR_SCHEDULE_POLYNOMIAL, "polynomial", "poly,gensbi.fm_poly", "alpha = t^n, sigma = 1 - t^n",
    kPolynomialParams,
    [](const Settings& s, const Options&) { return make(s, path::Polynomial{s["n"]}); });
extern const ScheduleKind kMirror = schedule_kind(
    NWR_SCHEDULE_MIRROR, "mirror", "albergo.mirror", "alpha = 1, sigma = 0: data and latent alone",
    kMirrorParams, [](const Settings& s, const Options&) { return make(s, path::Mirror{}); }, {});

}  // namespace noisewright
