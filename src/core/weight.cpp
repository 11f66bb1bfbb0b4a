// SPDX-License-Identifier: Apache-2.0
#include "core/weight.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/diffusion.hpp"

namespace noisewright {
namespace {

double squared(double x) { return x * x; }

constexpr Param kDiffusionParams[] = {
    {"form", "how w^2 depends on time", static_cast<double>(Diffusion::reverse), 0, kLastDiffusion,
     kDiffusionForms},
    {"norm", "factor", 1, 0, 1e12},
    {"convention", "g2 is w^2, g its root, d half of it", 0, 0, 2, "g2,g,d"}};

double diffusion_at(const Settings& s, const Schedule& schedule, double t, const nwr_coeffs& c) {
  const double w2 =
      diffusion2(static_cast<Diffusion>(static_cast<int>(s["form"])), s["norm"], schedule, t, c);
  const double convention = s["convention"];
  return convention == 0 ? w2 : convention == 1 ? std::sqrt(w2) : w2 / 2;
}

constexpr Param kSnrParams[] = {{"power", "exponent of the SNR", 1, -8, 8},
                                {"plus", "added to the power", 0, 0, 1e12},
                                {"most", "the weight's ceiling; 0 is none", 0, 0, 1e300}};

double snr_at(const Settings& s, const Schedule&, double, const nwr_coeffs& c) {
  const double power = s["power"], most = s["most"];
  const double snr = (power == 0 ? 1 : std::exp(2 * c.lambda * power)) + s["plus"];
  return most == 0 ? snr : std::min(snr, most);
}

// (sigma_e^2 + sigma_data^2) / (sigma_e sigma_data)^2, sigma_e = sigma/alpha: Karras et al.
// 2206.00364, table 1.
double edm_at(const Settings&, const Schedule& schedule, double, const nwr_coeffs& c) {
  return std::exp(2 * c.lambda) + 1 / squared(schedule.sigma_data());
}

// Ma et al. 2401.08740, section 2.3, as torchebm names them; half diffusion2 is their drift_var.
double velocity_at(const Settings&, const Schedule&, double, const nwr_coeffs& c) {
  // Without noise it is the slope of sigma.
  return squared(c.sigma > 0 ? c.diffusion2 / 2 / c.sigma : c.dsigma);
}
double likelihood_at(const Settings&, const Schedule&, double, const nwr_coeffs& c) {
  return c.diffusion2 / 2 / squared(c.sigma);
}
double signal_at(const Settings&, const Schedule&, double, const nwr_coeffs& c) {
  return squared(c.alpha);
}

constexpr Param kMinSnrParams[] = {
    {"gamma", "most of the SNR that counts", 5, 1e-12, 1e12},
    {"prediction", "what the loss compares", 0, 0, 2, "noise,data,angular"}};

// Hang et al. 2303.09556: min(snr, gamma) for data, of other predictions what makes the same loss.
double min_snr_at(const Settings& s, const Schedule&, double, const nwr_coeffs& c) {
  const double snr = std::exp(2 * c.lambda), gamma = s["gamma"];
  if (s["prediction"] == 1) return std::min(snr, gamma);
  if (s["prediction"] == 0) return std::min(1.0, gamma / snr);
  return snr < gamma ? 1 / (1 + std::exp(-2 * c.lambda)) : gamma / (snr + 1);
}

// Of the loss of EDM's F, q = sigma/(alpha sigma_data): Crowson et al. 2401.11605, and
// k-diffusion's weight of the same q.
double soft_min_snr_at(const Settings&, const Schedule& schedule, double, const nwr_coeffs& c) {
  const double q = std::exp(-c.lambda) / schedule.sigma_data();
  return 1 / squared(q + 1 / q);
}
double k_snr_at(const Settings&, const Schedule& schedule, double, const nwr_coeffs& c) {
  return 1 / (1 + squared(std::exp(-c.lambda) / schedule.sigma_data()));
}

// Esser et al. 2403.03206, section 3.1, of the velocity's loss, s = sigma/(alpha+sigma).
double sigma_sqrt_at(const Settings&, const Schedule&, double, const nwr_coeffs& c) {
  return squared(1 + std::exp(c.lambda));
}
double cosmap_at(const Settings&, const Schedule&, double, const nwr_coeffs& c) {
  const double s = 1 / (1 + std::exp(c.lambda));
  return 2 / (path::kPi * (1 - 2 * s + 2 * s * s));
}

constexpr Param kEqmParams[] = {
    {"threshold", "fraction of the way to data where it begins to fall", 0.8, 0, 0.999999},
    {"multiplier", "value before that", 4, 1e-12, 1e12}};

// Wang and Du 2510.02300: the gradient's magnitude, which falls to 0 at data.
double eqm_at(const Settings& s, const Schedule& schedule, double t, const nwr_coeffs&) {
  const double rest = schedule.noise_fraction(t);
  return s["multiplier"] * std::min(1.0, rest / (1 - s["threshold"]));
}

}  // namespace

extern const WeightKind kWeightDiffusion, kWeightSnr, kWeightEdm, kWeightVelocity,
    kWeightLikelihood, kWeightSignal, kWeightEqm;
const WeightKind kWeightDiffusion = {
    {NWR_WEIGHT_DIFFUSION, "diffusion", "gensbi.weight",
     "w^2 of an SDE with the schedule's marginals", 0, 0, 0, kDiffusionParams},
    diffusion_at};
const WeightKind kWeightSnr = {
    {NWR_WEIGHT_SNR, "snr", "nami.snr", "min(snr^power + plus, most), snr = (alpha/sigma)^2", 0, 0,
     0, kSnrParams},
    snr_at};
const WeightKind kWeightEdm = {{NWR_WEIGHT_EDM, "edm", "azula.karras",
                                "that of EDM's preconditioned loss, of the denoised sample"},
                               edm_at};
const WeightKind kWeightVelocity = {{NWR_WEIGHT_VELOCITY, "velocity", "torchebm.velocity",
                                     "(g^2/(2 sigma))^2: makes a score loss one of velocities"},
                                    velocity_at};
const WeightKind kWeightLikelihood = {
    {NWR_WEIGHT_LIKELIHOOD, "likelihood", "torchebm.likelihood", "g^2/(2 sigma^2)"}, likelihood_at};
const WeightKind kWeightSignal = {{NWR_WEIGHT_SIGNAL, "signal", "nami.score", "alpha^2"},
                                  signal_at};
const WeightKind kWeightEqm = {
    {NWR_WEIGHT_EQM, "eqm", "torchebm.eqm", "equilibrium matching's truncated decay towards data",
     0, 0, 0, kEqmParams},
    eqm_at};

extern const WeightKind kWeightMinSnr, kWeightSoftMinSnr, kWeightKSnr, kWeightSigmaSqrt,
    kWeightCosmap;
const WeightKind kWeightMinSnr = {
    {1000, "min-snr", "min_snr", "min(snr, gamma) as the loss of a prediction", 0, 0, 0,
     kMinSnrParams},
    min_snr_at};
const WeightKind kWeightSoftMinSnr = {
    {1001, "soft-min-snr", "k.soft-min-snr", "(q/(1+q^2))^2 for F, q = sigma/(alpha sigma_data)"},
    soft_min_snr_at};
const WeightKind kWeightKSnr = {
    {1002, "k.snr", "", "1/(1+q^2) for F, q = sigma/(alpha sigma_data)"}, k_snr_at};
const WeightKind kWeightSigmaSqrt = {
    {1003, "sigma-sqrt", "sigma_sqrt,sd3.sigma_sqrt", "s^-2, s = sigma/(alpha+sigma)"},
    sigma_sqrt_at};
const WeightKind kWeightCosmap = {
    {1004, "cosmap", "sd3.cosmap", "2/(pi (1 - 2s + 2s^2)), s = sigma/(alpha+sigma)"}, cosmap_at};

void weigh(const Schedule& schedule, const nwr_weight_options& options, const double* times,
           size_t count, double* out) {
  if (count == 0) fail(NWR_ERROR_INVALID_ARGUMENT, "count is 0");
  const Settings settings =
      choose(NWR_DOMAIN_WEIGHT, options.name, options.kind, options.params, options.param_count);
  const auto& kind = static_cast<const WeightKind&>(settings.entry());
  std::vector<double> values;
  for (size_t i = 0; i < count; ++i) {
    const Name name{"times", static_cast<int64_t>(i)};
    const nwr_coeffs c = schedule.at(times[i], name);
    values.push_back(kind.at(settings, schedule, times[i], c));
    if (!std::isfinite(values.back())) {
      fail(NWR_ERROR_SINGULAR, settings.spec(), " has no value at ", name, " = ", times[i],
           ", where alpha is ", c.alpha, " and sigma ", c.sigma);
    }
  }
  std::copy(values.begin(), values.end(), out);
}

}  // namespace noisewright
