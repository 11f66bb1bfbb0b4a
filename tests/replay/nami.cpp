// SPDX-License-Identifier: Apache-2.0
// Owns nami's recorded third legs, transforms of scores, noise schedules, conversions and
// interpolants. Must not know its solvers or its notebook.
#include <limits>

#include "seeds.hpp"

namespace replay {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

Schedule seed(const Settings& settings) { return make_schedule(spec("nami.seed", settings)); }

// ---- gamma -----------------------------------------------------------------------------------

// ZeroGamma has no settings, BrownianGamma eps, ScaledBrownianGamma a scale of gamma^2 too.
Schedule gamma_of_params(const Json& params) {
  if (!has(params, "eps")) return seed({{"latent", "none"}});
  return seed({{"latent", "brownian"},
               {"eps", text(to_number(params["eps"]))},
               {"latent_scale", text(number_or(params, "scale", 1))}});
}

// Upstream's formulas, step by step.
SingleRow gamma_at(const Json& params, Single t) {
  if (!has(params, "eps")) {
    return {{"gamma", 0},
            {"gamma_dot", 0},
            {"gamma_gamma_dot", 0},
            {"gamma_times_gamma_dot_generic", 0}};
  }
  const Single scale = number_or(params, "scale", 1), eps = to_number(params["eps"]);
  const Single gamma = sqrt(at_least(scale * t * (1 - t), eps));
  const Single twice = scale * (1 - 2 * t), slope = twice / (2 * at_least(gamma, eps));
  return {{"gamma", gamma},
          {"gamma_dot", slope},
          {"gamma_gamma_dot", 0.5 * twice},
          {"gamma_times_gamma_dot_generic", gamma * slope}};
}

SingleTable bounds_of(const Json& params, const Numbers& times) {
  return single_table(times, [&](Single t) { return gamma_at(params, t); });
}

// ---- transforms ------------------------------------------------------------------------------

// "brownian", "zero", "scaled2.5": a factor of gamma^2; "from_sigma0.7": of gamma.
Schedule gamma_of_name(const std::string& name, double score_eps) {
  Settings settings = {{"score_eps", text(score_eps)}, {"latent", "brownian"}};
  const auto begins = [&](const std::string& start) { return name.rfind(start, 0) == 0; };
  if (name == "zero") {
    settings.back().second = "none";
  } else if (begins("scaled")) {
    settings.emplace_back("latent_scale", name.substr(6));
  } else if (begins("from_sigma")) {
    const double sigma = std::stod(name.substr(10));
    settings.emplace_back("latent_scale", text(sigma * sigma));
  } else if (name != "brownian") {
    throw Unsupported{"gamma " + name + " is not in this version"};
  }
  return seed(settings);
}

// w^2 of each sample: a number, or a formula in t.
Array diffusion_of(const std::string& written, const Array& times) {
  Array out = times;
  if (written == "2t(1-t)") {
    for (double& t : out.data) t = 2 * t * (1 - t);
  } else {
    out.data.assign(out.data.size(), std::stod(written));
  }
  return out;
}

// The toy model of the recordings.
struct Toy {
  Array eta, velocity;
};
Toy toy_of(const Array& x) {
  if (x.row_size() != 2) throw Malformed("x is not two numbers a sample");
  Toy toy{x, x};
  for (double& eta : toy.eta.data) eta = 0.3 * eta + 0.1;
  for (size_t i = 0; i < x.data.size(); i += 2) {
    toy.velocity.data[i] = -0.35 * x.data[i + 1];
    toy.velocity.data[i + 1] = 0.35 * x.data[i];
  }
  return toy;
}

void check_transforms(Check& check, const SeedCase& c) {
  const Array x = to_array(member(c.inputs, "x")), times = to_array(member(c.inputs, "t"));
  const Schedule schedule =
      gamma_of_name(text_or(c.params, "gamma", ""), to_number(member(c.params, "eps")));
  const Toy toy = toy_of(x);
  if (has(c.output, "eta")) check.state("eta", toy.eta.data, c.output["eta"]);
  const Array score{x.shape,
                    transform(schedule, times, {{NWR_NEGATIVE_LATENT, &toy.eta}}, {NWR_SCORE})[0]};
  check.state("score", score.data, member(c.output, "score"));
  check.state("mirror", transform(schedule, times, {{NWR_SCORE, &score}}, {NWR_NAMI_MIRROR})[0],
              member(c.output, "mirror"));
  const auto drift = [&](nwr_quantity quantity, const Array* diffusion) {
    return transform(schedule, times, {{NWR_PATH_VELOCITY, &toy.velocity}, {NWR_SCORE, &score}},
                     {quantity}, {NWR_F64, diffusion})[0];
  };
  if (has(c.output, "drift_plus")) {
    return check.state("drift_plus", drift(NWR_NAMI_DRIFT, nullptr), c.output["drift_plus"]);
  }
  check.state("drift_minus", drift(NWR_VELOCITY, nullptr), member(c.output, "drift_minus"));
  // Plus w^2/2 score: where data is at t = 0, that is the SDE that runs to noise.
  const Array diffusion = diffusion_of(text_or(c.params, "diffusion2", ""), times);
  check.state("markovization", drift(NWR_FORWARD_DRIFT, &diffusion),
              member(c.output, "markovization"));
}

// ---- times for leading axes ------------------------------------------------------------------

// A time for each of the leading axes of x, one after the other: t's axes are aligned with them at
// the right where an event has a known number of axes and t is not of x's rank, else at the left.
Array spread_times(const Array& t, const Array& x, bool known_event) {
  const size_t rank = x.shape.size(), lead = rank - 1;
  std::vector<int64_t> shape = t.shape;
  if (known_event && shape.size() < lead) shape.insert(shape.begin(), lead - shape.size(), 1);
  shape.resize(rank, 1);
  Array out{{1}, {}};
  for (size_t axis = 0; axis < lead; ++axis) out.shape[0] *= x.shape[axis];
  if (shape.back() != 1) throw Malformed("a time a number is not in this version");
  for (int64_t sample = 0; sample < out.shape[0]; ++sample) {
    int64_t rest = sample, stride = 1, place = 0;
    for (size_t axis = lead; axis-- > 0;) {
      if (shape[axis] != 1 && shape[axis] != x.shape[axis]) throw Malformed("t does not fit x");
      if (shape[axis] != 1) place += stride * (rest % x.shape[axis]);
      stride *= shape[axis];
      rest /= x.shape[axis];
    }
    out.data.push_back(t.data.at(static_cast<size_t>(place)));
  }
  return out;
}

// ---- interpolants ----------------------------------------------------------------------------

struct Legs {
  Array times, noise, data, latent;
};
Legs legs_of(const Json& inputs) {
  Legs legs{to_array(member(inputs, "t")), to_array(member(inputs, "x_noise")),
            to_array(member(inputs, "x_data")), to_array(member(inputs, "z"))};
  if (legs.noise.shape != legs.data.shape || legs.latent.shape != legs.data.shape) {
    throw Malformed("x_noise, x_data and z do not fit");
  }
  return legs;
}

void check_plain(Check& check, const SeedCase& c, const Legs& legs, const char* path) {
  const auto results =
      transform(make_schedule(path), legs.times, {{NWR_DATA, &legs.data}, {NWR_NOISE, &legs.noise}},
                {NWR_STATE, NWR_VELOCITY});
  check.state("xt", results[0], member(c.output, "xt"));
  check.state("Velocity", results[1], member(c.output, "Velocity"));
}

// With gamma's floor, which our nami.seed has: there time runs to noise, so that the two ends
// change places.
void check_stochastic(Check& check, const SeedCase& c, const Legs& legs, double scale, double eps) {
  const Schedule path =
      seed({{"latent", "brownian"}, {"latent_scale", text(scale)}, {"eps", text(eps)}});
  const auto results =
      transform(path, legs.times,
                {{NWR_DATA, &legs.noise}, {NWR_NOISE, &legs.data}, {NWR_LATENT, &legs.latent}},
                {NWR_STATE, NWR_VELOCITY});
  check.state("xt", results[0], member(c.output, "xt"));
  check.state("Velocity", results[1], member(c.output, "Velocity"));
}

// What a bridge adds to the velocity, and its score, for a latent of 1: ours but for times so near
// to an end that upstream's floor counts, where its formulas are written out.
struct Third {
  double velocity, score;
};
Third third_at(const Schedule& path, double t, double sigma, double eps) {
  const nwr_coeffs at = coefficients(path, t);
  const double variance = sigma * sigma;
  if (at.gamma * at.gamma / variance < eps) {
    return {at.gamma_dgamma / variance / eps * at.gamma, -at.gamma / (variance * eps)};
  }
  return {factors(path, t, {NWR_LATENT}, NWR_MIRROR_VELOCITY)[0],
          factors(path, t, {NWR_LATENT}, NWR_SCORE)[0]};
}

void check_bridge(Check& check, const SeedCase& c, const Legs& legs, double sigma, double eps) {
  const Schedule path = make_schedule(
      spec("linear", {{"latent", "brownian"}, {"latent_scale", text(sigma * sigma)}}));
  const auto results =
      transform(path, legs.times,
                {{NWR_DATA, &legs.data}, {NWR_NOISE, &legs.noise}, {NWR_LATENT, &legs.latent}},
                {NWR_STATE, NWR_PATH_VELOCITY});
  Numbers velocity = results[1], score = legs.latent.data;
  for (size_t i = 0; i < score.size(); ++i) {
    const double t = legs.times.data.at(i / legs.data.row_size());
    const Third third = third_at(path, t, sigma, eps);
    velocity[i] += third.velocity * legs.latent.data[i];
    score[i] *= third.score;
  }
  check.state("xt", results[0], member(c.output, "xt"));
  check.state("Velocity", velocity, member(c.output, "Velocity"));
  check.state("Score", score, member(c.output, "Score"));
}

void check_interpolant(Check& check, const SeedCase& c, const Json& params) {
  const Legs legs = legs_of(c.inputs);
  const auto number_after = [&](const std::string& start) {
    return std::stod(c.name.substr(start.size()));
  };
  const double gamma_eps = to_number(member(params, "BrownianGamma.eps"));
  if (c.name == "LinearInterpolant") return check_plain(check, c, legs, "nami.linear");
  if (c.name == "CosineInterpolant") return check_plain(check, c, legs, "nami.cosine");
  if (c.name == "StochasticLinear_Brownian") return check_stochastic(check, c, legs, 1, gamma_eps);
  const std::string scaled = "StochasticLinear_Scaled", bridge = "BrownianBridge_sigma";
  if (c.name.rfind(scaled, 0) == 0) {
    return check_stochastic(check, c, legs, number_after(scaled), gamma_eps);
  }
  if (c.name.rfind(bridge, 0) == 0) {
    return check_bridge(check, c, legs, number_after(bridge),
                        to_number(member(params, "BrownianBridge.eps")));
  }
  if (c.name.rfind("Gaussian_VP", 0) == 0) {
    throw Unsupported{"upstream's defect: data and noise have each other's coefficients"};
  }
  throw Unsupported{"interpolant " + c.name + " is not in this version"};
}

Schedule noise_schedule_of(const std::string& name, const Json& params) {
  if (name.rfind("VPSchedule", 0) == 0) {
    return make_schedule("nami.vp", params, {"beta_min", "beta_max"});
  }
  if (name.rfind("VESchedule", 0) == 0) {
    return make_schedule("nami.ve", params, {"sigma_min", "sigma_max"});
  }
  if (name.rfind("EDMSchedule", 0) == 0) {
    return make_schedule("nami.edm", params, {"sigma_min", "sigma_max", "rho"});
  }
  throw Unsupported{"schedule " + name + " is not in this version"};
}

}  // namespace

