// SPDX-License-Identifier: Apache-2.0
// Owns the proof of the quantiles: closed forms, symmetry, and the way back. Must not know grids.
#include "core/quantile.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace noisewright {
namespace {

constexpr double kHalfPi = 1.57079632679489661923;

TEST(NormalQuantile, InvertsTheDistributionFunction) {
  for (const double p : {1e-300, 1e-20, 1e-9, 1e-3, 0.02425, 0.1, 0.25, 0.4, 0.49, 0.4999}) {
    const double z = normal_quantile(p);
    EXPECT_NEAR(1, std::erfc(-z / std::sqrt(2.0)) / 2 / p, 1e-12) << p;
    if (p > 1e-9) {
      EXPECT_NEAR(-z, normal_quantile(1 - p), 1e-12) << p;
    }
  }
  // Of the tables, to 16 digits.
  EXPECT_NEAR(-1.2815515655446004, normal_quantile(0.1), 1e-15);
  EXPECT_NEAR(-1.9599639845400545, normal_quantile(0.025), 2e-15);
  EXPECT_EQ(0, normal_quantile(0.5));
  EXPECT_EQ(-std::numeric_limits<double>::infinity(), normal_quantile(0));
  EXPECT_EQ(std::numeric_limits<double>::infinity(), normal_quantile(1));
}

TEST(BetaQuantile, EqualsItsClosedForms) {
  for (int i = 1; i < 200; ++i) {
    const double p = i / 200.0;
    const double sine = std::sin(kHalfPi * p);
    EXPECT_NEAR(1, beta_quantile(p, 0.5, 0.5) / (sine * sine), 1e-12) << p;
    for (const double k : {0.05, 0.6, 1.0, 7.0, 300.0}) {
      EXPECT_NEAR(1, beta_quantile(p, k, 1) / std::pow(p, 1 / k), 1e-12) << p << ", " << k;
      const double lower = -std::expm1(std::log1p(-p) / k);
      EXPECT_NEAR(lower, beta_quantile(p, 1, k), 1e-12 * lower + 1e-16) << p << ", " << k;
    }
    // Beta(2, 2) lies below x with probability 3x^2 - 2x^3.
    const double x = beta_quantile(p, 2, 2);
    EXPECT_NEAR(p, x * x * (3 - 2 * x), 1e-14) << p;
    EXPECT_NEAR(1, beta_quantile(p, 0.6, 0.6) + beta_quantile(1 - p, 0.6, 0.6), 1e-14) << p;
  }
}

// Where 1 - 0.25 and 1 - 0.75 of Beta(0.6, 0.6) lie, as diffusers' SciPy has them.
TEST(BetaQuantile, EqualsARecordedOne) {
  const double high = 14.614641229333639, low = 0.029167158151720367;
  EXPECT_NEAR(10.597607817837726, low + beta_quantile(2.0 / 3, 0.6, 0.6) * (high - low), 1e-12);
  EXPECT_NEAR(4.046200569647634, low + beta_quantile(1.0 / 3, 0.6, 0.6) * (high - low), 1e-12);
}

TEST(BetaQuantile, IsExactAtItsEndsAndInTheMiddle) {
  EXPECT_EQ(0, beta_quantile(0, 0.6, 0.6));
  EXPECT_EQ(1, beta_quantile(1, 0.6, 0.6));
  EXPECT_EQ(0.5, beta_quantile(0.5, 0.6, 0.6));
  EXPECT_EQ(0.5, beta_quantile(0.5, 33, 33));
}

TEST(BetaQuantile, Rises) {
  for (const double a : {0.05, 0.6, 3.0, 200.0}) {
    for (const double b : {0.05, 0.6, 3.0, 200.0}) {
      double before = 0;
      for (int i = 1; i < 500; ++i) {
        const double x = beta_quantile(i / 500.0, a, b);
        EXPECT_GE(x, before) << a << ", " << b << ", " << i;
        before = x;
      }
    }
  }
}

}  // namespace
}  // namespace noisewright
