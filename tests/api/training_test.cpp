// SPDX-License-Identifier: Apache-2.0
// Owns what a training loop asks for: batches corrupted in one pass, random times, weights and
// amounts of diffusion. Must not know how they are computed.
#include <algorithm>
#include <limits>

#include "api/support.hpp"

namespace nwr_test {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
constexpr nwr_dtype kDtypes[] = {NWR_F16, NWR_BF16, NWR_F32, NWR_F64};

// ---- corrupt ------------------------------------------------------------------------------------

class Corrupt : public testing::Test {
 protected:
  using Operands = std::vector<std::pair<nwr_quantity, const nwr_tensor*>>;

  static std::vector<nwr_operand> list(const Operands& pairs) {
    std::vector<nwr_operand> out;
    for (const auto& [quantity, tensor] : pairs) out.push_back({quantity, 0, tensor});
    return out;
  }
  nwr_status corrupt(const Schedule& schedule, const nwr_tensor* t, nwr_quantity drawn,
                     const std::vector<nwr_rng>& rngs, const Operands& know, const Operands& want) {
    const auto inputs = list(know), outputs = list(want);
    return nwr_transform_corrupt(context.get(), schedule.get(), t, drawn, rngs.data(), rngs.size(),
                                 inputs.data(), inputs.size(), outputs.data(), outputs.size());
  }
  nwr_status apply(const Schedule& schedule, const nwr_tensor* t, const Operands& know,
                   const Operands& want) {
    const auto inputs = list(know), outputs = list(want);
    return nwr_transform_apply(context.get(), schedule.get(), t, nullptr, inputs.data(),
                               inputs.size(), outputs.data(), outputs.size());
  }
  // Unit normals as they are before any rounding.
  Tensor normals(const std::vector<nwr_rng>& rngs, const std::vector<int64_t>& shape) {
    Tensor out(NWR_F32, shape);
    NWR_EXPECT_OK(nwr_random_fill(context.get(), NWR_NORMAL, rngs.data(), rngs.size(), out));
    return out;
  }
  Context context = make_context();
};

std::vector<nwr_rng> rngs_of(size_t count) {
  std::vector<nwr_rng> rngs;
  for (size_t i = 0; i < count; ++i) rngs.push_back({7 + i, 3 * i, 5 * i});
  return rngs;
}

TEST_F(Corrupt, IsFillAndApplyToTheBit) {
  const std::vector<int64_t> shape = {8, 3, 5};
  for (const char* name : {"linear", "cosine", "vp", "edm", "azula.ve", "nami.seed"}) {
    const Schedule schedule = make_schedule(name);
    for (const nwr_dtype dtype : kDtypes) {
      for (const size_t generators : {1, 8}) {
        for (const bool one_time : {true, false}) {
          SCOPED_TRACE(testing::Message()
                       << name << " " << dtype << " " << generators << " " << one_time);
          const auto rngs = rngs_of(generators);
          const Tensor data = Tensor(dtype, shape).fill(numbers(120, 3));
          const Tensor t =
              one_time ? scalar(0.3)
                       : Tensor(NWR_F64, {8}).fill({0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9});
          Tensor state(dtype, shape), velocity(dtype, shape), noise(dtype, shape);
          NWR_ASSERT_OK(
              corrupt(schedule, t, NWR_NOISE, rngs, {{NWR_DATA, data}},
                      {{NWR_STATE, state}, {NWR_VELOCITY, velocity}, {NWR_NOISE, noise}}));
          const Tensor drawn = normals(rngs, shape);
          Tensor expected_state(dtype, shape), expected_velocity(dtype, shape);
          NWR_ASSERT_OK(apply(schedule, t, {{NWR_DATA, data}, {NWR_NOISE, drawn}},
                              {{NWR_STATE, expected_state}, {NWR_VELOCITY, expected_velocity}}));
          EXPECT_EQ(expected_state.bytes(), state.bytes());
          EXPECT_EQ(expected_velocity.bytes(), velocity.bytes());
          Tensor rounded(dtype, shape);
          NWR_ASSERT_OK(
              nwr_random_fill(context.get(), NWR_NORMAL, rngs.data(), rngs.size(), rounded));
          EXPECT_EQ(rounded.bytes(), noise.bytes());
          // Whoever does not ask for the noise gets the same batch.
          Tensor alone(dtype, shape);
          NWR_ASSERT_OK(
              corrupt(schedule, t, NWR_NOISE, rngs, {{NWR_DATA, data}}, {{NWR_STATE, alone}}));
          EXPECT_EQ(state.bytes(), alone.bytes());
          // Into its own place.
          alone = data;
          NWR_ASSERT_OK(
              corrupt(schedule, t, NWR_NOISE, rngs, {{NWR_DATA, alone}}, {{NWR_STATE, alone}}));
          EXPECT_EQ(state.bytes(), alone.bytes());
        }
      }
    }
  }
}

TEST_F(Corrupt, DrawsTheLatentToo) {
  const Schedule schedule = make_schedule("linear(latent=brownian)");
  const std::vector<int64_t> shape = {4, 6};
  const auto rngs = rngs_of(4);
  const Tensor data = Tensor(NWR_F64, shape).fill(numbers(24, 1));
  const Tensor base = Tensor(NWR_F64, shape).fill(numbers(24, 2));
  const Tensor t = Tensor(NWR_F32, {4}).fill({0.125, 0.25, 0.5, 0.75});
  Tensor state(NWR_F64, shape), path = state, latent = state, eta = state;
  NWR_ASSERT_OK(corrupt(schedule, t, NWR_LATENT, rngs, {{NWR_DATA, data}, {NWR_NOISE, base}},
                        {{NWR_STATE, state},
                         {NWR_PATH_VELOCITY, path},
                         {NWR_LATENT, latent},
                         {NWR_NEGATIVE_LATENT, eta}}));
  const Tensor drawn = normals(rngs, shape);
  for (size_t i = 0; i < 24; ++i) {
    const double at = t.get(i / 6), gamma = std::sqrt(at * (1 - at));
    const double x = at * data.get(i) + (1 - at) * base.get(i) + gamma * drawn.get(i);
    EXPECT_NEAR(x, state.get(i), 8 * kEpsilon * (1 + std::fabs(drawn.get(i))));
    EXPECT_DOUBLE_EQ(data.get(i) - base.get(i), path.get(i));
    EXPECT_EQ(drawn.get(i), latent.get(i));
    EXPECT_EQ(-drawn.get(i), eta.get(i));
  }
}

TEST_F(Corrupt, DoesNotDependOnTheBatch) {
  const Schedule schedule = make_schedule("vp");
  const auto rngs = rngs_of(8);
  const std::vector<double> times = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9};
  for (const nwr_dtype dtype : kDtypes) {
    const Tensor data = Tensor(dtype, {8, 37}).fill(numbers(8 * 37, 9));
    Tensor whole(dtype, {8, 37});
    NWR_ASSERT_OK(corrupt(schedule, Tensor(NWR_F64, {8}).fill(times), NWR_NOISE, rngs,
                          {{NWR_DATA, data}}, {{NWR_STATE, whole}}));
    for (size_t i = 0; i < 8; ++i) {
      Tensor one(dtype, {1, 37}), state = one;
      for (size_t k = 0; k < 37; ++k) one.set(k, data.get(i * 37 + k));
      NWR_ASSERT_OK(corrupt(schedule, scalar(times[i]), NWR_NOISE, {rngs[i]}, {{NWR_DATA, one}},
                            {{NWR_STATE, state}}));
      for (size_t k = 0; k < 37; ++k) ASSERT_EQ(whole.get(i * 37 + k), state.get(k)) << dtype;
    }
  }
}

