// SPDX-License-Identifier: Apache-2.0
// Owns a run's plan as JSON. Must not know how a plan is made.
#pragma once

#include <string>

#include "core/sampler.hpp"

namespace noisewright {

// Fails where factors alone do not say what the run does.
void require_table(const Sampler& sampler);
std::string plan_json(const Sampler& sampler);

}  // namespace noisewright
