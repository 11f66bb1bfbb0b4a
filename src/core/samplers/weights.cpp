// SPDX-License-Identifier: Apache-2.0
#include "core/samplers/weights.hpp"

#include <cmath>

namespace noisewright {
namespace {

// Gauss-Legendre abscissas and weights on -1 to 1, the positive half.
constexpr int kHalf = 8;
struct Gauss {
  double at[kHalf], weight[kHalf];
};
Gauss make_gauss() {
  Gauss g;
  constexpr int n = 2 * kHalf;
  for (int i = 0; i < kHalf; ++i) {
    double x = std::cos(3.14159265358979323846 * (i + 0.75) / (n + 0.5)), slope = 0;
    for (int newton = 0; newton < 8; ++newton) {
      double value = x, before = 1;
      for (int k = 2; k <= n; ++k) {
        const double next = ((2 * k - 1) * x * value - (k - 1) * before) / k;
        before = value, value = next;
      }
      slope = n * (x * value - before) / ((x - 1) * (x + 1));
      x -= value / slope;
    }
    g.at[i] = x, g.weight[i] = 2 / ((1 - x) * (1 + x) * slope * slope);
  }
  return g;
}

}  // namespace

Moments powers(int count) {
  Moments m{};
  for (int k = 0; k < count; ++k) m[k] = 1.0 / (k + 1);
  return m;
}

Moments exponentials(double rate, int count) {
  Moments m{};
  for (int k = 0; k < count; ++k) {
    if (std::fabs(rate) > 20) {
      // By parts. Each step divides by the rate, so nothing grows.
      m[k] = k == 0 ? -std::expm1(-rate) / rate : (1 - k * m[k - 1]) / rate;
      continue;
    }
    // Series of terms of one sign: Kummer's, and that of e^(rate v).
    double sum = 0;
    if (rate <= 0) {
      double term = 1.0 / (k + 1);
      for (int i = 2; sum + term != sum; ++i) {
        sum += term;
        term *= -rate / (k + i);
      }
      m[k] = sum;
    } else {
      double power = 1;
      for (int i = 1; sum + power / (k + i) != sum; ++i) {
        sum += power / (k + i);
        power *= rate / i;
      }
      m[k] = std::exp(-rate) * sum;
    }
  }
  return m;
}

void quadrature(double cells, const std::function<void(double v, double weight)>& add) {
  static const Gauss gauss = make_gauss();
  for (double cell = 0; cell < cells; ++cell) {
    for (int i = 0; i < 2 * kHalf; ++i) {
      const double at = i < kHalf ? gauss.at[i] : -gauss.at[i - kHalf];
      add((cell + (1 + at) / 2) / cells, gauss.weight[i % kHalf] / (2 * cells));
    }
  }
}

Moments secants(double begin, double length, int count) {
  Moments m{};
  // In cells of at most half the distance of the nearest pole, pi/2, to 16 digits.
  quadrature(std::ceil(std::fabs(length) / 0.75), [&](double v, double weight) {
    double f = weight / (2 * std::cosh(begin + length * v));
    for (int k = 0; k < count; ++k, f *= v) m[k] += f;
  });
  return m;
}

Moments scaled(double factor, Moments moments) {
  for (double& m : moments) m *= factor;
  return moments;
}

double weight_of(const double* nodes, int count, int j, const Moments& moments) {
  // Coefficients of the product of (v - node)/(node_j - node), one factor at a time.
  double polynomial[kMostNodes] = {1};
  int degree = 0;
  for (int i = 0; i < count; ++i) {
    if (i == j) continue;
    const double gap = nodes[j] - nodes[i];
    for (int k = ++degree; k >= 0; --k) {
      polynomial[k] = ((k > 0 ? polynomial[k - 1] : 0) - nodes[i] * polynomial[k]) / gap;
    }
  }
  double sum = 0;
  for (int k = 0; k < count; ++k) sum += polynomial[k] * moments[k];
  return sum;
}

}  // namespace noisewright