void replay_nami_gamma(const Json& file, Cases& cases) {
  const bool single = is_single(file);
  each_case(file, cases, [&](Check& check, const SeedCase& c) {
    check.set_tolerance(1e-12);
    const Numbers times = to_numbers(member(c.inputs, "t"));
    const Schedule schedule = gamma_of_params(c.params);
    const auto rows = coefficients(schedule, times);
    Table table = {{"gamma", column(rows, gamma_of)},
                   {"gamma_dot", gamma_slopes(schedule, times)},
                   {"gamma_gamma_dot", column(rows, gamma_dgamma_of)},
                   {"gamma_times_gamma_dot_generic", column(rows, gamma_of)}};
    for (size_t i = 0; i < times.size(); ++i) table[3].second[i] *= table[1].second[i];
    check_table(check, c.output, table, single ? bounds_of(c.params, times) : SingleTable());
  });
}

void replay_nami_transforms(const Json& file, Cases& cases) {
  each_case(file, cases, [](Check& check, const SeedCase& c) {
    check.set_tolerance(1e-12);
    check_transforms(check, c);
  });
}

void replay_nami_broadcast(const Json& file, Cases& cases) {
  each_case(file, cases, [](Check& check, const SeedCase& c) {
    check.set_tolerance(1e-12);
    const Array x = to_array(member(c.inputs, "x"));
    const bool known_event = c.name.rfind("event_ndim=None", 0) != 0;
    const Array times = spread_times(to_array(member(c.output, "t")), x, known_event);
    const Array score{{times.shape[0], x.shape.back()}, scaled(-1, x.data)};
    check.state("mirror",
                transform(seed({{"latent", "brownian"}}), times, {{NWR_SCORE, &score}},
                          {NWR_NAMI_MIRROR})[0],
                member(c.output, "mirror"));
  });
}

