// SPDX-License-Identifier: Apache-2.0
// Owns the bytes of a saved sampler. Must not know what the sampler computes.
//
// Layout, little-endian: "NWRSTATE", u32 format, then fields of a four-letter tag, u64 length and
// payload, the last of them "crc " with the CRC-32 of all bytes before it. Names, not enum numbers,
// stand for kinds, so that a file survives renumbering.
#pragma once

#include <memory>
#include <string>

#include "core/sampler.hpp"

namespace noisewright {

class SavedState {
 public:
  static std::string write(const Sampler& sampler);
  static std::unique_ptr<Sampler> read(Ref<const Context> context, Ref<const Schedule> schedule,
                                       const void* bytes, size_t size);
};

}  // namespace noisewright
