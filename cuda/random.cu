// SPDX-License-Identifier: Apache-2.0
// Owns the launches of fill. Must not know how a number is made.
#include "cuda/bodies.hpp"
#include "cuda/queue.cuh"

namespace noisewright::cuda {

int32_t fill(Queue* queue, const FillPlan& plan) {
  if (plan.shape.count() == 0) return NWR_OK;
  const DeviceScope scope(queue->options.device_id);
  FillWork work;
  plan_fill(plan, &work);
  TableScope table(queue, work.table_bytes);
  if (table.status() != NWR_OK) return table.status();
  pack_fill(plan, &work, table.here(), table.there());
  const int32_t status = table.send();
  if (status != NWR_OK) return status;
  Launcher launcher{queue, "a fill"};
  launch_fill(work, launcher);
  return launcher.status;
}

}  // namespace noisewright::cuda
