// SPDX-License-Identifier: Apache-2.0
// Owns the proof that random numbers are the same bits everywhere and follow their distribution.
// Must not know samplers.

#include "math/normal.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "cpu_support.hpp"

namespace noisewright {
namespace {

using test::all_kernels;
using test::make_queue;

struct KnownBlock {
  uint64_t seed, stream, block;
  float normal[4];
};

// Made by normal_block when the layout was frozen. A change here is a change of every result that
// anyone has stored a seed for.
const KnownBlock kKnown[] = {
    {0x0u, 0x0u, 0x0u, {-0x1.811098p-5f, -0x1.5accp+0f, -0x1.3c373cp-1f, 0x1.eda362p-2f}},
    {0x0u, 0x0u, 0x1u, {0x1.7254d8p-3f, -0x1.3aa6aep-3f, 0x1.a9d92ep-1f, 0x1.945b46p-3f}},
    {0x1u, 0x0u, 0x0u, {-0x1.e74aa6p-5f, -0x1.e9f7b8p-2f, -0x1.11321ep-1f, 0x1.c5a8f8p-1f}},
    {0x0u, 0x1u, 0x0u, {-0x1.d10928p-2f, -0x1.0e3ffep+0f, -0x1.2f19bep+1f, 0x1.da1b0ap-3f}},
    {0x2au, 0x7u, 0xf4240u, {0x1.cf9844p-1f, 0x1.0c4c04p-5f, -0x1.ad5956p-1f, 0x1.b9508cp-1f}},
    {0x123456789abcdefu,
     0xfedcba9876543210u,
     0xffffffffu,
     {0x1.0c491p+1f, 0x1.e8826cp-6f, -0x1.e89dc4p-2f, 0x1.028bd6p+1f}},
    {0x123456789abcdefu,
     0xfedcba9876543210u,
     0x100000000u,
     {0x1.64dc88p-2f, 0x1.f03e26p-1f, 0x1.a234dcp-1f, 0x1.4575dap-2f}},
    {0xffffffffffffffffu,
     0xffffffffffffffffu,
     0x3fffffffffffffffu,
     {0x1.0fa61ap+0f, -0x1.19ddb4p-2f, 0x1.3062bep+0f, -0x1.0cd62p-5f}},
    {0x7e8u, 0x3u, 0x123456789u, {0x1.249f2ep+0f, -0x1.6c3332p-2f, 0x1.881684p-2f, 0x1.c389d6p-1f}},
    {0x5u, 0x100000000u, 0x4du, {0x1.583ae2p-1f, -0x1.ccf662p-1f, 0x1.4e9654p-5f, 0x1.a7cd96p-3f}},
};

float normal_at(const Rng& rng, uint64_t index) {
  const uint64_t position = rng.offset + index;
  float z[4];
  normal_block(rng.seed, rng.stream, position / 4, z);
  return z[position % 4];
}

uint32_t word_at(const Rng& rng, uint64_t index) {
  const uint64_t position = rng.offset + index;
  return philox_block(rng.seed, rng.stream, position / 4).word[position % 4];
}

// Fills bytes through the backend: one row of count elements, stride in elements.
void fill_row(Queue* queue, Dtype dtype, Distribution what, const Rng& rng, int64_t count,
              void* data, int64_t stride = 1) {
  FillPlan plan;
  plan.shape.ndim = 1;
  plan.shape.extent[0] = count;
  plan.output.data = data;
  plan.output.dtype = dtype;
  plan.output.stride[0] = stride;
  plan.what = what;
  plan.rngs = &rng;
  plan.rng_count = 1;
  cpu_backend().fill(queue, plan);
}

TEST(Normal, KeepsItsFrozenBits) {
  for (const KnownBlock& known : kKnown) {
    float z[4];
    normal_block(known.seed, known.stream, known.block, z);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(z[i], known.normal[i]) << known.block << " " << i;
    for (const Kernels* kernels : all_kernels()) {
      const Rng rng = {known.seed, known.stream, known.block * 4};
      const test::QueuePtr queue = make_queue(*kernels);
      fill_row(queue.get(), Dtype::f32, Distribution::normal, rng, 4, z);
      for (int i = 0; i < 4; ++i) EXPECT_EQ(z[i], known.normal[i]) << kernels->name << " " << i;
    }
  }
}

// Starts within blocks and groups, lengths around every unit of work, and the places where the low
// word of the block number, all of it, and the position itself wrap around.
TEST(Normal, IsTheSameFromEveryInstructionSet) {
  const uint64_t wrap32 = uint64_t{1} << 34;
  const Rng rngs[] = {
      {1, 2, 0},
      {0xdeadbeefcafef00du, 0x123456789u, 1},
      {3, 4, 126},
      {~uint64_t{0}, ~uint64_t{0}, 255},
      {5, uint64_t{7} << 32, wrap32 - 333},
      {6, 8, wrap32 - 8},
      {7, 9, wrap32 * 5 - 61},
      {8, 10, wrap32 * 77777 + 2},
      {9, 11, ~uint64_t{0} - 100},
  };
  for (const Kernels* kernels : all_kernels()) {
    const test::QueuePtr queue = make_queue(*kernels);
    for (Rng rng : rngs) {
      for (const int64_t count :
           {1, 2, 3, 5, 8, 15, 16, 17, 31, 64, 127, 128, 129, 130, 517, 1000}) {
        for (int shift = 0; shift < 5; ++shift, ++rng.offset) {
          std::vector<float> z(static_cast<size_t>(count) + 2, 77.0f);
          fill_row(queue.get(), Dtype::f32, Distribution::normal, rng, count, z.data() + 1);
          ASSERT_EQ(z.front(), 77.0f);
          ASSERT_EQ(z.back(), 77.0f);
          for (int64_t i = 0; i < count; ++i) {
            ASSERT_EQ(bits_of(z[static_cast<size_t>(i) + 1]),
                      bits_of(normal_at(rng, static_cast<uint64_t>(i))))
                << kernels->name << " offset " << rng.offset << " count " << count << " at " << i;
          }
        }
      }
    }
  }
}

TEST(Normal, IsTheSameOverALongRun) {
  const Rng rng = {99, 1, 3};
  constexpr int64_t kCount = 300001;
  std::vector<float> expected(kCount);
  for (int64_t i = 0; i < kCount; ++i) {
    expected[static_cast<size_t>(i)] = normal_at(rng, static_cast<uint64_t>(i));
  }
  for (const Kernels* kernels : all_kernels()) {
    for (const uint32_t threads : {1u, 3u}) {
      std::vector<float> z(kCount);
      fill_row(make_queue(*kernels, threads).get(), Dtype::f32, Distribution::normal, rng, kCount,
               z.data());
      EXPECT_EQ(std::memcmp(z.data(), expected.data(), kCount * sizeof(float)), 0) << kernels->name;
    }
  }
}

TEST(Normal, IsTheSameNumberInEveryDtype) {
  const Rng rng = {17, 5, 2};
  constexpr int kCount = 1003;
  for (const Kernels* kernels : all_kernels()) {
    const test::QueuePtr queue = make_queue(*kernels);
    for (const Dtype dtype : test::kFloats) {
      for (const int64_t stride : {1, 3, -2}) {
        const size_t size = size_of(dtype);
        const size_t span = static_cast<size_t>(std::abs(stride)) * kCount;
        std::vector<unsigned char> bytes(span * size, 0xAB), expected = bytes;
        const int64_t first = stride < 0 ? -stride * (kCount - 1) : 0;
        fill_row(queue.get(), dtype, Distribution::normal, rng, kCount,
                 bytes.data() + static_cast<size_t>(first) * size, stride);
        for (int i = 0; i < kCount; ++i) {
          test::put(expected.data() + static_cast<size_t>(first + i * stride) * size, dtype,
                    normal_at(rng, static_cast<uint64_t>(i)));
        }
        EXPECT_EQ(bytes, expected) << kernels->name << " " << test::name_of(dtype) << " " << stride;
      }
    }
  }
}

TEST(Uniform, IsExactAndInsideInEveryDtype) {
  const Rng rng = {18, 6, 1};
  constexpr int kCount = 100003;
  for (const Kernels* kernels : all_kernels()) {
    const test::QueuePtr queue = make_queue(*kernels);
    for (const Dtype dtype : test::kFloats) {
      const size_t size = size_of(dtype);
      std::vector<unsigned char> bytes(kCount * size), expected = bytes;
      fill_row(queue.get(), dtype, Distribution::uniform, rng, kCount, bytes.data());
      for (int i = 0; i < kCount; ++i) {
        const uint32_t word = word_at(rng, static_cast<uint64_t>(i));
        const double narrow = (static_cast<double>(word >> 9) + 0.5) * 0x1p-23;
        const double wide = (static_cast<double>(word) + 0.5) * 0x1p-32;
        unsigned char* const to = expected.data() + static_cast<size_t>(i) * size;
        uint16_t half;
        switch (dtype) {
          case Dtype::f16: half = uniform_to_f16(static_cast<float>(narrow)); break;
          case Dtype::bf16: half = uniform_to_bf16(static_cast<float>(narrow)); break;
          default: half = 0; break;
        }
        if (size == 2) {
          std::memcpy(to, &half, size);
        } else if (size == 4) {
          ASSERT_EQ(static_cast<double>(static_cast<float>(narrow)), narrow);
          test::put(to, dtype, static_cast<float>(narrow));
        } else {
          test::put(to, dtype, wide);
        }
        const double u = test::get(bytes.data() + static_cast<size_t>(i) * size, dtype);
        ASSERT_TRUE(u > 0 && u < 1) << u;
      }
      EXPECT_EQ(bytes, expected) << kernels->name << " " << test::name_of(dtype);
    }
  }
}

TEST(Uniform, ExtremeWordsStayInside) {
  EXPECT_EQ(uniform32(0), 0x1p-24f);
  EXPECT_EQ(uniform32(0xFFFFFFFFu), 1 - 0x1p-24f);
  EXPECT_EQ(uniform64(0), 0x1p-33);
  EXPECT_EQ(uniform64(0xFFFFFFFFu), 1 - 0x1p-33);
}

// The same words through the formula in double.
void exact_box_muller(uint32_t x, uint32_t y, double* z0, double* z1) {
  const double u = static_cast<double>(x | 1u) * 0x1p-32;
  const double radius = std::sqrt(-2 * (u < 0.5 ? std::log(u) : std::log1p(u - 1)));
  const double angle = std::acos(0.0) * static_cast<double>((y & 0x1FFFFFFFu) | 1u) * 0x1p-30;
  double first = radius * std::cos(angle), second = radius * std::sin(angle);
  if ((y >> 29 & 1u) != 0) std::swap(first, second);
  *z0 = (y >> 31 & 1u) != 0 ? -first : first;
  *z1 = (y >> 30 & 1u) != 0 ? -second : second;
}

double error_in_ulp(float z, double exact) {
  int exponent;
  std::frexp(exact, &exponent);
  return std::fabs(static_cast<double>(z) - exact) / std::ldexp(1.0, exponent - 24);
}

// Words whose normals are known to 80 digits: the formula in double above has its digits too, and
// so may stand for them in what follows.
TEST(Normal, IsNearItsKnownValues) {
  std::ifstream file(NWR_TEST_DATA_DIR "/kat/normals.txt");
  std::string line, word[4];
  int pairs = 0;
  while (std::getline(file, line)) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream(line) >> word[0] >> word[1] >> word[2] >> word[3];
    const auto x = static_cast<uint32_t>(std::stoul(word[0], nullptr, 16));
    const auto y = static_cast<uint32_t>(std::stoul(word[1], nullptr, 16));
    const double known[] = {std::strtod(word[2].c_str(), nullptr),
                            std::strtod(word[3].c_str(), nullptr)};
    double exact[2];
    float z[2];
    exact_box_muller(x, y, &exact[0], &exact[1]);
    box_muller(x, y, &z[0], &z[1]);
    for (int i = 0; i < 2; ++i) {
      ASSERT_LT(std::fabs(exact[i] / known[i] - 1), 1e-15) << line;
      ASSERT_LT(error_in_ulp(z[i], known[i]), 5.0) << line;
    }
    ++pairs;
  }
  EXPECT_EQ(675, pairs);
}

TEST(Normal, IsAccurate) {
  double worst = 0, squares = 0;
  int64_t count = 0;
  const auto check = [&](uint32_t x, uint32_t y) {
    float z0, z1;
    double e0, e1;
    box_muller(x, y, &z0, &z1);
    exact_box_muller(x, y, &e0, &e1);
    ASSERT_TRUE(z0 != 0 && z1 != 0 && std::fabs(z0) < 6.67f && std::fabs(z1) < 6.67f);
    for (const double error : {error_in_ulp(z0, e0), error_in_ulp(z1, e1)}) {
      worst = std::max(worst, error);
      squares += error * error;
      ++count;
    }
  };
  for (uint64_t block = 0; block < 200000; ++block) {
    const PhiloxBlock p = philox_block(1, 2, block);
    check(p.word[0], p.word[1]);
    check(p.word[2], p.word[3]);
  }
  // Both ends of the radius, where the logarithm is steepest, and both ends of the octant.
  for (uint32_t i = 0; i < 30000; ++i) {
    check(i, i * 0x9E3779B9u);
    check(~i, i * 0x9E3779B9u);
    check(0x7FFFFFFFu - i, i * 0x9E3779B9u);
    check(0x80000000u + i, i * 0x9E3779B9u);
    check(i * 0x9E3779B9u, i | (i << 29));
    check(i * 0x9E3779B9u, (0x1FFFFFFFu - i) | (i << 29));
  }
  EXPECT_LT(worst, 5.0);
  EXPECT_LT(std::sqrt(squares / static_cast<double>(count)), 0.7);
}

// Greatest distance between the empirical and the exact distribution function, times sqrt(n).
template <class Cdf>
double kolmogorov(std::vector<float> x, Cdf cdf) {
  std::sort(x.begin(), x.end());
  const double n = static_cast<double>(x.size());
  double distance = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double p = cdf(static_cast<double>(x[i]));
    distance =
        std::max({distance, p - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - p});
  }
  return distance * std::sqrt(n);
}

