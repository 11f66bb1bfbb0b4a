// SPDX-License-Identifier: Apache-2.0
// Owns the algebra of quantities as callers see it, combinations, copies and random numbers. Must
// not know how they are computed.
#include <array>
#include <limits>
#include <set>

#include "api/support.hpp"

namespace nwr_test {
namespace {

constexpr nwr_dtype kDtypes[] = {NWR_F16, NWR_BF16, NWR_F32, NWR_F64};
constexpr const char* kSchedules[] = {"linear", "cosine", "vp",   "vp(beta_min=0,beta_max=9)",
                                      "ve",     "edm",    "ddpm", "ddpm(beta=squaredcos_cap_v2)"};

// A third leg: x_t = t*data + (1-t)*noise + sqrt(t(1-t)/2)*latent.
int32_t bridge(void*, double t, nwr_coeffs* out) {
  out->alpha = t, out->sigma = 1 - t, out->gamma = std::sqrt(t * (1 - t) / 2);
  out->dalpha = 1, out->dsigma = -1, out->gamma_dgamma = (1 - 2 * t) / 4;
  return 0;
}
Schedule make_bridge() {
  auto options = sized<nwr_schedule_options>();
  options.name = "custom", options.coeffs = bridge;
  nwr_schedule* schedule = nullptr;
  NWR_EXPECT_OK(nwr_schedule_create(&options, &schedule));
  return Schedule(schedule);
}

nwr_schedule_info info_of(const Schedule& schedule) {
  auto info = sized<nwr_schedule_info>();
  NWR_EXPECT_OK(nwr_schedule_get_info(schedule.get(), &info));
  return info;
}

// Times strictly inside, near both ends and between.
std::vector<double> inner_times(const Schedule& schedule) {
  const nwr_schedule_info info = info_of(schedule);
  std::vector<double> times;
  for (const double u : {1e-3, 0.01, 0.1, 0.25, 0.37, 0.5, 0.63, 0.75, 0.9, 0.99, 0.999}) {
    times.push_back(info.t_noise + (info.t_data - info.t_noise) * u);
  }
  return times;
}

// Every quantity from its definition, of one element.
struct Truth {
  nwr_coeffs c;
  double direction, w2, data, noise, latent;

