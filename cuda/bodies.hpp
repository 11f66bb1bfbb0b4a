// SPDX-License-Identifier: Apache-2.0
// Owns what one thread of each kernel does: all of the device's arithmetic, in functions that the
// host compiles too, so that tests run every line of it. Must not know CUDA beyond NWR_HD, nor how
// plans became arguments.
#pragma once

#include <type_traits>

#include "backend/rows.hpp"
#include "cuda/launch.hpp"
#include "math/change.hpp"
#include "math/element.hpp"
#include "math/guidance.hpp"
#include "math/mix.hpp"
#include "math/normal.hpp"

#if defined(__CUDA_ARCH__)
#  define NWR_UNROLL _Pragma("unroll")
#  define NWR_UNROLL_4 _Pragma("unroll 4")
#  define NWR_ROLLED _Pragma("unroll 1")
#else
#  define NWR_UNROLL
#  define NWR_UNROLL_4
#  define NWR_ROLLED
#endif

namespace noisewright::cuda {

// ---- memory -------------------------------------------------------------------------------------

// 16 bytes at once.
struct alignas(16) Vector {
  uint32_t word[4];
};

NWR_HD NWR_INLINE Vector load_vector(const Byte* p) {
#if defined(__CUDA_ARCH__)
  // The compiler does not always see that arrays lie in global memory, where addresses are the same
  // as generic ones and accesses cheaper.
  Vector v;
  asm volatile("ld.global.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.word[0]), "=r"(v.word[1]), "=r"(v.word[2]), "=r"(v.word[3])
               : "l"(p));
  return v;
#else
  Vector v;
  std::memcpy(&v, p, sizeof v);
  return v;
#endif
}

NWR_HD NWR_INLINE void store_vector(Byte* p, const Vector& v) {
#if defined(__CUDA_ARCH__)
  asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(p), "r"(v.word[0]), "r"(v.word[1]),
               "r"(v.word[2]), "r"(v.word[3])
               : "memory");
#else
  std::memcpy(p, &v, sizeof v);
#endif
}

// The elements of the vectors that one thread takes.
template <Dtype kDtype>
struct Elements {
  using Real = float;
  static constexpr int kCount = kDtype == Dtype::f32 ? 4 : 8;
  static constexpr int kVectors = 1;

  static NWR_HD NWR_INLINE void take(const Vector* v, float* x) {
    NWR_UNROLL
    for (int i = 0; i < kCount; ++i) {
      if constexpr (kDtype == Dtype::f32) {
        x[i] = float_of(v->word[i]);
      } else {
        const auto half = static_cast<uint16_t>(v->word[i / 2] >> (16 * (i % 2)));
        x[i] = kDtype == Dtype::f16 ? f16_to_f32(half) : bf16_to_f32(half);
      }
    }
  }
  static NWR_HD NWR_INLINE void give(const float* x, Vector* v) {
    NWR_UNROLL
    for (int i = 0; i < 4; ++i) {
      if constexpr (kDtype == Dtype::f32) {
        v->word[i] = bits_of(x[i]);
      } else {
        v->word[i] = half(x[2 * i]) | static_cast<uint32_t>(half(x[2 * i + 1])) << 16;
      }
    }
  }
  static NWR_HD NWR_INLINE uint16_t half(float x) {
    return kDtype == Dtype::f16 ? f32_to_f16(x) : f32_to_bf16(x);
  }
};

template <>
struct Elements<Dtype::f64> {
  using Real = double;
  static constexpr int kCount = 4;
  static constexpr int kVectors = 2;

  static NWR_HD NWR_INLINE void take(const Vector* v, double* x) {
    NWR_UNROLL
    for (int i = 0; i < 4; ++i) {
      const uint32_t* const word = &v[i / 2].word[i % 2 * 2];
      x[i] = double_of(word[0] | static_cast<uint64_t>(word[1]) << 32);
    }
  }
  static NWR_HD NWR_INLINE void give(const double* x, Vector* v) {
    NWR_UNROLL
    for (int i = 0; i < 4; ++i) {
      const uint64_t bits = bits_of(x[i]);
      v[i / 2].word[i % 2 * 2] = static_cast<uint32_t>(bits);
      v[i / 2].word[i % 2 * 2 + 1] = static_cast<uint32_t>(bits >> 32);
    }
  }
};

