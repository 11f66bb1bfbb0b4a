// SPDX-License-Identifier: Apache-2.0
#include "core/context.hpp"

namespace noisewright {

Context::Context(const Backend& backend, const QueueOptions& options)
    : backend_(&backend), device_(options.device), device_id_(options.device_id) {
  check(backend.open(options, &queue_));
  host_ = queue_;
  if (on_host()) return;
  QueueOptions beside;
  beside.device = NWR_CPU;
  beside.threads = options.threads;
  const int32_t status = cpu_backend().open(beside, &host_);
  if (status != NWR_OK) {
    backend.close(queue_);
    raise(status);
  }
}

Context::~Context() {
  for (const auto& [memory, bytes] : lent_) release(memory, bytes);
  for (const auto& [key, kept] : kept_) release(kept.first, kept.second);
  if (host_ != queue_) cpu_backend().close(host_);
  backend_->close(queue_);
}

void Context::raise(int32_t status) { throw Error{static_cast<nwr_status>(status), last_error()}; }

void* Context::allocate(size_t bytes) const {
  void* memory = nullptr;
  int32_t status = NWR_OK;
  {
    const HostScope scope;  // the allocator may be the host's
    status = backend_->alloc(queue_, bytes, &memory);
  }
  check(status);
  return memory;
}

const double* Context::keep_numbers(uint64_t key, const std::vector<double>& numbers) const {
  const size_t bytes = numbers.size() * sizeof(double);
  void* const memory = allocate(bytes);
  try {
    transfer(memory, numbers.data(), bytes);
    kept_.emplace(key, std::make_pair(memory, bytes));
  } catch (...) {
    release(memory, bytes);
    throw;
  }
  return static_cast<const double*>(memory);
}

void* Context::lend(size_t bytes) const {
  const std::lock_guard<std::mutex> lock(lent_mutex_);
  void* memory = allocate(bytes);
  try {
    lent_.emplace(memory, bytes);
  } catch (...) {
    release(memory, bytes);
    throw;
  }
  return memory;
}

void Context::take_back(void* memory) const {
  const std::lock_guard<std::mutex> lock(lent_mutex_);
  const auto found = lent_.find(memory);
  if (found == lent_.end()) return;
  release(memory, found->second);
  lent_.erase(found);
}

}  // namespace noisewright
