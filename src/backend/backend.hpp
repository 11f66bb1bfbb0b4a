// SPDX-License-Identifier: Apache-2.0
// Owns the border between the core and a device: one table of functions per kind of device, which
// the CPU fills here and a plugin fills from outside. Private, and different in every version.
// Must not know schedules or samplers; of the C API only the allocator hooks and the statuses.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/rows.hpp"
#include "core/plan.hpp"
#include "noisewright.h"

namespace noisewright {

inline constexpr uint32_t kVersion =
    NWR_VERSION_MAJOR * 1000000u + NWR_VERSION_MINOR * 1000u + NWR_VERSION_PATCH;

// Grows when what stands before Backend::device_count, or nwr_backend_query, changes.
inline constexpr uint32_t kBackendAbi = 1;

struct Queue;  // one stream of ordered work on one device; each backend defines its own

struct QueueOptions {
  int32_t device = 0;
  int32_t device_id = 0;
  void* stream = nullptr;        // as in nwr_context_options
  uint32_t threads = 0;          // 0: one per core
  nwr_alloc_fn alloc = nullptr;  // both or neither
  nwr_free_fn free = nullptr;
  void* user = nullptr;
};

// What the core lends to a plugin.
struct Host {
  uint32_t struct_size;
  uint32_t reserved;
  void (*report)(const char* text);  // keeps the sentence that goes with a status, for this thread
};

// Functions are safe to call from several threads on one queue unless said otherwise, and throw
// nothing: those that can fail return an nwr_status, after reporting why. Plans are valid by
// construction: a backend checks nothing. Work is done in the order of the calls, perhaps after
// they return. All on plans neither wait nor, after the first of a size,
// allocate.
struct Backend {
  uint32_t abi;          // kBackendAbi, first for ever
  uint32_t version;      // kVersion of the sources
  uint32_t struct_size;  // of this table
  uint32_t plans;        // kPlans of the sources

  // The devices that there are. Where there are none, why (which may be NULL) says so.
  int32_t (*device_count)(int32_t* count, const char** why);
  int32_t (*open)(const QueueOptions& options, Queue** queue);
  void (*close)(Queue* queue);
  // Memory on the device, aligned to 64 bytes.
  int32_t (*alloc)(Queue* queue, size_t bytes, void** memory);
  void (*free)(Queue* queue, void* memory, size_t bytes);
  int32_t (*synchronize)(Queue* queue);
  // Bytes between ordinary memory and the device's, either way. Done when it returns.
  int32_t (*transfer)(Queue* queue, void* to, const void* from, size_t bytes);
  int32_t (*mix)(Queue* queue, const MixPlan& plan);
  // mix, with the factors that rows makes on the device.
  int32_t (*rows)(Queue* queue, const RowsPlan& rows, const MixPlan& plan);
  int32_t (*fill)(Queue* queue, const FillPlan& plan);
  int32_t (*copy)(Queue* queue, const CopyPlan& plan);
  int32_t (*reduce)(Queue* queue, const ReducePlan& plan);
  int32_t (*change)(Queue* queue, const ChangePlan& plan);
  // mix, with factors that guidance adds to on the device.
  int32_t (*guide)(Queue* queue, const GuidePlan& guide, const MixPlan& plan);
  // NULL where the device has no generators but ours. Waits, and may allocate.
  int32_t (*foreign)(Queue* queue, const ForeignPlan& plan);
};

// Tells apart builds of one version whose plans differ.
inline constexpr uint32_t kPlans =
    sizeof(QueueOptions) +
    3 * (sizeof(MixPlan) +
         3 * (sizeof(FillPlan) +
              3 * (sizeof(CopyPlan) +
                   3 * (sizeof(ReducePlan) +
                        3 * (sizeof(RowsPlan) +
                             3 * (sizeof(ChangePlan) +
                                  3 * (sizeof(GuidePlan) + 3 * sizeof(ForeignPlan))))))));

// The one symbol of a plugin, nwr_backend_query: fills as much of the table as struct_size, set by
// the caller, has room for; the first four fields whatever the caller's abi and version.
using BackendQuery = int32_t (*)(uint32_t abi, uint32_t version, const Host* host, Backend* table);

const Backend& cpu_backend();

// Work that the CPU's threads share.
class HostWork {
 public:
  // A part of it, in any order.
  virtual void run(int64_t begin, int64_t end) const noexcept = 0;

 protected:
  ~HostWork() = default;
};
// Runs parts [0, count), which take about so long each, and returns when all are done.
void cpu_run(Queue* queue, const HostWork& work, int64_t count, double part_ns) noexcept;

// The backend of a plugin: of this file or, without one, of the first of $NWR_CUDA_PLUGIN, the
// folder of this library and the loader's path. Each is opened once and never closed: unloading
// CUDA's code crashes at exit. Fails with NWR_ERROR_BACKEND and what is wrong.
const Backend& cuda_backend(const char* file);
// Whether that finds a plugin and the plugin a device.
bool cuda_available();

}  // namespace noisewright
