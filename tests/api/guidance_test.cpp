// SPDX-License-Identifier: Apache-2.0
// Owns the tests of guidance inside the step, of limits of data and of learned variance, through
// the C API. Must not know how factors are made.
#include "support.hpp"

namespace nwr_test {
namespace {

// What a model with and without its condition, and of its variance, answers: each of the Gaussians
// a little further off.
struct Case {
  std::string sampler = "euler";
  std::string schedule = "cosine";
  nwr_quantity prediction = NWR_VELOCITY;
  nwr_dtype dtype = NWR_F64;
  std::vector<int64_t> shape = {3, 5, 7};
  uint32_t steps = 8;
  std::vector<double> shifts = {0.25, -0.125, -0.5};
  double variance = 0;  // the last output, if variance=learned_range
  size_t first_sample = 0;
  size_t break_at = 1000;  // save and load before that evaluation
  uint32_t threads = 1;

  bool learned() const { return sampler.find("learned_range") != std::string::npos; }
};

struct Result {
  std::vector<uint32_t> outputs;  // of each evaluation
  std::vector<double> x;
  std::vector<unsigned char> bytes;
  std::vector<std::vector<double>> denoised;
};

Result run(const Case& r) {
  const Context context = make_context(r.threads);
  const Schedule schedule = make_schedule(r.schedule.c_str());
  std::vector<nwr_rng> rngs;
  for (int64_t i = 0; i < r.shape[0]; ++i) {
    rngs.push_back({4, static_cast<uint64_t>(i) + r.first_sample, 0});
  }
  auto options = sized<nwr_sampler_options>();
  options.name = r.sampler.c_str();
  options.prediction = r.prediction;
  options.steps = r.steps;
  options.flags = NWR_SAMPLER_KEEP_DENOISED;
  options.rngs = rngs.data();
  options.rng_count = static_cast<uint32_t>(rngs.size());
  Sampler sampler = make_sampler(context, schedule, options);
  Result result;
  if (!sampler) return result;
  Tensor x(r.dtype, r.shape);
  NWR_EXPECT_OK(nwr_sampler_start(sampler.get(), x, NWR_START_PRIOR));
  auto eval = sized<nwr_eval>();
  while (nwr_sampler_next(sampler.get(), &eval) == NWR_OK) {
    if (eval.index == r.break_at) {
      size_t size = 0;
      NWR_EXPECT_OK(nwr_sampler_save(sampler.get(), nullptr, 0, &size));
      std::vector<unsigned char> bytes(size);
      NWR_EXPECT_OK(nwr_sampler_save(sampler.get(), bytes.data(), size, &size));
      nwr_sampler* loaded = nullptr;
      NWR_EXPECT_OK(nwr_sampler_load(context.get(), schedule.get(), bytes.data(), size, &loaded));
      sampler.reset(loaded);
      // What it told is gone with the sampler before.
      NWR_EXPECT_OK(nwr_sampler_next(sampler.get(), &eval));
    }
    result.outputs.push_back(eval.output_count);
    std::vector<Tensor> outputs(4, x);
    for (uint32_t k = 0; k < eval.output_count; ++k) {
      // The unconditional output is the last, however many there are.
      const bool last = k + 1 == eval.output_count - (r.learned() ? 1 : 0) && k > 0;
      evaluate(Gaussian{}, schedule, r.prediction, eval, x, &outputs[k], r.shifts[last ? 2 : k]);
    }
    if (r.learned()) {
      outputs[eval.output_count - 1].fill(std::vector<double>(x.count(), r.variance));
    }
    std::vector<nwr_tensor> views;
    for (Tensor& t : outputs) views.push_back(t.view());
    NWR_EXPECT_OK(nwr_sampler_step(sampler.get(), x, views.data(), eval.output_count));
    Tensor denoised(NWR_F64, r.shape);
    NWR_EXPECT_OK(nwr_sampler_denoised(sampler.get(), denoised));
    result.denoised.emplace_back();
    for (size_t i = 0; i < x.count(); ++i) result.denoised.back().push_back(denoised.get(i));
  }
  for (size_t i = 0; i < x.count(); ++i) result.x.push_back(x.get(i));
  result.bytes = x.bytes();
  return result;
}

void expect_near(const Result& a, const Result& b, double tolerance) {
  ASSERT_EQ(a.x.size(), b.x.size());
  for (size_t i = 0; i < a.x.size(); ++i) ASSERT_NEAR(a.x[i], b.x[i], tolerance) << i;
}

const char* const kMethods[] = {
    "guidance=4,guidance_method=zero_star",
    "guidance=4,guidance_method=projected,guidance_norm=1.5,guidance_momentum=-0.5",
    "guidance=4,guidance_method=tangential",
    "guidance=4,guidance_method=decaying,guidance_decay=0.5",
    "guidance=4,guidance_rescale=0.7",
    "guidance=3,guidance_image=1.5,guidance_rescale=0.5"};
const char* const kSteps[] = {"euler", "heun", "ddim(eta=0.5)", "dpmpp-2m", "unipc", "ddpm"};

std::string with(const std::string& sampler, const std::string& settings) {
  if (sampler.back() != ')') return sampler + "(" + settings + ")";
  return sampler.substr(0, sampler.size() - 1) + "," + settings + ")";
}

TEST(GuidedStep, OfEqualOutputsIsThePlainStep) {
  for (const char* sampler : kSteps) {
    Case plain;
    plain.sampler = sampler;
    plain.shifts = {0.25, 0.25, 0.25};
    const Result expected = run(plain);
    for (const char* settings :
         {"guidance=5", "guidance=5,guidance_from=conditional", "guidance=5,guidance_rescale=1",
          "guidance=2,guidance_image=3", "guidance=5,guidance_method=zero_star",
          "guidance=5,guidance_method=decaying", "guidance=5,guidance_method=tangential",
          "guidance=5,guidance_method=projected,guidance_norm=1,guidance_momentum=-0.5",
          "guidance=5,cfg_pp=yes", "guidance=5,cfg_pp=comfy"}) {
      Case guided = plain;
      guided.sampler = with(sampler, settings);
      SCOPED_TRACE(guided.sampler);
      expect_near(run(guided), expected, 1e-6);
    }
  }
}

TEST(GuidedStep, ActsInItsIntervalAloneAndAsksForNoMore) {
  Case r;
  r.sampler = "heun(guidance=3,guidance_begin=0.25,guidance_end=0.75)";
  Case off = r;
  off.sampler = "heun";
  const Result found = run(r), none = run(off);
  const size_t count = found.outputs.size();
  ASSERT_EQ(count, none.outputs.size());
  for (size_t i = 0; i < count; ++i) {
    const size_t step = i / 2;
    EXPECT_EQ(found.outputs[i], step >= 2 && step < 6 ? 2u : 1u) << i;
  }
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(found.denoised[i], none.denoised[i]);
  EXPECT_NE(found.x, none.x);
  // By noise level: the whole run, and no part of it.
  r.sampler = "heun(guidance=3,guidance_low=0,guidance_high=1e299)";
  EXPECT_EQ(run(r).outputs[1], 2u);
  r.sampler = "heun(guidance=3,guidance_low=1e5)";
  const Result low = run(r);
  EXPECT_EQ(low.outputs[count - 1], 1u);
}

TEST(GuidedStep, ZeroInitTakesTheFirstOutputsForNothing) {
  Case r;
  r.schedule = "linear";
  r.sampler = "euler(guidance=3,zero_init=2)";
  r.steps = 2;
  const Result found = run(r);
  EXPECT_EQ(found.outputs, (std::vector<uint32_t>{1, 1}));
  // A velocity of 0 moves nothing; the last step goes to what that says of data.
  const Context context = make_context();
  Tensor prior(NWR_F64, r.shape);
  std::vector<nwr_rng> rngs = {{4, 0, 0}, {4, 1, 0}, {4, 2, 0}};
  NWR_ASSERT_OK(nwr_random_fill(context.get(), NWR_NORMAL, rngs.data(), 3, prior));
  for (size_t i = 0; i < prior.count(); ++i) EXPECT_NEAR(found.x[i], prior.get(i), 1e-12);
}

TEST(GuidedStep, KeepsTheBitsOfBatchesThreadsAndSavedRuns) {
  for (const char* sampler : kSteps) {
    for (const char* settings : kMethods) {
      for (const char* limit : {"", ",threshold=0.9,threshold_max=3", ",clip=0.8"}) {
        for (const nwr_dtype dtype : {NWR_F32, NWR_BF16}) {
          Case whole;
          whole.sampler = with(sampler, std::string(settings) + limit);
          whole.dtype = dtype;
          SCOPED_TRACE(whole.sampler);
          const Result expected = run(whole);
          ASSERT_FALSE(expected.x.empty());
          for (const double x : expected.x) ASSERT_TRUE(std::isfinite(x));
          Case broken = whole;
          broken.break_at = 4;
          EXPECT_EQ(run(broken).bytes, expected.bytes);
          Case threads = whole;
          threads.threads = 3;
          EXPECT_EQ(run(threads).bytes, expected.bytes);
          std::vector<unsigned char> alone;
          for (size_t i = 0; i < 3; ++i) {
            Case one = whole;
            one.shape[0] = 1;
            one.first_sample = i;
            const auto bytes = run(one).bytes;
            alone.insert(alone.end(), bytes.begin(), bytes.end());
          }
          EXPECT_EQ(alone, expected.bytes);
        }
      }
    }
  }
}

TEST(CfgPlusPlus, TakesItsNoiseFromTheUnconditionalOutput) {
  // Chung et al. 2406.08070, algorithm 2: x' = alpha' D(guided) + sigma' E(unconditional).
  Case r;
  r.sampler = "ddim(guidance=0.6,cfg_pp=yes)";
  r.steps = 1;
  r.prediction = NWR_DATA;
  r.schedule = "linear";
  const Context context = make_context();
  const Schedule schedule = make_schedule("linear");
  auto options = sized<nwr_sampler_options>();
  const double times[] = {0.25, 0.75};
  options.name = r.sampler.c_str();
  options.prediction = NWR_DATA;
  options.times = times;
  options.time_count = 2;
  const Sampler sampler = make_sampler(context, schedule, options);
  Tensor x(NWR_F64, {1, 4}), c(NWR_F64, {1, 4}), u(NWR_F64, {1, 4});
  x.fill({1, 2, 3, 4}), c.fill({0.5, 0.25, -1, 2}), u.fill({0.1, -0.2, 0.3, 1});
  const Tensor before = x;
  NWR_ASSERT_OK(nwr_sampler_start(sampler.get(), x, NWR_START_STATE));
  const nwr_tensor outputs[] = {c.view(), u.view()};
  NWR_ASSERT_OK(nwr_sampler_step(sampler.get(), x, outputs, 2));
  for (size_t i = 0; i < 4; ++i) {
    const double data = 0.6 * c.get(i) + 0.4 * u.get(i);
    const double noise = (before.get(i) - 0.25 * u.get(i)) / 0.75;
    EXPECT_NEAR(x.get(i), 0.75 * data + 0.25 * noise, 1e-14);
  }
}

TEST(Limits, HoldTheDataOfEveryEvaluation) {
  for (const char* sampler : kSteps) {
    for (const nwr_dtype dtype : {NWR_F32, NWR_F64, NWR_F16}) {
      Case r;
      r.dtype = dtype;
      r.sampler = with(sampler, "clip=0.4");
      Case free = r;
      free.sampler = sampler;
      const Result found = run(r);
      bool beyond = false, at_bound = false;
      for (const auto& data : run(free).denoised) {
        for (const double x : data) beyond = beyond || std::fabs(x) > 0.5;
      }
      ASSERT_TRUE(beyond) << "nothing to clip in " << sampler;
      for (const auto& data : found.denoised) {
        for (const double x : data) {
          ASSERT_LE(std::fabs(x), 0.4 * (1 + 1e-3)) << sampler;
          at_bound = at_bound || std::fabs(x) > 0.399;
        }
      }
      EXPECT_TRUE(at_bound);
      // Where nothing is beyond the bound, nothing changes but rounding.
      r.sampler = with(sampler, "clip=1e6");
      expect_near(run(r), run(free), dtype == NWR_F16 ? 0.02 : dtype == NWR_F32 ? 2e-5 : 1e-12);
    }
  }
}

TEST(Limits, ThresholdIsTheQuantileOfEachSample) {
  Case r;
  r.sampler = "euler(threshold=0.5,threshold_max=100)";
  r.prediction = NWR_DATA;
  r.steps = 1;
  Case free = r;
  free.sampler = "euler";
  const auto limited = run(r).denoised[0], data = run(free).denoised[0];
  const size_t inner = data.size() / 3;
  for (size_t row = 0; row < 3; ++row) {
    std::vector<double> sorted;
    for (size_t i = 0; i < inner; ++i) sorted.push_back(std::fabs(data[row * inner + i]));
    std::sort(sorted.begin(), sorted.end());
    const double s = std::max(1.0, sorted[(inner - 1) / 2]);
    for (size_t i = 0; i < inner; ++i) {
      const double x = data[row * inner + i];
      ASSERT_NEAR(limited[row * inner + i], std::min(std::max(x, -s), s) / s, 1e-14);
    }
  }
}

TEST(LearnedVariance, GoesFromSmallToLarge) {
  for (const double v : {-1.0, 1.0, 0.0}) {
    Case learned;
    learned.sampler = "ddpm(variance=learned_range)";
    learned.variance = v;
    Case fixed = learned;
    fixed.sampler = v < 0 ? "ddpm" : "ddpm(variance=large)";
    const Result found = run(learned);
    EXPECT_EQ(found.outputs, std::vector<uint32_t>(8, 2));
    if (v != 0) {
      expect_near(found, run(fixed), 1e-12);
    } else {
      const Result small = [&] { return fixed.sampler = "ddpm", run(fixed); }();
      const Result large = [&] { return fixed.sampler = "ddpm(variance=large)", run(fixed); }();
      EXPECT_NE(found.x, small.x);
      EXPECT_NE(found.x, large.x);
    }
  }
}

TEST(GuidedStep, RefusesWhatContradictsItself) {
  const Context context = make_context();
  const Schedule schedule = make_schedule("cosine");
  for (const auto& [sampler, text] : std::vector<std::pair<const char*, const char*>>{
           {"euler(clip=1,threshold=0.9)", "clip is 1 and threshold 0.9"},
           {"euler(guidance_image=2,guidance_method=projected)", "guidance_image is 2"},
           {"euler(guidance_image=2,cfg_pp=yes)", "guidance_image is 2"},
           {"euler(threshold=1.5)", "threshold"},
           {"euler(clip=-1)", "clip"},
           {"euler(guidance_method=best)", "guidance_method"}}) {
    auto options = sized<nwr_sampler_options>();
    options.name = sampler;
    nwr_sampler* made = nullptr;
    EXPECT_EQ(NWR_ERROR_INVALID_ARGUMENT,
              nwr_sampler_create(context.get(), schedule.get(), &options, &made))
        << sampler;
    EXPECT_NE(nullptr, std::strstr(nwr_last_error(), text)) << nwr_last_error();
    EXPECT_EQ(nullptr, made);
  }
}

TEST(GuidedStep, RefusesAnotherNumberOfOutputs) {
  const Context context = make_context();
  const Schedule schedule = make_schedule("cosine");
  auto options = sized<nwr_sampler_options>();
  options.name = "euler(guidance=3,guidance_end=0.5)";
  options.steps = 2;
  const Sampler sampler = make_sampler(context, schedule, options);
  Tensor x(NWR_F64, {1, 4});
  x.fill({1, 2, 3, 4});
  Tensor output = x;
  NWR_ASSERT_OK(nwr_sampler_start(sampler.get(), x, NWR_START_STATE));
  const nwr_tensor outputs[] = {output.view(), output.view()};
  EXPECT_EQ(NWR_ERROR_INVALID_ARGUMENT, nwr_sampler_step(sampler.get(), x, outputs, 1));
  NWR_ASSERT_OK(nwr_sampler_step(sampler.get(), x, outputs, 2));
  EXPECT_EQ(NWR_ERROR_INVALID_ARGUMENT, nwr_sampler_step(sampler.get(), x, outputs, 2));
  NWR_ASSERT_OK(nwr_sampler_step(sampler.get(), x, outputs, 1));
}

}  // namespace
}  // namespace nwr_test
