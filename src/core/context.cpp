// SPDX-License-Identifier: Apache-2.0
#include "core/context.hpp"

#include <new>

namespace noisewright {

Context::~Context() {
  for (const auto& [memory, bytes] : lent_) backend_->free(queue_, memory, bytes);
  backend_->close(queue_);
}

void* Context::allocate(size_t bytes) const {
  void* memory = backend_->alloc(queue_, bytes);
  if (!memory) throw std::bad_alloc();
  return memory;
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
