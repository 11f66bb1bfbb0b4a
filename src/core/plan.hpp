// SPDX-License-Identifier: Apache-2.0
// Owns the orders that the core gives to a backend: pure data, complete and already checked.
// Must not know the C API, schedules or samplers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace noisewright {

inline constexpr int kMaxDims = 16;
inline constexpr int kMaxInputs = 9;
inline constexpr int kMaxOutputs = 8;

enum class Dtype : int32_t {
  f16 = 0x00011002,
  f32 = 0x00012002,
  f64 = 0x00014002,
  bf16 = 0x00011004,
  i64 = 0x00014000
};

inline size_t size_of(Dtype t) {
  switch (t) {
    case Dtype::f16:
    case Dtype::bf16: return 2;
    case Dtype::f32: return 4;
    case Dtype::f64:
    case Dtype::i64: return 8;
  }
  return 0;
}

// The element space of one order: axis 0 is the batch, the last axis runs fastest. Only the first
// ndim extents are set: a step makes several of these, and most arrays have few axes.
struct Shape {
  int ndim = 0;
  int64_t extent[kMaxDims];
  int64_t batch() const { return ndim > 0 ? extent[0] : 1; }
  int64_t inner() const {
    int64_t n = 1;
    for (int i = 1; i < ndim; ++i) n *= extent[i];
    return n;
  }
  int64_t count() const { return batch() * inner(); }
};

inline bool operator==(const Shape& a, const Shape& b) {
  if (a.ndim != b.ndim) return false;
  for (int i = 0; i < a.ndim; ++i) {
    if (a.extent[i] != b.extent[i]) return false;
  }
  return true;
}

// A caller's array seen through the order's shape. Strides are in elements and may be negative;
// a stride of 0 repeats an input (never an output). Only the strides of the shape's axes are set.
struct View {
  void* data = nullptr;  // element [0, 0, ...]; need not be aligned to the element size
  Dtype dtype = Dtype::f32;
  int64_t stride[kMaxDims];
};

// Position in a Philox4x32-10 stream, in elements.
struct Rng {
  uint64_t seed = 0;
  uint64_t stream = 0;
  uint64_t offset = 0;
};

enum class Distribution : int32_t { normal = 0, uniform = 1 };

// y_j = sum_k C_jk x_k + s_j xi, element by element.
//
// Arithmetic runs in double if any view is f64, else in float (factors are rounded to it once);
// products are added in input order, each product and each sum rounded (never fused), the noise
// term last, one rounding at the store. A factor of exactly 0 leaves its input out, so that a NaN
// there does not spread; a row of zeros writes +0.
//
// An output may be exactly the same view as an input; every group of elements is read before any of
// it is written. Otherwise outputs do not overlap anything.
struct MixPlan {
  Shape shape;
  int input_count = 0;
  int output_count = 0;
  View input[kMaxInputs];
  View output[kMaxOutputs];
  // factors[row * row_size + j * (input_count + 1) + k]; k == input_count is s_j.
  // row is the sample (axis 0) if factor_rows > 1, else 0.
  const double* factors = nullptr;
  int64_t factor_rows = 1;
  // rng_count is 0 (no noise: every s_j is 0), 1 (numbers all elements in row-major order), or
  // shape.batch() (each numbers the elements of its own sample).
  const Rng* rngs = nullptr;
  int64_t rng_count = 0;
};

// Writes random numbers. Element numbering as in MixPlan.
struct FillPlan {
  Shape shape;
  View output;
  Distribution what = Distribution::normal;
  const Rng* rngs = nullptr;
  int64_t rng_count = 0;
};

// Generators of other libraries, which a device may have beside its own.
enum class Foreign : int32_t { curand_xorwow = 0, curand_philox = 1, curand_sobol = 2 };

// Fills a dense array with one of them. Quasi-random generators have no seed, their offset counts
// points.
struct ForeignPlan {
  Foreign family = Foreign::curand_xorwow;
  Distribution what = Distribution::normal;
  Dtype dtype = Dtype::f32;  // or f64
  uint32_t dimensions = 1;
  uint64_t seed = 0;
  uint64_t offset = 0;
  int64_t count = 0;
  void* data = nullptr;
};

