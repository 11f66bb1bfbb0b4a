// SPDX-License-Identifier: Apache-2.0
// Owns the one symbol of the plugin. Must not know how anything is done.
#include "cuda/queue.cuh"

namespace noisewright {

extern "C" __attribute__((visibility("default"))) int32_t nwr_backend_query(uint32_t abi,
                                                                            uint32_t version,
                                                                            const Host* host,
                                                                            Backend* table) {
  // The first fields are there whoever asks.
  table->abi = kBackendAbi;
  table->version = kVersion;
  if (abi != kBackendAbi || version != kVersion || table->struct_size != sizeof(Backend)) {
    return NWR_ERROR_BACKEND;
  }
  cuda::set_host(host);
  *table = {kBackendAbi,    kVersion,     sizeof(Backend),   kPlans,           cuda::device_count,
            cuda::open,     cuda::close,  cuda::queue_alloc, cuda::queue_free, cuda::synchronize,
            cuda::transfer, cuda::mix,    cuda::rows,        cuda::fill,       cuda::copy,
            cuda::reduce,   cuda::change, cuda::guide,       cuda::foreign};
  return NWR_OK;
}

}  // namespace noisewright
