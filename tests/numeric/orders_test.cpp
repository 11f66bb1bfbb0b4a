// SPDX-License-Identifier: Apache-2.0
// Owns the proof that samplers converge as fast as they claim, draw the right marginals, and do not
// care in which form a model speaks. Must not know how they are implemented.
#include <array>
#include <set>
#include <tuple>

#include "api/support.hpp"

namespace nwr_test {
namespace {

// Data of a mixture of Gaussians: everything is known, and nothing is linear.
struct Mixture {
  static constexpr double kWeight[2] = {0.4, 0.6}, kMean[2] = {-1, 0.8}, kSpread[2] = {0.5, 0.4};

  // E[data | x].
  static double data(const nwr_coeffs& c, double x) {
    double total = 0, sum = 0;
    for (int k = 0; k < 2; ++k) {
      const double variance = c.alpha * c.alpha * kSpread[k] * kSpread[k] + c.sigma * c.sigma;
      const double off = x - c.alpha * kMean[k];
      const double density =
          kWeight[k] * std::exp(-off * off / (2 * variance)) / std::sqrt(variance);
      total += density;
      sum += density * (kMean[k] + c.alpha * kSpread[k] * kSpread[k] / variance * off);
    }
    return sum / total;
  }
  static double predict(nwr_quantity what, const nwr_coeffs& c, double x) {
    const double d = data(c, x), n = (x - c.alpha * d) / c.sigma;
    switch (what) {
      case NWR_DATA: return d;
      case NWR_NOISE: return n;
      case NWR_VELOCITY: return c.dalpha * d + c.dsigma * n;
      case NWR_SCORE: return -n / c.sigma;
      default: return c.alpha * n - c.sigma * d;
    }
  }
};

// A way through the inside of a schedule, where everything is smooth.
struct Way {
  const char *schedule, *grid;
  double begin, end;
};
constexpr Way kWays[] = {
    {"linear", "uniform", 0.1, 0.9}, {"cosine", "uniform", 0.9, 0.1},
    {"vp", "uniform", 0.8, 0.1},     {"ve(sigma_min=0.02,sigma_max=10)", "uniform", 0.8, 0.3},
    {"edm", "logsnr", 4, 0.2},       {"edm", "karras", 4, 0.2}};

std::vector<double> times_of(const Schedule& schedule, const Way& way, size_t steps) {
  auto options = sized<nwr_grid_options>();
  options.name = way.grid, options.t_begin = way.begin, options.t_end = way.end;
  std::vector<double> times(steps + 1);
  NWR_EXPECT_OK(nwr_grid_fill(schedule.get(), &options, times.data(), times.size()));
  return times;
}

constexpr size_t kPoints = 24;

// Where x begins: spread over what the state is like at the first time.
std::vector<double> begin_of(const nwr_coeffs& c) {
  std::vector<double> x(kPoints);
  const double width = std::hypot(c.alpha, c.sigma);
  for (size_t i = 0; i < kPoints; ++i) {
    x[i] = width * (-2 + 4 * static_cast<double>(i) / (kPoints - 1));
  }
  return x;
}

// The classical Runge-Kutta method with many steps: the truth for all that is coarser.
std::vector<double> truth(const Schedule& schedule, const Way& way) {
  const std::vector<double> times = times_of(schedule, way, 4000);
  std::vector<double> x = begin_of(coeffs_at(schedule, times[0]));
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    const double dt = times[i + 1] - times[i];
    const nwr_coeffs a = coeffs_at(schedule, times[i]), b = coeffs_at(schedule, times[i] + dt / 2);
    const nwr_coeffs c = coeffs_at(schedule, times[i + 1]);
    for (double& value : x) {
      const double k1 = Mixture::predict(NWR_VELOCITY, a, value);
      const double k2 = Mixture::predict(NWR_VELOCITY, b, value + dt / 2 * k1);
      const double k3 = Mixture::predict(NWR_VELOCITY, b, value + dt / 2 * k2);
      const double k4 = Mixture::predict(NWR_VELOCITY, c, value + dt * k3);
      value += dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
    }
  }
  return x;
}

std::vector<double> sample(const Context& context, const Schedule& schedule, const char* sampler,
                           nwr_quantity prediction, const std::vector<double>& times,
                           std::vector<double>* path = nullptr) {
  const nwr_rng rng{3, 0, 0};
  auto options = sized<nwr_sampler_options>();
  options.name = sampler, options.prediction = prediction;
  options.times = times.data(), options.time_count = static_cast<uint32_t>(times.size());
  options.rngs = &rng, options.rng_count = 1;
  const Sampler run = make_sampler(context, schedule, options);
  Tensor x = Tensor(NWR_F64, {kPoints}).fill(begin_of(coeffs_at(schedule, times[0]))), y = x;
  NWR_EXPECT_OK(nwr_sampler_start(run.get(), x, NWR_START_STATE));
  auto eval = sized<nwr_eval>();
  while (nwr_sampler_next(run.get(), &eval) == NWR_OK) {
    const nwr_coeffs c = coeffs_at(schedule, eval.t);
    for (size_t i = 0; i < kPoints; ++i) y.set(i, Mixture::predict(prediction, c, x.get(i)));
    if (nwr_sampler_step(run.get(), x, y, 1) != NWR_OK) {
      ADD_FAILURE() << nwr_last_error();
      break;
    }
    const auto values = x.values();
    if (path) path->insert(path->end(), values.begin(), values.end());
  }
  return x.values();
}

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

// Multistep methods start with a step of order 1, whose error would hide an order above 2: here the
// first steps grow from a length where it does not count.
void ramp_up(std::vector<double>* times) {
  const double begin = (*times)[0], length = (*times)[1] - begin;
  std::vector<double> first;
  for (int k = 14; k > 0; --k) first.push_back(begin + std::ldexp(length, -k));
  times->insert(times->begin() + 1, first.begin(), first.end());
}

TEST(Order, IsWhatTheSamplerClaims) {
  const Context context = make_context();
  const struct {
    const char* sampler;
    int order;
    // Whether the first steps are short, since one of order 1 would be all that is seen.
    bool ramps = false;
  } cases[] = {{"euler", 1},
               {"euler(space=sigma)", 1},
               {"ddim", 1},
               {"dpmpp-2m(order=1)", 1},
               {"euler-maruyama(diffusion=none)", 1},
               {"ito(eta=0)", 1},
               {"zab(order=1)", 1},
               {"azula.reab", 1},
               {"euler-ancestral(eta=0)", 1},
               {"euler-ancestral(eta=0,space=flow)", 1},
               {"gradient-estimation(eta=0)", 1},
               {"heunpp2", 1},
               {"tcd(gamma=0)", 1},
               {"diffusers.euler", 1},
               {"heun", 2},
               {"heun(part=0.5)", 2},
               {"heun(part=0.6666666666666666)", 2},
               {"heun(part=0.3,space=sigma)", 2},
               {"edm(part=0.75)", 2},
               {"diffusers.heun", 2},
               {"diffusers.heun(space=flow)", 2},
               {"comfy.dpmpp-2s-ancestral(eta=0)", 2},
               {"midpoint", 2},
               {"azula.heun", 2},
               {"edm", 2},
               {"dpm-2", 2},
               {"dpm-2(middle=cube-root)", 2},
               {"dpm-2(space=flow)", 2},
               {"stochastic-heun(diffusion=none)", 2},
               {"dpmpp-2m", 2},
               {"dpmpp-2m(solver=heun)", 2},
               {"dpmpp-2m(space=flow)", 2},
               {"dpmpp-2m-sde(eta=0)", 2},
               {"diffusers.dpmpp-3m", 2},
               {"k.dpmpp-3m-sde(eta=0)", 2},
               {"dpm-solver", 2},
               {"dpm-solver(solver=heun)", 2},
               {"res-multistep", 2},
               {"res-multistep(space=flow)", 2},
               {"lms(order=2,start=euler)", 2},
               {"diffusers.deis", 2},
               {"ipndm", 2},
               {"pndm", 2},
               {"dpmpp-2s", 2},
               {"dpmpp-2s(solver=heun)", 2},
               {"dpmpp-2s(predict=noise)", 2},
               {"dpm-singlestep", 2},
               {"dpm-fast", 2},
               {"dpmpp-sde(eta=0)", 2},
               {"seeds-2(eta=0)", 2},
               {"res-2s", 2},
               {"res-2s(space=flow)", 2},
               {"unipc(corrector=no)", 2},
               {"unipc(order=1,corrector=no)", 1},
               {"unipc(order=1)", 2},
               {"diffusers.unipc", 2},
               {"diffusers.dpmpp-2m", 2},
               {"diffusers.dpmpp-3m", 2},
               {"diffusers.deis", 2},
               {"diffusers.sa-solver(tau=0)", 2},
               {"er-sde(order=2,power=1)", 2},
               {"zab", 2},
               {"vab", 2},
               {"zeab", 2},
               {"xeab", 2},
               {"reab", 2},
               {"dpmpp-3m", 3},
               {"dpmpp-3m(space=flow)", 3},
               {"dpmpp-3m-sde(eta=0)", 3},
               {"dpm-solver(order=3)", 3},
               {"lms", 3},
               {"lms(space=flow)", 3},
               {"deis", 3},
               {"dpmpp-3s", 3},
               {"dpmpp-3s(predict=noise,solver=heun)", 3},
               {"dpm-singlestep(order=3)", 3},
               {"dpm-fast(rest=2)", 3},
               {"seeds-3(eta=0)", 3},
               {"unipc", 3},
               {"unipc(variant=bh1)", 3},
               {"unipc(predict=noise)", 3},
               {"sa-solver(tau=0)", 3},
               {"er-sde(power=1)", 3, true},
               {"heun-3", 3},
               {"bogacki-shampine", 3},
               {"zab(order=3)", 3, true},
               {"vab(order=3)", 3, true},
               {"zeab(order=3)", 3, true},
               {"xeab(order=3)", 3, true},
               {"reab(order=3)", 3, true},
               {"unipc(order=3)", 4, true},
               {"unipc(order=3,predict=noise)", 4, true},
               {"sa-solver(tau=0,order=3,corrector_order=4)", 4, true},
               {"rk4", 4},
               {"rk4(space=sigma)", 4},
               {"kutta-38", 4},
               {"vab(order=4)", 4, true},
               {"xeab(order=4)", 4, true},
               {"dormand-prince", 5}};
  for (const Way& way : kWays) {
    const Schedule schedule = make_schedule(way.schedule);
    const std::vector<double> exact = truth(schedule, way);
    for (const auto& c : cases) {
      SCOPED_TRACE(std::string(way.schedule) + " " + way.grid + " " + c.sampler);
      auto entry = sized<nwr_entry>();
      int32_t kind = 0;
      const std::string name = std::string(c.sampler).substr(0, std::string(c.sampler).find('('));
      NWR_ASSERT_OK(nwr_catalog_find(NWR_DOMAIN_SAMPLER, name.c_str(), &kind));
      for (size_t i = 0; i < nwr_catalog_size(NWR_DOMAIN_SAMPLER); ++i) {
        NWR_ASSERT_OK(nwr_catalog_entry(NWR_DOMAIN_SAMPLER, i, &entry));
        if (entry.value == kind) break;
      }
      if (name == c.sampler) {
        EXPECT_EQ(static_cast<uint32_t>(c.order), entry.order);
      }
      std::array<double, 2> error;
      const size_t steps = c.order <= 2   ? 320
                           : c.order == 3 ? 159
                           : c.order == 5 ? 30
                           : c.ramps      ? 120
                                          : 60;
      for (size_t i = 0; i < 2; ++i) {
        std::vector<double> times = times_of(schedule, way, steps << i);
        if (c.ramps) ramp_up(&times);
        error[i] = distance(exact, sample(context, schedule, c.sampler, NWR_VELOCITY, times));
      }
      EXPECT_GT(error[1], 1e-12);  // else the truth is no better than what it judges
      EXPECT_LT(error[0], 0.05);
      // Of order 5 rounding is reached before the slope is even.
      EXPECT_NEAR(c.order, std::log2(error[0] / error[1]), c.order < 5 ? 0.15 : 0.75)
          << "errors " << error[0] << ", " << error[1];
    }
  }
}

// Plain names beside what peers compute, at as many evaluations.
struct Pair {
  const char *ours, *theirs;
};

// Zhao et al. 2302.04867, order 2 with B(h) = e^h - 1 for the data, with steps that are not
// corrected and a predictor of its own, on x = data + sigma noise.
std::vector<double> unipc(const std::vector<double>& sigmas, int skip, int predictor) {
  std::vector<double> out;
  nwr_coeffs c{};
  c.alpha = 1, c.sigma = sigmas[0];
  for (double x : begin_of(c)) {
    double before = 0, gap = 0;  // the value before, and its growth of lambda
    c.sigma = sigmas[0];
    double value = Mixture::data(c, x);
    for (size_t i = 0; i + 1 < sigmas.size(); ++i) {
      const double h = std::log(sigmas[i] / sigmas[i + 1]), b = std::expm1(-h);
      const double base = sigmas[i + 1] / sigmas[i] * x - b * value, r = -gap / h;
      const double lean = i > 0 ? (before - value) / r : 0;
      const double predicted = base - (predictor == 2 && i > 0 ? b / 2 * lean : 0);
      if (i + 2 == sigmas.size()) {
        out.push_back(predicted);
        break;
      }
      c.sigma = sigmas[i + 1];
      const double next = Mixture::data(c, predicted), difference = next - value;
      x = predicted;
      if ((skip >> i & 1) == 0) {
        // Two equations: of the sum of the weights, and of the sum of each times its place.
        const double psi1 = b / -h - 1, psi2 = psi1 / -h - 0.5;
        const double sum = psi1 / b, moment = 2 * psi2 / b;
        const double old = i > 0 ? (moment - sum) / (r - 1) : 0;
        x = base - b * (old * lean + (i > 0 ? sum - old : 0.5) * difference);
      }
      before = value, value = next, gap = h;
    }
  }
  return out;
}

TEST(UniPc, LeavesOutCorrectionsAndTakesAnotherPredictor) {
  const Context context = make_context();
  const Schedule schedule = make_schedule("edm");
  const std::vector<double> times = times_of(schedule, {"edm", "karras", 4, 0.2}, 6);
  struct One {
    const char* sampler;
    int skip, predictor;
  };
  for (const One& one :
       {One{"unipc", 0, 2}, One{"unipc(corrector_skip=10)", 10, 2},
        One{"unipc(corrector_skip=63)", 63, 2}, One{"unipc(predictor_order=1)", 0, 1},
        One{"unipc(predictor_order=1,corrector_skip=5)", 5, 1}}) {
    const std::vector<double> want = unipc(times, one.skip, one.predictor);
    EXPECT_LT(distance(want, sample(context, schedule, one.sampler, NWR_DATA, times)), 1e-13)
        << one.sampler;
  }
  EXPECT_GT(distance(unipc(times, 0, 2), unipc(times, 10, 2)), 1e-4);
}

TEST(PlainNames, AreMoreExactThanThePeersAtEqualEvaluations) {
  const Context context = make_context();
  for (const Way& way : kWays) {
    const Schedule schedule = make_schedule(way.schedule);
    const std::vector<double> exact = truth(schedule, way);
    for (const auto& [ours, theirs] : {Pair{"dpmpp-3m", "diffusers.dpmpp-3m"},
                                       {"dpmpp-3m-sde(eta=0)", "k.dpmpp-3m-sde(eta=0)"},
                                       {"dpm-solver(order=3)", "diffusers.dpm-solver(order=3)"},
                                       {"deis", "diffusers.deis(order=3)"},
                                       {"lms", "k.lms(order=3)"},
                                       {"reab", "azula.reab"}}) {
      for (const size_t steps : {80, 160}) {
        const std::vector<double> times = times_of(schedule, way, steps);
        const double a = distance(exact, sample(context, schedule, ours, NWR_VELOCITY, times));
        const double b = distance(exact, sample(context, schedule, theirs, NWR_VELOCITY, times));
        EXPECT_LT(a, b) << way.schedule << " " << way.grid << ", " << steps << " steps: " << ours
                        << " against " << theirs;
      }
    }
  }
}

// From alpha = 0 to sigma = 0, both included: finite, and on the data of the mixture; or refused
// where a method cannot begin there.
TEST(Ends, AreFiniteForEverySampler) {
  const Context context = make_context();
  const Schedule schedule = make_schedule("linear");
  const nwr_rng rng{5, 0, 0};
  std::set<std::string> refused;
  for (size_t i = 0; i < nwr_catalog_size(NWR_DOMAIN_SAMPLER); ++i) {
    auto entry = sized<nwr_entry>();
    NWR_ASSERT_OK(nwr_catalog_entry(NWR_DOMAIN_SAMPLER, i, &entry));
    for (const nwr_quantity prediction : {NWR_DATA, NWR_VELOCITY, NWR_ANGULAR}) {
      SCOPED_TRACE(std::string(entry.name) + " " + std::to_string(prediction));
      const std::vector<double> times = {0, 0.15, 0.35, 0.55, 0.75, 0.9, 1};
      auto options = sized<nwr_sampler_options>();
      options.name = entry.name, options.prediction = prediction;
      options.times = times.data(), options.time_count = 7;
      options.rngs = &rng, options.rng_count = 1;
      nwr_sampler* made = nullptr;
      const nwr_status status = nwr_sampler_create(context.get(), schedule.get(), &options, &made);
      if (status == NWR_ERROR_SINGULAR) {
        refused.insert(entry.name);
        continue;
      }
      NWR_ASSERT_OK(status);
      nwr_sampler_destroy(made);
      for (const double x : sample(context, schedule, entry.name, prediction, times)) {
        EXPECT_TRUE(std::isfinite(x));
        EXPECT_LT(std::fabs(x), 4);
      }
    }
  }
  const std::set<std::string> expected = {"azula.heun",   "diffusers.euler", "diffusers.heun",
                                          "dpm-adaptive", "euler-maruyama",  "ito",
                                          "k.euler",      "k.heun",          "stochastic-heun"};
  EXPECT_EQ(expected, refused);
}

TEST(Forms, OfOneModelGiveOneTrajectory) {
  const Context context = make_context();
  std::vector<std::string> samplers(std::begin(kSamplers), std::end(kSamplers));
  for (size_t i = 0; i < nwr_catalog_size(NWR_DOMAIN_SAMPLER); ++i) {
    auto entry = sized<nwr_entry>();
    NWR_ASSERT_OK(nwr_catalog_entry(NWR_DOMAIN_SAMPLER, i, &entry));
    samplers.push_back(entry.name);
  }
  for (const Way& way : kWays) {
    const Schedule schedule = make_schedule(way.schedule);
    const std::vector<double> times = times_of(schedule, way, 24);
    for (const std::string& sampler : samplers) {
      std::vector<double> expected;
      sample(context, schedule, sampler.c_str(), NWR_VELOCITY, times, &expected);
      for (const nwr_quantity prediction : kPredictions) {
        SCOPED_TRACE(std::string(way.schedule) + " " + sampler + " " + std::to_string(prediction));
        std::vector<double> path;
        sample(context, schedule, sampler.c_str(), prediction, times, &path);
        ASSERT_EQ(expected.size(), path.size());
        double worst = 0;
        for (size_t i = 0; i < path.size(); ++i) {
          worst = std::max(worst, std::fabs(path[i] - expected[i]));
        }
        // Steps that follow from errors follow from rounding too.
        EXPECT_LT(worst, sampler.find("-adaptive") == std::string::npos ? 1e-12 : 1e-8);
      }
    }
  }
}

// ---- marginals ----------------------------------------------------------------------------------

struct Moments {
  double mean = 0, variance = 0;
};
Moments moments_of(const std::vector<double>& x) {
  const double n = static_cast<double>(x.size());
  Moments m;
  for (const double v : x) m.mean += v / n;
  for (const double v : x) m.variance += (v - m.mean) * (v - m.mean) / (n - 1);
  return m;
}
double covariance(const std::vector<double>& a, const std::vector<double>& b) {
  const double n = static_cast<double>(a.size()), ma = moments_of(a).mean, mb = moments_of(b).mean;
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - ma) * (b[i] - mb) / (n - 1);
  return sum;
}