// ---- places -------------------------------------------------------------------------------------

struct Division {
  int64_t quotient, rest;
};
// Divisions of 64 bits are slow on GPUs and hardly ever needed.
NWR_HD NWR_INLINE Division divide(int64_t a, int64_t b) {
  if (((a | b) >> 32) == 0) {
    const uint32_t quotient = static_cast<uint32_t>(a) / static_cast<uint32_t>(b);
    return {quotient, static_cast<uint32_t>(a) - quotient * static_cast<uint32_t>(b)};
  }
  return {a / b, a % b};
}

struct Item {
  int64_t row, item;
};
NWR_HD NWR_INLINE Item item_of(int64_t n, int64_t rows, int64_t items) {
  if (rows == 1) return {0, n};
  const Division d = divide(n, items);
  return {d.quotient, d.rest};
}

// Adds what leads to an element of a row, for the first count arrays.
template <int kViews>
NWR_HD NWR_INLINE void add_strides(const Strides<kViews>& s, int64_t index, int count,
                                   int64_t* offset) {
  for (int axis = s.axes - 1; axis >= 0; --axis) {
    const Division d = axis > 0 ? divide(index, s.extent[axis]) : Division{0, index};
    NWR_UNROLL
    for (int v = 0; v < kViews; ++v) {
      if (v < count) offset[v] += d.rest * s.stride[v][axis];
    }
    index = d.quotient;
  }
}

NWR_HD NWR_INLINE const Rng& rng_of(const Generators& g, int64_t row) {
  const int64_t i = g.count > 1 ? row : 0;
  return g.rngs != nullptr ? g.rngs[i] : g.own[i];
}

// The place in its stream of an element of a row.
NWR_HD NWR_INLINE uint64_t position_of(const Generators& g, const Rng& rng, int64_t row,
                                       int64_t count, int64_t index) {
  return rng.offset + static_cast<uint64_t>(g.count > 1 ? index : row * count + index);
}

// The elements of a group that are the launch's: those of one block of the stream, or four.
struct Group {
  int64_t first;  // may lie before the launch's first
  uint64_t block;
};
NWR_HD NWR_INLINE Group group_of(bool random, uint64_t position, int64_t begin, int64_t item) {
  const int64_t phase = random ? static_cast<int64_t>(position % 4) : 0;
  return {begin + item * kGroupElements - phase, position / 4 + static_cast<uint64_t>(item)};
}

// A stream has 2^64 elements, after which it starts again.
NWR_HD NWR_INLINE uint64_t wrapped(uint64_t block) { return block & (~uint64_t{0} / 4); }

// ---- mix ----------------------------------------------------------------------------------------

template <class Real>
NWR_HD NWR_INLINE Real factor_at(const MixArguments& a, int64_t row, int output, int input) {
  const int64_t width = a.input_count + 1;
  const int64_t place = ((a.factor_rows > 1 ? row : 0) * a.output_count + output) * width + input;
  if (a.factors != nullptr) return static_cast<Real>(a.factors[place]);
  if constexpr (sizeof(Real) == 4) {
    return a.own.narrow[place];
  } else {
    return a.own.wide[place];
  }
}

// Sums of the outputs of a few elements. All inputs of an item are read before any output of it is
// written, so that outputs may be inputs.
template <class Real, int kOutputs, int kElements>
struct Sums {
  Real sum[kOutputs][kElements];
  uint32_t used = 0;

  NWR_HD NWR_INLINE Sums() {
    NWR_UNROLL
    for (int j = 0; j < kOutputs; ++j) {
      NWR_UNROLL
      for (int e = 0; e < kElements; ++e) sum[j][e] = mix_nothing<Real>();
    }
  }
  NWR_HD NWR_INLINE void add(const MixArguments& a, int64_t row, int input, const Real* x) {
    NWR_UNROLL
    for (int j = 0; j < kOutputs; ++j) {
      if (kOutputs > 2 && j >= a.output_count) continue;
      const Real factor = factor_at<Real>(a, row, j, input);
      if (!mix_uses(factor)) continue;
      used |= 1u << j;
      NWR_UNROLL
      for (int e = 0; e < kElements; ++e) sum[j][e] = mix_next(sum[j][e], factor, x[e]);
    }
  }
  // A row of zeros writes +0.
  NWR_HD NWR_INLINE void finish() {
    NWR_UNROLL
    for (int j = 0; j < kOutputs; ++j) {
      NWR_UNROLL
      for (int e = 0; e < kElements; ++e) {
        if ((used >> j & 1u) == 0) sum[j][e] = Real(0);
      }
    }
  }
};

