// SPDX-License-Identifier: Apache-2.0
// Owns the border between the core and a device: one table of functions per kind of device.
// Must not know schedules or samplers; of the C API only the allocator hooks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/plan.hpp"
#include "noisewright.h"

namespace noisewright {

struct Queue;  // one stream of ordered work on one device; each backend defines its own

struct QueueOptions {
  int32_t device = 0;
  int32_t device_id = 0;
  void* stream = nullptr;
  uint32_t threads = 0;          // 0: one per core
  nwr_alloc_fn alloc = nullptr;  // both or neither
  nwr_free_fn free = nullptr;
  void* user = nullptr;
};

// Functions are safe to call from several threads on one queue unless said otherwise. Plans are
// valid by construction: a backend checks nothing. None of mix, fill and copy allocates.
struct Backend {
  // Throws std::bad_alloc.
  Queue* (*open)(const QueueOptions& options);
  void (*close)(Queue* queue);
  // Memory on the device, aligned to 64 bytes; nullptr when there is none.
  void* (*alloc)(Queue* queue, size_t bytes);
  void (*free)(Queue* queue, void* memory, size_t bytes);
  void (*synchronize)(Queue* queue);
  void (*mix)(Queue* queue, const MixPlan& plan);
  void (*fill)(Queue* queue, const FillPlan& plan);
  void (*copy)(Queue* queue, const CopyPlan& plan);
};

const Backend& cpu_backend();

}  // namespace noisewright
