// SPDX-License-Identifier: Apache-2.0
// Owns the promises of generators by name: positions, batches, paths that do not depend on how they
// are asked, runs that are saved and go on, and what is refused. Their numbers are the recordings'
// (tests/replay).
#include <functional>
#include <limits>

#include "api/support.hpp"

using namespace nwr_test;

namespace {

constexpr const char* kTree = "torchsde(sigma_min=0.01,sigma_max=100)";
constexpr const char* kGenerators[] = {"philox", "torch-cpu", "torch-cuda", "brownian", kTree};
constexpr double kInfinity = std::numeric_limits<double>::infinity();

class Generators : public testing::Test {
 protected:
  nwr_status generate(const char* name, std::vector<nwr_rng>& rngs, const nwr_tensor* out,
                      double from = 0, double to = 0, nwr_distribution what = NWR_NORMAL) {
    auto options = sized<nwr_random_options>();
    options.name = name;
    options.what = what;
    options.from_level = from;
    options.to_level = to;
    return nwr_random_generate(context.get(), &options, rngs.data(), rngs.size(), out);
  }
  std::vector<double> numbers(const char* name, std::vector<nwr_rng> rngs,
                              const std::vector<int64_t>& shape, double from = 0, double to = 0,
                              nwr_dtype dtype = NWR_F64) {
    Tensor out(dtype, shape);
    NWR_EXPECT_OK(generate(name, rngs, out, from, to)) << name;
    return values(out);
  }
  static std::vector<double> values(const Tensor& tensor) {
    std::vector<double> out;
    for (size_t i = 0; i < tensor.count(); ++i) out.push_back(tensor.get(i));
    return out;
  }
  Context context = make_context(2);
};

bool same(const nwr_rng& a, const nwr_rng& b) {
  return a.seed == b.seed && a.stream == b.stream && a.offset == b.offset;
}

TEST_F(Generators, PhiloxIsTheFillAndMovesOn) {
  for (const nwr_dtype dtype : {NWR_F16, NWR_BF16, NWR_F32, NWR_F64}) {
    for (const nwr_distribution what : {NWR_NORMAL, NWR_UNIFORM}) {
      std::vector<nwr_rng> rngs = {{5, 6, 7}};
      Tensor made(dtype, {3, 5}), filled(dtype, {3, 5});
      for (const char* name : {"philox", static_cast<const char*>(nullptr)}) {
        NWR_ASSERT_OK(nwr_random_fill(context.get(), what, rngs.data(), rngs.size(), filled));
        NWR_ASSERT_OK(generate(name, rngs, made, 0, 0, what));
        EXPECT_EQ(filled.bytes(), made.bytes());
      }
      EXPECT_TRUE(same({5, 6, 37}, rngs[0]));
    }
  }
}

// Fewer than 16 numbers, 16 and more, and those that a draw leaves over.
TEST_F(Generators, TorchCpuCountsWordsAndKeepsTheNormalLeftOver) {
  std::vector<nwr_rng> rngs = {{42, 0, 0}};
  const auto draw = [&](int64_t count, nwr_dtype dtype, nwr_distribution what) {
    Tensor out(dtype, {1, count});
    NWR_EXPECT_OK(generate("torch-cpu", rngs, out, 0, 0, what));
    return values(out);
  };
  const auto three = draw(3, NWR_F32, NWR_NORMAL);
  EXPECT_NEAR(0.33669037, three[0], 1e-7);
  EXPECT_TRUE(same({42, 5, 8}, rngs[0]));
  draw(2, NWR_F32, NWR_UNIFORM);
  EXPECT_TRUE(same({42, 5, 10}, rngs[0]));
  draw(16, NWR_F32, NWR_NORMAL);
  EXPECT_TRUE(same({42, 5, 26}, rngs[0]));
  EXPECT_NEAR(0.23033303, draw(1, NWR_F64, NWR_NORMAL)[0], 1e-7);
  EXPECT_TRUE(same({42, 0, 26}, rngs[0]));
  draw(17, NWR_F64, NWR_NORMAL);
  EXPECT_TRUE(same({42, 0, 26 + 2 * (17 + 16)}, rngs[0]));
  // Only 32 bits of a seed count.
  EXPECT_EQ(numbers("torch-cpu", {{7, 0, 0}}, {40}),
            numbers("torch-cpu", {{7 + (uint64_t{1} << 40), 0, 0}}, {40}));
}

TEST_F(Generators, TorchCudaFollowsTheGrid) {
  const auto wide = numbers("torch-cuda", {{0, 0, 0}}, {2000}, 0, 0, NWR_F32);
  EXPECT_NEAR(-0.92466259, wide[0], 1e-6);
  EXPECT_NEAR(-0.42534415, wide[1], 1e-6);
  // One block: its threads make a number of each of their four before the first comes again.
  const char* const one = "torch-cuda(multiprocessors=1,threads_per_multiprocessor=256)";
  const auto narrow = numbers(one, {{0, 0, 0}}, {2000}, 0, 0, NWR_F32);
  const auto later = numbers("torch-cuda", {{0, 0, 4}}, {256}, 0, 0, NWR_F32);
  for (size_t i = 0; i < 256; ++i) {
    EXPECT_EQ(wide[i], narrow[i]);
    EXPECT_NE(wide[i + 256], narrow[i + 256]);
    EXPECT_EQ(later[i], narrow[i + 1024]);
  }
  std::vector<nwr_rng> rngs = {{0, 0, 0}};
  Tensor out(NWR_F32, {1, 1025});
  NWR_ASSERT_OK(generate(one, rngs, out));
  EXPECT_EQ(8u, rngs[0].offset);
  NWR_ASSERT_OK(generate("torch-cuda", rngs, out));
  EXPECT_EQ(12u, rngs[0].offset);
  // Doubles take two words each.
  NWR_ASSERT_OK(generate(one, rngs, Tensor(NWR_F64, {1, 1025})));
  EXPECT_EQ(24u, rngs[0].offset);
}

TEST_F(Generators, SamplesOfABatchAreDrawnAlone) {
  const std::vector<nwr_rng> rngs = {{3, 0, 0}, {4, 0, 0}, {3, 0, 0}};
  for (const char* name : kGenerators) {
    for (const int64_t size : {5, 40}) {
      const auto together = numbers(name, rngs, {3, size}, 9, 2);
      const auto count = static_cast<std::ptrdiff_t>(size);
      for (std::ptrdiff_t i = 0; i < 3; ++i) {
        const auto alone = numbers(name, {rngs[static_cast<size_t>(i)]}, {1, size}, 9, 2);
        EXPECT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + i * count)) << name;
      }
      EXPECT_TRUE(
          std::equal(together.begin(), together.begin() + count, together.begin() + 2 * count));
      EXPECT_FALSE(
          std::equal(together.begin(), together.begin() + count, together.begin() + count));
    }
  }
}

