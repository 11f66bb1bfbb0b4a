// SPDX-License-Identifier: Apache-2.0
// Owns a queue on a CUDA device: its stream, its memory, its faults, and the one kernel that all
// element work runs in. Must not know plans.
#pragma once

#include <cuda_runtime.h>
#include <pthread.h>

#include "backend/backend.hpp"
#include "cuda/launch.hpp"

namespace noisewright {

// What a call keeps on the device because it does not fit into a kernel's arguments. It is written
// by kernels that carry the bytes as arguments, so that a captured graph has them, and no memory of
// the host has to outlive the call.
struct Table {
  Byte* here = nullptr;   // to be filled
  Byte* there = nullptr;  // on the device
};

struct Queue {
  QueueOptions options;
  cudaStream_t stream;
  bool own_stream;
  bool pooled;  // memory may come and go in stream order
  int multiprocessors;

  pthread_mutex_t mutex;  // held from writing a table to the launch that reads it
  Byte* staging;          // on the host
  size_t staging_bytes;
  Byte* table;  // on the device; used again by the next call, which the stream puts behind this
  size_t table_bytes;
  struct Kept* kept;  // tables of captured graphs, which last as long as the queue
};

namespace cuda {

void set_host(const Host* host);
void report(const char* text);
// Reports what went wrong, and gives the status for it.
int32_t failed(cudaError_t error, const char* what);
int32_t out_of_memory(const Queue* queue, size_t bytes);

inline int32_t check(cudaError_t error, const char* what) {
  return error == cudaSuccess ? NWR_OK : failed(error, what);
}

// Makes a queue's device this thread's, and gives the caller's back.
class DeviceScope {
 public:
  explicit DeviceScope(int device);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  int before_ = -1;
};

// Holds the queue's tables, if bytes is not 0, until the launch that reads them is made.
class TableScope {
 public:
  TableScope(Queue* queue, size_t bytes);
  ~TableScope();
  TableScope(const TableScope&) = delete;
  TableScope& operator=(const TableScope&) = delete;

  int32_t status() const { return status_; }
  Byte* here() const { return table_.here; }
  Byte* there() const { return table_.there; }
  // Sends what has been written to here(), from a byte on that is a multiple of 8.
  int32_t send(size_t first = 0);

 private:
  Queue* queue_;
  size_t bytes_;
  size_t transient_bytes_ = 0;  // of a table that ends with the scope, in stream order
  int32_t status_ = NWR_OK;
  Table table_;
};

#if defined(__CUDACC__)
// Every item is some thread's, and threads share nothing.
template <class Body, class Arguments>
__global__ void __launch_bounds__(kThreads)
    run_items(const __grid_constant__ Arguments arguments, const int64_t items) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t n = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; n < items;
       n += step) {
    Body::run(arguments, n);
  }
}

// Launches a body on a queue; the first failure stays.
struct Launcher {
  Queue* queue;
  const char* what;
  int32_t status = NWR_OK;

  template <class Body, class Arguments>
  void operator()(Body, const Arguments& arguments, int64_t items) {
    if (status != NWR_OK) return;
    const Geometry g = geometry_of(items, queue->multiprocessors);
    run_items<Body><<<g.blocks, g.threads, 0, queue->stream>>>(arguments, items);
    status = check(cudaGetLastError(), what);
  }
};
#endif

int32_t device_count(int32_t* count, const char** why);
int32_t open(const QueueOptions& options, Queue** queue);
void close(Queue* queue);
int32_t queue_alloc(Queue* queue, size_t bytes, void** memory);
void queue_free(Queue* queue, void* memory, size_t bytes);
int32_t synchronize(Queue* queue);
int32_t transfer(Queue* queue, void* to, const void* from, size_t bytes);
int32_t mix(Queue* queue, const MixPlan& plan);
// Writes the factors of rows on the device.
int32_t make_rows(Queue* queue, const RowsPlan& rows, double* factors);
int32_t rows(Queue* queue, const RowsPlan& rows, const MixPlan& plan);
int32_t fill(Queue* queue, const FillPlan& plan);
int32_t copy(Queue* queue, const CopyPlan& plan);
int32_t reduce(Queue* queue, const ReducePlan& plan);
int32_t change(Queue* queue, const ChangePlan& plan);
int32_t guide(Queue* queue, const GuidePlan& guide, const MixPlan& plan);
int32_t foreign(Queue* queue, const ForeignPlan& plan);

}  // namespace cuda
}  // namespace noisewright