TEST_F(Corrupt, StridesAndThreadsChangeNoBit) {
  const Schedule schedule = make_schedule("cosine");
  const auto rngs = rngs_of(3);
  const Tensor t = Tensor(NWR_F64, {3}).fill({0.2, 0.4, 0.6});
  const Tensor data = Tensor(NWR_F32, {3, 400, 500}).fill(numbers(6000, 1));
  std::vector<double> expected;
  for (const uint32_t threads : {1, 2, 8}) {
    context = make_context(threads);
    Tensor state(NWR_F32, {3, 400, 500});
    NWR_ASSERT_OK(corrupt(schedule, t, NWR_NOISE, rngs, {{NWR_DATA, data}}, {{NWR_STATE, state}}));
    if (threads == 1) expected = state.values();
    EXPECT_EQ(expected, state.values()) << threads;
    Tensor turned(NWR_F32, {3, 400, 500}, {-1, 3, -1200}, 600000, 499 * 1200 + 2);
    NWR_ASSERT_OK(corrupt(schedule, t, NWR_NOISE, rngs, {{NWR_DATA, data}}, {{NWR_STATE, turned}}));
    EXPECT_EQ(expected, turned.values()) << threads;
  }
}

// ---- random times -------------------------------------------------------------------------------

double normal_cdf(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }
double logit(double u) { return std::log(u / (1 - u)); }

