// SPDX-License-Identifier: Apache-2.0
// Owns plugins that are not CUDA's, built once for each NWR_FAKE:
//   cpu     the CPU posing as two CUDA devices. Their memory can be touched only while one of its
//           functions runs, so that a core which reads or writes it by itself ends at once
//   gpu     the same, with each thread of CUDA's launches run by the CPU (emulation.hpp)
//   old     of another version
//   build   of this version, but of other sources
//   none    without a device
//   broken  one device on which everything fails
// Must not know who loads it.
#include <sys/mman.h>

#include <cstring>
#include <map>
#include <mutex>

#include "backend/backend.hpp"
#include "core/error.hpp"
#include "emulation.hpp"

namespace noisewright {
namespace {

enum class Fake { cpu, gpu, old, build, none, broken };
constexpr Fake kFake = Fake::NWR_FAKE;

const Host* host = nullptr;

int32_t told(int32_t status) {
  if (status != NWR_OK) host->report(last_error());
  return status;
}

int32_t tell(int32_t status, const char* text) {
  host->report(text);
  return status;
}

// ---- memory of its own --------------------------------------------------------------------------

struct Guarded {
  std::mutex mutex;
  std::map<void*, size_t> regions;
  int users = 0;

  void protect(int how) {
    for (const auto& [memory, bytes] : regions) mprotect(memory, bytes, how);
  }
};
Guarded& guarded() {
  static Guarded* const all = new Guarded;
  return *all;
}

class Open {
 public:
  Open() {
    const std::lock_guard<std::mutex> lock(guarded().mutex);
    if (guarded().users++ == 0) guarded().protect(PROT_READ | PROT_WRITE);
  }
  ~Open() {
    const std::lock_guard<std::mutex> lock(guarded().mutex);
    if (--guarded().users == 0) guarded().protect(PROT_NONE);
  }
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;
};

int32_t device_count(int32_t* count, const char** why) {
  *count = kFake == Fake::none ? 0 : kFake == Fake::broken ? 1 : 2;
  *why = kFake == Fake::none ? "the driver is on holiday" : nullptr;
  return NWR_OK;
}

int32_t open(const QueueOptions& options, Queue** queue) {
  QueueOptions own = options;
  own.alloc = nullptr;
  own.free = nullptr;
  return told(cpu_backend().open(own, queue));
}

void close(Queue* queue) { cpu_backend().close(queue); }

int32_t alloc(Queue*, size_t bytes, void** memory) {
  if (kFake == Fake::broken) {
    return tell(NWR_ERROR_OUT_OF_MEMORY, "out of memory: 64 bytes on cuda device 0");
  }
  const std::lock_guard<std::mutex> lock(guarded().mutex);
  const int how = guarded().users > 0 ? PROT_READ | PROT_WRITE : PROT_NONE;
  const size_t size = bytes > 0 ? bytes : 1;
  *memory = mmap(nullptr, size, how, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (*memory == MAP_FAILED) return tell(NWR_ERROR_OUT_OF_MEMORY, "out of memory");
  guarded().regions[*memory] = size;
  return NWR_OK;
}

void free(Queue*, void* memory, size_t) {
  const std::lock_guard<std::mutex> lock(guarded().mutex);
  const auto found = guarded().regions.find(memory);
  if (found == guarded().regions.end()) return;
  munmap(memory, found->second);
  guarded().regions.erase(found);
}

int32_t synchronize(Queue*) {
  if (kFake != Fake::broken) return NWR_OK;
  return tell(NWR_ERROR_DEVICE, "cuda: an illegal address; the fault may be of earlier work");
}

int32_t transfer(Queue* queue, void* to, const void* from, size_t bytes) {
  const Open scope;
  return told(cpu_backend().transfer(queue, to, from, bytes));
}

// The CPU's function, or the emulation of CUDA's.
template <auto member, auto emulated, class... Plans>
int32_t work(Queue* queue, const Plans&... plans) {
  if (kFake == Fake::broken) return tell(NWR_ERROR_DEVICE, "cuda: the launch failed");
  const Open scope;
  if (kFake == Fake::gpu) return emulated(plans...), NWR_OK;
  return told((cpu_backend().*member)(queue, plans...));
}

void emulated_mix(const MixPlan& plan) { test::emulated_mix(plan); }

}  // namespace

extern "C" __attribute__((visibility("default"))) int32_t nwr_backend_query(uint32_t, uint32_t,
                                                                            const Host* lent,
                                                                            Backend* table) {
  host = lent;
  if (kFake == Fake::old) {
    table->abi = kBackendAbi + 1;
    table->version = 99002003;
    return NWR_ERROR_BACKEND;
  }
  *table = {kBackendAbi,
            kVersion,
            sizeof(Backend),
            kFake == Fake::build ? kPlans + 1 : kPlans,
            device_count,
            open,
            close,
            alloc,
            free,
            synchronize,
            transfer,
            work<&Backend::mix, emulated_mix, MixPlan>,
            work<&Backend::rows, test::emulated_rows, RowsPlan, MixPlan>,
            work<&Backend::fill, test::emulated_fill, FillPlan>,
            work<&Backend::copy, test::emulated_copy, CopyPlan>,
            work<&Backend::reduce, test::emulated_reduce, ReducePlan>,
            work<&Backend::change, test::emulated_change, ChangePlan>,
            work<&Backend::guide, test::emulated_guide, GuidePlan, MixPlan>,
            nullptr};
  return NWR_OK;
}

}  // namespace noisewright
