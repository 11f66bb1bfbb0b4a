// SPDX-License-Identifier: Apache-2.0
// Owns the proof of the schedules' formulas: exact values, identities, derivatives, inverses, ends.
// Must not know grids or samplers.
#include "core/schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

namespace noisewright {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
constexpr double kInf = std::numeric_limits<double>::infinity();

Ref<Schedule> make(const char* spec, std::vector<double> table = {}) {
  nwr_schedule_options options{};
  options.name = spec;
  options.table = table.empty() ? nullptr : table.data();
  options.table_count = table.size();
  return make_schedule(options);
}
nwr_coeffs at(const Ref<Schedule>& s, double t) { return s->at(t, {"t"}); }

bool preserves_variance(const std::string& spec) {
  return spec.find("vp") == 0 || spec.find("cosine") == 0 || spec.find("ddpm") == 0;
}

const char* const kContinuous[] = {"linear",
                                   "cosine",
                                   "cosine(s=0)",
                                   "cosine(s=1)",
                                   "vp",
                                   "vp(beta_min=0)",
                                   "vp(beta_min=3,beta_max=3)",
                                   "ve",
                                   "edm"};
const char* const kDiscrete[] = {"ddpm", "ddpm(beta=scaled_linear)", "ddpm(beta=squaredcos_cap_v2)",
                                 "ddpm(count=7,beta_end=0.5)"};

// Times from one end to the other, closer together near both.
std::vector<double> times_of(const Ref<Schedule>& s, bool ends) {
  std::vector<double> us = {1e-12, 1e-9, 1e-6, 1e-4, 1e-3, 0.01};
  for (int i = 1; i < 40; ++i) us.push_back(i / 40.0);
  for (const double u : {0.99, 0.999, 0.9999, 1 - 1e-6, 1 - 1e-9, 1 - 1e-12}) us.push_back(u);
  if (ends) us.insert(us.begin(), 0), us.push_back(1);
  std::vector<double> times;
  for (const double u : us) {
    const double noise = s->ends().noise, data = s->ends().data;
    times.push_back(u == 1 ? data : noise + (data - noise) * u);
  }
  return times;
}

TEST(Schedule, MatchesEightyDigits) {
  std::ifstream file(NWR_TEST_DATA_DIR "/kat/schedules.txt");
  int lines = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::stringstream text(line);
    std::string spec, word;
    text >> spec;
    std::vector<double> values;
    while (text >> word) values.push_back(std::stod(word));
    ASSERT_EQ(9u, values.size()) << line;
    const double t = values[0];
    const nwr_coeffs c = at(make(spec.c_str()), t);
    const double found[] = {c.alpha,     c.sigma,      c.dalpha, c.dsigma,
                            c.log_alpha, c.dlog_alpha, c.lambda, c.diffusion2};
    const char* const names[] = {"alpha",     "sigma",      "dalpha", "dsigma",
                                 "log_alpha", "dlog_alpha", "lambda", "diffusion2"};
    for (size_t i = 0; i < 8; ++i) {
      const double expected = values[i + 1];
      if (std::isinf(expected)) {
        EXPECT_EQ(expected, found[i]) << spec << " at " << t << ": " << names[i];
      } else {
        // A few roundings; those inside an exponent count as often as it is large.
        EXPECT_NEAR(expected, found[i], 12 * kEpsilon * std::fabs(expected))
            << spec << " at " << t << ": " << names[i];
      }
    }
    ++lines;
  }
  EXPECT_GE(lines, 60);
}

TEST(Schedule, EndsAreExact) {
  for (const char* spec : {"linear", "cosine", "cosine(s=0)", "cosine(s=1)"}) {
    const auto s = make(spec);
    const nwr_coeffs noise = at(s, s->ends().noise), data = at(s, s->ends().data);
    EXPECT_EQ(0, noise.alpha) << spec;
    EXPECT_EQ(1, noise.sigma) << spec;
    EXPECT_EQ(-kInf, noise.lambda) << spec;
    EXPECT_EQ(-kInf, noise.log_alpha) << spec;
    EXPECT_EQ(1, data.alpha) << spec;
    EXPECT_EQ(0, data.sigma) << spec;
    EXPECT_EQ(kInf, data.lambda) << spec;
    EXPECT_EQ(0, data.log_alpha) << spec;
  }
  for (const char* spec : {"vp", "vp(beta_min=0)", "edm", "ddpm", "ddpm(beta=squaredcos_cap_v2)"}) {
    const auto s = make(spec);
    const nwr_coeffs data = at(s, s->ends().data);
    EXPECT_EQ(1, data.alpha) << spec;
    EXPECT_EQ(0, data.sigma) << spec;
    EXPECT_EQ(kInf, data.lambda) << spec;
    EXPECT_GT(at(s, s->ends().noise).sigma, 0.9) << spec;
  }
  const auto ve = make("ve(sigma_min=0.3,sigma_max=70)");
  EXPECT_EQ(0.3, at(ve, 0).sigma);
  EXPECT_EQ(70, at(ve, 1).sigma);
  EXPECT_EQ(80, at(make("edm"), 80).sigma);
}