constexpr int64_t kDraws = 20000;
// Five standard errors of a mean and of a variance, each for numbers of variance 1.
const double kMeanError = 5 / std::sqrt(static_cast<double>(kDraws));
const double kVarianceError = 5 * std::sqrt(2.0 / static_cast<double>(kDraws - 1));

struct Chain {
  std::vector<double> times;
  std::vector<std::vector<double>> states;
};

// Runs from noise with a model of data that has this mean and variance.
Chain run_chain(const Schedule& schedule, const char* sampler, const Gaussian& data) {
  const Context context = make_context(2);
  const nwr_rng rng{21, 0, 0};
  auto options = sized<nwr_sampler_options>();
  options.name = sampler, options.prediction = NWR_DATA, options.steps = 8;
  options.rngs = &rng, options.rng_count = 1;
  const Sampler run = make_sampler(context, schedule, options);
  Tensor x(NWR_F64, {kDraws}), y = x;
  Chain chain;
  NWR_EXPECT_OK(nwr_sampler_start(run.get(), x, NWR_START_PRIOR));
  auto eval = sized<nwr_eval>();
  while (nwr_sampler_next(run.get(), &eval) == NWR_OK) {
    chain.times.push_back(eval.t);
    chain.states.push_back(x.values());
    const nwr_coeffs c = coeffs_at(schedule, eval.t);
    for (size_t i = 0; i < x.count(); ++i) y.set(i, data.predict(NWR_DATA, c, x.get(i)));
    if (nwr_sampler_step(run.get(), x, y, 1) != NWR_OK) {
      ADD_FAILURE() << nwr_last_error();
      break;
    }
  }
  chain.times.push_back(eval.t);
  chain.states.push_back(x.values());
  return chain;
}

