// SPDX-License-Identifier: Apache-2.0
// Owns the proof that the table of a run says what its sampler means: times, factors, slots, draws.
// Must not know memory or the C API.
#include "core/run_table.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "core/plan.hpp"

namespace noisewright {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

Ref<Schedule> make(const char* spec) {
  nwr_schedule_options options{};
  options.name = spec;
  return make_schedule(options);
}

struct Ask {
  const char* schedule = "linear";
  std::string sampler = "euler";
  std::vector<double> times = {0.2, 0.5, 0.9};
  nwr_quantity prediction = NWR_VELOCITY;
  nwr_clock clock = NWR_CLOCK_T;
  bool keep_denoised = false, noise_is_input = false;
  int rows = 1;
  bool attempt = false;
};

RunTable table(const Ask& ask) {
  const auto schedule = make(ask.schedule);
  const Spec spec = parse_spec(ask.sampler, "sampler");
  const auto& kind =
      static_cast<const SamplerKind&>(find_by_name(NWR_DOMAIN_SAMPLER, spec.name, "sampler"));
  const Settings settings(kind, spec, nullptr, 0);
  return RunTable({kind, settings, *schedule, ask.prediction, ask.clock, ask.keep_denoised,
                   ask.noise_is_input, ask.times, ask.rows, ask.attempt});
}

int bits(uint32_t mask) {
  int count = 0;
  for (; mask != 0; mask &= mask - 1) ++count;
  return count;
}
size_t inputs_of(const RunTable& t, const RunTable::Line& line, bool noise_is_input) {
  return 1 + static_cast<size_t>(t.most_outputs()) + static_cast<size_t>(bits(line.reads)) +
         (noise_is_input && line.draws ? 1 : 0);
}
std::vector<double> factors_of(const RunTable& t, size_t evaluation, bool noise_is_input = false) {
  const RunTable::Line& line = t.line(evaluation);
  const size_t outputs = static_cast<size_t>(bits(line.writes)) + 1;
  const size_t count =
      static_cast<size_t>(t.rows()) * outputs * (inputs_of(t, line, noise_is_input) + 1);
  return {t.factors(line), t.factors(line) + count};
}

void expect_near(const std::vector<double>& expected, const std::vector<double>& found) {
  ASSERT_EQ(expected.size(), found.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(expected[i], found[i], 1e-13) << i;
}

TEST(RunTable, EulerMovesAlongTheVelocity) {
  const RunTable t = table({});
  ASSERT_EQ(2u, t.size());
  EXPECT_EQ(1, t.rows());
  EXPECT_EQ(1, t.most_outputs());
  EXPECT_EQ(0u, t.slots());
  EXPECT_FALSE(t.draws());
  EXPECT_EQ(0.2, *t.t(0));
  EXPECT_EQ(0.5, *t.t(1));
  EXPECT_EQ(0.9, *t.t(2));
  expect_near({1, 0.3, 0}, factors_of(t, 0));
  expect_near({1, 0.4, 0}, factors_of(t, 1));
  EXPECT_EQ(0.2, t.begin()[0].alpha);
}

TEST(RunTable, HeunKeepsTheBaseOfItsSecondStage) {
  Ask ask;
  ask.sampler = "heun", ask.times = {0.2, 0.5, 1};
  const RunTable t = table(ask);
  ASSERT_EQ(3u, t.size());
  EXPECT_EQ(0.2, *t.t(0));
  EXPECT_EQ(0.5, *t.t(1));
  EXPECT_EQ(0.5, *t.t(2));
  EXPECT_EQ(1.0, *t.t(3));
  EXPECT_EQ(1u, t.slots());
  EXPECT_EQ(1u, t.line(0).writes);
  EXPECT_EQ(0u, t.line(0).reads);
  expect_near({1, 0.15, 0, 1, 0.3, 0}, factors_of(t, 0));  // slot, then x
  EXPECT_EQ(0u, t.line(1).writes);
  EXPECT_EQ(1u, t.line(1).reads);
  expect_near({0, 0.15, 1, 0}, factors_of(t, 1));
  expect_near({1, 0.5, 0}, factors_of(t, 2));  // data = x + (1 - t) v
}

// azula's: x' = alpha'/alpha x + alpha' (sigma'/alpha' - sigma/alpha) (noise + noise')/2.
TEST(RunTable, HeunInSigmaAveragesTheNoise) {
  Ask ask;
  ask.schedule = "cosine", ask.sampler = "heun(space=sigma)", ask.prediction = NWR_NOISE;
  ask.times = {0.6, 0.4};
  const auto s = make("cosine");
  const nwr_coeffs a = s->at(0.6, {"t"}), b = s->at(0.4, {"t"});
  const double scale = b.alpha / a.alpha, move = b.sigma - scale * a.sigma;
  const RunTable t = table(ask);
  expect_near({scale, move / 2, 0, scale, move, 0}, factors_of(t, 0));
  expect_near({0, move / 2, 1, 0}, factors_of(t, 1));
  ask.sampler = "azula.heun";
  EXPECT_EQ(factors_of(t, 0), factors_of(table(ask), 0));
}

// Kutta's weights, with two slots.
TEST(RunTable, Rk4EvaluatesTwiceInTheMiddle) {
  Ask ask;
  ask.sampler = "rk4", ask.times = {0.2, 0.8, 1};
  const RunTable t = table(ask);
  ASSERT_EQ(5u, t.size());
  const double times[] = {0.2, 0.5, 0.5, 0.8, 0.8, 1};
  for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(times[i], *t.t(i), 1e-15);
  expect_near({1, 0, 0, 0, 0.6, 0, 1, 0.3, 0}, factors_of(t, 0));
  expect_near({0, 0.6, 0, 0, 0, 0.3, 1, 0}, factors_of(t, 1));
  expect_near({0, 0.2, 1, 1.0 / 6, 1.0 / 3, 0, 0, 0.6, 1, 0, 0, 0}, factors_of(t, 2));
  expect_near({0, 0.1, 1, 0}, factors_of(t, 3));
  ask.sampler = "rk4(last_step=plain)";
  EXPECT_EQ(8u, table(ask).size());
}

TEST(RunTable, GuidanceSplitsTheOutput) {
  Ask ask;
  ask.sampler = "euler(guidance=3)";
  const RunTable t = table(ask);
  EXPECT_EQ(2, t.most_outputs());
  expect_near({1, 0.9, -0.6, 0}, factors_of(t, 0));
}

// With an exact model a deterministic exponential step is exact, for every prediction.
TEST(RunTable, DdimTakesTheRowOfTheStateToTheNextTime) {
  for (const char* schedule : {"linear", "cosine", "vp", "ve", "edm", "ddpm"}) {
    const auto s = make(schedule);
    std::vector<double> times;
    for (int i = 1; i <= 5; ++i) {
      times.push_back(i == 5 ? s->ends().data
                             : s->ends().noise + (s->ends().data - s->ends().noise) * i / 5);
    }
    for (const char* sampler : {"ddim", "dpmpp-2m(lower_order_final=yes)"}) {
      for (const nwr_quantity prediction :
           {NWR_DATA, NWR_NOISE, NWR_VELOCITY, NWR_SCORE, NWR_ANGULAR}) {
        Ask ask;
        ask.schedule = schedule, ask.sampler = sampler, ask.times = times;
        ask.prediction = prediction;
        const RunTable t = table(ask);
        for (size_t i = 0; i + 1 < times.size(); ++i) {
          const nwr_coeffs from = s->at(times[i], {"t"}), to = s->at(times[i + 1], {"t"});
          Row state, output;
          ASSERT_TRUE(s->row(from, NWR_STATE, 0, &state));
          ASSERT_TRUE(s->row(from, prediction, 0, &output));
          // Behind what is kept; the slope of a data prediction that does not move is 0.
          const auto f = factors_of(t, i);
          const size_t inputs = inputs_of(t, t.line(i), false);
          const double* x = f.data() + f.size() - inputs - 1;
          double data = x[0] * state.data + x[1] * output.data;
          const double noise = x[0] * state.noise + x[1] * output.noise;
          if (inputs > 2) data += x[2];
          const double scale = std::fabs(x[0]) * (state.data + state.noise) + 1;
          EXPECT_NEAR(to.alpha, data, 64 * kEpsilon * scale) << schedule << sampler << prediction;
          EXPECT_NEAR(to.sigma, noise, 64 * kEpsilon * scale) << schedule << sampler << prediction;
        }
      }
    }
  }
}

// Lu et al. 2211.01095, algorithm 2, with D1 = (D_i - D_{i-1}) h / h_before.
TEST(RunTable, DpmppTakesItsSlopeWithTheWeightOfItsSolver) {
  Ask ask;
  ask.times = {0.2, 0.3, 0.6, 0.9}, ask.prediction = NWR_DATA;
  const auto s = make("linear");
  for (const bool heun : {false, true}) {
    ask.sampler = heun ? "dpmpp-2m(solver=heun)" : "dpmpp-2m(solver=midpoint)";
    const RunTable t = table(ask);
    expect_near({0, 1, 0, 0.875, 0.125, 0}, factors_of(t, 0));  // the first step has no slope
    const nwr_coeffs a = s->at(0.2, {"t"}), b = s->at(0.3, {"t"}), c = s->at(0.6, {"t"});
    const double h = c.lambda - b.lambda, before = b.lambda - a.lambda;
    const double weight = heun ? (std::exp(-h) - 1) / h + 1 : (1 - std::exp(-h)) / 2;
    const double slope = c.alpha * weight * h / before;
    // Slot: the data. x: x, the data, the data before.
    expect_near({0, 1, 0, 0, c.sigma / b.sigma, c.alpha * (1 - std::exp(-h)) + slope, -slope, 0},
                factors_of(t, 1));
  }
}

// Whatever the share of fresh noise, the variance of the noise at the next time is right.
TEST(RunTable, FreshNoiseFillsUpTheVariance) {
  for (const char* schedule : {"cosine", "vp", "edm", "ddpm"}) {
    const auto s = make(schedule);
    const double noise = s->ends().noise, data = s->ends().data;
    const std::vector<double> times = {noise + (data - noise) * 0.3, noise + (data - noise) * 0.5,
                                       noise + (data - noise) * 0.8, data};
    for (const char* sampler : {"ddim(eta=0.4)", "ddim(eta=1)", "ddim(eta=1e6)", "ddpm"}) {
      Ask ask;
      ask.schedule = schedule, ask.sampler = sampler, ask.times = times, ask.prediction = NWR_DATA;
      const RunTable t = table(ask);
      EXPECT_TRUE(t.draws());
      for (size_t i = 0; i < 3; ++i) {
        const nwr_coeffs from = s->at(times[i], {"t"}), to = s->at(times[i + 1], {"t"});
        const auto f = factors_of(t, i);
        ASSERT_EQ(3u, f.size());
        const double kept = f[0] * from.sigma, fresh = f[2];
        EXPECT_NEAR(to.sigma * to.sigma, kept * kept + fresh * fresh,
                    1e-13 * (1 + to.sigma * to.sigma));
        EXPECT_EQ(i < 2, t.line(i).draws) << "no noise is added to clean data";
        // Of the posterior: sigma'^2 (1 - snr/snr').
        if (std::string(sampler) == "ddpm" || std::string(sampler) == "ddim(eta=1)") {
          const double share = -std::expm1(2 * (from.lambda - to.lambda));
          EXPECT_NEAR(to.sigma * std::sqrt(share), fresh, 1e-13 * (1 + to.sigma)) << sampler;
        }
      }
    }
  }
}

TEST(RunTable, NoiseMayComeAsAnInput) {
  Ask ask;
  ask.schedule = "cosine", ask.sampler = "ddpm", ask.times = {0.9, 0.5, 0};
  const auto drawn = factors_of(table(ask), 0);
  ask.noise_is_input = true;
  const RunTable t = table(ask);
  const auto taken = factors_of(t, 0, true);
  ASSERT_EQ(drawn.size() + 1, taken.size());
  for (size_t i = 0; i < drawn.size(); ++i) EXPECT_EQ(drawn[i], taken[i]);
  EXPECT_EQ(0, taken.back());
  EXPECT_EQ(3u, factors_of(t, 1, true).size());  // draws nothing
}

TEST(RunTable, RowsHaveTheirOwnTimesAndMayWait) {
  Ask ask;
  ask.sampler = "heun", ask.rows = 2;
  ask.times = {0.2, 0.6, 1, 0.1, 0.3, 0.5};
  const RunTable t = table(ask);
  // The last step of row 0 ends on data after one evaluation, that of row 1 needs two.
  ASSERT_EQ(4u, t.size());
  EXPECT_EQ(0.2, t.t(0)[0]);
  EXPECT_EQ(0.1, t.t(0)[1]);
  EXPECT_EQ(1.0, t.t(3)[0]);
  EXPECT_EQ(0.5, t.t(3)[1]);
  EXPECT_EQ(1.0, t.t(4)[0]);
  EXPECT_EQ(0.5, t.t(4)[1]);
  // x stays as it is in row 0; row 1 takes its second stage.
  expect_near({1, 0, 0, 0, 0, 0.1, 1, 0}, factors_of(t, 3));
}

TEST(RunTable, KeepsTheDataOncePerEvaluation) {
  Ask ask;
  ask.keep_denoised = true;
  for (const char* sampler : {"euler", "heun", "ddim", "ddpm", "dpmpp-2m"}) {
    ask.sampler = sampler;
    const RunTable t = table(ask);
    for (size_t i = 0; i < t.size(); ++i) {
      const RunTable::Line& line = t.line(i);
      ASSERT_GE(line.denoised_slot, 0) << sampler;
      EXPECT_TRUE(line.writes >> line.denoised_slot & 1) << sampler;
      EXPECT_TRUE(t.slots() >> line.denoised_slot & 1) << sampler;
    }
  }
  // dpmpp-2m keeps it anyway: no second copy.
  EXPECT_EQ(1, bits(table(ask).slots()));
}

TEST(RunTable, ClocksAndScales) {
  Ask ask;
  ask.schedule = "edm", ask.times = {3, 1, 0}, ask.clock = NWR_CLOCK_LOGSNR;
  ask.sampler = "euler(unit_input=yes)";
  const RunTable t = table(ask);
  EXPECT_NEAR(-2 * std::log(3), *t.clock(0), 1e-15);
  EXPECT_NEAR(1 / std::sqrt(10), *t.input_scale(0), 1e-16);
  EXPECT_EQ(1, *t.input_scale(2));
  ask.clock = NWR_CLOCK_SIGMA;
  EXPECT_EQ(3, *table(ask).clock(0));
}

// With one node each of these holds what DDIM holds.
TEST(RunTable, FirstOrderAdamsBashforthIsDdim) {
  for (const char* schedule : {"cosine", "vp", "edm"}) {
    for (const nwr_quantity prediction : {NWR_DATA, NWR_NOISE, NWR_VELOCITY}) {
      Ask ask;
      ask.schedule = schedule, ask.prediction = prediction, ask.times = {0.9, 0.6, 0.5, 0};
      ask.sampler = "ddim";
      const RunTable ddim = table(ask);
      for (const char* sampler : {"zab", "vab", "zeab", "xeab"}) {
        ask.sampler = std::string(sampler) + "(order=1)";
        const RunTable t = table(ask);
        EXPECT_EQ(0u, t.slots());
        for (size_t i = 0; i < 3; ++i) EXPECT_EQ(factors_of(ddim, i), factors_of(t, i)) << sampler;
      }
    }
  }
}

// The weights stand in tests/unit/weights_test.cpp; here it counts which array each belongs to.
TEST(RunTable, HistoryTurnsInARing) {
  Ask ask;
  ask.schedule = "edm", ask.sampler = "zab(order=3)", ask.prediction = NWR_NOISE;
  ask.times = {5, 4, 3, 2, 1};
  const RunTable t = table(ask);
  EXPECT_EQ(3u, t.slots());
  // Slots are written before x; inputs are x, the noise, slot 0, slot 1.
  EXPECT_EQ(1u, t.line(0).writes);
  EXPECT_EQ(0u, t.line(0).reads);
  expect_near({0, 1, 0, 1, -1, 0}, factors_of(t, 0));
  EXPECT_EQ(2u, t.line(1).writes);
  EXPECT_EQ(1u, t.line(1).reads);
  expect_near({0, 1, 0, 0, 1, -1.5, 0.5, 0}, factors_of(t, 1));
  EXPECT_EQ(1u, t.line(2).writes);
  EXPECT_EQ(3u, t.line(2).reads);
  const double now = -23.0 / 12, before = 16.0 / 12, first = -5.0 / 12;
  expect_near({0, 1, 0, 0, 0, 1, now, first, before, 0}, factors_of(t, 2));
  EXPECT_EQ(0u, t.line(3).writes);
  expect_near({1, now, before, first, 0}, factors_of(t, 3));
  // Times that stand still are no nodes.
  ask.times = {5, 4, 4, 3};
  expect_near({1, -1, 0}, factors_of(table(ask), 2));
}

TEST(RunTable, HistoryGoesOnBehindPureNoise) {
  Ask ask;
  ask.times = {0, 0.25, 0.5, 1};
  for (const char* sampler :
       {"zab(order=3)", "vab(order=3)", "zeab(order=3)", "xeab(order=3)", "reab(order=3)"}) {
    ask.sampler = sampler;
    EXPECT_NO_THROW(table(ask)) << sampler;
  }
}

TEST(RunTable, NoPassTakesMoreThanABackendDoes) {
  for (size_t i = 0; i < catalog_size(NWR_DOMAIN_SAMPLER); ++i) {
    const Entry& entry = catalog_entry(NWR_DOMAIN_SAMPLER, i);
    Ask ask;
    ask.sampler = std::string(entry.name) + "(guidance=2";
    for (size_t p = 0; p < entry.params.count; ++p) {
      if (entry.param(p).name == std::string("order")) {
        ask.sampler += ",order=" + std::to_string(static_cast<int>(entry.param(p).max));
      }
    }
    ask.sampler += ")";
    ask.keep_denoised = ask.noise_is_input = true;
    ask.times = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};
    ask.attempt = static_cast<const SamplerKind&>(entry).base().adaptive != nullptr;
    if (ask.attempt) ask.times.resize(3);
    const RunTable t = table(ask);
    for (size_t e = 0; e < t.size(); ++e) {
      EXPECT_LE(inputs_of(t, t.line(e), true), static_cast<size_t>(kMaxInputs)) << ask.sampler;
      EXPECT_LT(bits(t.line(e).writes), kMaxOutputs) << ask.sampler;
    }
  }
}

// Karras et al. 2206.00364, algorithm 2, where x is also scaled.
TEST(RunTable, ChurnGoesBackOnTheSchedule) {
  Ask ask;
  ask.schedule = "cosine", ask.sampler = "edm(solver=euler,s_churn=0.4,s_noise=1.5)";
  ask.times = {0.6, 0.3};
  const RunTable t = table(ask);
  const auto s = make("cosine");
  const nwr_coeffs from = s->at(0.6, {"t"}), hat = s->at(*t.t(0), {"t"});
  const double level = from.sigma / from.alpha, back = hat.sigma / hat.alpha;
  EXPECT_NEAR(1.4, back / level, 1e-14);
  ASSERT_TRUE(t.opens() && t.opening_draws(0));
  EXPECT_NEAR(hat.alpha / from.alpha, t.opening()[0], 1e-15);
  EXPECT_NEAR(hat.alpha * 1.5 * std::sqrt(back * back - level * level), t.opening()[1], 1e-14);
  // The step starts from there.
  expect_near({1, 0.3 - *t.t(0), 0}, factors_of(t, 0));
  ask.sampler = "edm(s_churn=1,s_max=0.5)";
  EXPECT_FALSE(table(ask).opens());
}

// Song et al. 2011.13456, eq. 6 on dx = -beta/2 x dt + sqrt(beta) dW.
TEST(RunTable, EulerMaruyamaIsTheReverseSde) {
  Ask ask;
  ask.schedule = "vp", ask.sampler = "euler-maruyama", ask.prediction = NWR_SCORE;
  ask.times = {0.6, 0.5, 0};
  const RunTable t = table(ask);
  const double beta = make("vp")->at(0.6, {"t"}).diffusion2;
  expect_near({1 + beta / 2 * 0.1, beta * 0.1, std::sqrt(beta * 0.1)}, factors_of(t, 0));
  EXPECT_FALSE(t.line(1).draws);
  ask.sampler = "euler-maruyama(last_step=plain)";
  EXPECT_TRUE(table(ask).line(1).draws);
  // Away from data it is the forward one, whatever the model says.
  ask.sampler = "euler-maruyama", ask.times = {0.5, 0.6};
  const double forward = make("vp")->at(0.5, {"t"}).diffusion2;
  expect_near({1 - forward / 2 * 0.1, 0, std::sqrt(forward * 0.1)}, factors_of(table(ask), 0));
}

TEST(RunTable, LastStepEndsAsToldWhereverItEnds) {
  Ask ask;
  ask.schedule = "linear", ask.prediction = NWR_VELOCITY, ask.times = {0.4, 0.5, 0.7};
  const auto last = [&](const char* rule) {
    ask.sampler = std::string("euler-maruyama(diffusion=constant,last_step=") + rule + ")";
    const RunTable t = table(ask);
    EXPECT_TRUE(t.line(0).draws);
    return factors_of(t, 1);
  };
  // score = (t v - x)/(1 - t), so that the drift is v + score = 2v - 2x at t = 1/2.
  expect_near({0.6, 0.4, std::sqrt(0.4)}, last("plain"));
  expect_near({0.6, 0.4, std::sqrt(0.4)}, last("auto"));
  expect_near({0.6, 0.4, 0}, last("mean"));
  expect_near({1, 0.2, 0}, last("euler"));
  expect_near({1, 0.5, 0}, last("tweedie"));
}

// torchebm, SiT, Albergo: where the noise comes in.
TEST(RunTable, StochasticHeunAddsItsNoiseAfterBeforeOrAhead) {
  Ask ask;
  ask.schedule = "linear", ask.times = {0.4, 0.5, 0.7};
  const struct {
    const char* noise;
    double first;
    bool opens;
  } cases[] = {{"after", 0.4, false}, {"before", 0.4, true}, {"ahead", 0.5, true}};
  for (const auto& c : cases) {
    ask.sampler = std::string("stochastic-heun(diffusion=constant,noise=") + c.noise + ")";
    const RunTable t = table(ask);
    ASSERT_EQ(4u, t.size());
    EXPECT_EQ(c.opens, t.opens());
    EXPECT_NEAR(c.first, *t.t(0), 1e-15);
    EXPECT_EQ(0.5, *t.t(1));
    EXPECT_FALSE(t.line(0).draws);
    EXPECT_TRUE(t.line(1).draws);
    EXPECT_EQ(!c.opens, t.line(3).draws);
    const double amount = c.opens ? t.opening()[1] : factors_of(t, 1).back();
    EXPECT_NEAR(std::sqrt(0.2), amount, 1e-15);
  }
}

TEST(RunTable, RefusesWhatIsSingular) {
  Ask ask;
  ask.times = {0, 0.5, 1};
  for (const nwr_quantity prediction : {NWR_NOISE, NWR_SCORE}) {
    ask.prediction = prediction;
    for (const char* sampler : {"euler", "heun", "ddim", "ddpm", "dpmpp-2m"}) {
      ask.sampler = sampler;
      EXPECT_THROW(table(ask), Error) << sampler;
    }
  }
  ask.prediction = NWR_DATA;
  EXPECT_NO_THROW(table(ask));
  for (const char* sampler : {"euler-maruyama", "stochastic-heun(diffusion=sbdm)", "ito",
                              "azula.heun", "rk4(space=sigma)"}) {
    ask.prediction = NWR_VELOCITY, ask.sampler = sampler, ask.times = {0, 0.5, 1};
    EXPECT_THROW(table(ask), Error) << sampler;
    ask.times = {0.1, 0.5, 1};
    EXPECT_NO_THROW(table(ask)) << sampler;
  }
}

}  // namespace
}  // namespace noisewright