TEST_F(Generators, StridesAndThreadsChangeNothing) {
  for (const char* name : kGenerators) {
    std::vector<nwr_rng> rngs = {{3, 0, 0}}, again = rngs;
    Tensor dense(NWR_F32, {4, 30}), strided(NWR_F32, {4, 30}, {1, 4}, 120, 0);
    NWR_ASSERT_OK(generate(name, rngs, dense, 9, 2));
    context = make_context(1);
    NWR_ASSERT_OK(generate(name, again, strided, 9, 2));
    EXPECT_EQ(values(dense), values(strided)) << name;
    EXPECT_TRUE(same(rngs[0], again[0])) << name;
  }
}

// ---- paths --------------------------------------------------------------------------------------

struct Path {
  const char* name;
  std::function<double(double)> place;
};
const Path kPaths[] = {
    {"brownian", [](double level) { return std::atan(level) / std::atan(kInfinity); }},
    {kTree, [](double level) { return level; }}};
const double kLevels[] = {80, 14.5, 3, 1, 0.3, 0.05};

TEST_F(Generators, IncrementsOfAPathAddUpInAnyOrder) {
  const std::vector<nwr_rng> rngs = {{7, 0, 0}};
  for (const Path& path : kPaths) {
    const auto increment = [&](double from, double to) {
      auto z = numbers(path.name, rngs, {2, 50}, from, to);
      const double length = std::fabs(path.place(to) - path.place(from));
      for (double& number : z) number *= std::sqrt(length);
      return z;
    };
    std::vector<double> sum(100);
    for (size_t i = 5; i-- > 0;) {
      const auto part = increment(kLevels[i], kLevels[i + 1]);
      for (size_t k = 0; k < sum.size(); ++k) sum[k] += part[k];
    }
    const auto whole = increment(kLevels[0], kLevels[5]);
    const auto back = increment(kLevels[5], kLevels[0]);
    for (size_t k = 0; k < sum.size(); ++k) {
      EXPECT_NEAR(whole[k], sum[k], 1e-5) << path.name;
      EXPECT_EQ(whole[k], -back[k]) << path.name;
    }
  }
}

