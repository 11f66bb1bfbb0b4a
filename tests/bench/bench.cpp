// SPDX-License-Identifier: Apache-2.0
// The library's work through its C interface, beside what the machine can do with the same streams
// of memory. Names are WORK/DTYPE/THREADS/ELEMENTS; "limit" stands for the machine's own pass, with
// its reads, its writes and whether it is in place. Ratios within one run mean something; absolute
// times are those of the machine and of the hour. tests/bench/report makes the tables.
#include <benchmark/benchmark.h>
#include <noisewright.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "limits.hpp"

namespace {

using bench::Array;

constexpr size_t kLargest = size_t{1} << 26;
// Beyond the caches, a pass that does not read what it writes does better past them.
constexpr size_t kStreamingBytes = size_t{24} << 20;

void check(int32_t status) {
  if (status >= 0) return;
  std::fprintf(stderr, "noisewright: %s\n", nwr_last_error());
  std::exit(1);
}

// Arrays are made once, the largest that any benchmark wants.
float* array(size_t index) {
  static std::map<size_t, Array> arrays;
  return arrays.try_emplace(index, kLargest * sizeof(float)).first->second.data();
}

const nwr_context* context(unsigned threads) {
  static std::map<unsigned, nwr_context*> contexts;
  nwr_context*& c = contexts[threads];
  if (!c) {
    nwr_context_options options = {};
    options.struct_size = sizeof options;
    options.threads = threads;
    check(nwr_context_create(&options, &c));
  }
  return c;
}

bench::Team& team(unsigned threads) {
  static std::map<unsigned, bench::Team> teams;
  return teams.try_emplace(threads, threads).first->second;
}

nwr_schedule* schedule(const char* name) {
  nwr_schedule_options options = {};
  options.struct_size = sizeof options;
  options.name = name;
  nwr_schedule* out = nullptr;
  check(nwr_schedule_create(&options, &out));
  return out;
}

struct Dtype {
  const char* name;
  nwr_dtype value;
  size_t size;
};
constexpr Dtype kF32{"f32", NWR_F32, 4}, kBf16{"bf16", NWR_BF16, 2}, kF16{"f16", NWR_F16, 2};

// A batch of eight, or of one where it cannot be divided.
struct Tensor {
  Tensor(size_t index, size_t count, const Dtype& dtype) {
    const auto n = static_cast<int64_t>(count);
    shape[0] = n % 8 == 0 && n >= 1024 ? 8 : 1;
    shape[1] = n / shape[0];
    view.data = array(index);
    view.device = NWR_CPU;
    view.ndim = 2;
    view.dtype = dtype.value;
    view.shape = shape;
  }
  Tensor(const Tensor&) = delete;
  int64_t shape[2];
  nwr_tensor view = {};
};

void rate(benchmark::State& state, size_t count, double streams, size_t size) {
  const auto n = static_cast<double>(count);
  state.counters["GB/s"] = benchmark::Counter(streams * static_cast<double>(size) * n * 1e-9,
                                              benchmark::Counter::kIsIterationInvariantRate);
}

std::string name_of(const std::string& work, const Dtype& dtype, unsigned threads, size_t count) {
  return work + "/" + dtype.name + "/" + std::to_string(threads) + "/" + std::to_string(count);
}

template <class Body>
void add(const std::string& name, Body body) {
  benchmark::RegisterBenchmark(name.c_str(), body)->UseRealTime();
}

// ---- the machine --------------------------------------------------------------------------------

void add_limit(int reads, int writes, bool in_place, unsigned threads, size_t count) {
  const std::string name = "limit:" + std::to_string(reads) + "r" + std::to_string(writes) + "w" +
                           (in_place ? "i" : "o");
  add(name_of(name, kF32, threads, count), [=](benchmark::State& state) {
    bench::Pass pass = {};
    pass.reads = reads;
    pass.writes = writes;
    pass.count = count;
    for (int k = 0; k < reads; ++k) pass.inputs[k] = array(static_cast<size_t>(k));
    for (int j = 0; j < writes; ++j) {
      pass.outputs[j] = array(static_cast<size_t>(in_place ? j : 4 + j));
    }
    const int streams = reads + writes;
    pass.streaming =
        !in_place && static_cast<size_t>(streams) * count * sizeof(float) >= kStreamingBytes;
    for (auto _ : state) run_pass(team(threads), pass);
    rate(state, count, streams, sizeof(float));
  });
}

// ---- the library --------------------------------------------------------------------------------

void add_combine(int reads, bool in_place, const Dtype& dtype, unsigned threads, size_t count) {
  const std::string name = "combine:" + std::to_string(reads) + (in_place ? "i" : "o");
  add(name_of(name, dtype, threads, count), [=](benchmark::State& state) {
    const Tensor a(0, count, dtype), b(1, count, dtype), c(2, count, dtype), out(4, count, dtype);
    const nwr_tensor* inputs[] = {&a.view, &b.view, &c.view};
    const double factors[] = {0.5, 0.25, 0.125};
    for (auto _ : state) {
      check(nwr_tensor_combine(context(threads), factors, inputs, static_cast<size_t>(reads),
                               in_place ? &a.view : &out.view));
    }
    rate(state, count, reads + 1, dtype.size);
  });
}

void add_fill(nwr_distribution what, const Dtype& dtype, unsigned threads, size_t count) {
  const std::string name = what == NWR_NORMAL ? "normal" : "uniform";
  add(name_of(name, dtype, threads, count), [=](benchmark::State& state) {
    const Tensor x(0, count, dtype);
    nwr_rng rng = {1, 0, 0};
    for (auto _ : state) {
      check(nwr_random_fill(context(threads), what, &rng, 1, &x.view));
      rng.offset += count;
    }
    rate(state, count, 1, dtype.size);
  });
}

// Velocity to data and noise: two inputs, two outputs.
void add_transform(const Dtype& dtype, unsigned threads, size_t count) {
  add(name_of("transform", dtype, threads, count), [=](benchmark::State& state) {
    static nwr_schedule* const flow = schedule("linear");
    const Tensor x(0, count, dtype), v(1, count, dtype), d(4, count, dtype), n(5, count, dtype);
    double t = 0.5;
    nwr_tensor time = {};
    time.data = &t;
    time.device = NWR_CPU;
    time.dtype = NWR_F64;
    const nwr_operand known[] = {{NWR_STATE, 0, &x.view}, {NWR_VELOCITY, 0, &v.view}};
    const nwr_operand wanted[] = {{NWR_DATA, 0, &d.view}, {NWR_NOISE, 0, &n.view}};
    for (auto _ : state) {
      check(nwr_transform_apply(context(threads), flow, &time, nullptr, known, 2, wanted, 2));
    }
    rate(state, count, 4, dtype.size);
  });
}

// Data to state and velocity with a time a sample, noise drawn in the pass.
void add_corrupt(const Dtype& dtype, unsigned threads, size_t count) {
  add(name_of("corrupt", dtype, threads, count), [=](benchmark::State& state) {
    static nwr_schedule* const flow = schedule("linear");
    const Tensor d(0, count, dtype), x(4, count, dtype), v(5, count, dtype);
    std::vector<double> t(static_cast<size_t>(d.shape[0]), 0.3);
    int64_t batch = d.shape[0];
    nwr_tensor times = {};
    times.data = t.data();
    times.device = NWR_CPU;
    times.ndim = 1;
    times.dtype = NWR_F64;
    times.shape = &batch;
    nwr_rng rng = {1, 0, 0};
    const nwr_operand known[] = {{NWR_DATA, 0, &d.view}};
    const nwr_operand wanted[] = {{NWR_STATE, 0, &x.view}, {NWR_VELOCITY, 0, &v.view}};
    for (auto _ : state) {
      check(nwr_transform_corrupt(context(threads), flow, &times, NWR_NOISE, &rng, 1, known, 1,
                                  wanted, 2));
      rng.offset += count;
    }
    rate(state, count, 3, dtype.size);
  });
}

void add_step(const std::string& spec, const Dtype& dtype, unsigned threads, size_t count) {
  add(name_of("step:" + spec, dtype, threads, count), [=](benchmark::State& state) {
    static nwr_schedule* const flow = schedule("linear");
    const Tensor x(0, count, dtype), out(1, count, dtype);
    const nwr_rng rng = {1, 0, 0};
    nwr_sampler_options options = {};
    options.struct_size = sizeof options;
    options.name = spec.c_str();
    options.steps = 1000;
    options.rngs = &rng;
    options.rng_count = 1;
    nwr_sampler* sampler = nullptr;
    check(nwr_sampler_create(context(threads), flow, &options, &sampler));
    check(nwr_sampler_start(sampler, &x.view, NWR_START_STATE));
    nwr_eval eval = {};
    eval.struct_size = sizeof eval;
    check(nwr_sampler_next(sampler, &eval));
    // The first step touches memory that nobody has touched before.
    check(nwr_sampler_step(sampler, &x.view, &out.view, 1));
    uint32_t left = eval.count - 1;
    for (auto _ : state) {
      check(nwr_sampler_step(sampler, &x.view, &out.view, 1));
      if (--left == 0) {
        check(nwr_sampler_start(sampler, &x.view, NWR_START_STATE));
        left = eval.count;
      }
    }
    nwr_sampler_destroy(sampler);
    state.counters["ns/el"] = benchmark::Counter(
        static_cast<double>(count) * 1e-9,
        benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  });
}

// Every sampler that takes one output and a linear schedule.
std::vector<std::string> all_samplers() {
  std::vector<std::string> names;
  for (size_t i = 0; i < nwr_catalog_size(NWR_DOMAIN_SAMPLER); ++i) {
    nwr_entry entry = {};
    entry.struct_size = sizeof entry;
    check(nwr_catalog_entry(NWR_DOMAIN_SAMPLER, i, &entry));
    names.emplace_back(entry.name);
  }
  return names;
}

void add_all() {
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  std::vector<unsigned> teams{1};
  if (cores > 1) teams.push_back(cores);
  for (const unsigned threads : teams) {
    for (const size_t count : {size_t{1} << 16, size_t{1} << 22, kLargest}) {
      for (const bool in_place : {false, true}) {
        for (int reads = 1; reads <= 3; ++reads) {
          add_limit(reads, 1, in_place, threads, count);
          if (reads > 1) add_limit(reads, 2, in_place, threads, count);
          for (const Dtype& dtype : {kF32, kBf16, kF16}) {
            add_combine(reads, in_place, dtype, threads, count);
          }
        }
      }
      for (const Dtype& dtype : {kF32, kBf16, kF16}) {
        add_fill(NWR_NORMAL, dtype, threads, count);
        add_fill(NWR_UNIFORM, dtype, threads, count);
        add_transform(dtype, threads, count);
        add_corrupt(dtype, threads, count);
        for (const char* spec : {"euler", "ddim", "ddim(eta=1)", "dpmpp-2m"}) {
          add_step(spec, dtype, threads, count);
        }
      }
    }
  }
  for (const size_t count : {size_t{16}, size_t{128}, size_t{4096}}) {
    add_combine(2, true, kF32, 1, count);
    add_transform(kF32, 1, count);
    for (const char* spec : {"euler", "ddim(eta=1)", "dpmpp-2m"}) add_step(spec, kF32, 1, count);
  }
  // No sampler may cost more than its streams do.
  for (const std::string& spec : all_samplers()) {
    add_step(spec, kF32, 1, size_t{1} << 16);
  }
}

}  // namespace

int main(int argc, char** argv) {
  add_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
