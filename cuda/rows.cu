// SPDX-License-Identifier: Apache-2.0
// Owns passes whose factors are made on the device. Must not know how a factor is made.
#include "cuda/bodies.hpp"
#include "cuda/queue.cuh"

namespace noisewright::cuda {

int32_t rows(Queue* queue, const RowsPlan& rows, const MixPlan& plan) {
  if (plan.output_count == 0 || plan.shape.count() == 0) return NWR_OK;
  const DeviceScope scope(queue->options.device_id);
  TableScope factors(queue, static_cast<size_t>(rows.rows * rows.row_size()) * sizeof(double));
  if (factors.status() != NWR_OK) return factors.status();
  const RowsArguments arguments = {rows, reinterpret_cast<double*>(factors.there())};
  Launcher launcher{queue, "factors at times on the device"};
  launcher(MakeRows(), arguments, rows.rows);
  if (launcher.status != NWR_OK) return launcher.status;
  return mix_by(queue, plan, arguments.factors);
}

}  // namespace noisewright::cuda
