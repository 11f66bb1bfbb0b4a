// SPDX-License-Identifier: Apache-2.0
// Owns the exact integrals of polynomials through given nodes. Must not know what they weigh.
#pragma once

#include <array>
#include <functional>

#include "core/sampler_kind.hpp"

namespace noisewright {

inline constexpr int kMostNodes = 6;

// Integrals of v^k times a weight over v from 0 to 1, k from 0 on.
using Moments = std::array<double, kMostNodes>;

// For weight 1.
Moments powers(int count);
// For weight e^(rate (v-1)).
Moments exponentials(double rate, int count);
// For weight 1/(2 cosh(begin + length v)).
Moments secants(double begin, double length, int count);
// Calls add with abscissas and weights of an integral from 0 to 1: Gauss-Legendre, 16 a cell.
void quadrature(double cells, const std::function<void(double v, double weight)>& add);
Moments scaled(double factor, Moments moments);

// The integral of the polynomial that is 1 at node j and 0 at the others.
double weight_of(const double* nodes, int count, int j, const Moments& moments);

}  // namespace noisewright
