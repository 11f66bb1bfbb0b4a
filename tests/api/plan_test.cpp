// SPDX-License-Identifier: Apache-2.0
// Owns the proof that a plan is the whole run: plain loops over its numbers give the sampler's
// bits. Must not know what stands in a plan's lines.
#include <cstdlib>

#include "support.hpp"

namespace nwr_test {
namespace {

constexpr size_t kBatch = 3, kInner = 4, kCount = kBatch * kInner;

struct Asked {
  std::string sampler;
  std::string schedule = "vp";
  std::vector<double> times = {};
  uint32_t rows = 0;
};

using Array = std::vector<double>;

Array model(const Schedule& schedule, const double* t, size_t rows, const Array& x, double push) {
  Array out(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const nwr_coeffs c = coeffs_at(schedule, t[rows > 1 ? i / kInner : 0]);
    out[i] = Gaussian{}.predict(NWR_VELOCITY, c, x[i]) + push;
  }
  return out;
}

nwr_sampler_options options_of(const Asked& s, const nwr_rng& rng) {
  auto o = sized<nwr_sampler_options>();
  o.name = s.sampler.c_str();
  o.prediction = NWR_VELOCITY;
  o.steps = s.times.empty() ? 5 : 0;
  o.times = s.times.empty() ? nullptr : s.times.data();
  o.time_rows = s.rows;
  o.time_count = static_cast<uint32_t>(s.times.size() / std::max(s.rows, 1u));
  o.rngs = &rng;
  o.rng_count = 1;
  return o;
}

// What the sampler makes of its own prior.
Array by_sampler(const Context&, const Schedule& schedule, nwr_sampler* sampler, Array* begin,
                 bool states) {
  Tensor x(NWR_F64, {kBatch, kInner});
  x.fill(*begin);
  NWR_EXPECT_OK(nwr_sampler_start(sampler, x, NWR_START_STATE));
  (void)states;
  auto eval = sized<nwr_eval>();
  while (nwr_sampler_next(sampler, &eval) == NWR_OK) {
    std::vector<Tensor> outputs(3, x);
    std::vector<nwr_tensor> views;
    for (uint32_t k = 0; k < eval.output_count; ++k) {
      outputs[k].fill(model(schedule, eval.t_rows, eval.row_count, x.values(), 0.125 * k));
    }
    for (const Tensor& t : outputs) views.push_back(t.view());
    NWR_EXPECT_OK(nwr_sampler_step(sampler, x, views.data(), eval.output_count));
  }
  return x.values();
}

Array normals(const Context& context, nwr_rng* rng) {
  Tensor out(NWR_F64, {kBatch, kInner});
  NWR_EXPECT_OK(nwr_random_fill(context.get(), NWR_NORMAL, rng, 1, out));
  rng->offset += kCount;
  return out.values();
}

Array by_plan(const Context& context, const Schedule& schedule, const nwr_sampler* sampler,
              nwr_rng rng, Array x) {
  auto plan = sized<nwr_plan>();
  NWR_EXPECT_OK(nwr_sampler_plan(sampler, 0, &plan));
  std::vector<Array> slots(plan.slot_count, Array(kCount));
  if (plan.opening) {
    const Array noise = normals(context, &rng);
    for (size_t i = 0; i < kCount; ++i) {
      const double* f = plan.opening + (plan.row_count > 1 ? i / kInner : 0) * 2;
      x[i] = f[0] * x[i] + (f[1] == 0 ? 0 : f[1] * noise[i]);
    }
  }
  for (size_t e = 0; e < plan.count; ++e) {
    NWR_EXPECT_OK(nwr_sampler_plan(sampler, e, &plan));
    const size_t width = plan.input_count + 1;
    std::vector<Array> in, out;
    for (uint32_t k = 0; k < plan.input_count; ++k) {
      const int32_t what = plan.inputs[k];
      in.push_back(what == NWR_PLAN_STATE ? x
                   : what < NWR_PLAN_SLOT ? model(schedule, plan.t_rows, plan.row_count, x,
                                                  0.125 * (what - NWR_PLAN_MODEL))
                                          : slots[static_cast<size_t>(what - NWR_PLAN_SLOT)]);
    }
    bool draws = false;
    for (size_t i = 0; i < plan.row_count * plan.output_count; ++i) {
      draws = draws || plan.factors[i * width + plan.input_count] != 0;
    }
    const Array noise = draws ? normals(context, &rng) : Array(kCount);
    for (uint32_t j = 0; j < plan.output_count; ++j) {
      out.emplace_back(kCount);
      for (size_t i = 0; i < kCount; ++i) {
        const size_t row = plan.row_count > 1 ? i / kInner : 0;
        const double* f = plan.factors + (row * plan.output_count + j) * width;
        double sum = 0;
        bool empty = true;
        for (size_t k = 0; k < width; ++k) {
          if (f[k] == 0) continue;
          const double term = f[k] * (k < plan.input_count ? in[k][i] : noise[i]);
          sum = empty ? term : sum + term;
          empty = false;
        }
        out[j][i] = sum;
      }
    }
    for (uint32_t j = 0; j < plan.output_count; ++j) {
      const int32_t what = plan.outputs[j];
      (what == NWR_PLAN_STATE ? x : slots[static_cast<size_t>(what - NWR_PLAN_SLOT)]) = out[j];
    }
  }
  return x;
}

void expect_same(const Asked& setup) {
  SCOPED_TRACE(setup.sampler);
  const Context context = make_context();
  const Schedule schedule = make_schedule(setup.schedule.c_str());
  const nwr_rng rng = {8, 1, 0};
  const nwr_sampler_options options = options_of(setup, rng);
  const Sampler sampler = make_sampler(context, schedule, options);
  ASSERT_TRUE(sampler);
  Array begin = numbers(kCount, 3);
  const Array expected = by_sampler(context, schedule, sampler.get(), &begin, true);
  const Array found = by_plan(context, schedule, sampler.get(), rng, begin);
  ASSERT_EQ(expected, found);
}

TEST(Plan, IsTheWholeRunOfEverySamplerInTheCatalogue) {
  size_t count = 0;
  for (size_t i = 0; i < nwr_catalog_size(NWR_DOMAIN_SAMPLER); ++i) {
    auto entry = sized<nwr_entry>();
    NWR_ASSERT_OK(nwr_catalog_entry(NWR_DOMAIN_SAMPLER, i, &entry));
    if (entry.flags & NWR_ENTRY_ADAPTIVE) continue;
    Asked setup;
    setup.sampler = entry.name;
    setup.times = {0.9, 0.7, 0.5, 0.35, 0.2, 0.05};
    expect_same(setup);
    ++count;
  }
  EXPECT_GT(count, 60u);
}

TEST(Plan, HasGuidanceRowsOpeningsAndTurns) {
  expect_same({"dpmpp-2m(guidance=4,guidance_begin=0.25,guidance_end=0.8)"});
  expect_same({"heun(guidance=2,guidance_image=1.5)"});
  expect_same({"ddim(guidance=0.6,cfg_pp=yes)"});
  expect_same({"edm(s_churn=3)", "edm"});
  expect_same({"heun", "linear", {0.1, 0.5, 1, 0.2, 0.4, 0.8, 0, 0.9, 1}, 3});
  expect_same({"ddim(eta=1)", "vp", {0.9, 0.5, 0.7, 0.4, 0.2, 0}});
}

TEST(Plan, IsJson) {
  const Context context = make_context();
  const Schedule schedule = make_schedule("vp");
  const nwr_rng rng = {};
  Asked setup = {"dpmpp-2m(guidance=3)"};
  const nwr_sampler_options options = options_of(setup, rng);
  const Sampler sampler = make_sampler(context, schedule, options);
  const char *text = nullptr, *again = nullptr;
  NWR_ASSERT_OK(nwr_sampler_plan_json(sampler.get(), &text));
  NWR_ASSERT_OK(nwr_sampler_plan_json(sampler.get(), &again));
  EXPECT_EQ(text, again);
  for (const char* part : {"\"format\":\"noisewright-plan-1\"", "\"model1\"", "\"slot0\"",
                           "\"sampler\":\"dpmpp-2m", "\"schedule\":\"vp", "\"end\""}) {
    EXPECT_NE(nullptr, std::strstr(text, part)) << part;
  }
}

TEST(Plan, AsJsonHasItsOpeningAndInfiniteClocks) {
  const Context context = make_context();
  const nwr_rng rng = {};
  const Schedule edm = make_schedule("edm");
  const Asked churns = {"edm(s_churn=3)"};
  const Sampler opens = make_sampler(context, edm, options_of(churns, rng));
  auto plan = sized<nwr_plan>();
  NWR_ASSERT_OK(nwr_sampler_plan(opens.get(), 0, &plan));
  ASSERT_NE(nullptr, plan.opening);
  const char* text = nullptr;
  NWR_ASSERT_OK(nwr_sampler_plan_json(opens.get(), &text));
  const char* key = "\"opening\":[[";
  const char* at = std::strstr(text, key);
  ASSERT_NE(nullptr, at) << text;
  char* end;
  EXPECT_EQ(plan.opening[0], std::strtod(at + std::strlen(key), &end));
  ASSERT_EQ(',', *end);
  EXPECT_EQ(plan.opening[1], std::strtod(end + 1, &end));
  EXPECT_EQ(']', *end);

  const Schedule linear = make_schedule("linear");
  const Asked euler = {"euler"};
  nwr_sampler_options options = options_of(euler, rng);
  options.clock = NWR_CLOCK_LOGSNR;
  const Sampler from_noise = make_sampler(context, linear, options);
  NWR_ASSERT_OK(nwr_sampler_plan_json(from_noise.get(), &text));
  EXPECT_NE(nullptr, std::strstr(text, "\"clock\":[\"-Infinity\"]")) << text;
  EXPECT_NE(nullptr, std::strstr(text, "\"clock\":[\"Infinity\"]")) << text;
}

TEST(Plan, IsRefusedWhereFactorsDoNotSayAll) {
  const Context context = make_context();
  const Schedule schedule = make_schedule("vp");
  const nwr_rng rng = {};
  for (const char* name : {"dpm-adaptive", "euler(clip=1)", "ddpm(variance=learned_range)",
                           "euler(guidance=3,guidance_rescale=0.5)"}) {
    Asked setup = {name};
    const nwr_sampler_options options = options_of(setup, rng);
    const Sampler sampler = make_sampler(context, schedule, options);
    auto plan = sized<nwr_plan>();
    const char* text = nullptr;
    EXPECT_EQ(NWR_ERROR_UNSUPPORTED, nwr_sampler_plan(sampler.get(), 0, &plan)) << name;
    EXPECT_NE(nullptr, std::strstr(nwr_last_error(), "sampler is ")) << nwr_last_error();
    EXPECT_EQ(NWR_ERROR_UNSUPPORTED, nwr_sampler_plan_json(sampler.get(), &text)) << name;
    EXPECT_EQ(nullptr, text);
  }
  Asked setup = {"euler"};
  const nwr_sampler_options options = options_of(setup, rng);
  const Sampler sampler = make_sampler(context, schedule, options);
  auto plan = sized<nwr_plan>();
  NWR_EXPECT_OK(nwr_sampler_plan(sampler.get(), 5, &plan));
  EXPECT_EQ(0u, plan.input_count);
  EXPECT_EQ(NWR_ERROR_INVALID_ARGUMENT, nwr_sampler_plan(sampler.get(), 6, &plan));
}

}  // namespace
}  // namespace nwr_test
