// SPDX-License-Identifier: Apache-2.0
// The commands of the program, one file each, and the options that several share.
#pragma once

#include "args.hpp"

namespace tool {

extern const Command kList, kSchedule, kGrid, kPlan, kNoise, kCheckConfig, kConverge, kConform,
    kBench;

constexpr Option kFormat{"--format", "F", "table, json or csv (table)"};
constexpr Option kPlot{"--plot", "FILE", "draw it, too: FILE.svg, FILE.png, or - in place of text"};

}  // namespace tool
