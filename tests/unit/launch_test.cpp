// SPDX-License-Identifier: Apache-2.0
// Owns the proof that CUDA's launches take the elements that they should, the way that they should:
// by vectors where memory allows. What they compute is compared with the CPU's bits. Must not know
// CUDA.
#include "cuda/launch.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "../cuda/emulation.hpp"
#include "cpu_support.hpp"

namespace noisewright {
namespace {

using cuda::Access;

// Arrays in a row of one buffer, each 64-byte aligned but for a shift in bytes, with numbers in
// them.
struct Memory {
  std::vector<unsigned char> bytes;
  size_t used = 0;

  size_t taken = 0;

  explicit Memory(size_t size) : bytes(size + 64, 0) {}
  void* take(size_t size, size_t shift) {
    const size_t start = (reinterpret_cast<uintptr_t>(bytes.data()) + used + 63) / 64 * 64 -
                         reinterpret_cast<uintptr_t>(bytes.data());
    used = start + size + shift;
    EXPECT_LE(used, bytes.size());
    for (size_t i = 0; i < size; ++i) {
      bytes[start + shift + i] = static_cast<unsigned char>((i + 5 * taken) * 37 % 63);
    }
    ++taken;
    return bytes.data() + start + shift;
  }
};

struct Setting {
  Dtype dtype = Dtype::f32;
  int64_t batch = 2, inner = 64;
  int64_t gap = 0;  // elements between samples
  int inputs = 2, outputs = 1;
  int64_t factor_rows = 1, rng_count = 0;
  uint64_t offset = 0;
  size_t shift = 0;  // of the last input, or of the output if there is none
  double zero_factor_of = -1;
};

struct Made {
  Setting setting;
  std::vector<double> factors;
  std::vector<Rng> rngs;