Tensor draw(const Schedule& schedule, const char* density, nwr_dtype dtype,
            std::vector<int64_t> shape, const std::vector<nwr_rng>& rngs = {{42, 1, 0}}) {
  static const Context context = make_context();
  Tensor out(dtype, std::move(shape));
  auto options = sized<nwr_density_options>();
  options.name = density;
  NWR_EXPECT_OK(
      nwr_random_times(context.get(), schedule.get(), &options, rngs.data(), rngs.size(), out))
      << density;
  return out;
}

TEST(RandomTimes, HaveTheirDistribution) {
  constexpr int64_t kCount = 100000;
  struct Case {
    const char *schedule, *density;
    double (*cdf)(double t);
  };
  const Case cases[] = {
      {"linear", "uniform", [](double t) { return t; }},
      {"linear", "uniform(begin=0.2,end=0.7)", [](double t) { return (t - 0.2) / 0.5; }},
      {"vp", "uniform", [](double t) { return t; }},
      {"edm", "uniform", [](double t) { return t / 80; }},
      {"ddpm", "uniform", [](double t) { return (t + 1) / 1000; }},
      {"gensbi.sm_vp", "uniform", [](double t) { return (t - 0.001) / 0.999; }},
      {"vp", "logit-normal", [](double t) { return normal_cdf(logit(t)); }},
      // Towards data the fraction of the way to noise is 1 - t.
      {"linear", "logit-normal(mean=0.5,std=1.3)",
       [](double t) { return normal_cdf((logit(t) + 0.5) / 1.3); }},
      {"edm", "logit-normal(mean=-1)", [](double t) { return normal_cdf(logit(t / 80) + 1); }},
      {"edm", "log-normal", [](double t) { return normal_cdf((std::log(t) + 1.2) / 1.2); }},
      {"edm", "edm(mean=0.5,std=0.7)",
       [](double t) { return normal_cdf((std::log(t) - 0.5) / 0.7); }},
      // sigma/alpha is (1-t)/t, cot(pi t/2), tan(pi t/2).
      {"linear", "log-normal(mean=0.3)",
       [](double t) { return normal_cdf((logit(t) + 0.3) / 1.2); }},
      {"trigonometric", "log-normal(mean=0,std=1)",
       [](double t) { return normal_cdf(std::log(std::tan(1.5707963267948966 * t))); }},
      {"trigonometric(time=to-noise)", "log-normal(mean=0,std=1)",
       [](double t) { return normal_cdf(std::log(std::tan(1.5707963267948966 * t))); }},
      {"ve", "log-uniform", [](double t) { return t; }},
      {"ve", "log-uniform(sigma_min=0.1,sigma_max=10)",
       [](double t) { return (t * std::log(5000.0) - std::log(10.0)) / std::log(100.0); }},
      {"edm", "log-uniform(sigma_min=0.002)",
       [](double t) { return std::log(t / 0.002) / std::log(40000.0); }}};
  for (const Case& c : cases) {
    const Schedule schedule = make_schedule(c.schedule);
    for (const nwr_dtype dtype : {NWR_F32, NWR_F64}) {
      std::vector<double> times = draw(schedule, c.density, dtype, {kCount}).values();
      std::sort(times.begin(), times.end());
      double distance = 0;
      for (size_t i = 0; i < times.size(); ++i) {
        const double p = c.cdf(times[i]), n = static_cast<double>(kCount);
        distance = std::max(
            {distance, p - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - p});
      }
      // Kolmogorov: exceeded once in a hundred seeds.
      EXPECT_LT(distance, 1.63 / std::sqrt(static_cast<double>(kCount)))
          << c.density << " on " << c.schedule;
    }
  }
}

int32_t narrow(void*, double t, nwr_coeffs* out) {
  out->alpha = t, out->sigma = 1 - t;
  return 0;
}

