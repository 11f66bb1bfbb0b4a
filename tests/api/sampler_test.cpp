// SPDX-License-Identifier: Apache-2.0
// Owns the behaviour of runs: known answers, the order of calls, callbacks, and everything that
// must not change a bit of the result. Must not know orders of convergence.
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <set>
#include <thread>

#include "api/support.hpp"

namespace nwr_test {
namespace {

constexpr nwr_dtype kDtypes[] = {NWR_F16, NWR_BF16, NWR_F32, NWR_F64};

std::vector<nwr_rng> rngs_for(int64_t samples) {
  std::vector<nwr_rng> rngs;
  for (int64_t i = 0; i < samples; ++i) {
    rngs.push_back({9, static_cast<uint64_t>(i), static_cast<uint64_t>(3 * i)});
  }
  return rngs;
}

// One run, described.
struct Plan {
  std::string schedule = "cosine";
  std::string sampler = "ddim";
  nwr_quantity prediction = NWR_VELOCITY;
  nwr_dtype dtype = NWR_F32;
  uint32_t steps = 6;
  uint32_t flags = 0;
  std::vector<int64_t> shape = {4, 6};
  std::vector<nwr_rng> rngs = {{5, 0, 0}};
  nwr_start start = NWR_START_PRIOR;
  uint32_t threads = 1;
  std::vector<double> times = {};
  uint32_t time_rows = 0;
  nwr_clock clock = NWR_CLOCK_T;

  nwr_sampler_options options() const {
    auto o = sized<nwr_sampler_options>();
    o.name = sampler.c_str();
    o.prediction = prediction;
    o.flags = flags;
    o.rngs = rngs.empty() ? nullptr : rngs.data();
    o.rng_count = static_cast<uint32_t>(rngs.size());
    o.clock = clock;
    if (times.empty()) {
      o.steps = steps;
    } else {
      o.times = times.data();
      o.time_rows = time_rows;
      o.time_count = static_cast<uint32_t>(times.size() / std::max(time_rows, 1u));
    }
    return o;
  }
  // x before start: used by NWR_START_DATA and NWR_START_STATE.
  Tensor blank() const {
    Tensor x(dtype, shape);
    return x.fill(numbers(x.count(), 77));
  }
};

std::string describe(const Plan& plan) {
  return plan.schedule + " " + plan.sampler + " prediction " + std::to_string(plan.prediction) +
         " dtype " + std::to_string(plan.dtype);
}

// A live run with all that belongs to it.
struct Job {
  explicit Job(const Plan& p)
      : plan(p),
        context(make_context(plan.threads)),
        schedule(make_schedule(plan.schedule.c_str())),
        sampler(make_sampler(context, schedule, plan.options())),
        x(plan.blank()) {
    start();
  }
  void start() {
    x = plan.blank();
    NWR_EXPECT_OK(nwr_sampler_start(sampler.get(), x, plan.start));
  }
  nwr_eval next(nwr_status expected = NWR_OK) const {
    auto eval = sized<nwr_eval>();
    EXPECT_EQ(expected, nwr_sampler_next(sampler.get(), &eval)) << nwr_last_error();
    return eval;
  }
  bool over() const {
    auto eval = sized<nwr_eval>();
    return nwr_sampler_next(sampler.get(), &eval) == NWR_DONE;
  }
  void step() {
    Tensor output = x;
    evaluate(Gaussian{}, schedule, plan.prediction, next(), x, &output);
    NWR_EXPECT_OK(nwr_sampler_step(sampler.get(), x, output, 1));
  }
  Job& finish() {
    nwr_test::finish(sampler.get(), schedule, plan.prediction, &x);
    return *this;
  }