void replay_nami_schedules(const Json& file, Cases& cases) {
  each_case(file, cases, [](Check& check, const SeedCase& c) {
    check.set_tolerance(1e-12);
    const Schedule schedule = noise_schedule_of(c.name, c.params);
    const Numbers times = to_numbers(member(c.inputs, "t"));
    check_columns(check, c.output, coefficients(schedule, times),
                  {{"alpha", alpha_of}, {"sigma", sigma_of}, {"drift_at_x_eq_1", dlog_alpha_of}});
    Numbers snr = weigh(schedule, "nami.snr", times);
    for (double& value : snr) {
      // The weight's ceiling.
      if (value == 1e300) value = std::numeric_limits<double>::infinity();
    }
    check.state("snr", snr, member(c.output, "snr"));
    check.state("diffusion", weigh(schedule, "diffusion(convention=g)", times),
                member(c.output, "diffusion"));
  });
}

void replay_nami_conversions(const Json& file, Cases& cases) {
  constexpr Conversion kConversions[] = {{"eps_to_score", NWR_NOISE, NWR_SCORE},
                                         {"score_to_eps", NWR_SCORE, NWR_NOISE},
                                         {"x0_to_eps", NWR_DATA, NWR_NOISE},
                                         {"score_to_x0", NWR_SCORE, NWR_DATA},
                                         {"v_to_eps", NWR_ANGULAR, NWR_NOISE}};
  each_case(file, cases, [&](Check& check, const SeedCase& c) {
    check.set_tolerance(1e-12);
    const Schedule schedule = make_schedule("nami.vp");
    const Array times = to_array(member(c.inputs, "t")), f = to_array(member(c.inputs, "f"));
    check_columns(check, c.inputs, coefficients(schedule, times.data),
                  {{"alpha", alpha_of}, {"sigma", sigma_of}});
    for (const Conversion& conversion : kConversions) {
      if (c.name != conversion.name) continue;
      return check_conversions(check, member(file, "outputs"), schedule, times,
                               to_array(member(c.inputs, "x")), f, {conversion});
    }
    throw Unsupported{"conversion " + c.name + " is not in this version"};
  });
}

void replay_nami_interpolants(const Json& file, Cases& cases) {
  each_case(file, cases, [&](Check& check, const SeedCase& c) {
    check.set_tolerance(1e-12);
    check_interpolant(check, c, member(file, "params"));
  });
}

}  // namespace replay
