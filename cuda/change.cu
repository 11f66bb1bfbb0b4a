// SPDX-License-Identifier: Apache-2.0
// Owns the launches of changes of single elements. Must not know what is changed how.
#include "cuda/bodies.hpp"
#include "cuda/queue.cuh"

namespace noisewright::cuda {

int32_t change(Queue* queue, const ChangePlan& plan) {
  if (plan.shape.count() == 0) return NWR_OK;
  const DeviceScope scope(queue->options.device_id);
  TableScope table(queue, change_bytes(plan));
  if (table.status() != NWR_OK) return table.status();
  ChangeArguments a;
  plan_change(plan, table.here(), table.there(), &a);
  const int32_t status = table.send();
  if (status != NWR_OK) return status;
  Launcher launcher{queue, "a change"};
  launcher(ChangeElements(), a, a.rows * a.count);
  return launcher.status;
}

}  // namespace noisewright::cuda
