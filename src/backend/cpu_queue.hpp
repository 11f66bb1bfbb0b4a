// SPDX-License-Identifier: Apache-2.0
// Owns the CPU's queue and the distribution of elements over its threads. Must not know what is
// done with an element.
#pragma once

#include "backend/cpu_kernels.hpp"
#include "backend/grid.hpp"
#include "backend/threads.hpp"

namespace noisewright {

struct Queue {
  Queue(const QueueOptions& o, const Kernels& k, int64_t least_streamed)
      : options(o), kernels(k), streaming_bytes(least_streamed), pool(o.threads) {}

  const QueueOptions options;
  const Kernels& kernels;
  const int64_t streaming_bytes;  // what a pass has to touch for its outputs to pass the caches
  Pool pool;
};

// Below this the caller is done before a worker has begun.
inline constexpr double kParallelNs = 6000;
inline constexpr double kTaskNs = 8000;
inline constexpr double kLeastTaskNs = 2500;
// Tasks start on whole groups of random numbers and of cache lines.
inline constexpr int64_t kTaskGrain = 128;

inline Lane lane_of(const Grid& grid, int view, Dtype dtype) {
  return {dtype, static_cast<int32_t>(grid.size[view]), grid.stride[view][grid.axes - 1]};
}

template <class Job>
struct Tasks {
  const Job* job;
  int64_t count;
  int64_t size;

  static void run(void* context, int64_t task) {
    const Tasks& tasks = *static_cast<const Tasks*>(context);
    const int64_t begin = task * tasks.size;
    const int64_t left = tasks.count - begin;
    tasks.job->run(begin, left < tasks.size ? tasks.count : begin + tasks.size);
  }
};

// Runs elements [0, count) of the job, in parallel where that pays. element_ns may be rough: it
// decides about time only, since no element depends on how the elements are divided.
template <class Job>
void run_job(Pool& pool, const Job& job, int64_t count, double element_ns) {
  const double total_ns = static_cast<double>(count) * element_ns;
  if (total_ns < kParallelNs || pool.threads() == 1) {
    job.run(0, count);
    return;
  }
  double task_ns = total_ns / pool.threads();
  if (task_ns > kTaskNs) task_ns = kTaskNs;
  if (task_ns < kLeastTaskNs) task_ns = kLeastTaskNs;
  const int64_t wanted = static_cast<int64_t>(task_ns / element_ns);
  Tasks<Job> tasks = {&job, count, (wanted / kTaskGrain + 1) * kTaskGrain};
  pool.run((count + tasks.size - 1) / tasks.size, Tasks<Job>::run, &tasks);
}

// Bytes that pass through the caches cost this much each; elements that do not lie side by side
// are moved one by one.
inline double view_ns(const Lane& lane) {
  return 0.01 * lane.size + (lane.stride == lane.size ? 0 : 1.0);
}

int32_t cpu_reduce(Queue* queue, const ReducePlan& plan);

}  // namespace noisewright
