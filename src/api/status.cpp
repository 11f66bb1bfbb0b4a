// SPDX-License-Identifier: Apache-2.0
// Owns the C side of the version and the last error. Must not know what failed.
#include "backend/backend.hpp"
#include "core/error.hpp"

const char* nwr_last_error(void) { return noisewright::last_error(); }

uint32_t nwr_version(void) { return noisewright::kVersion; }

uint32_t nwr_abi(void) { return NWR_ABI; }
