// SPDX-License-Identifier: Apache-2.0
// Owns the catalogue entry of the geometric variance exploding SDE. Must not know how its formula
// is used.
#include "core/schedule.hpp"

namespace noisewright {
namespace {

constexpr Param kParams[] = {{"sigma_min", "sigma at the clean end", 0.01, 1e-12, 1e12},
                             {"sigma_max", "sigma at the noise end", 50, 1e-12, 1e12}};

}  // namespace

extern const ScheduleKind kVe;
const ScheduleKind kVe = {
    {NWR_SCHEDULE_VE, "ve", "",
     "variance exploding, sigma geometric in t; t runs from 1, noise, to 0, data", 0, 0, 0,
     kParams},
    [](const Settings& settings, const nwr_schedule_options&) -> Schedule* {
      const path::Ve path{settings["sigma_min"], settings["sigma_max"]};
      if (!(path.sigma_max > path.sigma_min)) {
        fail(NWR_ERROR_INVALID_ARGUMENT, "ve: sigma_max is ", path.sigma_max,
             ", not above sigma_min, ", path.sigma_min);
      }
      return new ClosedForm<path::Ve>(NWR_SCHEDULE_VE, settings, {1, 0, 0, 1}, path);
    }};

}  // namespace noisewright