// Where the data is one point, a step that keeps the forward process keeps every marginal.
TEST(Marginals, AreThoseOfTheForwardProcess) {
  for (const char* name : {"cosine", "linear", "edm", "ddpm"}) {
    const Schedule schedule = make_schedule(name);
    const Gaussian point{0.7, 0};
    for (const char* sampler : {"ddpm",
                                "ddim(eta=1)",
                                "ddim(eta=0.5)",
                                "ddim",
                                "azula.ddim(eta=0.5)",
                                "pc(corrections=2,delta=0.3)",
                                "xeab(order=3)",
                                "zab",
                                "euler-ancestral",
                                "euler-ancestral(eta=0.5)",
                                "euler-ancestral(noise=flow)",
                                "euler-ancestral(noise=flow,eta=0.5)",
                                "dpm-2-ancestral",
                                "dpmpp-2s-ancestral",
                                "dpmpp-3s(eta=0.7)",
                                "dpmpp-2m-sde",
                                "dpmpp-2m-sde(eta=0.3)",
                                "dpmpp-3m-sde",
                                "res-multistep(eta=1)",
                                "res-multistep(eta=0.5,noise=variance)",
                                "res-multistep(eta=1,noise=flow)",
                                "res-2s(eta=1)",
                                "res-2s(eta=1,noise=flow)",
                                "dpmpp-sde",
                                "dpmpp-sde(eta=0.5)",
                                "k.dpmpp-sde",
                                "seeds-2",
                                "seeds-3",
                                "seeds-3(eta=0.5)",
                                "er-sde",
                                "er-sde(power=2)",
                                "sa-solver",
                                "sa-solver(tau=0.6,mode=pece)",
                                "unipc",
                                "dpm-singlestep(order=3,eta=1)",
                                "lcm",
                                "tcd",
                                "tcd(gamma=0.8)",
                                "consistency(sigma_min=0)"}) {
      const Chain chain = run_chain(schedule, sampler, point);
      // The prior has no mean; where alpha is not 0 at the noise end that is an error of the start.
      const nwr_coeffs first = coeffs_at(schedule, chain.times[0]);
      const double bias = first.alpha * point.mean / first.sigma;
      for (size_t i = 1; i < chain.times.size(); ++i) {
        SCOPED_TRACE(std::string(name) + " " + sampler + " at " + std::to_string(chain.times[i]));
        const nwr_coeffs c = coeffs_at(schedule, chain.times[i]);
        const nwr_coeffs b = coeffs_at(schedule, chain.times[i - 1]);
        const Moments m = moments_of(chain.states[i]);
        EXPECT_NEAR(c.alpha * point.mean, m.mean, kMeanError * c.sigma + bias * c.sigma + 1e-11);
        EXPECT_NEAR(c.sigma * c.sigma, m.variance, kVarianceError * c.sigma * c.sigma + 1e-14);
        if (std::string(sampler) != "ddpm" && std::string(sampler) != "ddim(eta=1)") continue;
        // x of the noisier time is what the forward process makes of the cleaner one.
        const double expected = b.alpha == 0 ? 0 : b.alpha / c.alpha * c.sigma * c.sigma;
        EXPECT_NEAR(expected, covariance(chain.states[i - 1], chain.states[i]),
                    kVarianceError * b.sigma * c.sigma + 1e-14);
      }
    }
  }
}

