// SPDX-License-Identifier: Apache-2.0
// Owns the catalogue entry of EDM's schedule. Must not know how its formula is used.
#include "core/schedule.hpp"

namespace noisewright {
namespace {

constexpr Param kParams[] = {{"sigma_max", "sigma where sampling begins", 80, 1e-12, 1e12}};

}  // namespace

extern const ScheduleKind kEdm;
const ScheduleKind kEdm = {
    {NWR_SCHEDULE_EDM, "edm", "karras",
     "variance exploding, alpha = 1, sigma = t; t runs from sigma_max, noise, to 0, data", 0, 0, 0,
     kParams},
    [](const Settings& settings, const nwr_schedule_options&) -> Schedule* {
      return new ClosedForm<path::Edm>(NWR_SCHEDULE_EDM, settings,
                                       {settings["sigma_max"], 0, 0, 1e12}, {},
                                       Schedule::Spacing::noise_level);
    }};

}  // namespace noisewright
