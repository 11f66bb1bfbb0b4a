// SPDX-License-Identifier: Apache-2.0
// Owns the factors of a conversion at times that the host knows, and what is said where there are
// none. Must not know tensors.
#pragma once

#include <memory>
#include <vector>

#include "core/context.hpp"
#include "core/schedule.hpp"

namespace noisewright {

// Fails unless a drift may have this w^2.
void check_diffusion(double value, const Name& name);

// The factors by which the inputs, at most kMaxKnown, give the output at t, where the coefficients
// are c. Fails where they do not determine it.
void express_quantity(const Schedule& schedule, const nwr_coeffs& c, double t, const Name& t_name,
                      double diffusion, const int32_t* inputs, int input_count, int32_t output,
                      double* factors);

// The factors of a pass, one row or one for each of several times or diffusions. Fails with what is
// wrong in the first row that has none.
std::unique_ptr<double[]> make_factors(const Context& context, const Schedule& schedule,
                                       const Conversion& conversion,
                                       const std::vector<double>& times,
                                       const std::vector<double>& diffusions);

}  // namespace noisewright