// A model that is linear in x makes x linear in its start and in each draw: element 0 starts from
// 0, element 1 from 1, and the others see one draw each, so that one run shows the exact variance.
double variance_error(const Schedule& schedule, const char* sampler, double begin, double end,
                      size_t steps) {
  const Context context = make_context();
  const Gaussian data{0.5, 0.49};
  std::vector<double> times(steps + 1);
  for (size_t i = 0; i <= steps; ++i) {
    times[i] = begin + (end - begin) * static_cast<double>(i) / static_cast<double>(steps);
  }
  auto options = sized<nwr_sampler_options>();
  options.name = sampler, options.prediction = NWR_DATA;
  options.times = times.data(), options.time_count = static_cast<uint32_t>(times.size());
  options.noise = [](void*, uint64_t draw, const nwr_tensor* out) -> int32_t {
    const auto z = static_cast<double*>(out->data);
    for (int64_t i = 0; i < out->shape[0]; ++i) z[i] = i == static_cast<int64_t>(draw) + 2;
    return 0;
  };
  const Sampler run = make_sampler(context, schedule, options);
  Tensor x(NWR_F64, {3 * static_cast<int64_t>(steps) + 2});
  x.fill({0}).set(1, 1);
  NWR_EXPECT_OK(nwr_sampler_start(run.get(), x, NWR_START_STATE));
  Tensor y = x;
  auto eval = sized<nwr_eval>();
  while (nwr_sampler_next(run.get(), &eval) == NWR_OK) {
    const nwr_coeffs c = coeffs_at(schedule, eval.t);
    for (size_t i = 0; i < x.count(); ++i) y.set(i, data.predict(NWR_DATA, c, x.get(i)));
    if (nwr_sampler_step(run.get(), x, y, 1) != NWR_OK) {
      ADD_FAILURE() << nwr_last_error();
      break;
    }
  }
  const double slope = x.get(1) - x.get(0);
  double variance = slope * slope * data.spread(coeffs_at(schedule, begin));
  for (size_t i = 2; i < x.count(); ++i) {
    variance += (x.get(i) - x.get(0)) * (x.get(i) - x.get(0));
  }
  return std::fabs(variance - data.spread(coeffs_at(schedule, end)));
}

