// SPDX-License-Identifier: Apache-2.0
// Owns the parts of generators by name: MT19937, the seeds of seeds, logarithm and sine by plain
// operations, PyTorch's grid, and the normals that a path's increment is made of.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <vector>

#include "math/brownian.hpp"
#include "math/elementary.hpp"
#include "math/mt19937.hpp"
#include "math/seed_sequence.hpp"
#include "math/torch_random.hpp"

namespace noisewright {
namespace {

TEST(Mt19937, HasTheStandardsWordsAndSkipsAnyNumberOfThem) {
  for (const uint32_t seed : {0u, 1u, 5489u, 0xFFFFFFFFu}) {
    std::mt19937 standard(seed);
    std::vector<uint32_t> expected(3000);
    for (uint32_t& word : expected) word = static_cast<uint32_t>(standard());
    Mt19937 ours(seed);
    for (const uint32_t word : expected) ASSERT_EQ(word, ours.next());
    for (const size_t skipped : {0u, 1u, 623u, 624u, 625u, 1248u, 2999u}) {
      Mt19937 late(seed);
      late.skip(skipped / 2);
      late.skip(skipped - skipped / 2);
      EXPECT_EQ(expected[skipped], late.next()) << skipped;
    }
  }
}

// numpy.random.SeedSequence(entropy, spawn_key=..., pool_size=24).generate_state(1)
TEST(SeedSequence, IsNumpys) {
  EXPECT_EQ(4025752534u, seed_of(0, nullptr, 0));
  EXPECT_EQ(387750627u, seed_of(42, nullptr, 0));
  EXPECT_EQ(3767116823u, seed_of(123456789, nullptr, 0));
  const uint32_t first[] = {0}, second[] = {1}, both[] = {3, 2};
  EXPECT_EQ(210786248u, seed_of(0, first, 1));
  EXPECT_EQ(3566882829u, seed_of(0, second, 1));
  EXPECT_EQ(2023183278u, seed_of(42, second, 1));
  EXPECT_EQ(2593260554u, seed_of(42, both, 2));
  const uint32_t key[] = {5};
  EXPECT_EQ(1540516610u, seed_of((uint64_t{1} << 40) + 3, key, 1));
}

TEST(Elementary, IsWithinAUnitOfTheTruth) {
  std::mt19937_64 words(1);
  for (int i = 0; i < 200000; ++i) {
    const double u = static_cast<double>((words() >> 11) + 1) * 0x1p-53;
    // Numbers near 1, where the logarithm is small, and small ones.
    const double near_one = 1 - std::ldexp(u, -static_cast<int>(words() % 50));
    for (const double x : {u, near_one, std::ldexp(u, -60), 1 + u}) {
      if (x <= 0) continue;
      const long double truth = std::log(static_cast<long double>(x));
      const double ulp = std::nextafter(std::fabs(static_cast<double>(truth)), 1e9) -
                         std::fabs(static_cast<double>(truth));
      ASSERT_LE(std::fabs(static_cast<double>(elementary_log(x) - truth)), ulp) << x;
    }
    const double angle = 7 * u;
    double sine, cosine;
    elementary_sincos(angle, &sine, &cosine);
    ASSERT_NEAR(0, static_cast<double>(sine - sinl(angle)), 1.7e-16) << angle;
    ASSERT_NEAR(0, static_cast<double>(cosine - cosl(angle)), 1.7e-16) << angle;
  }
  EXPECT_EQ(0, elementary_log(1));
}

TEST(TorchGrid, HasAsManyThreadsAsTheGpuHolds) {
  EXPECT_EQ(256, torch_grid(1, 108, 2048, Dtype::f32).threads);
  EXPECT_EQ(512, torch_grid(257, 108, 2048, Dtype::f32).threads);
  EXPECT_EQ(108 * 2048, torch_grid(int64_t{1} << 30, 108, 2048, Dtype::f32).threads);
  const TorchGrid narrow = torch_grid(5000, 2, 512, Dtype::f32);
  EXPECT_EQ(1024, narrow.threads);
  EXPECT_EQ(2u, narrow.calls(5000));
  EXPECT_EQ(1u, narrow.calls(4096));
  EXPECT_EQ(3u, torch_grid(5000, 2, 512, Dtype::f64).calls(5000));
  int place = -1;
  const PhiloxBlock words = torch_words(narrow, 9, 8, 4 * 1024 + 1024 + 3, &place);
  const PhiloxBlock expected = philox_block(9, 3, 2 + 1);
  EXPECT_EQ(1, place);
  EXPECT_TRUE(std::equal(words.word, words.word + 4, expected.word));
}

std::map<uint32_t, double> increment(uint32_t from, uint32_t to) {
  PathTerm terms[kMostPathTerms];
  const int count = path_increment(from, to, terms);
  EXPECT_LE(count, kMostPathTerms);
  const double root = std::sqrt(std::fabs(std::ldexp(static_cast<double>(to) - from, -kPathDepth)));
  std::map<uint32_t, double> out;
  for (int i = 0; i < count; ++i) {
    EXPECT_TRUE(out.emplace(terms[i].node, terms[i].factor * root).second);
  }
  return out;
}
double product(const std::map<uint32_t, double>& a, const std::map<uint32_t, double>& b) {
  double sum = 0;
  for (const auto& [node, factor] : a) {
    const auto found = b.find(node);
    if (found != b.end()) sum += factor * found->second;
  }
  return sum;
}

// The covariance of two increments is the length of what they share: that is Brownian motion.
TEST(Path, CovariancesAreTheLengthsThatAreShared) {
  std::mt19937 words(3);
  std::vector<uint32_t> places = {0, 1, kPathEnd / 2, kPathEnd - 1, kPathEnd, 12345, 12346};
  for (int i = 0; i < 8; ++i) places.push_back(static_cast<uint32_t>(words() >> 2));
  const auto length = [](uint32_t low, uint32_t high) {
    return high > low ? std::ldexp(static_cast<double>(high - low), -kPathDepth) : 0.0;
  };
  std::sort(places.begin(), places.end());
  for (const uint32_t a : places) {
    for (const uint32_t b : places) {
      if (b <= a) continue;
      const auto one = increment(a, b), back = increment(b, a);
      EXPECT_NEAR(-length(a, b), product(one, back), 1e-15 + 1e-12 * length(a, b));
      for (const uint32_t c : places) {
        for (const uint32_t d : places) {
          if (d <= c) continue;
          const double shared = length(std::max(a, c), std::min(b, d));
          EXPECT_NEAR(shared, product(one, increment(c, d)),
                      1e-12 * std::sqrt(length(a, b) * length(c, d)))
              << a << " " << b << " " << c << " " << d;
        }
      }
    }
  }
}

TEST(Path, NodesHaveKeysOfTheirOwn) {
  std::map<std::pair<uint64_t, uint64_t>, int> keys;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    for (uint64_t stream = 0; stream < 4; ++stream) {
      for (uint32_t node = 0; node < 64; ++node) {
        uint64_t a, b;
        path_key(seed, stream, node, &a, &b);
        EXPECT_EQ(1, ++keys[std::make_pair(a, b)]);
      }
    }
  }
}

}  // namespace
}  // namespace noisewright
