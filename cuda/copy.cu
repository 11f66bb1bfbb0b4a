// SPDX-License-Identifier: Apache-2.0
// Owns the launches of copy. Must not know what an element is.
#include "cuda/bodies.hpp"
#include "cuda/queue.cuh"

namespace noisewright::cuda {

int32_t copy(Queue* queue, const CopyPlan& plan) {
  if (plan.shape.count() == 0) return NWR_OK;
  const DeviceScope scope(queue->options.device_id);
  CopyArguments arguments;
  if (plan_copy(plan, &arguments)) {
    if (arguments.to == arguments.from) return NWR_OK;
    const size_t bytes = static_cast<size_t>(arguments.count) * static_cast<size_t>(arguments.size);
    return check(
        cudaMemcpyAsync(arguments.to, arguments.from, bytes, cudaMemcpyDefault, queue->stream),
        "a copy");
  }
  Launcher launcher{queue, "a copy"};
  launch_copy(arguments, launcher);
  return launcher.status;
}

}  // namespace noisewright::cuda
