// SPDX-License-Identifier: Apache-2.0
// Owns where work runs: a backend's queue and the memory that comes from it.
// Must not know schedules, samplers or the C API.
#pragma once

#include <cstddef>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "backend/backend.hpp"
#include "core/error.hpp"
#include "core/float_scope.hpp"
#include "core/ref.hpp"

namespace noisewright {

class Context : public RefCounted {
 public:
  // The backend must be that of options.device.
  Context(const Backend& backend, const QueueOptions& options);

  int32_t device() const { return device_; }
  int32_t device_id() const { return device_id_; }
  // Whether the device's memory is ordinary memory.
  bool on_host() const { return device_ == NWR_CPU; }

  // Work on the device's memory, in the order of the calls. All throw Error.
  void mix(const MixPlan& plan) const { check(backend_->mix(queue_, plan)); }
  void mix(const RowsPlan& rows, const MixPlan& plan) const {
    check(backend_->rows(queue_, rows, plan));
  }
  void fill(const FillPlan& plan) const { check(backend_->fill(queue_, plan)); }
  void copy(const CopyPlan& plan) const { check(backend_->copy(queue_, plan)); }
  void reduce(const ReducePlan& plan) const { check(backend_->reduce(queue_, plan)); }
  void change(const ChangePlan& plan) const { check(backend_->change(queue_, plan)); }
  void guide(const GuidePlan& guide, const MixPlan& plan) const {
    check(backend_->guide(queue_, guide, plan));
  }
  // Generators of other libraries: whether the device has any, and one of them.
  bool generates() const { return backend_->foreign != nullptr; }
  void generate(const ForeignPlan& plan) const { check(backend_->foreign(queue_, plan)); }
  void synchronize() const { check(backend_->synchronize(queue_)); }

  // The same on ordinary memory, done when they return.
  void mix_on_host(const MixPlan& plan) const { check(cpu_backend().mix(host_, plan)); }
  void fill_on_host(const FillPlan& plan) const { check(cpu_backend().fill(host_, plan)); }
  void copy_on_host(const CopyPlan& plan) const { check(cpu_backend().copy(host_, plan)); }
  // Work of any kind on the threads of the host.
  void run_on_host(const HostWork& work, int64_t count, double part_ns) const noexcept {
    cpu_run(host_, work, count, part_ns);
  }

  // Bytes between ordinary memory and the device's, either way. Done when it returns.
  void transfer(void* to, const void* from, size_t bytes) const {
    check(backend_->transfer(queue_, to, from, bytes));
  }

  void* allocate(size_t bytes) const;
  void release(void* memory, size_t bytes) const {
    const HostScope scope;  // the memory may be the host's allocator's
    backend_->free(queue_, memory, bytes);
  }

  // Numbers on the device that make() gives when their key is first asked for. They stay as long as
  // the context, for captured work may read them.
  template <class Make>
  const double* keep(uint64_t key, const Make& make) const {
    const std::lock_guard<std::mutex> lock(kept_mutex_);
    const auto found = kept_.find(key);
    if (found != kept_.end()) return static_cast<const double*>(found->second.first);
    return keep_numbers(key, make());
  }

  // For callers that do not keep sizes.
  void* lend(size_t bytes) const;
  void take_back(void* memory) const;

 protected:
  ~Context() override;

 private:
  static void check(int32_t status) {
    if (status != NWR_OK) raise(status);
  }
  [[noreturn]] static void raise(int32_t status);

  const Backend* backend_;
  Queue* queue_ = nullptr;
  Queue* host_ = nullptr;  // the CPU's, which is queue_ where the device is the CPU
  int32_t device_, device_id_;
  const double* keep_numbers(uint64_t key, const std::vector<double>& numbers) const;

  mutable std::mutex kept_mutex_;
  mutable std::unordered_map<uint64_t, std::pair<void*, size_t>> kept_;
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
