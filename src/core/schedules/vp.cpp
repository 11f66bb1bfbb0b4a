// SPDX-License-Identifier: Apache-2.0
// Owns the catalogue entry of the linear-beta SDE. Must not know how its formula is used.
#include "core/schedule.hpp"

namespace noisewright {
namespace {

constexpr Param kParams[] = {{"beta_min", "beta at the clean end", 0.1, 0, 1e6},
                             {"beta_max", "beta at the noise end", 20, 1e-6, 1e6}};

}  // namespace

extern const ScheduleKind kVp;
const ScheduleKind kVp = {
    {NWR_SCHEDULE_VP, "vp", "",
     "variance preserving, beta linear in t; t runs from 1, noise, to 0, data", 0, 0, 0, kParams},
    [](const Settings& settings, const nwr_schedule_options&) -> Schedule* {
      const path::Vp path{settings["beta_min"], settings["beta_max"]};
      if (!(path.beta_max >= path.beta_min)) {
        fail(NWR_ERROR_INVALID_ARGUMENT, "vp: beta_max is ", path.beta_max, ", below beta_min, ",
             path.beta_min);
      }
      return new ClosedForm<path::Vp>(NWR_SCHEDULE_VP, settings, {1, 0, 0, 1}, path);
    }};

}  // namespace noisewright
