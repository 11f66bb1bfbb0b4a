// SPDX-License-Identifier: Apache-2.0
// Owns the proof that mix, fill and copy do what the plans say, bit for bit, in every instruction
// set. Must not know samplers.

#include "math/mix.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#if defined(__x86_64__)
#  include <immintrin.h>
#endif

#include "../cuda/emulation.hpp"
#include "cpu_support.hpp"
#include "math/normal.hpp"

namespace noisewright {
namespace {

using test::all_kernels;
using test::get;
using test::make_queue;
using test::put;

using Bytes = std::vector<unsigned char>;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Memory under a view: first is where element [0, 0, ...] lies.
struct Array {
  Bytes bytes;
  size_t first = 0;
  View view{};  // strides that are not set are 0
};

// A plan over arrays; outputs name arrays too, so that one may be an input as well.
struct Case {
  Shape shape;
  std::vector<Array> arrays;
  std::vector<size_t> inputs, outputs;
  std::vector<double> factors;
  int64_t factor_rows = 1;
  std::vector<Rng> rngs;

  // The plan over the given memory, which has the arrays' layout.
  MixPlan plan(std::vector<Bytes>& memory) const {
    MixPlan p;
    p.shape = shape;
    p.input_count = static_cast<int>(inputs.size());
    p.output_count = static_cast<int>(outputs.size());
    const auto view_of = [&](size_t a) {
      View view = arrays[a].view;
      view.data = memory[a].data() + arrays[a].first;
      return view;
    };
    for (size_t k = 0; k < inputs.size(); ++k) p.input[k] = view_of(inputs[k]);
    for (size_t j = 0; j < outputs.size(); ++j) p.output[j] = view_of(outputs[j]);
    p.factors = factors.data();
    p.factor_rows = factor_rows;
    p.rngs = rngs.empty() ? nullptr : rngs.data();
    p.rng_count = static_cast<int64_t>(rngs.size());
    return p;
  }