  explicit Made(const Setting& s) : setting(s) {
    const int width = s.inputs + 1;
    for (int64_t i = 0; i < s.factor_rows * s.outputs * width; ++i) {
      const bool zero = static_cast<double>(i % width) == s.zero_factor_of;
      factors.push_back(zero ? 0 : 0.25 + 0.37 * static_cast<double>(i % 11));
    }
    for (int64_t i = 0; i < s.rng_count; ++i) {
      rngs.push_back({5 + static_cast<uint64_t>(i), 7, s.offset});
    }
  }
  MixPlan plan(Memory& memory) const {
    const Setting& s = setting;
    MixPlan p;
    p.shape.ndim = 2;
    p.shape.extent[0] = s.batch;
    p.shape.extent[1] = s.inner;
    const size_t size = static_cast<size_t>(s.batch * (s.inner + s.gap)) * size_of(s.dtype);
    const auto view = [&](size_t shift) {
      View v;
      v.data = memory.take(size, shift);
      v.dtype = s.dtype;
      v.stride[0] = s.inner + s.gap;
      v.stride[1] = 1;
      return v;
    };
    for (int j = 0; j < s.outputs; ++j) p.output[p.output_count++] = view(s.inputs ? 0 : s.shift);
    for (int k = 0; k < s.inputs; ++k) {
      p.input[p.input_count++] = view(k + 1 == s.inputs ? s.shift : 0);
    }
    p.factors = factors.data();
    p.factor_rows = s.factor_rows;
    p.rngs = rngs.data();
    p.rng_count = s.rng_count;
    return p;
  }
  size_t room() const {
    return static_cast<size_t>(setting.inputs + setting.outputs) *
           (static_cast<size_t>(setting.batch * (setting.inner + setting.gap)) * 8 + 128);
  }
};

cuda::MixWork work_of(const Setting& setting) {
  const Made made(setting);
  Memory memory(made.room());
  cuda::MixWork work;
  cuda::plan_mix(made.plan(memory), false, &work);
  return work;
}

Access access_of(const Setting& setting) { return work_of(setting).passes.pass[0].access; }

void expect_same_bits(const Setting& setting) {
  const Made made(setting);
  Memory here(made.room()), there(made.room());
  // Both buffers lie alike: what plan() takes depends on their addresses.
  const auto owner = test::make_queue(best_kernels());
  const MixPlan first = made.plan(here), second = made.plan(there);
  cpu_backend().mix(owner.get(), first);
  test::emulated_mix(second);
  const int64_t samples = setting.batch, width = setting.inner + setting.gap;
  for (int j = 0; j < setting.outputs; ++j) {
    ASSERT_EQ(std::memcmp(first.output[j].data, second.output[j].data,
                          static_cast<size_t>(samples * width) * size_of(setting.dtype)),
              0)
        << test::name_of(setting.dtype) << " " << setting.inner << " inputs " << setting.inputs
        << " outputs " << setting.outputs << " rngs " << setting.rng_count;
  }
}

TEST(Launch, GeometryFillsTheDeviceAndNoMore) {
  EXPECT_EQ(cuda::geometry_of(0, 132).blocks, 1u);
  EXPECT_EQ(cuda::geometry_of(1, 132).blocks, 1u);
  EXPECT_EQ(cuda::geometry_of(256, 132).blocks, 1u);
  EXPECT_EQ(cuda::geometry_of(257, 132).blocks, 2u);
  EXPECT_EQ(cuda::geometry_of(int64_t{1} << 40, 132).blocks, 132u * 32);
  EXPECT_EQ(cuda::geometry_of(int64_t{1} << 40, 1).threads, 256u);
}

TEST(Launch, AlignedArraysGoByVectors) {
  for (const Dtype dtype : test::kFloats) {
    Setting s;
    s.dtype = dtype;
    EXPECT_EQ(access_of(s), Access::vector);
    s.factor_rows = 2;
    EXPECT_EQ(access_of(s), Access::vector);
    s.gap = 8;
    EXPECT_EQ(access_of(s), Access::vector);
    s.rng_count = 2;
    EXPECT_EQ(access_of(s), Access::vector);
    s.rng_count = 1;
    EXPECT_EQ(access_of(s), Access::vector);
    s.offset = 4;
    EXPECT_EQ(access_of(s), Access::vector);
  }
}

TEST(Launch, OthersDoNot) {
  Setting s;
  s.shift = 4;
  EXPECT_EQ(access_of(s), Access::dense);
  s.shift = 1;
  EXPECT_EQ(access_of(s), Access::dense);
  s = {};
  s.rng_count = 1;
  s.offset = 2;
  EXPECT_EQ(access_of(s), Access::dense);
  s = {};
  s.factor_rows = 2;
  s.inner = 63;
  EXPECT_EQ(access_of(s), Access::dense) << "the second row is not aligned";
  s.factor_rows = 1;
  EXPECT_EQ(access_of(s), Access::vector) << "one row";
  s.gap = 1;
  EXPECT_EQ(access_of(s), Access::strided) << "a gap within the one row";
  s.factor_rows = 2;
  EXPECT_EQ(access_of(s), Access::vector) << "rows of 64, of which 63 count";
}

TEST(Launch, WhatIsLeftIsASecondPass) {
  Setting s;
  s.dtype = Dtype::bf16;
  s.inner = 37;
  const cuda::MixWork work = work_of(s);
  ASSERT_EQ(work.passes.count, 2);
  EXPECT_EQ(work.passes.pass[0].end, 72);
  EXPECT_EQ(work.passes.pass[0].items, 9);
  EXPECT_EQ(work.passes.pass[1].begin, 72);
  EXPECT_EQ(work.passes.pass[1].end, 74);
  EXPECT_EQ(work.passes.pass[1].items, 1);
  s.batch = 1;
  s.inner = 3;
  EXPECT_EQ(work_of(s).passes.count, 1);
  EXPECT_EQ(access_of(s), Access::dense);
}

TEST(Launch, InputsWithoutAFactorAreLeftOut) {
  Setting s;
  s.inputs = 3;
  s.zero_factor_of = 1;
  s.shift = 0;
  const cuda::MixWork work = work_of(s);
  EXPECT_EQ(work.arguments.mix.input_count, 2);
  EXPECT_EQ(work.input[0], 0);
  EXPECT_EQ(work.input[1], 2);
  s.rng_count = 1;
  s.zero_factor_of = 3;
  EXPECT_FALSE(work_of(s).noise);
  // A factor that is 0 as float is 0.
  Made made(s);
  made.factors[0] = 1e-60;
  Memory memory(made.room());
  cuda::MixWork narrow;
  cuda::plan_mix(made.plan(memory), false, &narrow);
  EXPECT_EQ(narrow.arguments.mix.input_count, 2);
}

TEST(Launch, FactorsAndGeneratorsTravelAsArgumentsWhereTheyFit) {
  Setting s;
  s.batch = s.factor_rows = 64;
  EXPECT_EQ(work_of(s).table_bytes, 0u) << "192 floats";
  s.dtype = Dtype::f64;
  EXPECT_EQ(work_of(s).table_bytes, 64u * 3 * 8) << "192 doubles";
  s.dtype = Dtype::f32;
  s.batch = s.factor_rows = 86;
  EXPECT_EQ(work_of(s).table_bytes, 86u * 3 * 8);
  s.factor_rows = 1;
  s.rng_count = 86;
  EXPECT_EQ(work_of(s).table_bytes, 86u * sizeof(Rng));
  s.batch = s.rng_count = 8;
  EXPECT_EQ(work_of(s).table_bytes, 0u);
}

TEST(Launch, GivesTheBitsOfTheCpu) {
  for (const Dtype dtype : test::kFloats) {
    for (const int64_t inner : {1, 4, 8, 40, 61, 1024}) {
      for (const int inputs : {0, 1, 2, 4, 5, 8}) {
        for (const int outputs : {1, 2, 3, 8}) {
          for (const int64_t rngs : {0, 1, 3}) {
            Setting s;
            s.dtype = dtype;
            s.batch = 3;
            s.inner = inner;
            s.inputs = inputs;
            s.outputs = outputs;
            s.rng_count = rngs;
            s.factor_rows = inner % 8 == 0 ? 3 : 1;
            expect_same_bits(s);
          }
        }
      }
    }
  }
}

TEST(Launch, GivesThemFromATableAndAroundTheEndOfAStream) {
  for (const Dtype dtype : test::kFloats) {
    for (const uint64_t offset : {uint64_t{0}, uint64_t{3}, UINT64_MAX - 15, UINT64_MAX - 13}) {
      for (const size_t shift : {0, 2, 8, 16}) {
        Setting s;
        s.dtype = dtype;
        s.batch = s.factor_rows = s.rng_count = 50;
        s.outputs = 2;
        s.inner = 24;
        s.offset = offset;
        s.shift = shift;
        expect_same_bits(s);
        s.rng_count = 1;
        expect_same_bits(s);
      }
    }
  }
}

TEST(Launch, TakesFactorsOnTheDeviceAsTheyAre) {
  Setting s;
  s.batch = s.factor_rows = 3;
  s.inputs = 3;
  s.zero_factor_of = 1;
  s.outputs = 2;
  const Made made(s);
  Memory here(made.room()), there(made.room());
  const MixPlan first = made.plan(here);
  const MixPlan second = made.plan(there);
  cuda::MixWork work;
  cuda::plan_mix(second, true, &work);
  EXPECT_EQ(work.arguments.mix.input_count, 3);
  EXPECT_EQ(work.arguments.mix.factors, nullptr) << "whoever makes them puts them there";
  EXPECT_EQ(work.table_bytes, 0u);
  cpu_backend().mix(test::make_queue(best_kernels()).get(), first);
  test::emulated_mix(second, made.factors.data());
  for (int j = 0; j < 2; ++j) {
    EXPECT_EQ(std::memcmp(first.output[j].data, second.output[j].data, 3 * 64 * 4), 0);
  }
}

TEST(Launch, FillsByVectors) {
  for (const Dtype dtype : test::kFloats) {
    for (const Distribution what : {Distribution::normal, Distribution::uniform}) {
      for (const int64_t rngs : {1, 20}) {
        for (const uint64_t offset : {uint64_t{8}, uint64_t{1}, UINT64_MAX - 7}) {
          for (const size_t shift : {0, 2}) {
            const size_t bytes = 20 * 44 * size_of(dtype);
            Memory here(bytes + 64), there(bytes + 64);
            std::vector<Rng> list;
            for (int64_t i = 0; i < rngs; ++i)
              list.push_back({1, static_cast<uint64_t>(i), offset});
            FillPlan plan;
            plan.shape.ndim = 2;
            plan.shape.extent[0] = 20;
            plan.shape.extent[1] = 44;
            plan.output.stride[0] = 44;
            plan.output.stride[1] = 1;
            plan.output.dtype = dtype;
            plan.what = what;
            plan.rngs = list.data();
            plan.rng_count = rngs;
            plan.output.data = there.take(bytes, shift);
            cuda::FillWork work;
            cuda::plan_fill(plan, &work);
            const bool aligned =
                shift == 0 && offset % 4 == 0 && (rngs == 1 || 44 * size_of(dtype) % 16 == 0);
            EXPECT_EQ(work.passes.pass[0].access, aligned ? Access::vector : Access::dense);
            EXPECT_EQ(work.table_bytes, rngs == 1 ? 0 : 20 * sizeof(Rng));
            test::emulated_fill(plan);
            void* const theirs = plan.output.data;
            plan.output.data = here.take(bytes, shift);
            cpu_backend().fill(test::make_queue(best_kernels()).get(), plan);
            EXPECT_EQ(std::memcmp(plan.output.data, theirs, bytes), 0);
          }
        }
      }
    }
  }
}

TEST(Launch, CopiesWithoutGapsAreBytes) {
  unsigned char bytes[512] = {};
  CopyPlan plan;
  plan.shape.ndim = 2;
  plan.shape.extent[0] = 3;
  plan.shape.extent[1] = 5;
  plan.from.data = bytes;
  plan.to.data = bytes + 256;
  for (View* view : {&plan.from, &plan.to}) {
    view->stride[0] = 5;
    view->stride[1] = 1;
  }
  cuda::CopyArguments arguments;
  EXPECT_TRUE(cuda::plan_copy(plan, &arguments));
  EXPECT_EQ(arguments.count * arguments.size, 60);
  plan.to.stride[0] = 6;
  EXPECT_FALSE(cuda::plan_copy(plan, &arguments));
}

}  // namespace
}  // namespace noisewright