// Loads that a thread has under way at once.
inline constexpr int kLoads = 4;

template <Dtype kDtype, bool kNoise, int kOutputs>
struct MixVectors {
  using Arguments = MixArguments;
  static NWR_HD NWR_INLINE void run(const MixArguments& a, int64_t n) {
    using E = Elements<kDtype>;
    using Real = typename E::Real;
    const Item at = item_of(n, a.rows, a.items);
    const int64_t index = at.item * E::kCount;
    const int64_t place = at.item * (E::kVectors * 16);
    Sums<Real, kOutputs, E::kCount> sums;
    for (int k = 0; k < a.input_count; k += kLoads) {
      Vector v[kLoads][E::kVectors];
      NWR_UNROLL
      for (int i = 0; i < kLoads; ++i) {
        if (k + i >= a.input_count) continue;
        const Operand& from = a.input[k + i];
        NWR_UNROLL
        for (int p = 0; p < E::kVectors; ++p) {
          v[i][p] = load_vector(from.data + at.row * from.row_stride + place + 16 * p);
        }
      }
      NWR_UNROLL
      for (int i = 0; i < kLoads; ++i) {
        if (k + i >= a.input_count) continue;
        Real x[E::kCount];
        E::take(v[i], x);
        sums.add(a, at.row, k + i, x);
      }
    }
    if constexpr (kNoise) {
      const Rng& rng = rng_of(a.noise, at.row);
      const uint64_t block = position_of(a.noise, rng, at.row, a.count, index) / 4;
      Real x[E::kCount];
      NWR_UNROLL
      for (int b = 0; b < E::kCount / 4; ++b) {
        float z[4];
        normal_block(rng.seed, rng.stream, wrapped(block + static_cast<uint64_t>(b)), z);
        NWR_UNROLL
        for (int e = 0; e < 4; ++e) x[4 * b + e] = z[e];
      }
      sums.add(a, at.row, a.input_count, x);
    }
    sums.finish();
    NWR_UNROLL
    for (int j = 0; j < kOutputs; ++j) {
      if (kOutputs > 2 && j >= a.output_count) continue;
      Vector v[E::kVectors];
      E::give(sums.sum[j], v);
      const Operand& to = a.output[j];
      NWR_UNROLL
      for (int p = 0; p < E::kVectors; ++p) {
        store_vector(to.data + at.row * to.row_stride + place + 16 * p, v[p]);
      }
    }
  }
};

template <class Real, bool kNoise, int kOutputs>
NWR_HD NWR_INLINE void mix_element(const MixArguments& a, int64_t row, float z,
                                   const int64_t* offset) {
  Sums<Real, kOutputs, 1> sums;
  NWR_UNROLL
  for (int k = 0; k < kMaxInputs; ++k) {
    if (k >= a.input_count) continue;
    const Operand& from = a.input[k];
    const Real x = load_element<Real>(from.data + offset[kOutputs + k], from.dtype);
    sums.add(a, row, k, &x);
  }
  if constexpr (kNoise) {
    const Real x = z;
    sums.add(a, row, a.input_count, &x);
  }
  sums.finish();
  NWR_UNROLL
  for (int j = 0; j < kOutputs; ++j) {
    if (kOutputs > 2 && j >= a.output_count) continue;
    store_element(a.output[j].data + offset[j], a.output[j].dtype, sums.sum[j][0]);
  }
}