struct Weak {
  const char* sampler;
  int order;
};
// Weak orders: of the variance, whose error a linear model shows without chance. Two draws of one
// path keep the order that two independent ones lose.
constexpr Weak kWeak[] = {{"euler-ancestral", 1},
                          {"euler-ancestral(noise=flow)", 1},
                          {"dpm-2-ancestral", 2},
                          {"dpmpp-2s-ancestral", 2},
                          {"dpmpp-2m-sde", 2},
                          {"dpmpp-2m-sde(solver=heun)", 2},
                          {"dpmpp-3m-sde", 2},
                          {"dpm-solver(eta=1)", 2},
                          {"res-multistep(eta=1)", 2},
                          {"res-2s(eta=1)", 2},
                          {"dpmpp-sde", 2},
                          {"k.dpmpp-sde", 1},
                          {"seeds-2", 2},
                          {"seeds-3", 2},
                          {"er-sde", 2},
                          {"sa-solver", 2},
                          {"sa-solver(mode=pece)", 2},
                          {"gradient-estimation(eta=1)", 1},
                          {"dpm-singlestep(order=2,eta=1)", 1}};

TEST(Marginals, OfStochasticStepsConverge) {
  for (const auto& [name, begin, end] :
       {std::tuple{"linear", 0.2, 0.8}, {"cosine", 0.8, 0.2}, {"vp", 0.6, 0.1}}) {
    const Schedule schedule = make_schedule(name);
    for (const Weak& weak : kWeak) {
      SCOPED_TRACE(std::string(name) + " " + weak.sampler);
      const double coarse = variance_error(schedule, weak.sampler, begin, end, 800);
      const double fine = variance_error(schedule, weak.sampler, begin, end, 1600);
      EXPECT_NEAR(weak.order, std::log2(coarse / fine), 0.15) << coarse << ", " << fine;
    }
  }
}

