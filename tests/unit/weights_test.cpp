// SPDX-License-Identifier: Apache-2.0
// Owns the proof that the weights of multistep methods are the integrals that they stand for. Must
// not know samplers.
#include "core/samplers/weights.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace noisewright {
namespace {

// Integral of f over 0 to 1 by the tanh-sinh rule, to the digits of long double.
template <class F>
double integral(F&& f) {
  long double sum = 0;
  const long double step = 1.0L / 128, half_pi = std::acos(-1.0L) / 2;
  for (int i = -450; i <= 450; ++i) {
    const long double u = i * step, inner = half_pi * std::sinh(u), c = std::cosh(inner);
    sum += f(1 / (1 + std::exp(-2 * inner))) * half_pi * std::cosh(u) / (2 * c * c);
  }
  return static_cast<double>(sum * step);
}

void expect_close(double expected, double found) {
  EXPECT_NEAR(expected, found, 2e-15 * std::fabs(expected));
}

TEST(Weights, OfExponentials) {
  for (const double rate :
       {-40.0, -20.5, -19.5, -3.0, -0.1, -1e-9, 0.0, 1e-9, 0.1, 3.0, 19.5, 20.5, 40.0, 600.0}) {
    const Moments m = exponentials(rate, kMostNodes);
    for (int k = 0; k < kMostNodes; ++k) {
      SCOPED_TRACE(testing::Message() << rate << ", " << k);
      expect_close(
          integral([&](long double v) { return std::pow(v, k) * std::exp(rate * (v - 1)); }), m[k]);
    }
  }
}

TEST(Weights, OfSecants) {
  for (const double begin : {-6.0, -0.5, 0.0, 2.0, 9.0}) {
    for (const double length : {-14.0, -2.0, -0.01, 1.0, 5.0}) {
      const Moments m = secants(begin, length, kMostNodes);
      // atan(e^end) - atan(e^begin) without cancellation.
      const double exact =
          std::atan(std::sinh(length / 2) / std::cosh(begin + length / 2)) / length;
      EXPECT_NEAR(exact, m[0], 1e-14 * exact);
      for (int k = 0; k < kMostNodes; ++k) {
        const double expected = integral(
            [&](long double v) { return std::pow(v, k) / (2 * std::cosh(begin + length * v)); });
        EXPECT_NEAR(expected, m[k], 1e-14 * m[0]) << begin << ", " << length << ", " << k;
      }
    }
  }
}

TEST(Weights, IntegratePolynomialsExactly) {
  const double nodes[] = {0, -1, -2.5, -3, -7, -7.5};
  const Moments moments = exponentials(-0.7, kMostNodes);
  for (int count = 1; count <= kMostNodes; ++count) {
    for (int power = 0; power < count; ++power) {
      double sum = 0, size = 0;
      for (int j = 0; j < count; ++j) {
        const double term = weight_of(nodes, count, j, moments) * std::pow(nodes[j], power);
        sum += term, size += std::fabs(term);
      }
      EXPECT_NEAR(moments[power], sum, 1e-14 * (size + 1)) << count << ", " << power;
    }
  }
}

// The textbook's: 23/12, -16/12, 5/12.
TEST(Weights, OfEvenNodesAreAdamsBashforths) {
  const double nodes[] = {0, -1, -2};
  const Moments moments = powers(3);
  expect_close(23.0 / 12, weight_of(nodes, 3, 0, moments));
  expect_close(-16.0 / 12, weight_of(nodes, 3, 1, moments));
  expect_close(5.0 / 12, weight_of(nodes, 3, 2, moments));
}

}  // namespace
}  // namespace noisewright
