// SPDX-License-Identifier: Apache-2.0
// Owns the way from a plan to a launch: which elements one thread computes, by vectors of 16 bytes
// or one by one, and the arguments that kernels take. Plain functions for the host, so that tests
// run them without a GPU. Must not know CUDA.
#pragma once

#include <cstddef>

#include "backend/grid.hpp"
#include "math/mix.hpp"
#include "math/reduce.hpp"

namespace noisewright::cuda {

// What a kernel's arguments may take up (compute capability 7.5, any toolkit).
inline constexpr size_t kMaxArguments = 4096;

inline constexpr int kThreads = 256;

struct Geometry {
  uint32_t blocks;
  uint32_t threads;
};

// Threads walk over the items in strides of the whole grid, which is a few waves of full
// multiprocessors.
inline Geometry geometry_of(int64_t items, int multiprocessors) {
  const int64_t needed = (items + kThreads - 1) / kThreads;
  const int64_t most = int64_t{multiprocessors} * (2048 / kThreads) * 4;
  const int64_t blocks = needed < most ? needed : most;
  return {static_cast<uint32_t>(blocks > 0 ? blocks : 1), kThreads};
}

// ---- elements -----------------------------------------------------------------------------------

// An array as rows, which are samples where samples differ in factors or generators.
struct Operand {
  Byte* data;
  int64_t row_stride;  // in bytes
  Dtype dtype;
  int32_t size;  // of an element, in bytes
};

// How the elements of a row lie where they do not lie side by side: up to kViews arrays.
template <int kViews>
struct Strides {
  int32_t axes;
  int32_t reserved;
  int64_t extent[kMaxDims];
  int64_t stride[kViews][kMaxDims];  // in bytes
};

inline constexpr int kOwnFactors = 128;  // doubles
inline constexpr int kOwnRngs = 8;

// Random numbers of rows.
struct Generators {
  const Rng* rngs;  // on the device, or nullptr: own
  int64_t count;    // 0, 1 for all elements, or one a row
  Rng own[kOwnRngs];
};

struct MixArguments {
  int64_t rows;
  int64_t count;  // elements of a row
  int64_t begin;  // of each row, the elements [begin, count) are this launch's
  int64_t items;  // of a row
  int32_t input_count;
  int32_t output_count;
  const double* factors;  // on the device, or nullptr: own
  int64_t factor_rows;
  Generators noise;
  Operand input[kMaxInputs];
  Operand output[kMaxOutputs];
  union {
    float narrow[2 * kOwnFactors];
    double wide[kOwnFactors];
  } own;  // as Real of the launch
};

struct StridedMixArguments {
  MixArguments mix;
  Strides<kMaxViews> strides;  // outputs, then inputs
};
static_assert(sizeof(StridedMixArguments) <= kMaxArguments);

struct FillArguments {
  int64_t rows, count, begin, items;
  Distribution what;
  int32_t reserved;
  Operand output;
  Generators noise;
  Strides<1> strides;
};
static_assert(sizeof(FillArguments) <= kMaxArguments);

struct CopyArguments {
  int64_t count;
  Byte* to;
  const Byte* from;
  int32_t size;
  int32_t reserved;
  Strides<2> strides;  // to, from
};
static_assert(sizeof(CopyArguments) <= kMaxArguments);

// What a thread does in one item.
enum class Access {
  vector,  // 16 bytes of each array, or 32 of f64: kVectorElements elements
  dense,   // up to 4 elements side by side, at any address
  strided  // up to 4 elements anywhere
};

inline constexpr int64_t kGroupElements = 4;  // as many as one Philox block makes

constexpr int64_t vector_elements(int64_t size) { return size == 2 ? 8 : 4; }

// A pass as launches: the first by vectors if it can be, the second for what is left.
struct Pass {
  Access access;
  int64_t begin;
  int64_t end;
  int64_t items;  // of a row
};
struct Passes {
  int count;
  Pass pass[2];
};

// Groups start at multiples of 4 of the stream, which every row meets at another element.
inline int64_t groups_of(int64_t elements, bool random) {
  return (elements + (random ? 3 : 0) + kGroupElements - 1) / kGroupElements;
}

inline Passes passes_of(Access access, int64_t size, int64_t count, bool random) {
  if (access != Access::vector) return {1, {{access, 0, count, groups_of(count, random)}, {}}};
  const int64_t step = vector_elements(size), whole = count / step * step;
  Passes passes = {0, {}};
  if (whole > 0) passes.pass[passes.count++] = {Access::vector, 0, whole, whole / step};
  if (whole < count) {
    passes.pass[passes.count++] = {Access::dense, whole, count, groups_of(count - whole, random)};
  }
  return passes;
}

// Whether every row's elements begin on a multiple of 4 of its stream.
inline bool on_whole_blocks(const Rng* rngs, int64_t rng_count, int64_t rows, int64_t count) {
  if (rng_count == 1 && rows > 1 && count % 4 != 0) return false;
  for (int64_t i = 0; i < rng_count; ++i) {
    if (rngs[i].offset % 4 != 0) return false;
  }
  return true;
}

inline bool is_vector_place(const Operand& operand, int64_t rows) {
  const auto address = reinterpret_cast<uintptr_t>(operand.data);
  return address % 16 == 0 && (rows == 1 || operand.row_stride % 16 == 0);
}

// The rows of a grid, and the strides within a row; dense if they are the elements' sizes.
template <int kViews>
struct Rows {
  int64_t rows, count;
  bool dense;
  Operand operand[kViews];
  Strides<kViews> strides;
};

template <int kViews>
void rows_of(const Shape& shape, const View* const* views, int view_count, bool by_sample,
             bool any_order, Rows<kViews>* out) {
  Grid grid;
  make_grid(shape, views, view_count, by_sample, any_order, &grid);
  *out = {};
  out->rows = by_sample ? shape.batch() : 1;
  out->count = grid.count / out->rows;
  const int first = by_sample ? 1 : 0;
  out->strides.axes = grid.axes - first;
  out->dense = out->strides.axes <= 1;
  for (int axis = first; axis < grid.axes; ++axis) {
    out->strides.extent[axis - first] = grid.extent[axis];
  }
  for (int v = 0; v < view_count; ++v) {
    out->operand[v] = {grid.base[v], by_sample ? grid.stride[v][0] : 0, views[v]->dtype,
                       static_cast<int32_t>(grid.size[v])};
    for (int axis = first; axis < grid.axes; ++axis) {
      out->strides.stride[v][axis - first] = grid.stride[v][axis];
      if (out->count > 1 && grid.stride[v][axis] != grid.size[v]) out->dense = false;
    }
  }
}

// ---- mix ----------------------------------------------------------------------------------------

// Sums of so many outputs are kept in registers: kernels exist for these.
constexpr int output_class(int outputs) { return outputs <= 2 ? outputs : kMaxOutputs; }

struct MixWork {
  bool wide;  // arithmetic in double
  bool noise;
  Passes passes;
  StridedMixArguments arguments;
  int input[kMaxInputs];  // which of the plan's inputs they are
  bool factors_fit, rngs_fit;
  size_t table_bytes;  // of factors and generators that do not fit into the arguments
};

// Leaves out what no row of factors uses, and decides how elements are taken. Where the factors are
// made on the device, nothing is left out, and whoever makes them puts their place into the
// arguments.
inline void plan_mix(const MixPlan& plan, bool made_on_device, MixWork* out) {
  MixWork& work = *out;
  MixArguments& a = work.arguments.mix;
  const int stored = plan.input_count + 1;
  const int64_t factor_rows = plan.factor_rows > 1 ? plan.factor_rows : 1;

  work.wide = false;
  for (int k = 0; k < plan.input_count; ++k) work.wide |= plan.input[k].dtype == Dtype::f64;
  for (int j = 0; j < plan.output_count; ++j) work.wide |= plan.output[j].dtype == Dtype::f64;

  uint32_t used = (1u << stored) - 1u;
  if (!made_on_device) {
    used = 0;
    for (int64_t i = 0; i < factor_rows * plan.output_count * stored; ++i) {
      const double factor = plan.factors[i];
      if (work.wide ? mix_uses(factor) : mix_uses(static_cast<float>(factor))) {
        used |= 1u << i % stored;
      }
    }
  }
  work.noise = plan.rng_count > 0 && (used >> plan.input_count & 1u) != 0;

  const View* views[kMaxViews];
  int count = 0;
  for (int j = 0; j < plan.output_count; ++j) views[count++] = &plan.output[j];
  a.input_count = 0;
  for (int k = 0; k < plan.input_count; ++k) {
    if ((used >> k & 1u) == 0) continue;
    work.input[a.input_count++] = k;
    views[count++] = &plan.input[k];
  }
  a.output_count = plan.output_count;

  const int64_t rng_count = work.noise ? plan.rng_count : 0;
  Rows<kMaxViews> rows;
  rows_of(plan.shape, views, count, factor_rows > 1 || rng_count > 1, !work.noise, &rows);
  a.rows = rows.rows;
  a.count = rows.count;
  a.begin = 0;
  a.items = 0;
  work.arguments.strides = rows.strides;
  bool vectors = rows.dense;
  for (int v = 0; v < count; ++v) {
    const Operand& operand = rows.operand[v];
    (v < plan.output_count ? a.output[v] : a.input[v - plan.output_count]) = operand;
    vectors =
        vectors && operand.dtype == rows.operand[0].dtype && is_vector_place(operand, rows.rows);
  }
  // What makes arithmetic wide may be an input that nothing takes.
  vectors = vectors && work.wide == (rows.operand[0].dtype == Dtype::f64);
  vectors = vectors && on_whole_blocks(plan.rngs, rng_count, rows.rows, rows.count);
  const Access access = vectors ? Access::vector : rows.dense ? Access::dense : Access::strided;
  work.passes = passes_of(access, rows.operand[0].size, rows.count, work.noise);

  const int64_t factors = factor_rows * a.output_count * (a.input_count + 1);
  a.factors = nullptr;
  a.factor_rows = factor_rows;
  a.noise.rngs = nullptr;
  a.noise.count = rng_count;
  work.factors_fit = made_on_device || factors * (work.wide ? 2 : 1) <= 2 * kOwnFactors;
  work.rngs_fit = rng_count <= kOwnRngs;
  work.table_bytes = (work.factors_fit ? 0 : static_cast<size_t>(factors) * sizeof(double)) +
                     (work.rngs_fit ? 0 : static_cast<size_t>(rng_count) * sizeof(Rng));
}

// Puts factors and generators into the arguments, or, where they do not fit, into table_bytes of a
// table, which will lie at there on the device.
inline void pack_mix(const MixPlan& plan, MixWork* work, Byte* table, Byte* there) {
  MixArguments& a = work->arguments.mix;
  auto* const numbers = reinterpret_cast<double*>(table);
  int64_t place = 0;
  for (int64_t row = 0; row < a.factor_rows && a.factors == nullptr; ++row) {
    for (int j = 0; j < a.output_count; ++j) {
      const double* const from = plan.factors + (row * a.output_count + j) * (plan.input_count + 1);
      for (int k = 0; k <= a.input_count; ++k, ++place) {
        const bool last = k == a.input_count;
        const double factor =
            last ? (work->noise ? from[plan.input_count] : 0.0) : from[work->input[k]];
        if (!work->factors_fit) {
          numbers[place] = factor;
        } else if (work->wide) {
          a.own.wide[place] = factor;
        } else {
          a.own.narrow[place] = static_cast<float>(factor);
        }
      }
    }
  }
  size_t bytes = 0;
  if (!work->factors_fit) {
    a.factors = reinterpret_cast<const double*>(there);
    bytes = static_cast<size_t>(place) * sizeof(double);
  }
  if (work->rngs_fit) {
    for (int64_t i = 0; i < a.noise.count; ++i) a.noise.own[i] = plan.rngs[i];
  } else {
    std::memcpy(table + bytes, plan.rngs, static_cast<size_t>(a.noise.count) * sizeof(Rng));
    a.noise.rngs = reinterpret_cast<const Rng*>(there + bytes);
  }
}

// ---- fill ---------------------------------------------------------------------------------------

struct FillWork {
  Passes passes;
  FillArguments arguments;
  size_t table_bytes;
};

inline void plan_fill(const FillPlan& plan, FillWork* out) {
  FillArguments& a = out->arguments;
  const View* const view = &plan.output;
  Rows<1> rows;
  rows_of(plan.shape, &view, 1, plan.rng_count > 1, false, &rows);
  a.rows = rows.rows;
  a.count = rows.count;
  a.begin = a.items = 0;
  a.what = plan.what;
  a.reserved = 0;
  a.output = rows.operand[0];
  a.strides = rows.strides;
  a.noise.rngs = nullptr;
  a.noise.count = plan.rng_count;
  const bool vectors = rows.dense && is_vector_place(a.output, a.rows) &&
                       on_whole_blocks(plan.rngs, plan.rng_count, a.rows, a.count);
  const Access access = vectors ? Access::vector : rows.dense ? Access::dense : Access::strided;
  out->passes = passes_of(access, a.output.size, a.count, true);
  out->table_bytes =
      plan.rng_count > kOwnRngs ? static_cast<size_t>(plan.rng_count) * sizeof(Rng) : 0;
}

inline void pack_fill(const FillPlan& plan, FillWork* work, Byte* table, Byte* there) {
  Generators& noise = work->arguments.noise;
  if (work->table_bytes > 0) {
    std::memcpy(table, plan.rngs, work->table_bytes);
    noise.rngs = reinterpret_cast<const Rng*>(there);
    return;
  }
  for (int64_t i = 0; i < noise.count; ++i) noise.own[i] = plan.rngs[i];
}

// ---- copy ---------------------------------------------------------------------------------------

// True where both arrays are bytes side by side.
inline bool plan_copy(const CopyPlan& plan, CopyArguments* a) {
  const View* const views[] = {&plan.to, &plan.from};
  Rows<2> rows;
  rows_of(plan.shape, views, 2, false, true, &rows);
  *a = {rows.count, rows.operand[0].data, rows.operand[1].data, rows.operand[0].size,
        0,          rows.strides};
  return rows.dense;
}

// ---- guide --------------------------------------------------------------------------------------

struct GuideArguments {
  GuidePlan plan;  // guided on the device
  int32_t input_count, output_count;
  const double* given;  // the factors without guidance, on the device
  int64_t given_rows;
};
static_assert(sizeof(GuideArguments) <= kMaxArguments);

// What stands in a table for it: the plan's factors, then the guided ones.
inline size_t guide_bytes(const MixPlan& plan) {
  const auto rows = static_cast<size_t>(plan.factor_rows > 1 ? plan.factor_rows : 1);
  const auto outputs = static_cast<size_t>(plan.output_count);
  return rows * (outputs * static_cast<size_t>(plan.input_count + 1) + 1 + outputs) *
         sizeof(double);
}

// Writes the table, which will lie at there on the device.
inline void pack_guide(const GuidePlan& guide, const MixPlan& plan, Byte* table, Byte* there,
                       GuideArguments* a) {
  const int64_t rows = plan.factor_rows > 1 ? plan.factor_rows : 1;
  const auto size = static_cast<size_t>(rows * plan.output_count * (plan.input_count + 1));
  std::memcpy(table, plan.factors, size * sizeof(double));
  std::memcpy(table + size * sizeof(double), guide.guided,
              static_cast<size_t>(rows * (1 + plan.output_count)) * sizeof(double));
  *a = {guide, plan.input_count, plan.output_count, reinterpret_cast<const double*>(there), rows};
  a->plan.guided = a->given + size;
}

// ---- change -------------------------------------------------------------------------------------

struct ChangeArguments {
  int64_t count;  // elements of a row
  int64_t rows;
  Operand array, other, mask;
  Change what;
  bool dense, wide;
  int arrays;
  double bound;
  const double* numbers;
  const double* row_numbers;  // on the device, or nullptr: own
  int64_t row_count;
  double own[2];
  Strides<3> strides;
};
static_assert(sizeof(ChangeArguments) <= kMaxArguments);

inline size_t change_bytes(const ChangePlan& plan) {
  return plan.what == Change::spread && plan.row_count > 1
             ? static_cast<size_t>(2 * plan.row_count) * sizeof(double)
             : 0;
}

inline void plan_change(const ChangePlan& plan, Byte* table, Byte* there, ChangeArguments* a) {
  const int arrays = arrays_of(plan.what);
  const View* const views[] = {&plan.array, &plan.other, &plan.mask};
  Rows<3> rows;
  rows_of(plan.shape, views, arrays, by_sample(plan.what), true, &rows);
  *a = {};
  a->count = rows.count, a->rows = rows.rows;
  a->array = rows.operand[0], a->other = rows.operand[1], a->mask = rows.operand[2];
  a->what = plan.what, a->arrays = arrays, a->dense = rows.dense, a->strides = rows.strides;
  for (int i = 0; i < arrays; ++i) a->wide = a->wide || views[i]->dtype == Dtype::f64;
  a->bound = plan.bound, a->numbers = plan.numbers, a->row_count = plan.row_count;
  if (plan.what != Change::spread) return;
  if (plan.row_count > 1) {
    std::memcpy(table, plan.rows, change_bytes(plan));
    a->row_numbers = reinterpret_cast<const double*>(there);
  } else {
    std::memcpy(a->own, plan.rows, sizeof a->own);
  }
}

// ---- reduce -------------------------------------------------------------------------------------

struct ReduceArguments {
  int64_t rows;
  int64_t count;     // elements of a row
  int64_t blocks;    // of math/reduce.hpp, of a row
  int64_t partials;  // doubles of scratch of a row
  Operand input[kMaxReduced];
  Reduction what;
  int32_t input_count;
  int32_t numbers;  // of a row
  bool dense;
  bool largest;
  bool wide;
  double rtol, atol;
  double* result;
  double* scratch;
  Strides<kMaxReduced> strides;
};
static_assert(sizeof(ReduceArguments) <= kMaxArguments);

inline void plan_reduce(const ReducePlan& plan, ReduceArguments* a) {
  const View* views[kMaxReduced];
  for (int k = 0; k < plan.input_count; ++k) views[k] = &plan.input[k];
  Rows<kMaxReduced> rows;
  rows_of(plan.shape, views, plan.input_count, plan.per_sample, false, &rows);
  *a = {rows.rows,
        rows.count,
        reduce_blocks(rows.count),
        reduce_partials(rows.count),
        {rows.operand[0], rows.operand[1], rows.operand[2]},
        plan.what,
        plan.input_count,
        reduced_numbers(plan.what, plan.input_count),
        rows.dense,
        plan.what == Reduction::max_abs,
        rows.operand[0].dtype == Dtype::f64,
        plan.rtol,
        plan.atol,
        plan.result,
        static_cast<double*>(plan.scratch),
        rows.strides};
}

// One level of partial results: count numbers of each row become blocks of them. Each number of a
// sample is a row of its own here. Rows of numbers
// lie from_stride and to_stride apart.
struct FoldArguments {
  int64_t rows, count, blocks;
  int64_t from_stride, to_stride;
  const double* from;
  double* to;
  bool largest;
};

// The level that follows elements, or the one that follows a level; false at the end.
inline bool next_level(const ReduceArguments& a, FoldArguments* fold) {
  if (fold->rows == 0) {
    if (a.partials == 0) return false;
    *fold = {a.rows * a.numbers, a.blocks, 0, a.partials, 0, a.scratch, nullptr, a.largest};
  } else {
    if (fold->blocks == 1) return false;
    fold->count = fold->blocks;
    fold->from = fold->to;
  }
  fold->blocks = reduce_blocks(fold->count);
  const bool last = fold->blocks == 1;
  fold->to = last ? a.result : const_cast<double*>(fold->from) + fold->count;
  fold->to_stride = last ? 1 : a.partials;
  return true;
}

struct SelectArguments {
  ReduceArguments reduce;
  double fraction;
  uint64_t rank;
  Selection* selections;  // one a row
  uint32_t* bins;         // kDigitValues a row
};
static_assert(sizeof(SelectArguments) <= kMaxArguments);

inline void plan_select(const ReducePlan& plan, SelectArguments* a) {
  plan_reduce(plan, &a->reduce);
  const QuantilePlace place = quantile_place(plan.quantile, a->reduce.count);
  a->fraction = place.fraction;
  a->rank = place.rank;
  a->selections = static_cast<Selection*>(plan.scratch);
  a->bins = reinterpret_cast<uint32_t*>(a->selections + a->reduce.rows);
}

}  // namespace noisewright::cuda
