// SPDX-License-Identifier: Apache-2.0
// Owns the C side of contexts, memory and copies. Must not know backends beyond their choice.
#include "core/context.hpp"

#include "api/guard.hpp"
#include "api/handles.hpp"
#include "api/options.hpp"
#include "api/tensor.hpp"
#include "core/catalog.hpp"

using namespace noisewright;

namespace {

constexpr uint32_t kMostThreads = 1024;

const Backend& choose_cuda(const nwr_context_options& options) {
  const Backend& backend = cuda_backend(options.plugin);
  int32_t count = 0;
  const char* why = nullptr;
  const int32_t status = backend.device_count(&count, &why);
  if (status != NWR_OK || count <= 0) {
    fail(NWR_ERROR_BACKEND,
         "options.device is cuda, but there is no device: ", why ? why : "the driver counts none");
  }
  if (options.device_id < 0 || options.device_id >= count) {
    fail(NWR_ERROR_BACKEND, "options.device_id is ", options.device_id, ", but cuda has ", count,
         count == 1 ? " device, 0" : " devices, from 0 on");
  }
  return backend;
}

}  // namespace

nwr_status nwr_context_create(const nwr_context_options* options, nwr_context** out) {
  return guard([&] {
    require(out, "out");
    const nwr_context_options given = take(options, "options");
    const int32_t device = given.device == 0 ? int32_t{NWR_CPU} : int32_t{given.device};
    find_by_value(NWR_DOMAIN_DEVICE, device, {"options.device"});
    refuse_flags(given.flags, "options");
    if (given.reserved != 0) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "options.reserved is ", given.reserved, ", not 0");
    }
    if (device != NWR_CPU && device != NWR_CUDA) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "options.device is ", name_of(NWR_DOMAIN_DEVICE, device),
           ", where nothing computes; cpu and cuda do");
    }
    if (device == NWR_CPU && given.device_id != 0) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "options.device_id is ", given.device_id,
           ", but there is one cpu, 0");
    }
    if (given.threads > kMostThreads) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "options.threads is ", given.threads, ", above ",
           kMostThreads);
    }
    if (!given.alloc != !given.free) {
      fail(NWR_ERROR_INVALID_ARGUMENT, given.alloc ? "options.free" : "options.alloc",
           " is NULL, but its partner is not");
    }
    const Backend& backend = device == NWR_CPU ? cpu_backend() : choose_cuda(given);
    QueueOptions queue;
    queue.device = device;
    queue.device_id = given.device_id;
    queue.stream = given.stream;
    queue.threads = given.threads;
    queue.user = given.user;
    queue.alloc = given.alloc;
    queue.free = given.free;
    *out = wrap(new Context(backend, queue));
    return NWR_OK;
  });
}

void nwr_context_destroy(nwr_context* context) {
  const FloatScope scope;
  Ref<Context>::release(unwrap(context));
}

nwr_status nwr_context_synchronize(const nwr_context* context) {
  return guard([&] {
    require(context, "context");
    unwrap(context)->synchronize();
    return NWR_OK;
  });
}

nwr_status nwr_memory_alloc(const nwr_context* context, size_t bytes, void** out) {
  return guard([&] {
    require(context, "context");
    require(out, "out");
    if (bytes == 0) fail(NWR_ERROR_INVALID_ARGUMENT, "bytes is 0");
    *out = unwrap(context)->lend(bytes);
    return NWR_OK;
  });
}

void nwr_memory_free(const nwr_context* context, void* memory) {
  const FloatScope scope;
  if (context && memory) unwrap(context)->take_back(memory);
}

nwr_status nwr_tensor_copy(const nwr_context* context, const nwr_tensor* from,
                           const nwr_tensor* to) {
  return guard([&] {
    require(context, "context");
    const Context& c = *unwrap(context);
    copy_array(c, take_tensor(from, {"from"}, c, Use::read, Place::either), {"from"}, to, {"to"});
    return NWR_OK;
  });
}
