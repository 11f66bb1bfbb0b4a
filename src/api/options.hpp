// SPDX-License-Identifier: Apache-2.0
// Owns the struct_size protocol: structs may be shorter or longer than this library's.
// Must not know any one struct.
#pragma once

#include <algorithm>
#include <cstring>

#include "core/error.hpp"

namespace noisewright {

// struct_size and the field after it: less means that the initialiser was forgotten.
inline constexpr uint32_t kLeastStructSize = 8;
// Far more than any struct will grow to: a larger size is memory that nobody set.
inline constexpr uint32_t kMostStructSize = 4096;

template <class T>
void check_struct_size(const T* given, const char* name) {
  if (given->struct_size < kLeastStructSize || given->struct_size > kMostStructSize) {
    fail(NWR_ERROR_INVALID_ARGUMENT, name, ".struct_size is ", given->struct_size,
         "; set it to the size of the struct");
  }
}

// A whole copy of the caller's struct; NULL gives the defaults, which are zeros.
template <class T>
T take(const T* given, const char* name) {
  T copy{};
  if (!given) return copy;
  check_struct_size(given, name);
  const size_t size = given->struct_size;
  std::memcpy(&copy, given, std::min(size, sizeof copy));
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  for (size_t i = sizeof copy; i < size; ++i) {
    if (bytes[i] != 0) {
      fail(NWR_ERROR_UNSUPPORTED, name, " sets byte ", i, " of ", size,
           ", which this version does not know");
    }
  }
  return copy;
}

// Where no flag is defined yet.
inline void refuse_flags(uint32_t flags, const char* name) {
  if (flags != 0) {
    fail(NWR_ERROR_UNSUPPORTED, name, ".flags is ", flags, ", but none are defined");
  }
}

// Writes as much as the caller's struct has room for.
template <class T>
void give(T* out, T value) {
  value.struct_size = out->struct_size;
  std::memcpy(out, &value, std::min<size_t>(out->struct_size, sizeof value));
}

}  // namespace noisewright
