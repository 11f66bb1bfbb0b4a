// SPDX-License-Identifier: Apache-2.0
// Owns the proof that factors of guidance are those of their papers and the same as CUDA makes
// them. Must not know samplers.
#include "math/guidance.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "../cuda/emulation.hpp"
#include "cpu_support.hpp"

namespace noisewright {
namespace {

constexpr int64_t kBatch = 3, kInner = 50;

struct Outputs {
  std::vector<double> array[3];  // conditional, unconditional, differences
  std::vector<double> gram;
  MixPlan mix;

  explicit Outputs(int inputs) {
    std::mt19937_64 random(5);
    std::normal_distribution<double> normal;
    mix.shape.ndim = 2;
    mix.shape.extent[0] = kBatch;
    mix.shape.extent[1] = kInner;
    for (int k = 0; k < inputs; ++k) {
      for (int64_t i = 0; i < kBatch * kInner; ++i) array[k].push_back(normal(random) + 0.3 * k);
      mix.input[mix.input_count++] = view(array[k]);
    }
    ReducePlan reduce;
    reduce.shape = mix.shape;
    reduce.what = Reduction::gram;
    reduce.input_count = inputs;
    for (int k = 0; k < inputs; ++k) reduce.input[k] = mix.input[k];
    gram.resize(static_cast<size_t>(kBatch * reduced_numbers(Reduction::gram, inputs)));
    reduce.result = gram.data();
    std::vector<double> scratch(reduce_scratch(reduce) / 8 + 1);
    reduce.scratch = scratch.data();
    EXPECT_EQ(cpu_backend().reduce(test::make_queue(best_kernels()).get(), reduce), NWR_OK);
  }

  static View view(std::vector<double>& numbers) {
    View v;
    v.data = numbers.data();
    v.dtype = Dtype::f64;
    v.stride[0] = kInner;
    v.stride[1] = 1;
    return v;
  }

