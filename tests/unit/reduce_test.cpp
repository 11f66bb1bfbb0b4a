// SPDX-License-Identifier: Apache-2.0
// Owns the proof that reductions follow the tree of math/reduce.hpp bit for bit, whatever threads,
// instruction sets, strides and batches, and that quantiles are exact. Must not know who asks.
#include "math/reduce.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "../cuda/emulation.hpp"
#include "cpu_support.hpp"

namespace noisewright {
namespace {

using test::all_kernels;
using test::make_queue;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

// Numbers stored as a dtype, with what is read back.
struct Data {
  Dtype dtype;
  std::vector<unsigned char> bytes;
  std::vector<double> values;

  Data(Dtype type, const std::vector<double>& numbers) : dtype(type) {
    bytes.resize(numbers.size() * size_of(type));
    for (size_t i = 0; i < numbers.size(); ++i) {
      test::put(&bytes[i * size_of(type)], type, numbers[i]);
      values.push_back(test::get(&bytes[i * size_of(type)], type));
    }
  }
};

std::vector<double> random_numbers(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<double> numbers(count);
  for (double& x : numbers) x = normal(random);
  return numbers;
}

View view_of(const Data& data, int64_t inner) {
  View view;
  view.data = const_cast<unsigned char*>(data.bytes.data());
  view.dtype = data.dtype;
  view.stride[0] = inner;
  view.stride[1] = 1;
  return view;
}

ReducePlan plan_of(const Data& data, int64_t batch, Reduction what, double quantile = 0) {
  ReducePlan plan;
  plan.shape.ndim = 2;
  plan.shape.extent[0] = batch;
  plan.shape.extent[1] = static_cast<int64_t>(data.values.size()) / batch;
  plan.input[0] = view_of(data, plan.shape.extent[1]);
  plan.what = what;
  plan.quantile = quantile;
  return plan;
}

std::vector<double> run(ReducePlan plan, const Kernels& kernels = best_kernels(),
                        uint32_t threads = 1) {
  const auto numbers = static_cast<size_t>(reduced_numbers(plan.what, plan.input_count));
  std::vector<double> result(
      static_cast<size_t>(plan.per_sample ? plan.shape.batch() : 1) * numbers, -1);
  std::vector<double> scratch((reduce_scratch(plan) + 7) / 8);
  plan.result = result.data();
  plan.scratch = scratch.data();
  EXPECT_EQ(cpu_backend().reduce(make_queue(kernels, threads).get(), plan), NWR_OK);
  const std::vector<double> made = result;
  std::fill(result.begin(), result.end(), -1);
  std::fill(scratch.begin(), scratch.end(), kNaN);
  test::emulated_reduce(plan);
  EXPECT_EQ(std::memcmp(made.data(), result.data(), 8 * made.size()), 0) << "as CUDA does it";
  return result;
}

// The tree as its comment tells it, one level at a time.
double tree(std::vector<double> level, bool largest) {
  bool first = true;
  do {
    std::vector<double> next;
    for (size_t begin = 0; begin < level.size(); begin += 4096) {
      const size_t end = std::min(level.size(), begin + 4096);
      std::vector<double> lane(32, 0.0);
      for (size_t i = begin; i < end; ++i) {
        double& l = lane[(i - begin) % 32];
        const double x = std::fabs(level[i]);
        l = largest ? std::fmax(l, x) : l + (first ? x * x : level[i]);
      }
      for (size_t half = 16; half > 0; half /= 2) {
        for (size_t i = 0; i < half; ++i) {
          lane[i] = largest ? std::fmax(lane[i], lane[i + half]) : lane[i] + lane[i + half];
        }
      }
      next.push_back(lane[0]);
    }
    level = next;
    first = false;
  } while (level.size() > 1);
  return level[0];
}

double sorted_quantile(std::vector<double> values, double q) {
  for (double& x : values) x = std::fabs(x);
  std::sort(values.begin(), values.end());
  const double place = q * static_cast<double>(values.size() - 1);
  const auto low = static_cast<size_t>(place);
  const double fraction = place - static_cast<double>(low);
  if (fraction == 0 || values[low] == values[low + 1]) return values[low];
  return values[low] + (values[low + 1] - values[low]) * fraction;
}

const size_t kCounts[] = {1, 31, 32, 33, 4095, 4096, 4097, 3 * 4096 + 77, 20000};

TEST(Reduce, FollowsItsTreeInEveryInstructionSet) {
  for (const Dtype dtype : test::kFloats) {
    for (const size_t count : kCounts) {
      const Data data(dtype, random_numbers(count, count));
      for (const bool largest : {false, true}) {
        const double want = tree(data.values, largest);
        const auto what = largest ? Reduction::max_abs : Reduction::sum_of_squares;
        for (const Kernels* kernels : all_kernels()) {
          EXPECT_EQ(run(plan_of(data, 1, what), *kernels)[0], want)
              << kernels->name << " " << test::name_of(dtype) << " " << count;
        }
      }
    }
  }
}

TEST(Reduce, HasSeveralLevelsAndThreads) {
  const size_t count = 4096 * 4096 + 5 * 4096 + 11;
  const Data data(Dtype::f16, random_numbers(count, 5));
  const double want = tree(data.values, false);
  for (const uint32_t threads : {1u, 2u, 3u}) {
    EXPECT_EQ(run(plan_of(data, 1, Reduction::sum_of_squares), best_kernels(), threads)[0], want);
  }
  EXPECT_EQ(run(plan_of(data, 1, Reduction::max_abs))[0], tree(data.values, true));
}

TEST(Reduce, TakesASampleAsItWouldAlone) {
  const size_t inner = 2 * 4096 + 129, batch = 5;
  const Data all(Dtype::f32, random_numbers(batch * inner, 7));
  for (const auto what : {Reduction::sum_of_squares, Reduction::max_abs, Reduction::quantile_abs}) {
    for (const uint32_t threads : {1u, 3u}) {
      const auto together = run(plan_of(all, batch, what, 0.9), best_kernels(), threads);
      for (size_t b = 0; b < batch; ++b) {
        const Data one(Dtype::f32,
                       {all.values.begin() + static_cast<std::ptrdiff_t>(b * inner),
                        all.values.begin() + static_cast<std::ptrdiff_t>((b + 1) * inner)});
        EXPECT_EQ(together[b], run(plan_of(one, 1, what, 0.9))[0]);
      }
    }
  }
}

TEST(Reduce, OfTheWholeBatchIsOfOneLongSample) {
  const Data data(Dtype::bf16, random_numbers(6 * 5000, 8));
  for (const auto what : {Reduction::sum_of_squares, Reduction::max_abs, Reduction::quantile_abs}) {
    ReducePlan plan = plan_of(data, 6, what, 0.25);
    plan.per_sample = false;
    EXPECT_EQ(run(plan), run(plan_of(data, 1, what, 0.25)));
  }
}

TEST(Reduce, DoesNotSeeStrides) {
  // [2, 3, 70, 50], last axis first in memory, with gaps and an odd start.
  const int64_t extent[] = {2, 3, 70, 50};
  const std::vector<double> numbers = random_numbers(2 * 3 * 70 * 50, 9);
  for (const Dtype dtype : test::kFloats) {
    const Data plain(dtype, numbers);
    ReducePlan plan = plan_of(plain, 2, Reduction::sum_of_squares);
    ReducePlan wild = plan;
    wild.shape.ndim = 4;
    std::copy(extent, extent + 4, wild.shape.extent);
    const int64_t stride[] = {1, 2, 7, -7 * 70};
    std::copy(stride, stride + 4, wild.input[0].stride);
    const size_t size = size_of(dtype);
    std::vector<unsigned char> bytes((2 + 2 * 3 + 7 * 70 * 50) * size + 1);
    unsigned char* const first = bytes.data() + 1 + 7 * 70 * 49 * size;
    wild.input[0].data = first;
    for (int64_t i = 0; i < wild.shape.count(); ++i) {
      int64_t offset = 0, rest = i;
      for (int a = 3; a >= 0; --a) {
        offset += rest % extent[a] * stride[a];
        rest /= extent[a];
      }
      std::memcpy(first + offset * static_cast<int64_t>(size),
                  &plain.bytes[static_cast<size_t>(i) * size], size);
    }
    for (const auto what :
         {Reduction::sum_of_squares, Reduction::max_abs, Reduction::quantile_abs}) {
      plan.what = wild.what = what;
      plan.quantile = wild.quantile = 0.995;
      for (const Kernels* kernels : all_kernels()) EXPECT_EQ(run(wild, *kernels), run(plan));
    }
  }
}

TEST(Reduce, QuantilesAreExact) {
  for (const Dtype dtype : test::kFloats) {
    for (const size_t count : kCounts) {
      std::vector<double> numbers = random_numbers(count, count + 1);
      for (size_t i = 0; i < count; i += 3) numbers[i] = 0.5;  // ties
      const Data data(dtype, numbers);
      for (const double q : {0.0, 0.1, 0.5, 0.9, 0.995, 1.0}) {
        EXPECT_EQ(run(plan_of(data, 1, Reduction::quantile_abs, q))[0],
                  sorted_quantile(data.values, q))
            << test::name_of(dtype) << " " << count << " " << q;
      }
    }
  }
}

// Quantiles are looked for where a few elements, an odd number apart, suggest.
TEST(Reduce, QuantilesAreExactWhereAFewElementsMislead) {
  const size_t count = 40000;
  const std::vector<double> numbers = random_numbers(count, 12);
  for (const Dtype dtype : test::kFloats) {
    for (const double odd_ones : {0.0, 1e-3, 0.7, 50.0, kInf}) {
      for (const size_t apart : {size_t{1}, size_t{39}, count}) {
        std::vector<double> misleading = numbers;
        for (size_t i = 0; i < count; i += apart) misleading[i] = odd_ones;
        const Data data(dtype, misleading);
        for (const double q : {0.0, 0.2, 0.5, 0.98, 0.9995, 1.0}) {
          const double want = sorted_quantile(data.values, q);
          for (const Kernels* kernels : all_kernels()) {
            EXPECT_EQ(run(plan_of(data, 1, Reduction::quantile_abs, q), *kernels)[0], want)
                << kernels->name << " " << test::name_of(dtype) << " " << odd_ones << " " << apart
                << " " << q;
          }
        }
      }
    }
  }
}

TEST(Reduce, OfZerosAndSubnormals) {
  const Data data(Dtype::f64, {-0.0, 0.0, -5e-324, 3e-310});
  EXPECT_EQ(run(plan_of(data, 1, Reduction::max_abs))[0], 3e-310);
  EXPECT_EQ(run(plan_of(data, 1, Reduction::quantile_abs, 2.0 / 3))[0], 5e-324);
  EXPECT_EQ(run(plan_of(data, 4, Reduction::max_abs)), (std::vector<double>{0, 0, 5e-324, 3e-310}));
  EXPECT_FALSE(std::signbit(run(plan_of(data, 4, Reduction::max_abs))[0]));
}

TEST(Reduce, KeepsANaNToItsSample) {
  for (const Dtype dtype : test::kFloats) {
    for (const size_t place : {size_t{0}, size_t{4100}, size_t{4999}}) {
      std::vector<double> numbers = random_numbers(3 * 5000, 11);
      numbers[5000 + place] = kNaN;
      numbers[10000 + place] = -kInf;
      const Data data(dtype, numbers);
      for (const auto what :
           {Reduction::sum_of_squares, Reduction::max_abs, Reduction::quantile_abs}) {
        for (const Kernels* kernels : all_kernels()) {
          const auto result = run(plan_of(data, 3, what, 1), *kernels);
          EXPECT_TRUE(std::isfinite(result[0]));
          EXPECT_TRUE(std::isnan(result[1]));
          EXPECT_EQ(result[2], kInf);
        }
      }
      EXPECT_TRUE(std::isnan(run(plan_of(data, 3, Reduction::quantile_abs, 0))[1]));
    }
  }
}

// Sums in the order of the tree, of any term.
template <class Term>
double tree_of(size_t count, const Term& term) {
  std::vector<double> level(count);
  for (size_t i = 0; i < count; ++i) level[i] = term(i);
  do {
    std::vector<double> next;
    for (size_t begin = 0; begin < level.size(); begin += 4096) {
      const size_t end = std::min(level.size(), begin + 4096);
      std::vector<double> lane(32, 0.0);
      for (size_t i = begin; i < end; ++i) lane[(i - begin) % 32] += level[i];
      for (size_t half = 16; half > 0; half /= 2) {
        for (size_t i = 0; i < half; ++i) lane[i] += lane[i + half];
      }
      next.push_back(lane[0]);
    }
    level = next;
  } while (level.size() > 1);
  return level[0];
}

TEST(Reduce, GramOfOneToThreeArrays) {
  for (const size_t inner : {size_t{1}, size_t{33}, size_t{4096}, size_t{9001}}) {
    const size_t batch = 2;
    // Of three types, the second in reverse.
    const Data a(Dtype::f32, random_numbers(batch * inner, 21)),
        b(Dtype::bf16, random_numbers(batch * inner, 22)),
        c(Dtype::f64, random_numbers(batch * inner, 23));
    const std::vector<double>* const values[] = {&a.values, &b.values, &c.values};
    for (int inputs = 1; inputs <= 3; ++inputs) {
      ReducePlan plan = plan_of(a, static_cast<int64_t>(batch), Reduction::gram);
      plan.input_count = inputs;
      plan.input[1] = view_of(b, static_cast<int64_t>(inner));
      plan.input[1].data = const_cast<unsigned char*>(b.bytes.data() + 2 * (inner - 1));
      plan.input[1].stride[1] = -1;
      plan.input[2] = view_of(c, static_cast<int64_t>(inner));
      for (const Kernels* kernels : all_kernels()) {
        const auto found = run(plan, *kernels, 2);
        size_t place = 0;
        for (size_t row = 0; row < batch; ++row) {
          const auto at = [&](int k, size_t i) {
            const size_t index = k == 1 ? inner - 1 - i : i;
            return (*values[k])[row * inner + index];
          };
          for (int k = 0; k < inputs; ++k) {
            EXPECT_EQ(found[place++], tree_of(inner, [&](size_t i) { return at(k, i); }));
          }
          for (int k = 0; k < inputs; ++k) {
            for (int l = k; l < inputs; ++l) {
              EXPECT_EQ(found[place++],
                        tree_of(inner, [&](size_t i) { return at(k, i) * at(l, i); }))
                  << kernels->name << " " << inner << " " << k << " " << l;
            }
          }
        }
        EXPECT_EQ(place, found.size());
      }
    }
  }
}

TEST(Reduce, ErrorsOnTheScaleOfTolerances) {
  const size_t count = 5000;
  const Data low(Dtype::f64, random_numbers(count, 31)),
      high(Dtype::f32, random_numbers(count, 32)), before(Dtype::f32, random_numbers(count, 33));
  ReducePlan plan = plan_of(low, 2, Reduction::error_largest);
  plan.per_sample = false;
  plan.input_count = 3;
  plan.input[1] = view_of(high, count / 2);
  plan.input[2] = view_of(before, count / 2);
  plan.rtol = 0.05;
  plan.atol = 0.0078;
  const auto square = [](double x) { return x * x; };
  for (const Kernels* kernels : all_kernels()) {
    plan.what = Reduction::error_largest;
    EXPECT_EQ(run(plan, *kernels)[0], tree_of(count, [&](size_t i) {
                const double reach =
                    std::fmax(std::fabs(low.values[i]), std::fabs(before.values[i]));
                return square((low.values[i] - high.values[i]) / std::fmax(0.0078, 0.05 * reach));
              }));
    plan.what = Reduction::error_sum;
    EXPECT_EQ(run(plan, *kernels)[0], tree_of(count, [&](size_t i) {
                const double reach =
                    std::fmax(std::fabs(high.values[i]), std::fabs(before.values[i]));
                return square((low.values[i] - high.values[i]) / (0.0078 + 0.05 * reach));
              }));
  }
}

}  // namespace
}  // namespace noisewright