TEST(Normal, FollowsItsDistribution) {
  constexpr size_t kCount = 1 << 20;
  const double n = static_cast<double>(kCount);
  for (const Rng rng : {Rng{2024, 0, 0}, Rng{1, uint64_t{1} << 40, 12345}}) {
    std::vector<float> z(kCount);
    fill_row(make_queue(best_kernels()).get(), Dtype::f32, Distribution::normal, rng, kCount,
             z.data());
    double moment[5] = {}, lag[9] = {};
    for (size_t i = 0; i < kCount; ++i) {
      double power = 1;
      for (double& m : moment) {
        m += power / n;
        power *= static_cast<double>(z[i]);
      }
      for (size_t d = 1; d <= 8 && i >= d; ++d) {
        lag[d] += static_cast<double>(z[i]) * static_cast<double>(z[i - d]) / n;
      }
    }
    // Four standard deviations of each estimate.
    const double limit = 4 / std::sqrt(n);
    EXPECT_LT(std::fabs(moment[1]), limit);
    EXPECT_LT(std::fabs(moment[2] - 1), limit * std::sqrt(2.0));
    EXPECT_LT(std::fabs(moment[3]), limit * std::sqrt(15.0));
    EXPECT_LT(std::fabs(moment[4] - 3), limit * std::sqrt(96.0));
    for (int d = 1; d <= 8; ++d) EXPECT_LT(std::fabs(lag[d]), limit) << d;
    EXPECT_LT(kolmogorov(z, [](double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }), 1.95);
  }
}

TEST(Uniform, FollowsItsDistribution) {
  constexpr size_t kCount = 1 << 20;
  std::vector<float> u(kCount);
  fill_row(make_queue(best_kernels()).get(), Dtype::f32, Distribution::uniform, {3, 1, 0}, kCount,
           u.data());
  EXPECT_LT(kolmogorov(u, [](double x) { return x; }), 1.95);
}

}  // namespace
}  // namespace noisewright
