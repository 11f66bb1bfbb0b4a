// SPDX-License-Identifier: Apache-2.0
// Owns the peers whose samplers step in sigma with a denoiser as their model: k-diffusion, ComfyUI,
// stable-diffusion.cpp, EDM's own and OpenAI's, in terms of our samplers. Must not know other
// peers.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "formats.hpp"
#include "paths.hpp"

namespace replay {
namespace {

// k-diffusion's grids by the name in its configuration; empty where there is no rule.
Numbers named_levels(const Json& config) {
  const std::string kind = text_or(config, "grid", "");
  const double n = number_or(config, "n", 0);
  if (kind.empty() || n < 1) return {};
  const double first = to_number(member(config, "sigma_max"));
  const double last = to_number(member(config, "sigma_min"));
  if (kind == "karras") return spread("karras", first, last, n, number_or(config, "rho", 7));
  if (kind == "exponential" || (kind == "polyexponential" && number_or(config, "rho", 1) == 1)) {
    return spread("exponential", first, last, n, 0);
  }
  Numbers out;
  const auto fill = [&](const Schedule& schedule, double begin, double end) {
    for (double i = 0; i < n; ++i) {
      out.push_back(ratio(schedule, begin + (end - begin) * i / (n - 1)));
    }
  };
  if (kind == "vp") {
    const double slope = number_or(config, "beta_d", 19.9),
                 least = number_or(config, "beta_min", 0.1);
    fill(make_schedule(spec("vp", {{"beta_min", text(least)}, {"beta_max", text(least + slope)}})),
         1, number_or(config, "eps_s", 1e-3));
  } else if (kind == "discrete") {
    // The wrapped model's table is Stable Diffusion's.
    fill(make_schedule("ddpm(beta=scaled_linear,beta_start=0.00085,beta_end=0.012)"), 999, 0);
  }
  return out;
}

void check_levels(Check& check, const Recording& recording, Numbers expected) {
  if (expected.empty()) return;
  expected.push_back(0);
  check.level("sigmas", expected, recording.at("sigmas"));
}

void check_ends(Check& check, const Recording& recording) {
  for (const char* name : {"sigma_min", "sigma_max"}) {
    if (!recording.has_own(name)) continue;
    check.level(name, to_number(member(recording.config(), name)), recording.part()[name]);
  }
}

// A sampler of ours on sigma itself, or for flow models on 1 - sigma. The model stands where the
// recording says.
Plan plan_on(const Recording& recording, const Numbers& sigmas, const std::string& sampler) {
  const bool flow = recording.flow_denoiser();
  Plan plan;
  plan.schedule = flow ? make_schedule("linear")
                       : make_schedule(spec("edm", {{"sigma_max", text(sigmas.at(0))}}));
  plan.sampler = sampler;
  const auto time = [=](double sigma) { return flow ? 1 - sigma : sigma; };
  Numbers times;
  for (const double s : sigmas) times.push_back(time(s));
  set_calls(plan, recording, {times},
            [&](const Json& call) { return time(to_number(member(call, "sigma"))); });
  const Json& calls = recording.at("model_calls");
  for (size_t i = 0; i < plan.evaluations.size(); ++i) {
    Evaluation& at = plan.evaluations[i];
    at.sigma = to_number(calls[i]["sigma"]);
    at.alpha = flow ? 1 - at.sigma : 1;
    // Where the sampler's level is cut, and the model's is not.
    if (i == 0 && flow && sigmas[0] != at.sigma) at.request.time = times[0];
  }
  return plan;
}

// ---- k-diffusion, ComfyUI, stable-diffusion.cpp, OpenAI
// ------------------------------------------

enum class Peer { k_diffusion, comfy, openai, sdcpp };

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs operator+(Pairs a, const Pairs& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// What a peer's sampler is here.
struct Ours {
  std::string name;
  Pairs settings;
  bool draws = false;
};

class Translation {
 public:
  Translation(const Recording& recording, Peer peer)
      : recording_(recording), peer_(peer), flow_(recording.flow_denoiser()) {}

  Ours of(std::string name) const {
    if (name.rfind("sample_", 0) == 0) name = name.substr(7);
    const size_t plus = name.find("_cfg_pp");
    if (plus != std::string::npos) {
      Ours ours = of(name.erase(plus));
      if (name == "euler") ours = {"euler-ancestral", {{"eta", "0"}}, false};
      if (name == "euler_ancestral" && peer_ == Peer::comfy) {
        // The posterior's noise in sigma/alpha, for flow models too.
        const double eta = number("eta", 1);
        ours = {"euler-ancestral", {{"eta", text(eta)}}, eta > 0};
      }
      const double weight =
          recording_.has_any("cfg_scale") ? to_number(recording_.at("cfg_scale")) : 1;
      ours.settings = ours.settings + Pairs{{"cfg_pp", "comfy"}, {"guidance", text(weight)}};
      return ours;
    }
    for (const char* defect : {"deis", "ipndm_v", "lms"}) {
      // ComfyUI's second order is right.
      const bool comfy = name != "lms" && !(name == "ipndm_v" && number("max_order", 4) == 2);
      const bool theirs = peer_ == Peer::sdcpp || (peer_ == Peer::comfy && comfy);
      if (theirs && name == defect) {
        throw Unsupported{"the weights of " + name +
                          " are a defect of the peer: see docs/samplers"};
      }
    }
    const bool own_eta = peer_ == Peer::sdcpp || peer_ == Peer::openai;
    const double eta = number("eta", peer_ == Peer::openai ? 1 : own_eta ? 0 : 1);
    const std::string given = text(eta);
    const bool draws = eta > 0;
    // Peers that know no alpha step x itself in sigma, for flow models too.
    const Pairs space = {{"space", flow_ ? "flow" : "sigma"}};
    const Pairs noise = {{"noise", flow_ && peer_ != Peer::k_diffusion ? "flow" : "variance"}};
    const bool churns = number("s_churn", 0) > 0;
    const Pairs churn = {{"s_churn", text(number("s_churn", 0))},
                         {"s_min", text(number("s_tmin", 0))},
                         {"s_max", text(number("s_tmax", 1e300))},
                         {"s_noise", text(number("s_noise", 1))}};
    const Pairs scale = {{"eta", given}, {"s_noise", text(number("s_noise", 1))}};
    if (name == "euler" || name == "heun") {
      return {"edm", Pairs{{"solver", name}} + churn, churns};
    }
    if (name == "dpm_2" || name == "dpm2") return {"dpm-2", space + churn, churns};
    if (name == "dpm") return {"dpm-2", {{"middle", "cube-root"}}};
    if (name == "progdist" || name == "onestep") return {"euler", {}};
    if (name == "euler_ancestral" || name == "euler_ancestral_RF" || name == "euler_a" ||
        name == "ddim_trailing" || name == "ddpm") {
      return {"euler-ancestral", scale + noise + space, draws};
    }
    if (name == "dpm_2_ancestral") {
      return {"dpm-2", Pairs{{"eta", given}} + noise + space, draws};
    }
    if (name == "lms" || name == "ipndm_v") {
      const std::string last = peer_ == Peer::comfy ? "last" : "no";
      const double order = name == "lms" ? number("order", 4) : 2;
      return {"k.lms", Pairs{{"order", text(order)}, {"lower_order_final", last}} + space};
    }
    if (name == "ipndm") {
      const std::string last = peer_ == Peer::comfy ? "last" : "no";
      return {"ipndm",
              Pairs{{"order", text(number("max_order", 4))}, {"lower_order_final", last}} + space};
    }
    if (name == "dpmpp_2s_ancestral" || name == "dpmpp2s_a") {
      const bool inner = flow_ && peer_ == Peer::comfy;
      return {inner ? "comfy.dpmpp-2s-ancestral" : "dpmpp-2s", scale + noise, draws};
    }
    if (name == "dpmpp_sde") {
      return {"k.dpmpp-sde", scale + Pairs{{"r", text(number("r", 0.5))}}, draws};
    }
    if (name == "dpmpp_2m" || name == "dpmpp2m") return {"dpmpp-2m", space};
    if (name == "dpmpp2mv2") return {"sdcpp.dpmpp-2m-v2", space};
    if (name.rfind("dpmpp_2m_sde", 0) == 0 || name.rfind("dpmpp2m_sde", 0) == 0) {
      const bool heun = name.find("heun") != std::string::npos ||
                        text_or(recording_.settings(), "solver_type", "midpoint") == "heun";
      if (name == "dpmpp2m_sde_bt" && draws) {
        throw Unsupported{"a Brownian tree recorded as one block is not in this version"};
      }
      const Pairs solver = {{"solver", heun ? "heun" : "midpoint"}};
      return {"dpmpp-2m-sde", scale + solver + (peer_ == Peer::sdcpp ? space : Pairs{}), draws};
    }
    if (name == "dpmpp_3m_sde") return {"k.dpmpp-3m-sde", scale, draws};
    if (name == "lcm") return {"lcm", {}, true};
    if (name == "heunpp2") return {"heunpp2", space};
    if (name == "res_multistep" || name == "res_multistep_ancestral") {
      const bool none = peer_ == Peer::comfy && name == "res_multistep";
      const Pairs amount = {{"eta", none ? "0" : given}};
      const Pairs kind = peer_ == Peer::comfy ? Pairs{{"noise", "variance"}} : noise;
      return {"res-multistep", amount + kind + space, draws && !none};
    }
    if (name == "res_2s") return {"res-2s", scale + noise + space, draws};
    if (name == "gradient_estimation" || name == "euler_ge") {
      const double own = peer_ == Peer::comfy ? 0 : eta;
      const Pairs amount = {{"eta", text(own)}, {"gamma", text(number("ge_gamma", 2))}};
      return {"gradient-estimation", amount + noise + space, own > 0};
    }
    if (name == "er_sde") {
      // The peer's eta is a switch.
      const double amount = peer_ == Peer::sdcpp ? draws : number("s_noise", 1);
      return {"comfy.er-sde",
              {{"s_noise", text(amount)}, {"order", text(number("max_stage", 3))}},
              amount > 0};
    }
    if (name == "seeds_2") return {"seeds-2", scale, draws};
    if (name == "seeds_3") return {"seeds-3", scale, draws};
    if (name == "sa_solver" || name == "sa_solver_pece") return sa_solver(name);
    throw Unsupported{"sampler " + name + " is not in this version"};
  }

  // Levels as the sampler steps them: for flow models some peers begin where log-SNR is finite.
  Numbers levels(const std::string& sampler) const {
    Numbers out = recording_.numbers("sigmas");
    const bool cut = flow_ && out.front() >= 1;
    const Json& first = recording_.at("model_calls")[0];
    if (cut && peer_ == Peer::comfy) out.front() = to_number(member(first, "sigma"));
    if (cut && peer_ == Peer::sdcpp && sampler == "comfy.er-sde") out.front() = 1 - 1e-4;
    return out;
  }

 private:
  double number(const char* name, double other) const {
    return number_or(recording_.settings(), name, other);
  }

  Ours sa_solver(const std::string& name) const {
    // The peer draws where the level at a step's end lies in an interval.
    double low = 1e300, high = 0;
    for (const Json& interval : recording_.at("noise_intervals_sigma")) {
      const double s = to_number(interval[1]), level = flow_ ? s / (1 - s) : s;
      low = std::min(low, level * (1 - 1e-6)), high = std::max(high, level * (1 + 1e-6));
    }
    const bool simple = flag_or(recording_.settings(), "simple_order_2", false);
    return {name == "sa_solver" ? "comfy.sa-solver" : "comfy.sa-solver-pece",
            {{"order", text(number("predictor_order", 3))},
             {"corrector_order", text(number("corrector_order", 4))},
             {"simple", simple ? "yes" : "no"},
             {"s_min", text(low)},
             {"s_max", text(high)}},
            true};
  }

  const Recording& recording_;
  Peer peer_;
  bool flow_;
};

// The peer's callback tells the step, negated in the first of two stages, though not at the start
// where a second one has nowhere to stand.
void check_step_numbers(Check& check, const Recording& recording, const Plan& plan) {
  if (!recording.has_own("model_calls")) return;
  const Json& calls = recording.part()["model_calls"];
  const auto& starts = plan.step_starts;
  const bool two = plan.evaluations.size() > starts.size();
  int step = 0;
  for (size_t i = 0; i < calls.size() && i < plan.evaluations.size(); ++i) {
    const bool first = std::find(starts.begin(), starts.end(), i) != starts.end();
    if (first) ++step;
    if (!has(calls[i], "step_arg")) continue;
    const bool alone = i == 0 && starts.size() > 1 && starts[1] == 1;
    check.equal(indexed("model_calls", i) + ".step_arg", (two && first && !alone ? -1 : 1) * step,
                calls[i]["step_arg"]);
  }
}

// The draws that churn uses: the peer draws in every step.
std::vector<size_t> churned(const Numbers& sigmas, double least, double most) {
  std::vector<size_t> out;
  for (size_t i = 0; i + 1 < sigmas.size(); ++i) {
    if (sigmas[i] >= least && sigmas[i] <= most) out.push_back(i);
  }
  return out;
}

Plan plan_sigmas(Check& check, const Recording& recording, const std::string& name, Peer peer) {
  const Translation translation(recording, peer);
  const Ours ours = translation.of(name);
  const Json& config = recording.config();
  check_ends(check, recording);
  const Numbers sigmas = recording.numbers("sigmas");
  if (peer == Peer::k_diffusion) check_levels(check, recording, named_levels(config));
  if (peer == Peer::openai) {
    check_levels(check, recording,
                 spread("karras", to_number(member(config, "sigma_max")),
                        to_number(member(config, "sigma_min")), to_number(member(config, "n")),
                        number_or(config, "rho", 7)));
  }
  Numbers levels = translation.levels(ours.name);
  if (name == "sample_progdist") levels.pop_back();
  if (name == "sample_onestep") levels = {levels.front(), 0};
  Plan plan = plan_on(recording, levels, spec(ours.name, ours.settings));
  plan.start = checked_init(check, recording, sigmas.front());
  // Recorded steps are told by their level, which an inner point may share.
  plan.calls_alone = name.find("2s_ancestral_cfg_pp") != std::string::npos;
  if (peer == Peer::openai) {
    // Its recordings count evaluations as steps.
    plan.count = sigmas.size() - 1;
  } else if (has(config, "n")) {
    check.equal("config.n", static_cast<double>(plan.step_starts.size()), config["n"]);
  }
  if (levels.front() != sigmas.front()) {
    // 1 - sigma = 1e-4 has three digits in single precision.
    plan.single_scale = 2000;
  }
  if (ours.draws) {
    if (number_or(recording.settings(), "s_churn", 0) > 0) {
      plan.draws = churned(sigmas, number_or(recording.settings(), "s_tmin", 0),
                           number_or(recording.settings(), "s_tmax", 1e300));
      for (size_t i = 0; i + 1 < sigmas.size(); ++i) {
        plan.evaluations[plan.step_starts[i]].grid_sigma = sigmas[i];
      }
    } else if (name.find("sa_solver") != std::string::npos) {
      plan.draws.emplace(recording.at("noise_intervals_sigma").size());
      std::iota(plan.draws->begin(), plan.draws->end(), 0);
    } else {
      draw_all(plan, recording);
    }
  }
  check_step_numbers(check, recording, plan);
  return plan;
}

// stable-diffusion.cpp's TCD: on the table's indices nearest to the levels, the last one 0; its
// states are ours divided by alpha.
Plan plan_tcd(Check& check, const Recording& recording) {
  if (recording.flow_denoiser()) {
    throw Unsupported{
        "defect: a table of 1000 levels up to 14.6 for a flow, whose levels end at 1"};
  }
  const Schedule table =
      make_schedule("ddpm(beta=scaled_linear,beta_start=0.00085,beta_end=0.012)");
  const Numbers sigmas = recording.numbers("sigmas");
  const double gamma = number_or(recording.settings(), "eta", 0);
  if (gamma == 0) {
    throw Unsupported{"defect: without noise the state stays at the level of the nearest index"};
  }
  Plan plan = plan_on(recording, sigmas, spec("tcd", {{"gamma", text(gamma)}}));
  plan.schedule = table;
  Numbers times;
  for (const double s : sigmas) {
    times.push_back(s == 0 ? 0
                           : std::min(time_of_ratio(table, std::min(s, ratio(table, 999))), 999.0));
  }
  set_calls(plan, recording, {times}, [&](const Json& call) {
    const double s = to_number(member(call, "sigma"));
    return time_of_ratio(table, std::min(s, ratio(table, 999)));
  });
  for (size_t i = 0; i < plan.evaluations.size(); ++i) {
    plan.evaluations[i].sigma = sigmas[i];
    plan.evaluations[i].alpha = 1;
    plan.evaluations[i].request.scale = std::hypot(1, sigmas[i]);
    plan.evaluations[i].request.time = times[i];
  }
  plan.start = checked_init(check, recording, sigmas.front());
  draw_all(plan, recording);
  check.equal("config.n", static_cast<double>(plan.step_starts.size()),
              member(recording.config(), "n"));
  check_step_numbers(check, recording, plan);
  // The last draw's amount is the root of a difference that is nothing but rounding.
  plan.single_scale = 1e4;
  return plan;
}

// k-diffusion's dpm_fast: steps even in log sigma, the last ones of lower order.
Plan plan_fast(Check& check, const Recording& recording) {
  const Json& config = recording.config();
  const double n = to_number(member(recording.file(), "num_inference_steps"));
  const double first = std::log(to_number(member(config, "sigma_max"))),
               last = std::log(to_number(member(config, "sigma_min")));
  const double steps = std::floor(n / 3) + 1;
  check_ends(check, recording);
  check.equal("config.n", n, member(config, "n"));
  Numbers levels;
  for (double i = 0; i <= steps; ++i) {
    levels.push_back(std::exp(first + (last - first) * i / steps));
  }
  const double eta = number_or(recording.settings(), "eta", 0);
  Plan plan = plan_on(recording, levels,
                      spec("dpm-fast", {{"rest", text(std::fmod(n, 3))}, {"eta", text(eta)}}));
  plan.start = checked_init(check, recording, levels.front());
  plan.count = static_cast<size_t>(n);
  for (Evaluation& at : plan.evaluations) at.model_time = -std::log(at.sigma);
  if (eta > 0) {
    draw_all(plan, recording);
    // The last step's end is the run's, and no noise is left to add.
    plan.draws->pop_back();
  }
  return plan;
}

// k-diffusion's dpm_adaptive: a step for every attempt, whether it was taken or not.
Plan plan_adaptive(Check& check, const Recording& recording) {
  const Json& settings = recording.settings();
  const double most = to_number(recording.at("sigma_max")),
               least = to_number(recording.at("sigma_min"));
  check.level("config.sigma_max", most, member(recording.config(), "sigma_max"));
  check.level("config.sigma_min", least, member(recording.config(), "sigma_min"));
  const double eta = number_or(settings, "eta", 0), order = number_or(settings, "order", 3);
  Plan plan;
  plan.schedule = make_schedule(spec("edm", {{"sigma_max", text(most)}}));
  plan.sampler =
      spec("dpm-adaptive", {{"order", text(order)},
                            {"eta", text(eta)},
                            {"s_noise", text(number_or(settings, "s_noise", 1))},
                            {"rtol", text(number_or(settings, "rtol", 0.05))},
                            {"atol", text(number_or(settings, "atol", 0.0078))},
                            {"first", text(number_or(settings, "h_init", 0.05))},
                            {"p", text(number_or(settings, "pcoeff", 0))},
                            {"i", text(number_or(settings, "icoeff", 1))},
                            {"d", text(number_or(settings, "dcoeff", 0))},
                            {"accept", text(number_or(settings, "accept_safety", 0.81))}});
  plan.times = {{most, least}};
  const Json& calls = recording.at("model_calls");
  for (size_t i = 0; i < calls.size(); ++i) {
    if (i % static_cast<size_t>(order) == 0) plan.step_starts.push_back(i);
    plan.evaluations.emplace_back();
    Evaluation& at = plan.evaluations.back();
    at.sigma = to_number(member(calls[i], "sigma"));
    at.request.time = at.sigma;
    at.request.time_tolerance = 1e-8 * (1 + at.sigma);
  }
  // Errors in single precision are mostly rounding, and steps follow from them.
  plan.only_double = true;
  const Json& info = member(recording.file(), "info");
  check.equal("info.nfe", static_cast<double>(calls.size()), member(info, "nfe"));
  check.equal("info.steps", static_cast<double>(plan.step_starts.size()), member(info, "steps"));
  // Steps hold the states after them, and of those only that were taken.
  plan.calls_alone = true;
  plan.start = checked_init(check, recording, most);
  check.set_tolerance(1e-8);
  if (eta > 0) {
    // The last step's end is the run's, and no noise is left to add.
    plan.draws.emplace(recording.at("noises").size() - 1);
    std::iota(plan.draws->begin(), plan.draws->end(), 0);
  }
  return plan;
}

// ComfyUI's UniPC: variance preserving for every kind of model, and not to the end.
Plan plan_comfy_unipc(Check& check, const Recording& recording) {
  Numbers levels = recording.numbers("sigmas");
  if (levels.back() == 0) levels.back() = 1e-3;
  // The peer writes into its caller's own levels.
  check.level("sigmas_after_call", levels, recording.at("sigmas_after_call"));
  const bool bh2 = recording.sampler_class().find("bh2") != std::string::npos;
  const double order = std::min(3.0, static_cast<double>(levels.size()) - 2);
  Plan plan =
      plan_on(recording, levels,
              spec("diffusers.unipc", {{"order", text(order)}, {"variant", bh2 ? "bh2" : "bh1"}}));
  plan.schedule = ratio_schedule(levels.front());
  set_calls(plan, recording, {levels},
            [&](const Json& call) { return to_number(member(call, "sigma")); });
  const bool flow = recording.flow_denoiser();
  for (Evaluation& at : plan.evaluations) {
    at.sigma = at.request.time;
    at.alpha = flow ? 1 - at.sigma : 1;
    at.request.scale = std::hypot(1, at.sigma);
  }
  plan.final_scale = std::hypot(1, levels.back());
  plan.calls_alone = true;
  // Divided by alpha, single precision's rounding grows.
  plan.single_scale = 80;
  plan.start = checked_init(check, recording, levels.front());
  return plan;
}

// OpenAI's multistep sampler of consistency models: points of a grid of 40.
Plan plan_consistency(Check& check, const Recording& recording) {
  const Json& settings = recording.settings();
  const Json& config = recording.config();
  check_levels(check, recording,
               spread("karras", to_number(member(config, "sigma_max")),
                      to_number(member(config, "sigma_min")), to_number(member(config, "n")),
                      number_or(config, "rho", 7)));
  const Numbers grid = spread("karras", 80, 0.002, to_number(member(settings, "steps")));
  Numbers levels;
  for (const double i : to_numbers(member(settings, "ts"))) {
    levels.push_back(grid.at(static_cast<size_t>(i)));
  }
  Plan plan = plan_on(recording, levels, "consistency");
  plan.start = checked_init(check, recording, levels.front());
  plan.count = static_cast<size_t>(to_number(member(recording.config(), "n")));
  // The peer takes the root of a difference that is nothing but rounding.
  check.set_tolerance(1e-9);
  plan.draws = std::vector<size_t>{0};
  if (levels.back() > 0.002) plan.draws->push_back(1);
  return plan;
}

// ---- EDM's own
// ------------------------------------------------------------------------------------

// Each level of the calls once: the two stages at a level may differ by rounding.
Numbers distinct(const Numbers& sigmas) {
  Numbers out;
  for (const double s : sigmas) {
    if (out.empty() || std::fabs(s - out.back()) > 1e-6 * out.back()) out.push_back(s);
  }
  return out;
}

// The levels of the calls, each once, from the highest.
void check_sigmas_of_calls(Check& check, const Recording& recording, Numbers levels) {
  std::sort(levels.rbegin(), levels.rend());
  if (recording.has_own("sigmas")) {
    check.level("sigmas", distinct(levels), Json(distinct(recording.numbers("sigmas"))));
  }
}

void check_settings(Check& check, const Recording& recording,
                    std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (!has(recording.config(), name) || !has(recording.settings(), name)) continue;
    check.level(std::string("config.") + name, to_number(recording.settings()[name]),
                recording.config()[name]);
  }
}

Numbers call_levels(const Recording& recording) {
  Numbers out;
  for (const Json& call : recording.at("model_calls"))
    out.push_back(to_number(member(call, "sigma")));
  return out;
}

// The discretizations, schedules and scalings of Karras et al. 2206.00364, table 1.
class EdmPath {
 public:
  EdmPath(const Json& settings, const std::string& discretization, const std::string& schedule)
      : settings_(settings), levels_(discretization), schedule_(schedule) {
    const std::string scaling = text_or(settings, "scaling", "none");
    for (const auto& [name, known] :
         {std::pair<std::string, std::vector<std::string>>{levels_, {"edm", "ve", "vp", "iddpm"}},
          {schedule, {"linear", "ve", "vp"}},
          {scaling, {"none", "vp"}}}) {
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        throw Unsupported{name + " is not in this version"};
      }
    }
    scales_ = scaling == "vp";
    const double ends[][2] = {{0.002, 80}, {0.02, 100}, {0, 0}, {0.002, 81}};
    const size_t row = levels_ == "edm" ? 0 : levels_ == "ve" ? 1 : levels_ == "vp" ? 2 : 3;
    least_ = number_or(settings, "sigma_min", row == 2 ? vp_level(kLast) : ends[row][0]);
    most_ = number_or(settings, "sigma_max", row == 2 ? vp_level(1) : ends[row][1]);
    const double a = std::log1p(least_ * least_), b = std::log1p(most_ * most_);
    slope_ = 2 * (a / kLast - b) / (kLast - 1);
    begin_ = b - slope_ / 2;
  }

