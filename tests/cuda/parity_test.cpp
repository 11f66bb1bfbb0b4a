// SPDX-License-Identifier: Apache-2.0
// Owns the proof that a device gives the CPU's bits through the whole API, and that the core leaves
// its memory alone. By default the device is the CPU posing as CUDA (fake.cpp); with
// NWR_TEST_DEVICE=cuda in the environment it is CUDA.
#include <cstdlib>

#include "device.hpp"

namespace nwr_test {
namespace {

constexpr nwr_dtype kDtypes[] = {NWR_F16, NWR_BF16, NWR_F32, NWR_F64};

Context device() {
  const char* const real = std::getenv("NWR_TEST_DEVICE");
  if (!real || std::string(real) != "cuda") return make_device("cpu");
  auto options = sized<nwr_context_options>();
  options.device = NWR_CUDA;
  nwr_context* context = nullptr;
  NWR_EXPECT_OK(nwr_context_create(&options, &context));
  return Context(context);
}

struct Pair {
  Context cpu = make_context(), gpu = device();
};

nwr_tensor on_host(const Tensor& t) { return t.view(); }

TEST(Parity, RandomNumbers) {
  const Pair on;
  const nwr_rng rngs[] = {{1, 2, 3}, {4, 5, UINT64_MAX - 5}, {7, 8, 9}};
  for (const nwr_dtype dtype : kDtypes) {
    for (const int64_t width : {1, 7, 64, 1025}) {
      for (const nwr_distribution what : {NWR_NORMAL, NWR_UNIFORM}) {
        for (const size_t count : {1, 3}) {
          Tensor here(dtype, {3, width});
          DeviceTensor there(on.gpu, here);
          NWR_ASSERT_OK(nwr_random_fill(on.cpu.get(), what, rngs, count, here));
          NWR_ASSERT_OK(nwr_random_fill(on.gpu.get(), what, rngs, count, there));
          EXPECT_EQ(here.bytes(), there.fetch().bytes());
        }
      }
    }
  }
}

TEST(Parity, CopiesBetweenDevicesDtypesAndStrides) {
  const Pair on;
  for (const nwr_dtype from : kDtypes) {
    for (const nwr_dtype to : kDtypes) {
      for (const bool wild : {false, true}) {
        const auto make = [&](nwr_dtype dtype) {
          return wild ? Tensor(dtype, {3, 4, 5}, {2, -7, 31}, 200, 40) : Tensor(dtype, {3, 4, 5});
        };
        Tensor source = make(from), want = make(to);
        source.fill(numbers(60));
        NWR_ASSERT_OK(nwr_tensor_copy(on.cpu.get(), source, want));
        DeviceTensor up(on.gpu, make(to)), across(on.gpu, make(to)), away(on.gpu, source);
        Tensor down = make(to), beside = make(to);
        NWR_ASSERT_OK(nwr_tensor_copy(on.gpu.get(), source, up));
        NWR_ASSERT_OK(nwr_tensor_copy(on.gpu.get(), away, across));
        NWR_ASSERT_OK(nwr_tensor_copy(on.gpu.get(), away, down));
        NWR_ASSERT_OK(nwr_tensor_copy(on.gpu.get(), source, beside));
        NWR_ASSERT_OK(nwr_context_synchronize(on.gpu.get()));
        EXPECT_EQ(want.bytes(), up.fetch().bytes());
        EXPECT_EQ(want.bytes(), across.fetch().bytes());
        EXPECT_EQ(want.bytes(), down.bytes());
        EXPECT_EQ(want.bytes(), beside.bytes());
      }
    }
  }
}

TEST(Parity, TransformsAtTimesOnTheHost) {
  const Pair on;
  const Schedule cosine = make_schedule("cosine");
  for (const nwr_dtype dtype : kDtypes) {
    for (const size_t rows : {1, 5}) {
      Tensor data(dtype, {5, 33}), noise(dtype, {5, 33}), state(dtype, {5, 33}),
          v(NWR_F32, {5, 33});
      data.fill(numbers(165, 1));
      noise.fill(numbers(165, 2));
      const Tensor times = Tensor(NWR_F64, {static_cast<int64_t>(rows)}).fill({.9, .1, .5, .3, .7});
      DeviceTensor d(on.gpu, data), n(on.gpu, noise), s(on.gpu, state), w(on.gpu, v);
      const nwr_operand in[] = {{NWR_DATA, 0, data}, {NWR_NOISE, 0, noise}};
      const nwr_operand out[] = {{NWR_STATE, 0, state}, {NWR_VELOCITY, 0, v}};
      const nwr_operand in_there[] = {{NWR_DATA, 0, d}, {NWR_NOISE, 0, n}};
      const nwr_operand out_there[] = {{NWR_STATE, 0, s}, {NWR_VELOCITY, 0, w}};
      NWR_ASSERT_OK(nwr_transform_apply(on.cpu.get(), cosine.get(), times, nullptr, in, 2, out, 2));
      NWR_ASSERT_OK(nwr_transform_apply(on.gpu.get(), cosine.get(), times, nullptr, in_there, 2,
                                        out_there, 2));
      EXPECT_EQ(state.bytes(), s.fetch().bytes());
      EXPECT_EQ(v.bytes(), w.fetch().bytes());

      const nwr_rng rng = {3, 1, 2};
      NWR_ASSERT_OK(nwr_transform_corrupt(on.cpu.get(), cosine.get(), times, NWR_NOISE, &rng, 1, in,
                                          1, out, 2));
      NWR_ASSERT_OK(nwr_transform_corrupt(on.gpu.get(), cosine.get(), times, NWR_NOISE, &rng, 1,
                                          in_there, 1, out_there, 2));
      EXPECT_EQ(state.bytes(), s.fetch().bytes());
      EXPECT_EQ(v.bytes(), w.fetch().bytes());

      const double factors[] = {0.25, -3};
      const nwr_tensor* const both[] = {data, noise};
      const nwr_tensor* const both_there[] = {d, n};
      NWR_ASSERT_OK(nwr_tensor_combine(on.cpu.get(), factors, both, 2, state));
      NWR_ASSERT_OK(nwr_tensor_combine(on.gpu.get(), factors, both_there, 2, s));
      EXPECT_EQ(state.bytes(), s.fetch().bytes());
    }
  }
}

// One run of a sampler on both, step by step; the model's outputs are made on the host.
void compare_runs(const Pair& on, const char* sampler, nwr_dtype dtype, bool generator_each,
                  bool resume) {
  SCOPED_TRACE(sampler);
  const Schedule path = make_schedule("cosine");
  const nwr_rng rngs[] = {{5, 0, 0}, {6, 0, 0}, {7, 0, 3}};
  auto options = sized<nwr_sampler_options>();
  options.name = sampler;
  options.prediction = NWR_DATA;
  options.steps = 5;
  options.rngs = rngs;
  options.rng_count = generator_each ? 3 : 1;
  options.flags = NWR_SAMPLER_KEEP_DENOISED;
  Tensor x(dtype, {3, 41}), output(dtype, {3, 41}), denoised(dtype, {3, 41});
  DeviceTensor x_there(on.gpu, x), output_there(on.gpu, output);
  const Sampler here = make_sampler(on.cpu, path, options);
  Sampler there = make_sampler(on.gpu, path, options);
  NWR_ASSERT_OK(nwr_sampler_start(here.get(), x, NWR_START_PRIOR));
  NWR_ASSERT_OK(nwr_sampler_start(there.get(), x_there, NWR_START_PRIOR));
  auto eval = sized<nwr_eval>();
  while (nwr_sampler_next(here.get(), &eval) == NWR_OK) {
    ASSERT_EQ(x.bytes(), x_there.fetch().bytes()) << eval.index;
    evaluate(Gaussian{}, path, NWR_DATA, eval, x, &output);
    const nwr_tensor made = on_host(output);
    NWR_ASSERT_OK(nwr_tensor_copy(on.gpu.get(), &made, output_there));
    NWR_ASSERT_OK(nwr_sampler_step(here.get(), x, output, 1));
    NWR_ASSERT_OK(nwr_sampler_step(there.get(), x_there, output_there, 1));
    if (resume && eval.index == 2) {
      // What one device saved, the other goes on with.
      size_t size = 0, other = 0;
      NWR_ASSERT_OK(nwr_sampler_save(there.get(), nullptr, 0, &size));
      std::vector<unsigned char> saved(size), theirs(size);
      NWR_ASSERT_OK(nwr_sampler_save(there.get(), saved.data(), size, &size));
      NWR_ASSERT_OK(nwr_sampler_save(here.get(), theirs.data(), size, &other));
      EXPECT_EQ(saved, theirs);
      nwr_sampler* loaded = nullptr;
      NWR_ASSERT_OK(nwr_sampler_load(on.gpu.get(), path.get(), theirs.data(), size, &loaded));
      there.reset(loaded);
    }
  }
  ASSERT_EQ(x.bytes(), x_there.fetch().bytes());
  Tensor kept = denoised;
  NWR_ASSERT_OK(nwr_sampler_denoised(here.get(), denoised));
  NWR_ASSERT_OK(nwr_sampler_denoised(there.get(), kept));
  EXPECT_EQ(denoised.bytes(), kept.bytes());
}

TEST(Parity, Samplers) {
  const Pair on;
  for (const char* sampler : kSamplers) {
    for (const nwr_dtype dtype : kDtypes) {
      compare_runs(on, sampler, dtype, dtype == NWR_F32, dtype != NWR_F64);
    }
  }
}

TEST(Parity, RunsByCallbackWithNoiseOfTheCaller) {
  const Pair on;
  struct User {
    const nwr_context* context;
    int32_t device;
  };
  const auto model = [](void* user, const nwr_eval* e, const nwr_tensor* x, const nwr_tensor* out) {
    const User& u = *static_cast<User*>(user);
    if (x->device != u.device || out->device != u.device) return -1;
    const double factor = 0.5 / (1 + e->t);
    return nwr_tensor_combine(u.context, &factor, &x, 1, out) == NWR_OK ? 0 : -2;
  };
  const auto noise = [](void* user, uint64_t draw, const nwr_tensor* out) {
    const nwr_rng rng = {9, draw, 0};
    return nwr_random_fill(static_cast<User*>(user)->context, NWR_NORMAL, &rng, 1, out) == NWR_OK
               ? 0
               : -1;
  };
  const Schedule path = make_schedule("vp");
  Tensor x(NWR_F32, {2, 17});
  DeviceTensor x_there(on.gpu, x);
  User users[] = {{on.cpu.get(), NWR_CPU}, {on.gpu.get(), NWR_CUDA}};
  for (User& user : users) {
    auto options = sized<nwr_sampler_options>();
    options.name = "ddim(eta=0.5)";
    options.prediction = NWR_NOISE;
    options.steps = 7;
    options.noise = noise;
    options.user = &user;
    const bool host = user.device == NWR_CPU;
    const Sampler run = make_sampler(host ? on.cpu : on.gpu, path, options);
    auto calls = sized<nwr_callbacks>();
    calls.model = model;
    calls.user = &user;
    const nwr_tensor* const state = host ? static_cast<const nwr_tensor*>(x) : x_there;
    NWR_ASSERT_OK(nwr_sampler_start(run.get(), state, NWR_START_PRIOR));
    NWR_ASSERT_OK(nwr_sampler_run(run.get(), state, &calls));
  }
  EXPECT_EQ(x.bytes(), x_there.fetch().bytes());
}

TEST(Parity, RandomTimes) {
  const Pair on;
  const Schedule path = make_schedule("linear");
  const nwr_rng rng = {1, 0, 5};
  for (const nwr_dtype dtype : kDtypes) {
    Tensor here(dtype, {9}), down(dtype, {9});
    DeviceTensor there(on.gpu, here);
    auto options = sized<nwr_density_options>();
    options.name = "logit-normal";
    NWR_ASSERT_OK(nwr_random_times(on.cpu.get(), path.get(), &options, &rng, 1, here));
    NWR_ASSERT_OK(nwr_random_times(on.gpu.get(), path.get(), &options, &rng, 1, there));
    NWR_ASSERT_OK(nwr_random_times(on.gpu.get(), path.get(), &options, &rng, 1, down));
    EXPECT_EQ(here.bytes(), there.fetch().bytes());
    EXPECT_EQ(here.bytes(), down.bytes());
  }
}

TEST(Devices, RefuseMemoryOfAnother) {
  const Pair on;
  const Tensor host(NWR_F32, {2, 3});
  const DeviceTensor there(on.gpu, host);
  const nwr_rng rng = {1, 0, 0};
  EXPECT_EQ(NWR_ERROR_INVALID_ARGUMENT, nwr_random_fill(on.gpu.get(), NWR_NORMAL, &rng, 1, host));
  EXPECT_STREQ("out.device is cpu, but the context's is cuda", nwr_last_error());
  EXPECT_EQ(NWR_ERROR_INVALID_ARGUMENT, nwr_random_fill(on.cpu.get(), NWR_NORMAL, &rng, 1, there));
  EXPECT_STREQ("out.device is cuda, but the context's is cpu", nwr_last_error());
  EXPECT_EQ(NWR_ERROR_INVALID_ARGUMENT, nwr_tensor_copy(on.cpu.get(), host, there));
  EXPECT_STREQ("to.device is cuda, but the context's is cpu", nwr_last_error());
  nwr_tensor other = there.view();
  other.device_id = 1;
  EXPECT_EQ(NWR_ERROR_INVALID_ARGUMENT, nwr_random_fill(on.gpu.get(), NWR_NORMAL, &rng, 1, &other));
  EXPECT_STREQ("out.device_id is 1, but the context's is 0", nwr_last_error());
}

// Else the tests above would not see a core that reads what it must not.
TEST(DevicesDeathTest, ThePosingOneGuardsItsMemory) {
  if (std::getenv("NWR_TEST_DEVICE")) GTEST_SKIP() << "the device is no fake";
  const Pair on;
  const DeviceTensor there(on.gpu, Tensor(NWR_F32, {2, 3}));
  const volatile char* const memory = static_cast<const char*>(there.view().data);
  EXPECT_DEATH(static_cast<void>(*memory), "");
}

TEST(Devices, TakeMemoryThatBothSee) {
  const Pair on;
  if (std::getenv("NWR_TEST_DEVICE")) GTEST_SKIP() << "the memory is not really CUDA's";
  const nwr_rng rng = {1, 0, 0};
  for (const nwr_device at : {NWR_CUDA_HOST, NWR_CUDA_MANAGED}) {
    Tensor want(NWR_F32, {2, 3}), got(NWR_F32, {2, 3});
    nwr_tensor view = got.view();
    view.device = at;
    NWR_ASSERT_OK(nwr_random_fill(on.cpu.get(), NWR_NORMAL, &rng, 1, want));
    NWR_ASSERT_OK(nwr_random_fill(on.gpu.get(), NWR_NORMAL, &rng, 1, &view));
    EXPECT_EQ(want.bytes(), got.bytes());
  }
}

TEST(Devices, SecondOneIsAnother) {
  if (std::getenv("NWR_TEST_DEVICE")) GTEST_SKIP() << "there may be one only";
  const Context second = make_device("cpu", 1);
  Tensor host(NWR_F32, {2, 3});
  DeviceTensor there(second, host, 1);
  const nwr_rng rng = {1, 0, 0};
  NWR_ASSERT_OK(nwr_random_fill(second.get(), NWR_NORMAL, &rng, 1, there));
  NWR_ASSERT_OK(nwr_random_fill(make_context().get(), NWR_NORMAL, &rng, 1, host));
  EXPECT_EQ(host.bytes(), there.fetch().bytes());
}

}  // namespace
}  // namespace nwr_test
