// SPDX-License-Identifier: Apache-2.0
// Owns the launch that makes factors on the device. Must not know how a factor is made.
#include "cuda/bodies.hpp"
#include "cuda/queue.cuh"

namespace noisewright::cuda {

int32_t make_rows(Queue* queue, const RowsPlan& rows, double* factors) {
  Launcher launcher{queue, "factors at times on the device"};
  launcher(MakeRows(), RowsArguments{rows, factors}, rows.rows);
  return launcher.status;
}

}  // namespace noisewright::cuda
