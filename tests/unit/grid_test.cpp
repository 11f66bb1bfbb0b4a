// SPDX-License-Identifier: Apache-2.0
// Owns the proof that grids have the steps that were asked for, where they should be. Must not know
// samplers.
#include "core/grid.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace noisewright {
namespace {

Ref<Schedule> make(const std::string& spec) {
  nwr_schedule_options options{};
  options.name = spec.c_str();
  return make_schedule(options);
}

// The times of a grid of n steps.
std::vector<double> grid(const Schedule& schedule, const char* name, size_t n, double begin = 0,
                         double end = 0) {
  nwr_grid_options options{};
  options.name = name, options.t_begin = begin, options.t_end = end;
  std::vector<double> times(n + 1, -99);
  fill_grid(schedule, options, times.data(), times.size());
  return times;
}

double level(const Schedule& s, double t) {
  const nwr_coeffs c = s.at(t, {"t"});
  return c.sigma / c.alpha;
}

// Every grid that is made of indices, with the first index of n steps of 1000.
struct Indexed {
  const char* name;
  bool whole;
  int64_t (*first)(int64_t n);
};
int64_t top(int64_t) { return 999; }
int64_t leading(int64_t n) { return (n - 1) * (1000 / n); }
constexpr Indexed kIndexed[] = {
    {"leading", true, leading},
    {"multistep-leading", true, [](int64_t n) { return std::max(n * (1000 / (n + 1)), n - 1); }},
    {"trailing", true, top},
    {"linspace", true, top},
    {"multistep-linspace", true, top},
    {"normal", false, top},
    {"sgm-uniform", false, top},
    {"simple", true, top},
    {"from-top", true, top},
    {"ddim-uniform", true, [](int64_t n) { return leading(n) + (n < 1000 ? 1 : 0); }},
    {"lcm", true,
     [](int64_t n) {
       const int64_t original = std::max<int64_t>(50, n);
       return std::max(original * (1000 / original) - 1, n - 1);
     }},
    {"beta", false, top},
    {"comfy.beta", true, top},
    {"smoothstep", false, top},
    {"sdcpp.smoothstep", true, top}};

TEST(IndexGrid, HasExactlyTheStepsAskedForAndTheRightFirst) {
  const auto s = make("ddpm");
  for (const Indexed& g : kIndexed) {
    for (size_t n = 1; n <= 1000; ++n) {
      SCOPED_TRACE(testing::Message() << g.name << " " << n);
      const auto times = grid(*s, g.name, n);
      ASSERT_EQ(static_cast<double>(g.first(static_cast<int64_t>(n))), times[0]);
      ASSERT_EQ(-1, times[n]);
      for (size_t i = 0; i < n; ++i) {
        if (g.whole) {
          ASSERT_EQ(times[i], std::floor(times[i]));
        }
        ASSERT_LT(times[i + 1], times[i]);
      }
      ASSERT_GE(times[n - 1], 0);
    }
    EXPECT_THROW(grid(*s, g.name, 1001), Error) << g.name;
    EXPECT_THROW(grid(*make("cosine"), g.name, 5), Error) << g.name;
    EXPECT_THROW(grid(*s, g.name, 5, 900, 0), Error) << g.name;
  }
}

// The same on the table of a flow, where index i is the shifted level (i+1)/1000.
TEST(IndexGrid, ChoosesFromTheTableOfAFlow) {
  const auto flow = make("flow(shift=3)"), ddpm = make("ddpm");
  for (const Indexed& g : kIndexed) {
    const auto indices = grid(*ddpm, g.name, 10), levels = grid(*flow, g.name, 10);
    for (size_t i = 0; i < 10; ++i) {
      const double s = (indices[i] + 1) / 1000;
      EXPECT_NEAR(3 * s / (1 + 2 * s), levels[i], 1e-15) << g.name;
    }
    EXPECT_EQ(0, levels[10]);
  }
}

TEST(IndexGrid, LeavesOutIndicesBelowALambda) {
  const auto s = make("iddpm");
  for (const char* name : {"trailing", "linspace", "multistep-linspace", "simple", "normal"}) {
    const std::string cut = std::string(name) + "(lambda_min=-5.1)";
    const auto times = grid(*s, cut.c_str(), 20);
    EXPECT_GE(s->at(times[0], {"t"}).lambda, -5.1) << name;
    EXPECT_LT(s->at(times[0] + 1, {"t"}).lambda, -5.1) << name;
    EXPECT_EQ(999, grid(*s, name, 20)[0]);
  }
  // Pure noise too, which is below every lambda.
  EXPECT_EQ(998, grid(*make("sd-zero-snr"), "trailing(lambda_min=-600)", 5)[0]);
}

// Karras et al. 2206.00364, table 1, iDDPM: their program's levels, recorded.
TEST(IndexGrid, MakesTheLevelsOfEdmsIddpm) {
  const double expected[] = {80.20370184547417,  4.199538217688148,   2.0517293865198245,
                             1.2498001761438646, 0.8024256536279522,  0.4890798785993165,
                             0.2394061716267726, 0.006425412771141183};
  const auto s = make("iddpm");
  const auto times = grid(*s, "linspace(lambda_min=-4.394449154672439)", 8);  // -log(81)
  // Theirs go through quotients near 1.
  for (size_t i = 0; i < 8; ++i) EXPECT_NEAR(1, level(*s, times[i]) / expected[i], 1e-11);
}

TEST(IndexGrid, ThinsWhatADistilledModelHasSeen) {
  const auto s = make("sd15");
  EXPECT_EQ((std::vector<double>{999, 759, 499, 259, -1}), grid(*s, "lcm", 4));
  EXPECT_EQ((std::vector<double>{499, 379, 259, 139, -1}), grid(*s, "lcm(strength=0.5)", 4));
  EXPECT_EQ((std::vector<double>{999, 499, -1}), grid(*s, "lcm(original=2)", 2));
  // 0.58 of 50 are 29, though the product is a little less.
  EXPECT_EQ(579, grid(*s, "lcm(strength=0.58)", 29)[0]);
  EXPECT_THROW(grid(*s, "lcm(original=3)", 4), Error);
  EXPECT_THROW(grid(*s, "lcm(strength=0.1)", 6), Error);
  EXPECT_THROW(grid(*s, "lcm(original=1001)", 6), Error);
}

// numpy's arange, linspace and round, which rounds halves to even as nearbyint does.
TEST(IndexGrid, EqualsTheFormulasOfNumpy) {
  for (const int total : {1000, 10, 37}) {
    const auto s = make("ddpm(count=" + std::to_string(total) + ")");
    const double count = total;
    for (int n = 1; n <= total; ++n) {
      const auto steps = static_cast<size_t>(n);
      const auto leading = grid(*s, "leading", steps), trailing = grid(*s, "trailing", steps);
      const auto linspace = grid(*s, "linspace", steps);
      for (int i = 0; i < n; ++i) {
        const auto at = static_cast<size_t>(i);
        ASSERT_EQ((n - 1 - i) * (total / n), leading[at]);
        ASSERT_EQ(std::nearbyint(count * (n - i) / n) - 1, trailing[at]) << n << ", " << i;
        const double even = n == 1 ? count - 1 : (count - 1) * (n - 1 - i) / (n - 1);
        ASSERT_EQ(std::nearbyint(even), linspace[at]) << n << ", " << i;
      }
    }
  }
}

TEST(IndexGrid, BeginsWhereItShould) {
  const auto s = make("ddpm");
  for (const size_t n : {1, 2, 3, 7, 50, 333, 1000}) {
    EXPECT_EQ(999, grid(*s, "trailing", n)[0]);
    EXPECT_EQ(999, grid(*s, "linspace", n)[0]);
    EXPECT_EQ(static_cast<double>((n - 1) * (1000 / n)), grid(*s, "leading", n)[0]);
  }
  EXPECT_EQ(981, grid(*s, "leading(offset=1)", 50)[0]);
  EXPECT_EQ(1, grid(*s, "leading(offset=1)", 50)[49]);
  EXPECT_THROW(grid(*s, "leading(offset=1)", 1000), Error);
  EXPECT_THROW(grid(*s, "trailing", 1001), Error);
}

TEST(IndexGrid, RoundsHalvesToEven) {
  const auto s = make("ddpm(count=10)");
  EXPECT_EQ((std::vector<double>{9, 7, 4, 1, -1}), grid(*s, "trailing", 4));  // 10, 7.5, 5, 2.5
  EXPECT_EQ((std::vector<double>{9, 4, 0, -1}), grid(*s, "linspace", 3));     // 9, 4.5, 0
  // 10, 8.33, 6.67, 5, 3.33, 1.67
  EXPECT_EQ((std::vector<double>{9, 7, 6, 4, 2, 1, -1}), grid(*s, "trailing", 6));
}

TEST(Tail, IsWhereTheLastStepEnds) {
  const auto s = make("sd15");
  for (const char* name : {"trailing", "normal", "karras", "k.exponential", "beta-sigma", "gits"}) {
    const auto with = [&](const char* tail) {
      return grid(*s, (std::string(name) + "(tail=" + tail + ")").c_str(), 6);
    };
    const auto clean = with("clean"), least = with("least"), repeat = with("repeat");
    EXPECT_EQ(-1, clean[6]) << name;
    EXPECT_EQ(0, least[6]) << name;
    EXPECT_EQ(repeat[5], repeat[6]) << name;
    EXPECT_TRUE(std::equal(clean.begin(), clean.end() - 1, least.begin())) << name;
    EXPECT_TRUE(std::equal(clean.begin(), clean.end() - 1, repeat.begin())) << name;
  }
  const auto edm = make("edm"), ve = make("ve");
  EXPECT_NEAR(0.002, grid(*edm, "karras(tail=least)", 6)[6], 1e-15);
  // A schedule that ends at some noise has its end as the last level of n, or of n+1.
  const auto plain = grid(*ve, "karras", 6), repeat = grid(*ve, "karras(tail=repeat)", 6);
  EXPECT_EQ(0, plain[6]);
  EXPECT_EQ(0, repeat[5]);
  EXPECT_EQ(0, repeat[6]);
  EXPECT_LT(0, plain[5]);
}

// Curves so steep that they reach the clean end early stand still there, and never turn.
TEST(Tail, IsReachedByTheSteepestCurves) {
  const auto s = make("sd15");
  for (const char* name : {"beta(alpha=0.01,beta=0.01)", "beta(alpha=0.01,beta=1000)",
                           "beta(alpha=1000,beta=0.01)", "comfy.beta(alpha=0.01,beta=1000)"}) {
    const auto times = grid(*s, name, 40);
    for (size_t i = 0; i < 40; ++i) EXPECT_LE(times[i + 1], times[i]) << name << " " << i;
    EXPECT_EQ(999, times[0]) << name;
    EXPECT_EQ(-1, times[40]) << name;
  }
}

// What each grid of levels is a straight line in, or its own closed form.
TEST(LevelGrid, CurvesAreTheirClosedForms) {
  const auto s = make("edm");
  const size_t n = 12;
  const auto check = [&](const char* name, auto&& level) {
    const auto times = grid(*s, (std::string(name) + ",sigma_min=0.03,sigma_max=14)").c_str(), n);
    for (size_t i = 0; i < n; ++i) {
      const double expected = level(static_cast<double>(i) / (n - 1));
      EXPECT_NEAR(1, times[i] / expected, 1e-12) << name << " " << i;
    }
    EXPECT_EQ(0, times[n]);
  };
  const double low = 0.03, high = 14;
  const auto mix = [](double a, double b, double u) { return a + (b - a) * u; };
  check("k.karras(rho=7", [&](double u) {
    return std::pow(mix(std::pow(high, 1 / 7.0), std::pow(low, 1 / 7.0), u), 7);
  });
  check("k.exponential(ends=table", [&](double u) { return high * std::pow(low / high, u); });
  check("polyexponential(rho=1.5",
        [&](double u) { return low * std::pow(high / low, std::pow(1 - u, 1.5)); });
  check("kl-optimal(tail=clean",
        [&](double u) { return std::tan(mix(std::atan(high), std::atan(low), u)); });
  // Beta(1, 1) is uniform.
  check("beta-sigma(alpha=1,beta=1", [&](double u) { return mix(high, low, u); });
  check("laplace(mu=0.2,scale=0.6", [&](double u) {
    const double side = u < 0.5 ? 1 : -1;
    const double level = std::exp(0.2 - 0.6 * side * std::log(1 - 2 * std::fabs(0.5 - u) + 1e-5));
    return std::min(std::max(level, low), high);
  });
}

TEST(LevelGrid, LinearQuadraticIsSmoothWhereItBends) {
  const auto s = make("flow");
  const auto times = grid(*s, "linear-quadratic", 40);
  EXPECT_NEAR(1 - 0.025, times[20], 1e-14);
  for (size_t i = 1; i < 20; ++i) EXPECT_NEAR(0.00125, times[i] - times[i + 1], 1e-14);
  for (size_t i = 21; i + 1 < 40; ++i) {
    EXPECT_NEAR(times[21] - 2 * times[22] + times[23], times[i - 1] - 2 * times[i] + times[i + 1],
                1e-13);
  }
  EXPECT_EQ(0, times[40]);
}

TEST(LevelGrid, BongTangentPassesTheMiddleAtItsBend) {
  const auto s = make("flow");
  for (const size_t n : {4, 10, 25, 100}) {
    const auto times = grid(*s, "bong-tangent(sigma_min=0.002)", n);
    EXPECT_NEAR(0.501, times[3 * (n + 2) / 5 - 1], 1e-14) << n;
    EXPECT_EQ(1, times[0]);
  }
}

TEST(LevelGrid, TablesAreTakenAsTheyAreAndLogLinearBetween) {
  const auto s = make("sd15");
  const auto ten = grid(*s, "ays(model=sdxl)", 10), twenty = grid(*s, "ays(model=sdxl)", 20);
  EXPECT_NEAR(6.3184485287, level(*s, ten[1]), 1e-12);
  EXPECT_NEAR(0.1114188177, level(*s, ten[9]), 1e-12);
  for (size_t i = 0; i < 10; ++i) EXPECT_NEAR(ten[i], twenty[2 * i], 1e-9);
  EXPECT_NEAR(std::sqrt(0.1114188177 * 0.0291671582), level(*s, twenty[19]), 1e-12);
  EXPECT_NEAR(1, level(*make("edm"), grid(*make("svd"), "ays(model=svd)", 10)[0]) / 700, 1e-12);
  EXPECT_NEAR(0.92192322, level(*s, grid(*s, "gits", 4)[2]), 1e-12);
  EXPECT_NEAR(2.36326075, level(*s, grid(*s, "gits", 4)[1]), 1e-12);
  for (size_t n = 1; n <= 100; ++n) {
    for (const char* name : {"ays", "gits"}) {
      const auto times = grid(*s, name, n);
      for (size_t i = 0; i < n; ++i) ASSERT_LT(times[i + 1], times[i]) << name << n;
    }
  }
  EXPECT_THROW(grid(*s, "ays(model=svd)", 5), Error);
}

// Peers make levels on a flow in sigma itself, and some between the ends of spaced indices.
TEST(LevelGrid, PeersEndsAreThoseOfTheirTables) {
  const auto flow = make("flow(shift=3)"), sd = make("sd15");
  const auto times = grid(*flow, "k.karras", 5);
  EXPECT_EQ(1, times[0]);
  EXPECT_NEAR(3 * 0.001 / (1 + 2 * 0.001), times[4], 1e-15);
  EXPECT_EQ(0, times[5]);
  const auto spaced = grid(*sd, "k.exponential(ends=leading,offset=1)", 10);
  EXPECT_NEAR(901, spaced[0], 1e-9);
  EXPECT_NEAR(1, spaced[9], 1e-9);
  const auto trailing = grid(*sd, "k.karras(ends=trailing)", 10);
  EXPECT_NEAR(999, trailing[0], 1e-9);
  EXPECT_NEAR(99, trailing[9], 1e-9);
  EXPECT_THROW(grid(*make("cosine"), "k.karras(ends=trailing)", 10), Error);
}

TEST(FlowGrid, IsEvenThenShifted) {
  const auto linear = make("linear(time=to-noise)"), flow = make("flow(shift=3)");
  for (const size_t n : {1, 4, 7, 50}) {
    const auto given = grid(*linear, "flow(shift=3)", n), own = grid(*flow, "flow", n);
    for (size_t i = 0; i <= n; ++i) {
      const double s = 1 - static_cast<double>(i) / static_cast<double>(n);
      EXPECT_NEAR(3 * s / (1 + 2 * s), given[i], 1e-15);
      EXPECT_NEAR(given[i], own[i], 1e-15);
    }
  }
  // e^mu is a shift, and the length of a sequence is a mu.
  const auto mu = grid(*linear, "flow(mu=1.15)", 8), tokens = grid(*linear, "flux", 8);
  const auto shift = grid(*linear, "flow(shift=3.158192909689768)", 8);
  for (size_t i = 0; i <= 8; ++i) {
    EXPECT_NEAR(mu[i], tokens[i], 1e-15);
    EXPECT_NEAR(mu[i], shift[i], 1e-15);
  }
  const auto short_one = grid(*linear, "flux(tokens=256)", 8),
             half = grid(*linear, "flow(mu=0.5)", 8);
  for (size_t i = 0; i <= 8; ++i) EXPECT_NEAR(half[i], short_one[i], 1e-15);
}

TEST(FlowGrid, StretchesToItsTerminal) {
  const auto s = make("flow");
  for (const size_t n : {2, 5, 30}) {
    const auto times = grid(*s, "flow(mu=1,terminal=0.1)", n), plain = grid(*s, "flow(mu=1)", n);
    EXPECT_NEAR(0.1, times[n - 1], 1e-14);
    EXPECT_EQ(1, times[0]);
    const double ratio = (1 - times[n - 1]) / (1 - plain[n - 1]);
    for (size_t i = 1; i < n; ++i) EXPECT_NEAR(ratio, (1 - times[i]) / (1 - plain[i]), 1e-12);
  }
}

TEST(FlowGrid, LogitNormalIsItsQuantiles) {
  const auto s = make("flow");
  const auto times = grid(*s, "logit-normal(mean=0.3,std=1.2)", 4);
  const double quartile = 0.67448975019608174;
  EXPECT_NEAR(1 / (1 + std::exp(-(0.3 + 1.2 * quartile))), times[1], 1e-14);
  EXPECT_NEAR(1 / (1 + std::exp(-0.3)), times[2], 1e-15);
  EXPECT_NEAR(1 / (1 + std::exp(-(0.3 - 1.2 * quartile))), times[3], 1e-14);
  EXPECT_NEAR(1 / (1 + std::exp(-9)), times[0], 1e-15);
}

// On a schedule that is no flow, and on a part of time, the levels keep their proportions.
TEST(FlowGrid, FitsEverySchedule) {
  for (const char* spec : {"sd15", "vp", "edm", "cosine", "linear"}) {
    const auto s = make(spec);
    const auto times = grid(*s, "flow(shift=3)", 9);
    const auto share = [&](double t) {
      const nwr_coeffs c = s->at(t, {"t"});
      return c.sigma / (c.alpha + c.sigma);
    };
    EXPECT_EQ(s->ends().noise, times[0]) << spec;
    EXPECT_EQ(s->ends().data, times[9]) << spec;
    for (size_t i = 1; i < 9; ++i) {
      const double u = 1 - static_cast<double>(i) / 9;
      EXPECT_NEAR(3 * u / (1 + 2 * u), share(times[i]) / share(times[0]), 1e-12) << spec;
    }
  }
}

TEST(TimeGrid, IsEvenInARootOfTheWayFromData) {
  const auto linear = make("linear"), vp = make("vp");
  const auto times = grid(*vp, "time-quadratic", 5, 1, 0.04);
  for (size_t i = 0; i <= 5; ++i) {
    const double root = 1 - 0.8 * static_cast<double>(i) / 5;
    EXPECT_NEAR(root * root, times[i], 1e-15);
  }
  const auto back = grid(*linear, "time-quadratic", 5);
  for (size_t i = 0; i <= 5; ++i) {
    const double root = 1 - static_cast<double>(i) / 5;
    EXPECT_NEAR(1 - root * root, back[i], 1e-15);
  }
  const auto last = grid(*vp, "k.vp", 4);
  for (size_t i = 0; i < 4; ++i)
    EXPECT_NEAR(1 - 0.999 * static_cast<double>(i) / 3, last[i], 1e-15);
  EXPECT_EQ(0, last[4]);
  EXPECT_NEAR(1 / 3.0, grid(*make("trigonometric(time=to-noise)"), "sine-squared", 2)[1], 1e-15);
}

TEST(LevelGrid, KarrasIsItsClosedForm) {
  const auto s = make("edm");
  for (const size_t n : {2, 3, 18, 40}) {
    for (const double rho : {1.0, 3.0, 7.0}) {
      const std::string name = "karras(rho=" + std::to_string(rho) + ")";
      const auto times = grid(*s, name.c_str(), n);
      const double high = std::pow(80, 1 / rho), low = std::pow(0.002, 1 / rho);
      for (size_t i = 0; i < n; ++i) {
        const double u = static_cast<double>(i) / static_cast<double>(n - 1);
        const double expected = std::pow((1 - u) * high + u * low, rho);
        EXPECT_NEAR(expected, times[i], 1e-13 * expected) << n << ", " << i;
      }
      EXPECT_EQ(80, times[0]);
      EXPECT_EQ(0, times[n]);
    }
  }
}

TEST(LevelGrid, ExponentialIsGeometric) {
  const auto s = make("edm");
  const auto times = grid(*s, "exponential(sigma_min=0.01,sigma_max=50)", 11);
  for (size_t i = 0; i < 11; ++i) {
    const double expected = 50 * std::pow(0.01 / 50, static_cast<double>(i) / 10);
    EXPECT_NEAR(expected, times[i], 1e-13 * expected);
  }
  EXPECT_EQ(0, times[11]);
}

TEST(LevelGrid, LogsnrIsEvenInLambda) {
  for (const char* spec : {"linear", "cosine", "vp", "ve", "edm", "ddpm"}) {
    const auto s = make(spec);
    const auto times = grid(*s, "logsnr", 20);
    const bool to_zero = s->at(s->ends().data, {"t"}).sigma == 0;
    const size_t last = to_zero ? 19 : 20;
    const double begin = s->at(times[0], {"t"}).lambda, end = s->at(times[last], {"t"}).lambda;
    EXPECT_EQ(s->ends().data, times[20]) << spec;
    for (size_t i = 0; i <= last; ++i) {
      const double u = static_cast<double>(i) / static_cast<double>(last);
      EXPECT_NEAR(begin + (end - begin) * u, s->at(times[i], {"t"}).lambda, 1e-11) << spec;
    }
    if (to_zero) {
      EXPECT_NEAR(6.2146080984221914, end, 1e-11) << spec;  // sigma/alpha = 0.002
    }
    const double own = s->at(s->ends().noise, {"t"}).lambda;
    EXPECT_NEAR(std::isinf(own) ? -5.1 : own, begin, 1e-11) << spec;
  }
}

TEST(LevelGrid, WorksInSigmaOverAlphaOnEverySchedule) {
  for (const char* spec : {"linear", "cosine", "vp", "ddpm"}) {
    const auto s = make(spec);
    const auto times = grid(*s, "karras(sigma_min=0.05,sigma_max=20,rho=7)", 9);
    const double high = std::pow(20, 1.0 / 7), low = std::pow(0.05, 1.0 / 7);
    for (size_t i = 0; i < 9; ++i) {
      const double expected = std::pow(high + static_cast<double>(i) / 8 * (low - high), 7);
      EXPECT_NEAR(1, level(*s, times[i]) / expected, 1e-11) << spec;
    }
  }
}

TEST(Grid, UniformIsEvenAndExactAtItsEnds) {
  const auto linear = make("linear"), edm = make("edm");
  EXPECT_EQ((std::vector<double>{0, 0.25, 0.5, 0.75, 1}), grid(*linear, "uniform", 4));
  EXPECT_EQ((std::vector<double>{80, 60, 40, 20, 0}), grid(*edm, "uniform", 4));
  for (const size_t n : {3, 7, 49, 1000}) {
    const auto times = grid(*linear, "uniform", n, 0.1, 0.7);
    EXPECT_EQ(0.1, times[0]);
    EXPECT_EQ(0.7, times[n]);
  }
}

// Any kind on any schedule that can have it, at every count: to the end, and never back.
TEST(Grid, EveryKindRunsFromNoiseToData) {
  for (const char* spec :
       {"sd15", "sd-zero-snr", "flow(shift=3)", "comfy.edm", "linear", "vp", "ve"}) {
    const auto s = make(spec);
    size_t made = 0;
    for (size_t k = 0; k < catalog_size(NWR_DOMAIN_GRID); ++k) {
      const char* name = catalog_entry(NWR_DOMAIN_GRID, k).name;
      for (const size_t n : {1, 2, 3, 10, 50}) {
        std::vector<double> times;
        try {
          times = grid(*s, name, n);
        } catch (const Error& e) {
          EXPECT_EQ(NWR_ERROR_UNSUPPORTED, e.status) << spec << " " << name << ": " << e.message;
          EXPECT_EQ(0, s->table_size()) << spec << " " << name << ": " << e.message;
          continue;
        }
        ++made;
        EXPECT_EQ(s->ends().data, times[n]) << spec << " " << name;
        for (size_t i = 0; i < n; ++i) {
          EXPECT_GT((times[i + 1] - times[i]) * s->direction(), 0)
              << spec << " " << name << " " << n << ", " << i;
        }
      }
    }
    EXPECT_GT(made, 100u) << spec;
  }
}

// By name and value.
TEST(Grid, RefusesWhatItCannotDo) {
  const auto message = [](const char* spec, const char* name, size_t n) -> std::string {
    try {
      grid(*make(spec), name, n);
    } catch (const Error& e) {
      return e.message;
    }
    return "";
  };
  EXPECT_EQ("this grid is made of indices, but cosine(s=0.008,time=to-noise) is not discrete",
            message("cosine", "simple", 4));
  EXPECT_EQ(
      "count is 12, but ddpm(beta=linear,beta_start=1e-04,beta_end=0.02,count=10) has only "
      "10 indices for its steps",
      message("ddpm(count=10)", "comfy.beta", 11));
  EXPECT_EQ("lcm: original is 40 and strength 0.1, which leave 4 indices for 5 steps",
            message("sd15", "lcm(original=40,strength=0.1)", 5));
  EXPECT_EQ("leading: offset is 1.5; it must be whole, and 10 steps allow at most 99",
            message("sd15", "leading(offset=1.5)", 10));
  EXPECT_EQ("multistep-leading: offset is 100; it must be whole, and 10 steps allow at most 99",
            message("sd15", "multistep-leading(offset=100)", 10));
  EXPECT_EQ("k.karras: offset is 100; it must be whole, and 10 steps allow at most 99",
            message("sd15", "k.karras(ends=leading,offset=100)", 10));
  EXPECT_EQ(
      "count is 12, but ddpm(beta=linear,beta_start=1e-04,beta_end=0.02,count=10) has only "
      "10 indices for its steps",
      message("ddpm(count=10)", "k.karras(ends=trailing)", 11));
  EXPECT_EQ("flux: max_tokens is 200, not above base_tokens, 256",
            message("flow", "flux(max_tokens=200)", 4));
  EXPECT_EQ("sigma_max is 0.5, below sigma_min, 0.7",
            message("flow", "k.karras(sigma_min=0.7,sigma_max=0.5)", 4));
}

TEST(Grid, EveryKindHasOneStepToo) {
  for (const char* spec : {"linear", "cosine", "vp", "ve", "edm", "ddpm"}) {
    const auto s = make(spec);
    for (const char* name :
         {"uniform", "logsnr", "karras", "exponential", "leading", "trailing", "linspace"}) {
      const bool indexed = std::string(name) == "leading" || name == std::string("trailing") ||
                           name == std::string("linspace");
      if (indexed && s->index_count() == 0) continue;
      const auto times = grid(*s, name, 1);
      SCOPED_TRACE(std::string(spec) + " " + name);
      EXPECT_EQ(s->ends().data, times[1]);
      if (name == std::string("leading")) {
        EXPECT_EQ(0, times[0]);
      } else if (name == std::string("uniform") || indexed ||
                 std::isfinite(s->at(s->ends().noise, {"t"}).lambda)) {
        EXPECT_EQ(s->ends().noise, times[0]);
      } else {
        EXPECT_NEAR(-5.1, s->at(times[0], {"t"}).lambda, 1e-12);
      }
    }
  }
}

TEST(Grid, GoesTowardsDataOnly) {
  for (const char* spec : {"linear", "cosine", "vp", "ve", "edm", "ddpm"}) {
    const auto s = make(spec);
    for (const char* name : {"uniform", "logsnr", "karras", "exponential"}) {
      for (size_t n = 1; n <= 64; ++n) {
        const auto times = grid(*s, name, n);
        EXPECT_EQ(s->ends().data, times[n]);
        for (size_t i = 0; i < n; ++i) {
          ASSERT_GT((times[i + 1] - times[i]) * s->direction(), 0) << spec << name << n;
        }
      }
    }
  }
}

TEST(Grid, TakesPartsOfTime) {
  for (const char* spec : {"linear", "cosine", "vp", "edm", "ddpm"}) {
    const auto s = make(spec);
    const double length = s->ends().data - s->ends().noise;
    const double begin = s->ends().noise + length * 0.25, end = s->ends().noise + length * 0.75;
    for (const char* name : {"uniform", "logsnr", "karras", "exponential"}) {
      const auto times = grid(*s, name, 8, begin, end);
      EXPECT_EQ(begin, times[0]) << spec << name;
      EXPECT_EQ(end, times[8]) << spec << name;
    }
  }
}

TEST(Grid, DefaultFitsTheSchedule) {
  const auto filled = [](const char* spec, bool blind) {
    const auto s = make(spec);
    std::vector<double> times(6);
    fill_default_grid(*s, blind, times.data(), times.size());
    return times;
  };
  EXPECT_EQ(grid(*make("vp"), "uniform", 5), filled("vp", false));
  EXPECT_EQ(grid(*make("vp"), "uniform", 5), filled("vp", true));
  EXPECT_EQ(grid(*make("edm"), "karras", 5), filled("edm", false));
  EXPECT_EQ(grid(*make("ddpm"), "trailing", 5), filled("ddpm", true));
  EXPECT_EQ(grid(*make("cosine"), "uniform", 5), filled("cosine", false));
  EXPECT_EQ(grid(*make("sd3"), "flow", 5), filled("sd3", false));
  EXPECT_EQ(grid(*make("svd"), "karras", 5), filled("svd", false));
  EXPECT_EQ(grid(*make("sdxl"), "trailing", 5), filled("sdxl", true));
  // A flow that begins short of pure noise keeps the proportions of its levels.
  const auto flow = filled("sd3", true);
  const double first = 1 / (1 + std::exp(-5.1));
  for (size_t i = 0; i <= 5; ++i) {
    EXPECT_NEAR(first * grid(*make("sd3"), "flow", 5)[i], flow[i], 1e-14);
  }
  const auto blind = filled("cosine", true);
  EXPECT_NEAR(-5.1, make("cosine")->at(blind[0], {"t"}).lambda, 1e-12);
  EXPECT_EQ(0, blind[5]);
}

}  // namespace
}  // namespace noisewright
