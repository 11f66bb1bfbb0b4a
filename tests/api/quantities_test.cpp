// SPDX-License-Identifier: Apache-2.0
// Owns the proof that quantities are what their names say, on every schedule, with and without a
// third leg, and that conversions lose no more digits than they must. Must not know how factors are
// found.
#include <array>
#include <limits>
#include <random>
#include <set>

#include "api/support.hpp"

namespace nwr_test {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
constexpr int kLastQuantity = NWR_NAMI_MIRROR;

// Every schedule of the catalogue but custom and table; torchebm's clamps are no algebra.
const char* const kOneSided[] = {"linear",
                                 "linear(alpha_min=0.1,sigma_min=0.3,time=to-noise)",
                                 "trigonometric",
                                 "trigonometric(alpha_min=0.1,sigma_min=0.3)",
                                 "cosine",
                                 "vp",
                                 "vp(beta_min=0,sigma_min=0.02,sigma_data=0.5)",
                                 "ve",
                                 "power(power=0.5,t_max=3)",
                                 "edm(sigma_data=0.5)",
                                 "edm-rho",
                                 "decay",
                                 "polar",
                                 "polar-swap",
                                 "polynomial(n=3)",
                                 "ddpm",
                                 "azula.vp",
                                 "azula.cosine",
                                 "azula.rectified",
                                 "azula.ve",
                                 "azula-0.1.ve",
                                 "diffusionlab.flow_matching",
                                 "gensbi.sm_vp",
                                 "gensbi.sm_ve",
                                 "gensbi.fm_vp",
                                 "gensbi.edm_ve",
                                 "torchebm.linear",
                                 "torchebm.cosine",
                                 "torchebm.vp"};
const char* const kTwoSided[] = {"linear(latent=brownian)",
                                 "linear(latent=bsquared,time=to-noise,sigma_data=0.5)",
                                 "trigonometric(latent=sinesquared,latent_scale=0.3)",
                                 "cosine(latent=sigmoid)",
                                 "vp(latent=brownian,latent_scale=2.5)",
                                 "ve(latent=bsquared)",
                                 "polynomial(n=2,latent=brownian)",
                                 "mirror",
                                 "albergo.trig",
                                 "albergo.encoding-decoding",
                                 "nami.seed(latent=brownian)"};

nwr_schedule_info info_of(const Schedule& schedule) {
  auto info = sized<nwr_schedule_info>();
  NWR_EXPECT_OK(nwr_schedule_get_info(schedule.get(), &info));
  return info;
}
double direction_of(const Schedule& schedule) {
  return info_of(schedule).t_data > info_of(schedule).t_noise ? 1 : -1;
}

using Known = std::vector<nwr_quantity>;
using Factors = std::vector<double>;

// Empty where the inputs do not determine the output: then nothing has been written.
Factors factors(const Schedule& schedule, double t, double w2, const Known& known,
                nwr_quantity want) {
  Factors f(known.size(), 7);
  const nwr_status status =
      nwr_transform_coeffs(schedule.get(), t, w2, known.data(), known.size(), want, f.data());
  if (status == NWR_OK) return f;
  EXPECT_EQ(NWR_ERROR_SINGULAR, status) << nwr_last_error();
  EXPECT_EQ(Factors(known.size(), 7), f);
  return {};
}

TEST(Quantities, AreTheirDefinitions) {
  const double data = 0.8, noise = -1.3, latent = 0.4, w2 = 0.7;
  for (const bool two : {false, true}) {
    const std::vector<const char*> names =
        two ? std::vector<const char*>(std::begin(kTwoSided), std::end(kTwoSided))
            : std::vector<const char*>(std::begin(kOneSided), std::end(kOneSided));
    for (const std::string name : names) {
      const Schedule schedule = make_schedule(name.c_str());
      const nwr_schedule_info info = info_of(schedule);
      const double direction = direction_of(schedule);
      const double deviation = name.find("sigma_data=0.5") != std::string::npos ? 0.5 : 1;
      for (const double u : {0.01, 0.2, 0.45, 0.7, 0.99}) {
        const double t = info.t_noise + (info.t_data - info.t_noise) * u;
        SCOPED_TRACE(testing::Message() << name << " at " << t);
        const nwr_coeffs c = coeffs_at(schedule, t);
        ASSERT_EQ(two, c.gamma > 0);
        const double score = two ? -latent / c.gamma : -noise / c.sigma;
        const double path = c.dalpha * data + c.dsigma * noise;
        const double turn = c.gamma_dgamma * (two ? score : 0);  // gamma gamma' score
        const double state = c.alpha * data + c.sigma * noise + c.gamma * latent;
        // D = c_skip x/alpha + c_out F at the noise level sigma/alpha (Karras et al., table 1);
        // the third leg is no noise of a model that is preconditioned so.
        const double signal = c.alpha * deviation, norm = std::hypot(c.sigma, signal);
        const double sum = c.alpha * data + c.sigma * noise;
        const double skip = std::pow(signal / norm, 2);  // times alpha, for alpha may be 0
        const double network = (c.alpha * data - skip * sum) / (c.sigma * signal / norm);
        const std::pair<nwr_quantity, double> truths[] = {
            {NWR_STATE, state},
            {NWR_DATA, data},
            {NWR_NOISE, noise},
            {NWR_LATENT, latent},
            {NWR_NEGATIVE_LATENT, -latent},
            {NWR_VELOCITY, path - turn},
            {NWR_PATH_VELOCITY, path},
            {NWR_MIRROR_VELOCITY, -turn},
            {NWR_NAMI_MIRROR, turn},
            {NWR_NAMI_DRIFT, path + turn},
            {NWR_SCORE, score},
            {NWR_ANGULAR, c.alpha * noise - c.sigma * data},
            {NWR_DRIFT, path - turn + direction * w2 / 2 * score},
            {NWR_FORWARD_DRIFT, path - turn - direction * w2 / 2 * score},
            {NWR_PRECONDITIONED, network}};
        ASSERT_EQ(kLastQuantity + 1, static_cast<int>(std::size(truths)));
        for (const auto& [quantity, truth] : truths) {
          if (!std::isfinite(truth)) continue;  // F where alpha or sigma stays at 0
          const Factors f = factors(schedule, t, w2, {NWR_DATA, NWR_NOISE, NWR_LATENT}, quantity);
          ASSERT_EQ(3u, f.size()) << quantity;
          const double found = f[0] * data + f[1] * noise + f[2] * latent;
          const double scale = std::fabs(f[0]) + 2 * std::fabs(f[1]) + std::fabs(f[2]);
          const double lost = quantity == NWR_PRECONDITIONED ? norm * norm / (c.sigma * signal) : 1;
          EXPECT_NEAR(truth, found, 8 * kEpsilon * (scale + std::fabs(state)) * lost) << quantity;
        }
      }
    }
  }
}

// ---- there and back -----------------------------------------------------------------------------

struct Matrix {
  double at[3][3] = {};
};
Matrix sizes(const Matrix& m) {
  Matrix out = m;
  for (auto& row : out.at) {
    for (double& x : row) x = std::fabs(x);
  }
  return out;
}
Matrix operator*(const Matrix& a, const Matrix& b) {
  Matrix out;
  for (int i = 0; i < 3; ++i) {
    for (int k = 0; k < 3; ++k) {
      for (int j = 0; j < 3; ++j) out.at[i][k] += a.at[i][j] * b.at[j][k];
    }
  }
  return out;
}

// The factors by which known give want; false where they do not.
bool express(const Schedule& schedule, double t, double w2, const Known& known, const Known& want,
             Matrix* out) {
  *out = Matrix();
  for (size_t i = 0; i < want.size(); ++i) {
    const Factors f = factors(schedule, t, w2, known, want[i]);
    if (f.empty()) return false;
    std::copy(f.begin(), f.end(), out->at[i]);
  }
  return true;
}

TEST(Quantities, GoThereAndBack) {
  std::mt19937_64 random(20231104);
  std::uniform_real_distribution<double> uniform(0, 1);
  double worst = 0;
  for (const bool two : {false, true}) {
    const size_t legs = two ? 3 : 2;
    const Known basis = two ? Known{NWR_DATA, NWR_NOISE, NWR_LATENT} : Known{NWR_DATA, NWR_NOISE};
    std::vector<nwr_quantity> choice;
    for (int q = 0; q <= kLastQuantity; ++q) {
      const bool third = q == NWR_LATENT || q == NWR_NEGATIVE_LATENT || q == NWR_MIRROR_VELOCITY ||
                         q == NWR_NAMI_MIRROR;
      if (two || !third) choice.push_back(static_cast<nwr_quantity>(q));
    }
    std::set<Known> seen;
    int trips = 0;
    const std::vector<const char*> names =
        two ? std::vector<const char*>(std::begin(kTwoSided), std::end(kTwoSided))
            : std::vector<const char*>(std::begin(kOneSided), std::end(kOneSided));
    for (const char* name : names) {
      const Schedule schedule = make_schedule(name);
      const nwr_schedule_info info = info_of(schedule);
      for (int i = 0; i < 1000; ++i) {
        const double t = info.t_noise + (info.t_data - info.t_noise) * uniform(random);
        const double w2 = i % 3 == 0 ? 0 : uniform(random);
        std::shuffle(choice.begin(), choice.end(), random);
        Known from(choice.begin(), choice.begin() + static_cast<std::ptrdiff_t>(legs));
        std::shuffle(choice.begin(), choice.end(), random);
        const Known to(choice.begin(), choice.begin() + static_cast<std::ptrdiff_t>(legs));
        Matrix there, back, from_basis, basis_from, basis_to;
        // Both must say all that there is to say.
        if (!express(schedule, t, w2, from, basis, &basis_from) ||
            !express(schedule, t, w2, to, basis, &basis_to)) {
          continue;
        }
        ASSERT_TRUE(express(schedule, t, w2, basis, from, &from_basis));
        ASSERT_TRUE(express(schedule, t, w2, from, to, &there));
        ASSERT_TRUE(express(schedule, t, w2, to, from, &back));
        // The values that come back, each by its legs, and what one rounding of every term on the
        // way is worth.
        const Matrix round = back * (there * from_basis);
        const Matrix terms = sizes(back) * (sizes(there) * sizes(from_basis));
        for (size_t row = 0; row < legs; ++row) {
          double error = 0, condition = 0;
          for (size_t leg = 0; leg < legs; ++leg) {
            error += std::fabs(round.at[row][leg] - from_basis.at[row][leg]);
            condition += terms.at[row][leg];
          }
          EXPECT_LE(error, 16 * kEpsilon * condition)
              << name << " at " << t << ": " << from[row] << " by " << to[0] << ", " << to[1];
          worst = std::max(worst, error / (kEpsilon * condition));
        }
        std::sort(from.begin(), from.end());
        seen.insert(from);
        ++trips;
      }
    }
    // Nearly every combination does: not noise with score, velocity with drift and score, ...
    EXPECT_GT(trips, static_cast<int>(names.size()) * (two ? 100 : 500));
    EXPECT_GT(seen.size(), two ? 200u : 45u);
  }
  RecordProperty("worst_ulps", std::to_string(worst));
}

// ---- one call each ------------------------------------------------------------------------------

TEST(Quantities, ScoreFromEtaOfEitherSign) {
  for (const char* name : kTwoSided) {
    const Schedule schedule = make_schedule(name);
    for (const double t : {0.01, 0.35, 0.8}) {
      const double gamma = coeffs_at(schedule, t).gamma;
      EXPECT_EQ(Factors{1 / gamma}, factors(schedule, t, 0, {NWR_NEGATIVE_LATENT}, NWR_SCORE));
      EXPECT_EQ(Factors{-1 / gamma}, factors(schedule, t, 0, {NWR_LATENT}, NWR_SCORE));
    }
  }
  // At its ends the latent is out of sight, but for nami's floors.
  const Schedule bridge = make_schedule("linear(latent=brownian)");
  EXPECT_TRUE(factors(bridge, 0, 0, {NWR_NEGATIVE_LATENT}, NWR_SCORE).empty());
  const Schedule seed = make_schedule("nami.seed(latent=brownian)");
  EXPECT_EQ(Factors{1 / std::sqrt(1e-12)}, factors(seed, 0, 0, {NWR_NEGATIVE_LATENT}, NWR_SCORE));
  const Schedule coarse = make_schedule("nami.seed(latent=brownian,score_eps=0.01)");
  EXPECT_EQ(Factors{100}, factors(coarse, 1, 0, {NWR_NEGATIVE_LATENT}, NWR_SCORE));
  EXPECT_EQ(Factors{-100}, factors(coarse, 1, 0, {NWR_LATENT}, NWR_SCORE));
}

TEST(Quantities, TurnPathVelocityAndScoreIntoDrifts) {
  const double w2 = 0.6;
  for (const char* name : {"linear(latent=brownian)", "linear(latent=brownian,time=to-noise)",
                           "trigonometric(latent=sinesquared)", "nami.seed(latent=brownian)"}) {
    const Schedule schedule = make_schedule(name);
    const double direction = direction_of(schedule);
    const bool brownian = std::string(name).find("brownian") != std::string::npos;
    for (const double t : {0.0, 0.35, 0.5, 0.8, 1.0}) {  // at the ends gamma is 0, its product not
      SCOPED_TRACE(testing::Message() << name << " at " << t);
      const double product = coeffs_at(schedule, t).gamma_dgamma;
      if (brownian) {
        EXPECT_DOUBLE_EQ((1 - 2 * t) / 2, product);
      }
      const Known pair = {NWR_PATH_VELOCITY, NWR_SCORE};
      EXPECT_EQ((Factors{1, -product}), factors(schedule, t, w2, pair, NWR_VELOCITY));
      EXPECT_EQ((Factors{1, product}), factors(schedule, t, w2, pair, NWR_NAMI_DRIFT));
      EXPECT_EQ((Factors{1, -product + direction * w2 / 2}),
                factors(schedule, t, w2, pair, NWR_DRIFT));
      EXPECT_EQ((Factors{1, -product - direction * w2 / 2}),
                factors(schedule, t, w2, pair, NWR_FORWARD_DRIFT));
      const Known whole = {NWR_VELOCITY, NWR_SCORE};
      EXPECT_EQ((Factors{1, product}), factors(schedule, t, w2, whole, NWR_PATH_VELOCITY));
      EXPECT_EQ((Factors{1, direction * w2 / 2}), factors(schedule, t, w2, whole, NWR_DRIFT));
      EXPECT_EQ((Factors{1, -direction * w2 / 2}),
                factors(schedule, t, w2, whole, NWR_FORWARD_DRIFT));
      EXPECT_EQ(Factors{-product}, factors(schedule, t, w2, {NWR_SCORE}, NWR_MIRROR_VELOCITY));
      EXPECT_EQ(Factors{product}, factors(schedule, t, w2, {NWR_SCORE}, NWR_NAMI_MIRROR));
    }
  }
}

TEST(Quantities, ForwardDriftOfTheForwardSdeIsLinearInTheState) {
  for (const char* name : kOneSided) {
    const Schedule schedule = make_schedule(name);
    const nwr_schedule_info info = info_of(schedule);
    for (const double u : {0.05, 0.3, 0.6, 0.95}) {
      const double t = info.t_noise + (info.t_data - info.t_noise) * u;
      const nwr_coeffs c = coeffs_at(schedule, t);
      const Known known = {NWR_STATE, NWR_SCORE};
      const Factors f = factors(schedule, t, c.diffusion2, known, NWR_FORWARD_DRIFT);
      ASSERT_EQ(2u, f.size()) << name;
      EXPECT_NEAR(c.dlog_alpha, f[0], 1e-12 * (std::fabs(c.dlog_alpha) + c.diffusion2)) << name;
      EXPECT_NEAR(0, f[1], 1e-12 * c.diffusion2) << name;
      // And Anderson's reverse of it, which runs to data.
      const double to_data = direction_of(schedule) * c.diffusion2;
      const Factors back = factors(schedule, t, c.diffusion2, known, NWR_DRIFT);
      ASSERT_EQ(2u, back.size()) << name;
      EXPECT_NEAR(c.dlog_alpha, back[0], 1e-12 * (std::fabs(c.dlog_alpha) + c.diffusion2)) << name;
      EXPECT_NEAR(to_data, back[1], 1e-12 * c.diffusion2) << name;
    }
  }
}

TEST(Quantities, PreconditionAsKarrasDoes) {
  for (const double deviation : {0.5, 1.0, 3.0}) {
    for (const char* name : {"edm", "vp", "linear", "trigonometric"}) {
      const std::string spec = std::string(name) + "(sigma_data=" + std::to_string(deviation) + ")";
      const Schedule schedule = make_schedule(spec.c_str());
      for (const double t : {0.01, 0.3, 0.9}) {
        const nwr_coeffs c = coeffs_at(schedule, t);
        const double sigma = c.sigma / c.alpha, norm = std::hypot(sigma, deviation);
        const double skip = deviation * deviation / (norm * norm), out = sigma * deviation / norm;
        const Factors f = factors(schedule, t, 0, {NWR_STATE, NWR_PRECONDITIONED}, NWR_DATA);
        ASSERT_EQ(2u, f.size());
        EXPECT_NEAR(skip / c.alpha, f[0], 1e-13 * skip / c.alpha) << spec << " at " << t;
        EXPECT_NEAR(out, f[1], 1e-13 * out) << spec << " at " << t;
      }
    }
  }
  // Without noise the network is asked for the noise, without a signal for the data.
  const Schedule linear = make_schedule("linear(sigma_data=0.5)");
  EXPECT_EQ((Factors{0, -1}), factors(linear, 1, 0, {NWR_DATA, NWR_NOISE}, NWR_PRECONDITIONED));
  EXPECT_EQ((Factors{2, 0}), factors(linear, 0, 0, {NWR_DATA, NWR_NOISE}, NWR_PRECONDITIONED));
}

// Data and noise of two Gaussians: everything that a model could learn is known, and so is the
// drift that carries the one into the other.
TEST(Quantities, TransportIsPathVelocityLessTheTurnOfTheScore) {
  const double mean[] = {0.5, -1}, variance[] = {0.49, 2.25}, x = 0.3;
  for (const char* name : {"linear(latent=brownian)", "linear(latent=brownian,time=to-noise)",
                           "trigonometric(latent=bsquared)", "albergo.trig"}) {
    const Schedule schedule = make_schedule(name);
    for (const double t : {0.05, 0.2, 0.35, 0.7, 0.9}) {
      const nwr_coeffs c = coeffs_at(schedule, t);
      const double centre = c.alpha * mean[0] + c.sigma * mean[1];
      const double spread =
          c.alpha * c.alpha * variance[0] + c.sigma * c.sigma * variance[1] + c.gamma * c.gamma;
      const double path_slope = c.alpha * c.dalpha * variance[0] + c.sigma * c.dsigma * variance[1];
      const double drift_of_centre = c.dalpha * mean[0] + c.dsigma * mean[1];
      // E[alpha' data + sigma' noise | x], grad log p, and the flow that keeps p Gaussian.
      const double path = drift_of_centre + path_slope / spread * (x - centre);
      const double score = -(x - centre) / spread;
      const double transport =
          drift_of_centre + (path_slope + c.gamma_dgamma) / spread * (x - centre);
      const auto value = [&](nwr_quantity want) {
        const Factors f = factors(schedule, t, 0, {NWR_PATH_VELOCITY, NWR_SCORE}, want);
        return f[0] * path + f[1] * score;
      };
      EXPECT_NEAR(transport, value(NWR_VELOCITY), 1e-14) << name << " at " << t;
      EXPECT_NEAR(transport + 2 * c.gamma_dgamma * score, value(NWR_NAMI_DRIFT), 1e-14);
      EXPECT_GT(std::fabs(transport - value(NWR_NAMI_DRIFT)), 1e-3) << name << " at " << t;
    }
  }
}

}  // namespace
}  // namespace nwr_test