  Plan plan;
  Context context;
  Schedule schedule;
  Sampler sampler;
  Tensor x;
};

std::vector<unsigned char> bits(const Plan& plan) { return Job(plan).finish().x.bytes(); }

// ---- known answers ------------------------------------------------------------------------------

TEST(Sampler, DeterministicOnesFollowTheFlowOfAGaussian) {
  for (const char* schedule : {"linear", "cosine", "vp", "ve", "edm", "ddpm"}) {
    for (const char* sampler : kSamplers) {
      if (is_stochastic(sampler)) continue;
      for (const nwr_quantity prediction : kPredictions) {
        for (const nwr_dtype dtype : kDtypes) {
          Plan plan;
          plan.schedule = schedule, plan.sampler = sampler;
          plan.prediction = prediction, plan.dtype = dtype;
          plan.steps = plan.schedule == "ve" ? 240 : 60, plan.shape = {2, 4};
          SCOPED_TRACE(describe(plan));
          Job run(plan);
          const Tensor begin = run.x;
          const nwr_coeffs from = coeffs_at(run.schedule, run.next().t);
          run.finish();
          const nwr_coeffs to = coeffs_at(run.schedule, run.next(NWR_DONE).t);
          const bool first_order = plan.sampler == "euler" || plan.sampler == "ddim";
          const double tolerance = (first_order ? 0.1 : 0.01) + 24 * epsilon_of(dtype);
          for (size_t i = 0; i < begin.count(); ++i) {
            EXPECT_NEAR(Gaussian{}.flow(from, to, begin.get(i)), run.x.get(i), tolerance);
          }
        }
      }
    }
  }
}

TEST(Sampler, StochasticOnesReachTheMeanAndVarianceOfAGaussian) {
  for (const char* schedule : {"cosine", "edm"}) {
    for (const char* sampler : kSamplers) {
      if (!is_stochastic(sampler)) continue;
      for (const nwr_quantity prediction : kPredictions) {
        for (const nwr_dtype dtype : kDtypes) {
          Plan plan;
          plan.schedule = schedule, plan.sampler = sampler;
          plan.prediction = prediction, plan.dtype = dtype;
          plan.steps = 60, plan.shape = {2048};
          SCOPED_TRACE(describe(plan));
          Job run(plan);
          const std::vector<double> values = run.finish().x.values();
          double mean = 0, variance = 0;
          for (const double v : values) mean += v / 2048;
          for (const double v : values) variance += (v - mean) * (v - mean) / 2047;
          const Gaussian truth;
          // Five standard errors, and the steps' own bias.
          EXPECT_NEAR(truth.mean, mean, 5 * std::sqrt(truth.variance / 2048) + 0.01);
          EXPECT_NEAR(truth.variance, variance, 5 * truth.variance * std::sqrt(2.0 / 2047) + 0.06);
        }
      }
    }
  }
}

TEST(Sampler, PriorStartWritesTheScheduleNoise) {
  const Context context = make_context();
  for (const char* name : {"linear", "vp", "ve", "edm", "ddpm"}) {
    Plan plan;
    plan.schedule = name, plan.dtype = NWR_F64;
    Job run(plan);
    const nwr_coeffs c = coeffs_at(run.schedule, run.next().t);
    Tensor noise(plan.dtype, plan.shape);
    NWR_ASSERT_OK(nwr_random_fill(context.get(), NWR_NORMAL, plan.rngs.data(), 1, noise));
    for (size_t i = 0; i < noise.count(); ++i) {
      EXPECT_DOUBLE_EQ(c.sigma * noise.get(i), run.x.get(i)) << name;
    }
  }
}

TEST(Sampler, DataStartNoisesToTheFirstTime) {
  const Context context = make_context();
  Plan plan;
  plan.dtype = NWR_F64, plan.start = NWR_START_DATA;
  plan.times = {0.6, 0.3, 0};
  Job run(plan);
  const Tensor data = plan.blank();
  const nwr_coeffs c = coeffs_at(run.schedule, 0.6);
  Tensor noise(plan.dtype, plan.shape);
  NWR_ASSERT_OK(nwr_random_fill(context.get(), NWR_NORMAL, plan.rngs.data(), 1, noise));
  for (size_t i = 0; i < noise.count(); ++i) {
    EXPECT_NEAR(c.alpha * data.get(i) + c.sigma * noise.get(i), run.x.get(i), 1e-15);
  }
  plan.start = NWR_START_STATE;
  EXPECT_EQ(plan.blank().bytes(), Job(plan).x.bytes());
}

// ---- the protocol -------------------------------------------------------------------------------

TEST(Sampler, NextTellsTheGridAndChangesNothing) {
  Plan plan;
  plan.schedule = "linear";
  plan.times = {0, 0.25, 0.5, 1};
  Job run(plan);
  for (uint32_t i = 0; i < 3; ++i) {
    const nwr_eval eval = run.next(), again = run.next();
    EXPECT_EQ(0, std::memcmp(&eval, &again, sizeof eval));
    EXPECT_EQ(i, eval.index);
    EXPECT_EQ(3u, eval.count);
    EXPECT_EQ(1u, eval.row_count);
    EXPECT_EQ(plan.times[i], eval.t);
    EXPECT_EQ(plan.times[i], eval.clock);
    EXPECT_EQ(1.0, eval.input_scale);
    EXPECT_EQ(eval.t, eval.t_rows[0]);
    EXPECT_EQ(eval.clock, eval.clock_rows[0]);
    EXPECT_EQ(eval.input_scale, eval.input_scale_rows[0]);
    run.step();
  }
  const nwr_eval end = run.next(NWR_DONE);
  EXPECT_EQ(3u, end.index);
  EXPECT_EQ(1.0, end.t);
}

TEST(Sampler, HeunAsksTwiceButOnceForTheStepToData) {
  Plan plan;
  plan.schedule = "linear", plan.sampler = "heun";
  plan.times = {0, 0.25, 0.5, 1};
  Job run(plan);
  const double expected[] = {0, 0.25, 0.25, 0.5, 0.5};
  for (const double t : expected) {
    EXPECT_EQ(5u, run.next().count);
    EXPECT_EQ(t, run.next().t);
    run.step();
  }
  EXPECT_EQ(1.0, run.next(NWR_DONE).t);
  plan.times = {0, 0.25, 0.5};
  EXPECT_EQ(4u, Job(plan).next().count);
}

TEST(Sampler, ClocksAndInputScale) {
  const std::pair<const char*, double> starts[] = {{"vp", 0.8}, {"edm", 3.0}, {"ddpm", 700}};
  for (const auto& [name, t] : starts) {
    const Schedule schedule = make_schedule(name);
    const nwr_coeffs c = coeffs_at(schedule, t);
    const bool discrete = std::string(name) == "ddpm";
    for (const auto& [clock, expected] : {std::pair{NWR_CLOCK_T, t},
                                          {NWR_CLOCK_SIGMA, c.sigma / c.alpha},
                                          {NWR_CLOCK_LOGSNR, 2 * c.lambda},
                                          {NWR_CLOCK_INDEX, t}}) {
      if (clock == NWR_CLOCK_INDEX && !discrete) continue;
      Plan plan;
      plan.schedule = name, plan.sampler = "euler(unit_input=yes)", plan.clock = clock;
      plan.times = {t, t / 2, 0};
      const Job run(plan);
      EXPECT_NEAR(expected, run.next().clock, 1e-12 * std::fabs(expected)) << name;
      EXPECT_NEAR(1 / std::hypot(c.alpha, c.sigma), run.next().input_scale, 1e-15) << name;
    }
  }
}

TEST(Sampler, FiftyStepsAreTheDefault) {
  Plan plan;
  plan.steps = 0;
  for (const char* name : {"linear", "cosine", "vp", "ve", "edm", "ddpm"}) {
    plan.schedule = name;
    const Job run(plan);
    EXPECT_EQ(50u, run.next().count) << name;
    auto info = sized<nwr_schedule_info>();
    NWR_ASSERT_OK(nwr_schedule_get_info(run.schedule.get(), &info));
    EXPECT_EQ(info.t_noise, run.next().t) << name;
  }
  // A model of the noise says nothing where there is only noise.
  plan.prediction = NWR_NOISE;
  plan.schedule = "linear";
  const Job run(plan);
  EXPECT_EQ(50u, run.next().count);
  EXPECT_NEAR(-5.1, coeffs_at(run.schedule, run.next().t).lambda, 1e-12);
  // Nor does every sampler step from there, whatever the model.
  plan.prediction = NWR_VELOCITY;
  for (const char* sampler : {"euler-maruyama", "ito", "azula.heun", "edm(space=sigma)"}) {
    plan.sampler = sampler;
    EXPECT_NEAR(-5.1, coeffs_at(run.schedule, Job(plan).next().t).lambda, 1e-12) << sampler;
  }
  for (const char* sampler : {"heun", "edm", "euler-maruyama(diffusion=linear)", "reab", "zab"}) {
    plan.sampler = sampler;
    EXPECT_EQ(0, Job(plan).next().t) << sampler;
  }
}

TEST(Sampler, StartAgainGivesTheSameBits) {
  for (const char* sampler : kSamplers) {
    Plan plan;
    plan.sampler = sampler;
    Job run(plan);
    const auto first = run.finish().x.bytes();
    run.start();
    run.step(), run.step();  // left in the middle
    run.start();
    EXPECT_EQ(first, run.finish().x.bytes()) << sampler;
    // Another shape and type in between.
    Tensor other = Tensor(NWR_F64, {3}).fill({1});
    NWR_ASSERT_OK(nwr_sampler_start(run.sampler.get(), other, NWR_START_PRIOR));
    NWR_ASSERT_OK(nwr_sampler_step(run.sampler.get(), other, Tensor(NWR_F64, {3}).fill({0}), 1));
    run.start();
    EXPECT_EQ(first, run.finish().x.bytes()) << sampler;
  }
}

// ---- run ----------------------------------------------------------------------------------------

struct Host {
  Job* run;
  std::vector<double> asked, told;  // times that the model and the progress saw
  std::function<int32_t(const nwr_eval&)> model, progress;
};

int32_t host_model(void* user, const nwr_eval* eval, const nwr_tensor* x, const nwr_tensor* out) {
  Host& host = *static_cast<Host*>(user);
  EXPECT_EQ(sizeof(nwr_eval), eval->struct_size);
  EXPECT_EQ(host.run->x.view().data, x->data);
  host.asked.push_back(eval->t);
  if (host.model) {
    if (const int32_t answer = host.model(*eval)) return answer;
  }
  EXPECT_EQ(host.run->x.dtype(), out->dtype);
  EXPECT_EQ(host.run->x.view().ndim, out->ndim);
  EXPECT_EQ(nullptr, out->strides);
  Tensor output = host.run->x;
  evaluate(Gaussian{}, host.run->schedule, host.run->plan.prediction, *eval, host.run->x, &output);
  std::memcpy(out->data, output.bytes().data(), output.bytes().size());
  return 0;
}

int32_t host_progress(void* user, const nwr_eval* eval, const nwr_tensor* x) {
  Host& host = *static_cast<Host*>(user);
  EXPECT_EQ(host.run->x.view().data, x->data);
  const nwr_status expected = eval->index + 1 == eval->count ? NWR_DONE : NWR_OK;
  EXPECT_EQ(eval->index + 1, host.run->next(expected).index);
  host.told.push_back(eval->t);
  return host.progress ? host.progress(*eval) : 0;
}

nwr_status drive(Job& run, Host& host) {
  host.run = &run;
  auto callbacks = sized<nwr_callbacks>();
  callbacks.model = host_model;
  callbacks.progress = host_progress;
  callbacks.user = &host;
  return nwr_sampler_run(run.sampler.get(), run.x, &callbacks);
}

TEST(Run, IsTheLoopOfNextModelStep) {
  for (const char* sampler : kSamplers) {
    for (const nwr_dtype dtype : {NWR_F16, NWR_F32}) {
      Plan plan;
      plan.sampler = sampler, plan.dtype = dtype;
      Job run(plan);
      Host host{};
      NWR_ASSERT_OK(drive(run, host));
      EXPECT_EQ(bits(plan), run.x.bytes()) << sampler;
      EXPECT_EQ(host.asked, host.told);
      EXPECT_EQ(run.next(NWR_DONE).count, host.asked.size());
      // Over: nothing is asked again.
      NWR_EXPECT_OK(drive(run, host));
      EXPECT_EQ(run.next(NWR_DONE).count, host.asked.size());
    }
  }
}

TEST(Run, ProgressMayBeNull) {
  Plan plan;
  Job run(plan);
  Host host{};
  host.run = &run;
  auto callbacks = sized<nwr_callbacks>();
  callbacks.model = host_model;
  callbacks.user = &host;
  NWR_ASSERT_OK(nwr_sampler_run(run.sampler.get(), run.x, &callbacks));
  EXPECT_EQ(bits(plan), run.x.bytes());
}

TEST(Run, CancelledByAnyoneItGoesOnWhereItWas) {
  enum Who { model, progress, inside, thread };
  for (const Who who : {model, progress, inside, thread}) {
    for (const char* sampler : {"heun", "ddpm", "dpmpp-2m"}) {
      SCOPED_TRACE(testing::Message() << sampler << ", " << who);
      Plan plan;
      plan.sampler = sampler;
      Job run(plan);
      Host host{};
      const nwr_sampler* const handle = run.sampler.get();
      if (who == progress) {
        host.progress = [](const nwr_eval& e) { return e.index == 2 ? 1 : 0; };
      } else {
        host.model = [=](const nwr_eval& e) -> int32_t {
          if (e.index != 2) return 0;
          if (who == inside) nwr_sampler_cancel(handle);
          if (who == thread) std::thread([=] { nwr_sampler_cancel(handle); }).join();
          return who == model ? 42 : 0;
        };
      }
      EXPECT_EQ(NWR_CANCELLED, drive(run, host));
      // The model's own answer cancels before the step, everything else after it.
      EXPECT_EQ(who == model ? 2u : 3u, run.next().index);
      EXPECT_EQ(3u, host.asked.size());
      host.model = nullptr, host.progress = nullptr;
      NWR_EXPECT_OK(drive(run, host));
      EXPECT_EQ(bits(plan), run.x.bytes());
    }
  }
}

TEST(Run, ACancelBeforeItCountsOnceAndStartForgetsIt) {
  Plan plan;
  Job run(plan);
  Host host{};
  nwr_sampler_cancel(run.sampler.get());
  EXPECT_EQ(NWR_CANCELLED, drive(run, host));
  EXPECT_TRUE(host.asked.empty());
  nwr_sampler_cancel(run.sampler.get());
  run.start();
  NWR_EXPECT_OK(drive(run, host));
  EXPECT_EQ(bits(plan), run.x.bytes());
}

TEST(Run, NegativeAnswersFailAndNameTheCallback) {
  Plan plan;
  plan.sampler = "dpmpp-2m";
  Job run(plan);
  Host host{};
  host.model = [](const nwr_eval& e) { return e.index == 2 ? -3 : 0; };
  EXPECT_EQ(NWR_ERROR_CALLBACK, drive(run, host));
  EXPECT_STREQ("callbacks.model returned -3", nwr_last_error());
  EXPECT_EQ(2u, run.next().index);
  host.model = nullptr;
  host.progress = [](const nwr_eval& e) { return e.index == 4 ? -4 : 0; };
  EXPECT_EQ(NWR_ERROR_CALLBACK, drive(run, host));
  EXPECT_STREQ("callbacks.progress returned -4", nwr_last_error());
  EXPECT_EQ(5u, run.next().index);
  host.progress = nullptr;
  NWR_EXPECT_OK(drive(run, host));
  EXPECT_EQ(bits(plan), run.x.bytes());
}

// ---- user data ----------------------------------------------------------------------------------

void count_up(void* user) { ++*static_cast<int*>(user); }

TEST(Release, IsCalledOnceWhenTheSamplerIsGone) {
  const Context context = make_context();
  const Schedule schedule = make_schedule("cosine");
  int released = 0;
  Plan plan;
  auto options = plan.options();
  options.release = count_up;
  options.user = &released;
  nwr_sampler* sampler = nullptr;
  NWR_ASSERT_OK(nwr_sampler_create(context.get(), schedule.get(), &options, &sampler));
  EXPECT_EQ(0, released);
  nwr_sampler_destroy(sampler);
  EXPECT_EQ(1, released);

  options.noise = [](void*, uint64_t, const nwr_tensor*) -> int32_t { return 0; };
  NWR_ASSERT_OK(nwr_sampler_create(context.get(), schedule.get(), &options, &sampler));
  nwr_sampler_destroy(sampler);
  EXPECT_EQ(2, released);

  options.steps = UINT32_MAX;
  EXPECT_GT(0, nwr_sampler_create(context.get(), schedule.get(), &options, &sampler));
  options.steps = 4;
  options.prediction = NWR_LATENT;
  EXPECT_GT(0, nwr_sampler_create(context.get(), schedule.get(), &options, &sampler));
  EXPECT_EQ(2, released) << "a refused user stays with the caller";
}

int32_t straight(void*, double t, nwr_coeffs* out) {
  out->alpha = t, out->sigma = 1 - t;
  return 0;
}

TEST(Release, IsCalledOnceWhenTheScheduleIsGone) {
  int released = 0;
  auto options = sized<nwr_schedule_options>();
  options.name = "custom";
  options.coeffs = straight;
  options.release = count_up;
  options.user = &released;
  nwr_schedule* schedule = nullptr;
  options.t_noise = options.t_data = 1;
  EXPECT_GT(0, nwr_schedule_create(&options, &schedule));
  EXPECT_EQ(0, released) << "a refused user stays with the caller";
  options.t_noise = 0;
  NWR_ASSERT_OK(nwr_schedule_create(&options, &schedule));
  {
    // A sampler keeps its schedule alive.
    const Context context = make_context();
    const Schedule owner(schedule);
    Plan plan;
    Sampler sampler = make_sampler(context, owner, plan.options());
    nwr_schedule_destroy(const_cast<Schedule&>(owner).release());
    EXPECT_EQ(0, released);
    sampler.reset();
  }
  EXPECT_EQ(1, released);
}

// The header ties release to the schedule, not to its kind.
TEST(Release, IsCalledForSchedulesThatNeedNoUser) {
  for (const char* name : {"linear", "ddpm"}) {
    int released = 0;
    auto options = sized<nwr_schedule_options>();
    options.name = name;
    options.release = count_up;
    options.user = &released;
    nwr_schedule* schedule = nullptr;
    const nwr_status status = nwr_schedule_create(&options, &schedule);
    if (status != NWR_OK) {
      EXPECT_EQ(0, released);
      continue;
    }
    nwr_schedule_destroy(schedule);
    EXPECT_EQ(1, released) << name;
  }
}

// ---- noise --------------------------------------------------------------------------------------

struct NoiseHost {
  const nwr_context* context;
  nwr_rng rng;
  std::vector<uint64_t> draws;
};

int32_t host_noise(void* user, uint64_t draw, const nwr_tensor* out) {
  NoiseHost& host = *static_cast<NoiseHost*>(user);
  host.draws.push_back(draw);
  NWR_EXPECT_OK(nwr_random_fill(host.context, NWR_NORMAL, &host.rng, 1, out));
  uint64_t count = 1;
  for (int i = 0; i < out->ndim; ++i) count *= static_cast<uint64_t>(out->shape[i]);
  host.rng.offset += count;
  return 0;
}

TEST(Noise, ByCallbackEqualsNoiseByGenerator) {
  for (const char* sampler : kSamplers) {
    for (const nwr_dtype dtype : {NWR_F32, NWR_F64}) {
      for (const nwr_start start : {NWR_START_PRIOR, NWR_START_STATE, NWR_START_DATA}) {
        Plan plan;
        plan.sampler = sampler, plan.dtype = dtype, plan.start = start;
        SCOPED_TRACE(describe(plan));
        const auto expected = bits(plan);
        Job run(plan);
        NoiseHost host{run.context.get(), plan.rngs[0], {}};
        auto options = plan.options();
        options.rngs = nullptr, options.rng_count = 0;
        options.noise = host_noise, options.user = &host;
        run.sampler = make_sampler(run.context, run.schedule, options);
        run.start();
        EXPECT_EQ(expected, run.finish().x.bytes());
        for (size_t i = 0; i < host.draws.size(); ++i) EXPECT_EQ(i, host.draws[i]);
        const size_t of_start = start == NWR_START_STATE ? 0 : 1;
        // One step draws nothing: the last, which ends on clean data, or with edm the first, which
        // nothing can be noisier than. A correction draws in every step.
        const size_t steps = plan.steps - (plan.sampler == "pc" ? 0 : 1);
        // Samplers with inner points draw there too, but for the first step, from pure noise.
        size_t a_step = is_stochastic(sampler) ? 1 : 0;
        if (plan.sampler == "dpmpp-sde") a_step = 2;
        if (plan.sampler == "seeds-3") a_step = 3;
        const bool once = plan.sampler.find("restart") != std::string::npos;
        const size_t inner = a_step > 1 ? a_step - 1 : 0;
        EXPECT_EQ(of_start + (once ? 1 : a_step * steps - inner), host.draws.size());
      }
    }
  }
}

TEST(Noise, RepeatsWithItsSeedAndDiffersWithAnother) {
  Plan plan;
  plan.sampler = "ddpm";
  const auto first = bits(plan);
  EXPECT_EQ(first, bits(plan));
  std::set<std::vector<unsigned char>> all = {first};
  for (const nwr_rng rng : {nwr_rng{6, 0, 0}, nwr_rng{5, 1, 0}, nwr_rng{5, 0, 1}}) {
    plan.rngs = {rng};
    all.insert(bits(plan));
  }
  EXPECT_EQ(4u, all.size());
}

TEST(Noise, IsFreshAtEveryStep) {
  // A model of constant 0 data: two states of one run correlate only through what is kept of x.
  Plan plan;
  plan.sampler = "ddim(eta=1e6)";  // nothing is kept
  plan.schedule = "linear", plan.prediction = NWR_DATA;
  plan.shape = {1, 4096}, plan.dtype = NWR_F64;
  Job run(plan);
  const Tensor zero = Tensor(NWR_F64, plan.shape).fill({0});
  std::vector<std::vector<double>> states = {run.x.values()};
  for (int i = 0; i < 4; ++i) {
    NWR_ASSERT_OK(nwr_sampler_step(run.sampler.get(), run.x, zero, 1));
    states.push_back(run.x.values());
  }
  for (size_t a = 0; a < states.size(); ++a) {
    for (size_t b = 0; b < a; ++b) {
      double ab = 0, aa = 0, bb = 0;
      for (size_t i = 0; i < 4096; ++i) {
        ab += states[a][i] * states[b][i];
        aa += states[a][i] * states[a][i];
        bb += states[b][i] * states[b][i];
      }
      EXPECT_LT(std::fabs(ab) / std::sqrt(aa * bb), 5 / std::sqrt(4096.0)) << a << ", " << b;
    }
  }
}

// ---- guidance and denoised ----------------------------------------------------------------------

TEST(Guidance, TakesTwoOutputsAndEqualsCombiningByHand) {
  for (const char* sampler : {"euler", "heun", "ddim", "ddim(eta=0.7)", "ddpm", "dpmpp-2m"}) {
    for (const double guidance : {2.0, 0.0, -1.5}) {
      Plan plan;
      plan.sampler = sampler, plan.dtype = NWR_F64;
      const std::string name = sampler;
      const std::string setting = "guidance=" + std::to_string(guidance) + ")";
      Plan guided = plan;
      guided.sampler = name.back() == ')' ? name.substr(0, name.size() - 1) + "," + setting
                                          : name + "(" + setting;
      SCOPED_TRACE(guided.sampler);
      Job by_hand(plan), by_library(guided);
      while (!by_hand.over()) {
        const nwr_eval eval = by_hand.next();
        Tensor with = by_hand.x, without = by_hand.x, mixed = by_hand.x;
        evaluate(Gaussian{}, by_hand.schedule, plan.prediction, eval, by_hand.x, &with, 0.25);
        evaluate(Gaussian{}, by_hand.schedule, plan.prediction, eval, by_hand.x, &without, -0.125);
        const nwr_tensor* inputs[] = {with, without};
        EXPECT_EQ(1u, eval.output_count);
        EXPECT_EQ(2u, by_library.next().output_count);
        const double factors[] = {guidance, 1 - guidance};
        NWR_ASSERT_OK(nwr_tensor_combine(by_hand.context.get(), factors, inputs, 2, mixed));
        NWR_ASSERT_OK(nwr_sampler_step(by_hand.sampler.get(), by_hand.x, mixed, 1));
        const nwr_tensor outputs[] = {with.view(), without.view()};
        NWR_ASSERT_OK(nwr_sampler_step(by_library.sampler.get(), by_library.x, outputs, 2));
        for (size_t i = 0; i < mixed.count(); ++i) {
          ASSERT_NEAR(by_hand.x.get(i), by_library.x.get(i), 1e-12);
        }
      }
      EXPECT_EQ(by_hand.next(NWR_DONE).index, by_library.next(NWR_DONE).index);
    }
  }
}

TEST(Guidance, RunHandsOutTwoOutputs) {
  Plan plan;
  plan.sampler = "euler(guidance=3)", plan.schedule = "linear", plan.dtype = NWR_F64;
  plan.times = {0, 0.5};
  Job run(plan);
  const Tensor begin = run.x;
  auto callbacks = sized<nwr_callbacks>();
  callbacks.model = [](void*, const nwr_eval*, const nwr_tensor*,
                       const nwr_tensor* out) -> int32_t {
    for (int i = 0; i < 24; ++i) {
      static_cast<double*>(out[0].data)[i] = 2;
      static_cast<double*>(out[1].data)[i] = 5;
    }
    return 0;
  };
  NWR_ASSERT_OK(nwr_sampler_run(run.sampler.get(), run.x, &callbacks));
  // 3 * 2 + (1 - 3) * 5 = -4
  for (size_t i = 0; i < 24; ++i) EXPECT_NEAR(begin.get(i) + 0.5 * -4, run.x.get(i), 1e-14);
}

TEST(Denoised, IsTheDataThatStateAndOutputSayAndCostsNoBit) {
  for (const char* sampler : kSamplers) {
    for (const nwr_quantity prediction : kPredictions) {
      for (const nwr_dtype dtype : {NWR_F32, NWR_F64}) {
        Plan plan;
        plan.sampler = sampler, plan.prediction = prediction, plan.dtype = dtype;
        SCOPED_TRACE(describe(plan));
        const auto expected = bits(plan);
        plan.flags = NWR_SAMPLER_KEEP_DENOISED;
        Job run(plan);
        for (uint32_t i = 0, n = run.next().count; i < n; ++i) {
          const Tensor before = run.x;
          const double t = run.next().t;
          const nwr_coeffs c = coeffs_at(run.schedule, t);
          run.step();
          Tensor denoised(NWR_F64, plan.shape);
          NWR_ASSERT_OK(nwr_sampler_denoised(run.sampler.get(), denoised));
          // What rounding of a prediction in f32 does to the data behind it.
          const double worst = prediction == NWR_NOISE || prediction == NWR_SCORE
                                   ? (1 + c.sigma * c.sigma) / c.alpha
                                   : 4;
          for (size_t k = 0; k < before.count(); ++k) {
            ASSERT_NEAR(Gaussian{}.predict(NWR_DATA, c, before.get(k)), denoised.get(k),
                        8 * worst * epsilon_of(dtype));
          }
        }
        EXPECT_EQ(expected, run.x.bytes());
        Tensor last(dtype, plan.shape);
        NWR_ASSERT_OK(nwr_sampler_denoised(run.sampler.get(), last));
      }
    }
  }
}

// ---- what must not change a bit -----------------------------------------------------------------

Plan sample_of(const Plan& batch, size_t i) {
  Plan one = batch;
  one.shape[0] = 1;
  if (batch.rngs.size() > 1) one.rngs = {batch.rngs[i]};
  if (batch.time_rows > 1) {
    const size_t count = batch.times.size() / batch.time_rows;
    const auto first = batch.times.begin() + static_cast<std::ptrdiff_t>(i * count);
    one.times.assign(first, first + static_cast<std::ptrdiff_t>(count));
    one.time_rows = 1;
  }
  return one;
}

// Each sample of the batch, alone, ends on the same bits.
void expect_same_as_alone(const Plan& batch) {
  SCOPED_TRACE(describe(batch));
  const auto together = bits(batch);
  const size_t samples = static_cast<size_t>(batch.shape[0]);
  const size_t size = together.size() / samples;
  for (size_t i = 0; i < samples; ++i) {
    // The start is from noise: the rest of blank() does not matter.
    EXPECT_TRUE(std::equal(together.begin() + static_cast<std::ptrdiff_t>(i * size),
                           together.begin() + static_cast<std::ptrdiff_t>((i + 1) * size),
                           bits(sample_of(batch, i)).begin()))
        << "sample " << i;
  }
}

TEST(SameBits, ABatchOfEightAndEightRunsOfOne) {
  for (const char* sampler : kSamplers) {
    for (const nwr_dtype dtype : kDtypes) {
      Plan plan;
      plan.sampler = sampler, plan.dtype = dtype;
      plan.shape = {8, 5}, plan.rngs = rngs_for(8);
      expect_same_as_alone(plan);
    }
  }
}

TEST(SameBits, RowsOfTimesAndSeparateRuns) {
  for (const char* sampler : kSamplers) {
    for (const nwr_dtype dtype : {NWR_F16, NWR_F32, NWR_F64}) {
      Plan plan;
      plan.schedule = "linear", plan.sampler = sampler, plan.dtype = dtype;
      plan.shape = {3, 7}, plan.rngs = rngs_for(3);
      plan.times = {0, 0.5, 0.75, 1, 0.1, 0.2, 0.4, 0.9, 0.3, 0.31, 0.8, 1};
      plan.time_rows = 3;
      expect_same_as_alone(plan);
    }
  }
}

// The first step's noise is added by start, after the start's own; the others' by the step before.
TEST(Churn, MovesStateAndTimeBackBeforeEachStep) {
  for (const nwr_start start : {NWR_START_PRIOR, NWR_START_STATE, NWR_START_DATA}) {
    for (const bool by_callback : {false, true}) {
      Plan plan;
      plan.schedule = "edm", plan.sampler = "edm(s_churn=2,s_min=0.5,s_max=5,s_noise=1.1)";
      plan.times = {4, 2, 0.5, 0.25, 0}, plan.dtype = NWR_F64, plan.start = start;
      SCOPED_TRACE(testing::Message() << start << by_callback);
      Job run(plan);
      NoiseHost host{run.context.get(), plan.rngs[0], {}};
      if (by_callback) {
        auto options = plan.options();
        options.rngs = nullptr, options.rng_count = 0;
        options.noise = host_noise, options.user = &host;
        run.sampler = make_sampler(run.context, run.schedule, options);
        run.start();
      }
      const double growth = std::sqrt(2.0) - 1;
      const double expected[] = {
          4 * (1 + growth), 2, 2 * (1 + growth), 0.5, 0.5 * (1 + growth), 0.25, 0.25};
      nwr_rng rng = plan.rngs[0];
      Tensor z(NWR_F64, plan.shape), before = plan.blank();
      const auto draw = [&] {
        NWR_EXPECT_OK(nwr_random_fill(run.context.get(), NWR_NORMAL, &rng, 1, z));
        rng.offset += z.count();
      };
      if (start != NWR_START_STATE) {
        draw();
        for (size_t i = 0; i < z.count(); ++i) {
          before.set(i, (start == NWR_START_DATA ? before.get(i) : 0) + 4 * z.get(i));
        }
      }
      draw();
      for (size_t i = 0; i < z.count(); ++i) {
        EXPECT_NEAR(before.get(i) + 1.1 * std::sqrt(expected[0] * expected[0] - 16) * z.get(i),
                    run.x.get(i), 1e-13);
      }
      ASSERT_EQ(7u, run.next().count);
      for (const double t : expected) {
        EXPECT_NEAR(t, run.next().t, 1e-14);
        run.step();
      }
      EXPECT_EQ(0, run.next(NWR_DONE).t);
      EXPECT_EQ(bits(plan), run.x.bytes());
      const size_t of_start = start == NWR_START_STATE ? 0 : 1;
      EXPECT_EQ(by_callback ? of_start + 3 : 0, host.draws.size());
    }
  }
}

TEST(Churn, KeepsTheBitsOfBatchesRowsAndSavedRuns) {
  for (const bool rows : {false, true}) {
    Plan plan;
    plan.schedule = "edm", plan.sampler = "edm(s_churn=8,s_max=50)";
    plan.shape = {3, 7}, plan.rngs = rngs_for(3);
    // Of the rows, one does not churn at first, and one waits.
    if (rows) plan.times = {80, 3, 1, 0, 40, 3, 3, 0.5, 7, 5, 0, 0}, plan.time_rows = 3;
    expect_same_as_alone(plan);
    const auto expected = bits(plan);
    Job run(plan);
    while (!run.over()) {
      size_t size = 0;
      NWR_ASSERT_OK(nwr_sampler_save(run.sampler.get(), nullptr, 0, &size));
      std::vector<unsigned char> saved(size);
      NWR_ASSERT_OK(nwr_sampler_save(run.sampler.get(), saved.data(), size, &size));
      nwr_sampler* loaded = nullptr;
      NWR_ASSERT_OK(
          nwr_sampler_load(run.context.get(), run.schedule.get(), saved.data(), size, &loaded));
      run.sampler.reset(loaded);
      run.step();
    }
    EXPECT_EQ(expected, run.x.bytes());
  }
}

TEST(Churn, ThatCannotDrawLeavesEverythingAsItWas) {
  Plan plan;
  plan.schedule = "edm", plan.sampler = "edm(s_churn=8)";
  Job run(plan);
  auto options = plan.options();
  options.rngs = nullptr, options.rng_count = 0;
  options.noise = [](void*, uint64_t draw, const nwr_tensor* out) -> int32_t {
    if (draw == 1) return -1;
    std::memset(out->data, 0, 96);
    return 0;
  };
  run.sampler = make_sampler(run.context, run.schedule, options);
  const Tensor before = run.x;
  EXPECT_EQ(NWR_ERROR_CALLBACK, nwr_sampler_start(run.sampler.get(), run.x, NWR_START_PRIOR));
  EXPECT_EQ(before.bytes(), run.x.bytes());
}

// Rows that wait while others move, as in diffusion forcing.
TEST(SameBits, RowsThatWaitAndSeparateRuns) {
  for (const char* sampler : kSamplers) {
    Plan plan;
    plan.schedule = "linear", plan.sampler = sampler;
    plan.shape = {4, 7}, plan.rngs = rngs_for(4);
    plan.times = {0.1, 0.1, 0.1, 0.4, 0.8, 0.1, 0.4, 0.4, 0.4, 0.8,
                  0.1, 0.4, 0.8, 0.8, 0.9, 0.1, 0.2, 0.5, 1,   1};
    plan.time_rows = 4;
    expect_same_as_alone(plan);
  }
}

TEST(SameBits, AnyNumberOfThreads) {
  for (const char* sampler : kSamplers) {
    for (const nwr_dtype dtype : {NWR_F16, NWR_F32}) {
      for (const size_t rngs : {1, 3}) {
        Plan plan;
        plan.sampler = sampler, plan.dtype = dtype, plan.steps = 2;
        plan.shape = {3, 9001};
        plan.rngs = rngs_for(static_cast<int64_t>(rngs));
        const auto expected = bits(plan);
        for (const uint32_t threads : {2, 3, 8}) {
          plan.threads = threads;
          EXPECT_EQ(expected, bits(plan)) << describe(plan) << ", " << threads << " threads";
        }
      }
    }
  }
}

// Saved after every evaluation and loaded elsewhere.
TEST(SameBits, SavedAndLoadedAnywhere) {
  for (const char* sampler : kSamplers) {
    for (const nwr_dtype dtype : {NWR_F16, NWR_F32}) {
      for (const int64_t rngs : {1, 4}) {
        for (const uint32_t flags : {0u, uint32_t{NWR_SAMPLER_KEEP_DENOISED}}) {
          Plan plan;
          plan.sampler = sampler, plan.dtype = dtype, plan.flags = flags;
          plan.rngs = rngs_for(rngs);
          SCOPED_TRACE(describe(plan));
          const auto expected = bits(plan);
          Job run(plan);
          for (uint32_t i = 0;; ++i) {
            size_t size = 0, written = 0;
            NWR_ASSERT_OK(nwr_sampler_save(run.sampler.get(), nullptr, 0, &size));
            std::vector<unsigned char> saved(size + 3, 0xEE);
            NWR_ASSERT_OK(
                nwr_sampler_save(run.sampler.get(), saved.data(), saved.size(), &written));
            EXPECT_EQ(size, written);
            EXPECT_EQ(0xEE, saved[size]) << "written beyond its size";
            run.context = make_context(2);
            run.schedule = make_schedule(plan.schedule.c_str());
            nwr_sampler* loaded = nullptr;
            NWR_ASSERT_OK(nwr_sampler_load(run.context.get(), run.schedule.get(), saved.data(),
                                           size, &loaded));
            run.sampler.reset(loaded);
            const bool over = run.over();
            EXPECT_EQ(i, run.next(over ? NWR_DONE : NWR_OK).index);
            if (flags != 0 && i > 0) {
              Tensor denoised(dtype, plan.shape);
              NWR_EXPECT_OK(nwr_sampler_denoised(loaded, denoised));
            }
            if (over) break;
            run.step();
          }
          EXPECT_EQ(expected, run.x.bytes());
          run.start();
          EXPECT_EQ(expected, run.finish().x.bytes()) << "started again after a load";
        }
      }
    }
  }
}

TEST(SameBits, SavedBeforeTheStart) {
  Plan plan;
  plan.sampler = "ddpm";
  const auto expected = bits(plan);
  const Context context = make_context();
  const Schedule schedule = make_schedule("cosine");
  const Sampler fresh = make_sampler(context, schedule, plan.options());
  size_t size = 0;
  NWR_ASSERT_OK(nwr_sampler_save(fresh.get(), nullptr, 0, &size));
  std::vector<unsigned char> saved(size);
  NWR_ASSERT_OK(nwr_sampler_save(fresh.get(), saved.data(), size, &size));
  Job run(plan);
  nwr_sampler* loaded = nullptr;
  NWR_ASSERT_OK(nwr_sampler_load(context.get(), schedule.get(), saved.data(), size, &loaded));
  run.sampler.reset(loaded);
  auto eval = sized<nwr_eval>();
  EXPECT_EQ(NWR_ERROR_INVALID_STATE, nwr_sampler_next(loaded, &eval));
  run.start();
  EXPECT_EQ(expected, run.finish().x.bytes());
}

struct Layout {
  const char* what;
  std::vector<int64_t> strides;
  size_t room, first;
};
// Of an array of 4 x 3 x 5.
const Layout kLayouts[] = {{"batch last", {1, 4, 12}, 60, 0},
                           {"transposed", {15, 1, 3}, 60, 0},
                           {"backwards", {-15, -5, -1}, 60, 59},
                           {"one axis backwards", {15, -5, 1}, 60, 10},
                           {"slice of a larger one", {100, 10, 2}, 400, 7},
                           {"every third element", {45, 15, 3}, 180, 0}};

TEST(SameBits, StridedViewsAndDenseOnes) {
  for (const char* sampler : kSamplers) {
    for (const nwr_dtype dtype : kDtypes) {
      for (const int64_t rngs : {1, 4}) {
        Plan plan;
        plan.sampler = sampler, plan.dtype = dtype;
        plan.shape = {4, 3, 5}, plan.rngs = rngs_for(rngs);
        plan.flags = NWR_SAMPLER_KEEP_DENOISED;
        SCOPED_TRACE(describe(plan));
        Job dense(plan);
        dense.finish();
        Tensor estimate(dtype, plan.shape);
        NWR_ASSERT_OK(nwr_sampler_denoised(dense.sampler.get(), estimate));
        const std::vector<double> expected = dense.x.values(), data = estimate.values();
        for (const Layout& layout : kLayouts) {
          Job run(plan);
          Tensor x(dtype, plan.shape, layout.strides, layout.room, layout.first);
          x.fill(plan.blank().values());
          const Tensor before = x;
          NWR_ASSERT_OK(nwr_sampler_start(run.sampler.get(), x, plan.start));
          nwr_test::finish(run.sampler.get(), run.schedule, plan.prediction, &x);
          EXPECT_EQ(expected, x.values()) << layout.what;
          Tensor strided(dtype, plan.shape, layout.strides, layout.room, layout.first);
          NWR_ASSERT_OK(nwr_sampler_denoised(run.sampler.get(), strided));
          EXPECT_EQ(data, strided.values()) << layout.what;
          // Between its elements nothing has been touched.
          Tensor blanked = x;
          blanked.fill(before.values());
          EXPECT_EQ(before.bytes(), blanked.bytes()) << layout.what;
        }
      }
    }
  }
}

TEST(SameBits, InterleavedStateAndOutput) {
  // Real and imaginary parts, so to speak: neighbours in memory that share no element.
  Plan plan;
  plan.shape = {4, 6};
  const auto expected = Job(plan).finish().x.values();
  Job run(plan);
  std::vector<float> both(48);
  const int64_t strides[] = {12, 2};
  nwr_tensor x = run.x.view(), y = x;
  x.strides = y.strides = strides;
  x.data = both.data(), y.data = both.data() + 1;
  NWR_ASSERT_OK(nwr_sampler_start(run.sampler.get(), &x, plan.start));
  for (uint32_t i = 0; i < plan.steps; ++i) {
    const nwr_coeffs c = coeffs_at(run.schedule, run.next().t);
    for (size_t k = 0; k < 48; k += 2) {
      both[k + 1] =
          static_cast<float>(Gaussian{}.predict(plan.prediction, c, static_cast<double>(both[k])));
    }
    NWR_ASSERT_OK(nwr_sampler_step(run.sampler.get(), &x, &y, 1));
  }
  for (size_t k = 0; k < 24; ++k) EXPECT_EQ(expected[k], static_cast<double>(both[2 * k]));
}

TEST(SameBits, OutputsMayHaveAnotherType) {
  Plan plan;
  plan.sampler = "dpmpp-2m", plan.dtype = NWR_F32, plan.prediction = NWR_DATA;
  Job run(plan), other(plan);
  for (uint32_t i = 0; i < plan.steps; ++i) {
    // Numbers that f16 holds exactly: only the type differs, not the value.
    Tensor wide(NWR_F32, plan.shape), narrow(NWR_F16, plan.shape);
    const auto values = numbers(24, i);
    for (size_t k = 0; k < 24; ++k) {
      narrow.set(k, values[k]);
      wide.set(k, narrow.get(k));
    }
    NWR_ASSERT_OK(nwr_sampler_step(run.sampler.get(), run.x, wide, 1));
    NWR_ASSERT_OK(nwr_sampler_step(other.sampler.get(), other.x, narrow, 1));
  }
  EXPECT_EQ(run.x.bytes(), other.x.bytes());
}

uint64_t digest() {
  uint64_t hash = 1469598103934665603u;
  for (const char* sampler : kSamplers) {
    for (const nwr_dtype dtype : kDtypes) {
      Plan plan;
      plan.sampler = sampler, plan.dtype = dtype, plan.shape = {3, 333}, plan.steps = 4;
      for (const unsigned char byte : bits(plan)) hash = (hash ^ byte) * 1099511628211u;
    }
  }
  return hash;
}

// The choice is made once in a process, so each set has a process of its own.
TEST(SameBits, EveryInstructionSet) {
  if (std::getenv("NWR_TEST_DIGEST")) {
    std::printf("digest %llu\n", static_cast<unsigned long long>(digest()));
    return;
  }
  char self[4096];
  const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  ASSERT_GT(length, 0);
  self[length] = '\0';
  const auto digest_with = [&](const char* isa) {
    const std::string command = std::string("NWR_TEST_DIGEST=1 NWR_ISA=") + isa + " '" + self +
                                "' --gtest_filter=SameBits.EveryInstructionSet";
    std::string text;
    FILE* const pipe = popen(command.c_str(), "r");
    char line[256];
    while (pipe && std::fgets(line, sizeof line, pipe)) {
      if (std::strncmp(line, "digest ", 7) == 0) text = line + 7;
    }
    EXPECT_TRUE(pipe && pclose(pipe) == 0) << command;
    return text;
  };
  const std::string expected = std::to_string(digest()) + "\n";
  for (const char* isa : {"baseline", "avx2", "avx512"})
    EXPECT_EQ(expected, digest_with(isa)) << isa;
}

}  // namespace
}  // namespace nwr_test