TEST(Schedule, KeepsItsIdentities) {
  for (const auto& list : {std::vector<const char*>(std::begin(kContinuous), std::end(kContinuous)),
                           std::vector<const char*>(std::begin(kDiscrete), std::end(kDiscrete))}) {
    for (const char* spec : list) {
      const auto s = make(spec);
      for (const double t : times_of(s, false)) {
        SCOPED_TRACE(testing::Message() << spec << " at " << t);
        const nwr_coeffs c = at(s, t);
        if (preserves_variance(spec)) {
          EXPECT_NEAR(1, c.alpha * c.alpha + c.sigma * c.sigma, 8 * kEpsilon);
          EXPECT_NEAR(0, c.alpha * c.dalpha + c.sigma * c.dsigma,
                      64 * kEpsilon * std::fabs(c.alpha * c.dalpha));
        }
        EXPECT_NEAR(c.log_alpha, std::log(c.alpha), 8 * kEpsilon);
        EXPECT_NEAR(c.lambda, c.log_alpha - std::log(c.sigma),
                    32 * kEpsilon * (1 + std::fabs(c.lambda)));
        EXPECT_NEAR(c.dlog_alpha, c.dalpha / c.alpha, 64 * kEpsilon * std::fabs(c.dlog_alpha));
        const double dlambda = c.dlog_alpha - c.dsigma / c.sigma;
        EXPECT_NEAR(c.diffusion2, 2 * c.sigma * c.sigma * std::fabs(dlambda),
                    256 * kEpsilon * c.diffusion2 + 1e-300);
        EXPECT_EQ(0, c.gamma);
        EXPECT_EQ(0, c.gamma_dgamma);
        EXPECT_GT(dlambda * s->direction(), 0);
      }
    }
  }
}

TEST(Schedule, LambdaRisesTowardsData) {
  for (const char* spec : kContinuous) {
    const auto s = make(spec);
    double before = -kInf;
    for (int i = 0; i <= 2000; ++i) {
      const double u = i / 2000.0;
      const double t =
          i == 2000 ? s->ends().data : s->ends().noise + (s->ends().data - s->ends().noise) * u;
      const double lambda = at(s, t).lambda;
      EXPECT_TRUE(i == 0 || lambda > before) << spec << " at " << t;
      before = lambda;
    }
  }
}

TEST(Schedule, DerivativesAreSlopes) {
  const auto check = [](const Ref<Schedule>& s, const char* spec, double t, double h) {
    SCOPED_TRACE(testing::Message() << spec << " at " << t);
    const nwr_coeffs c = at(s, t);
    const nwr_coeffs a = at(s, t - 2 * h), b = at(s, t - h), d = at(s, t + h), e = at(s, t + 2 * h);
    const auto slope = [&](double nwr_coeffs::*member) {
      return (a.*member - 8 * b.*member + 8 * d.*member - e.*member) / (12 * h);
    };
    const auto tolerance = [&](double value) { return 2e-8 * (1 + std::fabs(value)); };
    EXPECT_NEAR(slope(&nwr_coeffs::alpha), c.dalpha, tolerance(c.dalpha));
    EXPECT_NEAR(slope(&nwr_coeffs::sigma), c.dsigma, tolerance(c.dsigma));
    EXPECT_NEAR(slope(&nwr_coeffs::log_alpha), c.dlog_alpha, tolerance(c.dlog_alpha));
  };
  for (const char* spec : kContinuous) {
    const auto s = make(spec);
    const double length = std::fabs(s->ends().data - s->ends().noise);
    for (double u = 0.05; u < 0.96; u += 0.05) {
      check(s, spec, s->ends().low + u * std::min(length, 1.0), 3e-4);
    }
  }
  for (const char* spec : kDiscrete) {
    const auto s = make(spec);
    for (const double t : {-0.5, 0.5, 1.25, 3.5, 4.75}) check(s, spec, t, 1e-3);
  }
}