  double operator()(int quantity) const {
    const double spread = c.gamma > 0 ? c.gamma : c.sigma;
    const double score = -(c.gamma > 0 ? latent : noise) / spread;
    const double velocity =
        c.dalpha * data + c.dsigma * noise + (c.gamma > 0 ? c.gamma_dgamma / c.gamma * latent : 0);
    switch (quantity) {
      case NWR_STATE: return c.alpha * data + c.sigma * noise + c.gamma * latent;
      case NWR_DATA: return data;
      case NWR_NOISE: return noise;
      case NWR_LATENT: return latent;
      case NWR_VELOCITY: return velocity;
      case NWR_SCORE: return score;
      case NWR_ANGULAR: return c.alpha * noise - c.sigma * data;
      default: return velocity + direction * w2 / 2 * score;
    }
  }
};

class Transform : public testing::Test {
 protected:
  nwr_status apply(const Schedule& schedule, const nwr_tensor* t, const nwr_tensor* diffusion,
                   std::vector<std::pair<nwr_quantity, const nwr_tensor*>> know,
                   std::vector<std::pair<nwr_quantity, const nwr_tensor*>> want) {
    std::vector<nwr_operand> inputs, outputs;
    for (const auto& [quantity, tensor] : know) inputs.push_back({quantity, 0, tensor});
    for (const auto& [quantity, tensor] : want) outputs.push_back({quantity, 0, tensor});
    return nwr_transform_apply(context.get(), schedule.get(), t, diffusion, inputs.data(),
                               inputs.size(), outputs.data(), outputs.size());
  }
  Context context = make_context();
};

TEST_F(Transform, EveryPairThatDeterminesAnotherGoesThereAndBack) {
  int trips = 0, refused = 0;
  for (const char* name : kSchedules) {
    const Schedule schedule = make_schedule(name);
    const double direction = info_of(schedule).t_data > info_of(schedule).t_noise ? 1 : -1;
    for (const double t : inner_times(schedule)) {
      const double w2 = 0.7;
      const Truth truth{coeffs_at(schedule, t), direction, w2, 0.8, -1.3, 0};
      for (int a = NWR_STATE; a <= NWR_DRIFT; ++a) {
        for (int b = a + 1; b <= NWR_DRIFT; ++b) {
          for (int c = NWR_STATE; c <= NWR_DRIFT; ++c) {
            if (a == NWR_LATENT || b == NWR_LATENT || c == NWR_LATENT) continue;
            const nwr_quantity known[] = {static_cast<nwr_quantity>(a),
                                          static_cast<nwr_quantity>(b)};
            const auto wanted = static_cast<nwr_quantity>(c);
            double f[2];
            const nwr_status status =
                nwr_transform_coeffs(schedule.get(), t, w2, known, 2, wanted, f);
            if (status == NWR_ERROR_SINGULAR) {
              ++refused;
              continue;
            }
            ASSERT_EQ(NWR_OK, status) << nwr_last_error();
            const double scale = std::fabs(f[0] * truth(a)) + std::fabs(f[1] * truth(b));
            EXPECT_NEAR(truth(c), f[0] * truth(a) + f[1] * truth(b),
                        1e-12 * scale + 1e-13 * std::fabs(truth(c)))
                << name << ", t = " << t << ": " << a << ", " << b << " to " << c;
            // And back: whoever it is built of can be had again from it and the other.
            if (std::fabs(f[0] * truth(a)) > 1e-6 * scale &&
                std::fabs(f[1] * truth(b)) > 1e-6 * scale) {
              const nwr_quantity back[] = {wanted, known[1]};
              double g[2];
              NWR_EXPECT_OK(nwr_transform_coeffs(schedule.get(), t, w2, back, 2, known[0], g));
              EXPECT_NEAR(1, f[0] * g[0], 1e-9);
              EXPECT_NEAR(0, f[1] * g[0] + g[1], 1e-9 * (std::fabs(g[1]) + 1));
              ++trips;
            }
          }
        }
      }
    }
  }
  EXPECT_GT(trips, 3000);
  // Noise and score tell the same, on every schedule, so nothing else follows from the two.
  EXPECT_GE(refused, static_cast<int>(std::size(kSchedules)) * 11 * 4);
}

TEST_F(Transform, CorruptsABatchAndMakesItsTarget) {
  for (const char* name : kSchedules) {
    const Schedule schedule = make_schedule(name);
    const std::vector<double> times = inner_times(schedule);
    const auto batch = static_cast<int64_t>(times.size());
    Tensor data(NWR_F64, {batch, 2, 3}), noise = data, state = data, velocity = data;
    data.fill(numbers(data.count(), 3)), noise.fill(numbers(data.count(), 4));
    const Tensor t = Tensor(NWR_F64, {batch}).fill(times);
    NWR_ASSERT_OK(apply(schedule, t, nullptr, {{NWR_DATA, data}, {NWR_NOISE, noise}},
                        {{NWR_STATE, state}, {NWR_VELOCITY, velocity}}));
    for (size_t i = 0; i < data.count(); ++i) {
      const nwr_coeffs c = coeffs_at(schedule, times[i / 6]);
      EXPECT_DOUBLE_EQ(c.alpha * data.get(i) + c.sigma * noise.get(i), state.get(i)) << name;
      EXPECT_DOUBLE_EQ(c.dalpha * data.get(i) + c.dsigma * noise.get(i), velocity.get(i)) << name;
    }
  }
}

TEST_F(Transform, BatchesAreTheirSamples) {
  constexpr size_t kBatch = 700;  // several threads and packs, the last of them short
  constexpr nwr_quantity kLegs[] = {NWR_LATENT, NWR_DATA, NWR_NOISE};
  constexpr nwr_quantity kOthers[] = {NWR_STATE, NWR_VELOCITY, NWR_LATENT};
  int schedules = 0, refused = 0;
  for (size_t i = 0; i < nwr_catalog_size(NWR_DOMAIN_SCHEDULE); ++i) {
    auto entry = sized<nwr_entry>();
    NWR_ASSERT_OK(nwr_catalog_entry(NWR_DOMAIN_SCHEDULE, i, &entry));
    if (entry.value == NWR_SCHEDULE_CUSTOM || entry.value == NWR_SCHEDULE_TABLE) continue;
    const Schedule schedule = make_schedule(entry.name);
    const nwr_schedule_info info = info_of(schedule);
    ++schedules;
    Tensor t(NWR_F64, {kBatch}), w2 = t;
    for (size_t n = 0; n < kBatch; ++n) {
      const double u = (static_cast<double>(n) + 0.5) / kBatch;
      t.set(n, info.t_noise + (info.t_data - info.t_noise) * u);
      w2.set(n, n % 3 == 0 ? 0 : 0.3);
    }
    for (int quantity = NWR_STATE; quantity <= NWR_NAMI_MIRROR; ++quantity) {
      const bool legs = quantity % 2 == static_cast<int>(i % 2);
      const auto wanted = static_cast<nwr_quantity>(quantity);
      const nwr_quantity* const known = legs ? kLegs : kOthers;
      Tensor first(NWR_F64, {kBatch, 3}), second = first, third = first, out = first;
      first.fill(numbers(first.count(), 5)), second.fill(numbers(first.count(), 6));
      third.fill(numbers(first.count(), 7));
      nwr_status status = NWR_OK;
      std::vector<double> expected;
      for (size_t n = 0; n < kBatch && status == NWR_OK; ++n) {
        double f[3];
        status = nwr_transform_coeffs(schedule.get(), t.get(n), legs ? 0.3 : w2.get(n), known, 3,
                                      wanted, f);
        for (size_t e = 3 * n; e < 3 * n + 3; ++e) {
          const double term[] = {f[0] * first.get(e), f[1] * second.get(e), f[2] * third.get(e)};
          double sum = 0;
          for (int k = 0; k < 3; ++k) sum = f[k] == 0 ? sum : sum + term[k];
          expected.push_back(sum);
        }
      }
      refused += status != NWR_OK ? 1 : 0;
      for (const uint32_t threads : {1, 4}) {
        context = make_context(threads);
        const Tensor diffusion = legs ? scalar(0.3) : w2;
        ASSERT_EQ(status, apply(schedule, t, diffusion,
                                {{known[0], first}, {known[1], second}, {known[2], third}},
                                {{wanted, out}}))
            << entry.name << ", quantity " << quantity;
        if (status != NWR_OK) continue;
        EXPECT_EQ(expected, out.values()) << entry.name << ", quantity " << quantity;
      }
    }
  }
  EXPECT_GT(schedules, 50);
  EXPECT_LT(refused, schedules * 4);
}

TEST_F(Transform, TheFirstBadSampleOfABatchIsNamed) {
  const Schedule schedule = make_schedule("linear");
  for (const uint32_t threads : {1, 4}) {
    context = make_context(threads);
    for (const size_t bad : {0, 31, 32, 333, 699}) {
      Tensor t(NWR_F64, {700}), data(NWR_F32, {700, 2}), noise = data, state = data, score = data;
      t.fill({0.5}), data.fill({1}), noise.fill({2}), state.fill({3}), score.fill({4});
      const auto expect = [&](nwr_status status, const std::string& text) {
        EXPECT_EQ(status, apply(schedule, t, nullptr, {{NWR_DATA, data}, {NWR_NOISE, noise}},
                                {{NWR_STATE, state}, {NWR_SCORE, score}}));
        EXPECT_NE(std::string::npos, std::string(nwr_last_error()).find(text)) << nwr_last_error();
        EXPECT_EQ(std::vector<double>(1400, 3), state.values());
        EXPECT_EQ(std::vector<double>(1400, 4), score.values());
      };
      const std::string name = "t[" + std::to_string(bad) + "]";
      // There is no score at clean data.
      for (size_t i = bad; i < 700; i += 100) t.set(i, 1);
      expect(NWR_ERROR_SINGULAR, name + " = 1,");
      for (size_t i = bad; i < 700; i += 100) t.set(i, 1.5);
      expect(NWR_ERROR_INVALID_ARGUMENT, name + " is 1.5,");
    }
  }
}

TEST_F(Transform, ThreeLegsNeedThreeInputs) {
  const Schedule schedule = make_bridge();
  for (const double t : {0.1, 0.5, 0.8}) {
    const Truth truth{coeffs_at(schedule, t), 1, 0.9, 0.8, -1.3, 0.4};
    for (const auto& known : {std::array{NWR_DATA, NWR_NOISE, NWR_LATENT},
                              {NWR_STATE, NWR_VELOCITY, NWR_SCORE},
                              {NWR_STATE, NWR_DATA, NWR_ANGULAR},
                              {NWR_DRIFT, NWR_SCORE, NWR_STATE},
                              {NWR_VELOCITY, NWR_LATENT, NWR_NOISE}}) {
      for (int c = NWR_STATE; c <= NWR_DRIFT; ++c) {
        double f[3];
        NWR_ASSERT_OK(nwr_transform_coeffs(schedule.get(), t, 0.9, known.data(), 3,
                                           static_cast<nwr_quantity>(c), f));
        double sum = 0, scale = 0;
        for (size_t i = 0; i < 3; ++i) {
          sum += f[i] * truth(known[i]);
          scale += std::fabs(f[i] * truth(known[i]));
        }
        EXPECT_NEAR(truth(c), sum, 1e-13 * scale);
      }
    }
    const nwr_quantity two[] = {NWR_STATE, NWR_VELOCITY};
    double f[2] = {7, 7};
    EXPECT_EQ(NWR_ERROR_SINGULAR, nwr_transform_coeffs(schedule.get(), t, 0, two, 2, NWR_DATA, f));
    EXPECT_EQ(7, f[0]);
    // A score is that of the latent alone.
    const nwr_quantity one[] = {NWR_SCORE};
    NWR_ASSERT_OK(nwr_transform_coeffs(schedule.get(), t, 0, one, 1, NWR_LATENT, f));
    EXPECT_DOUBLE_EQ(-truth.c.gamma, f[0]);
  }
}

TEST_F(Transform, DriftIsVelocityAndHalfOfTheScoreTowardsData) {
  const double w2 = 0.8;
  for (const char* name : kSchedules) {
    const Schedule schedule = make_schedule(name);
    const bool forwards = std::string(name) == "linear";
    for (const double t : inner_times(schedule)) {
      const nwr_quantity known[] = {NWR_VELOCITY, NWR_SCORE};
      double f[2];
      NWR_ASSERT_OK(nwr_transform_coeffs(schedule.get(), t, w2, known, 2, NWR_DRIFT, f));
      const nwr_coeffs c = coeffs_at(schedule, t);
      const double drift = c.dsigma - (forwards ? 0.4 : -0.4) / c.sigma;  // per unit of noise
      EXPECT_NEAR(drift, f[0] * c.dsigma - f[1] / c.sigma, 1e-12 * std::fabs(drift)) << name;
      // Where alpha is constant both say the noise, and either will do.
      if (c.dalpha == 0) continue;
      EXPECT_NEAR(1, f[0], 1e-10) << name;
      EXPECT_NEAR(forwards ? 0.4 : -0.4, f[1], 1e-9) << name;
      NWR_ASSERT_OK(nwr_transform_coeffs(schedule.get(), t, 0, known, 2, NWR_DRIFT, f));
      EXPECT_NEAR(0, f[1], 1e-12) << name;
    }
  }
  // With the forward SDE's own diffusion the drift is f(t) x - g^2 score, the reverse SDE.
  const Schedule vp = make_schedule("vp");
  for (const double t : inner_times(vp)) {
    const nwr_coeffs c = coeffs_at(vp, t);
    const nwr_quantity known[] = {NWR_STATE, NWR_SCORE};
    double f[2];
    NWR_ASSERT_OK(nwr_transform_coeffs(vp.get(), t, c.diffusion2, known, 2, NWR_DRIFT, f));
    EXPECT_NEAR(c.dlog_alpha, f[0], 1e-11 * std::fabs(c.dlog_alpha));
    EXPECT_NEAR(-c.diffusion2, f[1], 1e-11 * c.diffusion2);
  }
}

TEST_F(Transform, DiffusionMayBeOneASample) {
  const Schedule schedule = make_schedule("vp");
  const Tensor t = Tensor(NWR_F64, {3}).fill({0.2, 0.5, 0.9});
  const Tensor w2 = Tensor(NWR_F32, {3}).fill({0, 0.5, 2});
  Tensor velocity = Tensor(NWR_F64, {3, 2}).fill(numbers(6, 1)), score = velocity, drift = velocity;
  score.fill(numbers(6, 2));
  NWR_ASSERT_OK(
      apply(schedule, t, w2, {{NWR_VELOCITY, velocity}, {NWR_SCORE, score}}, {{NWR_DRIFT, drift}}));
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(velocity.get(i) - w2.get(i / 2) / 2 * score.get(i), drift.get(i), 1e-9);
  }
  // One time for all of them.
  NWR_ASSERT_OK(apply(schedule, scalar(0.5), w2, {{NWR_VELOCITY, velocity}, {NWR_SCORE, score}},
                      {{NWR_DRIFT, drift}}));
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(velocity.get(i) - w2.get(i / 2) / 2 * score.get(i), drift.get(i), 1e-9);
  }
}

