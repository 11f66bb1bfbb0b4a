// SPDX-License-Identifier: Apache-2.0
// Owns the first-order step in t along dx/dt. A step to clean data ends on the data prediction,
// which is the same for the rectified flow and exact where the velocity is infinite.
#include "core/sampler_kind.hpp"

namespace noisewright {
namespace {

void plan(Stage& s) { s.next(s.to_data() ? s.data() : s.state() + s.dt() * s.velocity()); }

}  // namespace

extern const SamplerKind kEuler;
const SamplerKind kEuler = {
    {NWR_SAMPLER_EULER, "euler", "", "first-order ODE", 0, 1, 1, {}, kSamplerParams}, plan};

}  // namespace noisewright