  bool scales() const { return scales_; }
  double scale(double level) const { return scales_ ? 1 / std::hypot(1, level) : 1; }
  double time(double level) const {
    if (schedule_ == "linear") return level;
    if (schedule_ == "ve") return level * level;
    return 2 * std::log1p(level * level) /
           (begin_ + std::sqrt(begin_ * begin_ + 2 * slope_ * std::log1p(level * level)));
  }
  Schedule schedule(double highest) const {
    return make_custom(time(highest), 0, [path = *this](double t, nwr_coeffs& c) {
      const double level = path.level(t), s = path.scale(level);
      const double rate = level > 0 ? path.rate(t, level) : 0, fall = -s * s * s * level * rate;
      c.alpha = s, c.sigma = s * level;
      c.dalpha = path.scales() ? fall : 0;
      c.dsigma = s * rate + c.dalpha * level;
      c.log_alpha = std::log(s);
    });
  }
  Numbers levels(double n) const {
    if (levels_ == "edm") return spread("karras", most_, least_, n, number_or(settings_, "rho", 7));
    if (levels_ == "ve") return spread("exponential", most_, least_, n);
    Numbers out;
    if (levels_ == "vp") {
      for (double i = 0; i < n; ++i) out.push_back(vp_level(1 + i / (n - 1) * (kLast - 1)));
      return out;
    }
    // From the cleanest of a thousand levels up, each by what a cosine leaves of alpha_bar.
    Numbers all = {0};
    const auto bar = [](double j) { return std::pow(std::sin(std::acos(-1.0) / 2 * j / 1008), 2); };
    for (double j = 1000; j > 0; --j) {
      const double kept = std::max(bar(j - 1) / bar(j), 0.001);
      all.push_back(std::sqrt((all.back() * all.back() + 1) / kept - 1));
    }
    Numbers within;
    for (auto level = all.rbegin(); level != all.rend(); ++level) {
      if (*level >= least_ && *level <= most_) within.push_back(*level);
    }
    const double last = static_cast<double>(within.size() - 1);
    for (double i = 0; i < n; ++i) {
      out.push_back(within[static_cast<size_t>(std::nearbyint(last / (n - 1) * i))]);
    }
    return out;
  }