// Element by element, at any address.
template <class Real, bool kNoise, int kOutputs, bool kStrided>
struct MixElements {
  using Arguments = StridedMixArguments;
  static NWR_HD NWR_INLINE void run(const StridedMixArguments& all, int64_t n) {
    const MixArguments& a = all.mix;
    const Item at = item_of(n, a.rows, a.items);
    uint64_t position = 0;
    Rng rng;
    if constexpr (kNoise) {
      rng = rng_of(a.noise, at.row);
      position = position_of(a.noise, rng, at.row, a.count, a.begin);
    }
    const Group group = group_of(kNoise, position, a.begin, at.item);
    float z[4] = {};
    if constexpr (kNoise) normal_block(rng.seed, rng.stream, wrapped(group.block), z);
    // Rolled up for the size of the code; a number chosen by comparisons stays in a register.
    NWR_ROLLED
    for (int e = 0; e < kGroupElements; ++e) {
      const int64_t index = group.first + e;
      if (index < a.begin || index >= a.count) continue;
      // Outputs, then room for those that are not there, then inputs.
      int64_t offset[kOutputs + kMaxInputs];
      NWR_UNROLL
      for (int v = 0; v < kOutputs + kMaxInputs; ++v) {
        const bool output = v < kOutputs;
        const Operand& operand = output ? a.output[v] : a.input[v - kOutputs];
        const bool there = output ? v < a.output_count : v - kOutputs < a.input_count;
        offset[v] = !there     ? 0
                    : kStrided ? at.row * operand.row_stride
                               : at.row * operand.row_stride + index * operand.size;
      }
      if constexpr (kStrided) add_mix_strides(all.strides, a, index, offset);
      const float low = e == 0 ? z[0] : z[1], high = e == 2 ? z[2] : z[3];
      mix_element<Real, kNoise, kOutputs>(a, at.row, e < 2 ? low : high, offset);
    }
  }

  static NWR_HD NWR_INLINE void add_mix_strides(const Strides<kMaxViews>& s, const MixArguments& a,
                                                int64_t index, int64_t* offset) {
    for (int axis = s.axes - 1; axis >= 0; --axis) {
      const Division d = axis > 0 ? divide(index, s.extent[axis]) : Division{0, index};
      NWR_UNROLL
      for (int j = 0; j < kOutputs; ++j) {
        if (j < a.output_count) offset[j] += d.rest * s.stride[j][axis];
      }
      NWR_UNROLL
      for (int k = 0; k < kMaxInputs; ++k) {
        if (k < a.input_count) {
          offset[kOutputs + k] += d.rest * s.stride[a.output_count + k][axis];
        }
      }
      index = d.quotient;
    }
  }
};

// Calls f with the body of a launch.
template <bool kNoise, int kOutputs, class F>
void with_mix_body(Access access, bool wide, Dtype dtype, F&& f) {
  if (access == Access::vector) {
    switch (dtype) {
      case Dtype::f16: return f(MixVectors<Dtype::f16, kNoise, kOutputs>());
      case Dtype::bf16: return f(MixVectors<Dtype::bf16, kNoise, kOutputs>());
      case Dtype::f32: return f(MixVectors<Dtype::f32, kNoise, kOutputs>());
      default: return f(MixVectors<Dtype::f64, kNoise, kOutputs>());
    }
  }
  // For what is no hot path two kernels for each arithmetic do.
  constexpr int kSums = kOutputs == 1 ? 1 : kMaxOutputs;
  if (access == Access::dense) {
    return wide ? f(MixElements<double, kNoise, kSums, false>())
                : f(MixElements<float, kNoise, kSums, false>());
  }
  return wide ? f(MixElements<double, kNoise, kSums, true>())
              : f(MixElements<float, kNoise, kSums, true>());
}

template <bool kNoise, class F>
void with_mix_body(const MixWork& work, Access access, F&& f) {
  const MixArguments& a = work.arguments.mix;
  const Dtype dtype = a.output[0].dtype;
  switch (output_class(a.output_count)) {
    case 1: return with_mix_body<kNoise, 1>(access, work.wide, dtype, f);
    case 2: return with_mix_body<kNoise, 2>(access, work.wide, dtype, f);
    default: return with_mix_body<kNoise, kMaxOutputs>(access, work.wide, dtype, f);
  }
}

// Calls launch(body, arguments, items) for each launch of a pass, whose factors are packed.
template <class Launch>
void launch_mix(MixWork& work, Launch&& launch) {
  MixArguments& a = work.arguments.mix;
  for (int i = 0; i < work.passes.count; ++i) {
    const Pass& pass = work.passes.pass[i];
    a.begin = pass.begin;
    a.items = pass.items;
    const auto with = [&](auto body) {
      if constexpr (std::is_same_v<typename decltype(body)::Arguments, MixArguments>) {
        launch(body, a, a.rows * a.items);
      } else {
        launch(body, work.arguments, a.rows * a.items);
      }
    };
    if (work.noise) {
      with_mix_body<true>(work, pass.access, with);
    } else {
      with_mix_body<false>(work, pass.access, with);
    }
  }
}