TEST(RandomTimes, NeverPassTheEnds) {
  auto options = sized<nwr_schedule_options>();
  options.name = "custom", options.coeffs = narrow;
  options.t_noise = 0.1, options.t_data = 0.3;  // no number of a narrow type
  nwr_schedule* made = nullptr;
  NWR_ASSERT_OK(nwr_schedule_create(&options, &made));
  const Schedule custom(made), linear = make_schedule("linear"), edm = make_schedule("edm");
  const Schedule genesis = make_schedule("gensbi.sm_vp"),
                 wide = make_schedule("edm(sigma_max=1e6)");
  const struct {
    const Schedule& schedule;
    const char* density;
    double low, high;
  } cases[] = {{custom, "uniform", 0.1, 0.3},
               {custom, "logit-normal(std=1000)", 0.1, 0.3},
               {custom, "log-normal(std=1000)", 0.1, 0.3},
               {custom, "log-uniform(sigma_min=1e-9,sigma_max=1e9)", 0.1, 0.3},
               {linear, "uniform", 0, 1},
               {linear, "uniform(begin=0.3,end=0.301)", 0.3, 0.301},
               {linear, "log-normal(mean=900)", 0, 1},
               {linear, "log-normal(mean=-900)", 0, 1},
               {edm, "log-normal(mean=10)", 0, 80},
               {wide, "uniform", 0, 1e6},
               {genesis, "uniform", 0.001, 1},
               {genesis, "log-normal(mean=-20)", 0.001, 1}};
  const Context context = make_context();
  for (const auto& c : cases) {
    for (const nwr_dtype dtype : kDtypes) {
      const Tensor times = draw(c.schedule, c.density, dtype, {20000});
      const auto values = times.values();
      const auto [least, most] = std::minmax_element(values.begin(), values.end());
      EXPECT_GE(*least, c.low) << c.density << " " << dtype;
      EXPECT_LE(*most, c.high) << c.density << " " << dtype;
      // Whatever comes out is a time of the schedule.
      std::vector<double> weights(values.size());
      auto weight = sized<nwr_weight_options>();
      weight.name = "signal";
      NWR_EXPECT_OK(nwr_schedule_weigh(c.schedule.get(), &weight, values.data(), values.size(),
                                       weights.data()));
    }
  }
  // What lies beyond is the end itself.
  EXPECT_EQ(0, draw(linear, "log-normal(mean=900)", NWR_F64, {1}).get(0));
  EXPECT_EQ(1, draw(linear, "log-normal(mean=-900)", NWR_F64, {1}).get(0));
  EXPECT_EQ(80, draw(edm, "log-normal(mean=10,std=0.1)", NWR_F32, {1}).get(0));
  EXPECT_EQ(0.001, draw(genesis, "log-normal(mean=-20)", NWR_F64, {1}).get(0));
}

TEST(RandomTimes, NumberTheirElementsAsRandomFillDoes) {
  const Schedule schedule = make_schedule("edm");
  const Context context = make_context();
  const auto rngs = rngs_of(4);
  for (const nwr_dtype dtype : kDtypes) {
    for (const char* density : {"uniform", "log-normal"}) {
      const Tensor whole = draw(schedule, density, dtype, {4, 5}, rngs);
      for (size_t i = 0; i < 4; ++i) {
        const Tensor alone = draw(schedule, density, dtype, {5}, {rngs[i]});
        for (size_t k = 0; k < 5; ++k) EXPECT_EQ(alone.get(k), whole.get(5 * i + k)) << density;
      }
      // One generator goes through all; an offset counts times.
      const Tensor row = draw(schedule, density, dtype, {20}, {{9, 9, 0}});
      const Tensor later = draw(schedule, density, dtype, {3, 5}, {{9, 9, 5}});
      for (size_t k = 0; k < 15; ++k) EXPECT_EQ(row.get(k + 5), later.get(k)) << density;
    }
    // Strides do not matter.
    auto options = sized<nwr_density_options>();
    options.name = "logit-normal";
    Tensor turned(dtype, {4, 5}, {1, 4}, 20, 0);
    NWR_ASSERT_OK(
        nwr_random_times(context.get(), schedule.get(), &options, rngs.data(), 4, turned));
    EXPECT_EQ(draw(schedule, "logit-normal", dtype, {4, 5}, rngs).values(), turned.values());
  }
  // More noise from a larger number.
  const Schedule vp = make_schedule("vp");
  Tensor normals(NWR_F64, {100});
  NWR_ASSERT_OK(nwr_random_fill(context.get(), NWR_NORMAL, rngs.data(), 1, normals));
  const Tensor logits = draw(vp, "logit-normal(mean=0.5,std=2)", NWR_F64, {100}, {rngs[0]});
  const Tensor levels = draw(schedule, "log-normal", NWR_F64, {100}, {rngs[0]});
  for (size_t i = 0; i < 100; ++i) {
    EXPECT_NEAR(0.5 + 2 * normals.get(i), logit(logits.get(i)), 1e-12);
    EXPECT_NEAR(-1.2 + 1.2 * normals.get(i), std::log(levels.get(i)), 1e-13);
  }
  // All zero: uniform between the ends; the uniform numbers themselves on a unit time.
  const Schedule linear = make_schedule("linear");
  Tensor times(NWR_F32, {100}), fill(NWR_F32, {100});
  NWR_ASSERT_OK(nwr_random_times(context.get(), linear.get(), nullptr, rngs.data(), 1, times));
  NWR_ASSERT_OK(nwr_random_fill(context.get(), NWR_UNIFORM, rngs.data(), 1, fill));
  EXPECT_EQ(fill.values(), times.values());
}