TEST_F(Generators, IncrementsAreIndependentUnitNormals) {
  const int64_t size = 40000;
  for (const Path& path : kPaths) {
    std::vector<std::vector<double>> z;
    for (size_t i = 0; i < 5; ++i) {
      z.push_back(numbers(path.name, {{11, 0, 0}}, {1, size}, kLevels[i], kLevels[i + 1]));
    }
    z.push_back(numbers(path.name, {{11, 0, 0}}, {1, size}));
    for (size_t a = 0; a < z.size(); ++a) {
      double mean = 0, fourth = 0;
      for (const double x : z[a]) mean += x, fourth += x * x * x * x;
      EXPECT_NEAR(0, mean / size, 5 / std::sqrt(size)) << path.name;
      EXPECT_NEAR(3, fourth / size, 5 * std::sqrt(96.0 / size)) << path.name;
      for (size_t b = 0; b <= a; ++b) {
        double product = 0;
        for (size_t k = 0; k < z[a].size(); ++k) product += z[a][k] * z[b][k];
        EXPECT_NEAR(a == b, product / size, 5 * std::sqrt((a == b ? 2.0 : 1.0) / size))
            << path.name << a << b;
      }
    }
  }
}

TEST_F(Generators, APathHasEndsAndGoesThroughLevelsThatAreClose) {
  const auto all = numbers("brownian", {{1, 2, 3}}, {8}, kInfinity, 0);
  EXPECT_EQ(all, numbers("brownian", {{1, 2, 900}}, {8}, kInfinity, 0));
  EXPECT_NE(all, numbers("brownian", {{1, 3, 3}}, {8}, kInfinity, 0));
  double square = 0;
  for (const double x : numbers("brownian", {{1, 2, 3}}, {1, 20000}, 1, 1 + 1e-7)) square += x * x;
  EXPECT_NEAR(1, square / 20000, 0.05);
}

// ---- runs ---------------------------------------------------------------------------------------

// The conditional mean of data that is normal with a variance of 1/4 in each element.
struct Host {
  const nwr_schedule* schedule;
  static int32_t model(void* user, const nwr_eval* eval, const nwr_tensor* x,
                       const nwr_tensor* out) {
    const auto& host = *static_cast<Host*>(user);
    int64_t inner = 1, count = 1;
    for (int i = 0; i < x->ndim; ++i) count *= x->shape[i], inner *= i > 0 ? x->shape[i] : 1;
    for (int64_t i = 0; i < count; ++i) {
      nwr_coeffs c{};
      const double t = eval->t_rows[eval->row_count > 1 ? i / inner : 0];
      if (nwr_schedule_eval(host.schedule, &t, 1, &c)) return -1;
      const double factor = 0.25 * c.alpha / (0.25 * c.alpha * c.alpha + c.sigma * c.sigma);
      const size_t at = static_cast<size_t>(i) * size_of(x->dtype);
      store(static_cast<unsigned char*>(out->data) + at, x->dtype,
            factor * load(static_cast<unsigned char*>(x->data) + at, x->dtype));
    }
    return 0;
  }
};

