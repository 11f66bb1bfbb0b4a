// SPDX-License-Identifier: Apache-2.0
// Owns the way from a plan's views to as few axes as they allow, for every backend, and the cutting
// of elements into runs. Must not know what is computed.
#pragma once

#include "core/plan.hpp"

namespace noisewright {

using Byte = unsigned char;

inline constexpr int kMaxViews = kMaxInputs + kMaxOutputs;

// A shape with as few axes as its views allow; the last one is the innermost.
struct Grid {
  bool by_sample;  // axis 0 counts samples and nothing else
  int axes;
  int64_t count;
  int64_t sample_count;  // elements of a sample
  int64_t extent[kMaxDims + 1];
  int views;
  Byte* base[kMaxViews];
  int64_t size[kMaxViews];                  // of an element, in bytes
  int64_t stride[kMaxViews][kMaxDims + 1];  // in bytes
};

// The first view leads: if any_order, axes are visited in the order of its strides, so that
// channels-last arrays are one run too. Numbered elements need the order of the shape.
void make_grid(const Shape& shape, const View* const* views, int view_count, bool by_sample,
               bool any_order, Grid* out);

// Calls visit(index, sample, count, addresses) for every run along the innermost axis within
// elements [begin, end).
template <class Visit>
void walk(const Grid& grid, int64_t begin, int64_t end, const Visit& visit) {
  const int inner = grid.axes - 1;
  Byte* address[kMaxViews];
  if (inner == 0) {
    for (int v = 0; v < grid.views; ++v) address[v] = grid.base[v] + begin * grid.stride[v][0];
    visit(begin, int64_t{0}, end - begin, address);
    return;
  }
  int64_t at[kMaxDims + 1];
  for (int v = 0; v < grid.views; ++v) address[v] = grid.base[v];
  int64_t rest = begin;
  for (int axis = inner; axis >= 0; --axis) {
    at[axis] = axis == 0 ? rest : rest % grid.extent[axis];
    rest /= grid.extent[axis];
    for (int v = 0; v < grid.views; ++v) address[v] += at[axis] * grid.stride[v][axis];
  }
  for (int64_t index = begin;;) {
    const int64_t left = grid.extent[inner] - at[inner];
    const int64_t count = left < end - index ? left : end - index;
    visit(index, grid.by_sample ? at[0] : 0, count, address);
    index += count;
    if (index >= end) return;
    // Back to the start of the row, then on to the next one.
    for (int v = 0; v < grid.views; ++v) address[v] -= at[inner] * grid.stride[v][inner];
    at[inner] = 0;
    int axis = inner - 1;
    while (++at[axis] == grid.extent[axis]) {
      at[axis] = 0;
      for (int v = 0; v < grid.views; ++v) {
        address[v] -= (grid.extent[axis] - 1) * grid.stride[v][axis];
      }
      --axis;
    }
    for (int v = 0; v < grid.views; ++v) address[v] += grid.stride[v][axis];
  }
}

}  // namespace noisewright
