// SPDX-License-Identifier: Apache-2.0
// Owns the reference count that the handles share, so that they may be destroyed in any order.
// Must not know what is counted.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace noisewright {

template <class T>
class Ref;

class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

 protected:
  virtual ~RefCounted() = default;

 private:
  template <class T>
  friend class Ref;
  mutable std::atomic<uint32_t> references_{1};
};

// A counted pointer. Objects are born with one reference, which adopt() takes over.
template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(const Ref& other) : object_(other.object_) {
    if (object_) object_->references_.fetch_add(1, std::memory_order_relaxed);
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() { release(object_); }

  static Ref adopt(T* object) {
    Ref ref;
    ref.object_ = object;
    return ref;
  }
  static Ref share(T* object) {
    Ref ref = adopt(object);
    Ref copy = ref;
    ref.leak();
    return copy;
  }
  static void release(T* object) {
    if (object && object->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      const RefCounted* counted = object;
      delete counted;
    }
  }

  T* leak() { return std::exchange(object_, nullptr); }
  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }

 private:
  T* object_ = nullptr;
};

}  // namespace noisewright