TEST(RandomTimes, OfNarrowTypesAreRoundings) {
  const Schedule schedule = make_schedule("linear");
  const Context context = make_context();
  for (const char* density : {"log-normal", "logit-normal"}) {
    const Tensor exact = draw(schedule, density, NWR_F64, {1000});
    for (const nwr_dtype dtype : {NWR_F16, NWR_BF16, NWR_F32}) {
      Tensor single(NWR_F32, {1000}), rounded(dtype, {1000});
      NWR_ASSERT_OK(nwr_tensor_copy(context.get(), exact, single));
      NWR_ASSERT_OK(nwr_tensor_copy(context.get(), single, rounded));
      EXPECT_EQ(rounded.bytes(), draw(schedule, density, dtype, {1000}).bytes()) << density;
    }
  }
}

// One number from each of as many even parts, whatever the density.
TEST(RandomTimes, AreStratifiedWhereAsked) {
  const Schedule linear = make_schedule("linear(time=to-noise)"), edm = make_schedule("edm");
  const Tensor even = draw(linear, "uniform(stratified=yes)", NWR_F64, {50});
  const Tensor levels = draw(edm, "log-normal(stratified=yes)", NWR_F64, {50});
  for (size_t i = 0; i < 50; ++i) {
    EXPECT_GT(even.get(i), static_cast<double>(i) / 50);
    EXPECT_LT(even.get(i), static_cast<double>(i + 1) / 50);
    const double z = (std::log(levels.get(i)) + 1.2) / 1.2;
    const double below = std::erfc(-z / std::sqrt(2.0)) / 2;
    EXPECT_NEAR(even.get(i), below, 1e-12);
  }
}

// ---- weights ------------------------------------------------------------------------------------

double weigh(const Schedule& schedule, const char* spec, double t) {
  auto options = sized<nwr_weight_options>();
  options.name = spec;
  NWR_EXPECT_OK(nwr_schedule_weigh(schedule.get(), &options, &t, 1, &t)) << spec;
  return t;
}
double sq(double x) { return x * x; }