TEST(Schedule, InvertFindsTheTimeAgain) {
  for (const auto& list : {std::vector<const char*>(std::begin(kContinuous), std::end(kContinuous)),
                           std::vector<const char*>(std::begin(kDiscrete), std::end(kDiscrete))}) {
    for (const char* spec : list) {
      const auto s = make(spec);
      for (const double t : times_of(s, true)) {
        const nwr_coeffs c = at(s, t);
        const double found = s->time_at(c.lambda, {"lambda"});
        if (std::isinf(c.lambda)) {
          EXPECT_EQ(t, found) << spec;
          continue;
        }
        // As near as lambda, rounded, can tell; and the time itself is rounded.
        const double slope = std::fabs(c.dlog_alpha - c.dsigma / c.sigma);
        EXPECT_NEAR(t, found, 64 * kEpsilon * ((1 + std::fabs(c.lambda)) / slope + std::fabs(t)))
            << spec;
        EXPECT_NEAR(c.lambda, at(s, found).lambda,
                    64 * kEpsilon * (1 + std::fabs(c.lambda) + std::fabs(t) * slope))
            << spec << " at " << t;
      }
    }
  }
}

TEST(Schedule, InvertRefusesWhatIsNotReached) {
  const auto ve = make("ve(sigma_min=0.1,sigma_max=10)");
  for (const double lambda : {2.4, -2.4, kInf, -kInf, std::nan("")}) {
    EXPECT_THROW(ve->time_at(lambda, {"lambda"}), Error) << lambda;
  }
  EXPECT_EQ(0, ve->time_at(at(ve, 0).lambda, {"lambda"}));
  EXPECT_EQ(1, ve->time_at(at(ve, 1).lambda, {"lambda"}));
  EXPECT_THROW(make("vp")->time_at(-5.1, {"lambda"}), Error);
}

TEST(Schedule, RefusesTimesOutside) {
  for (const char* spec : {"linear", "cosine", "vp", "ve", "edm", "ddpm"}) {
    const auto s = make(spec);
    for (const double t : {std::nextafter(s->ends().low, -kInf),
                           std::nextafter(s->ends().high, kInf), kInf, -kInf, std::nan("")}) {
      EXPECT_THROW(at(s, t), Error) << spec << " at " << t;
    }
    EXPECT_NO_THROW(at(s, s->ends().low));
    EXPECT_NO_THROW(at(s, s->ends().high));
  }
}

// ---- discrete -----------------------------------------------------------------------------------

// alpha_bar of every index, as a product in extended precision.
std::vector<long double> products(int formula, long double start, long double end, int count) {
  const auto alpha_bar = [=](long double u) {
    if (formula == 4) return std::exp(-12 * u);
    if (formula == 3) {
      const long double side = u <= 0.5L ? -0.5L : 0.5L;
      const long double snr =
          std::exp(side * std::log(1 - 2 * std::fabs(0.5L - u) + static_cast<long double>(1e-6)));
      return std::sqrt(snr / (1 + snr));
    }
    const long double c = std::cos((u + 0.008L) / 1.008L * 1.57079632679489661923132169163975144L);
    return c * c;
  };
  std::vector<long double> bars;
  long double bar = 1;
  for (int i = 0; i < count; ++i) {
    const long double u = static_cast<long double>(i) / (count - 1);
    long double beta = start + (end - start) * u;
    if (formula == 1) {
      const long double root = std::sqrt(start) + (std::sqrt(end) - std::sqrt(start)) * u;
      beta = root * root;
    } else if (formula == 5) {
      beta = start + (end - start) / (1 + std::exp(6 - 12 * u));
    } else if (formula >= 2) {
      const auto n = static_cast<long double>(count);
      beta = std::min(1 - alpha_bar((i + 1) / n) / alpha_bar(i / n), 0.999L);
    }
    bars.push_back(bar *= 1 - beta);
  }
  return bars;
}