TEST(Marginals, OfSdesConverge) {
  for (const auto& [name, begin, end] :
       {std::tuple{"linear", 0.2, 0.8}, {"cosine", 0.8, 0.2}, {"vp", 0.6, 0.1}}) {
    const Schedule schedule = make_schedule(name);
    for (const char* sampler :
         {"euler-maruyama", "euler-maruyama(diffusion=constant,norm=0.3)",
          "euler-maruyama(diffusion=sbdm)", "euler-maruyama(diffusion=increasing-decreasing)",
          "stochastic-heun", "stochastic-heun(noise=before)", "stochastic-heun(noise=ahead)",
          "stochastic-heun(diffusion=zero-ends,noise=ahead)", "ito", "ito(eta=0.5)"}) {
      SCOPED_TRACE(std::string(name) + " " + sampler);
      const double coarse = variance_error(schedule, sampler, begin, end, 400);
      const double fine = variance_error(schedule, sampler, begin, end, 800);
      EXPECT_LT(coarse, 0.02);
      EXPECT_NEAR(1, std::log2(coarse / fine), 0.1) << coarse << ", " << fine;
    }
    // Second-order, as the steps between are.
    const double coarse = variance_error(schedule, "edm(s_churn=10)", begin, end, 100);
    const double fine = variance_error(schedule, "edm(s_churn=10)", begin, end, 200);
    EXPECT_NEAR(2, std::log2(coarse / fine), 0.2) << name << ": " << coarse << ", " << fine;
  }
}