class GeneratorRuns : public Generators {
 protected:
  nwr_sampler_options options(const char* sampler, const char* generator) {
    auto o = sized<nwr_sampler_options>();
    o.name = sampler;
    o.generator = generator;
    o.prediction = NWR_DATA;
    o.rngs = rngs.data();
    o.rng_count = static_cast<uint32_t>(rngs.size());
    o.times = times.data();
    o.time_rows = rows;
    o.time_count = static_cast<uint32_t>(times.size() / rows);
    return o;
  }
  void finish(const Sampler& sampler, const Tensor& x) {
    Host host{schedule.get()};
    auto callbacks = sized<nwr_callbacks>();
    callbacks.model = Host::model;
    callbacks.user = &host;
    NWR_ASSERT_OK(nwr_sampler_run(sampler.get(), x, &callbacks));
  }
  Tensor run(const char* sampler, const char* generator, std::vector<int64_t> shape,
             nwr_dtype dtype = NWR_F32) {
    Tensor x(dtype, std::move(shape));
    const Sampler made = make_sampler(context, schedule, options(sampler, generator));
    NWR_EXPECT_OK(nwr_sampler_start(made.get(), x, NWR_START_PRIOR)) << generator;
    finish(made, x);
    return x;
  }
  static std::vector<double> down(double begin, double end, size_t steps) {
    std::vector<double> out;
    for (size_t i = 0; i <= steps; ++i) {
      const double part = static_cast<double>(i) / static_cast<double>(steps);
      out.push_back(std::pow(begin, 1 - part) * std::pow(end, part));
    }
    return out;
  }
  Schedule schedule = make_schedule("edm");
  std::vector<nwr_rng> rngs = {{21, 0, 0}, {22, 0, 0}, {23, 0, 0}};
  std::vector<double> times = {40, 10, 3, 1, 0.2, 0.05};
  uint32_t rows = 1;
};

constexpr const char* kSamplers[] = {"euler-ancestral",
                                     "dpmpp-2m-sde",
                                     "dpmpp-sde",
                                     "seeds-3",
                                     "sa-solver",
                                     "edm(s_churn=2)",
                                     "stochastic-heun(noise=ahead)",
                                     "pc",
                                     "lcm"};

TEST_F(GeneratorRuns, DoNotDependOnBatches) {
  for (const char* generator : kGenerators) {
    for (const char* sampler : kSamplers) {
      for (const bool own_times : {false, true}) {
        SCOPED_TRACE(testing::Message() << generator << " " << sampler << own_times);
        times = {40, 10, 3, 1, 0.2, 0.05};
        rows = 1;
        if (own_times) {
          times = {40, 10, 3, 1, 0.2, 0.05, 40, 10, 10, 3, 2, 1, 30, 9, 2, 2, 2, 0.1};
          rows = 3;
        }
        rngs = {{21, 0, 0}, {22, 0, 0}, {23, 0, 0}};
        const auto all = times;
        const Tensor together = run(sampler, generator, {3, 21});
        for (size_t i = 0; i < 3; ++i) {
          rngs = {{21 + i, 0, 0}};
          rows = 1;
          if (own_times) {
            times.assign(all.begin() + static_cast<std::ptrdiff_t>(6 * i),
                         all.begin() + static_cast<std::ptrdiff_t>(6 * i + 6));
          }
          // The tree's ends are given, so that they are the batch's.
          const Tensor alone = run(sampler, generator, {1, 21});
          for (size_t k = 0; k < 21; ++k) {
            ASSERT_EQ(alone.get(k), together.get(21 * i + k)) << i << " " << k;
          }
        }
      }
    }
  }
}

TEST_F(GeneratorRuns, GoOnFromTheirSavedStateToTheSameBits) {
  for (const char* generator : kGenerators) {
    for (const char* sampler : kSamplers) {
      for (const int64_t inner : {5, 21}) {
        SCOPED_TRACE(testing::Message() << generator << " " << sampler);
        const Tensor expected = run(sampler, generator, {3, inner});
        Tensor x(NWR_F32, {3, inner});
        Sampler made = make_sampler(context, schedule, options(sampler, generator));
        NWR_ASSERT_OK(nwr_sampler_start(made.get(), x, NWR_START_PRIOR));
        auto eval = sized<nwr_eval>();
        while (nwr_sampler_next(made.get(), &eval) == NWR_OK) {
          size_t size = 0;
          NWR_ASSERT_OK(nwr_sampler_save(made.get(), nullptr, 0, &size));
          std::vector<unsigned char> saved(size);
          NWR_ASSERT_OK(nwr_sampler_save(made.get(), saved.data(), size, &size));
          EXPECT_EQ(generator == kGenerators[0] ? 1 : 2, saved[8]);
          nwr_sampler* loaded = nullptr;
          NWR_ASSERT_OK(
              nwr_sampler_load(context.get(), schedule.get(), saved.data(), size, &loaded));
          made.reset(loaded);
          NWR_ASSERT_OK(nwr_sampler_next(made.get(), &eval));
          Tensor output(NWR_F32, {3, inner});
          Host host{schedule.get()};
          const nwr_tensor* const from = x;
          const nwr_tensor* const to = output;
          ASSERT_EQ(0, Host::model(&host, &eval, from, to));
          NWR_ASSERT_OK(nwr_sampler_step(made.get(), x, to, 1));
        }
        EXPECT_EQ(expected.bytes(), x.bytes());
        // And once more from its start.
        NWR_ASSERT_OK(nwr_sampler_start(made.get(), x, NWR_START_PRIOR));
        finish(made, x);
        EXPECT_EQ(expected.bytes(), x.bytes());
      }
    }
  }
}