TEST(Discrete, AlphaBarIsTheProductOfBetas) {
  const struct {
    const char* spec;
    int formula;
    double start, end;
    int count;
  } cases[] = {
      {"ddpm", 0, 1e-4, 0.02, 1000},
      {"ddpm(beta=scaled_linear,beta_start=0.00085,beta_end=0.012)", 1, 0.00085, 0.012, 1000},
      {"ddpm(beta=squaredcos_cap_v2)", 2, 0, 0, 1000},
      {"ddpm(beta=squaredcos_cap_v2,count=50)", 2, 0, 0, 50},
      {"ddpm(beta=laplace)", 3, 0, 0, 1000},
      {"ddpm(beta=exp)", 4, 0, 0, 1000},
      {"shap-e", 4, 0, 0, 1024},
      {"ddpm(beta=sigmoid)", 5, 1e-4, 0.02, 1000},
      {"sd15", 1, 0.00085, 0.012, 1000},
      {"kandinsky", 0, 0.00085, 0.012, 1000},
      {"ddpm(count=2,beta_end=0.5)", 0, 1e-4, 0.5, 2}};
  for (const auto& c : cases) {
    const auto s = make(c.spec);
    EXPECT_EQ(c.count, s->index_count());
    EXPECT_EQ(c.count - 1, s->ends().noise);
    EXPECT_EQ(-1, s->ends().data);
    const auto bars = products(c.formula, c.start, c.end, c.count);
    for (int i = 0; i < c.count; ++i) {
      const nwr_coeffs found = at(s, i);
      const auto bar = bars[static_cast<size_t>(i)];
      EXPECT_NEAR(1, static_cast<double>(found.alpha * found.alpha / bar), 1e-13) << c.spec << i;
      EXPECT_NEAR(1, static_cast<double>(found.sigma * found.sigma / (1 - bar)), 1e-13)
          << c.spec << i;
    }
  }
}

// The rescalings by their definitions, in extended precision.
TEST(Discrete, RescalesAsDefined) {
  const struct {
    const char* spec;
    double shift;
    bool zero;
    double terminal;
  } cases[] = {{"sd15(snr_shift=3)", 3, false, 0},
               {"sd15(snr_shift=0.2)", 0.2, false, 0},
               {"sd-zero-snr", 1, true, 0},
               {"cogvideox", 3, true, 0},
               {"cogvideox-5b", 1, true, 0},
               {"sd-zero-snr(terminal=5.9604644775390625e-08)", 1, true, 5.9604644775390625e-08},
               {"comfy.sd-zero-snr", 1, true, 4.8973451890853435e-08}};
  for (const auto& c : cases) {
    const auto s = make(c.spec);
    auto bars = products(1, 0.00085, 0.012, 1000);
    const long double shift = c.shift;
    for (long double& bar : bars) bar = bar / (shift + (1 - shift) * bar);
    if (c.zero) {
      const long double first = std::sqrt(bars.front()), last = std::sqrt(bars.back());
      for (long double& bar : bars) {
        const long double root = (std::sqrt(bar) - last) * first / (first - last);
        bar = root * root;
      }
      bars.back() = c.terminal;
    }
    for (size_t i = 0; i < bars.size(); ++i) {
      const nwr_coeffs found = at(s, static_cast<double>(i));
      const double bar = static_cast<double>(bars[i]), rest = static_cast<double>(1 - bars[i]);
      EXPECT_NEAR(bar, found.alpha * found.alpha, 2e-13 * bar) << c.spec << i;
      EXPECT_NEAR(rest, found.sigma * found.sigma, 2e-13 * rest) << c.spec << i;
    }
  }
  EXPECT_THROW(make("iddpm(zero_snr=yes,terminal=1e-3)"), Error);
}

// sigma/alpha, or its logarithm, is straight between two indices, both ways.
TEST(Discrete, IsStraightInWhatItSays) {
  const auto levels = make("sd15(between=sigma)"), logs = make("sd15");
  const auto level = [](const Ref<Schedule>& s, double t) { return std::exp(-at(s, t).lambda); };
  for (const double t : {0.25, 3.5, 500.125, 998.75}) {
    const double low = std::floor(t), part = t - low;
    const double a = level(logs, low), b = level(logs, low + 1);
    EXPECT_NEAR(1, level(levels, t) / (a + part * (b - a)), 1e-13);
    EXPECT_NEAR(1, level(logs, t) / std::exp((1 - part) * std::log(a) + part * std::log(b)), 1e-13);
    for (const auto& s : {levels, logs}) {
      EXPECT_NEAR(t, s->time_at(at(s, t).lambda, {"lambda"}), 1e-10);
      const double slope = (at(s, t + 1e-4).lambda - at(s, t - 1e-4).lambda) / 2e-4;
      EXPECT_NEAR(1, -at(s, t).diffusion2 / (2 * std::pow(at(s, t).sigma, 2)) / slope, 1e-5);
    }
    EXPECT_EQ(at(levels, low).lambda, at(logs, low).lambda);
  }
}