// ---- factors at times on the device -------------------------------------------------------------

struct RowsArguments {
  RowsPlan plan;
  double* factors;
};
static_assert(sizeof(RowsArguments) <= kMaxArguments);

struct MakeRows {
  static NWR_HD NWR_INLINE void run(const RowsArguments& a, int64_t row) {
    make_row(a.plan, row, a.factors + row * a.plan.row_size());
  }
};

// ---- factors that depend on sums ----------------------------------------------------------------

struct MakeGuided {
  static NWR_HD NWR_INLINE void run(const GuideArguments& a, int64_t row) {
    const int64_t size = int64_t{a.output_count} * (a.input_count + 1);
    const int64_t given = a.given_rows > 1 ? row : 0;
    double* const own = a.plan.scratch + row * size;
    for (int64_t i = 0; i < size; ++i) own[i] = a.given[given * size + i];
    guide_row(a.plan, a.input_count, a.output_count, row,
              a.plan.guided + given * (1 + a.output_count), own);
  }
};

// ---- change -------------------------------------------------------------------------------------

struct ChangeElements {
  static NWR_HD NWR_INLINE void run(const ChangeArguments& a, int64_t n) {
    const Division at = divide(n, a.count);
    int64_t offset[3] = {at.quotient * a.array.row_stride, at.quotient * a.other.row_stride,
                         at.quotient * a.mask.row_stride};
    if (a.dense) {
      offset[0] += at.rest * a.array.size;
      offset[1] += at.rest * a.other.size;
      offset[2] += at.rest * a.mask.size;
    } else {
      add_strides(a.strides, at.rest, a.arrays, offset);
    }
    double first = a.bound, second = 0;
    if (a.what == Change::scale) {
      first = dynamic_bound(a.numbers[at.quotient], a.bound);
    } else if (a.what == Change::spread) {
      const int64_t row = a.row_count > 1 ? at.quotient : 0;
      first = a.row_numbers != nullptr ? a.row_numbers[2 * row] : a.own[0];
      second = a.row_numbers != nullptr ? a.row_numbers[2 * row + 1] : a.own[1];
    }
    if (a.wide) {
      change<double>(a, offset, first, second);
    } else {
      change<float>(a, offset, static_cast<float>(first), static_cast<float>(second));
    }
  }

 private:
  template <class Real>
  static NWR_HD NWR_INLINE void change(const ChangeArguments& a, const int64_t* offset, Real first,
                                       Real second) {
    Byte* const p = a.array.data + offset[0];
    const Real x = load_element<Real>(p, a.array.dtype);
    const Real other =
        a.arrays > 1 ? load_element<Real>(a.other.data + offset[1], a.other.dtype) : Real(0);
    const Real mask =
        a.arrays > 2 ? load_element<Real>(a.mask.data + offset[2], a.mask.dtype) : Real(0);
    store_element(p, a.array.dtype, change_element(a.what, x, other, mask, first, second));
  }
};

// ---- fill ---------------------------------------------------------------------------------------

NWR_HD NWR_INLINE void store_random(Byte* p, Dtype dtype, Distribution what, uint32_t word,
                                    float normal) {
  if (what == Distribution::normal) return store_element(p, dtype, normal);
  switch (dtype) {
    case Dtype::f16: return store_bits(p, uniform_to_f16(uniform32(word)));
    case Dtype::bf16: return store_bits(p, uniform_to_bf16(uniform32(word)));
    case Dtype::f32: return store_bits(p, bits_of(uniform32(word)));
    default: return store_bits(p, bits_of(uniform64(word)));
  }
}