 private:
  static constexpr double kLast = 1e-3;
  static double vp_level(double t) { return std::sqrt(std::expm1((9.95 * t + 0.1) * t)); }
  double level(double t) const {
    if (schedule_ == "linear") return t;
    if (schedule_ == "ve") return std::sqrt(t);
    return std::sqrt(std::expm1((slope_ / 2 * t + begin_) * t));
  }
  double rate(double t, double level) const {
    if (schedule_ == "linear") return 1;
    if (schedule_ == "ve") return 0.5 / level;
    return (begin_ + slope_ * t) / 2 * (level + 1 / level);
  }

  const Json& settings_;
  std::string levels_, schedule_;
  bool scales_;
  double least_, most_, slope_, begin_;
};

Plan plan_edm(Check& check, const Recording& recording) {
  const Json& settings = recording.settings();
  const std::string solver = text_or(settings, "solver", "heun");
  const std::string schedule = text_or(settings, "schedule", "linear");
  const std::string discretization = text_or(settings, "discretization", "edm");
  if (solver != "euler" && solver != "heun") {
    throw Unsupported{"solver " + solver + " is not in this version"};
  }
  const EdmPath path(settings, discretization, schedule);
  const double n = to_number(member(settings, "num_steps"));
  const double churn = number_or(settings, "S_churn", 0);
  const double part = number_or(settings, "alpha", 1);
  const bool inner = churn > 0 || part < 1;
  Numbers sigmas = inner ? path.levels(n) : distinct(call_levels(recording));
  check.equal("sampler_kwargs.num_steps", static_cast<double>(sigmas.size()),
              settings["num_steps"]);
  if (has(recording.config(), "num_steps")) {
    check.equal("config.num_steps", n, recording.config()["num_steps"]);
  }
  check.level("sigmas of model_calls", path.levels(n), Json(sigmas));
  check_sigmas_of_calls(check, recording, call_levels(recording));
  check_settings(check, recording, {"S_churn", "S_min", "S_max", "S_noise", "alpha"});
  const double first = sigmas.front();
  sigmas.push_back(0);
  const double least = number_or(settings, "S_min", 0), most = number_or(settings, "S_max", 1e300);
  Plan plan = plan_on(recording, sigmas,
                      spec("edm", {{"solver", solver},
                                   {"part", text(part)},
                                   {"s_churn", text(churn)},
                                   {"s_min", text(least)},
                                   {"s_max", text(most)},
                                   {"s_noise", text(number_or(settings, "S_noise", 1))}}));
  plan.count = static_cast<size_t>(n);
  if (churn > 0) plan.draws = churned(sigmas, least, most);
  if (schedule != "linear" || path.scales()) {
    // The last step is no other than the rest.
    plan.schedule = path.schedule(2 * first);
    plan.sampler.insert(plan.sampler.size() - 1, ",last_step=plain");
    Numbers times;
    for (const double s : sigmas) times.push_back(path.time(s));
    set_calls(plan, recording, {times},
              [&](const Json& call) { return path.time(to_number(member(call, "sigma"))); });
    const Numbers levels = call_levels(recording);
    for (size_t i = 0; i < plan.evaluations.size(); ++i) {
      plan.evaluations[i].sigma = levels.at(i);
      plan.evaluations[i].request.scale = 1 / path.scale(levels[i]);
      plan.evaluations[i].request.time_tolerance = 1e-8;
    }
    plan.calls_alone = path.scales();
  }
  // The recorded start is the unit latent.
  plan.start = checked_init(check, recording, 1);
  for (double& x : plan.start.data) x *= first;
  return plan;
}

// Heun on levels that turn back: to an interval's upper end where the grid is nearest to its lower
// one, and by churn inside. The peer draws in every step, and its inner levels pass through single
// precision.
Plan plan_restart(Check& check, const Recording& recording) {
  const Json& settings = recording.settings();
  const Json intervals = Json::parse(text_or(settings, "restart_info", "{}"));
  const double n = to_number(member(settings, "num_steps"));
  const double gamma = number_or(settings, "restart_gamma", 0);
  const double least = number_or(settings, "S_min", 0), most = number_or(settings, "S_max", 1e300);
  Numbers grid = spread("karras", 80, 0.002, n);
  grid.push_back(0);
  std::vector<const Json*> at(grid.size(), nullptr);
  for (const Json& interval : intervals) {
    const double low = to_number(interval.at(2));
    const auto nearest = std::min_element(grid.begin(), grid.end(), [=](double a, double b) {
      return std::fabs(a - low) < std::fabs(b - low);
    });
    at[static_cast<size_t>(nearest - grid.begin())] = &interval;
  }
  Numbers levels = {grid[0]};
  std::vector<size_t> draws;
  size_t made = 0;
  for (size_t i = 1; i < grid.size(); ++i) {
    levels.push_back(grid[i]);
    ++made;
    const double times = at[i] ? to_number((*at[i])[1]) : 0;
    for (double k = 0; k < times; ++k) {
      const double high = to_number((*at[i])[3]), points = to_number((*at[i])[0]);
      draws.push_back(made++);
      for (const double level : spread("karras", high, grid[i], points)) {
        levels.push_back(level);
        if (level == grid[i]) break;
        const bool churns = gamma > 0 && level >= least && level <= most;
        if (churns) {
          levels.push_back(level * (1 + gamma));
          draws.push_back(made);
        }
        ++made;
      }
      levels.back() = grid[i];
    }
  }
  std::string sampler = "heun";
  if (intervals.size() == 1 && gamma == 0) {
    const Json& interval = intervals.begin().value();
    sampler = spec("restart", {{"steps", text(to_number(interval.at(0)) - 1)},
                               {"repeats", text(to_number(interval.at(1)))},
                               {"s_min", text(to_number(interval.at(2)))},
                               {"s_max", text(to_number(interval.at(3)))}});
    levels = grid;
  }
  Plan plan = plan_on(recording, levels, sampler);
  plan.count = static_cast<size_t>(n);
  plan.noise_scale = number_or(settings, "S_noise", 0);
  plan.draws = draws;
  check_settings(check, recording, {"num_steps", "S_noise", "S_min", "S_max", "restart_gamma"});
  check_sigmas_of_calls(check, recording, call_levels(recording));
  for (Evaluation& e : plan.evaluations) e.request.time_tolerance = 1e-6 * (1 + e.request.time);
  check.set_tolerance(1e-6);
  plan.start = checked_init(check, recording, 1);
  for (double& x : plan.start.data) x *= grid.front();
  return plan;
}

}  // namespace