TEST(Flow, TableIsShiftedAndTimeIsNot) {
  const auto s = make("flow(shift=3)");
  for (const double t : {0.0, 0.001, 0.3, 0.999, 1.0}) {
    EXPECT_EQ(1 - t, at(s, t).alpha);
    EXPECT_EQ(t, at(s, t).sigma);
  }
  EXPECT_EQ(1000, s->table_size());
  EXPECT_EQ(1, s->table_time(999));
  EXPECT_EQ(0, s->table_time(-1));
  EXPECT_NEAR(0.003 / 1.002, s->table_time(0), 1e-18);
  EXPECT_NEAR(0.75, s->table_time(499), 1e-15);
  // mu is the logarithm of a shift; a power is one of 1/s - 1.
  EXPECT_NEAR(make("flow(shift=3.158192909689768)")->table_time(77), make("flux")->table_time(77),
              1e-16);
  EXPECT_NEAR(2 / (2 + std::pow(1 / 0.3 - 1, 1.5)),
              make("flow(shift=2,power=1.5,count=10)")->table_time(2), 1e-15);
}

TEST(EdmLevels, AreKarrasOrGeometric) {
  const auto karras = make("diffusers.cm"), geometric = make("comfy.edm");
  EXPECT_EQ(80, karras->table_time(39));
  EXPECT_NEAR(0.002, karras->table_time(0), 1e-17);
  EXPECT_NEAR(2.2404397589312026, karras->table_time(19), 1e-14);
  EXPECT_EQ(120, geometric->table_time(999));
  EXPECT_NEAR(std::sqrt(120 * 0.002), geometric->table_time(499.5), 1e-15);
  EXPECT_EQ(0, geometric->table_time(-1));
  EXPECT_THROW(make("edm-levels(sigma_min=2,sigma_max=1)"), Error);
}

TEST(Wuerstchen, IsACosineWithinItsBounds) {
  const auto s = make("wuerstchen");
  EXPECT_NEAR(1e-4, std::pow(at(s, 1).alpha, 2), 1e-18);
  EXPECT_NEAR(0.9999, std::pow(at(s, 0).alpha, 2), 1e-15);
  const auto bar = [](double t) {
    const auto c = [](double x) { return std::cos((x + 0.008) / 1.008 * path::kHalfPi); };
    return std::max(std::pow(c(t) / c(0), 2), 1e-4);
  };
  for (const double t : {0.1, 0.4, 0.8, 0.95}) {
    EXPECT_NEAR(bar(t), std::pow(at(s, t).alpha, 2), 1e-14);
    EXPECT_NEAR(bar(1 - std::pow(1 - t, 2)), std::pow(at(make("wuerstchen(scaler=2)"), t).alpha, 2),
                1e-14);
    EXPECT_NEAR(bar(std::sqrt(t)), std::pow(at(make("wuerstchen(scaler=0.5)"), t).alpha, 2), 1e-14);
    // Stable Cascade: the logarithm of the SNR less 2 log(shift).
    EXPECT_NEAR(at(s, t).lambda - std::log(2), at(make("wuerstchen(shift=2)"), t).lambda, 1e-14);
  }
}

TEST(Discrete, BetweenIndicesItIsContinuous) {
  for (const char* spec : kDiscrete) {
    const auto s = make(spec);
    for (const double i : {0.0, 1.0, 3.0, 5.0}) {
      const nwr_coeffs low = at(s, i), middle = at(s, i + 0.5), high = at(s, i + 1);
      EXPECT_NEAR((low.lambda + high.lambda) / 2, middle.lambda, 1e-12) << spec;
      for (const double edge : {i - 1e-10, i + 1e-10}) {
        EXPECT_NEAR(low.alpha, at(s, edge).alpha, 1e-9) << spec;
        EXPECT_NEAR(low.sigma, at(s, edge).sigma, 1e-7) << spec;
      }
    }
    // On the last stretch alpha_bar is linear.
    const double bar = at(s, 0).alpha * at(s, 0).alpha;
    EXPECT_NEAR(1 - 0.25 * (1 - bar), std::pow(at(s, -0.75).alpha, 2), 1e-14) << spec;
  }
}