TEST_F(Transform, ScoreNoiseAngularAndDataAreOneThing) {
  const Schedule schedule = make_schedule("cosine");
  for (const double t : inner_times(schedule)) {
    const nwr_coeffs c = coeffs_at(schedule, t);
    const nwr_quantity noise[] = {NWR_NOISE}, pair[] = {NWR_STATE, NWR_ANGULAR};
    double f[2];
    NWR_ASSERT_OK(nwr_transform_coeffs(schedule.get(), t, 0, noise, 1, NWR_SCORE, f));
    EXPECT_DOUBLE_EQ(-1 / c.sigma, f[0]);
    // Variance preserving: data = alpha x - sigma v, noise = sigma x + alpha v.
    NWR_ASSERT_OK(nwr_transform_coeffs(schedule.get(), t, 0, pair, 2, NWR_DATA, f));
    EXPECT_NEAR(c.alpha, f[0], 1e-14);
    EXPECT_NEAR(-c.sigma, f[1], 1e-14);
    NWR_ASSERT_OK(nwr_transform_coeffs(schedule.get(), t, 0, pair, 2, NWR_NOISE, f));
    EXPECT_NEAR(c.sigma, f[0], 1e-14);
    EXPECT_NEAR(c.alpha, f[1], 1e-14);
  }
}