  // Twice the guided output, of one row of factors and of one a sample.
  std::vector<double> run(GuidePlan plan, double weight) {
    const auto inputs = static_cast<size_t>(mix.input_count);
    std::vector<double> cpu(kBatch * kInner), cuda = cpu;
    std::vector<double> factors(kBatch * (inputs + 1)), scratch(kBatch * kGuideScratch / 8);
    std::vector<double> guided;
    for (int64_t row = 0; row < kBatch; ++row) guided.push_back(weight), guided.push_back(2);
    plan.rows = kBatch;
    plan.count = kInner;
    plan.gram = gram.data();
    plan.guided = guided.data();
    plan.scratch = scratch.data();
    mix.factors = factors.data();
    mix.output_count = 1;
    for (const int64_t rows : {int64_t{1}, kBatch}) {
      mix.factor_rows = rows;
      mix.output[0] = view(cpu);
      EXPECT_EQ(cpu_backend().guide(test::make_queue(best_kernels()).get(), plan, mix), NWR_OK);
      mix.output[0] = view(cuda);
      test::emulated_guide(plan, mix);
      EXPECT_EQ(cpu, cuda);
    }
    return cpu;
  }
};

using Vector = std::vector<double>;
double dot(const double* a, const double* b) {
  double sum = 0;
  for (int64_t i = 0; i < kInner; ++i) sum += a[i] * b[i];
  return sum;
}

// The guided output of one sample, as its paper has it.
template <class Method>
void expect(const GuidePlan& plan, double weight, int inputs, const Method& method) {
  Outputs outputs(inputs);
  const Vector found = outputs.run(plan, weight);
  for (int64_t row = 0; row < kBatch; ++row) {
    const double* o[3] = {};
    for (int k = 0; k < inputs; ++k) o[k] = outputs.array[k].data() + row * kInner;
    const Vector want = method(o);
    for (int64_t i = 0; i < kInner; ++i) {
      ASSERT_NEAR(found[static_cast<size_t>(row * kInner + i)], 2 * want[static_cast<size_t>(i)],
                  1e-12);
    }
  }
}

Vector sum(double a, const double* x, double b, const double* y) {
  Vector out;
  for (int64_t i = 0; i < kInner; ++i) out.push_back(a * x[i] + b * y[i]);
  return out;
}

double deviation(const Vector& x) {
  double mean = 0, square = 0;
  for (const double v : x) mean += v / kInner;
  for (const double v : x) square += (v - mean) * (v - mean);
  return std::sqrt(square / (kInner - 1));
}

GuidePlan plan_of(Guidance method) {
  GuidePlan plan;
  plan.method = static_cast<int32_t>(method);
  return plan;
}

TEST(Guidance, RescaleRestoresTheDeviation) {
  GuidePlan plan = plan_of(Guidance::plain);
  plan.rescale = 0.7;
  expect(plan, 4, 2, [](const double** o) {
    Vector g = sum(4, o[0], -3, o[1]);
    const double ratio = deviation(sum(1, o[0], 0, o[0])) / deviation(g);
    for (double& v : g) v *= 0.7 * ratio + 0.3;
    return g;
  });
  // All of it: the guided output has the conditional one's deviation.
  plan.rescale = 1;
  plan.from_conditional = 1;
  expect(plan, 3, 2, [](const double** o) {
    Vector g = sum(4, o[0], -3, o[1]);
    const double ratio = deviation(sum(1, o[0], 0, o[0])) / deviation(g);
    for (double& v : g) v *= ratio;
    return g;
  });
}

TEST(Guidance, ZeroStarFitsTheUnconditionalOutput) {
  expect(plan_of(Guidance::zero_star), 5, 2, [](const double** o) {
    const double fit = dot(o[0], o[1]) / (dot(o[1], o[1]) + 1e-8);
    return sum(5, o[0], -4 * fit, o[1]);
  });
}

TEST(Guidance, ProjectedSplitsTheDifference) {
  GuidePlan plan = plan_of(Guidance::projected);
  plan.parallel = 0.25;
  plan.norm = 3;
  plan.inertia = -0.5;
  plan.momentum = 2;
  for (const bool from_conditional : {false, true}) {
    plan.from_conditional = from_conditional;
    expect(plan, 6, 3, [=](const double** o) {
      Vector d = sum(1, o[0], -1, o[1]);
      for (int64_t i = 0; i < kInner; ++i) d[static_cast<size_t>(i)] -= 0.5 * o[2][i];
      const double length = std::sqrt(dot(d.data(), d.data()));
      for (double& v : d) v *= std::fmin(1, 3 / length);
      const double along = dot(d.data(), o[0]) / dot(o[0], o[0]);
      Vector g;
      for (int64_t i = 0; i < kInner; ++i) {
        const double part = along * o[0][i];
        g.push_back(o[from_conditional ? 0 : 1][i] +
                    6 * (d[static_cast<size_t>(i)] - part + 0.25 * part));
      }
      return g;
    });
  }
}

TEST(Guidance, TangentialKeepsTheFirstSingularVector) {
  expect(plan_of(Guidance::tangential), 4, 2, [](const double** o) {
    // Power iteration on the rows' span.
    Vector v = sum(1, o[0], 0.5, o[1]);
    for (int i = 0; i < 3000; ++i) {
      v = sum(dot(o[0], v.data()), o[0], dot(o[1], v.data()), o[1]);
      const double length = std::sqrt(dot(v.data(), v.data()));
      for (double& x : v) x /= length;
    }
    return sum(4, o[0], -3 * dot(o[1], v.data()), v.data());
  });
}

TEST(Guidance, DecayingForgetsLargeDifferences) {
  GuidePlan plan = plan_of(Guidance::decaying);
  plan.decay = 0.5;
  expect(plan, 9, 2, [](const double** o) {
    const Vector d = sum(1, o[0], -1, o[1]);
    const double ratio = std::sqrt(dot(d.data(), d.data()) / dot(o[1], o[1]));
    const double w = 1 + 8 * std::exp(-0.5 * ratio);
    return sum(w, o[0], 1 - w, o[1]);
  });
}

}  // namespace
}  // namespace noisewright