TEST(Discrete, TablesAreTakenAsTheyAre) {
  const auto bars = make("table", {0.9, 0.5, 0.1});
  const auto betas = make("table(betas=yes)", {0.1, 4.0 / 9, 0.8});
  for (const double t : {-1.0, -0.5, 0.0, 0.5, 1.0, 1.75, 2.0}) {
    EXPECT_NEAR(at(bars, t).alpha, at(betas, t).alpha, 1e-15) << t;
    EXPECT_NEAR(at(bars, t).sigma, at(betas, t).sigma, 1e-15) << t;
  }
  EXPECT_DOUBLE_EQ(std::sqrt(0.5), at(bars, 1).alpha);
  EXPECT_EQ(2, bars->ends().noise);
}

TEST(Discrete, ZeroTerminalSnrIsExact) {
  for (const auto& s :
       {make("table", {0.9, 0.5, 0}), make("table(betas=yes)", {0.1, 4.0 / 9, 1})}) {
    const nwr_coeffs end = at(s, 2), near = at(s, 1.5);
    EXPECT_EQ(0, end.alpha);
    EXPECT_EQ(1, end.sigma);
    EXPECT_EQ(-kInf, end.lambda);
    EXPECT_NEAR(0.25, near.alpha * near.alpha, 1e-15);
    EXPECT_NEAR(1.5, s->time_at(near.lambda, {"lambda"}), 1e-12);
    EXPECT_EQ(2, s->time_at(-kInf, {"lambda"}));
  }
}

// ---- custom -------------------------------------------------------------------------------------

int32_t full(void*, double t, nwr_coeffs* out) {
  out->alpha = std::sin(t), out->sigma = std::cos(t);
  out->dalpha = std::cos(t), out->dsigma = -std::sin(t);
  out->log_alpha = 7, out->dlog_alpha = 8, out->lambda = 9 + t, out->diffusion2 = 10;
  return 0;
}
int32_t bare(void*, double t, nwr_coeffs* out) {
  out->alpha = std::sin(t), out->sigma = std::cos(t);
  return 0;
}

Ref<Schedule> make_custom(nwr_coeffs_fn coeffs, double noise, double data) {
  nwr_schedule_options options{};
  options.name = "custom", options.coeffs = coeffs;
  options.t_noise = noise, options.t_data = data;
  return make_schedule(options);
}

TEST(Custom, KeepsWhatIsGivenAndFillsTheRest) {
  const auto given = make_custom(full, 0.1, 1.5), filled = make_custom(bare, 0.1, 1.5);
  EXPECT_EQ(7, at(given, 1).log_alpha);
  EXPECT_EQ(8, at(given, 1).dlog_alpha);
  EXPECT_EQ(10, at(given, 1).lambda);
  EXPECT_EQ(10, at(given, 1).diffusion2);
  for (const double t : {0.1, 0.1001, 0.11, 0.5, 1.0, 1.49, 1.4999, 1.5}) {
    SCOPED_TRACE(t);
    const nwr_coeffs c = at(filled, t);
    EXPECT_EQ(std::sin(t), c.alpha);
    EXPECT_NEAR(std::cos(t), c.dalpha, 1e-10);
    EXPECT_NEAR(-std::sin(t), c.dsigma, 1e-10);
    EXPECT_NEAR(std::log(std::sin(t)), c.log_alpha, 1e-15);
    EXPECT_NEAR(1 / std::tan(t), c.dlog_alpha, 1e-9);
    EXPECT_NEAR(std::log(std::tan(t)), c.lambda, 1e-14);
    EXPECT_NEAR(2 / std::tan(t), c.diffusion2, 1e-8);
    EXPECT_NEAR(t, filled->time_at(c.lambda, {"lambda"}), 1e-14);
  }
  EXPECT_THROW(at(filled, 1.6), Error);
  EXPECT_THROW(at(filled, 0.05), Error);
}

TEST(Custom, RunsEitherWay) {
  const auto back = make_custom(bare, 1.5, 0.1), front = make_custom(bare, 0.1, 1.5);
  EXPECT_EQ(-1, back->direction());
  EXPECT_EQ(1, front->direction());
  EXPECT_EQ(1.5, back->ends().noise);
  const auto by_default = make_custom(bare, 0, 0);
  EXPECT_EQ(0, by_default->ends().noise);
  EXPECT_EQ(1, by_default->ends().data);
}

}  // namespace
}  // namespace noisewright
