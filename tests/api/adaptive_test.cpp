// SPDX-License-Identifier: Apache-2.0
// Owns the tests of samplers that choose their steps by their errors. Must not know how they do.
#include "support.hpp"

namespace nwr_test {
namespace {

const char* const kAdaptive[] = {"dpm-adaptive",
                                 "dpm-adaptive(order=2)",
                                 "dpm-adaptive(predict=data,controller=plain,error=sample)",
                                 "dpm-adaptive(eta=1)",
                                 "bogacki-shampine-adaptive",
                                 "dormand-prince-adaptive"};

struct Case {
  std::string sampler = "dpm-adaptive";
  std::string schedule = "vp";
  nwr_quantity prediction = NWR_VELOCITY;
  nwr_dtype dtype = NWR_F64;
  std::vector<int64_t> shape = {3, 5};
  std::vector<double> times = {};
  uint32_t steps = 0;
  uint32_t threads = 1;
  size_t break_at = 1000000;
  const char* generator = nullptr;
  double nan_at = -1;  // the evaluation whose output is not a number
};

struct Result {
  nwr_status status = NWR_OK;
  std::vector<double> evaluated;
  std::vector<unsigned char> bytes;
  Tensor begin, x;
  double end = 0;
  explicit Result(const Case& c) : begin(c.dtype, c.shape), x(c.dtype, c.shape) {}
};

std::string with(const std::string& sampler, const std::string& settings) {
  if (sampler.back() != ')') return sampler + "(" + settings + ")";
  return sampler.substr(0, sampler.size() - 1) + "," + settings + ")";
}

Result run(const Case& c) {
  const Context context = make_context(c.threads);
  const Schedule schedule = make_schedule(c.schedule.c_str());
  const nwr_rng rng = {11, 0, 0};
  auto options = sized<nwr_sampler_options>();
  options.name = c.sampler.c_str();
  options.prediction = c.prediction;
  options.flags = NWR_SAMPLER_KEEP_DENOISED;
  options.steps = c.steps;
  options.rngs = &rng;
  options.rng_count = 1;
  options.generator = c.generator;
  if (!c.times.empty()) {
    options.times = c.times.data();
    options.time_count = static_cast<uint32_t>(c.times.size());
  }
  Sampler sampler = make_sampler(context, schedule, options);
  Result r(c);
  if (!sampler) return r;
  NWR_EXPECT_OK(nwr_sampler_start(sampler.get(), r.x, NWR_START_PRIOR));
  r.begin = r.x;
  auto eval = sized<nwr_eval>();
  while ((r.status = nwr_sampler_next(sampler.get(), &eval)) == NWR_OK) {
    EXPECT_EQ(0u, eval.count);
    EXPECT_EQ(r.evaluated.size(), eval.index);
    if (eval.index == c.break_at) {
      size_t size = 0;
      NWR_EXPECT_OK(nwr_sampler_save(sampler.get(), nullptr, 0, &size));
      std::vector<unsigned char> bytes(size);
      NWR_EXPECT_OK(nwr_sampler_save(sampler.get(), bytes.data(), size, &size));
      nwr_sampler* loaded = nullptr;
      NWR_EXPECT_OK(nwr_sampler_load(context.get(), schedule.get(), bytes.data(), size, &loaded));
      if (!loaded) return r;
      sampler.reset(loaded);
      NWR_EXPECT_OK(nwr_sampler_next(sampler.get(), &eval));
    }
    r.evaluated.push_back(eval.t);
    std::vector<Tensor> outputs(2, r.x);
    for (uint32_t k = 0; k < eval.output_count; ++k) {
      evaluate(Gaussian{}, schedule, c.prediction, eval, r.x, &outputs[k], k == 0 ? 0 : 0.25);
    }
    if (static_cast<double>(eval.index) == c.nan_at) {
      outputs[0].fill(std::vector<double>(r.x.count(), std::nan("")));
    }
    const nwr_tensor views[] = {outputs[0].view(), outputs[1].view()};
    r.status = nwr_sampler_step(sampler.get(), r.x, views, eval.output_count);
    if (r.status != NWR_OK) break;
    Tensor denoised(NWR_F64, c.shape);
    NWR_EXPECT_OK(nwr_sampler_denoised(sampler.get(), denoised));
  }
  r.end = eval.t;
  r.bytes = r.x.bytes();
  return r;
}

// How far the run is from the exact flow of the Gaussian.
double error_of(const Case& c, const Result& r) {
  const Schedule schedule = make_schedule(c.schedule.c_str());
  const nwr_coeffs from = coeffs_at(schedule, r.evaluated.front()), to = coeffs_at(schedule, r.end);
  double worst = 0;
  for (size_t i = 0; i < r.x.count(); ++i) {
    worst = std::max(worst, std::fabs(r.x.get(i) - Gaussian{}.flow(from, to, r.begin.get(i))));
  }
  return worst;
}

TEST(Adaptive, ErrorsFallWithTheirTolerances) {
  for (const char* sampler : kAdaptive) {
    if (std::strstr(sampler, "eta")) continue;
    for (const char* schedule : {"vp", "linear", "edm"}) {
      double before = 1e9;
      size_t evaluations = 0;
      for (const char* tolerance : {"1e-2", "1e-4", "1e-6"}) {
        Case c;
        c.sampler = with(sampler, std::string("rtol=") + tolerance + ",atol=" + tolerance);
        c.schedule = schedule;
        const Schedule made = make_schedule(schedule);
        const double lambdas[] = {-3, 3};
        c.times.resize(2);
        NWR_ASSERT_OK(nwr_schedule_invert(made.get(), lambdas, 2, c.times.data()));
        const Result r = run(c);
        SCOPED_TRACE(c.sampler + " on " + schedule);
        ASSERT_EQ(NWR_DONE, r.status) << nwr_last_error();
        EXPECT_EQ(c.times[1], r.end);
        const double error = error_of(c, r);
        // A tolerance for each step, and some tens of steps.
        EXPECT_LT(error, 50 * std::atof(tolerance));
        EXPECT_LT(error, before);
        EXPECT_GT(r.evaluated.size(), evaluations);
        before = error;
        evaluations = r.evaluated.size();
      }
    }
  }
}

TEST(Adaptive, GoesToCleanDataInOneLastEvaluation) {
  for (const char* sampler : kAdaptive) {
    for (const nwr_quantity prediction : {NWR_VELOCITY, NWR_DATA, NWR_NOISE}) {
      Case c;
      c.sampler = sampler;
      c.prediction = prediction;
      SCOPED_TRACE(std::string(sampler) + " " + std::to_string(prediction));
      const Result r = run(c);
      ASSERT_EQ(NWR_DONE, r.status) << nwr_last_error();
      const Schedule schedule = make_schedule("vp");
      const nwr_coeffs end = coeffs_at(schedule, r.end);
      EXPECT_EQ(0, end.sigma);
      for (size_t i = 0; i < r.x.count(); ++i) ASSERT_TRUE(std::isfinite(r.x.get(i)));
    }
  }
}

TEST(Adaptive, LandsOnEveryTimeThatIsGiven) {
  for (const char* sampler : {"dpm-adaptive(order=2)", "dormand-prince-adaptive"}) {
    Case c;
    c.sampler = sampler;
    c.times = {0.9, 0.61, 0.6, 0.2, 0.05};
    const Result r = run(c);
    ASSERT_EQ(NWR_DONE, r.status) << nwr_last_error();
    for (size_t i = 0; i + 1 < c.times.size(); ++i) {
      EXPECT_EQ(1, std::count(r.evaluated.begin(), r.evaluated.end(), c.times[i]) > 0)
          << c.times[i];
    }
    EXPECT_EQ(0.05, r.end);
  }
}

TEST(Adaptive, KeepsItsBitsSavedAnywhereOnAnyThreadsAndAgain) {
  for (const char* sampler : kAdaptive) {
    for (const nwr_dtype dtype : {NWR_F32, NWR_F64}) {
      Case c;
      c.sampler = sampler;
      c.dtype = dtype;
      SCOPED_TRACE(sampler);
      const Result whole = run(c);
      ASSERT_EQ(NWR_DONE, whole.status) << nwr_last_error();
      for (size_t i = 0; i < whole.evaluated.size(); i += 1 + whole.evaluated.size() / 20) {
        Case broken = c;
        broken.break_at = i;
        const Result r = run(broken);
        ASSERT_EQ(whole.evaluated, r.evaluated) << i;
        ASSERT_EQ(whole.bytes, r.bytes) << i;
      }
      Case threads = c;
      threads.threads = 3;
      EXPECT_EQ(whole.bytes, run(threads).bytes);
    }
  }
}

// The noise that an attempt earns is drawn once it is taken, also by a generator that keeps a
// place.
TEST(Adaptive, DrawsFromANamedGenerator) {
  Case c;
  c.sampler = "dpm-adaptive(eta=1)";
  const Result own = run(c);
  c.generator = "torch-cpu";
  const Result whole = run(c);
  ASSERT_EQ(NWR_DONE, whole.status) << nwr_last_error();
  EXPECT_NE(own.bytes, whole.bytes);
  for (size_t i = 0; i < whole.evaluated.size(); ++i) {
    Case broken = c;
    broken.break_at = i;
    const Result r = run(broken);
    ASSERT_EQ(whole.evaluated, r.evaluated) << i;
    ASSERT_EQ(whole.bytes, r.bytes) << i;
  }
}

TEST(Adaptive, StartsAgain) {
  const Context context = make_context();
  const Schedule schedule = make_schedule("vp");
  const nwr_rng rng = {3, 0, 0};
  for (const nwr_start start : {NWR_START_STATE, NWR_START_PRIOR, NWR_START_DATA}) {
    auto options = sized<nwr_sampler_options>();
    options.name = "dpm-adaptive";
    options.rngs = &rng;
    options.rng_count = 1;
    const Sampler sampler = make_sampler(context, schedule, options);
    std::vector<unsigned char> begin, end;
    for (int time = 0; time < 3; ++time) {
      Tensor x(NWR_F64, {2, 3});
      x.fill({1, -1, 2, -2, 3, -3});
      NWR_ASSERT_OK(nwr_sampler_start(sampler.get(), x, start));
      if (time == 0) begin = x.bytes();
      EXPECT_EQ(begin, x.bytes()) << start << " " << time;
      auto eval = sized<nwr_eval>();
      int count = 0;
      while (nwr_sampler_next(sampler.get(), &eval) == NWR_OK && !(time == 1 && ++count > 7)) {
        Tensor output = x;
        evaluate(Gaussian{}, schedule, NWR_VELOCITY, eval, x, &output);
        NWR_ASSERT_OK(nwr_sampler_step(sampler.get(), x, output, 1));
      }
      if (time == 0) end = x.bytes();
      if (time == 2) {
        EXPECT_EQ(end, x.bytes()) << start;
      }
    }
  }
}

TEST(Adaptive, EndsWhereErrorsAreNoNumbersOrEvaluationsRunOut) {
  Case c;
  c.nan_at = 7;
  const Result nan = run(c);
  EXPECT_EQ(NWR_ERROR_INVALID_STATE, nan.status);
  EXPECT_NE(nullptr, std::strstr(nwr_last_error(), "not finite")) << nwr_last_error();
  c.nan_at = -1;
  c.sampler = "dpm-adaptive(rtol=1e-12,atol=1e-12,most_evaluations=50)";
  const Result many = run(c);
  EXPECT_EQ(NWR_ERROR_INVALID_STATE, many.status);
  EXPECT_LE(many.evaluated.size(), 53u);
  EXPECT_NE(nullptr, std::strstr(nwr_last_error(), "the most that it takes")) << nwr_last_error();
}

TEST(Adaptive, IsGuided) {
  for (const char* sampler : {"dpm-adaptive(guidance=3)", "dormand-prince-adaptive(guidance=3)"}) {
    Case c;
    c.sampler = sampler;
    Case plain = c;
    plain.sampler =
        with(std::string(sampler).substr(0, std::string(sampler).find('(')), "guidance=1");
    const Result r = run(c);
    ASSERT_EQ(NWR_DONE, r.status) << nwr_last_error();
    EXPECT_NE(run(plain).bytes, r.bytes);
  }
}

TEST(Adaptive, RefusesWhatItCannotDo) {
  const Context context = make_context();
  const Schedule schedule = make_schedule("linear");
  const double back[] = {0.1, 0.5, 0.4}, pure[] = {0, 0.5}, rows[] = {0.1, 0.5, 0.1, 0.6};
  const auto refused = [&](const char* name, const double* times, uint32_t count, uint32_t of_rows,
                           nwr_status status, const char* says) {
    auto options = sized<nwr_sampler_options>();
    options.name = name;
    options.times = times;
    options.time_count = count;
    options.time_rows = of_rows;
    nwr_sampler* made = nullptr;
    EXPECT_EQ(status, nwr_sampler_create(context.get(), schedule.get(), &options, &made));
    EXPECT_NE(nullptr, std::strstr(nwr_last_error(), says)) << nwr_last_error();
    EXPECT_EQ(nullptr, made);
  };
  refused("dpm-adaptive", back, 3, 0, NWR_ERROR_INVALID_ARGUMENT, "options.times[2]");
  refused("dpm-adaptive", pure, 2, 0, NWR_ERROR_SINGULAR, "options.times[0]");
  refused("dpm-adaptive", rows, 2, 2, NWR_ERROR_UNSUPPORTED, "options.time_rows is 2");
  refused("dpm-adaptive(guidance=2,guidance_end=0.5)", rows, 2, 0, NWR_ERROR_UNSUPPORTED,
          "guidance_end is 0.5");
  refused("dpm-adaptive(rtol=2)", rows, 2, 0, NWR_ERROR_INVALID_ARGUMENT, "rtol");
}

}  // namespace
}  // namespace nwr_test
