// SPDX-License-Identifier: Apache-2.0
// Owns the proof of the closed forms as a whole: every schedule of the catalogue under several
// settings, both directions of time, both ends, the third leg, and the same forms in float. Must
// not know grids, tensors or samplers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/schedule.hpp"

namespace noisewright {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
constexpr double kInf = std::numeric_limits<double>::infinity();

Ref<Schedule> make(const std::string& spec) {
  static const double bars[] = {0.9, 0.5, 0.1};
  nwr_schedule_options options{};
  options.name = spec.c_str();
  if (spec == "table") options.table = bars, options.table_count = 3;
  return make_schedule(options);
}
nwr_coeffs at(const Ref<Schedule>& s, double t) { return s->at(t, {"t"}); }

struct Member {
  const char* name;
  double nwr_coeffs::*value;
};
constexpr Member kMembers[] = {
    {"alpha", &nwr_coeffs::alpha},         {"sigma", &nwr_coeffs::sigma},
    {"gamma", &nwr_coeffs::gamma},         {"dalpha", &nwr_coeffs::dalpha},
    {"dsigma", &nwr_coeffs::dsigma},       {"gamma_dgamma", &nwr_coeffs::gamma_dgamma},
    {"log_alpha", &nwr_coeffs::log_alpha}, {"dlog_alpha", &nwr_coeffs::dlog_alpha},
    {"lambda", &nwr_coeffs::lambda},       {"diffusion2", &nwr_coeffs::diffusion2}};

// What is infinite at the noise end and at the data end; everything else is finite everywhere.
struct Case {
  const char *spec, *at_noise, *at_data;
};
constexpr const char* kPureNoise = "log_alpha dlog_alpha lambda diffusion2 ";
constexpr const char* kSteepNoise = "dalpha log_alpha dlog_alpha lambda diffusion2 ";
constexpr const char* kClean = "lambda ";
constexpr const char* kSteepClean = "dsigma lambda ";
const Case kCases[] = {
    {"linear", kPureNoise, kClean},
    {"linear(time=to-noise,latent=brownian)", kPureNoise, kClean},
    {"linear(alpha_min=0.1)", "", kClean},
    {"linear(sigma_min=0.3,latent=sigmoid)", kPureNoise, ""},
    {"linear(alpha_min=0.9,sigma_min=0.999)", "", ""},
    {"trigonometric", kPureNoise, kClean},
    {"trigonometric(time=to-noise,latent=sinesquared)", kPureNoise, kClean},
    {"trigonometric(alpha_min=0.1)", "", kClean},
    {"trigonometric(sigma_min=0.3)", kPureNoise, ""},
    {"trigonometric(alpha_min=0.7,sigma_min=0.01,latent=bsquared)", "", ""},
    {"cosine", kPureNoise, kSteepClean},
    {"cosine(s=0,time=to-data)", kPureNoise, kClean},
    {"cosine(s=1)", kPureNoise, kSteepClean},
    {"vp", "", kSteepClean},
    {"vp(time=to-data,latent=brownian,latent_scale=2.5)", "", kSteepClean},
    {"vp(beta_min=0)", "", kClean},
    {"vp(beta_min=3,beta_max=3)", "", kSteepClean},
    {"vp(sigma_min=0.02)", "", ""},
    {"vp(beta_min=0,sigma_min=0.02)", "", ""},
    {"ve", "", ""},
    {"ve(sigma_min=1e-6,sigma_max=1e6,time=to-data)", "", ""},
    {"power", "", kClean},
    {"power(power=0.5,t_max=3)", "", kSteepClean},
    {"power(power=3)", "", kClean},
    {"edm", "", kClean},
    {"edm-rho", "", ""},
    {"edm-rho(rho=1,time=to-data)", "", ""},
    {"edm-rho(rho=0.5)", "", ""},
    {"decay", "", ""},
    {"decay(gamma=0.999)", "", ""},
    {"decay(gamma=30,alpha_min=0,time=to-data)", kPureNoise, ""},
    {"decay(gamma=1e-6,sigma_min=0)", "", kClean},
    {"polar", kSteepNoise, kClean},
    {"polar(time=to-data)", kSteepNoise, kClean},
    {"polar-swap", kPureNoise, kSteepClean},
    {"polar-swap(time=to-noise)", kPureNoise, kSteepClean},
    {"polynomial", kPureNoise, kClean},
    {"polynomial(n=3,time=to-noise)", kPureNoise, kClean},
    {"polynomial(n=0.5)", "dalpha dsigma log_alpha dlog_alpha lambda diffusion2 ", kClean},
    {"mirror", "lambda ", "lambda "},
    {"mirror(time=to-noise,latent=sinesquared)", "lambda ", "lambda "},
    {"ddpm", "", kSteepClean},
    {"table", "", kSteepClean},
    {"ddpm(between=sigma)", "", kSteepClean},
    {"ddpm(beta=laplace)", "", kSteepClean},
    {"ddpm(beta=exp,snr_shift=7)", "", kSteepClean},
    {"ddpm(beta=sigmoid,zero_snr=yes,terminal=1e-9)", "", kSteepClean},
    {"sd15", "", kSteepClean},
    {"sd-zero-snr", kSteepNoise, kSteepClean},
    {"comfy.sd-zero-snr", "", kSteepClean},
    {"cogvideox", kSteepNoise, kSteepClean},
    {"cogvideox-5b", kSteepNoise, kSteepClean},
    {"iddpm", "", kSteepClean},
    {"kandinsky", "", kSteepClean},
    {"shap-e", "", kSteepClean},
    {"flow(shift=3)", kPureNoise, kClean},
    {"sd3", kPureNoise, kClean},
    {"flux", kPureNoise, kClean},
    {"auraflow", kPureNoise, kClean},
    {"wan", kPureNoise, kClean},
    {"lumina2", kPureNoise, kClean},
    {"hunyuan-video", kPureNoise, kClean},
    {"minimax-h3", kPureNoise, kClean},
    {"comfy.flux", kPureNoise, kClean},
    {"edm-levels(rho=3)", "", kClean},
    {"comfy.edm", "", kClean},
    {"svd", "", kClean},
    {"diffusers.edm", "", kClean},
    {"diffusers.cm", "", kClean},
    {"diffusers.cosine-dpm", "", kClean},
    {"k.v", kPureNoise, kClean},
    {"wuerstchen", "", ""},
    {"wuerstchen(scaler=3,shift=2)", "", ""},
    {"wuerstchen(scaler=0.5)", "", ""},
    {"azula.vp", "", ""},
    {"azula.cosine", "", ""},
    {"azula.rectified", "", ""},
    {"azula.ve", "", ""},
    {"azula-0.1.ve", "", ""},
    {"diffusionlab.flow_matching", kPureNoise, kClean},
    {"gensbi.sm_vp", "", ""},
    {"gensbi.sm_ve", "", ""},
    {"gensbi.fm_vp", "", kSteepClean},
    {"gensbi.edm_ve", "", kSteepClean},
    {"torchebm.linear", kPureNoise, kClean},
    {"torchebm.cosine", kPureNoise, kClean},
    {"torchebm.vp", "", kSteepClean},
    {"torchebm.linear(compat=yes)", "log_alpha lambda ", kClean},
    {"torchebm.cosine(compat=yes)", "log_alpha lambda ", ""},
    {"torchebm.vp(compat=yes)", "", ""},
    {"torchebm.vp(compat=base)", "", ""},
    {"albergo.trig", kPureNoise, kClean},
    {"albergo.trig(latent=sinesquared)", kPureNoise, kClean},
    {"albergo.encoding-decoding", "log_alpha lambda ", "lambda "},
    {"nami.seed(latent=brownian)", kPureNoise, kClean}};

bool starts(const std::string& text, const char* part) { return text.find(part) == 0; }
// alpha or sigma stays at 0 over whole stretches: lambda says nothing there.
bool is_flat(const std::string& spec) {
  return starts(spec, "mirror") || starts(spec, "albergo.encoding");
}
bool is_clamped(const std::string& spec) { return spec.find("compat=") != std::string::npos; }

// From noise to data, close to both ends; the ends themselves first and last.
std::vector<double> times_of(const Ref<Schedule>& s) {
  const double noise = s->ends().noise, data = s->ends().data;
  std::vector<double> times = {noise};
  std::vector<double> us = {1e-15, 1e-12, 1e-9, 1e-6, 1e-4, 1e-3, 0.01};
  for (int i = 1; i < 64; ++i) us.push_back(i / 64.0);
  for (const double u : {0.01, 1e-3, 1e-4, 1e-6, 1e-9, 1e-12, 1e-15}) us.push_back(1 - u);
  for (const double u : us) times.push_back(noise + (data - noise) * u);
  times.push_back(data);
  return times;
}

TEST(Families, AreAllHere) {
  for (size_t i = 0; i < catalog_size(NWR_DOMAIN_SCHEDULE); ++i) {
    const Entry& entry = catalog_entry(NWR_DOMAIN_SCHEDULE, i);
    if (entry.value == NWR_SCHEDULE_CUSTOM) continue;
    const bool found = std::any_of(std::begin(kCases), std::end(kCases), [&](const Case& c) {
      return make(c.spec)->kind() == entry.value;
    });
    EXPECT_TRUE(found) << entry.name;
  }
}

TEST(Families, AreFiniteButWhereListed) {
  const auto infinite = [](const Case& c, const nwr_coeffs& found) {
    std::string names;
    for (const Member& m : kMembers) {
      EXPECT_FALSE(std::isnan(found.*m.value)) << c.spec << ": " << m.name;
      if (std::isinf(found.*m.value)) names += std::string(m.name) + " ";
    }
    EXPECT_GE(found.alpha, 0) << c.spec;
    EXPECT_GE(found.sigma, 0) << c.spec;
    EXPECT_GE(found.gamma, 0) << c.spec;
    EXPECT_GE(found.diffusion2, 0) << c.spec;
    return names;
  };
  for (const Case& c : kCases) {
    const auto s = make(c.spec);
    EXPECT_EQ(c.at_noise, infinite(c, at(s, s->ends().noise))) << c.spec;
    EXPECT_EQ(c.at_data, infinite(c, at(s, s->ends().data))) << c.spec;
    for (const double t : times_of(s)) {
      if (t == s->ends().noise || t == s->ends().data) continue;
      const std::string names = infinite(c, at(s, t));
      if (!is_flat(c.spec) && at(s, t).alpha > 0) {  // albergo.trig's is 0 where gamma is 1
        EXPECT_EQ("", names) << c.spec << " at " << t;
      }
    }
  }
}

TEST(Families, KeepTheirIdentities) {
  for (const Case& c : kCases) {
    if (is_clamped(c.spec)) continue;
    const auto s = make(c.spec);
    for (const double t : times_of(s)) {
      SCOPED_TRACE(testing::Message() << c.spec << " at " << t);
      const nwr_coeffs k = at(s, t);
      const double eps = 8 * kEpsilon;
      if (k.alpha > 0) {
        EXPECT_NEAR(std::log(k.alpha), k.log_alpha, eps * std::max(1.0, -k.log_alpha));
        EXPECT_NEAR(k.dalpha, k.dlog_alpha * k.alpha, eps * std::fabs(k.dalpha));
      }
      if (k.alpha > 0 && k.sigma > 0) {
        EXPECT_NEAR(std::log(k.alpha / k.sigma), k.lambda, eps * (1 + std::fabs(k.lambda)));
        const double rise = k.alpha * k.dsigma, fall = k.dalpha * k.sigma;
        EXPECT_NEAR(2 * k.sigma * std::fabs(rise - fall) / k.alpha, k.diffusion2,
                    eps * 2 * k.sigma * (std::fabs(rise) + std::fabs(fall)) / k.alpha);
        // More data, less noise, in the direction of sampling.
        EXPECT_GE((fall - rise) * s->direction(), 0);
      }
    }
  }
}

TEST(Families, RunEitherWay) {
  const char* const specs[] = {"linear",
                               "linear(alpha_min=0.1,sigma_min=0.3",
                               "trigonometric",
                               "trigonometric(alpha_min=0.1,sigma_min=0.3",
                               "cosine",
                               "cosine(s=0",
                               "vp",
                               "vp(beta_min=0,sigma_min=0.02",
                               "ve",
                               "edm-rho",
                               "decay",
                               "polar",
                               "polar-swap",
                               "polynomial(n=2.5",
                               "mirror"};
  for (const std::string spec : specs) {
    for (const char* latent : {"brownian", "bsquared", "sinesquared", "sigmoid"}) {
      const std::string open = spec + (spec.find('(') == std::string::npos ? "(" : ",");
      const std::string rest = std::string(",latent=") + latent + ",latent_scale=0.7)";
      const auto to_noise = make(open + "time=to-noise" + rest);
      const auto to_data = make(open + "time=to-data" + rest);
      std::vector<double> times = {0, std::ldexp(1.0, -50), std::ldexp(1.0, -20)};
      for (int i = 1; i < 32; ++i) times.push_back(i / 32.0);
      for (const double t : times) {
        for (const double u : {t, 1 - t}) {  // 1 - t is exact
          const nwr_coeffs a = at(to_noise, u), b = at(to_data, 1 - u);
          for (const Member& m : kMembers) {
            const bool turns = m.name[0] == 'd' || m.value == &nwr_coeffs::gamma_dgamma;
            const double sign = turns && m.value != &nwr_coeffs::diffusion2 ? -1 : 1;
            EXPECT_EQ(a.*m.value, sign * (b.*m.value)) << spec << " at " << u << ": " << m.name;
          }
        }
      }
    }
  }
}

// Central differences of shrinking width, extrapolated to width 0.
template <class F>
double slope_of(F&& f, double t, double width) {
  double table[4][4];
  for (int i = 0; i < 4; ++i, width /= 2) {
    table[i][0] = (f(t + width) - f(t - width)) / (2 * width);
    double power = 1;
    for (int j = 1; j <= i; ++j) {
      power *= 4;
      table[i][j] = table[i][j - 1] + (table[i][j - 1] - table[i - 1][j - 1]) / (power - 1);
    }
  }
  return table[3][3];
}

TEST(Families, DerivativesAreSlopes) {
  double worst = 0;
  for (const Case& c : kCases) {
    if (is_clamped(c.spec)) continue;
    const auto s = make(c.spec);
    if (s->index_count() > 0) continue;  // kinks at each index: schedule_test
    const double noise = s->ends().noise, data = s->ends().data;
    for (int i = 1; i < 24; ++i) {
      const double u = i / 24.0, t = noise + (data - noise) * u;
      if (i == 12 && std::string(c.spec).find("squared)") != std::string::npos) continue;  // kinks
      if (i == 12 && (is_flat(c.spec) || starts(c.spec, "albergo"))) continue;
      SCOPED_TRACE(testing::Message() << c.spec << " at " << t);
      const nwr_coeffs k = at(s, t);
      const double width = std::fabs(data - noise) / 64;
      const auto check = [&](const char* what, double expected, auto&& value) {
        const double found = slope_of([&](double x) { return value(at(s, x)); }, t, width);
        const double scale = std::fabs(expected) + 1e-3 * (1 + std::fabs(value(k)));
        EXPECT_NEAR(expected, found, 2e-8 * scale) << what;
        worst = std::max(worst, std::fabs(expected - found) / scale);
      };
      check("alpha", k.dalpha, [](const nwr_coeffs& x) { return x.alpha; });
      check("sigma", k.dsigma, [](const nwr_coeffs& x) { return x.sigma; });
      check("gamma^2/2", k.gamma_dgamma, [](const nwr_coeffs& x) { return x.gamma * x.gamma / 2; });
      if (is_flat(c.spec)) continue;
      check("log alpha", k.dlog_alpha, [](const nwr_coeffs& x) { return x.log_alpha; });
      check("lambda", s->direction() * k.diffusion2 / 2 / k.sigma / k.sigma,
            [](const nwr_coeffs& x) { return x.lambda; });
    }
  }
  RecordProperty("worst", std::to_string(worst * 1e9) + "e-9");
}

TEST(Families, InvertFindsTheTimeAgain) {
  for (const Case& c : kCases) {
    if (is_clamped(c.spec) || is_flat(c.spec)) continue;
    const auto s = make(c.spec);
    for (const double t : times_of(s)) {
      SCOPED_TRACE(testing::Message() << c.spec << " at " << t);
      const nwr_coeffs k = at(s, t);
      const double found = s->time_at(k.lambda, {"lambda"});
      if (std::isinf(k.lambda)) {
        EXPECT_EQ(t, found);
        continue;
      }
      if (k.sigma == 0) continue;  // albergo.trig's where gamma is 1
      // What the rounding of lambda, and of the time itself, leave open.
      const double slope = k.diffusion2 / 2 / k.sigma / k.sigma;
      EXPECT_NEAR(t, found, 16 * kEpsilon * ((1 + std::fabs(k.lambda)) / slope + std::fabs(t)));
    }
  }
}

// Pairs (u, 1-u) keep the digits of the small one.
TEST(Families, KeepTheirDigitsNextToAnEnd) {
  const struct {
    const char* spec;
    double nwr_coeffs::*value;
    double factor, power;  // value = factor t^power
  } cases[] = {{"linear", &nwr_coeffs::alpha, 1, 1},
               {"trigonometric", &nwr_coeffs::alpha, path::kHalfPi, 1},
               {"cosine(s=0,time=to-data)", &nwr_coeffs::alpha, path::kHalfPi, 1},
               {"cosine(s=1,time=to-data)", &nwr_coeffs::alpha, path::kPi / 4 * std::sqrt(2.0), 1},
               {"polar-swap", &nwr_coeffs::alpha, 1, 1},
               {"polar(time=to-data)", &nwr_coeffs::alpha, std::sqrt(2.0), 0.5},
               {"polynomial(n=0.5)", &nwr_coeffs::alpha, 1, 0.5},
               {"decay(gamma=0.5,alpha_min=0,time=to-data)", &nwr_coeffs::alpha, std::log(2.0), 1},
               {"linear(latent=brownian)", &nwr_coeffs::gamma, 1, 0.5},
               {"linear(latent=bsquared)", &nwr_coeffs::gamma, 1, 1},
               {"linear(latent=bsquared,time=to-noise)", &nwr_coeffs::gamma, 1, 1},
               {"linear(time=to-noise)", &nwr_coeffs::sigma, 1, 1},
               {"trigonometric(time=to-noise)", &nwr_coeffs::sigma, path::kHalfPi, 1},
               {"cosine(s=0)", &nwr_coeffs::sigma, path::kHalfPi, 1},
               {"vp(beta_min=4)", &nwr_coeffs::sigma, 2, 0.5},
               {"vp(beta_min=0,beta_max=8)", &nwr_coeffs::sigma, 2, 1},
               {"polar", &nwr_coeffs::sigma, 1, 1},
               {"polar-swap(time=to-noise)", &nwr_coeffs::sigma, std::sqrt(2.0), 0.5},
               {"polynomial(n=3,time=to-noise)", &nwr_coeffs::sigma, 3, 1},
               {"power(power=0.5)", &nwr_coeffs::sigma, 1, 0.5},
               {"edm", &nwr_coeffs::sigma, 1, 1}};
  for (const auto& c : cases) {
    const auto s = make(c.spec);
    for (const double t : {1e-300, 1e-200, 1e-100, 1e-40}) {
      const double expected = c.factor * std::pow(t, c.power);
      EXPECT_NEAR(1, at(s, t).*c.value / expected, 8 * kEpsilon) << c.spec << " at " << t;
    }
  }
}

TEST(Families, ReduceToEachOther) {
  const struct {
    const char *one, *other;
    double ulps;
  } pairs[] = {{"decay(gamma=1)", "linear(alpha_min=0.001,sigma_min=0.001,time=to-noise)", 0},
               {"polynomial(n=1)", "linear", 4},
               {"power(t_max=80)", "edm", 0},
               {"cosine(s=0)", "trigonometric(time=to-noise)", 8},
               {"torchebm.linear", "linear", 0},
               {"torchebm.cosine", "trigonometric", 0},
               {"torchebm.vp", "vp(time=to-data)", 0},
               {"sit.linear", "linear", 0},
               {"sit.gvp", "trigonometric", 0},
               {"sit.vp", "vp(time=to-data)", 0},
               {"diffusionlab.flow_matching", "linear(time=to-noise)", 0},
               {"diffusionlab.ornstein_uhlenbeck", "polar", 0},
               {"gensbi.sm_vp", "vp(beta_min=0.001,beta_max=3)", 0},
               {"gensbi.sm_ve", "ve(sigma_min=0.001,sigma_max=15)", 0},
               {"gensbi.fm_condot", "linear", 0},
               {"gensbi.fm_cosine", "trigonometric", 0},
               {"gensbi.fm_vp", "vp(time=to-data)", 0},
               {"gensbi.fm_linear_vp", "polar-swap", 0},
               {"gensbi.fm_poly(n=3)", "polynomial(n=3)", 0},
               {"gensbi.edm_vp", "vp(beta_min=0.1,beta_max=20)", 0},
               {"gensbi.edm_ve", "power(power=0.5,t_max=10000)", 0},
               {"gensbi.edm", "edm", 0},
               {"azula.vp", "vp(beta_min=0,beta_max=27.631021115928547,sigma_min=0.001)", 0},
               {"azula.cosine", "trigonometric(alpha_min=0.001,sigma_min=0.001,time=to-noise)", 0},
               {"azula.rectified", "linear(alpha_min=0.001,sigma_min=0.001,time=to-noise)", 0},
               {"azula.decay", "decay(alpha_min=0.001,sigma_min=0.001,gamma=0.1)", 0},
               {"azula.ve", "ve(sigma_min=0.001,sigma_max=1000)", 0},
               {"azula-0.1.ve", "ve(sigma_min=0.001,sigma_max=100)", 0},
               {"nami.linear", "linear", 0},
               {"nami.cosine", "trigonometric", 0},
               {"nami.vp", "vp(beta_min=0.1,beta_max=20)", 0},
               {"nami.ve", "ve(sigma_min=0.01,sigma_max=50)", 0},
               {"nami.edm", "edm-rho(sigma_min=0.002,sigma_max=80,rho=7)", 0},
               {"nami.seed", "linear(time=to-noise)", 0}};
  for (const auto& p : pairs) {
    const auto one = make(p.one), other = make(p.other);
    EXPECT_EQ(one->ends().noise, other->ends().noise) << p.one;
    for (const double u : {0.0, 1e-12, 0.001, 0.25, 0.3, 0.5, 0.9, 0.999, 1.0}) {
      const double t = other->ends().low + u * std::fabs(other->ends().data - other->ends().noise);
      const nwr_coeffs a = at(one, t), b = at(other, t);
      for (const Member& m : kMembers) {
        const double x = a.*m.value, y = b.*m.value;
        const double room = p.ulps * kEpsilon * (m.value == &nwr_coeffs::lambda ? 1 : 0);
        EXPECT_TRUE(x == y || std::fabs(x - y) <= room + p.ulps * kEpsilon * std::fabs(y))
            << p.one << " at " << t << ": " << m.name << " is " << x << ", not " << y;
      }
    }
  }
  // The squares add to 1: variance preserving; with a third leg, all three.
  for (const char* spec : {"trigonometric", "cosine", "vp", "polar", "polar-swap", "albergo.trig",
                           "albergo.trig(latent=sinesquared,latent_scale=0.9)",
                           "albergo.encoding-decoding(latent=none)"}) {
    const auto s = make(spec);
    const bool coded = starts(spec, "albergo.enc");
    for (const double t : times_of(s)) {
      const nwr_coeffs c = at(s, t);
      const double sum = c.alpha * c.alpha + c.sigma * c.sigma + c.gamma * c.gamma;
      const double cosine = std::cos(path::kPi * t);
      EXPECT_NEAR(coded ? std::pow(cosine, 4) : 1, sum, 4 * kEpsilon) << spec << " at " << t;
    }
  }
}

// torchebm 0.7 at the ends: its clamps of 1e-8 and 1e-12.
TEST(Families, ClampAsTorchEbmDoes) {
  const nwr_coeffs line = at(make("torchebm.linear(compat=yes)"), 0);
  EXPECT_EQ(1e8, line.dlog_alpha);
  EXPECT_EQ(2e8, line.diffusion2 - 2);  // 2 (ratio sigma^2 - sigma sigma')
  EXPECT_DOUBLE_EQ(path::kHalfPi * 1e8, at(make("torchebm.cosine(compat=yes)"), 0).dlog_alpha);
  const nwr_coeffs vp = at(make("torchebm.vp(compat=yes)"), 1);
  EXPECT_EQ(1, vp.alpha);
  EXPECT_DOUBLE_EQ(1e-6, vp.sigma);
  EXPECT_DOUBLE_EQ(-5e4, vp.dsigma);
  EXPECT_DOUBLE_EQ(0.1, vp.diffusion2);
  // What a subclass inherits: 2 (ratio sigma^2 - sigma sigma') = 2 (0.05 1e-12 + 0.05).
  EXPECT_NEAR(0.1 + 1e-13, at(make("torchebm.vp(compat=base)"), 1).diffusion2, 1e-16);
  for (const char* name : {"linear", "cosine", "vp"}) {
    const std::string spec = std::string("torchebm.") + name;
    const auto exact = make(spec), yes = make(spec + "(compat=yes)");
    const auto base = make(spec + "(compat=base)");
    for (double t = 0.01; t < 0.99; t += 0.01) {
      for (const Member& m : kMembers) {
        const double expected = at(exact, t).*m.value;
        const double room = 1e-12 * (std::fabs(expected) + 1);
        EXPECT_NEAR(expected, at(yes, t).*m.value, room) << spec << " at " << t << ": " << m.name;
        EXPECT_NEAR(expected, at(base, t).*m.value, room) << spec << " at " << t << ": " << m.name;
      }
    }
  }
}

// ---- the third leg ------------------------------------------------------------------------------

struct Leg {
  path::Latent latent;
  const char* name;
  double (*gamma)(double t);
};
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
const Leg kLegs[] = {
    {path::Latent::brownian, "brownian", [](double t) { return std::sqrt(t * (1 - t)); }},
    {path::Latent::bsquared, "bsquared", [](double t) { return t * (1 - t); }},
    {path::Latent::sinesquared, "sinesquared",
     [](double t) { return std::pow(std::sin(path::kPi * t), 2); }},
    {path::Latent::sigmoid, "sigmoid", [](double t) {
       const double y = 10 * (t - 0.5);
       return sigmoid(y + 1) - sigmoid(y - 1) - sigmoid(-4) + sigmoid(-6);
     }}};

TEST(Gammas, AreTheirDefinitions) {
  for (const Leg& leg : kLegs) {
    SCOPED_TRACE(leg.name);
    for (const double t : {0.0, 0.01, 0.125, 0.3, 0.5, 0.625, 0.9, 0.99, 1.0}) {
      const auto g = path::gamma_at<double>(leg.latent, 1, t, 1 - t);
      EXPECT_NEAR(leg.gamma(t), g.value, 2e-16) << t;
      if (t > 0.005 && t < 0.995) {
        const auto half = [&](double x) { return leg.gamma(x) * leg.gamma(x) / 2; };
        EXPECT_NEAR(slope_of(half, t, 1.0 / 256), g.product, 1e-11) << t;
      }
      // Even about the middle, its slope odd; a factor of gamma^2 is one of the product.
      const auto mirrored = path::gamma_at<double>(leg.latent, 1, 1 - t, t);
      EXPECT_EQ(g.value, mirrored.value) << t;
      EXPECT_EQ(g.product, -mirrored.product) << t;
      const auto four = path::gamma_at<double>(leg.latent, 4, t, 1 - t);
      EXPECT_EQ(2 * g.value, four.value) << t;
      EXPECT_EQ(4 * g.product, four.product) << t;
    }
    EXPECT_EQ(0, path::gamma_at<double>(leg.latent, 1, 0, 1).value);
    const double slope = leg.latent == path::Latent::brownian ? 0.5 : 0;
    EXPECT_EQ(slope, path::gamma_at<double>(leg.latent, 1, 0, 1).product);
    const std::string spec = std::string("linear(latent_scale=0.7,latent=") + leg.name + ")";
    const nwr_coeffs c = at(make(spec), 0.3);
    EXPECT_DOUBLE_EQ(std::sqrt(0.7) * leg.gamma(0.3), c.gamma);
  }
  // nami's floor: gamma is at least sqrt(eps), its product with the slope has none.
  const nwr_coeffs floor = at(make("nami.seed(latent=brownian)"), 0);
  EXPECT_DOUBLE_EQ(1e-6, floor.gamma);
  EXPECT_EQ(0.5, floor.gamma_dgamma);
}

// ---- in float -----------------------------------------------------------------------------------

constexpr double kFloatTolerance = 5e-7;

// The relative error, or, of what crosses 0, the absolute one below 1.
double error_of(double exact, double found, bool crosses) {
  if (exact == found || (std::fabs(exact) < 1e-36 && std::fabs(found) < 1e-36)) return 0;
  if (std::fabs(exact) > 3.4e38) return std::isinf(found) && (exact > 0) == (found > 0) ? 0 : kInf;
  if (!std::isfinite(found)) return kInf;
  const double scale = crosses ? std::max(std::fabs(exact), 1.0) : std::fabs(exact);
  return std::fabs(exact - found) / scale;
}

std::vector<float> float_times() {
  std::vector<float> times = {0, 1e-36f, 1e-30f, 1e-20f, 1e-12f, 1e-9f, 1e-7f, 1e-6f, 1e-5f, 1e-4f};
  for (int i = 1; i < 2000; ++i) times.push_back(static_cast<float>(i) / 2000);
  for (int i = 6; i <= 24; ++i) times.push_back(1 - std::ldexp(1.0f, -i));
  times.push_back(1);
  return times;
}

struct Worst {
  double error = 0, time = 0;
  const char* name = "";
};

template <class Path>
Worst worst_of(const Path& path, float factor) {
  Worst worst;
  for (const float t : float_times()) {
    for (const bool to_noise : {true, false}) {
      const float u = factor * (to_noise ? t : 1 - t), v = to_noise ? 1 - t : t;
      const double exact_u = to_noise ? factor * static_cast<double>(t) : factor * (1.0 - t);
      if (factor != 1 && !to_noise) continue;  // a clock of its own
      const auto f = path.template at<float>(u, factor == 1 ? v : 1 - u);
      const auto d = path.template at<double>(exact_u, factor != 1 ? 1 - exact_u
                                                       : to_noise  ? 1.0 - t
                                                                   : static_cast<double>(t));
      const auto look = [&](const char* name, double exact, double found, bool crosses = false) {
        const double error = error_of(exact, found, crosses);
        if (error > worst.error) worst = {error, to_noise ? t : -t, name};
      };
      look("alpha", d.alpha, f.alpha);
      look("sigma", d.sigma, f.sigma);
      look("dalpha", d.dalpha, f.dalpha);
      look("dsigma", d.dsigma, f.dsigma);
      look("log_alpha", d.log_alpha, f.log_alpha);
      look("dlog_alpha", d.dlog_alpha, f.dlog_alpha);
      look("lambda", d.lambda, f.lambda, true);
      look("diffusion2", d.diffusion2, f.diffusion2);
    }
  }
  return worst;
}

TEST(InFloat, ClosedFormsKeepTheirDigits) {
  double most = 0;
  const auto check = [&](const char* spec, const auto& path, float factor = 1) {
    const Worst worst = worst_of(path, factor);
    EXPECT_LE(worst.error, kFloatTolerance)
        << spec << ": " << worst.name << " at " << worst.time << " (negative: to data)";
    most = std::max(most, worst.error);
  };
  check("linear", path::Linear{});
  check("linear(alpha_min=0.001,sigma_min=0.001)", path::Linear{1e-3, 1e-3});
  check("linear(alpha_min=0.9,sigma_min=0.3)", path::Linear{0.9, 0.3});
  check("trigonometric", path::Trigonometric{});
  check("trigonometric(alpha_min=0.001,sigma_min=0.001)", path::Trigonometric{1e-3, 1e-3});
  check("trigonometric(alpha_min=0.7)", path::Trigonometric{0.7, 0});
  check("cosine", path::Cosine{0.008});
  check("cosine(s=0)", path::Cosine{0});
  check("cosine(s=1)", path::Cosine{1});
  check("vp", path::Vp{0.1, 20});
  check("vp(beta_min=0)", path::Vp{0, 20});
  check("azula.vp", path::Vp{0, 27.631021115928547, 1e-3});
  check("gensbi.sm_vp", path::Vp{0.001, 3});
  check("ve", path::Ve{0.01, 50});
  check("azula.ve", path::Ve{1e-3, 1e3});
  check("edm", path::Power{1}, 80);
  check("gensbi.edm_ve", path::Power{0.5}, 10000);
  check("power(power=3)", path::Power{3});
  check("edm-rho", path::EdmRho{0.002, 80, 7});
  check("edm-rho(rho=1)", path::EdmRho{0.002, 80, 1});
  check("decay", path::Decay{1e-3, 1e-3, 0.1});
  check("decay(gamma=0.999)", path::Decay{1e-3, 1e-3, 0.999});
  check("decay(gamma=30)", path::Decay{0, 0, 30});
  check("polar", path::Polar{});
  check("polar-swap", path::PolarSwap{});
  check("polynomial(n=1)", path::Polynomial{1});
  check("polynomial(n=3)", path::Polynomial{3});
  check("polynomial(n=0.5)", path::Polynomial{0.5});
  RecordProperty("worst", std::to_string(most * 1e7) + "e-7");
}

TEST(InFloat, GammasKeepTheirDigits) {
  double most = 0;
  for (const Leg& leg : kLegs) {
    for (const double scale : {1.0, 0.7, 2.5}) {
      for (const float t : float_times()) {
        const auto f = path::gamma_at<float>(leg.latent, static_cast<float>(scale), t, 1 - t);
        const auto d = path::gamma_at<double>(leg.latent, scale, t, 1.0 - t);
        const double value = error_of(d.value, f.value, false);
        const double product = error_of(d.product, f.product, false);
        EXPECT_LE(value, kFloatTolerance) << leg.name << " at " << t;
        EXPECT_LE(product, kFloatTolerance) << leg.name << " at " << t;
        most = std::max({most, value, product});
      }
    }
  }
  RecordProperty("worst", std::to_string(most * 1e7) + "e-7");
}

}  // namespace
}  // namespace noisewright
