// SPDX-License-Identifier: Apache-2.0
// Owns the version and the last error. Must not know what failed.
#include <algorithm>
#include <cstring>

#include "api/guard.hpp"

namespace noisewright {
namespace {

// Plain bytes: no destructor to run when a thread ends.
thread_local char last_error[1024] = "";

}  // namespace

void set_last_error(std::string_view message) noexcept {
  const size_t length = std::min(message.size(), sizeof last_error - 1);
  std::memcpy(last_error, message.data(), length);
  last_error[length] = '\0';
}

}  // namespace noisewright

const char* nwr_last_error(void) { return noisewright::last_error; }

uint32_t nwr_version(void) {
  return NWR_VERSION_MAJOR * 1000000u + NWR_VERSION_MINOR * 1000u + NWR_VERSION_PATCH;
}

uint32_t nwr_abi(void) { return NWR_ABI; }