// What a caller would do who draws PyTorch's numbers by himself.
TEST_F(GeneratorRuns, WithTorchsNumbersAreThoseOfACallbackThatDrawsThem) {
  struct Caller {
    nwr_context* context;
    std::vector<nwr_rng> rngs;
    const char* name;
  };
  for (const char* name : {"torch-cpu", "torch-cuda"}) {
    for (const nwr_dtype dtype : {NWR_F16, NWR_BF16, NWR_F32, NWR_F64}) {
      const Tensor expected = run("euler-ancestral", name, {3, 7}, dtype);
      Caller caller{context.get(), rngs, name};
      auto o = options("euler-ancestral", nullptr);
      o.rngs = nullptr, o.rng_count = 0;
      o.user = &caller;
      o.noise = [](void* user, uint64_t, const nwr_tensor* out) -> int32_t {
        auto& c = *static_cast<Caller*>(user);
        auto how = sized<nwr_random_options>();
        how.name = c.name;
        return nwr_random_generate(c.context, &how, c.rngs.data(), c.rngs.size(), out);
      };
      const Sampler made = make_sampler(context, schedule, o);
      Tensor x(dtype, {3, 7});
      NWR_ASSERT_OK(nwr_sampler_start(made.get(), x, NWR_START_PRIOR));
      finish(made, x);
      EXPECT_EQ(expected.bytes(), x.bytes()) << name;
    }
  }
}

// More steps come nearer to one solution, sample by sample; with fresh numbers each run is another.
TEST_F(GeneratorRuns, FollowOnePathWhateverTheSteps) {
  rngs = {{5, 0, 0}};
  for (const char* sampler : {"euler-ancestral", "euler-maruyama", "dpmpp-2m-sde", "dpmpp-sde",
                              "seeds-2", "stochastic-heun(noise=before)", "ddim(eta=1)"}) {
    for (const char* generator : {"brownian", kTree, "philox"}) {
      // Its trees take long to climb.
      if (generator == kTree && sampler != std::string("dpmpp-2m-sde")) continue;
      SCOPED_TRACE(testing::Message() << sampler << " " << generator);
      const auto ends = [&](size_t steps) {
        times = down(40, 0.05, steps);
        return run(sampler, generator, {1, 500}, NWR_F64);
      };
      const Tensor exact = ends(640);
      std::vector<double> errors;
      for (const size_t steps : {20u, 40u, 80u, 160u}) {
        const Tensor x = ends(steps);
        double sum = 0;
        for (size_t k = 0; k < 500; ++k)
          sum += (x.get(k) - exact.get(k)) * (x.get(k) - exact.get(k));
        errors.push_back(std::sqrt(sum / 500));
      }
      if (generator == std::string("philox")) {
        EXPECT_GT(errors[3], 0.3);
        continue;
      }
      for (size_t i = 0; i + 1 < errors.size(); ++i) EXPECT_LT(errors[i + 1], 0.8 * errors[i]);
      EXPECT_LT(errors[3], 0.12);
    }
  }
}

// ---- what is refused ----------------------------------------------------------------------------