TEST_F(Transform, EndsGiveWhatIsDetermined) {
  const Schedule linear = make_schedule("linear");
  const nwr_quantity state_noise[] = {NWR_STATE, NWR_NOISE}, state[] = {NWR_STATE};
  const nwr_quantity state_velocity[] = {NWR_STATE, NWR_VELOCITY};
  double f[2] = {7, 7};
  // At pure noise the state is the noise and says nothing of the data.
  EXPECT_EQ(NWR_ERROR_SINGULAR,
            nwr_transform_coeffs(linear.get(), 0, 0, state_noise, 2, NWR_DATA, f));
  EXPECT_EQ(7, f[0]);
  NWR_ASSERT_OK(nwr_transform_coeffs(linear.get(), 0, 0, state, 1, NWR_NOISE, f));
  EXPECT_EQ(1, f[0]);
  NWR_ASSERT_OK(nwr_transform_coeffs(linear.get(), 0, 0, state_velocity, 2, NWR_DATA, f));
  EXPECT_EQ(1, f[0]);
  EXPECT_EQ(1, f[1]);
  // At clean data the state is the data, and there is no score.
  NWR_ASSERT_OK(nwr_transform_coeffs(linear.get(), 1, 0, state_noise, 2, NWR_DATA, f));
  EXPECT_EQ(1, f[0]);
  EXPECT_EQ(0, f[1]);
  EXPECT_EQ(NWR_ERROR_SINGULAR,
            nwr_transform_coeffs(linear.get(), 1, 0, state_noise, 2, NWR_SCORE, f));
  // What is asked for and also known is handed through, whatever the time.
  const nwr_quantity score[] = {NWR_STATE, NWR_SCORE};
  NWR_ASSERT_OK(nwr_transform_coeffs(linear.get(), 1, 0, score, 2, NWR_SCORE, f));
  EXPECT_EQ(0, f[0]);
  EXPECT_EQ(1, f[1]);
}

