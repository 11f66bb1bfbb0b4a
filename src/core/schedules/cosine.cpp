// SPDX-License-Identifier: Apache-2.0
// Owns the catalogue entry of the squared cosine. Must not know how its formula is used.
#include "core/schedule.hpp"

namespace noisewright {
namespace {

constexpr Param kParams[] = {
    {"s", "offset that keeps the slope finite at the clean end", 0.008, 0, 1}};

}  // namespace

extern const ScheduleKind kCosine;
const ScheduleKind kCosine = {
    {NWR_SCHEDULE_COSINE, "cosine", "squared-cosine",
     "variance preserving, alpha^2 a squared cosine; t runs from 1, noise, to 0, data", 0, 0, 0,
     kParams},
    [](const Settings& settings, const nwr_schedule_options&) -> Schedule* {
      return new ClosedForm<path::Cosine>(NWR_SCHEDULE_COSINE, settings, {1, 0, 0, 1},
                                          {settings["s"]});
    }};

}  // namespace noisewright
