// SPDX-License-Identifier: Apache-2.0
// Owns the proof that a device gives the CPU's bits through the whole API, and that the core leaves
// its memory alone. The devices are the CPU posing as CUDA and CUDA's launches run by the CPU
// (fake.cpp); with NWR_TEST_DEVICE=cuda in the environment it is CUDA.
#include <cstdlib>

#include "device.hpp"

namespace nwr_test {
namespace {

constexpr nwr_dtype kDtypes[] = {NWR_F16, NWR_BF16, NWR_F32, NWR_F64};

bool is_real() {
  const char* const device = std::getenv("NWR_TEST_DEVICE");
  return device && std::string(device) == "cuda";
}

std::vector<const char*> devices() {
  if (is_real()) return {"cuda"};
  return {"cpu", "gpu"};
}

Context open_device(const char* name) {
  if (!is_real()) return make_device(name);
  auto options = sized<nwr_context_options>();
  options.device = NWR_CUDA;
  nwr_context* context = nullptr;
  NWR_EXPECT_OK(nwr_context_create(&options, &context));
  return Context(context);
}

struct Pair {
  explicit Pair(const char* device) : gpu(open_device(device)) {}
  Context cpu = make_context(), gpu;
};

class Parity : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(On, Parity, testing::ValuesIn(devices()),
                         [](const auto& which) { return std::string(which.param); });

nwr_tensor on_host(const Tensor& t) { return t.view(); }

TEST_P(Parity, RandomNumbers) {
  const Pair on(GetParam());
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

TEST_P(Parity, CopiesBetweenDevicesDtypesAndStrides) {
  const Pair on(GetParam());
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

TEST_P(Parity, TransformsAtTimesOnTheHost) {
  const Pair on(GetParam());
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
                  bool resume, const char* generator = nullptr) {
  SCOPED_TRACE(sampler);
  const Schedule path = make_schedule("cosine");
  const nwr_rng rngs[] = {{5, 0, 0}, {6, 0, 0}, {7, 0, 4}};
  auto options = sized<nwr_sampler_options>();
  options.name = sampler;
  options.prediction = NWR_DATA;
  options.steps = 5;
  options.rngs = rngs;
  options.rng_count = generator_each ? 3 : 1;
  options.generator = generator;
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

TEST_P(Parity, Samplers) {
  const Pair on(GetParam());
  for (const char* sampler : kSamplers) {
    for (const nwr_dtype dtype : kDtypes) {
      compare_runs(on, sampler, dtype, dtype == NWR_F32, dtype != NWR_F64);
    }
  }
}

TEST_P(Parity, GeneratorsByName) {
  const Pair on(GetParam());
  for (const char* name : {"philox", "torch-cpu", "torch-cuda", "brownian",
                           "torchsde(sigma_min=0.01,sigma_max=200)"}) {
    SCOPED_TRACE(name);
    for (const nwr_dtype dtype : kDtypes) {
      for (const size_t count : {1, 3}) {
        nwr_rng rngs[] = {{1, 0, 4}, {2, 0, 0}, {3, 0, 8}};
        nwr_rng moved[] = {rngs[0], rngs[1], rngs[2]};
        auto options = sized<nwr_random_options>();
        options.name = name;
        options.from_level = 90, options.to_level = 2;
        Tensor here(dtype, {3, 33});
        DeviceTensor there(on.gpu, here);
        NWR_ASSERT_OK(nwr_random_generate(on.cpu.get(), &options, rngs, count, here));
        NWR_ASSERT_OK(nwr_random_generate(on.gpu.get(), &options, moved, count, there));
        EXPECT_EQ(here.bytes(), there.fetch().bytes());
        for (size_t i = 0; i < 3; ++i) {
          EXPECT_EQ(rngs[i].offset, moved[i].offset);
          EXPECT_EQ(rngs[i].stream, moved[i].stream);
        }
      }
      for (const char* sampler : {"dpmpp-2m-sde", "seeds-2"}) {
        compare_runs(on, sampler, dtype, dtype == NWR_F32, dtype != NWR_F64, name);
      }
    }
  }
}

TEST_P(Parity, RunsByCallbackWithNoiseOfTheCaller) {
  const Pair on(GetParam());
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

// ---- times on the device ------------------------------------------------------------------------

struct Bound {
  double relative, absolute;
};

// Compares a transform at times that the device has with the same at times that the host has.
void compare_times(const Pair& on, const Schedule& path, nwr_dtype dtype,
                   const std::vector<double>& times, bool drawn, const double* diffusion,
                   const std::vector<nwr_quantity>& known, const std::vector<nwr_quantity>& wanted,
                   Bound bound) {
  const auto batch = static_cast<int64_t>(times.size());
  Tensor t = Tensor(NWR_F64, {batch}).fill(times);
  const DeviceTensor t_there(on.gpu, t);
  std::vector<Tensor> in, out;
  std::vector<std::unique_ptr<DeviceTensor>> in_there, out_there;
  std::vector<nwr_operand> in_here, out_here, in_away, out_away;
  in.reserve(known.size());
  out.reserve(wanted.size());
  for (const nwr_quantity what : known) {
    in.push_back(Tensor(dtype, {batch, 9}));
    in.back().fill(numbers(static_cast<size_t>(batch) * 9, static_cast<uint32_t>(what) + 1));
    in_there.push_back(std::make_unique<DeviceTensor>(on.gpu, in.back()));
    in_here.push_back({what, 0, in.back()});
    in_away.push_back({what, 0, *in_there.back()});
  }
  for (const nwr_quantity what : wanted) {
    out.push_back(Tensor(dtype, {batch, 9}));
    out_there.push_back(std::make_unique<DeviceTensor>(on.gpu, out.back()));
    out_here.push_back({what, 0, out.back()});
    out_away.push_back({what, 0, *out_there.back()});
  }
  const nwr_rng rng = {7, 0, 1};
  Tensor w = scalar(diffusion ? *diffusion : 0);
  const nwr_tensor* const w2 = diffusion ? static_cast<const nwr_tensor*>(w) : nullptr;
  if (drawn) {
    NWR_ASSERT_OK(nwr_transform_corrupt(on.cpu.get(), path.get(), t, NWR_NOISE, &rng, 1,
                                        in_here.data(), in_here.size(), out_here.data(),
                                        out_here.size()));
    NWR_ASSERT_OK(nwr_transform_corrupt(on.gpu.get(), path.get(), t_there, NWR_NOISE, &rng, 1,
                                        in_away.data(), in_away.size(), out_away.data(),
                                        out_away.size()));
  } else {
    NWR_ASSERT_OK(nwr_transform_apply(on.cpu.get(), path.get(), t, w2, in_here.data(),
                                      in_here.size(), out_here.data(), out_here.size()));
    NWR_ASSERT_OK(nwr_transform_apply(on.gpu.get(), path.get(), t_there, w2, in_away.data(),
                                      in_away.size(), out_away.data(), out_away.size()));
  }
  for (size_t j = 0; j < out.size(); ++j) {
    const Tensor got = out_there[j]->fetch();
    for (size_t i = 0; i < got.count(); ++i) {
      const double want = out[j].get(i);
      ASSERT_NEAR(want, got.get(i), bound.relative * std::fabs(want) + bound.absolute)
          << "output " << wanted[j] << " at t = " << times[i / 9];
    }
  }
}

TEST_P(Parity, TransformsAtTimesOnTheDevice) {
  const Pair on(GetParam());
  int compared = 0;
  for (size_t i = 0; i < nwr_catalog_size(NWR_DOMAIN_SCHEDULE); ++i) {
    auto entry = sized<nwr_entry>();
    NWR_ASSERT_OK(nwr_catalog_entry(NWR_DOMAIN_SCHEDULE, i, &entry));
    SCOPED_TRACE(entry.name);
    if (entry.value == NWR_SCHEDULE_CUSTOM || entry.value == NWR_SCHEDULE_TABLE) continue;
    const Schedule path = make_schedule(entry.name);
    auto info = sized<nwr_schedule_info>();
    NWR_ASSERT_OK(nwr_schedule_get_info(path.get(), &info));
    std::vector<double> times;
    for (const double share : {0.03, 0.2, 0.5, 0.61, 0.97}) {
      times.push_back(info.t_noise + share * (info.t_data - info.t_noise));
    }
    // Two have no form of their own on a device and go through a table.
    const std::string name = entry.name;
    const bool table = name == "albergo.trig" || name == "wuerstchen";
    const Bound bound = table ? Bound{1e-9, 1e-9} : is_real() ? Bound{1e-12, 1e-13} : Bound{0, 0};
    if (std::string(entry.name) == "nami.seed") {
      // It has formulas of its own.
      const Tensor t = Tensor(NWR_F64, {1}).fill({0.5});
      const DeviceTensor there(on.gpu, t), x(on.gpu, Tensor(NWR_F32, {1, 2}));
      const nwr_operand in = {NWR_LATENT, 0, x}, out = {NWR_SCORE, 0, x};
      EXPECT_EQ(NWR_ERROR_UNSUPPORTED,
                nwr_transform_apply(on.gpu.get(), path.get(), there, nullptr, &in, 1, &out, 1));
      EXPECT_NE(nullptr, std::strstr(nwr_last_error(), "only the host evaluates"));
      continue;
    }
    ++compared;
    compare_times(on, path, NWR_F64, times, false, nullptr, {NWR_DATA, NWR_NOISE, NWR_LATENT},
                  {NWR_STATE, NWR_VELOCITY, NWR_PATH_VELOCITY, NWR_ANGULAR}, bound);
    const bool latent = entry.value == NWR_SCHEDULE_MIRROR || table ||
                        std::string(entry.name) == "albergo.encoding-decoding";
    if (latent) continue;
    compare_times(on, path, NWR_F64, times, true, nullptr, {NWR_DATA}, {NWR_STATE, NWR_NOISE},
                  bound);
    const double w2 = 0.7;
    compare_times(on, path, NWR_F64, times, false, &w2, {NWR_STATE, NWR_DATA},
                  {NWR_NOISE, NWR_SCORE, NWR_DRIFT, NWR_PRECONDITIONED}, bound);
    compare_times(on, path, NWR_BF16, times, true, nullptr, {NWR_DATA}, {NWR_STATE},
                  is_real() ? Bound{0.008, 0} : Bound{0, 0});
  }
  EXPECT_GT(compared, 25);
}

TEST_P(Parity, TwoSidedPathsAndSettingsAtTimesOnTheDevice) {
  const Pair on(GetParam());
  const Bound bound = is_real() ? Bound{1e-12, 1e-13} : Bound{0, 0};
  for (const char* spec :
       {"linear(latent=brownian)", "linear(latent=bsquared,latent_scale=2)",
        "trigonometric(latent=sinesquared,alpha_min=0.1)", "cosine(latent=sigmoid)",
        "decay(gamma=0.3,alpha_min=0.01)", "ddpm(beta=squaredcos_cap_v2,count=50)",
        "polynomial(n=2.5)", "vp(sigma_min=0.1)", "linear(sigma_data=0.5,time=to-noise)"}) {
    SCOPED_TRACE(spec);
    const Schedule path = make_schedule(spec);
    const bool discrete = std::string(spec).substr(0, 4) == "ddpm";
    const std::vector<double> times = discrete ? std::vector<double>{-0.99, 0, 7, 48.5, 49, -0.5}
                                               : std::vector<double>{0.25, 0.5, 0.75, 0.125};
    compare_times(on, path, NWR_F64, times, false, nullptr, {NWR_DATA, NWR_NOISE, NWR_LATENT},
                  {NWR_STATE, NWR_VELOCITY, NWR_PATH_VELOCITY}, bound);
    if (!discrete) {
      compare_times(on, path, NWR_F64, times, false, nullptr, {NWR_PATH_VELOCITY, NWR_SCORE},
                    {NWR_VELOCITY, NWR_MIRROR_VELOCITY}, bound);
    }
  }
}

TEST_P(Parity, SchedulesOfTheCallerAtTimesOnTheDevice) {
  const Pair on(GetParam());
  auto options = sized<nwr_schedule_options>();
  options.kind = NWR_SCHEDULE_CUSTOM;
  options.t_noise = 2;
  options.t_data = -1;
  options.coeffs = [](void*, double t, nwr_coeffs* c) -> int32_t {
    const double u = (t + 1) / 3;
    c->alpha = std::exp(-2 * u * u);
    c->sigma = u * (2 - u);
    return 0;
  };
  nwr_schedule* made = nullptr;
  NWR_ASSERT_OK(nwr_schedule_create(&options, &made));
  const Schedule path(made);
  for (int i = 0; i < 2; ++i) {  // the table is made once
    compare_times(on, path, NWR_F64, {-1, -0.3, 0.1234, 1.7, 2}, false, nullptr,
                  {NWR_DATA, NWR_NOISE}, {NWR_STATE, NWR_VELOCITY}, {1e-9, 1e-9});
  }
  const double betas[] = {0.1, 0.2, 0.3, 0.4};
  options = sized<nwr_schedule_options>();
  options.name = "table(betas=yes)";
  options.table = betas;
  options.table_count = 4;
  NWR_ASSERT_OK(nwr_schedule_create(&options, &made));
  compare_times(on, Schedule(made), NWR_F64, {3, 2, 1.5, 0, -1}, true, nullptr, {NWR_DATA},
                {NWR_STATE}, is_real() ? Bound{1e-12, 1e-13} : Bound{0, 0});
}

TEST_P(Parity, BadTimesOnTheDeviceMakeNaNs) {
  const Pair on(GetParam());
  const Schedule path = make_schedule("linear");
  const Tensor times = Tensor(NWR_F32, {4}).fill({0.5, 1.5, std::nan(""), -0.1});
  Tensor x(NWR_F32, {4, 3});
  x.fill({1});
  const DeviceTensor t(on.gpu, times), data(on.gpu, x);
  DeviceTensor state(on.gpu, x);
  const nwr_rng rng = {1, 0, 0};
  const nwr_operand in = {NWR_DATA, 0, data}, out = {NWR_STATE, 0, state};
  NWR_ASSERT_OK(
      nwr_transform_corrupt(on.gpu.get(), path.get(), t, NWR_NOISE, &rng, 1, &in, 1, &out, 1));
  const Tensor got = state.fetch();
  for (size_t i = 0; i < 12; ++i) EXPECT_EQ(i >= 3, std::isnan(got.get(i))) << i;
  // Undetermined: data from noise where alpha is 0.
  const Tensor start = Tensor(NWR_F32, {4}).fill({0, 0.5, 0, 0.5});
  const DeviceTensor t0(on.gpu, start), noise(on.gpu, x);
  DeviceTensor made(on.gpu, x);
  const nwr_operand known[] = {{NWR_STATE, 0, data}, {NWR_NOISE, 0, noise}};
  const nwr_operand want = {NWR_DATA, 0, made};
  NWR_ASSERT_OK(nwr_transform_apply(on.gpu.get(), path.get(), t0, nullptr, known, 2, &want, 1));
  const Tensor values = made.fetch();
  for (size_t i = 0; i < 12; ++i) EXPECT_EQ(i / 3 % 2 == 0, std::isnan(values.get(i))) << i;
}

TEST_P(Parity, TimesAndDiffusionsMayBeOneOrOneEach) {
  const Pair on(GetParam());
  const Schedule path = make_schedule("cosine");
  Tensor x(NWR_F32, {3, 5}), drift(NWR_F32, {3, 5}), each(NWR_F64, {3}), w(NWR_F64, {3});
  x.fill(numbers(15));
  each.fill({0.5});
  w.fill({0.1, 0.2, 0.3});
  const DeviceTensor x_there(on.gpu, x), one(on.gpu, scalar(0.5)), all(on.gpu, each);
  const DeviceTensor w_there(on.gpu, w), w_one(on.gpu, scalar(0.2));
  DeviceTensor drift_there(on.gpu, drift);
  const nwr_operand in[] = {{NWR_STATE, 0, x}, {NWR_DATA, 0, x}};
  const nwr_operand in_there[] = {{NWR_STATE, 0, x_there}, {NWR_DATA, 0, x_there}};
  const nwr_operand out = {NWR_DRIFT, 0, drift}, out_there = {NWR_DRIFT, 0, drift_there};
  struct {
    const nwr_tensor* t;
    const nwr_tensor* w;
    const nwr_tensor* w_host;
  } const ways[] = {{one, w_there, w},
                    {all, w_there, w},
                    {all, w_one, nullptr},
                    {one, w_one, nullptr},
                    {one, nullptr, nullptr}};
  const Tensor half = scalar(0.5), fifth = scalar(0.2);
  for (const auto& way : ways) {
    const nwr_tensor* const host = way.w_host ? way.w_host
                                   : way.w    ? fifth
                                              : static_cast<const nwr_tensor*>(nullptr);
    NWR_ASSERT_OK(nwr_transform_apply(on.cpu.get(), path.get(), half, host, in, 2, &out, 1));
    NWR_ASSERT_OK(
        nwr_transform_apply(on.gpu.get(), path.get(), way.t, way.w, in_there, 2, &out_there, 1));
    const Tensor got = drift_there.fetch();
    for (size_t i = 0; i < 15; ++i) {
      EXPECT_NEAR(drift.get(i), got.get(i), is_real() ? 2e-7 * std::fabs(drift.get(i)) : 0);
    }
  }
  EXPECT_EQ(NWR_ERROR_INVALID_ARGUMENT,
            nwr_transform_apply(on.gpu.get(), path.get(), one, w, in_there, 2, &out_there, 1));
  EXPECT_NE(nullptr, std::strstr(nwr_last_error(), "diffusion.device is cpu with 3 numbers"));
}

TEST_P(Parity, RandomTimes) {
  const Pair on(GetParam());
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
  const Pair on("cpu");
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
  if (is_real()) GTEST_SKIP() << "the device is no fake";
  const Pair on("cpu");
  const DeviceTensor there(on.gpu, Tensor(NWR_F32, {2, 3}));
  const volatile char* const memory = static_cast<const char*>(there.view().data);
  EXPECT_DEATH(static_cast<void>(*memory), "");
}

TEST(Devices, TakeMemoryThatBothSee) {
  const Pair on("cpu");
  if (is_real()) GTEST_SKIP() << "the memory is not really CUDA's";
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
  if (is_real()) GTEST_SKIP() << "there may be one only";
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
