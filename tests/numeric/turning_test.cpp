// SPDX-License-Identifier: Apache-2.0
// Owns the proof that times which turn back are the forward process and a fresh run behind it, that
// noise after the model is right for data at one point, and that a model trained on one schedule
// samples on another. Must not know how any of it is implemented.
#include "api/support.hpp"

namespace nwr_test {
namespace {

double data_of(const nwr_coeffs& c, double x) {
  const double variance = c.alpha * c.alpha * 0.49 + c.sigma * c.sigma;
  return 0.3 + c.alpha * 0.49 / variance * (x - c.alpha * 0.3);
}

double normal_of(uint64_t draw, size_t i) {
  return std::sin(12.9 * static_cast<double>(draw) + 78.2 * static_cast<double>(i));
}

constexpr size_t kPoints = 9;

struct Walk {
  std::vector<double> x;
  std::vector<uint32_t> noises;
  uint64_t draws = 0;
};

// A run from x on; its draws are counted from first.
Walk walk(const Schedule& schedule, const std::string& sampler, const std::vector<double>& times,
          const std::vector<double>& begin, uint64_t first, uint32_t flags = 0) {
  struct Source {
    uint64_t first, made;
  } source{first, 0};
  const Context context = make_context();
  auto options = sized<nwr_sampler_options>();
  options.name = sampler.c_str(), options.prediction = NWR_DATA, options.flags = flags;
  options.times = times.data(), options.time_count = static_cast<uint32_t>(times.size());
  options.user = &source;
  options.noise = [](void* user, uint64_t draw, const nwr_tensor* out) -> int32_t {
    auto& s = *static_cast<Source*>(user);
    ++s.made;
    for (size_t i = 0; i < kPoints; ++i) {
      static_cast<double*>(out->data)[i] = normal_of(s.first + draw, i);
    }
    return 0;
  };
  const Sampler run = make_sampler(context, schedule, options);
  Tensor x = Tensor(NWR_F64, {kPoints}).fill(begin), y = x;
  NWR_EXPECT_OK(nwr_sampler_start(run.get(), x, NWR_START_STATE));
  Walk out;
  auto eval = sized<nwr_eval>();
  while (nwr_sampler_next(run.get(), &eval) == NWR_OK) {
    out.noises.push_back(eval.noises);
    nwr_status status;
    if (eval.noises == 1) {
      status = nwr_sampler_step(run.get(), x, nullptr, 0);
    } else {
      const nwr_coeffs c = coeffs_at(schedule, eval.t);
      for (size_t i = 0; i < kPoints; ++i) y.set(i, data_of(c, x.get(i)));
      status = nwr_sampler_step(run.get(), x, y, 1);
    }
    NWR_EXPECT_OK(status);
    if (status != NWR_OK) break;
  }
  EXPECT_EQ(times.back(), eval.t);
  out.x = x.values();
  out.draws = source.made;
  return out;
}

std::vector<double> line(double first, double last) {
  std::vector<double> x(kPoints);
  for (size_t i = 0; i < kPoints; ++i) {
    x[i] = first + (last - first) * static_cast<double>(i) / (kPoints - 1);
  }
  return x;
}

TEST(Turning, IsTheForwardProcessAndAFreshRunForEverySampler) {
  for (const char* name : {"linear", "vp"}) {
    const Schedule schedule = make_schedule(name);
    auto info = sized<nwr_schedule_info>();
    NWR_ASSERT_OK(nwr_schedule_get_info(schedule.get(), &info));
    // As parts of the way from noise to data.
    std::vector<double> first = {0.2, 0.4, 0.6}, up = {0.5, 0.3}, second = {0.3, 0.5, 0.7, 0.8};
    for (auto* part : {&first, &up, &second}) {
      for (double& t : *part) t = info.t_noise + (info.t_data - info.t_noise) * t;
    }
    std::vector<double> all = first;
    all.insert(all.end(), up.begin(), up.end());
    all.insert(all.end(), second.begin() + 1, second.end());
    for (size_t k = 0; k < nwr_catalog_size(NWR_DOMAIN_SAMPLER); ++k) {
      auto entry = sized<nwr_entry>();
      NWR_ASSERT_OK(nwr_catalog_entry(NWR_DOMAIN_SAMPLER, k, &entry));
      SCOPED_TRACE(std::string(name) + " " + entry.name);
      // Their times go one way (Adaptive.RefusesWhatItCannotDo).
      if (entry.flags & NWR_ENTRY_ADAPTIVE) continue;
      for (const uint32_t flags : {0u, uint32_t{NWR_SAMPLER_KEEP_DENOISED}}) {
        const Walk turned = walk(schedule, entry.name, all, line(-2, 2), 0, flags);
        const Walk before = walk(schedule, entry.name, first, line(-2, 2), 0);
        std::vector<double> x = before.x;
        nwr_coeffs a = coeffs_at(schedule, first.back());
        for (size_t j = 0; j < up.size(); ++j) {
          const nwr_coeffs b = coeffs_at(schedule, up[j]);
          const double keep = b.alpha / a.alpha;
          const double added = std::sqrt(b.sigma * b.sigma - keep * keep * a.sigma * a.sigma);
          for (size_t i = 0; i < kPoints; ++i) {
            x[i] = keep * x[i] + added * normal_of(before.draws + j, i);
          }
          a = b;
        }
        const Walk behind = walk(schedule, entry.name, second, x, before.draws + up.size());
        EXPECT_EQ(before.draws + up.size() + behind.draws, turned.draws);
        for (size_t i = 0; i < kPoints; ++i) EXPECT_NEAR(behind.x[i], turned.x[i], 1e-13);
        std::vector<uint32_t> noises(before.noises.size(), 0);
        noises.insert(noises.end(), up.size(), 1);
        noises.insert(noises.end(), behind.noises.size(), 0);
        EXPECT_EQ(noises, turned.noises);
      }
    }
  }
}

// Two samples with times and generators of their own, in one run or in two, saved at any
// evaluation.
TEST(Turning, HasTheSameBitsInRowsAndWhenResumed) {
  const Context context = make_context();
  const Schedule schedule = make_schedule("linear");
  const std::vector<double> times = {0.1, 0.4, 0.7, 0.5, 0.2, 0.6, 0.9,
                                     0.2, 0.5, 0.6, 0.5, 0.5, 0.8, 1};
  const nwr_rng rngs[2] = {{4, 0, 0}, {5, 1, 8}};
  const auto sample = [&](const char* sampler, uint32_t row, uint32_t rows, uint32_t resume) {
    auto options = sized<nwr_sampler_options>();
    options.name = sampler, options.prediction = NWR_DATA;
    options.times = times.data() + 7 * row, options.time_count = 7, options.time_rows = rows;
    options.rngs = rngs + row, options.rng_count = rows;
    Sampler run = make_sampler(context, schedule, options);
    Tensor x(NWR_F32, {static_cast<int64_t>(rows), 5}), y = x;
    for (size_t i = 0; i < x.count(); ++i) x.set(i, std::cos(static_cast<double>(i + 5 * row)));
    NWR_EXPECT_OK(nwr_sampler_start(run.get(), x, NWR_START_STATE));
    auto eval = sized<nwr_eval>();
    while (nwr_sampler_next(run.get(), &eval) == NWR_OK) {
      if (eval.index == resume) {
        size_t size = 0;
        NWR_EXPECT_OK(nwr_sampler_save(run.get(), nullptr, 0, &size));
        std::vector<char> saved(size);
        NWR_EXPECT_OK(nwr_sampler_save(run.get(), saved.data(), size, &size));
        nwr_sampler* loaded = nullptr;
        NWR_EXPECT_OK(nwr_sampler_load(context.get(), schedule.get(), saved.data(), size, &loaded));
        run.reset(loaded);
        NWR_EXPECT_OK(nwr_sampler_next(run.get(), &eval));
      }
      for (size_t i = 0; i < x.count(); ++i)
        y.set(i, data_of(coeffs_at(schedule, eval.t_rows[i / 5]), x.get(i)));
      if (nwr_sampler_step(run.get(), x, y, 1) != NWR_OK) {
        ADD_FAILURE() << nwr_last_error();
        break;
      }
    }
    return x.bytes();
  };
  for (const char* sampler : {"dpmpp-2m-sde", "heun", "unipc", "dpmpp-2s-ancestral"}) {
    SCOPED_TRACE(sampler);
    auto expected = sample(sampler, 0, 1, 99);
    const auto second = sample(sampler, 1, 1, 99);
    expected.insert(expected.end(), second.begin(), second.end());
    for (uint32_t resume = 0; resume < 7; ++resume) {
      EXPECT_EQ(expected, sample(sampler, 0, 2, resume)) << resume;
    }
  }
}

TEST(Turning, IsRefusedWhereItMeansNothing) {
  const Context context = make_context();
  const auto refusal = [&](const char* schedule, std::vector<double> times, uint32_t rows,
                           const char* sampler = "ddim", nwr_quantity prediction = NWR_DATA) {
    const Schedule path = make_schedule(schedule);
    const nwr_rng rng{1, 0, 0};
    auto options = sized<nwr_sampler_options>();
    options.name = sampler, options.prediction = prediction, options.times = times.data();
    options.time_rows = rows;
    options.time_count = static_cast<uint32_t>(times.size()) / rows;
    options.rngs = &rng, options.rng_count = 1;
    nwr_sampler* made = nullptr;
    const nwr_status status = nwr_sampler_create(context.get(), path.get(), &options, &made);
    EXPECT_EQ(nullptr, made);
    return std::to_string(status) + " " + nwr_last_error();
  };
  const std::string invalid = std::to_string(NWR_ERROR_INVALID_ARGUMENT) + " ";
  EXPECT_EQ(invalid + "options.times[2] is 0.6, after 0.5: the times turn back to data",
            refusal("linear", {0.8, 0.5, 0.6}, 1));
  EXPECT_EQ(invalid + "options.times[5] is 0.9, after 0.8: another row turns elsewhere",
            refusal("linear", {0.2, 0.5, 0.3, 0.5, 0.8, 0.9}, 2));
  EXPECT_EQ(
      std::to_string(NWR_ERROR_UNSUPPORTED) +
          " options.times turn back to t = 0.3, but "
          "linear(alpha_min=0,sigma_min=0,time=to-data,latent=brownian) has a third leg, whose "
          "forward process is not known",
      refusal("linear(latent=1)", {0.2, 0.5, 0.3}, 1, "euler", NWR_VELOCITY));
}

// The state goes through churn as the model saw it: with data at one point every step is exact in
// the mean, whatever is drawn, and the last one ends on the point.
TEST(LateChurn, EndsOnTheDataOfOnePoint) {
  const Schedule schedule = make_schedule("edm");
  for (const char* sampler :
       {"diffusers.euler(s_churn=2)", "diffusers.euler(s_churn=2,read=noisier)",
        "diffusers.heun(s_churn=2)", "diffusers.euler", "diffusers.heun"}) {
    SCOPED_TRACE(sampler);
    const Context context = make_context();
    const nwr_rng rng{9, 0, 0};
    const std::vector<double> times = {10, 4, 1, 0.2, 0};
    auto options = sized<nwr_sampler_options>();
    options.name = sampler, options.prediction = NWR_DATA, options.times = times.data();
    options.time_count = 5, options.rngs = &rng, options.rng_count = 1;
    const Sampler run = make_sampler(context, schedule, options);
    Tensor x = Tensor(NWR_F64, {kPoints}).fill(line(-20, 20)), y = x;
    NWR_ASSERT_OK(nwr_sampler_start(run.get(), x, NWR_START_STATE));
    auto eval = sized<nwr_eval>();
    while (nwr_sampler_next(run.get(), &eval) == NWR_OK) {
      y.fill({0.7});
      NWR_ASSERT_OK(nwr_sampler_step(run.get(), x, y, 1));
    }
    for (const double value : x.values()) EXPECT_NEAR(0.7, value, 1e-13);
  }
}

// docs/samplers.md, "A model of another schedule".
TEST(ScheduleChange, IsTheNativeTrajectory) {
  const Context context = make_context();
  const Schedule trained = make_schedule("cosine"), other = make_schedule("linear");
  std::vector<double> native = {0.9, 0.75, 0.55, 0.4, 0.2, 0.05}, lambda, times(native.size());
  for (const double t : native) lambda.push_back(coeffs_at(trained, t).lambda);
  NWR_ASSERT_OK(nwr_schedule_invert(other.get(), lambda.data(), lambda.size(), times.data()));
  const auto sample = [&](const Schedule& schedule, const std::vector<double>& at, bool changed) {
    auto options = sized<nwr_sampler_options>();
    options.name = "dpmpp-2m", options.prediction = changed ? NWR_DATA : NWR_VELOCITY;
    options.times = at.data(), options.time_count = static_cast<uint32_t>(at.size());
    const Sampler run = make_sampler(context, schedule, options);
    const double alpha = coeffs_at(schedule, at[0]).alpha;
    Tensor x = Tensor(NWR_F64, {kPoints}).fill(line(-3 * alpha, 3 * alpha)), y = x, seen = x;
    NWR_EXPECT_OK(nwr_sampler_start(run.get(), x, NWR_START_STATE));
    auto eval = sized<nwr_eval>();
    while (nwr_sampler_next(run.get(), &eval) == NWR_OK) {
      double t = eval.t;
      const nwr_coeffs here = coeffs_at(schedule, t);
      NWR_EXPECT_OK(nwr_schedule_invert(trained.get(), &here.lambda, 1, &t));
      const nwr_coeffs there = coeffs_at(trained, t);
      const double scale = there.alpha / here.alpha;
      const nwr_tensor* state = x;
      NWR_EXPECT_OK(nwr_tensor_combine(context.get(), &scale, &state, 1, seen));
      // The model knows its own schedule alone.
      for (size_t i = 0; i < kPoints; ++i) {
        const double data = data_of(there, seen.get(i));
        const double noise = (seen.get(i) - there.alpha * data) / there.sigma;
        y.set(i, there.dalpha * data + there.dsigma * noise);
      }
      if (changed) {
        double factors[2];
        const nwr_quantity known[] = {NWR_STATE, NWR_VELOCITY};
        NWR_EXPECT_OK(nwr_transform_coeffs(trained.get(), t, 0, known, 2, NWR_DATA, factors));
        const nwr_tensor* terms[] = {seen, y};
        NWR_EXPECT_OK(nwr_tensor_combine(context.get(), factors, terms, 2, y));
      }
      if (nwr_sampler_step(run.get(), x, y, 1) != NWR_OK) {
        ADD_FAILURE() << nwr_last_error();
        break;
      }
    }
    std::vector<double> out = x.values();
    for (double& value : out) value /= coeffs_at(schedule, at.back()).alpha;
    return out;
  };
  const auto expected = sample(trained, native, false), got = sample(other, times, true);
  for (size_t i = 0; i < kPoints; ++i) EXPECT_NEAR(expected[i], got[i], 1e-12);
}

}  // namespace
}  // namespace nwr_test
