// SPDX-License-Identifier: Apache-2.0
// Owns the list of formats: one function for each family of recordings, and how cases are told.
// Must not know what any of them holds.
#pragma once

#include <functional>
#include <string>

#include "check.hpp"
#include "trajectory.hpp"

namespace replay {

// Runs the cases of one file and keeps their outcomes.
class Cases {
 public:
  virtual ~Cases() = default;
  // body throws Unsupported, Malformed or LibraryError, or leaves its result in the check.
  virtual void run(const std::string& name, const std::function<void(Check&)>& body) = 0;
};

// Trajectories: each returns the plan for the file's class or throws Unsupported.
Planner plan_of_diffusers(const Json& file);
Planner direct_plan_of_diffusers(const Json& file);  // of what is not imported, or nothing
Planner plan_of_sigma_space(const Json& file);       // k-diffusion, ComfyUI, sd.cpp, EDM, OpenAI
Planner plan_of_flow_ode(const Json& file);          // SiT, flow_matching
Planner plan_of_official(const Json& file);
Planner plan_of_azula(const Json& file);

// Files of many cases.
void replay_grids(const Json& file, Cases& cases);
void replay_table(const Json& file, Cases& cases);
void replay_schedule_probes(const Json& file, Cases& cases);
void replay_tokens(const Json& file, Cases& cases);
void replay_guidance(const Json& file, Cases& cases);
void replay_helpers(const Json& file, Cases& cases);
void replay_training(const Json& file, Cases& cases);
void replay_random_words(const Json& file, Cases& cases);
void replay_reference_schedules(const Json& file, Cases& cases);
void replay_reference_gamma(const Json& file, Cases& cases);
void replay_torchebm_schedules(const Json& file, Cases& cases);
void replay_torchebm_conversions(const Json& file, Cases& cases);
void replay_torchebm_interpolate(const Json& file, Cases& cases);
void replay_sit_paths(const Json& file, Cases& cases);
void replay_gensbi_score_sde(const Json& file, Cases& cases);
void replay_gensbi_score_path(const Json& file, Cases& cases);
void replay_gensbi_edm(const Json& file, Cases& cases);
void replay_gensbi_flow_schedulers(const Json& file, Cases& cases);
void replay_gensbi_flow_conversions(const Json& file, Cases& cases);
void replay_gensbi_flow_sde(const Json& file, Cases& cases);
void replay_diffusionlab_schedules(const Json& file, Cases& cases);
void replay_diffusionlab_conversions(const Json& file, Cases& cases);
void replay_diffusionlab_loss(const Json& file, Cases& cases);
void replay_diffusionlab_grids(const Json& file, Cases& cases);
void replay_diffusionlab_forward(const Json& file, Cases& cases);
void replay_azula_runs(const Json& file, Cases& cases);
void replay_azula_clocks(const Json& file, Cases& cases);
void replay_torchebm_runs(const Json& file, Cases& cases);
void replay_gensbi_edm_runs(const Json& file, Cases& cases);
void replay_gensbi_score_runs(const Json& file, Cases& cases);
void replay_diffusionlab_runs(const Json& file, Cases& cases);
void replay_nami_runs(const Json& file, Cases& cases);
void replay_albergo_runs(const Json& file, Cases& cases);
void replay_azula_schedules(const Json& file, Cases& cases);
void replay_azula_preconditioning(const Json& file, Cases& cases);
void replay_nami_gamma(const Json& file, Cases& cases);
void replay_nami_transforms(const Json& file, Cases& cases);
void replay_nami_notebook(const Json& file, Cases& cases);
void replay_nami_broadcast(const Json& file, Cases& cases);
void replay_nami_schedules(const Json& file, Cases& cases);
void replay_nami_conversions(const Json& file, Cases& cases);
void replay_nami_interpolants(const Json& file, Cases& cases);
void replay_albergo_fabrics(const Json& file, Cases& cases);
void replay_albergo_transforms(const Json& file, Cases& cases);

}  // namespace replay