TEST_F(Transform, SingularRequestsChangeNothing) {
  const Schedule schedule = make_schedule("linear");
  const Tensor t = Tensor(NWR_F64, {3}).fill({0.5, 0.25, 0});
  Tensor state = Tensor(NWR_F32, {3, 2}).fill({1}), noise = Tensor(NWR_F32, {3, 2}).fill({2});
  Tensor data = Tensor(NWR_F32, {3, 2}).fill({3}), velocity = data;
  const auto before = data.bytes();
  EXPECT_EQ(NWR_ERROR_SINGULAR,
            apply(schedule, t, nullptr, {{NWR_STATE, state}, {NWR_NOISE, noise}},
                  {{NWR_VELOCITY, velocity}, {NWR_DATA, data}}));
  EXPECT_EQ(before, data.bytes());
  EXPECT_EQ(before, velocity.bytes());
}

TEST_F(Transform, OutputsMayBeInputs) {
  const Schedule schedule = make_schedule("cosine");
  Tensor a = Tensor(NWR_F32, {2, 50}).fill(numbers(100, 5)), b = a, c = a, d = a;
  b.fill(numbers(100, 6));
  const auto first = a.values(), second = b.values();
  NWR_ASSERT_OK(apply(schedule, scalar(0.3), nullptr, {{NWR_DATA, a}, {NWR_NOISE, b}},
                      {{NWR_STATE, c}, {NWR_VELOCITY, d}}));
  // Each into the other's place.
  NWR_ASSERT_OK(apply(schedule, scalar(0.3), nullptr, {{NWR_DATA, a}, {NWR_NOISE, b}},
                      {{NWR_STATE, b}, {NWR_VELOCITY, a}}));
  EXPECT_EQ(c.bytes(), b.bytes());
  EXPECT_EQ(d.bytes(), a.bytes());
  NWR_ASSERT_OK(apply(schedule, scalar(0.3), nullptr, {{NWR_STATE, b}, {NWR_VELOCITY, a}},
                      {{NWR_DATA, a}, {NWR_NOISE, b}}));
  for (size_t i = 0; i < 100; ++i) {
    EXPECT_NEAR(first[i], a.get(i), 2e-6);
    EXPECT_NEAR(second[i], b.get(i), 2e-6);
  }
}

TEST_F(Transform, TypesMayDiffer) {
  const Schedule schedule = make_schedule("linear");
  for (const nwr_dtype in : kDtypes) {
    for (const nwr_dtype out : kDtypes) {
      for (const nwr_dtype time : {NWR_F32, NWR_F64}) {
        Tensor data = Tensor(in, {5, 7}).fill(numbers(35, 8)), state(out, {5, 7});
        Tensor noise = Tensor(NWR_F32, {5, 7}).fill(numbers(35, 9)), velocity(NWR_BF16, {5, 7});
        const Tensor t = Tensor(time, {5}).fill({0.125, 0.25, 0.5, 0.75, 1});
        NWR_ASSERT_OK(apply(schedule, t, nullptr, {{NWR_DATA, data}, {NWR_NOISE, noise}},
                            {{NWR_STATE, state}, {NWR_VELOCITY, velocity}}));
        for (size_t i = 0; i < 35; ++i) {
          const double at = t.get(i / 7);
          const double expected = at * data.get(i) + (1 - at) * noise.get(i);
          const double target = data.get(i) - noise.get(i);
          EXPECT_NEAR(expected, state.get(i), epsilon_of(out) / 2 + 2e-7);
          EXPECT_NEAR(target, velocity.get(i), 2 * epsilon_of(NWR_BF16) / 2 + 2e-7);
        }
      }
    }
  }
}

TEST_F(Transform, ScalarsStandForEverySample) {
  const Schedule schedule = make_schedule("linear");
  const Tensor t = Tensor(NWR_F64, {3, 1}).fill({0.25, 0.5, 0.75});
  const Tensor one = scalar(3);
  Tensor noise = Tensor(NWR_F64, {3, 4}).fill(numbers(12, 2)), state(NWR_F64, {3, 4});
  NWR_ASSERT_OK(
      apply(schedule, t, nullptr, {{NWR_DATA, one}, {NWR_NOISE, noise}}, {{NWR_STATE, state}}));
  for (size_t i = 0; i < 12; ++i) {
    const double at = t.get(i / 4);
    EXPECT_DOUBLE_EQ(at * 3 + (1 - at) * noise.get(i), state.get(i));
  }
  // All of it rank 0.
  Tensor zero_rank = scalar(0);
  NWR_ASSERT_OK(apply(schedule, scalar(0.25), nullptr, {{NWR_DATA, one}, {NWR_NOISE, scalar(1)}},
                      {{NWR_STATE, zero_rank}}));
  EXPECT_EQ(0.25 * 3 + 0.75, zero_rank.get(0));
}

