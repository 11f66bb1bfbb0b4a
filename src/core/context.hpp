// SPDX-License-Identifier: Apache-2.0
// Owns where work runs: a backend's queue and the memory that comes from it.
// Must not know schedules, samplers or the C API.
#pragma once

#include <cstddef>
#include <mutex>
#include <unordered_map>

#include "backend/backend.hpp"
#include "core/ref.hpp"

namespace noisewright {

class Context : public RefCounted {
 public:
  Context(const Backend& backend, const QueueOptions& options)
      : backend_(&backend), queue_(backend.open(options)), device_(options.device) {}

  int32_t device() const { return device_; }
  void mix(const MixPlan& plan) const { backend_->mix(queue_, plan); }
  void fill(const FillPlan& plan) const { backend_->fill(queue_, plan); }
  void copy(const CopyPlan& plan) const { backend_->copy(queue_, plan); }
  void synchronize() const { backend_->synchronize(queue_); }

  // Throws std::bad_alloc.
  void* allocate(size_t bytes) const;
  void release(void* memory, size_t bytes) const { backend_->free(queue_, memory, bytes); }

  // For callers that do not keep sizes.
  void* lend(size_t bytes) const;
  void take_back(void* memory) const;

 protected:
  ~Context() override;

 private:
  const Backend* backend_;
  Queue* queue_;
  int32_t device_;
  mutable std::mutex lent_mutex_;
  mutable std::unordered_map<void*, size_t> lent_;
};

// Memory on a context's device, released with its owner.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Ref<const Context> context, size_t bytes)
      : context_(std::move(context)), data_(context_->allocate(bytes)), bytes_(bytes) {}
  Buffer(Buffer&& other) noexcept
      : context_(std::move(other.context_)),
        data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(context_, other.context_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Buffer() {
    if (data_) context_->release(data_, bytes_);
  }
  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  Ref<const Context> context_;
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace noisewright
