// SPDX-License-Identifier: Apache-2.0
// Owns GenSBI's three EDM schedulers: noise levels, scales, clocks and preconditionings in terms of
// ours. Must not know its other schedulers or samplers.
//
// Upstream writes x = s (data + sigma_e noise): s is our alpha, sigma_e our sigma/alpha.
#include <cmath>

#include "paths.hpp"
#include "seeds.hpp"

namespace replay {
namespace {

// What differs between the three.
struct Scheduler {
  Schedule path;
  // From u, 0 at noise, to the path's time.
  std::function<Numbers(const Numbers& u)> clock;
  // Where f and g are asked for: at the clock's time, but for VP at u itself.
  bool drift_on_clock = true;
  // Eight times.
  Numbers grid;
  // Of a noise level: denoised = c_skip x + c_out F.
  struct Factors {
    double skip, out, in, noise;
  };
  std::function<Factors(double sigma, double time)> factors;
  std::string weight;
};

constexpr size_t kGrid = 8;

// On the path alpha = 1, sigma = t, whose state is upstream's input.
const Schedule& level_path() {
  static const Schedule path = make_schedule("edm");
  return path;
}

Scheduler edm(const Json& params) {
  Scheduler s;
  const double data = to_number(member(params, "sigma_data"));
  const double least = to_number(member(params, "sigma_min"));
  const double most = to_number(member(params, "sigma_max"));
  const double rho = to_number(member(params, "rho"));
  s.path = make_schedule(spec("gensbi.edm", {{"sigma_data", text(data)}}));
  const Schedule karras = make_schedule(spec("edm-rho", {{"sigma_min", text(least)},
                                                         {"sigma_max", text(most)},
                                                         {"rho", text(rho)},
                                                         {"time", "to-data"}}));
  s.clock = [=](const Numbers& u) { return column(coefficients(karras, u), sigma_of); };
  s.grid = spread("karras", most, least, kGrid, rho);
  s.weight = "edm";
  s.factors = [path = s.path, data](double sigma, double) {
    const auto parts = factors(path, sigma, {NWR_STATE, NWR_PRECONDITIONED}, NWR_DATA);
    // F = sigma/(sigma_data norm) data - sigma_data/norm noise, and the input is x/norm.
    const double noise = factors(path, sigma, {NWR_DATA, NWR_NOISE}, NWR_PRECONDITIONED)[1];
    return Scheduler::Factors{parts[0], parts[1], -noise / data,
                              -coefficients(path, sigma).lambda / 4};
  };
  return s;
}

Scheduler vp(const Json& params) {
  Scheduler s;
  s.path = make_schedule("gensbi.edm_vp", params, {"beta_min", "beta_max"});
  const double last = to_number(member(params, "e_s"));
  const double count = to_number(member(params, "M"));
  const Numbers ends = grid(s.path, "uniform", 2, 1, last);
  s.clock = [=](const Numbers& u) {
    Numbers out;
    for (const double x : u) out.push_back(ends[0] + x * (ends[1] - ends[0]));
    return out;
  };
  s.drift_on_clock = false;
  s.grid = grid(s.path, "uniform", kGrid, 1, last);
  s.weight = "snr";
  // F is the noise.
  s.factors = [path = s.path, count](double sigma, double time) {
    const auto parts = factors(level_path(), sigma, {NWR_STATE, NWR_NOISE}, NWR_DATA);
    return Scheduler::Factors{parts[0], parts[1], coefficients(path, time).alpha,
                              (count - 1) * time};
  };
  return s;
}

Scheduler ve(const Json& params) {
  Scheduler s;
  const double least = to_number(member(params, "sigma_min"));
  const double most = to_number(member(params, "sigma_max"));
  s.path = make_schedule("gensbi.edm_ve", params, {"sigma_max"});
  const Schedule levels = make_schedule(
      spec("ve", {{"sigma_min", text(least)}, {"sigma_max", text(most)}, {"time", "to-data"}}));
  s.clock = [=](const Numbers& u) {
    return column(coefficients(levels, u), [](const nwr_coeffs& c) { return c.sigma * c.sigma; });
  };
  s.grid = spread("exponential", most, least, kGrid);
  for (double& level : s.grid) level = level * level;
  s.weight = "snr";
  // F is minus the noise.
  s.factors = [](double sigma, double) {
    const auto parts = factors(level_path(), sigma, {NWR_STATE, NWR_NOISE}, NWR_DATA);
    return Scheduler::Factors{parts[0], -parts[1], coefficients(level_path(), sigma).alpha,
                              -coefficients(level_path(), sigma).lambda - std::log(2)};
  };
  return s;
}

Scheduler scheduler_of(const std::string& name, const Json& params) {
  if (name == "EDM-VP") return vp(params);
  if (name == "EDM-VE") return ve(params);
  return edm(params);
}

void check_clock(Check& check, const SeedCase& c, const Scheduler& s) {
  const Numbers u = to_numbers(member(c.inputs, "u")), times = s.clock(u);
  check.state("time_schedule(u)", times, member(c.output, "time_schedule(u)"));
  check_columns(check, c.output, coefficients(s.path, times),
                {{"sigma(t)", [](const nwr_coeffs& k) { return k.sigma / k.alpha; }},
                 // (sigma/alpha)' = -lambda' sigma/alpha, and time runs to noise.
                 {"sigma_deriv(t)",
                  [](const nwr_coeffs& k) {
                    return k.diffusion2 / (2 * k.sigma * k.sigma) * k.sigma / k.alpha;
                  }},
                 {"s(t)", alpha_of},
                 {"s_deriv(t)", dalpha_of}});
  check_columns(check, c.output, coefficients(s.path, s.drift_on_clock ? times : u),
                {{"f(x=1,u)", dlog_alpha_of},
                 {"g(u)", [](const nwr_coeffs& k) { return std::sqrt(k.diffusion2); }}});
  check.state("timesteps_N8", s.grid, member(c.output, "timesteps_N8"));
}

void check_levels(Check& check, const SeedCase& c, const Scheduler& s) {
  const Numbers levels = to_numbers(member(c.inputs, "sg"));
  const Numbers times = times_of_ratios(s.path, levels);
  Numbers skip, out, in, noise, denoised;
  for (size_t i = 0; i < levels.size(); ++i) {
    const Scheduler::Factors at = s.factors(levels[i], times[i]);
    skip.push_back(at.skip);
    out.push_back(at.out);
    in.push_back(at.in);
    noise.push_back(at.noise);
    denoised.push_back(at.skip + at.out * (0.7 * at.in + 0.1 * at.noise));
  }
  check.state("sigma_inv(sg)", times, member(c.output, "sigma_inv(sg)"));
  check.state("c_skip(sg)", skip, member(c.output, "c_skip(sg)"));
  check.state("c_out(sg)", out, member(c.output, "c_out(sg)"));
  check.state("c_in(sg)", in, member(c.output, "c_in(sg)"));
  check.state("c_noise(sg)", noise, member(c.output, "c_noise(sg)"));
  check.state("loss_weight(sg)", weigh(s.path, s.weight, times),
              member(c.output, "loss_weight(sg)"));
  const char* name = "denoise(F=0.7obs+0.1t, x=1, sg)";
  check.state(name, denoised, member(c.output, name));
}

}  // namespace

void replay_gensbi_edm(const Json& file, Cases& cases) {
  each_case(file, cases, [](Check& check, const SeedCase& c) {
    const Scheduler s = scheduler_of(c.name, c.params);
    check_clock(check, c, s);
    check_levels(check, c, s);
  });
}

}  // namespace replay
