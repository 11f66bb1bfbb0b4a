// SPDX-License-Identifier: Apache-2.0
// Owns an array as the core knows it: a shape and a view of memory. Must not know whose it is.
#pragma once

#include "core/context.hpp"

namespace noisewright {

// A checked array of the caller.
struct Array {
  Shape shape;
  View view;
  bool beside = false;  // in ordinary memory, of a context whose device has its own
};

// The array that memory is, last axis fastest.
View dense_view(const Shape& shape, Dtype dtype, void* memory);
Array dense(const Shape& shape, Dtype dtype, void* memory);

}  // namespace noisewright