  std::vector<Bytes> memory() const {
    std::vector<Bytes> m;
    for (const Array& array : arrays) m.push_back(array.bytes);
    return m;
  }
};

int64_t element_offset(const View& view, const Shape& shape, const int64_t* at) {
  int64_t offset = 0;
  for (int a = 0; a < shape.ndim; ++a) offset += at[a] * view.stride[a];
  return offset * static_cast<int64_t>(size_of(view.dtype));
}

// Calls f(index, coordinates) for every element in row-major order.
template <class F>
void for_each_element(const Shape& shape, const F& f) {
  for (int64_t index = 0; index < shape.count(); ++index) {
    int64_t at[kMaxDims];
    int64_t rest = index;
    for (int a = shape.ndim - 1; a >= 0; --a) {
      at[a] = rest % shape.extent[a];
      rest /= shape.extent[a];
    }
    f(index, at);
  }
}

float noise_at(const Rng& rng, int64_t index) {
  const uint64_t position = rng.offset + static_cast<uint64_t>(index);
  float z[4];
  normal_block(rng.seed, rng.stream, position / 4, z);
  return z[position % 4];
}

template <class Real>
void expected_row(const MixPlan& plan, const double* row, const std::vector<double>& x, double xi,
                  const Dtype dtype, unsigned char* to) {
  bool empty = true;
  Real sum = 0;
  for (int k = 0; k <= plan.input_count; ++k) {
    const Real factor = static_cast<Real>(row[k]);
    const bool noise = k == plan.input_count;
    if (factor == 0 || (noise && plan.rng_count == 0)) continue;
    const Real product = factor * static_cast<Real>(noise ? xi : x[static_cast<size_t>(k)]);
    sum = empty ? product : sum + product;
    empty = false;
  }
  put(to, dtype, sum);
}

// What memory must hold afterwards: the plan's formula, element by element, from untouched inputs.
std::vector<Bytes> expected_memory(const Case& c) {
  std::vector<Bytes> before = c.memory(), after = before;
  const MixPlan from = c.plan(before), to = c.plan(after);
  bool wide = false;
  for (int k = 0; k < from.input_count; ++k) wide |= from.input[k].dtype == Dtype::f64;
  for (int j = 0; j < from.output_count; ++j) wide |= from.output[j].dtype == Dtype::f64;
  for_each_element(c.shape, [&](int64_t index, const int64_t* at) {
    std::vector<double> x;
    for (int k = 0; k < from.input_count; ++k) {
      const View& view = from.input[k];
      x.push_back(get(static_cast<unsigned char*>(view.data) + element_offset(view, c.shape, at),
                      view.dtype));
    }
    const int64_t sample = c.shape.ndim > 0 ? at[0] : 0;
    double xi = 0;
    if (c.rngs.size() == 1) xi = noise_at(c.rngs[0], index);
    if (c.rngs.size() > 1) {
      xi = noise_at(c.rngs[static_cast<size_t>(sample)], index - sample * c.shape.inner());
    }
    for (int j = 0; j < to.output_count; ++j) {
      const View& view = to.output[j];
      const int64_t row = (c.factor_rows > 1 ? sample : 0) * to.output_count + j;
      const double* const factors = to.factors + row * (to.input_count + 1);
      unsigned char* const out =
          static_cast<unsigned char*>(view.data) + element_offset(view, c.shape, at);
      if (wide) {
        expected_row<double>(from, factors, x, xi, view.dtype, out);
      } else {
        expected_row<float>(from, factors, x, xi, view.dtype, out);
      }
    }
  });
  return after;
}

// All bytes agree, but that a NaN of float or double may be any NaN.
testing::AssertionResult same(const Case& c, const std::vector<Bytes>& got,
                              const std::vector<Bytes>& want) {
  for (size_t a = 0; a < want.size(); ++a) {
    if (got[a] == want[a]) continue;
    const Dtype dtype = c.arrays[a].view.dtype;
    const size_t size = size_of(dtype);
    Bytes rest = got[a];
    for (size_t i = c.arrays[a].first % size; i + size <= rest.size(); i += size) {
      const unsigned char* const g = got[a].data() + i;
      const unsigned char* const w = want[a].data() + i;
      if (std::memcmp(g, w, size) == 0) continue;
      if (size > 2 && std::isnan(get(g, dtype)) && std::isnan(get(w, dtype))) {
        std::memcpy(rest.data() + i, w, size);
        continue;
      }
      return testing::AssertionFailure()
             << "array " << a << " (" << test::name_of(dtype) << ") at byte " << i << ": "
             << get(g, dtype) << ", not " << get(w, dtype);
    }
    if (rest != want[a]) return testing::AssertionFailure() << "array " << a << " beside elements";
  }
  return testing::AssertionSuccess();
}

void check(const Case& c, const std::vector<uint32_t>& thread_counts = {1}) {
  const std::vector<Bytes> want = expected_memory(c);
  for (const Kernels* kernels : all_kernels()) {
    for (const uint32_t threads : thread_counts) {
      for (const int64_t streaming_bytes : {default_streaming_bytes(), int64_t{0}}) {
        std::vector<Bytes> got = c.memory();
        cpu_backend().mix(make_queue(*kernels, threads, streaming_bytes).get(), c.plan(got));
        EXPECT_TRUE(same(c, got, want)) << kernels->name << ", " << threads << " threads, past the "
                                        << "caches from " << streaming_bytes << " bytes";
      }
    }
  }
  std::vector<Bytes> got = c.memory();
  test::emulated_mix(c.plan(got));
  EXPECT_TRUE(same(c, got, want)) << "as CUDA does it";
}

// ---- making cases -----------------------------------------------------------------------------

using Random = std::mt19937_64;

int64_t pick(Random& random, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
}

bool chance(Random& random, int percent) { return pick(random, 1, 100) <= percent; }

double random_value(Random& random) {
  const double u = static_cast<double>(random() >> 11) * 0x1p-53;
  switch (pick(random, 0, 60)) {
    case 0: return 0.0;
    case 1: return -0.0;
    case 2: return kNaN;
    case 3: return std::numeric_limits<double>::infinity();
    case 4: return 70000 * u;  // beyond f16
    case 5: return 1e-7 * u;   // subnormal f16
    case 6: return 1e-39 * u;  // subnormal float
    default: return 4 * u - 2;
  }
}

Shape shape_of(const std::vector<int64_t>& extents) {
  Shape shape;
  shape.ndim = static_cast<int>(extents.size());
  std::copy(extents.begin(), extents.end(), shape.extent);
  return shape;
}

enum class Layout { plain, wild };

// Plain: row-major without gaps. Wild: axes in any order in memory, gaps, steps backwards, an odd
// start, and for inputs repeated axes.
Array random_array(Random& random, const Shape& shape, Dtype dtype, Layout layout,
                   bool may_repeat) {
  Array array;
  array.view.dtype = dtype;
  std::vector<int> order(static_cast<size_t>(shape.ndim));
  std::iota(order.rbegin(), order.rend(), 0);
  const bool wild = layout == Layout::wild;
  if (wild && chance(random, 50)) std::shuffle(order.begin(), order.end(), random);
  int64_t step = wild && chance(random, 30) ? pick(random, 2, 3) : 1;
  int64_t low = 0, high = 0;
  for (const int axis : order) {
    if (wild && may_repeat && chance(random, 20)) continue;
    const bool back = wild && chance(random, 20);
    array.view.stride[axis] = back ? -step : step;
    (back ? low : high) += (shape.extent[axis] - 1) * array.view.stride[axis];
    step = step * shape.extent[axis] + (wild && chance(random, 30) ? pick(random, 1, 5) : 0);
  }
  const size_t size = size_of(dtype);
  const size_t odd = wild ? static_cast<size_t>(pick(random, 0, 3)) : 0;
  array.first = static_cast<size_t>(-low) * size + odd;
  array.bytes.resize(static_cast<size_t>(high - low + 1) * size + odd, 0xEE);
  for (size_t i = odd; i < array.bytes.size(); i += size) {
    put(array.bytes.data() + i, dtype, random_value(random));
  }
  return array;
}

struct Wish {
  std::vector<int64_t> extents;
  int inputs = 2, outputs = 1;
  int dtype = 2;  // of kFloats; -1: any for each view
  Layout layout = Layout::plain;
  int in_place_percent = 0;
  int zero_percent = 0;
  bool per_sample = false;
  int rngs = 0;  // 2: one per sample
};

Case make_case(Random& random, const Wish& wish) {
  Case c;
  c.shape = shape_of(wish.extents);
  const auto dtype = [&] {
    return test::kFloats[wish.dtype < 0 ? pick(random, 0, 3) : wish.dtype];
  };
  for (int k = 0; k < wish.inputs; ++k) {
    c.inputs.push_back(c.arrays.size());
    c.arrays.push_back(random_array(random, c.shape, dtype(), wish.layout, true));
  }
  std::vector<size_t> free = c.inputs;
  std::shuffle(free.begin(), free.end(), random);
  for (int j = 0; j < wish.outputs; ++j) {
    const auto repeats = [&](size_t a) {
      for (int axis = 0; axis < c.shape.ndim; ++axis) {
        if (c.shape.extent[axis] > 1 && c.arrays[a].view.stride[axis] == 0) return true;
      }
      return false;
    };
    if (!free.empty() && chance(random, wish.in_place_percent) && !repeats(free.back())) {
      c.outputs.push_back(free.back());
      free.pop_back();
    } else {
      c.outputs.push_back(c.arrays.size());
      c.arrays.push_back(random_array(random, c.shape, dtype(), wish.layout, false));
    }
  }
  c.factor_rows = wish.per_sample ? c.shape.batch() : 1;
  const int64_t count = c.factor_rows * wish.outputs * (wish.inputs + 1);
  for (int64_t i = 0; i < count; ++i) {
    const bool noise = i % (wish.inputs + 1) == wish.inputs;
    const bool zero = chance(random, wish.zero_percent) || (noise && wish.rngs == 0);
    c.factors.push_back(zero ? 0.0 : static_cast<double>(pick(random, -2000, 2000)) / 777);
  }
  for (int64_t b = 0; b < (wish.rngs == 2 ? c.shape.batch() : wish.rngs); ++b) {
    c.rngs.push_back({random(), random(), random()});
  }
  return c;
}

// ---- mix --------------------------------------------------------------------------------------

TEST(Mix, EveryCountOfInputsAndOutputsInEveryDtype) {
  Random random(1);
  for (int dtype = -1; dtype < 4; ++dtype) {
    for (int inputs = 0; inputs <= kMaxInputs; ++inputs) {
      for (int outputs = 1; outputs <= 4; ++outputs) {
        SCOPED_TRACE(testing::Message() << dtype << " " << inputs << " " << outputs);
        Wish wish;
        wish.extents = {2, 173};
        wish.inputs = inputs;
        wish.outputs = outputs;
        wish.dtype = dtype;
        wish.rngs = 1;
        check(make_case(random, wish));
        wish.rngs = 0;
        wish.in_place_percent = 70;
        check(make_case(random, wish));
      }
    }
  }
}

TEST(Mix, EveryLengthAroundTheGroups) {
  Random random(2);
  for (int64_t n = 1; n < 300; n += n < 70 ? 1 : 7) {
    SCOPED_TRACE(n);
    Wish wish;
    wish.extents = {n};
    wish.dtype = static_cast<int>(n % 4);
    wish.rngs = static_cast<int>(n % 2);
    check(make_case(random, wish));
  }
}

// Any shape, view, dtype, factor and kind of noise together.
TEST(Mix, AnythingAtAll) {
  Random random(3);
  for (int i = 0; i < 1500; ++i) {
    SCOPED_TRACE(i);
    Wish wish;
    const int64_t ndim = pick(random, 0, 5);
    for (int64_t a = 0; a < ndim; ++a) {
      wish.extents.push_back(chance(random, 15) ? 1 : pick(random, 1, ndim > 2 ? 7 : 150));
    }
    wish.inputs = static_cast<int>(pick(random, 0, kMaxInputs));
    wish.outputs = static_cast<int>(pick(random, 1, 4));
    wish.dtype = static_cast<int>(pick(random, -2, 3));
    wish.layout = chance(random, 70) ? Layout::wild : Layout::plain;
    wish.in_place_percent = chance(random, 50) ? 60 : 0;
    wish.zero_percent = chance(random, 50) ? 40 : 0;
    wish.per_sample = ndim > 0 && chance(random, 50);
    wish.rngs = static_cast<int>(pick(random, 0, 2));
    check(make_case(random, wish));
  }
}

// Samples of few elements are computed together.
TEST(Mix, ShortSamples) {
  Random random(7);
  for (int64_t size = 1; size <= 34; size += size < 12 ? 1 : 7) {
    for (int round = 0; round < 12; ++round) {
      SCOPED_TRACE(testing::Message() << size << " " << round);
      Wish wish;
      wish.extents = {round == 0 ? 4000 : pick(random, 1, 90), size};
      wish.inputs = static_cast<int>(pick(random, 0, round < 9 ? 3 : kMaxInputs));
      wish.outputs = static_cast<int>(pick(random, 1, 4));
      wish.dtype = round % 6 - 2;
      wish.in_place_percent = round % 2 == 0 ? 60 : 0;
      wish.zero_percent = round % 4 < 2 ? 40 : 0;
      wish.per_sample = round % 5 != 4;
      wish.rngs = wish.per_sample ? round % 3 : 2;
      check(make_case(random, wish), {1, 3});
    }
  }
}

// A sample may leave out the one input that makes the arithmetic wide.
TEST(Mix, WideByAnInputThatIsLeftOut) {
  Random random(6);
  Wish wish;
  wish.extents = {3, 211};
  wish.inputs = 2;
  Case c = make_case(random, wish);
  for (const bool both : {false, true}) {
    c.arrays[c.inputs[1]].view.dtype = Dtype::f64;
    c.arrays[c.inputs[1]].bytes.assign(3 * 211 * 8, 0x3F);
    c.factors = {-1.5, both ? 0.25 : 0, 0};
    check(c);
  }
}

TEST(Mix, AnOutputMayBeAnyInput) {
  Random random(4);
  for (int outputs = 1; outputs <= 4; ++outputs) {
    for (int round = 0; round < 24; ++round) {
      Wish wish;
      wish.extents = {3, 211};
      wish.inputs = 4;
      wish.outputs = outputs;
      wish.in_place_percent = 100;
      wish.zero_percent = round % 2 == 0 ? 0 : 30;
      wish.dtype = round % 6 - 2;
      wish.per_sample = round % 3 == 0;
      wish.layout = round % 4 == 0 ? Layout::wild : Layout::plain;
      check(make_case(random, wish));
    }
  }
}

// Two outputs that swap two inputs can be stored in no order one after the other.
TEST(Mix, SwapsInPlace) {
  Random random(5);
  Wish wish;
  wish.extents = {1000};
  Case c = make_case(random, wish);
  c.outputs = {1, 0};
  c.arrays.pop_back();
  c.factors = {1, 0, 0, 0, 1, 0};
  c.outputs = {c.inputs[1], c.inputs[0]};
  check(c);
}

TEST(Mix, LeavesOutWhatHasNoFactor) {
  Random random(6);
  Wish wish;
  wish.extents = {2, 70};
  wish.inputs = 3;
  wish.outputs = 2;
  for (const int dtype : {0, 1, 2, 3}) {
    wish.dtype = dtype;
    Case c = make_case(random, wish);
    for (const size_t a : {c.inputs[1], c.inputs[2]}) {
      const size_t size = size_of(c.arrays[a].view.dtype);
      for (size_t i = 0; i < c.arrays[a].bytes.size(); i += size) {
        put(c.arrays[a].bytes.data() + i, c.arrays[a].view.dtype, kNaN);
      }
    }
    Array& first = c.arrays[c.inputs[0]];
    const size_t size = size_of(first.view.dtype);
    for (size_t i = 0; i < first.bytes.size(); i += size) {
      put(first.bytes.data() + i, first.view.dtype, -0.0);
    }
    // A factor that is 0 only as a float is left out where the arithmetic is in float.
    c.factors = {2, 0, dtype == 3 ? -0.0 : 1e-60, 0, 0, 0, 0, 0};
    check(c);
    std::vector<Bytes> memory = c.memory();
    cpu_backend().mix(make_queue(best_kernels()).get(), c.plan(memory));
    const double product = get(memory[c.outputs[0]].data(), first.view.dtype);
    EXPECT_TRUE(product == 0 && std::signbit(product)) << "-0 times 2 keeps its sign";
    for (const unsigned char byte : memory[c.outputs[1]])
      ASSERT_EQ(byte, 0) << "a row of zeros is +0";
  }
}

TEST(Mix, StoresOneNaNInHalves) {
  Random random(7);
  for (const int dtype : {0, 1}) {
    Wish wish;
    wish.extents = {100};
    wish.inputs = 1;
    wish.dtype = dtype;
    Case c = make_case(random, wish);
    Bytes& bytes = c.arrays[c.inputs[0]].bytes;
    for (size_t i = 0; i < bytes.size(); i += 2) {
      const uint16_t nan = static_cast<uint16_t>(0xFF81u + i % 60);
      std::memcpy(bytes.data() + i, &nan, 2);
    }
    c.factors = {-3, 0};
    for (const Kernels* kernels : all_kernels()) {
      std::vector<Bytes> memory = c.memory();
      cpu_backend().mix(make_queue(*kernels).get(), c.plan(memory));
      for (size_t i = 0; i < bytes.size(); i += 2) {
        uint16_t h;
        std::memcpy(&h, memory[c.outputs[0]].data() + i, 2);
        ASSERT_EQ(h, dtype == 0 ? kNanF16 : kNanBf16) << kernels->name;
      }
    }
  }
}

// Every float that rounds in some way, through each kernel's stores.
TEST(Mix, RoundsHalvesAsHalfHppDoes) {
  constexpr int64_t kCount = 1 << 18;
  for (const Dtype in : {Dtype::f32, Dtype::f64}) {
    for (const Dtype out : {Dtype::f16, Dtype::bf16}) {
      Case c;
      c.shape = shape_of({kCount});
      c.arrays.resize(2);
      c.inputs = {0};
      c.outputs = {1};
      c.factors = {1, 0};
      for (size_t a = 0; a < 2; ++a) {
        c.arrays[a].view.dtype = a == 0 ? in : out;
        c.arrays[a].view.stride[0] = 1;
        c.arrays[a].bytes.resize(kCount * size_of(a == 0 ? in : out));
      }
      for (uint32_t i = 0; i < kCount; ++i) {
        const float x = float_of(i * 16411u);  // all exponents, ties among them
        const float tie = float_of((i << 14) + (i & 3u) - 1u);
        const double value = i % 2 == 0 ? x : tie;
        put(c.arrays[0].bytes.data() + i * size_of(in), in, std::isnan(value) ? 1.0 : value);
      }
      check(c);
    }
  }
}

TEST(Mix, DoesNotDependOnThreads) {
  Random random(8);
  for (int i = 0; i < 12; ++i) {
    SCOPED_TRACE(i);
    Wish wish;
    wish.extents =
        i % 2 == 0 ? std::vector<int64_t>{7, 30011} : std::vector<int64_t>{5, 3, 100, 107};
    wish.inputs = 2;
    wish.outputs = 1 + i % 3;
    wish.dtype = i % 4;
    wish.layout = i % 3 == 0 ? Layout::wild : Layout::plain;
    wish.in_place_percent = 50;
    wish.per_sample = i % 4 < 2;
    wish.rngs = i % 3;
    check(make_case(random, wish), {1, 2, 3, 8});
  }
}

TEST(Mix, ABatchIsItsSamplesAlone) {
  Random random(9);
  for (const int64_t inner : {1, 3, 16, 77, 1000}) {
    Wish wish;
    wish.extents = {8, inner};
    wish.outputs = 2;
    wish.per_sample = true;
    wish.rngs = 2;
    const Case batch = make_case(random, wish);
    std::vector<Bytes> together = batch.memory();
    cpu_backend().mix(make_queue(best_kernels(), 2).get(), batch.plan(together));
    for (int64_t b = 0; b < 8; ++b) {
      std::vector<Bytes> memory = batch.memory();
      MixPlan plan = batch.plan(memory);
      plan.shape.extent[0] = 1;
      const auto advance = [&](View& view) {
        view.data = static_cast<float*>(view.data) + b * view.stride[0];
      };
      for (int k = 0; k < plan.input_count; ++k) advance(plan.input[k]);
      for (int j = 0; j < plan.output_count; ++j) advance(plan.output[j]);
      plan.factors += b * plan.output_count * (plan.input_count + 1);
      plan.factor_rows = 1;
      plan.rngs += b;
      plan.rng_count = 1;
      cpu_backend().mix(make_queue(best_kernels()).get(), plan);
      for (const size_t a : batch.outputs) {
        const size_t bytes = static_cast<size_t>(inner) * 4;
        const size_t from = static_cast<size_t>(b) * bytes;
        EXPECT_EQ(std::memcmp(memory[a].data() + from, together[a].data() + from, bytes), 0)
            << "sample " << b << " of inner " << inner;
      }
    }
  }
}

TEST(Mix, EmptyShapesDoNothing) {
  Random random(10);
  Wish wish;
  wish.extents = {3, 4};
  wish.rngs = 2;
  wish.per_sample = true;
  Case c = make_case(random, wish);
  for (const int axis : {0, 1}) {
    std::vector<Bytes> memory = c.memory();
    MixPlan plan = c.plan(memory);
    plan.shape.extent[axis] = 0;
    cpu_backend().mix(make_queue(best_kernels()).get(), plan);
    EXPECT_EQ(memory, c.memory());
  }
}

// ---- fill -------------------------------------------------------------------------------------

TEST(Fill, FollowsShapeStridesAndSamples) {
  Random random(12);
  for (int i = 0; i < 300; ++i) {
    SCOPED_TRACE(i);
    std::vector<int64_t> extents;
    for (int64_t a = pick(random, 0, 4); a > 0; --a) extents.push_back(pick(random, 1, 9));
    Case c;
    c.shape = shape_of(extents);
    const Dtype dtype = test::kFloats[pick(random, 0, 3)];
    c.arrays.push_back(random_array(random, c.shape, dtype, Layout::wild, false));
    c.outputs = {0};
    const int64_t rngs = chance(random, 50) ? c.shape.batch() : 1;
    for (int64_t b = 0; b < rngs; ++b) c.rngs.push_back({random(), random(), random()});
    c.factors = {1};
    const std::vector<Bytes> want = expected_memory(c);
    for (const Kernels* kernels : all_kernels()) {
      std::vector<Bytes> got = c.memory();
      const MixPlan plan = c.plan(got);
      FillPlan fill;
      fill.shape = plan.shape;
      fill.output = plan.output[0];
      fill.rngs = plan.rngs;
      fill.rng_count = plan.rng_count;
      cpu_backend().fill(make_queue(*kernels).get(), fill);
      EXPECT_TRUE(same(c, got, want)) << kernels->name;
      got = c.memory();
      fill.output = c.plan(got).output[0];
      test::emulated_fill(fill);
      EXPECT_TRUE(same(c, got, want)) << "as CUDA does it";
    }
  }
}

// ---- copy -------------------------------------------------------------------------------------

TEST(Copy, MovesBits) {
  Random random(13);
  for (int i = 0; i < 300; ++i) {
    SCOPED_TRACE(i);
    std::vector<int64_t> extents;
    for (int64_t a = pick(random, 0, 4); a > 0; --a) extents.push_back(pick(random, 1, 12));
    const Shape shape = shape_of(extents);
    const Dtype dtypes[] = {Dtype::f16, Dtype::bf16, Dtype::f32, Dtype::f64, Dtype::i64};
    const Dtype dtype = dtypes[pick(random, 0, 4)];
    const Layout layout = chance(random, 70) ? Layout::wild : Layout::plain;
    Array from = random_array(random, shape, dtype, layout, true);
    Array to = random_array(random, shape, dtype, layout, false);
    for (unsigned char& byte : from.bytes) byte = static_cast<unsigned char>(random());
    CopyPlan plan;
    plan.shape = shape;
    plan.from = from.view;
    plan.from.data = from.bytes.data() + from.first;
    plan.to = to.view;
    Bytes want = to.bytes;
    plan.to.data = to.bytes.data() + to.first;
    for_each_element(shape, [&](int64_t, const int64_t* at) {
      std::memcpy(want.data() + static_cast<int64_t>(to.first) + element_offset(to.view, shape, at),
                  from.bytes.data() + static_cast<int64_t>(from.first) +
                      element_offset(from.view, shape, at),
                  size_of(dtype));
    });
    const Bytes before = to.bytes;
    cpu_backend().copy(make_queue(best_kernels()).get(), plan);
    EXPECT_EQ(to.bytes, want);
    std::memcpy(to.bytes.data(), before.data(), before.size());
    test::emulated_copy(plan);
    EXPECT_EQ(to.bytes, want) << "as CUDA does it";
  }
}

TEST(Copy, MovesLargeArraysInParallel) {
  Random random(14);
  for (const Layout layout : {Layout::plain, Layout::wild}) {
    const Shape shape = shape_of({30, 40, 501});
    Array from = random_array(random, shape, Dtype::f32, layout, false);
    Array to = random_array(random, shape, Dtype::f32, Layout::plain, false);
    CopyPlan plan;
    plan.shape = shape;
    plan.from = from.view;
    plan.from.data = from.bytes.data() + from.first;
    plan.to = to.view;
    plan.to.data = to.bytes.data();
    cpu_backend().copy(make_queue(best_kernels(), 3).get(), plan);
    for_each_element(shape, [&](int64_t index, const int64_t* at) {
      ASSERT_EQ(std::memcmp(to.bytes.data() + index * 4,
                            from.bytes.data() + static_cast<int64_t>(from.first) +
                                element_offset(from.view, shape, at),
                            4),
                0);
    });
  }
}

// ---- memory -----------------------------------------------------------------------------------

TEST(CpuMemory, IsAlignedAndMayComeFromHooks) {
  const Backend& cpu = cpu_backend();
  Queue* queue = nullptr;
  ASSERT_EQ(cpu.open({}, &queue), NWR_OK);
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{64}, size_t{1000001}}) {
    void* memory = nullptr;
    ASSERT_EQ(cpu.alloc(queue, bytes, &memory), NWR_OK);
    ASSERT_NE(memory, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 64, 0u);
    std::memset(memory, 1, bytes);
    cpu.free(queue, memory, bytes);
  }
  void* memory = nullptr;
  EXPECT_EQ(cpu.alloc(queue, SIZE_MAX, &memory), NWR_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(memory, nullptr);
  cpu.free(queue, nullptr, 0);
  cpu.close(queue);

  struct Seen {
    int allocs = 0, frees = 0;
    unsigned char memory[64];
  } seen;
  int stream = 0;
  QueueOptions options;
  options.stream = &stream;
  options.user = &seen;
  options.alloc = [](void* user, size_t bytes, size_t align, nwr_device device, void*) -> void* {
    EXPECT_EQ(bytes, 33u);
    EXPECT_EQ(align, 64u);
    EXPECT_EQ(device, NWR_CPU);
    ++static_cast<Seen*>(user)->allocs;
    return static_cast<Seen*>(user)->memory;
  };
  options.free = [](void* user, void* given, size_t bytes, nwr_device device, void*) {
    EXPECT_EQ(given, static_cast<Seen*>(user)->memory);
    EXPECT_EQ(bytes, 33u);
    EXPECT_EQ(device, NWR_CPU);
    ++static_cast<Seen*>(user)->frees;
  };
  ASSERT_EQ(cpu.open(options, &queue), NWR_OK);
  ASSERT_EQ(cpu.alloc(queue, 33, &memory), NWR_OK);
  cpu.free(queue, memory, 33);
  cpu.synchronize(queue);
  cpu.close(queue);
  EXPECT_EQ(seen.allocs, 1);
  EXPECT_EQ(seen.frees, 1);
}

TEST(Kernels, AreNamedAndUnknownNamesAreNot) {
  for (const Kernels* kernels : all_kernels()) EXPECT_EQ(kernels_for(kernels->name), kernels);
  EXPECT_NE(kernels_for("baseline"), nullptr);
  EXPECT_EQ(kernels_for("avx"), nullptr);
  EXPECT_EQ(kernels_for(""), nullptr);
}

}  // namespace
}  // namespace noisewright
