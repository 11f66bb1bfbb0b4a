/* SPDX-License-Identifier: Apache-2.0
 *
 * The header alone, and what C cannot say in it: enums are 32 bits wide.
 */
#include <noisewright.h>

/* Once more: its guard must hold. */
#include <noisewright.h>

typedef char status_is_32_bits[sizeof(nwr_status) == 4 ? 1 : -1];
typedef char quantity_is_32_bits[sizeof(nwr_quantity) == 4 ? 1 : -1];
typedef char tensor_is_a_dltensor[sizeof(nwr_tensor) == 3 * sizeof(void*) + 24 ? 1 : -1];

int uses(void);
int uses(void) {
  nwr_context_options options = {0};
  options.struct_size = (uint32_t)sizeof options;
  options.device = NWR_CPU;
  return options.device == NWR_CPU && NWR_ABI == 0 ? (int)NWR_OK : (int)NWR_ERROR_INTERNAL;
}
