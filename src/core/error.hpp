// SPDX-License-Identifier: Apache-2.0
// Owns the one exception of the library, the building of its message, and the last one of a thread.
// Must not know what the messages are about.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "noisewright.h"

namespace noisewright {

struct Error {
  nwr_status status;
  std::string message;
};

// This thread's message for nwr_last_error, cut to a fixed length: reporting must not fail.
void set_last_error(std::string_view text) noexcept;
const char* last_error() noexcept;

// Numbers are written by to_chars, so that no locale can change a message or a spec string.
inline void append(std::string& out, std::string_view text) { out += text; }
inline void append(std::string& out, const char* text) { out += text; }
inline void append(std::string& out, const std::string& text) { out += text; }
template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
void append(std::string& out, T number) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, number);
  out.append(buffer, end.ptr);
}

template <class... Parts>
std::string concat(const Parts&... parts) {
  std::string out;
  (append(out, parts), ...);
  return out;
}

template <class... Parts>
[[noreturn]] void fail(nwr_status status, const Parts&... parts) {
  throw Error{status, concat(parts...)};
}

// The name of an argument, put together only when a message needs it.
struct Name {
  const char* base;
  int64_t index = -1;
  const char* field = "";
  const char* member = "";

  Name with(const char* name) const { return {base, index, field, name}; }
};
inline void append(std::string& out, const Name& name) {
  out += name.base;
  if (name.index >= 0) append(out, "["), append(out, name.index), append(out, "]");
  out += name.field;
  out += name.member;
}

}  // namespace noisewright