// Four numbers of a block as f32 or f64, or, with the four after them, as 16 bits.
template <Dtype kDtype, Distribution kWhat>
struct FillVectors {
  using Arguments = FillArguments;
  static NWR_HD NWR_INLINE void run(const FillArguments& a, int64_t n) {
    using E = Elements<kDtype>;
    const Item at = item_of(n, a.rows, a.items);
    const Rng& rng = rng_of(a.noise, at.row);
    const uint64_t block = position_of(a.noise, rng, at.row, a.count, at.item * E::kCount) / 4;
    alignas(16) typename E::Real x[E::kCount];
    uint16_t half[8] = {};
    NWR_UNROLL
    for (int b = 0; b < E::kCount / 4; ++b) {
      const PhiloxBlock p =
          philox_block(rng.seed, rng.stream, wrapped(block + static_cast<uint64_t>(b)));
      float z[4] = {};
      if constexpr (kWhat == Distribution::normal) {
        box_muller(p.word[0], p.word[1], &z[0], &z[1]);
        box_muller(p.word[2], p.word[3], &z[2], &z[3]);
      }
      NWR_UNROLL
      for (int e = 0; e < 4; ++e) {
        const int i = 4 * b + e;
        if constexpr (kWhat == Distribution::normal) {
          x[i] = z[e];
        } else if constexpr (kDtype == Dtype::f64) {
          x[i] = uniform64(p.word[e]);
        } else {
          x[i] = uniform32(p.word[e]);
          half[i] = kDtype == Dtype::f16 ? uniform_to_f16(x[i]) : uniform_to_bf16(x[i]);
        }
      }
    }
    Vector v[E::kVectors];
    if constexpr (kWhat == Distribution::uniform && E::kCount == 8) {
      NWR_UNROLL
      for (int i = 0; i < 4; ++i) {
        v[0].word[i] = half[2 * i] | static_cast<uint32_t>(half[2 * i + 1]) << 16;
      }
    } else {
      E::give(x, v);
    }
    NWR_UNROLL
    for (int p = 0; p < E::kVectors; ++p) {
      store_vector(
          a.output.data + at.row * a.output.row_stride + at.item * (E::kVectors * 16) + 16 * p,
          v[p]);
    }
  }
};

template <bool kStrided>
struct FillElements {
  using Arguments = FillArguments;
  static NWR_HD NWR_INLINE void run(const FillArguments& a, int64_t n) {
    const Item at = item_of(n, a.rows, a.items);
    const Rng& rng = rng_of(a.noise, at.row);
    const uint64_t position = position_of(a.noise, rng, at.row, a.count, a.begin);
    const Group group = group_of(true, position, a.begin, at.item);
    const PhiloxBlock p = philox_block(rng.seed, rng.stream, wrapped(group.block));
    float z[4];
    box_muller(p.word[0], p.word[1], &z[0], &z[1]);
    box_muller(p.word[2], p.word[3], &z[2], &z[3]);
    NWR_UNROLL
    for (int e = 0; e < kGroupElements; ++e) {
      const int64_t index = group.first + e;
      if (index < a.begin || index >= a.count) continue;
      int64_t offset = at.row * a.output.row_stride;
      if constexpr (kStrided) {
        add_strides(a.strides, index, 1, &offset);
      } else {
        offset += index * a.output.size;
      }
      store_random(a.output.data + offset, a.output.dtype, a.what, p.word[e], z[e]);
    }
  }
};

template <Distribution kWhat, class F>
void with_fill_vectors(Dtype dtype, F&& f) {
  switch (dtype) {
    case Dtype::f16: return f(FillVectors<Dtype::f16, kWhat>());
    case Dtype::bf16: return f(FillVectors<Dtype::bf16, kWhat>());
    case Dtype::f32: return f(FillVectors<Dtype::f32, kWhat>());
    default: return f(FillVectors<Dtype::f64, kWhat>());
  }
}

template <class Launch>
void launch_fill(FillWork& work, Launch&& launch) {
  FillArguments& a = work.arguments;
  for (int i = 0; i < work.passes.count; ++i) {
    const Pass& pass = work.passes.pass[i];
    a.begin = pass.begin;
    a.items = pass.items;
    const auto with = [&](auto body) { launch(body, a, a.rows * a.items); };
    if (pass.access == Access::strided) {
      with(FillElements<true>());
    } else if (pass.access == Access::dense) {
      with(FillElements<false>());
    } else if (a.what == Distribution::normal) {
      with_fill_vectors<Distribution::normal>(a.output.dtype, with);
    } else {
      with_fill_vectors<Distribution::uniform>(a.output.dtype, with);
    }
  }
}

// ---- copy ---------------------------------------------------------------------------------------

template <class Bits>
struct CopyElements {
  using Arguments = CopyArguments;
  static NWR_HD NWR_INLINE void run(const CopyArguments& a, int64_t n) {
    int64_t offset[2] = {};
    add_strides(a.strides, n, 2, offset);
    store_bits(a.to + offset[0], load_bits<Bits>(a.from + offset[1]));
  }
};

