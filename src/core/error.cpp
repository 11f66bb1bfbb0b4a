// SPDX-License-Identifier: Apache-2.0
#include "core/error.hpp"

#include <algorithm>
#include <cstring>

namespace noisewright {
namespace {

// Plain bytes: no destructor to run when a thread ends.
thread_local char message[1024] = "";

}  // namespace

void set_last_error(std::string_view text) noexcept {
  const size_t length = std::min(text.size(), sizeof message - 1);
  std::memmove(message, text.data(), length);
  message[length] = '\0';
}

const char* last_error() noexcept { return message; }

}  // namespace noisewright
