// SPDX-License-Identifier: Apache-2.0
#include "core/float_scope.hpp"

#include <utility>

namespace noisewright {
namespace {

thread_local HostMode host_mode = {false, kDefaultMode};

}  // namespace

HostMode exchange_host_mode(HostMode now) noexcept { return std::exchange(host_mode, now); }

void FloatScope::enter() const noexcept {
  exchange_host_mode({true, before_});
  set_float_mode(kDefaultMode);
}

void FloatScope::leave() const noexcept {
  exchange_host_mode({false, kDefaultMode});
  set_float_mode(before_);
}

}  // namespace noisewright
