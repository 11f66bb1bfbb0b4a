// SPDX-License-Identifier: Apache-2.0
// Owns the proof that grids have the steps that were asked for, where they should be. Must not know
// samplers.
#include "core/grid.hpp"

#include <gtest/gtest.h>

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

constexpr const char* kIndexed[] = {"leading", "trailing", "linspace"};

TEST(IndexGrid, HasExactlyTheStepsAskedFor) {
  const auto s = make("ddpm");
  for (size_t n = 1; n <= 1000; ++n) {
    for (const char* name : kIndexed) {
      const auto times = grid(*s, name, n);
      ASSERT_EQ(-1, times[n]) << name << n;
      for (size_t i = 0; i < n; ++i) {
        ASSERT_EQ(times[i], std::floor(times[i])) << name << n;
        ASSERT_LT(times[i + 1], times[i]) << name << n;
      }
      ASSERT_GE(times[n - 1], 0) << name << n;
      ASSERT_LE(times[0], 999) << name << n;
    }
  }
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
  const auto blind = filled("cosine", true);
  EXPECT_NEAR(-5.1, make("cosine")->at(blind[0], {"t"}).lambda, 1e-12);
  EXPECT_EQ(0, blind[5]);
}

}  // namespace
}  // namespace noisewright