// The most arrays that are reduced together.
inline constexpr int kMaxReduced = 3;

enum class Reduction : int32_t {
  sum_of_squares = 0,
  max_abs = 1,
  quantile_abs = 2,  // of |x|, linear between two elements: at place quantile * (count - 1)
  // Of k arrays: their k sums, then the sums of products of array i with those from i on.
  gram = 3,
  // Of the results of two methods and the state before: the sum of squares of what the two differ
  // by, on the scale of the tolerances.
  error_largest = 4,  // max(atol, rtol max(|first|, |before|))
  error_sum = 5       // atol + rtol max(|second|, |before|)
};

// Reduces each sample, or the whole arrays, to one number or several. Results are doubles and do
// not depend on strides, threads, instruction set or device: elements are taken in row-major order
// through the one tree of math/reduce.hpp, and a sample is reduced as it would be alone. A NaN
// among the elements makes the result NaN.
struct ReducePlan {
  Shape shape;
  int input_count = 1;
  View input[kMaxReduced];
  Reduction what = Reduction::sum_of_squares;
  bool per_sample = true;
  double quantile = 0;  // from 0 to 1
  double rtol = 0, atol = 0;
  double* result = nullptr;  // on the device: the numbers of each sample, or of the one row
  void* scratch = nullptr;   // on the device: reduce_scratch(plan) bytes, aligned to 8
};

// The bytes of a plan's scratch, on any device.
size_t reduce_scratch(const ReducePlan& plan);

// Changes elements one by one, in the arithmetic of MixPlan and rounded once.
enum class Change : int32_t {
  clip = 0,    // x limited to [-bound, bound]
  scale = 1,   // likewise, the bound of a sample min(max(its number, 1), most); then divided by it
  spread = 2,  // x exp(offset + slope other), the two of its row
  blend = 3    // mask x + (1 - mask) other
};
// The arrays that it reads.
inline int arrays_of(Change what) {
  return what == Change::blend ? 3 : what == Change::spread ? 2 : 1;
}
// Whether samples have numbers of their own.
inline bool by_sample(Change what) { return what == Change::scale || what == Change::spread; }

struct ChangePlan {
  Shape shape;
  View array;  // read and written
  View other;  // of spread and blend
  View mask;   // of blend
  Change what = Change::clip;
  double bound = 0;                 // of clip, and the most of scale
  const double* numbers = nullptr;  // of scale, on the device: one a sample
  const double* rows = nullptr;     // of spread: offset and slope, of one row or of each sample
  int64_t row_count = 1;
};

// Factors of a MixPlan that depend on Gram matrices of the model's outputs: guidance. A row of the
// plan has the factors that do not, and to those of the outputs is added what math/guidance.hpp
// makes of the row's weight and of the factors of the guided output.
struct GuidePlan {
  int32_t method = 0;  // of guidance.hpp
  int32_t from_conditional = 0;
  int32_t output_count = 2;  // the model's outputs, inputs first_output and on
  int32_t first_output = 0;
  int32_t momentum = -1;  // the input that keeps differences before, or none
  int32_t reserved = 0;
  double rescale = 0, parallel = 1, norm = 0, inertia = 0, decay = 0, image = 0;
  int64_t rows = 1;                // samples
  int64_t count = 0;               // elements of one
  const double* gram = nullptr;    // on the device, a row a sample
  const double* guided = nullptr;  // rows as the plan's factors: the weight, then one an output
  double* scratch = nullptr;       // on the device: kGuideScratch bytes of each sample
};
inline constexpr size_t kGuideScratch = kMaxOutputs * (kMaxInputs + 1) * sizeof(double);

// Moves elements bit by bit; both views have the same dtype.
struct CopyPlan {
  Shape shape;
  View from;
  View to;
};

}  // namespace noisewright