TEST_F(GeneratorRuns, BadInputIsNamedAndWritesNothing) {
  const auto refused = [&](nwr_status expected, const char* text, nwr_status status) {
    EXPECT_EQ(expected, status) << text;
    EXPECT_NE(std::string::npos, std::string(nwr_last_error()).find(text)) << nwr_last_error();
  };
  Tensor out(NWR_F32, {3, 4});
  const auto before = out.bytes();
  const auto call = [&](const char* name, std::vector<nwr_rng> r, double from = 0, double to = 0,
                        nwr_distribution what = NWR_NORMAL) {
    const auto at = r;
    const nwr_status status = generate(name, r, out, from, to, what);
    for (size_t i = 0; i < r.size(); ++i) EXPECT_TRUE(same(at[i], r[i]));
    return status;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const nwr_status bad = NWR_ERROR_INVALID_ARGUMENT, no = NWR_ERROR_UNSUPPORTED;
  refused(NWR_ERROR_NOT_FOUND, "no generator is named 'dice'", call("dice", rngs));
  refused(bad, "rng_count is 2, neither 1 nor the batch, 3", call("torch-cpu", {{}, {}}));
  refused(bad, "options.from_level is -1, below 0", call("brownian", rngs, -1, 1));
  refused(bad, "options.to_level is nan", call("brownian", rngs, 1, nan));
  refused(no, "brownian draws normals alone", call("brownian", rngs, 1, 2, NWR_UNIFORM));
  refused(no, "torchsde draws normals alone", call(kTree, rngs, 1, 2, NWR_UNIFORM));
  refused(bad, "from sigma_min = 0 to sigma_max = 0", call("torchsde", rngs, 1, 2));
  refused(bad, "rngs[1].offset is 3", call("torch-cuda", {{}, {1, 0, 3}, {}}));
  refused(bad, "rngs[2].stream is 1", call("torch-cuda", {{}, {}, {1, 1, 0}}));
  refused(bad, "multiprocessors", call("torch-cuda(multiprocessors=0)", rngs));
  for (const char* name : {"curand-xorwow", "curand-philox", "curand-sobol(dimensions=3)"}) {
    refused(no, "is cuRAND's and needs a CUDA context, but this one's is cpu", call(name, rngs));
  }
  refused(bad, "options.what is 9", call("philox", rngs, 0, 0, static_cast<nwr_distribution>(9)));
  auto how = sized<nwr_random_options>();
  how.flags = 1;
  refused(no, "options.flags is 1", nwr_random_generate(context.get(), &how, rngs.data(), 3, out));
  refused(bad, "context is NULL", nwr_random_generate(nullptr, &how, rngs.data(), 3, out));
  refused(bad, "rngs is NULL", nwr_random_generate(context.get(), nullptr, nullptr, 3, out));
  refused(bad, "out is NULL", nwr_random_generate(context.get(), nullptr, rngs.data(), 3, nullptr));
  EXPECT_EQ(before, out.bytes());

  nwr_sampler* made = nullptr;
  const auto create = [&](const nwr_sampler_options& o) {
    return nwr_sampler_create(context.get(), schedule.get(), &o, &made);
  };
  refused(NWR_ERROR_NOT_FOUND, "no generator is named 'dice'", create(options("euler", "dice")));
  refused(no, "needs a CUDA context", create(options("euler-ancestral", "curand-philox")));
  auto o = options("euler-ancestral", "brownian");
  o.noise = [](void*, uint64_t, const nwr_tensor*) -> int32_t { return 0; };
  refused(bad, "options.generator is brownian, but options.noise draws the noise", create(o));
  o = options("euler-ancestral", "torch-cpu");
  o.rngs = nullptr, o.rng_count = 0;
  refused(bad, "options.rngs is NULL, but euler-ancestral", create(o));
  times = {40, 1, 0, 40, 2, 0};
  rows = 2, rngs = {{}};
  refused(bad, "rng_count is 1, but torchsde", create(options("euler-ancestral", "torchsde")));
  EXPECT_EQ(nullptr, made);
}

// Found by tests/fuzz: an offset that would take years to reach.
TEST(FarOffsets, AreRefusedWhereATwisterCannotReachThem) {
  const Context context = make_context();
  const Tensor out(NWR_F32, {3});
  auto options = sized<nwr_random_options>();
  options.name = "torch-cpu";
  for (const nwr_rng bad :
       {nwr_rng{1, 0, ~0ull}, nwr_rng{1, ~0ull, 0}, nwr_rng{1, 0, 1ull << 37}}) {
    nwr_rng rng = bad;
    const auto before = out.bytes();
    EXPECT_EQ(NWR_ERROR_INVALID_ARGUMENT,
              nwr_random_generate(context.get(), &options, &rng, 1, out));
    EXPECT_NE(nullptr, std::strstr(nwr_last_error(), "torch-cpu: offset is "));
    EXPECT_EQ(before, out.bytes());
    EXPECT_EQ(bad.offset, rng.offset);
  }
}

}  // namespace
