// SPDX-License-Identifier: Apache-2.0
// Owns the proof that elements are changed as math/change.hpp says, to the same bits in every
// instruction set and as CUDA does it. Must not know who asks.
#include "math/change.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "../cuda/emulation.hpp"
#include "cpu_support.hpp"

namespace noisewright {
namespace {

TEST(Exp, IsWithinAnUlpOfTheExactValue) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> narrow(-1, 1), wide(-708, 709);
  for (int i = 0; i < 200000; ++i) {
    const double x = i % 2 ? narrow(random) : wide(random);
    const long double exact = std::exp(static_cast<long double>(x));
    const double ulp =
        std::nextafter(static_cast<double>(exact), HUGE_VAL) - static_cast<double>(exact);
    ASSERT_LE(std::fabs(static_cast<double>(static_cast<long double>(elementary_exp(x)) - exact)),
              ulp)
        << x;
  }
  EXPECT_EQ(elementary_exp(0.0), 1);
  EXPECT_EQ(elementary_exp(-HUGE_VAL), 0);
  EXPECT_EQ(elementary_exp(-745.2), 0);
  EXPECT_GT(elementary_exp(-745), 0);
  EXPECT_EQ(elementary_exp(709.8), HUGE_VAL);
  EXPECT_EQ(elementary_exp(HUGE_VAL), HUGE_VAL);
  EXPECT_TRUE(std::isfinite(elementary_exp(709.78)));
  EXPECT_TRUE(std::isnan(elementary_exp(NAN)));
}

struct Arrays {
  Dtype dtype;
  std::vector<unsigned char> array, other, mask;
};

Arrays random_arrays(Dtype dtype, size_t count) {
  std::mt19937_64 random(count);
  std::normal_distribution<double> normal(0, 2);
  Arrays a{dtype, std::vector<unsigned char>(count * size_of(dtype)), {}, {}};
  a.other.resize(count * 4);
  a.mask.resize(count * size_of(dtype));
  for (size_t i = 0; i < count; ++i) {
    test::put(&a.array[i * size_of(dtype)], dtype, normal(random));
    test::put(&a.other[i * 4], Dtype::f32, static_cast<float>(normal(random)));
    test::put(&a.mask[i * size_of(dtype)], dtype, static_cast<double>(i % 5) / 4);
  }
  test::put(&a.array[(count - 1) * size_of(dtype)], dtype, std::nan(""));
  return a;
}

TEST(Change, IsTheSameEverywhereAndWhatItSays) {
  const double numbers[] = {0.5, 1.75, 4}, rows[] = {0.25, 0.5, -0.5, 0.125, 0, 0};
  for (const Dtype dtype : test::kFloats) {
    for (const Change what : {Change::clip, Change::scale, Change::spread, Change::blend}) {
      for (const int64_t inner : {1, 7, 64, 1001}) {
        const int64_t batch = 3;
        const auto count = static_cast<size_t>(batch * inner);
        const Arrays given = random_arrays(dtype, count);
        Arrays now = given;
        ChangePlan plan;
        plan.shape.ndim = 2;
        plan.shape.extent[0] = batch;
        plan.shape.extent[1] = inner;
        plan.array.dtype = dtype;
        plan.mask.dtype = dtype;
        for (View* view : {&plan.array, &plan.other, &plan.mask}) {
          view->stride[0] = inner;
          view->stride[1] = 1;
        }
        plan.what = what;
        plan.bound = what == Change::clip ? 1.5 : 2;
        plan.numbers = numbers;
        plan.rows = rows;
        plan.row_count = batch;
        const auto changed = [&](auto&& change) {
          now = given;
          plan.array.data = now.array.data();
          plan.other.data = now.other.data();
          plan.mask.data = now.mask.data();
          change();
          return now.array;
        };
        const auto cuda = changed([&] { test::emulated_change(plan); });
        for (const Kernels* kernels : test::all_kernels()) {
          const auto cpu = changed([&] {
            EXPECT_EQ(cpu_backend().change(test::make_queue(*kernels).get(), plan), NWR_OK);
          });
          ASSERT_EQ(cpu, cuda) << kernels->name << " " << test::name_of(dtype) << " " << inner;
        }
        for (size_t i = 0; i < count; ++i) {
          const double x = test::get(&given.array[i * size_of(dtype)], dtype);
          const double v = test::get(&given.other[i * 4], Dtype::f32);
          const size_t row = i / static_cast<size_t>(inner);
          const double s = std::fmin(std::fmax(numbers[row], 1), 2);
          const double m = test::get(&given.mask[i * size_of(dtype)], dtype);
          const double want = what == Change::clip    ? std::fmin(std::fmax(x, -1.5), 1.5)
                              : what == Change::scale ? std::fmin(std::fmax(x, -s), s) / s
                              : what == Change::spread
                                  ? x * std::exp(rows[2 * row] + rows[2 * row + 1] * v)
                                  : (m == 0 ? 0 : m * x) + (1 - m) * v;
          const double found = test::get(&cuda[i * size_of(dtype)], dtype);
          if (std::isnan(x) && (what != Change::blend || m != 0)) {
            ASSERT_TRUE(std::isnan(found));
          } else {
            const double rounding = dtype == Dtype::bf16  ? 8e-3
                                    : dtype == Dtype::f16 ? 1e-3
                                    : dtype == Dtype::f32 ? 2e-7
                                                          : 1e-15;
            const double parts = what == Change::blend ? std::fabs(x) + std::fabs(v) : 0;
            ASSERT_NEAR(found, want, rounding * std::fmax(std::fabs(want), parts));
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace noisewright
