// SPDX-License-Identifier: Apache-2.0
#include "cuda/queue.cuh"

#include <cstdio>
#include <cstdlib>

namespace noisewright {

struct Kept {
  Kept* next;
  Byte* memory;
};

namespace cuda {
namespace {

const Host* the_host = nullptr;

// What one launch carries of a table.
struct Piece {
  static constexpr int kWords = 960;
  uint32_t word[kWords];
};
static_assert(sizeof(Piece) + 16 <= kMaxArguments);

__global__ void __launch_bounds__(kThreads)
    store_piece(const __grid_constant__ Piece piece, uint32_t* to, int words) {
  for (int i = static_cast<int>(threadIdx.x); i < words; i += kThreads) to[i] = piece.word[i];
}

bool is_capturing(const Queue* queue) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  if (cudaStreamIsCapturing(queue->stream, &status) != cudaSuccess) {
    cudaGetLastError();
    return false;
  }
  return status != cudaStreamCaptureStatusNone;
}

// Memory that a graph under capture uses: no work of the stream, and allowed during capture.
Byte* keep(Queue* queue, size_t bytes) {
  auto* const kept = static_cast<Kept*>(std::malloc(sizeof(Kept)));
  if (kept == nullptr) return nullptr;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
  cudaThreadExchangeStreamCaptureMode(&mode);
  void* memory = nullptr;
  const cudaError_t error = cudaMalloc(&memory, bytes);
  cudaThreadExchangeStreamCaptureMode(&mode);
  if (error != cudaSuccess) {
    cudaGetLastError();
    std::free(kept);
    return nullptr;
  }
  *kept = {queue->kept, static_cast<Byte*>(memory)};
  queue->kept = kept;
  return kept->memory;
}

}  // namespace

void set_host(const Host* host) { the_host = host; }

void report(const char* text) { the_host->report(text); }

int32_t failed(cudaError_t error, const char* what) {
  char text[512];
  cudaGetLastError();  // else the next call would report it again
  if (error == cudaErrorMemoryAllocation) {
    std::snprintf(text, sizeof text, "out of memory on the cuda device, in %s", what);
    the_host->report(text);
    return NWR_ERROR_OUT_OF_MEMORY;
  }
  std::snprintf(text, sizeof text, "cuda: %s (%s) in %s; the fault may be of earlier work",
                cudaGetErrorString(error), cudaGetErrorName(error), what);
  the_host->report(text);
  return NWR_ERROR_DEVICE;
}

int32_t out_of_memory(const Queue* queue, size_t bytes) {
  char text[128];
  std::snprintf(text, sizeof text, "out of memory: %zu bytes on cuda device %d", bytes,
                queue->options.device_id);
  the_host->report(text);
  return NWR_ERROR_OUT_OF_MEMORY;
}

DeviceScope::DeviceScope(int device) {
  int now = -1;
  if (cudaGetDevice(&now) == cudaSuccess && now == device) return;
  before_ = now;
  cudaSetDevice(device);
}

DeviceScope::~DeviceScope() {
  if (before_ >= 0) cudaSetDevice(before_);
}

TableScope::TableScope(Queue* queue, size_t bytes) : queue_(queue), bytes_(bytes) {
  if (bytes == 0) return;
  pthread_mutex_lock(&queue->mutex);
  const size_t whole = (bytes + 4095) / 4096 * 4096;
  if (queue->staging_bytes < whole) {
    void* const grown = std::realloc(queue->staging, whole);
    if (grown == nullptr) {
      status_ = out_of_memory(queue, whole);
      return;
    }
    queue->staging = static_cast<Byte*>(grown);
    queue->staging_bytes = whole;
  }
  table_.here = queue->staging;
  if (is_capturing(queue)) {
    table_.there = keep(queue, whole);
    if (table_.there == nullptr) status_ = out_of_memory(queue, whole);
    return;
  }
  void* grown = nullptr;
  if (queue->stream == cudaStreamPerThread) {
    // Each thread has a stream, so no order puts the next call behind this one.
    status_ = queue_alloc(queue, whole, &grown);
    table_.there = static_cast<Byte*>(grown);
    transient_bytes_ = whole;
    return;
  }
  if (queue->table_bytes < whole) {
    status_ = queue_alloc(queue, whole, &grown);
    if (status_ != NWR_OK) return;
    queue_free(queue, queue->table, queue->table_bytes);
    queue->table = static_cast<Byte*>(grown);
    queue->table_bytes = whole;
  }
  table_.there = queue->table;
}

TableScope::~TableScope() {
  if (transient_bytes_ > 0) queue_free(queue_, table_.there, transient_bytes_);
  if (bytes_ > 0) pthread_mutex_unlock(&queue_->mutex);
}

int32_t TableScope::send(size_t first) {
  const auto* const from = reinterpret_cast<const uint32_t*>(table_.here + first);
  auto* const to = reinterpret_cast<uint32_t*>(table_.there + first);
  const size_t words = (bytes_ - first + 3) / 4;
  for (size_t done = 0; done < words; done += Piece::kWords) {
    const size_t left = words - done;
    const size_t count = left < Piece::kWords ? left : size_t{Piece::kWords};
    Piece piece;
    std::memcpy(piece.word, from + done, count * 4);
    store_piece<<<1, kThreads, 0, queue_->stream>>>(piece, to + done, static_cast<int>(count));
    const int32_t status = check(cudaGetLastError(), "sending factors");
    if (status != NWR_OK) return status;
  }
  return NWR_OK;
}

// ---- the table's functions ----------------------------------------------------------------------

int32_t device_count(int32_t* count, const char** why) {
  int found = 0;
  const cudaError_t error = cudaGetDeviceCount(&found);
  *count = error == cudaSuccess ? found : 0;
  *why = nullptr;
  if (error == cudaSuccess) return NWR_OK;
  cudaGetLastError();
  switch (error) {
    case cudaErrorInsufficientDriver:
      *why = "there is no NVIDIA driver, or one older than this plugin's CUDA";
      break;
    case cudaErrorNoDevice:
      *why = "the NVIDIA driver finds no GPU that this process may use";
      break;
    default: *why = cudaGetErrorString(error); break;
  }
  return NWR_OK;
}

int32_t open(const QueueOptions& options, Queue** out) {
  *out = nullptr;
  auto* const queue = static_cast<Queue*>(std::calloc(1, sizeof(Queue)));
  if (queue == nullptr) {
    the_host->report("out of memory");
    return NWR_ERROR_OUT_OF_MEMORY;
  }
  queue->options = options;
  pthread_mutex_init(&queue->mutex, nullptr);
  const DeviceScope scope(options.device_id);
  int pools = 0;
  cudaError_t error =
      cudaDeviceGetAttribute(&pools, cudaDevAttrMemoryPoolsSupported, options.device_id);
  queue->pooled = error == cudaSuccess && pools != 0;
  if (error == cudaSuccess) {
    error = cudaDeviceGetAttribute(&queue->multiprocessors, cudaDevAttrMultiProcessorCount,
                                   options.device_id);
  }
  if (error == cudaSuccess) {
    // NULL is a stream of our own; CUDA's own NULL stream has the handles 1 and 2.
    queue->own_stream = options.stream == nullptr;
    queue->stream = static_cast<cudaStream_t>(options.stream);
    if (queue->own_stream) {
      error = cudaStreamCreateWithFlags(&queue->stream, cudaStreamNonBlocking);
    }
  }
  if (error != cudaSuccess) {
    pthread_mutex_destroy(&queue->mutex);
    std::free(queue);
    return failed(error, "opening the device");
  }
  *out = queue;
  return NWR_OK;
}

void close(Queue* queue) {
  const DeviceScope scope(queue->options.device_id);
  queue_free(queue, queue->table, queue->table_bytes);
  while (queue->kept != nullptr) {
    Kept* const kept = queue->kept;
    queue->kept = kept->next;
    cudaFree(kept->memory);
    std::free(kept);
  }
  // Work that is under way ends before the stream does.
  if (queue->own_stream) cudaStreamDestroy(queue->stream);
  cudaGetLastError();
  std::free(queue->staging);
  pthread_mutex_destroy(&queue->mutex);
  std::free(queue);
}

int32_t queue_alloc(Queue* queue, size_t bytes, void** memory) {
  const DeviceScope scope(queue->options.device_id);
  const QueueOptions& o = queue->options;
  const size_t size = bytes > 0 ? bytes : 1;
  *memory = nullptr;
  if (o.alloc != nullptr) {
    *memory = o.alloc(o.user, bytes, 64, NWR_CUDA, queue->stream);
    return *memory != nullptr ? NWR_OK : out_of_memory(queue, bytes);
  }
  const cudaError_t error =
      queue->pooled ? cudaMallocAsync(memory, size, queue->stream) : cudaMalloc(memory, size);
  if (error == cudaSuccess) return NWR_OK;
  if (error != cudaErrorMemoryAllocation) return failed(error, "an allocation");
  cudaGetLastError();
  return out_of_memory(queue, bytes);
}

void queue_free(Queue* queue, void* memory, size_t bytes) {
  if (memory == nullptr) return;
  const DeviceScope scope(queue->options.device_id);
  const QueueOptions& o = queue->options;
  if (o.free != nullptr) {
    o.free(o.user, memory, bytes, NWR_CUDA, queue->stream);
    return;
  }
  if (queue->pooled) {
    cudaFreeAsync(memory, queue->stream);
  } else {
    cudaFree(memory);
  }
  cudaGetLastError();
}

int32_t synchronize(Queue* queue) {
  const DeviceScope scope(queue->options.device_id);
  return check(cudaStreamSynchronize(queue->stream), "waiting for the stream");
}

int32_t transfer(Queue* queue, void* to, const void* from, size_t bytes) {
  const DeviceScope scope(queue->options.device_id);
  const int32_t status =
      check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, queue->stream), "a copy");
  return status != NWR_OK ? status : synchronize(queue);
}

}  // namespace cuda
}  // namespace noisewright
