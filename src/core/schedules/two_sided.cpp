// SPDX-License-Identifier: Apache-2.0
// Owns the two-sided interpolants whose path or third leg is special: those of Albergo et al.
// 2303.08797 that follow gamma, and the transforms of nami before 0.1.0. Must not know how they are
// used.
#include <algorithm>
#include <cmath>

#include "core/schedule.hpp"

namespace noisewright {
namespace {

using Options = nwr_schedule_options;

// alpha and sigma of norm sqrt(1 - gamma^2) along a quarter circle, so that the squares of all
// three add to 1; gamma is the shared setting. Their table 8, "trig".
class NormedCircle : public ClosedForm<path::Trigonometric> {
 public:
  explicit NormedCircle(const Settings& s) : ClosedForm(s, kToData, {}) {}
  PathPlan path() const override {
    PathPlan plan = ClosedForm::path();
    plan.form = PathForm::tabulated;
    plan.table_count = kTableTimes;
    return plan;
  }

 protected:
  void add_latent(double t, nwr_coeffs& c) const override {
    ClosedForm::add_latent(t, c);
    const double square = (1 - c.gamma) * (1 + c.gamma), norm = std::sqrt(square);
    // Where gamma reaches 1 the norm has a kink, and the mean of both sides is taken.
    const bool kink = norm == 0;
    const double slope = kink ? 0 : -c.gamma_dgamma / norm;
    c.dalpha = norm * c.dalpha + slope * c.alpha;
    c.dsigma = norm * c.dsigma + slope * c.sigma;
    c.alpha *= norm;
    c.sigma *= norm;
    c.log_alpha += (square < 0.5 ? std::log(square) : std::log1p(-c.gamma * c.gamma)) / 2;
    if (!kink) c.dlog_alpha = c.dalpha / c.alpha;
    c.diffusion2 *= square;
  }
};

// nami's score = eta/max(gamma, score_eps) and gamma = sqrt(max(gamma^2, eps)).
class NamiSeed : public ClosedForm<path::Linear> {
 public:
  explicit NamiSeed(const Settings& s)
      : ClosedForm(s, kToNoise, {}), eps_(s["eps"]), score_eps_(s["score_eps"]) {}
  bool has_upstream() const override { return true; }

  bool upstream_factors(double t, const int32_t* inputs, size_t count, int32_t output,
                        double* factors) const override {
    if (output != NWR_SCORE) return false;
    nwr_coeffs c{};
    add_latent(t, c);
    std::fill(factors, factors + count, 0.0);
    for (size_t i = 0; i < count; ++i) {
      const bool negative = inputs[i] == NWR_NEGATIVE_LATENT;
      if (!negative && inputs[i] != NWR_LATENT) continue;
      factors[i] = (negative ? 1 : -1) / std::max(c.gamma, score_eps_);
      return true;
    }
    return false;
  }

 protected:
  void add_latent(double t, nwr_coeffs& c) const override {
    ClosedForm::add_latent(t, c);
    if (has_latent()) c.gamma = std::max(c.gamma, std::sqrt(eps_));
  }

 private:
  double eps_, score_eps_;
};

constexpr Param kTrigParams[] = {latent_param(1), kLatentScale, kSigmaData};
constexpr Param kEncodeDecodeParams[] = {latent_param(3), kLatentScale, kSigmaData};
constexpr Param kNamiParams[] = {{"eps", "least gamma^2", 1e-12, 0, 1},
                                 {"score_eps", "least gamma that eta is divided by", 1e-12, 0, 1}};

}  // namespace

extern const ScheduleKind kAlbergoTrig =
    schedule_kind(1013, "albergo.trig", "", "trigonometric times sqrt(1 - gamma^2)", kTrigParams,
                  [](const Settings& s, const Options&) -> Schedule* {
                    if (s["latent_scale"] > 1) {
                      fail(NWR_ERROR_INVALID_ARGUMENT, s.entry().name, ": latent_scale is ",
                           s["latent_scale"], ", above 1");
                    }
                    return new NormedCircle(s);
                  },
                  {});
extern const ScheduleKind kAlbergoEncodeDecode = schedule_kind(
    1014, "albergo.encoding-decoding", "", "noise, then latent, then data", kEncodeDecodeParams,
    [](const Settings& s, const Options&) { return closed_form(s, kToData, path::EncodeDecode{}); },
    {});
extern const ScheduleKind kNamiSeed = schedule_kind(
    1015, "nami.seed", "", "linear, t = 1 is noise, with the floors of nami before 0.1.0",
    kNamiParams, [](const Settings& s, const Options&) -> Schedule* { return new NamiSeed(s); });

}  // namespace noisewright