TEST_F(Transform, StridesAndThreadsChangeNoBit) {
  const Schedule schedule = make_schedule("cosine");
  const Tensor t = Tensor(NWR_F64, {3}).fill({0.2, 0.4, 0.6});
  Tensor data = Tensor(NWR_F32, {3, 40, 50}).fill(numbers(6000, 1)), noise = data, state = data;
  noise.fill(numbers(6000, 2));
  NWR_ASSERT_OK(
      apply(schedule, t, nullptr, {{NWR_DATA, data}, {NWR_NOISE, noise}}, {{NWR_STATE, state}}));
  const auto expected = state.values();
  for (const uint32_t threads : {1, 2, 3, 8}) {
    context = make_context(threads);
    Tensor turned(NWR_F32, {3, 40, 50}, {-1, 3, -120}, 6000, 49 * 120 + 2), out = turned;
    turned.fill(data.values());
    NWR_ASSERT_OK(
        apply(schedule, t, nullptr, {{NWR_DATA, turned}, {NWR_NOISE, noise}}, {{NWR_STATE, out}}));
    EXPECT_EQ(expected, out.values()) << threads;
  }
}

// ---- combine and copy ---------------------------------------------------------------------------

TEST_F(Transform, CombineIsASumInOrder) {
  std::vector<Tensor> tensors;
  std::vector<double> factors;
  for (uint32_t i = 0; i < 8; ++i) {
    tensors.push_back(Tensor(i % 2 ? NWR_F32 : NWR_F64, {3, 4}).fill(numbers(12, i)));
    factors.push_back(1.0 / (i + 1) - 0.3);
  }
  std::vector<const nwr_tensor*> inputs(tensors.begin(), tensors.end());
  for (size_t count = 1; count <= 8; ++count) {
    Tensor out(NWR_F64, {3, 4});
    NWR_ASSERT_OK(nwr_tensor_combine(context.get(), factors.data(), inputs.data(), count, out));
    for (size_t i = 0; i < 12; ++i) {
      double sum = factors[0] * tensors[0].get(i);
      for (size_t k = 1; k < count; ++k) sum += factors[k] * tensors[k].get(i);
      EXPECT_EQ(sum, out.get(i)) << count;  // each product and each sum rounded, none fused
    }
  }
  // In place, with a scalar; a factor of 0 keeps even a NaN out.
  Tensor out = tensors[1], nans = Tensor(NWR_F64, {3, 4}).fill({std::nan("")});
  const nwr_tensor* parts[] = {out, scalar(1), nans};
  const Tensor one = scalar(1);
  parts[1] = one;
  const double weights[] = {2, -0.5, 0};
  NWR_ASSERT_OK(nwr_tensor_combine(context.get(), weights, parts, 3, out));
  for (size_t i = 0; i < 12; ++i) {
    EXPECT_EQ(static_cast<double>(static_cast<float>(2 * tensors[1].get(i) - 0.5)), out.get(i));
  }
}

TEST_F(Transform, BlendTakesEitherSideWhole) {
  const auto a = numbers(24, 1), b = numbers(24, 2);
  Tensor x = Tensor(NWR_F32, {2, 3, 4}).fill(a), other = Tensor(NWR_F32, {2, 3, 4}).fill(b);
  // What the mask leaves out may be NaN.
  x.set(0, std::nan(""));
  other.set(1, std::nan(""));
  // One channel for all three.
  Tensor mask(NWR_F32, {2, 3, 4}, {4, 0, 1}, 8, 0);
  const double part[] = {0, 1, 0.25, 1};
  for (size_t i = 0; i < 4; ++i) mask.set(i, part[i]), mask.set(12 + i, 1 - part[i]);
  NWR_ASSERT_OK(nwr_tensor_blend(context.get(), x, other, mask));
  for (size_t i = 0; i < 24; ++i) {
    const float m = static_cast<float>(i < 12 ? part[i % 4] : 1 - part[i % 4]);
    const float one = static_cast<float>(a[i]), two = static_cast<float>(b[i]);
    const float both = m == 1 ? one : m == 0 ? two : m * one + (1 - m) * two;
    EXPECT_EQ(static_cast<double>(both), x.get(i)) << i;
  }
  // A scalar for all elements, and x as its own other side.
  const auto before = x.values();
  NWR_ASSERT_OK(nwr_tensor_blend(context.get(), x, x, scalar(0.5)));
  EXPECT_EQ(before, x.values());
  NWR_ASSERT_OK(nwr_tensor_blend(context.get(), x, scalar(7), scalar(0)));
  EXPECT_EQ(std::vector<double>(24, 7), x.values());
}

