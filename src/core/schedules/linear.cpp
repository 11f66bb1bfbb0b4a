// SPDX-License-Identifier: Apache-2.0
// Owns the catalogue entry of the rectified flow. Must not know how its formula is used.
#include "core/schedule.hpp"

namespace noisewright {

extern const ScheduleKind kLinear;
const ScheduleKind kLinear = {
    {NWR_SCHEDULE_LINEAR, "linear", "rectified-flow,flow-matching,condot",
     "alpha = t, sigma = 1 - t; t runs from 0, noise, to 1, data"},
    [](const Settings& settings, const nwr_schedule_options&) -> Schedule* {
      return new ClosedForm<path::Linear>(NWR_SCHEDULE_LINEAR, settings, {0, 1, 0, 1}, {});
    }};

}  // namespace noisewright
