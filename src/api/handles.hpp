// SPDX-License-Identifier: Apache-2.0
// Owns what two of the opaque types are; the third is known to sampler.cpp alone. Must not know
// what is done with them.
#pragma once

#include "core/context.hpp"
#include "core/schedule.hpp"
#include "noisewright.h"

// A handle is the address of the object it stands for; these names are never defined.
namespace noisewright {

inline Context* unwrap(nwr_context* handle) { return reinterpret_cast<Context*>(handle); }
inline const Context* unwrap(const nwr_context* handle) {
  return reinterpret_cast<const Context*>(handle);
}
inline Schedule* unwrap(nwr_schedule* handle) { return reinterpret_cast<Schedule*>(handle); }
inline const Schedule* unwrap(const nwr_schedule* handle) {
  return reinterpret_cast<const Schedule*>(handle);
}
inline nwr_context* wrap(Context* object) { return reinterpret_cast<nwr_context*>(object); }
inline nwr_schedule* wrap(Schedule* object) { return reinterpret_cast<nwr_schedule*>(object); }

}  // namespace noisewright
