// SPDX-License-Identifier: Apache-2.0
// Owns densities of random times: how a random number becomes a time of a schedule.
// Must not know tensors, generators or devices.
#pragma once

#include "core/schedule.hpp"

namespace noisewright {

// A density on one schedule, its settings resolved and checked.
struct DensityRequest {
  const Schedule& schedule;
  const Settings& settings;
};

struct DensityKind : Entry {
  bool from_normal;  // whether number is a unit normal, else it is uniform on (0, 1)
  double (*time)(const DensityRequest& request, double number);
};

// Whether number i of count is drawn from the i-th of as many even parts of the distribution.
inline constexpr Param kStratified = {
    "stratified", "one number from each of as many even parts", 0, 0, 1, "no,yes"};
inline constexpr Param kDensityParams[] = {kStratified};
// What kind.time is given for number i of count, of which the random number is number.
double stratum(const DensityKind& kind, double number, size_t i, size_t count);

struct Density {
  const DensityKind& kind;
  double low, high;  // between which every time lies
};

// Fails where the settings do not fit the schedule.
Density check_density(const DensityRequest& request);

}  // namespace noisewright
