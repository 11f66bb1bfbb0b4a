// SPDX-License-Identifier: Apache-2.0
// Owns the proof that a density turns a random number into the time that its peer's does. Must not
// know tensors or generators.
#include "core/density.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace noisewright {
namespace {

Ref<Schedule> make(const std::string& spec) {
  nwr_schedule_options options{};
  options.name = spec.c_str();
  return make_schedule(options);
}
Settings settings_of(const std::string& spec) {
  return choose(NWR_DOMAIN_DENSITY, spec.c_str(), 0, nullptr, 0);
}

struct Drawn {
  const DensityKind& kind;
  std::vector<double> times;
};
Drawn draw(const Ref<Schedule>& schedule, const std::string& spec,
           const std::vector<double>& numbers) {
  const Settings settings = settings_of(spec);
  const DensityRequest request{*schedule, settings};
  const Density density = check_density(request);
  Drawn out{density.kind, {}};
  for (const double number : numbers) out.times.push_back(density.kind.time(request, number));
  return out;
}

const std::vector<double> kUniforms = {0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99};

// Recorded from diffusers' training_utils and k-diffusion's utils, in double.
struct Case {
  const char *schedule, *density;
  std::vector<double> numbers, expected;
};
const Case kCases[] = {
    {"flow",
     "sd3.logit_normal",
     {-2, -1, 0, 0.5, 1.5},
     {0.11920292202211755, 0.2689414213699951, 0.5, 0.6224593312018546, 0.8175744761936437}},
    {"flow",
     "sd3.logit_normal(mean=-0.5,std=1.2)",
     {-2, -1, 0, 0.5, 1.5},
     {0.05215356307841774, 0.1544652650835347, 0.3775406687981454, 0.5249791874789399,
      0.7858349830425586}},
    {"flow",
     "sd3.mode",
     kUniforms,
     {0.9774182685641031, 0.8025685469896259, 0.6164161261346769, 0.49999999999999983,
      0.3835838738653231, 0.19743145301037407, 0.022581731435896903}},
    {"flow",
     "sd3.mode(scale=0.81)",
     kUniforms,
     {0.9820998430518787, 0.8388221109004628, 0.6661217536194483, 0.4999999999999999,
      0.33387824638055175, 0.16117788909953717, 0.017900156948121314}},
    {"edm",
     "k.log-logistic(scale=0.5)",
     kUniforms,
     {0.10050875583236318, 0.33333481481135807, 0.577351038989215, 1.0, 1.7320484981731896,
      2.999986666757037, 9.949381939100768}},
    {"edm",
     "k.log-uniform(sigma_min=0.01,sigma_max=80)",
     kUniforms,
     {0.010940342035769435, 0.024564560522315815, 0.09457416090031759, 0.8944271909999155,
      8.458970107524506, 32.56724252295231, 73.1238564008694}},
    {"edm(sigma_data=0.5)",
     "k.v-diffusion",
     kUniforms,
     {0.008842401968398224, 0.08008941845585768, 0.20791269588364172, 0.5007505617485594,
      1.207533684543454, 3.151775870137892, 30.893992859064497}},
    {"edm(sigma_data=0.5)",
     "k.cosine-interpolated(image=64,noise_low=32,noise_high=64)",
     kUniforms,
     {59.52227641043816, 5.862670022542689, 2.0281317737468854, 0.7076373094661979,
      0.24709861176261266, 0.08578536250392454, 0.008898749624127627}}};

TEST(Densities, EqualTheRecordedPeers) {
  for (const Case& c : kCases) {
    const auto times = draw(make(c.schedule), c.density, c.numbers).times;
    for (size_t i = 0; i < times.size(); ++i) {
      EXPECT_NEAR(1, times[i] / c.expected[i], 2e-14) << c.density << " " << i;
    }
  }
}

// k-diffusion takes the quantile of a normal for its log-normal; the strata here do.
TEST(Densities, StratifyByTheQuantile) {
  const auto edm = make("edm");
  const double expected[] = {0.01846989746050387, 0.06470858922562639, 0.1340707663389717,
                             0.30119421191220214, 0.6766423118672261,  1.4019460843613276,
                             4.911665237092101};
  const DensityKind& kind = draw(edm, "k.lognormal", {}).kind;
  EXPECT_TRUE(kind.from_normal);
  for (size_t i = 0; i < kUniforms.size(); ++i) {
    // It keeps its uniforms 1e-7 away from 0 and 1.
    const double z = stratum(kind, kUniforms[i] * (1 - 2e-7) + 1e-7, 0, 1);
    EXPECT_NEAR(1, draw(edm, "k.lognormal", {z}).times[0] / expected[i], 2e-14);
  }
  const DensityKind& uniform = draw(edm, "uniform", {}).kind;
  EXPECT_EQ(0.55, stratum(uniform, 0.5, 5, 10));
}

TEST(Densities, SplitLogNormalHasTwoDeviations) {
  const auto edm = make("edm");
  const char* spec = "split-log-normal(mean=0.3,std_low=0.5,std_high=1.5)";
  const auto at = [&](double u) { return std::log(draw(edm, spec, {u}).times[0]); };
  EXPECT_NEAR(0.3, at(0.25), 1e-14);  // a quarter of the mass is below the mode
  const double quartile = 0.67448975019608174;
  EXPECT_NEAR(0.3 - 0.5 * quartile, at(0.125), 1e-14);
  EXPECT_NEAR(0.3 + 1.5 * quartile, at(0.625), 1e-14);
  // With equal ones it is the log-normal.
  const auto same = draw(edm, "split-log-normal(mean=-1.2)", {0.1, 0.5, 0.9}).times;
  for (const double t : same) EXPECT_GT(t, 0);
  EXPECT_NEAR(std::exp(-1.2), same[1], 1e-15);
  EXPECT_NEAR(std::exp(-2.4), same[0] * same[2], 1e-15);
}

TEST(Densities, StayWithinTheScheduleAndItsLevels) {
  for (const char* schedule : {"linear", "sd15", "edm", "cosine"}) {
    const auto s = make(schedule);
    const double low = std::min(s->ends().noise, s->ends().data);
    for (const char* spec : {"mode(scale=-1)", "mode(scale=1.75)", "log-logistic", "v-diffusion",
                             "cosine-interpolated", "split-log-normal"}) {
      for (const double t : draw(s, spec, {1e-9, 0.3, 0.5, 0.8, 1 - 1e-9}).times) {
        EXPECT_GE(t, low) << schedule << spec;
        EXPECT_LE(t, s->ends().high) << schedule << spec;
      }
    }
  }
}

TEST(Densities, RefuseLevelsOutOfOrder) {
  const auto message = [](const char* spec) -> std::string {
    try {
      draw(make("edm"), spec, {});
    } catch (const Error& e) {
      return e.message;
    }
    return "";
  };
  for (const std::string name : {"log-logistic", "v-diffusion", "cosine-interpolated"}) {
    EXPECT_EQ(name + ": sigma_max is 0.1, not above sigma_min, 0.5",
              message((name + "(sigma_min=0.5,sigma_max=0.1)").c_str()));
  }
  EXPECT_EQ("mode: scale is 3, outside -1 to 1.7519383938841", message("mode(scale=3)"));
  EXPECT_THROW(draw(make("mirror"), "v-diffusion", {}), Error);
}

}  // namespace
}  // namespace noisewright
