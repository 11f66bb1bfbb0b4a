// SPDX-License-Identifier: Apache-2.0
// Owns the proof that 16-bit conversions round once, to nearest even, everywhere.
// Must not know the backends.

#include "math/half.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

namespace noisewright {
namespace {

// A 16-bit format as its definition has it; the reference for both.
struct Format {
  int exponent_bits;
  int mantissa_bits;
  uint16_t nan;
  float (*widen)(uint16_t);
  uint16_t (*from_f32)(float);
  uint16_t (*from_f64)(double);

  int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  int infinity() const { return ((1 << exponent_bits) - 1) << mantissa_bits; }

  double value(uint16_t h) const {
    const int mantissa = h & ((1 << mantissa_bits) - 1);
    const int exponent = (h & 0x7FFF) >> mantissa_bits;
    double x;
    if (exponent == (1 << exponent_bits) - 1) {
      x = mantissa != 0 ? std::nan("") : std::numeric_limits<double>::infinity();
    } else if (exponent == 0) {
      x = std::ldexp(mantissa, 1 - bias() - mantissa_bits);
    } else {
      x = std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias() - mantissa_bits);
    }
    return (h & 0x8000) != 0 ? -x : x;
  }

  // What lies one step beyond the largest finite number, where rounding to infinity begins to tie.
  double beyond(uint16_t h) const {
    return h + 1 == infinity() ? std::ldexp(1.0, bias() + 1) : value(static_cast<uint16_t>(h + 1));
  }
};

const Format kF16 = {5, 10, kNanF16, f16_to_f32, f32_to_f16, f64_to_f16};
const Format kBf16 = {8, 7, kNanBf16, bf16_to_f32, f32_to_bf16, f64_to_bf16};

class Half : public testing::TestWithParam<const Format*> {};

TEST_P(Half, WidensEveryPatternExactly) {
  const Format& format = *GetParam();
  for (uint32_t u = 0; u < 0x10000; ++u) {
    const uint16_t h = static_cast<uint16_t>(u);
    const double expected = format.value(h);
    const float x = format.widen(h);
    if (std::isnan(expected)) {
      // Quiet, with the sign and the payload.
      EXPECT_TRUE(std::isnan(x)) << std::hex << u;
      EXPECT_EQ(bits_of(x) & 0x80400000u, (u & 0x8000u) << 16 | 0x400000u) << std::hex << u;
      const uint32_t payload = (u & ((1u << format.mantissa_bits) - 1))
                               << (23 - format.mantissa_bits);
      EXPECT_EQ(bits_of(x) & 0x3FFFFFu, payload & 0x3FFFFFu) << std::hex << u;
    } else {
      EXPECT_EQ(static_cast<double>(x), expected) << std::hex << u;
      EXPECT_EQ(std::signbit(x), std::signbit(expected)) << std::hex << u;
    }
  }
}

TEST_P(Half, NarrowsEveryPatternBack) {
  const Format& format = *GetParam();
  for (uint32_t u = 0; u < 0x10000; ++u) {
    const uint16_t h = static_cast<uint16_t>(u);
    const float x = format.widen(h);
    const uint16_t expected = std::isnan(x) ? format.nan : h;
    EXPECT_EQ(format.from_f32(x), expected) << std::hex << u;
    EXPECT_EQ(format.from_f64(x), expected) << std::hex << u;
  }
}

// Between each two neighbours: the tie goes to the even one, and the least departure from the tie
// decides. In double that departure is far below what a float can show.
TEST_P(Half, RoundsTiesToEvenAndAllElseToNearest) {
  const Format& format = *GetParam();
  for (int u = 0; u < format.infinity(); ++u) {
    const uint16_t low = static_cast<uint16_t>(u);
    const uint16_t high = static_cast<uint16_t>(u + 1);
    const uint16_t even = (u & 1) == 0 ? low : high;
    const double tie = (format.value(low) + format.beyond(low)) / 2;
    for (const double sign : {1.0, -1.0}) {
      const uint16_t mark = sign < 0 ? 0x8000 : 0;
      const double below = std::nextafter(tie, 0.0), above = std::nextafter(tie, INFINITY);
      EXPECT_EQ(format.from_f64(sign * tie), even | mark) << u;
      EXPECT_EQ(format.from_f64(sign * below), low | mark) << u;
      EXPECT_EQ(format.from_f64(sign * above), high | mark) << u;
      const float tie32 = static_cast<float>(tie);
      ASSERT_EQ(static_cast<double>(tie32), tie);
      const float sign32 = static_cast<float>(sign);
      EXPECT_EQ(format.from_f32(sign32 * tie32), even | mark) << u;
      EXPECT_EQ(format.from_f32(sign32 * std::nextafter(tie32, 0.0f)), low | mark) << u;
      EXPECT_EQ(format.from_f32(sign32 * std::nextafter(tie32, INFINITY)), high | mark) << u;
    }
  }
}

TEST_P(Half, KeepsTheEndsOfTheRange) {
  const Format& format = *GetParam();
  const uint16_t infinity = static_cast<uint16_t>(format.infinity());
  EXPECT_EQ(format.from_f64(1e300), infinity);
  EXPECT_EQ(format.from_f64(-1e300), infinity | 0x8000);
  EXPECT_EQ(format.from_f64(std::numeric_limits<double>::infinity()), infinity);
  EXPECT_EQ(format.from_f32(-std::numeric_limits<float>::infinity()), infinity | 0x8000);
  EXPECT_EQ(format.from_f64(1e-300), 0);
  EXPECT_EQ(format.from_f64(-1e-300), 0x8000);
  EXPECT_EQ(format.from_f64(-0.0), 0x8000);
  EXPECT_EQ(format.from_f32(std::numeric_limits<float>::denorm_min()), 0);
  for (const float sign : {1.0f, -1.0f}) {
    const float nan = std::copysign(float_of(0x7F800001u), sign);
    EXPECT_EQ(format.from_f32(nan), format.nan);
    EXPECT_EQ(format.from_f64(static_cast<double>(nan)), format.nan);
  }
}

TEST_P(Half, RoundsRandomNumbersToTheNearest) {
  const Format& format = *GetParam();
  std::mt19937_64 random(7);
  for (int i = 0; i < 200000; ++i) {
    const int lowest = 1 - format.bias() - format.mantissa_bits - 3;
    const int exponent =
        lowest + static_cast<int>(random() % static_cast<uint64_t>(format.bias() - lowest));
    const double x = std::ldexp(1.0 + static_cast<double>(random() >> 12) * 0x1p-52, exponent);
    const uint16_t h = format.from_f64(x);
    const double error = std::fabs(format.value(h) - x);
    ASSERT_LT(h, format.infinity());
    EXPECT_LE(error, std::fabs(format.beyond(h) - x));
    if (h > 0) {
      EXPECT_LE(error, std::fabs(format.value(static_cast<uint16_t>(h - 1)) - x));
    }
    EXPECT_EQ(format.from_f32(static_cast<float>(x)), format.from_f64(static_cast<float>(x)));
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, Half, testing::Values(&kF16, &kBf16),
                         [](const auto& test) { return test.param == &kF16 ? "f16" : "bf16"; });

TEST(HalfOfDouble, DoesNotRoundTwice) {
  // Just above a tie: as a float it is the tie, which would go down to even.
  EXPECT_EQ(f64_to_f16(1.0 + 0x1p-11 + 0x1p-40), 0x3C01);
  EXPECT_EQ(f32_to_f16(static_cast<float>(1.0 + 0x1p-11 + 0x1p-40)), 0x3C00);
  EXPECT_EQ(f64_to_bf16(1.0 + 0x1p-8 + 0x1p-40), 0x3F81);
  EXPECT_EQ(f32_to_bf16(static_cast<float>(1.0 + 0x1p-8 + 0x1p-40)), 0x3F80);
}

TEST(UniformToHalf, TruncatesAndStaysInside) {
  for (uint32_t word = 0; word < 1u << 23; word += 5) {
    const float u = (static_cast<float>(word) + 0.5f) * 0x1p-23f;
    const uint16_t f16 = uniform_to_f16(u), bf16 = uniform_to_bf16(u);
    ASSERT_GT(f16, 0);
    ASSERT_GT(bf16, 0);
    ASSERT_LE(kF16.value(f16), u);
    ASSERT_LE(kBf16.value(bf16), u);
    ASSERT_GT(kF16.beyond(f16), u);
    ASSERT_GT(kBf16.beyond(bf16), u);
  }
  EXPECT_EQ(uniform_to_f16(0x1p-24f), 1);
  EXPECT_EQ(uniform_to_f16(1 - 0x1p-24f), 0x3BFF);
  EXPECT_EQ(uniform_to_bf16(1 - 0x1p-24f), 0x3F7F);
}

}  // namespace
}  // namespace noisewright
