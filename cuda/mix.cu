// SPDX-License-Identifier: Apache-2.0
// Owns the launches of mix. Must not know what an element is.
#include "cuda/bodies.hpp"
#include "cuda/queue.cuh"

namespace noisewright::cuda {

int32_t mix(Queue* queue, const MixPlan& plan) { return mix_by(queue, plan, nullptr); }

int32_t mix_by(Queue* queue, const MixPlan& plan, const double* factors) {
  if (plan.output_count == 0 || plan.shape.count() == 0) return NWR_OK;
  const DeviceScope scope(queue->options.device_id);
  MixWork work;
  plan_mix(plan, factors, &work);
  TableScope table(queue, work.table_bytes);
  if (table.status() != NWR_OK) return table.status();
  pack_mix(plan, &work, table.here(), table.there());
  const int32_t status = table.send();
  if (status != NWR_OK) return status;
  Launcher launcher{queue, "a mix"};
  launch_mix(work, launcher);
  return launcher.status;
}

}  // namespace noisewright::cuda