TEST(Weights, AreTheirFormulas) {
  struct Case {
    const char* spec;
    double (*truth)(const nwr_coeffs& c, double u);  // u: the fraction of the way to noise
  };
  constexpr double kPi = 3.14159265358979323846;
  const Case cases[] = {
      {"diffusion", [](const nwr_coeffs& c, double) { return c.diffusion2; }},
      {"diffusion(convention=g)",
       [](const nwr_coeffs& c, double) { return std::sqrt(c.diffusion2); }},
      {"diffusion(convention=d)", [](const nwr_coeffs& c, double) { return c.diffusion2 / 2; }},
      {"diffusion(form=none)", [](const nwr_coeffs&, double) { return 0.0; }},
      {"diffusion(form=reverse,norm=0.5)",
       [](const nwr_coeffs& c, double) { return c.diffusion2 / 2; }},
      // torchebm's D, of which w^2 is twice.
      {"diffusion(form=constant,norm=0.3,convention=d)",
       [](const nwr_coeffs&, double) { return 0.3; }},
      {"diffusion(form=sbdm,norm=0.3,convention=d)",
       [](const nwr_coeffs& c, double) { return 0.3 * c.diffusion2 / 2 / (c.sigma + 1e-8); }},
      {"diffusion(form=sigma,norm=0.3,convention=d)",
       [](const nwr_coeffs& c, double) { return 0.3 * c.sigma; }},
      {"diffusion(form=linear,norm=0.3,convention=d)",
       [](const nwr_coeffs&, double u) { return 0.3 * u; }},
      {"diffusion(form=decreasing,norm=0.3,convention=d)",
       [](const nwr_coeffs&, double u) { return 0.3 * u * u; }},
      {"diffusion(form=increasing-decreasing,norm=0.3,convention=d)",
       [](const nwr_coeffs&, double u) { return 0.3 * 4 * u * (1 - u); }},
      // SiT's, t = 1 - u.
      {"diffusion(form=sit-decreasing,norm=0.3,convention=d)",
       [](const nwr_coeffs&, double u) { return sq(0.3 * std::cos(kPi * (1 - u)) + 1) / 4; }},
      {"diffusion(form=sit-increasing-decreasing,norm=0.3,convention=d)",
       [](const nwr_coeffs&, double u) { return 0.3 * sq(std::sin(kPi * (1 - u))); }},
      // GenSBI's g.
      {"diffusion(form=zero-ends,norm=0.3,convention=g)",
       [](const nwr_coeffs&, double u) { return 0.3 * std::sqrt(u * (1 - u)); }},
      {"diffusion(form=non-singular,norm=0.3,convention=g)",
       [](const nwr_coeffs&, double u) { return 0.3 * std::sqrt(u); }},
      {"snr", [](const nwr_coeffs& c, double) { return sq(c.alpha / c.sigma); }},
      {"snr(power=-1)", [](const nwr_coeffs& c, double) { return sq(c.sigma / c.alpha); }},
      {"snr(power=0.5,plus=1,most=2)",
       [](const nwr_coeffs& c, double) { return std::min(c.alpha / c.sigma + 1, 2.0); }},
      {"snr(power=0)", [](const nwr_coeffs&, double) { return 1.0; }},
      {"edm", [](const nwr_coeffs& c, double) { return sq(c.alpha / c.sigma) + 4; }},
      {"velocity", [](const nwr_coeffs& c, double) { return sq(c.diffusion2 / 2 / c.sigma); }},
      {"likelihood", [](const nwr_coeffs& c, double) { return c.diffusion2 / 2 / sq(c.sigma); }},
      {"signal", [](const nwr_coeffs& c, double) { return sq(c.alpha); }},
      {"min-snr",
       [](const nwr_coeffs& c, double) { return std::min(sq(c.alpha / c.sigma), 5.0) * sq(c.sigma / c.alpha); }},
      {"min-snr(gamma=2,prediction=data)",
       [](const nwr_coeffs& c, double) { return std::min(sq(c.alpha / c.sigma), 2.0); }},
      {"min-snr(prediction=angular)",
       [](const nwr_coeffs& c, double) {
         return std::min(sq(c.alpha / c.sigma), 5.0) / (sq(c.alpha / c.sigma) + 1);
       }},
      // q = 2 sigma/alpha.
      {"soft-min-snr",
       [](const nwr_coeffs& c, double) { return sq(2 * c.sigma / c.alpha / (1 + 4 * sq(c.sigma / c.alpha))); }},
      {"k.snr", [](const nwr_coeffs& c, double) { return 1 / (1 + 4 * sq(c.sigma / c.alpha)); }},
      {"sd3.sigma_sqrt", [](const nwr_coeffs& c, double) { return sq((c.alpha + c.sigma) / c.sigma); }},
      {"cosmap",
       [](const nwr_coeffs& c, double) {
         const double s = c.sigma / (c.alpha + c.sigma);
         return 2 / (kPi * (1 - 2 * s + 2 * s * s));
       }},
      {"eqm", [](const nwr_coeffs&, double u) { return 4 * std::min(1.0, u / (1 - 0.8)); }},
      {"eqm(threshold=0.5,multiplier=3)",
       [](const nwr_coeffs&, double u) { return 3 * std::min(1.0, u / 0.5); }}};
  for (const char* name : {"linear(sigma_data=0.5)", "trigonometric(sigma_data=0.5,time=to-noise)",
                           "vp(sigma_data=0.5)", "ve(sigma_data=0.5)", "edm(sigma_data=0.5)",
                           "azula.cosine(sigma_data=0.5)", "ddpm(sigma_data=0.5)"}) {
    const Schedule schedule = make_schedule(name);
    auto info = sized<nwr_schedule_info>();
    NWR_ASSERT_OK(nwr_schedule_get_info(schedule.get(), &info));
    for (const double u : {0.02, 0.1, 0.25, 0.5, 0.7, 0.95}) {
      const double t = info.t_data + (info.t_noise - info.t_data) * u;
      const nwr_coeffs c = coeffs_at(schedule, t);
      for (const Case& k : cases) {
        const double truth = k.truth(c, u), found = weigh(schedule, k.spec, t);
        EXPECT_NEAR(truth, found, 64 * kEpsilon * std::max(std::fabs(truth), 1e-3))
            << k.spec << " on " << name << " at " << t;
      }
    }
  }
}

