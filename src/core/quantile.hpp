// SPDX-License-Identifier: Apache-2.0
// Owns the inverses of two distribution functions, for grids and densities of times. Must not know
// what they are used for.
#pragma once

namespace noisewright {

// The z below which a unit normal lies with probability p; infinite at 0 and 1.
double normal_quantile(double p);

// The x below which Beta(a, b) lies with probability p, a and b from 1e-2 to 1e3.
double beta_quantile(double p, double a, double b);

}  // namespace noisewright
