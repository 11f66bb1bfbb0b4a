// SPDX-License-Identifier: Apache-2.0
// Owns the floating-point mode: ours inside the library, the host's outside it and in its
// callbacks. Must not know who calls.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#  include <immintrin.h>
#endif

namespace noisewright {

#if defined(__x86_64__)
using FloatMode = unsigned;
inline constexpr FloatMode kDefaultMode = 0x1F80u;
inline constexpr FloatMode kModeBits = 0xFFC0u;  // the rest are flags of past exceptions
inline FloatMode float_mode() { return _mm_getcsr(); }
inline void set_float_mode(FloatMode mode) { _mm_setcsr(mode); }
#elif defined(__aarch64__)
using FloatMode = uint64_t;
inline constexpr FloatMode kDefaultMode = 0;
inline constexpr FloatMode kModeBits = ~FloatMode{0};
inline FloatMode float_mode() {
  FloatMode mode;
  asm volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
}
inline void set_float_mode(FloatMode mode) { asm volatile("msr fpcr, %0" : : "r"(mode)); }
#else
using FloatMode = unsigned;
inline constexpr FloatMode kDefaultMode = 0;
inline constexpr FloatMode kModeBits = 0;
inline FloatMode float_mode() { return 0; }
inline void set_float_mode(FloatMode) {}
#endif

inline bool is_default(FloatMode mode) { return (mode & kModeBits) == kDefaultMode; }

// The mode that this thread's host had set when it called, for its callbacks.
struct HostMode {
  bool differs;
  FloatMode mode;
};
// Puts one in place of another.
HostMode exchange_host_mode(HostMode now) noexcept;

// Gives code the default rounding, with subnormals kept and exceptions masked, whatever the host
// has set; other libraries do change it for the whole thread (-ffast-math start-up code, say).
// Every function of the C API opens one before its first floating-point operation, and the
// library's own threads are born in one.
class FloatScope {
 public:
  FloatScope() : before_(float_mode()) {
    if (!is_default(before_)) enter();
  }
  ~FloatScope() {
    if (!is_default(before_)) leave();
  }
  FloatScope(const FloatScope&) = delete;
  FloatScope& operator=(const FloatScope&) = delete;

 private:
  // Out of line, as they are seldom needed.
  void enter() const noexcept;
  void leave() const noexcept;

  const FloatMode before_;
};

// Within a FloatScope, gives the host its mode back for a callback. What the callback sets ends
// with it.
class HostScope {
 public:
  HostScope() : host_(exchange_host_mode({false, kDefaultMode})) {
    if (host_.differs) set_float_mode(host_.mode);
  }
  ~HostScope() {
    if (!is_default(float_mode())) set_float_mode(kDefaultMode);
    exchange_host_mode(host_);
  }
  HostScope(const HostScope&) = delete;
  HostScope& operator=(const HostScope&) = delete;

 private:
  const HostMode host_;
};

// Every call of the host's functions goes through here.
template <class F, class... Args>
auto call_host(F* function, Args... args) {
  const HostScope scope;
  return function(args...);
}

}  // namespace noisewright
