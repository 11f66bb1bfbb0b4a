// SPDX-License-Identifier: Apache-2.0
// Owns the timesteps and noise levels that a configuration of diffusers asks for, by our grids
// where one of ours is the same. Must not know runs.
#pragma once

#include <optional>

#include "library.hpp"
#include "trajectory.hpp"

namespace replay {

struct ExpectedGrid {
  // Empty where this version has no rule.
  std::optional<Numbers> timesteps, sigmas;
};

// DDIM and DDPM: table is the schedule of the configuration.
ExpectedGrid ancestral_grid(const Recording& recording, const Schedule& table);
// Euler and Heun. levels: those recorded, each once; where this version has no rule for the levels
// the times still follow from them. Heun's levels are not repeated here.
ExpectedGrid euler_grid(const Recording& recording, const Schedule& table, const Numbers& levels);
// DPM-Solver multistep on a variance preserving table.
ExpectedGrid multistep_grid(const Recording& recording, const Schedule& table);
// DPM-Solver multistep with use_flow_sigmas.
ExpectedGrid multistep_flow_grid(const Recording& recording);
// The EDM classes.
ExpectedGrid edm_grid(const Recording& recording);
// Flow matching, Euler and Heun.
ExpectedGrid flow_grid(const Recording& recording);

void check_grid(Check& check, const Recording& recording, const ExpectedGrid& grid);

}  // namespace replay