TEST(Weights, KnowEveryKindByItsNumber) {
  const Schedule schedule = make_schedule("vp");
  for (size_t i = 0; i < nwr_catalog_size(NWR_DOMAIN_WEIGHT); ++i) {
    auto entry = sized<nwr_entry>();
    NWR_ASSERT_OK(nwr_catalog_entry(NWR_DOMAIN_WEIGHT, i, &entry));
    auto options = sized<nwr_weight_options>();
    options.kind = static_cast<nwr_weight_kind>(entry.value);
    const double times[] = {0.25, 0.75};
    double found[2] = {};
    NWR_ASSERT_OK(nwr_schedule_weigh(schedule.get(), &options, times, 2, found));
    EXPECT_EQ(weigh(schedule, entry.name, 0.25), found[0]) << entry.name;
    EXPECT_EQ(weigh(schedule, entry.name, 0.75), found[1]) << entry.name;
  }
  double value = 0.25;
  NWR_ASSERT_OK(nwr_schedule_weigh(schedule.get(), nullptr, &value, 1, &value));
  EXPECT_EQ(coeffs_at(schedule, 0.25).diffusion2, value);
}

TEST(Weights, HaveTheirLimitsAtTheEnds) {
  const Schedule linear = make_schedule("linear"), edm = make_schedule("edm");
  const Schedule mirror = make_schedule("mirror");
  EXPECT_EQ(0, weigh(linear, "diffusion", 1));  // 2 sigma/alpha
  EXPECT_EQ(1, weigh(linear, "velocity", 1));   // sigma' where sigma is 0
  EXPECT_EQ(0, weigh(linear, "snr", 0));
  EXPECT_EQ(1e4, weigh(linear, "snr(most=1e4)", 1));  // a ceiling holds where the ratio is infinite
  EXPECT_EQ(1, weigh(linear, "snr(power=0)", 0));
  EXPECT_EQ(1, weigh(linear, "snr(power=0)", 1));
  EXPECT_EQ(1, weigh(linear, "edm", 0));
  EXPECT_EQ(0, weigh(linear, "eqm", 1));
  EXPECT_EQ(4, weigh(linear, "eqm", 0));
  EXPECT_EQ(1, weigh(edm, "velocity", 0));
  EXPECT_EQ(0, weigh(mirror, "velocity", 0.5));
  // Beyond the noise end, where edm has times, no form falls below 0 or grows on.
  for (const char* form :
       {"linear", "decreasing", "increasing-decreasing", "zero-ends", "non-singular"}) {
    const std::string spec = std::string("diffusion(form=") + form + ")";
    EXPECT_EQ(weigh(edm, spec.c_str(), 80), weigh(edm, spec.c_str(), 100)) << form;
  }
}

// An amount of diffusion goes straight into a drift.
TEST(Weights, AreWhatTransformsTake) {
  const Schedule schedule = make_schedule("linear");
  for (const char* spec : {"diffusion", "diffusion(form=sigma,norm=0.5)"}) {
    const double t = 0.4, w2 = weigh(schedule, spec, t);
    const nwr_quantity known[] = {NWR_VELOCITY, NWR_SCORE};
    double f[2];
    NWR_ASSERT_OK(nwr_transform_coeffs(schedule.get(), t, w2, known, 2, NWR_DRIFT, f));
    EXPECT_EQ(1, f[0]);
    EXPECT_EQ(w2 / 2, f[1]);
  }
}

}  // namespace
}  // namespace nwr_test