template <class Launch>
void launch_copy(const CopyArguments& a, Launch&& launch) {
  switch (a.size) {
    case 2: return launch(CopyElements<uint16_t>(), a, a.count);
    case 4: return launch(CopyElements<uint32_t>(), a, a.count);
    default: return launch(CopyElements<uint64_t>(), a, a.count);
  }
}

// ---- reduce -------------------------------------------------------------------------------------

NWR_HD NWR_INLINE void elements_of(const ReduceArguments& a, int64_t row, int64_t index, int count,
                                   const Byte** out) {
  int64_t offset[kMaxReduced] = {};
  for (int k = 0; k < count; ++k) {
    offset[k] = row * a.input[k].row_stride + (a.dense ? index * a.input[k].size : 0);
  }
  if (!a.dense) add_strides(a.strides, index, count, offset);
  for (int k = 0; k < count; ++k) out[k] = a.input[k].data + offset[k];
}

NWR_HD NWR_INLINE const Byte* element_of(const ReduceArguments& a, int64_t row, int64_t index) {
  const Byte* p[kMaxReduced];
  elements_of(a, row, index, 1, p);
  return p[0];
}

// One lane of one block of several arrays: all numbers of it.
NWR_HD NWR_INLINE void reduce_lane_of_many(const ReduceArguments& a, int64_t row, int64_t block,
                                           int lane, double* sum) {
  const int64_t begin = block * kReduceBlock;
  const int64_t left = a.count - begin;
  const int64_t end = begin + (left < kReduceBlock ? left : kReduceBlock);
  for (int n = 0; n < kMaxNumbers; ++n) sum[n] = 0;
  for (int64_t i = begin + lane; i < end; i += kReduceLanes) {
    const Byte* p[kMaxReduced];
    double x[kMaxReduced];
    elements_of(a, row, i, a.input_count, p);
    for (int k = 0; k < a.input_count; ++k) x[k] = load_element<double>(p[k], a.input[k].dtype);
    if (a.what == Reduction::gram) {
      gram_next(a.input_count, x, sum);
    } else {
      sum[0] = error_next(a.what, a.rtol, a.atol, x, sum[0]);
    }
  }
}

// One lane of one block of elements.
NWR_HD NWR_INLINE double reduce_lane(const ReduceArguments& a, int64_t row, int64_t block,
                                     int lane) {
  const int64_t begin = block * kReduceBlock;
  const int64_t left = a.count - begin;
  const int64_t end = begin + (left < kReduceBlock ? left : kReduceBlock);
  double sum = 0;
  NWR_UNROLL_4
  for (int64_t i = begin + lane; i < end; i += kReduceLanes) {
    const double x = load_element<double>(element_of(a, row, i), a.input[0].dtype);
    sum = a.largest ? largest_next(sum, x) : square_next(sum, x);
  }
  return sum;
}

NWR_HD NWR_INLINE double* reduce_result(const ReduceArguments& a, int64_t row, int64_t block) {
  return a.partials > 0 ? a.scratch + row * a.partials + block : a.result + row;
}

// One lane of one block of partial results.
NWR_HD NWR_INLINE double fold_lane(const FoldArguments& a, int64_t row, int64_t block, int lane) {
  const double* const from = a.from + row * a.from_stride;
  const int64_t begin = block * kReduceBlock;
  const int64_t left = a.count - begin;
  const int64_t end = begin + (left < kReduceBlock ? left : kReduceBlock);
  double sum = 0;
  for (int64_t i = begin + lane; i < end; i += kReduceLanes) {
    sum = a.largest ? largest_next(sum, from[i]) : add_rn(sum, from[i]);
  }
  return sum;
}

NWR_HD NWR_INLINE uint64_t magnitude_at(const ReduceArguments& a, int64_t row, int64_t index) {
  const Byte* const p = element_of(a, row, index);
  return a.wide ? magnitude_bits(load_element<double>(p, a.input[0].dtype))
                : magnitude_bits(load_element<float>(p, a.input[0].dtype));
}

// Whether the search has to look for the element after the one found.
NWR_HD NWR_INLINE bool needs_next(const SelectArguments& a, const Selection& s) {
  return a.fraction > 0 && s.same == 1 && s.has_nan == 0;
}

}  // namespace noisewright::cuda
