// SPDX-License-Identifier: Apache-2.0
// Owns what the seeds' recorded runs share: the Gaussian model's answers in any quantity, and the
// comparison of a walk with a trajectory. Must not know any one project's names or formulas.
#pragma once

#include "model.hpp"
#include "seeds.hpp"

namespace replay {

// What a model of that quantity answers at a point with coefficients c.
Numbers predict(const Model& model, nwr_quantity quantity, const nwr_coeffs& c, const Numbers& x);

// A walk whose model answers in its prediction's quantity, on its schedule.
Walk gaussian_walk(const Model& model, const Schedule& schedule, const std::string& sampler,
                   nwr_quantity prediction, const Numbers& times, const Array& start);

std::vector<Array> to_arrays(const Json& list);

// count even intervals from begin to end.
Numbers even_times(double begin, double end, size_t count);

// The states after each step, of some evaluations each, against those recorded from first on.
void check_states(Check& check, const char* name, const Walked& walked, size_t evaluations_a_step,
                  const Json& recorded, size_t first);

}  // namespace replay