// Ho et al. 2006.11239, eq. 6-7, written with betas, pushed through a model that is linear in x.
TEST(Marginals, OfDdpmFollowThePosterior) {
  const Schedule schedule = make_schedule("ddpm");
  const Gaussian data{0.5, 0.49};
  for (const bool large : {false, true}) {
    const Chain chain = run_chain(schedule, large ? "ddpm(variance=large)" : "ddim(eta=1)", data);
    Moments m = moments_of(chain.states[0]);
    for (size_t i = 1; i < chain.times.size(); ++i) {
      SCOPED_TRACE(testing::Message() << "at " << chain.times[i] << ", " << large);
      const nwr_coeffs from = coeffs_at(schedule, chain.times[i - 1]);
      const nwr_coeffs to = coeffs_at(schedule, chain.times[i]);
      const double bar = from.alpha * from.alpha, bar_next = to.alpha * to.alpha;
      const double alpha = bar / bar_next, beta = 1 - alpha;
      const double of_data = std::sqrt(bar_next) * beta / (1 - bar);
      const double of_x = std::sqrt(alpha) * (1 - bar_next) / (1 - bar);
      const double posterior = (1 - bar_next) / (1 - bar) * beta;
      // E[data | x] = mean + gain (x - alpha mean).
      const double gain = from.alpha * data.variance / data.spread(from);
      const double slope = of_data * gain + of_x;
      const double mean = of_data * data.mean * (1 - gain * from.alpha) + slope * m.mean;
      const bool last = i + 1 == chain.times.size();
      m.variance = slope * slope * m.variance + (large && !last ? beta : posterior);
      m.mean = mean;
      const Moments found = moments_of(chain.states[i]);
      const double spread = std::sqrt(m.variance);
      EXPECT_NEAR(m.mean, found.mean, kMeanError * spread);
      EXPECT_NEAR(m.variance, found.variance, kVarianceError * m.variance);
    }
  }
}

}  // namespace
}  // namespace nwr_test