Planner plan_of_sigma_space(const Json& file) {
  const std::string source = text_or(file, "source", "");
  std::string name = text_or(file, "class", "");
  const auto begins = [&](const char* text) { return source.rfind(text, 0) == 0; };
  if (begins("NVlabs/edm")) {
    if (name == "edm_sampler" || name == "ablation_sampler") return plan_edm;
    throw Unsupported{"sampler " + name + " is not in this version"};
  }
  if (begins("Newbeeer/diffusion_restart_sampling")) return plan_restart;
  Peer peer = Peer::comfy;
  if (begins("crowsonkb/k-diffusion")) peer = Peer::k_diffusion;
  if (begins("openai/consistency_models")) peer = Peer::openai;
  if (begins("leejet/stable-diffusion.cpp")) {
    peer = Peer::sdcpp;
    const size_t colon = name.find(':');
    name = colon == std::string::npos ? name : name.substr(colon + 1);
  }
  if (name == "sample_dpm_fast") return plan_fast;
  if (name == "sample_dpm_adaptive") return plan_adaptive;
  if (name == "tcd") return plan_tcd;
  if (name == "sample_unipc" || name == "sample_unipc_bh2") return plan_comfy_unipc;
  if (name == "stochastic_iterative_sampler") return plan_consistency;
  return [=](Check& check, const Recording& recording) {
    return plan_sigmas(check, recording, name, peer);
  };
}

}  // namespace replay