TEST_F(Transform, CopiesBetweenAllTypes) {
  const double values[] = {0,        1,       -1,     0.333251953125, 1024, -0.0009765625,
                           3.140625, 1.0 / 3, -65504, 6e-8,           1e-3, 7};
  for (const nwr_dtype from : kDtypes) {
    for (const nwr_dtype to : kDtypes) {
      Tensor a = Tensor(from, {3, 4}).fill({std::begin(values), std::end(values)}), b(to, {3, 4});
      NWR_ASSERT_OK(nwr_tensor_copy(context.get(), a, b));
      for (size_t i = 0; i < 12; ++i) {
        Tensor nearest(to, {1});
        if (to == NWR_F16 && std::fabs(a.get(i)) > 65504) {
          // bf16 holds 65536 for it, which is beyond f16.
          const auto bits = b.bytes();
          EXPECT_EQ(0xFC00, bits[2 * i] | bits[2 * i + 1] << 8);
          continue;
        }
        nearest.set(0, a.get(i));
        EXPECT_EQ(nearest.get(0), b.get(i)) << from << " to " << to << ", " << a.get(i);
      }
    }
  }
}

TEST_F(Transform, CopiesMoveBits) {
  // Integers, and NaNs with their payload, through any strides.
  const int64_t shape[] = {2, 3}, turned[] = {1, 2}, back[] = {-3, -1};
  std::array<int64_t, 6> in = {INT64_MIN, -1, 0, 1, INT64_MAX, 42}, out = {};
  nwr_tensor from{}, to{};
  from.data = in.data(), from.device = NWR_CPU, from.ndim = 2, from.dtype = NWR_I64;
  from.shape = shape;
  to = from;
  to.data = out.data(), to.strides = turned;
  NWR_ASSERT_OK(nwr_tensor_copy(context.get(), &from, &to));
  EXPECT_EQ((std::array<int64_t, 6>{INT64_MIN, 1, -1, INT64_MAX, 0, 42}), out);
  std::array<uint32_t, 6> bits = {0x7FC12345, 0xFF800001, 0x80000000, 1, 0x7F800000, 0x3F800000};
  std::array<uint32_t, 6> copy = {};
  from.data = bits.data(), from.dtype = NWR_F32;
  to = from;
  to.data = copy.data(), to.byte_offset = 5 * sizeof(float), to.strides = back;
  NWR_ASSERT_OK(nwr_tensor_copy(context.get(), &from, &to));
  EXPECT_TRUE(std::equal(bits.rbegin(), bits.rend(), copy.begin()));
}

TEST_F(Transform, CopyOntoItselfIsNothing) {
  Tensor a = Tensor(NWR_F32, {3, 4}).fill(numbers(12, 1));
  const auto before = a.bytes();
  NWR_ASSERT_OK(nwr_tensor_copy(context.get(), a, a));
  EXPECT_EQ(before, a.bytes());
}

TEST_F(Transform, HostMemoryOfCudaIsHostMemory) {
  Tensor a = Tensor(NWR_F32, {4}).fill({1, 2, 3, 4}), b = a;
  for (const nwr_device device : {NWR_CUDA_HOST, NWR_CUDA_MANAGED}) {
    nwr_tensor pinned = b.view();
    pinned.device = device;
    const nwr_tensor* inputs[] = {a};
    const double twice = 2;
    NWR_ASSERT_OK(nwr_tensor_combine(context.get(), &twice, inputs, 1, &pinned));
    EXPECT_EQ((std::vector<double>{2, 4, 6, 8}), b.values());
    b = a;
  }
}

// ---- random numbers -----------------------------------------------------------------------------

class Random : public testing::TestWithParam<nwr_dtype> {
 protected:
  Tensor fill(nwr_distribution what, nwr_rng rng, std::vector<int64_t> shape) const {
    Tensor out(GetParam(), std::move(shape));
    NWR_EXPECT_OK(nwr_random_fill(context.get(), what, &rng, 1, out));
    return out;
  }
  Context context = make_context();
};

TEST_P(Random, OffsetsCountElements) {
  for (const nwr_distribution what : {NWR_NORMAL, NWR_UNIFORM}) {
    const auto whole = fill(what, {3, 4, 100}, {10}).values();
    for (size_t cut = 1; cut < 10; ++cut) {
      auto parts = fill(what, {3, 4, 100}, {static_cast<int64_t>(cut)}).values();
      const auto rest = fill(what, {3, 4, 100 + cut}, {static_cast<int64_t>(10 - cut)}).values();
      parts.insert(parts.end(), rest.begin(), rest.end());
      EXPECT_EQ(whole, parts) << cut;
    }
    EXPECT_EQ(whole, fill(what, {3, 4, 100}, {2, 5}).values()) << "shape does not matter";
  }
}

TEST_P(Random, OffsetsPassTheirLastNumber) {
  const auto whole = fill(NWR_NORMAL, {3, 4, UINT64_MAX - 2}, {6}).values();
  const auto last = fill(NWR_NORMAL, {3, 4, UINT64_MAX}, {1}).values();
  const auto first = fill(NWR_NORMAL, {3, 4, 0}, {3}).values();
  EXPECT_EQ(last[0], whole[2]);
  EXPECT_EQ(first, std::vector<double>(whole.begin() + 3, whole.end()));
}

