// SPDX-License-Identifier: Apache-2.0
#include "backend/grid.hpp"

#include <cstdlib>

namespace noisewright {
namespace {

void add_axis(Grid& grid, const View* const* views, int axis, int64_t extent) {
  grid.extent[grid.axes] = extent;
  for (int v = 0; v < grid.views; ++v) {
    grid.stride[v][grid.axes] = (axis < 0 ? 1 : views[v]->stride[axis]) * grid.size[v];
  }
  ++grid.axes;
}

// May the axis become one with the grid's last axis?
bool continues(const Grid& grid, const View* const* views, int axis, int64_t extent) {
  for (int v = 0; v < grid.views; ++v) {
    const int64_t step = views[v]->stride[axis] * grid.size[v];
    if (grid.stride[v][grid.axes - 1] != step * extent) return false;
  }
  return true;
}

// Row-major without gaps from the given axis on, in all views?
bool is_plain(const Shape& shape, const View* const* views, int view_count, int first) {
  int64_t step = 1;
  for (int axis = shape.ndim - 1; axis >= first; --axis) {
    const int64_t extent = shape.extent[axis];
    for (int v = 0; v < view_count && extent != 1; ++v) {
      if (views[v]->stride[axis] != step) return false;
    }
    step *= extent;
  }
  return true;
}

}  // namespace

void make_grid(const Shape& shape, const View* const* views, int view_count, bool by_sample,
               bool any_order, Grid* out) {
  Grid& grid = *out;
  grid.by_sample = by_sample;
  grid.axes = 0;
  grid.sample_count = shape.inner();
  grid.count = shape.batch() * grid.sample_count;
  grid.views = view_count;
  for (int v = 0; v < view_count; ++v) {
    grid.base[v] = static_cast<Byte*>(views[v]->data);
    grid.size[v] = static_cast<int64_t>(size_of(views[v]->dtype));
  }
  if (grid.count == 0) return;

  const int fixed = by_sample ? 1 : 0;
  if (by_sample) add_axis(grid, views, 0, shape.extent[0]);
  if (is_plain(shape, views, view_count, fixed)) {
    add_axis(grid, views, -1, by_sample ? grid.sample_count : grid.count);
    return;
  }

  int order[kMaxDims];
  int ordered = 0;
  for (int axis = fixed; axis < shape.ndim; ++axis) {
    if (shape.extent[axis] == 1) continue;
    int place = ordered++;
    if (any_order) {
      const int64_t step = std::llabs(views[0]->stride[axis]);
      for (; place > 0 && std::llabs(views[0]->stride[order[place - 1]]) < step; --place) {
        order[place] = order[place - 1];
      }
    }
    order[place] = axis;
  }
  for (int i = 0; i < ordered; ++i) {
    const int axis = order[i];
    const int64_t extent = shape.extent[axis];
    if (grid.axes > fixed && continues(grid, views, axis, extent)) {
      const int64_t merged = grid.extent[--grid.axes] * extent;
      add_axis(grid, views, axis, merged);
    } else {
      add_axis(grid, views, axis, extent);
    }
  }
}

}  // namespace noisewright
