// SPDX-License-Identifier: Apache-2.0
// Owns the proof that rows are what the quantities are, and that express() solves, and refuses,
// what it should. Must not know schedules.
#include "math/rows.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

namespace noisewright {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

nwr_coeffs some_coeffs() {
  nwr_coeffs c{};
  c.alpha = 0.6, c.sigma = 0.8, c.dalpha = 1.5, c.dsigma = -0.25;
  return c;
}

Row row_of(const nwr_coeffs& c, int quantity, double diffusion2 = 0, double direction = 1) {
  Row row;
  EXPECT_TRUE(quantity_row(c, quantity, {diffusion2, direction}, &row)) << quantity;
  return row;
}

void expect_row(const Row& expected, const Row& row) {
  EXPECT_DOUBLE_EQ(expected.data, row.data);
  EXPECT_DOUBLE_EQ(expected.noise, row.noise);
  EXPECT_DOUBLE_EQ(expected.latent, row.latent);
}

double norm(const Row& r) {
  return std::max({std::fabs(r.data), std::fabs(r.noise), std::fabs(r.latent)});
}

// How far the factors miss, in units of what one rounding of each term could do.
double miss(const std::vector<Row>& known, const std::vector<double>& factors, const Row& want) {
  long double data = 0, noise = 0, latent = 0;
  double scale = norm(want);
  for (size_t i = 0; i < known.size(); ++i) {
    data += static_cast<long double>(factors[i]) * known[i].data;
    noise += static_cast<long double>(factors[i]) * known[i].noise;
    latent += static_cast<long double>(factors[i]) * known[i].latent;
    scale += std::fabs(factors[i]) * norm(known[i]);
  }
  const long double worst = std::max({std::fabs(data - static_cast<long double>(want.data)),
                                      std::fabs(noise - static_cast<long double>(want.noise)),
                                      std::fabs(latent - static_cast<long double>(want.latent))});
  return scale > 0 ? static_cast<double>(worst) / scale / std::numeric_limits<double>::epsilon()
                   : static_cast<double>(worst);
}

// The factors, with a guard behind them.
bool solve(const std::vector<Row>& known, const Row& want, std::vector<double>* factors) {
  factors->assign(known.size() + 1, 77);
  const bool found = express(known.data(), static_cast<int>(known.size()), want, factors->data());
  EXPECT_EQ(77, factors->back());
  factors->pop_back();
  return found;
}

TEST(Rows, AreTheDefinitions) {
  const nwr_coeffs c = some_coeffs();
  expect_row({0.6, 0.8, 0}, row_of(c, NWR_STATE));
  expect_row({1, 0, 0}, row_of(c, NWR_DATA));
  expect_row({0, 1, 0}, row_of(c, NWR_NOISE));
  expect_row({0, 0, 1}, row_of(c, NWR_LATENT));
  expect_row({1.5, -0.25, 0}, row_of(c, NWR_VELOCITY));
  expect_row({0, -1.25, 0}, row_of(c, NWR_SCORE));
  expect_row({-0.8, 0.6, 0}, row_of(c, NWR_ANGULAR));
  expect_row({1.5, -0.25 - 0.4 * 1.25, 0}, row_of(c, NWR_DRIFT, 0.8, 1));
  expect_row({1.5, -0.25 + 0.4 * 1.25, 0}, row_of(c, NWR_DRIFT, 0.8, -1));
  nwr_coeffs latent = c;
  latent.gamma = 0.5, latent.gamma_dgamma = 0.1;
  expect_row({0.6, 0.8, 0.5}, row_of(latent, NWR_STATE));
  expect_row({1.5, -0.25, 0.2}, row_of(latent, NWR_VELOCITY));
  expect_row({0, 0, -2}, row_of(latent, NWR_SCORE));
  expect_row({1.5, -0.25, 0.2 - 0.4 * 2}, row_of(latent, NWR_DRIFT, 0.8, 1));
}

TEST(Rows, OfTheThirdLegAreTheDefinitions) {
  nwr_coeffs c = some_coeffs();
  c.gamma = 0.5, c.gamma_dgamma = 0.1;
  expect_row({0, 0, -1}, row_of(c, NWR_NEGATIVE_LATENT));
  expect_row({1.5, -0.25, 0}, row_of(c, NWR_PATH_VELOCITY));
  expect_row({0, 0, 0.2}, row_of(c, NWR_MIRROR_VELOCITY));
  expect_row({0, 0, -0.2}, row_of(c, NWR_NAMI_MIRROR));
  expect_row({1.5, -0.25, -0.2}, row_of(c, NWR_NAMI_DRIFT));
  expect_row({1.5, -0.25, 0.2 + 0.4 * 2}, row_of(c, NWR_FORWARD_DRIFT, 0.8, 1));
  expect_row({1.5, -0.25, 0.2 - 0.4 * 2}, row_of(c, NWR_FORWARD_DRIFT, 0.8, -1));
  // Without the leg its own quantities are 0, and the rest are those of two.
  c.gamma = c.gamma_dgamma = 0;
  expect_row({0, 0, 0}, row_of(c, NWR_MIRROR_VELOCITY));
  expect_row({0, 0, 0}, row_of(c, NWR_NAMI_MIRROR));
  expect_row({1.5, -0.25, 0}, row_of(c, NWR_NAMI_DRIFT));
  expect_row({1.5, -0.25 + 0.4 * 1.25, 0}, row_of(c, NWR_FORWARD_DRIFT, 0.8, 1));
  expect_row({1.5, -0.25 - 0.4 * 1.25, 0}, row_of(c, NWR_FORWARD_DRIFT, 0.8, -1));
  // Where gamma touches 0 with a level slope, its velocity is 0 too; where it is steep, infinite.
  c.gamma_dgamma = 0.5;
  Row row{7, 7, 7};
  EXPECT_FALSE(quantity_row(c, NWR_MIRROR_VELOCITY, {}, &row));
  EXPECT_FALSE(quantity_row(c, NWR_NAMI_MIRROR, {}, &row));
  EXPECT_FALSE(quantity_row(c, NWR_NAMI_DRIFT, {}, &row));
  EXPECT_TRUE(quantity_row(c, NWR_PATH_VELOCITY, {}, &row));
  EXPECT_TRUE(quantity_row(c, NWR_NEGATIVE_LATENT, {}, &row));
}

TEST(Rows, OfAPreconditionedNetworkAreKarrass) {
  const nwr_coeffs c = some_coeffs();
  const double level = c.sigma / c.alpha;
  for (const double deviation : {0.5, 1.0, 4.0}) {
    Row f;
    ASSERT_TRUE(quantity_row(c, NWR_PRECONDITIONED, {0, 1, deviation}, &f));
    // data = c_skip (data + level noise) + c_out F, at the noise level sigma/alpha.
    const double sum = level * level + deviation * deviation;
    const double skip = deviation * deviation / sum, out = level * deviation / std::sqrt(sum);
    EXPECT_NEAR(1, skip + out * f.data, 1e-15) << deviation;
    EXPECT_NEAR(0, skip * level + out * f.noise, 1e-15) << deviation;
    EXPECT_EQ(0, f.latent);
    // Whatever the level, F has the variance of unit data and noise: that is its point.
    EXPECT_NEAR(1, f.data * f.data * deviation * deviation + f.noise * f.noise, 1e-15);
  }
  nwr_coeffs nothing{};
  Row row;
  EXPECT_FALSE(quantity_row(nothing, NWR_PRECONDITIONED, {}, &row));
}

TEST(Rows, AreRefusedWhereTheyAreInfinite) {
  Row row{7, 7, 7};
  nwr_coeffs clean{};
  clean.alpha = 1;
  EXPECT_FALSE(quantity_row(clean, NWR_SCORE, {0}, &row));
  EXPECT_FALSE(quantity_row(clean, NWR_DRIFT, {1}, &row));
  EXPECT_TRUE(quantity_row(clean, NWR_DRIFT, {0}, &row));  // no diffusion, no score
  EXPECT_TRUE(quantity_row(clean, NWR_STATE, {0}, &row));
  nwr_coeffs steep = some_coeffs();
  steep.dsigma = -kInf;
  EXPECT_FALSE(quantity_row(steep, NWR_VELOCITY, {0}, &row));
  EXPECT_TRUE(quantity_row(steep, NWR_ANGULAR, {0}, &row));
  // A bridge's latent: gamma is 0 at its ends, gamma*gamma' is not.
  nwr_coeffs end = some_coeffs();
  end.gamma_dgamma = 0.25;
  EXPECT_FALSE(quantity_row(end, NWR_VELOCITY, {0}, &row));
  for (const int unknown : {-1, 15, 2000, INT32_MIN}) {
    EXPECT_FALSE(quantity_row(some_coeffs(), unknown, {}, &row));
  }
}

TEST(Express, AKnownRowByItself) {
  const nwr_coeffs c = some_coeffs();
  std::vector<double> f;
  for (int quantity = NWR_STATE; quantity <= NWR_DRIFT; ++quantity) {
    ASSERT_TRUE(solve({row_of(c, quantity)}, row_of(c, quantity), &f));
    EXPECT_EQ(1, f[0]) << quantity;
  }
  ASSERT_TRUE(solve({{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, {3, -4, 5}, &f));
  EXPECT_EQ((std::vector<double>{3, -4, 5}), f);
  ASSERT_TRUE(solve({{0, 0, 1}, {1, 0, 0}, {0, 1, 0}}, {3, -4, 5}, &f));
  EXPECT_EQ((std::vector<double>{5, 3, -4}), f);
}

TEST(Express, NothingFromNothing) {
  std::vector<double> f;
  EXPECT_FALSE(solve({}, {1, 0, 0}, &f));
  EXPECT_TRUE(solve({}, {0, 0, 0}, &f));
  EXPECT_FALSE(solve({{0, 0, 0}}, {1, 0, 0}, &f));
  ASSERT_TRUE(solve({{0, 0, 0}, {2, 0, 0}}, {1, 0, 0}, &f));
  EXPECT_EQ(0, f[0]);
  EXPECT_EQ(0.5, f[1]);
}

TEST(Express, RefusesWhatIsNotSpanned) {
  std::vector<double> f;
  EXPECT_FALSE(solve({{1, 0, 0}}, {0, 1, 0}, &f));
  EXPECT_FALSE(solve({{1, 1, 0}}, {1, 0, 0}, &f));
  EXPECT_FALSE(solve({{1, 0, 0}, {0, 1, 0}}, {0, 0, 1e-300}, &f));
  EXPECT_FALSE(solve({{1, 2, 3}, {2, 4, 6}}, {1, 2, 4}, &f));
  EXPECT_TRUE(solve({{1, 2, 3}, {2, 4, 6}}, {3, 6, 9}, &f));
}

// Multiples that were rounded differ in their last bits, and those must not be taken for news.
TEST(Express, SeesThroughRoundingNoise) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> number(-2, 2), power(-30, 30);
  std::vector<double> f;
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    const Row a{number(random), number(random), 0};
    const double factor = number(random) * std::exp2(power(random));
    const Row b{factor * a.data, factor * a.noise, 0};
    refused += !solve({a, b}, {1, 0, 0}, &f);
  }
  EXPECT_EQ(2000, refused);
}

TEST(Express, KeepsWhatIsSmallButReal) {
  std::vector<double> f;
  for (const double gap : {1e-3, 1e-8, 1e-12}) {
    const std::vector<Row> known = {{1, 1, 0}, {1, 1 + gap, 0}};
    ASSERT_TRUE(solve(known, {1, 0, 0}, &f)) << gap;
    EXPECT_LT(miss(known, f, {1, 0, 0}), 8) << gap;
  }
  // Columns of very different size, as near the ends of time.
  for (const double tiny : {1e-8, 1e-100, 1e-300}) {
    const std::vector<Row> known = {{tiny, 1, 0}, {0, 1, 0}};
    ASSERT_TRUE(solve(known, {1, 0, 0}, &f)) << tiny;
    EXPECT_NEAR(1, f[0] * tiny, 1e-12);
    EXPECT_NEAR(1, -f[1] * tiny, 1e-12);
  }
}

TEST(Express, SolvesRandomSystems) {
  std::mt19937_64 random(2);
  std::uniform_real_distribution<double> number(-1, 1), power(-40, 40);
  double worst = 0;
  int refused = 0, outside = 0, asked_outside = 0;
  for (int i = 0; i < 20000; ++i) {
    const size_t count = 1 + static_cast<size_t>(i % kMaxKnown);
    std::vector<Row> known(count);
    Row want;
    for (Row& row : known) {
      const double scale = std::exp2(power(random));
      row = {scale * number(random), scale * number(random), scale * number(random)};
      const double weight = number(random) / scale;
      want.data += weight * row.data;
      want.noise += weight * row.noise;
      want.latent += weight * row.latent;
    }
    std::vector<double> f;
    if (!solve(known, want, &f)) {
      ++refused;
      continue;
    }
    worst = std::max(worst, miss(known, f, want));
    if (count < 3) {
      ++asked_outside;
      outside += solve(known, {number(random), number(random), number(random)}, &f);
    }
  }
  EXPECT_EQ(0, refused);
  EXPECT_LT(worst, 32);
  EXPECT_GT(asked_outside, 4000);
  EXPECT_EQ(0, outside);
}

TEST(Express, LeavesOutWhatIsNotNeeded) {
  std::vector<double> f;
  ASSERT_TRUE(solve({{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 1}}, {2, 0, 0}, &f));
  EXPECT_EQ(3, std::count(f.begin(), f.end(), 0.0));
  EXPECT_LT(miss({{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 1}}, f, {2, 0, 0}), 1);
}

TEST(Express, RefusesFactorsThatOverflow) {
  std::vector<double> f;
  EXPECT_FALSE(solve({{1e-300, 0, 0}}, {1e300, 0, 0}, &f));
}

}  // namespace
}  // namespace noisewright