TEST_P(Random, SeedAndStreamMatterAndRepeat) {
  std::set<std::vector<double>> seen;
  for (const nwr_rng rng : {nwr_rng{0, 0, 0},
                            {1, 0, 0},
                            {0, 1, 0},
                            {1ull << 32, 0, 0},
                            {0, 1ull << 32, 0},
                            {0, 0, 1ull << 34},
                            {~0ull, ~0ull, 0}}) {
    EXPECT_EQ(fill(NWR_NORMAL, rng, {64}).bytes(), fill(NWR_NORMAL, rng, {64}).bytes());
    seen.insert(fill(NWR_NORMAL, rng, {64}).values());
  }
  EXPECT_EQ(7u, seen.size());
}

TEST_P(Random, EachSampleMayHaveItsOwn) {
  const nwr_rng rngs[] = {{1, 0, 5}, {2, 7, 0}, {1, 0, 5}};
  Tensor out(GetParam(), {3, 2, 5});
  NWR_ASSERT_OK(nwr_random_fill(context.get(), NWR_NORMAL, rngs, 3, out));
  for (size_t sample = 0; sample < 3; ++sample) {
    const auto alone = fill(NWR_NORMAL, rngs[sample], {10}).values();
    for (size_t i = 0; i < 10; ++i) EXPECT_EQ(alone[i], out.get(sample * 10 + i));
  }
}

TEST_P(Random, NormalsHaveTheMomentsOfNormals) {
  constexpr int64_t kCount = 200000;
  const auto values = fill(NWR_NORMAL, {11, 0, 0}, {kCount}).values();
  double moment[5] = {}, inside = 0, neighbour = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    double power = 1;
    for (double& m : moment) m += power / kCount, power *= values[i];
    inside += (std::fabs(values[i]) < 1) / static_cast<double>(kCount);
    if (i > 0) neighbour += values[i] * values[i - 1] / kCount;
  }
  const double error = 5 / std::sqrt(static_cast<double>(kCount));
  const double coarse = epsilon_of(GetParam());
  EXPECT_NEAR(0, moment[1], error);
  EXPECT_NEAR(1, moment[2], error * std::sqrt(2.0));
  EXPECT_NEAR(0, moment[3], error * std::sqrt(15.0));
  EXPECT_NEAR(3, moment[4], error * std::sqrt(96.0));
  EXPECT_NEAR(0.682689, inside, error / 2 + coarse);
  EXPECT_NEAR(0, neighbour, error);
}

TEST_P(Random, UniformsFillTheOpenInterval) {
  constexpr int64_t kCount = 100000;
  const auto values = fill(NWR_UNIFORM, {12, 0, 0}, {kCount}).values();
  std::array<int, 10> bins = {};
  for (const double v : values) {
    ASSERT_GT(v, 0);
    ASSERT_LT(v, 1);
    ++bins[static_cast<size_t>(v * 10)];
  }
  // Coarse types cannot put the borders of the bins where they belong.
  const double tolerance = 5 * std::sqrt(kCount * 0.09) + kCount * epsilon_of(GetParam());
  for (const int bin : bins) EXPECT_NEAR(kCount / 10, bin, tolerance);
}

TEST_P(Random, ThreadsAndStridesChangeNoBit) {
  const nwr_rng rng{5, 6, 7};
  const auto expected = fill(NWR_NORMAL, rng, {30, 333}).values();
  for (const uint32_t threads : {2, 3, 8}) {
    context = make_context(threads);
    EXPECT_EQ(expected, fill(NWR_NORMAL, rng, {30, 333}).values()) << threads;
    Tensor turned(GetParam(), {30, 333}, {1, 30}, 9990, 0);
    NWR_ASSERT_OK(nwr_random_fill(context.get(), NWR_NORMAL, &rng, 1, turned));
    EXPECT_EQ(expected, turned.values()) << threads;
  }
}

std::string type_name(const testing::TestParamInfo<nwr_dtype>& type) {
  constexpr const char* kNames[] = {"f16", "bf16", "f32", "f64"};
  return kNames[type.index];
}
INSTANTIATE_TEST_SUITE_P(Types, Random, testing::ValuesIn(kDtypes), type_name);

// Narrow types hold the same numbers, rounded.
TEST(RandomTypes, AreRoundingsOfOneStream) {
  const Context context = make_context();
  const nwr_rng rng{8, 9, 10};
  Tensor wide(NWR_F64, {1000});
  NWR_ASSERT_OK(nwr_random_fill(context.get(), NWR_NORMAL, &rng, 1, wide));
  for (const nwr_dtype dtype : {NWR_F16, NWR_BF16, NWR_F32}) {
    Tensor narrow(dtype, {1000}), nearest(dtype, {1000});
    NWR_ASSERT_OK(nwr_random_fill(context.get(), NWR_NORMAL, &rng, 1, narrow));
    nearest.fill(wide.values());
    EXPECT_EQ(nearest.bytes(), narrow.bytes());
  }
}

}  // namespace
}  // namespace nwr_test
