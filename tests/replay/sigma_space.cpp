// SPDX-License-Identifier: Apache-2.0
// Owns the peers whose samplers step in sigma with a denoiser as their model: k-diffusion, ComfyUI,
// stable-diffusion.cpp, EDM's own and OpenAI's, in terms of our samplers. Must not know other
// peers.
#include <algorithm>
#include <cmath>
#include <cstdlib>

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

// A sampler of ours on sigma itself, or for flow models on 1 - sigma.
Plan plan_on(const Recording& recording, const Numbers& sigmas, const std::string& sampler) {
  const bool flow = recording.flow_denoiser();
  Plan plan;
  plan.schedule = flow ? make_schedule("linear")
                       : make_schedule(spec("edm", {{"sigma_max", text(sigmas.at(0))}}));
  plan.sampler = sampler;
  Numbers times = sigmas;
  if (flow) {
    for (double& t : times) t = 1 - t;
  }
  set_times(plan, {times}, sampler == "heun" ? 2 : 1);
  for (Evaluation& at : plan.evaluations) {
    const double time = at.request.time;
    at.sigma = flow ? 1 - time : time;
    at.alpha = flow ? time : 1;
  }
  return plan;
}

// ---- k-diffusion, ComfyUI, stable-diffusion.cpp, OpenAI
// ------------------------------------------

enum class Peer { k_diffusion, openai, other };

std::string sampler_of(const std::string& name, const Recording& recording, Peer peer) {
  if (name == "sample_euler" || name == "euler") return "euler";
  if (name == "sample_heun" || name == "heun") return "heun";
  if ((name == "sample_dpmpp_2m" && peer != Peer::openai) || name == "dpmpp2m") {
    if (recording.flow_denoiser()) {
      throw Unsupported{"lambda = -log sigma on a flow model is not in this version"};
    }
    return "dpmpp-2m";
  }
  if (name == "ddim_trailing") {
    // Ancestral steps; on flow models those of another family unless there is no noise.
    const double eta = number_or(recording.settings(), "eta", 0);
    if (recording.flow_denoiser() && eta > 0) {
      throw Unsupported{"ancestral noise of rectified flow is not in this version"};
    }
    return spec("ddim", {{"eta", text(eta)}});
  }
  throw Unsupported{"sampler " + name + " is not in this version"};
}

// The peer's callback tells the step, negated in the first of two stages.
void check_step_numbers(Check& check, const Recording& recording, const Plan& plan) {
  if (!recording.has_own("model_calls")) return;
  const Json& calls = recording.part()["model_calls"];
  int step = 0;
  for (size_t i = 0; i < calls.size() && i < plan.evaluations.size(); ++i) {
    const auto& starts = plan.step_starts;
    const bool first = std::find(starts.begin(), starts.end(), i) != starts.end();
    if (first) ++step;
    if (!has(calls[i], "step_arg")) continue;
    const int sign = plan.sampler == "heun" && first ? -1 : 1;
    check.equal(indexed("model_calls", i) + ".step_arg", sign * step, calls[i]["step_arg"]);
  }
}

Plan plan_sigmas(Check& check, const Recording& recording, const std::string& name, Peer peer) {
  refuse_churn(recording);
  const std::string sampler = sampler_of(name, recording, peer);
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
  Plan plan = plan_on(recording, sigmas, sampler);
  plan.start = checked_init(check, recording, sigmas.front());
  const size_t steps = plan.step_starts.size();
  if (has(config, "n")) check.equal("config.n", static_cast<double>(steps), config["n"]);
  if (number_or(recording.settings(), "eta", 0) > 0) {
    // The last step, to sigma = 0, has no noise.
    for (size_t i = 0; i + 1 < steps; ++i) {
      plan.evaluations[i].request.noise = static_cast<int>(i);
    }
    check.require(recording.at("noises").size() + 1 == steps, "count of noises");
  }
  check_step_numbers(check, recording, plan);
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

Numbers call_levels(const Recording& recording) {
  Numbers out;
  for (const Json& call : recording.at("model_calls"))
    out.push_back(to_number(member(call, "sigma")));
  return out;
}

Plan plan_edm(Check& check, const Recording& recording) {
  refuse_churn(recording);
  const Json& settings = recording.settings();
  const std::string solver = text_or(settings, "solver", "heun");
  const std::string schedule = text_or(settings, "schedule", "linear");
  const std::string discretization = text_or(settings, "discretization", "edm");
  if (number_or(settings, "alpha", 1) != 1) {
    throw Unsupported{"a second stage at part of the step (alpha) is not in this version"};
  }
  if (solver != "euler" && solver != "heun") {
    throw Unsupported{"solver " + solver + " is not in this version"};
  }
  if (text_or(settings, "scaling", "none") != "none") {
    throw Unsupported{"scaling " + settings["scaling"].get<std::string>() +
                      " is not in this version"};
  }
  const bool ve = schedule == "ve";
  if (!ve && schedule != "linear") {
    throw Unsupported{"schedule " + schedule + " is not in this version"};
  }
  const double n = to_number(member(settings, "num_steps"));
  Numbers sigmas = distinct(call_levels(recording));
  check.equal("sampler_kwargs.num_steps", static_cast<double>(sigmas.size()),
              settings["num_steps"]);
  if (has(recording.config(), "num_steps")) {
    check.equal("config.num_steps", n, recording.config()["num_steps"]);
  }
  if (discretization == "edm" || discretization == "ve") {
    const double first = number_or(settings, "sigma_max", discretization == "ve" ? 100 : 80);
    const double last = number_or(settings, "sigma_min", discretization == "ve" ? 0.02 : 0.002);
    const Numbers expected = spread(discretization == "ve" ? "exponential" : "karras", first, last,
                                    n, number_or(settings, "rho", 7));
    check.level("sigmas of model_calls", expected, Json(sigmas));
  }
  if (recording.has_own("sigmas")) {
    check.level("sigmas", sigmas, Json(distinct(recording.numbers("sigmas"))));
  }
  const double first = sigmas.front();
  sigmas.push_back(0);
  Plan plan = plan_on(recording, sigmas, solver);
  if (ve) {
    // Time is sigma^2, and the last step is no other than the rest.
    Numbers times;
    for (const double s : sigmas) times.push_back(s * s);
    plan.schedule = with_floor(make_custom(times.front(), 0,
                                           [](double t, nwr_coeffs& c) {
                                             c.alpha = 1;
                                             c.sigma = std::sqrt(t);
                                             c.dalpha = 0;
                                             c.dsigma = 0.5 / c.sigma;
                                             c.log_alpha = 0;
                                           }),
                               times.front(), 0);
    if (solver != "euler") throw Unsupported{"heun on schedule ve is not in this version"};
    set_times(plan, {times});
    for (Evaluation& at : plan.evaluations) at.sigma = std::sqrt(at.request.time);
  }
  // The recorded start is the unit latent.
  plan.start = checked_init(check, recording, 1);
  for (double& x : plan.start.data) x *= first;
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
  Peer peer = Peer::other;
  if (begins("crowsonkb/k-diffusion")) peer = Peer::k_diffusion;
  if (begins("openai/consistency_models")) peer = Peer::openai;
  if (begins("leejet/stable-diffusion.cpp")) {
    const size_t colon = name.find(':');
    name = colon == std::string::npos ? name : name.substr(colon + 1);
  }
  return [=](Check& check, const Recording& recording) {
    return plan_sigmas(check, recording, name, peer);
  };
}

}  // namespace replay
