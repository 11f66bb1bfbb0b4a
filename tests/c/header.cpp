// SPDX-License-Identifier: Apache-2.0
// The header alone, in C++.
#include <noisewright.h>

// Once more: its guard must hold.
#include <noisewright.h>

#include <type_traits>

static_assert(std::is_same<std::underlying_type<nwr_status>::type, int32_t>::value, "int32_t");
static_assert(std::is_standard_layout<nwr_tensor>::value, "standard layout");
static_assert(sizeof(nwr_tensor) == 3 * sizeof(void*) + 24, "a DLTensor");

int uses();
int uses() {
  nwr_context_options options = {};
  options.struct_size = static_cast<uint32_t>(sizeof options);
  options.device = NWR_CPU;
  return options.device == NWR_CPU ? NWR_OK : NWR_ERROR_INTERNAL;
}
