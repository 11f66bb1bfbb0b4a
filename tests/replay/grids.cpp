// SPDX-License-Identifier: Apache-2.0
// Owns the replay of recorded grids and tables: by our grids under the peers' names. Must not know
// runs.
#include <algorithm>
#include <cmath>
#include <functional>

#include "formats.hpp"
#include "paths.hpp"

namespace replay {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

// Times of a grid of n steps and their noise levels as peers count them: sigma on a flow, else
// sigma/alpha.
struct Grid {
  Schedule schedule;
  Numbers times, levels;
};
Grid make_grid(const std::string& schedule, const std::string& name, size_t n) {
  Grid out{make_schedule(schedule), {}, {}};
  out.times = grid(out.schedule, name, n + 1);
  const nwr_coeffs middle =
      coefficients(out.schedule, (ends_of(out.schedule).noise + ends_of(out.schedule).data) / 2);
  const bool flow = std::fabs(middle.alpha + middle.sigma - 1) < 1e-12;
  for (const nwr_coeffs& c : coefficients(out.schedule, out.times)) {
    out.levels.push_back(flow ? c.sigma : c.sigma / c.alpha);
  }
  return out;
}

Numbers without_last(Numbers values) {
  values.pop_back();
  return values;
}
Numbers mapped(Numbers values, const std::function<double(double)>& f) {
  for (double& v : values) v = f(v);
  return values;
}
// Each number but the first twice.
Numbers doubled(const Numbers& values) {
  Numbers out{values.front()};
  for (size_t i = 1; i < values.size(); ++i) out.insert(out.end(), 2, values[i]);
  return out;
}
std::string with(const std::string& name, Settings settings) {
  settings.erase(std::remove_if(settings.begin(), settings.end(),
                                [](const auto& pair) { return pair.second.empty(); }),
                 settings.end());
  return spec(name, settings);
}
std::string number(double value) { return text(value); }

// ---- ComfyUI and stable-diffusion.cpp ----

// Both print float32, and both compute in it at places: tangents near pi/2 and differences from
// float32's infinity lose most.
void check_single(Check& check, const Grid& ours, const Json& recorded, double tolerance) {
  const Numbers theirs = to_numbers(recorded);
  check.require(theirs.size() == ours.levels.size(), "sigmas in number");
  for (size_t i = 0; i < std::min(theirs.size(), ours.levels.size()); ++i) {
    const double lost = 1.2e-7 * std::max(1.0, theirs[i]);
    check.near(indexed("sigmas", i), {ours.levels[i]}, recorded[i], tolerance + lost, 1e-6);
  }
}

void replay_comfy_function(Check& check, const Json& entry) {
  const std::string name = text_or(entry, "fn", "");
  const auto n = static_cast<size_t>(to_number(member(entry, "n")));
  const auto given = [&](const char* key) { return number(to_number(member(entry, key))); };
  if (name == "get_sigmas_vp") {
    const double low = to_number(member(entry, "beta_min"));
    const double high = low + to_number(member(entry, "beta_d"));
    const std::string vp = spec("vp", {{"beta_min", number(low)}, {"beta_max", number(high)}});
    const Grid ours = make_grid(vp, spec("k.vp", {{"last", given("eps_s")}}), n);
    return check.level("sigmas", ours.levels, member(entry, "sigmas"));
  }
  Settings settings = {{"sigma_min", given("sigma_min")}, {"sigma_max", given("sigma_max")}};
  if (name == "get_sigmas_laplace") {
    settings.insert(settings.end(), {{"mu", given("mu")}, {"scale", given("beta")}});
    // Theirs has no last step to data.
    const Grid ours = make_grid("edm", spec("comfy.laplace", settings), n);
    return check.level("sigmas", without_last(ours.levels), member(entry, "sigmas"));
  }
  if (name != "get_sigmas_polyexponential") throw Unsupported{"function " + name};
  settings.push_back({"rho", given("rho")});
  const Grid ours = make_grid("edm", spec("k.polyexponential", settings), n);
  check.level("sigmas", ours.levels, member(entry, "sigmas"));
}

struct Model {
  const char *theirs, *ours;
};
constexpr Model kModels[] = {{"eps_sd15", "comfy.eps"},   {"eps_zsnr", "comfy.zsnr"},
                             {"flow_shift3", "sd3"},      {"flow_shift1", "flow"},
                             {"flux_1.15", "comfy.flux"}, {"edm_cont_0.002_120", "comfy.edm"}};
const char* comfy_schedule(const std::string& model) {
  for (const Model& m : kModels) {
    if (model == m.theirs) return m.ours;
  }
  throw Unsupported{"model " + model + " is not in this version"};
}

// Ends of the table, levels at shares of the way to data, and the timesteps of four levels.
void replay_comfy_probe(Check& check, const Json& probe) {
  const std::string model = text_or(probe, "model_sampling", "");
  const Grid table = make_grid(comfy_schedule(model), "normal", 2);
  const bool flow = model.rfind("fl", 0) == 0, edm = model.rfind("edm", 0) == 0;
  check.level("sigma_max", table.levels[0], member(probe, "sigma_max"));
  check.level("sigma_min", table.levels[1], member(probe, "sigma_min"));
  const Grid way = make_grid(comfy_schedule(model), flow ? "flow" : "normal", flow ? 20 : 21);
  for (const auto& [key, level] : member(probe, "percent_to_sigma").items()) {
    const double share = std::stod(key);
    if (!(share >= 0 && share <= 1)) throw Malformed("percent_to_sigma has another share");
    // Theirs puts infinity and nothing at the ends of what is no flow.
    const double ours = share == 1 ? 0
                        : share == 0 && !flow
                            ? 999999999.9
                            : way.levels[static_cast<size_t>(std::lround(20 * share))];
    check.level("percent_to_sigma/" + key, ours, level);
  }
  for (const auto& [key, time] : member(probe, "timestep_of").items()) {
    const double level = std::stod(key);
    const double ours = edm    ? std::log(level) / 4
                        : flow ? (model == "flux_1.15" ? level : 1000 * level)
                               : std::nearbyint(time_of_ratio(table.schedule, level));
    check.level("timestep_of/" + key, ours, time);
  }
}

void replay_comfy(Check& check, const Json& entry) {
  if (has(entry, "fn")) return replay_comfy_function(check, entry);
  const std::string model = text_or(entry, "model_sampling", "");
  const std::string name = text_or(entry, "scheduler", "");
  std::string ours = "comfy." + name;
  const bool flow = model.find("fl") == 0;
  if (flow && (name == "normal" || name == "sgm_uniform")) {
    ours = spec(name == "normal" ? "comfy.flow-normal" : "comfy.flow-sgm",
                {{"last", model == "flux_1.15" ? "0.0001" : "0.001"}});
  }
  const auto n = static_cast<size_t>(to_number(member(entry, "steps")));
  if (name == "kl_optimal" && n == 1) throw Unsupported{"defect: one step, 0/0"};
  check_single(check, make_grid(comfy_schedule(model), ours, n), member(entry, "sigmas"), 1e-6);
}

void replay_sdcpp(Check& check, const Json& entry) {
  const std::string name = text_or(entry, "scheduler", ""), model = text_or(entry, "denoiser", "");
  const bool flow = model.rfind("DiscreteFlow", 0) == 0;
  if (!flow && model != "CompVis eps") throw Unsupported{"denoiser " + model};
  std::string schedule = flow ? "sdcpp.flow" : "sdcpp.eps", ours = "sdcpp." + name;
  if (name == "ays" || name == "gits") {
    if (flow) throw Unsupported{"defect: a level of 14.6 or 700 on a flow, whose levels end at 1"};
    if (name == "ays") {
      const std::string version = text_or(entry, "version", "");
      ours = spec(ours, {{"model", version == "SD1"    ? "sd15"
                                   : version == "SDXL" ? "sdxl"
                                                       : "svd"}});
      if (version == "SVD") schedule = "svd";
    }
  } else if (name == "ltx2" || name == "logit_normal" || name == "flux" || name == "flux2") {
    if (!flow)
      throw Unsupported{"defect: a flow's levels, at most 1, for a model that begins at 14.6"};
    ours = spec(ours, {{"tokens", number(to_number(member(entry, "image_seq_len")))}});
  }
  const auto n = static_cast<size_t>(to_number(member(entry, "n")));
  check_single(check, make_grid(schedule, ours, n), member(entry, "sigmas"), 2e-5);
}

// ---- diffusers ----

struct Question {
  const Json& entry;
  const Json& config;
  std::string cls;
  size_t n;

  bool flag(const char* key) const { return flag_or(config, key, false); }
  std::string spacing(const char* by_default) const {
    return text_or(config, "timestep_spacing", by_default);
  }
  std::string offset() const { return number(number_or(config, "steps_offset", 0)); }
  const Json& kwargs() const { return member(entry, "set_timesteps_kwargs"); }
  // The schedule's settings, as a spec.
  std::string table(bool even_levels) const {
    return spec("ddpm", {{"beta", text_or(config, "beta_schedule", "linear")},
                         {"beta_start", number(number_or(config, "beta_start", 1e-4))},
                         {"beta_end", number(number_or(config, "beta_end", 0.02))},
                         {"count", number(number_or(config, "num_train_timesteps", 1000))},
                         {"between", even_levels ? "sigma" : "log-sigma"}});
  }
  // The curve of levels that was asked for, or "".
  std::string curve() const {
    return flag("use_karras_sigmas")        ? "diffusers.karras"
           : flag("use_exponential_sigmas") ? "diffusers.exponential"
           : flag("use_beta_sigmas")        ? "diffusers.beta"
           : flag("use_lu_lambdas")         ? "diffusers.lu"
                                            : "";
  }
};

void check_times(Check& check, const Question& q, const Numbers& times) {
  // A time of a level is its logarithm's, of which a table's has a few digits less.
  check.near("timesteps", times, member(q.entry, "timesteps"), 1e-9, 1);
}
void check_levels(Check& check, const Question& q, const Numbers& levels) {
  check.level("sigmas", levels, member(q.entry, "sigmas"));
}
void check_init(Check& check, const Question& q, double expected) {
  check.level("init_noise_sigma", expected, member(q.entry, "init_noise_sigma"));
}

// DDIM, DDPM, PNDM.
void replay_indices(Check& check, const Question& q) {
  const std::string spacing = q.spacing("leading");
  if (spacing == "linspace" && q.n == 1) {
    throw Unsupported{"defect: one step of linspace at index 0, where there is no noise"};
  }
  const std::string offset = spacing == "leading" ? q.offset() : "";
  Numbers times = without_last(
      make_grid(q.table(false), with("diffusers." + spacing, {{"offset", offset}}), q.n).times);
  if (q.cls == "PNDMScheduler" && q.n > 1) {
    if (!q.flag("skip_prk_steps")) {
      // Four stages each for the first three steps, half a step apart.
      const double half = std::floor(500.0 / static_cast<double>(q.n));
      Numbers stages;
      for (size_t i = 0; i < 3; ++i) {
        const double at = times[i];
        stages.insert(stages.end(), {at, at - half, at - half, at - 2 * half});
      }
      stages.insert(stages.end(), times.begin() + 3, times.end());
      times = stages;
    } else {
      times.insert(times.begin() + 1, times[1]);  // its second step is taken twice
    }
  }
  check_times(check, q, times);
  check_init(check, q, 1);
}

void replay_lcm(Check& check, const Question& q) {
  check_times(check, q, without_last(make_grid(q.table(false), "diffusers.lcm", q.n).times));
  check_init(check, q, 1);
}

// Euler and its kin, whose curves of levels have the ends of the spaced indices.
void replay_euler(Check& check, const Question& q) {
  const std::string spacing = q.spacing("linspace"), curve = q.curve();
  const bool leading = spacing == "leading";
  if (spacing == "linspace" && q.n == 1) {
    throw Unsupported{"defect: one step of linspace at index 0, where there is no noise"};
  }
  const std::string offset = leading ? q.offset() : "";
  Grid ours;
  if (curve.empty()) {
    const bool even = spacing == "linspace";
    ours = make_grid(q.table(even), even ? "normal" : with(spacing, {{"offset", offset}}), q.n);
  } else {
    const std::string ends = spacing == "linspace" ? "table" : spacing;
    ours = make_grid(q.table(false), with(curve, {{"ends", ends}, {"offset", offset}}), q.n);
  }
  const Schedule log_table = make_schedule(q.table(false));
  Numbers times = without_last(ours.times), levels = ours.levels;
  const double most = levels.front();
  const bool dpm2 = q.cls.rfind("KDPM2", 0) == 0, sde = q.cls == "DPMSolverSDEScheduler";
  if (dpm2 && q.flag("use_karras_sigmas"))
    times = mapped(times, [](double t) { return std::nearbyint(t); });
  if (dpm2 || sde) {
    // The second evaluation of a step is half way in log(sigma), of an ancestral one to where its
    // noise begins, which half way is the next level.
    Numbers stages;
    for (size_t i = 0; i < times.size(); ++i) {
      if (i > 0) {
        const bool noisy = q.cls == "KDPM2AncestralDiscreteScheduler";
        const double middle = noisy ? levels[i] : std::sqrt(levels[i - 1] * levels[i]);
        stages.push_back(time_of_ratio(log_table, middle));
      }
      stages.push_back(times[i]);
    }
    times = stages;
    levels = doubled(levels);
    if (sde) levels.pop_back();
    if (dpm2) levels.push_back(0);
  } else if (q.cls == "HeunDiscreteScheduler") {
    times = doubled(times);
    levels = without_last(doubled(levels));
  }
  check_times(check, q, times);
  check_levels(check, q, levels);
  check_init(check, q, leading ? std::sqrt(most * most + 1) : most);
}

// DPM-Solver, DEIS, SA-Solver, UniPC, whose curves of levels have the ends of the table.
void replay_multistep(Check& check, const Question& q) {
  const std::string spacing = q.spacing("linspace"), curve = q.curve();
  const bool flow = q.flag("use_flow_sigmas"), unipc = q.cls.rfind("UniPC", 0) == 0;
  const bool stays = q.cls.rfind("DEIS", 0) == 0 || q.cls.rfind("SASolver", 0) == 0;
  const std::string final = text_or(q.config, "final_sigmas_type", "zero");
  const std::string tail =
      stays ? (flow || !curve.empty() ? "repeat" : "least") : (final == "zero" ? "clean" : "least");
  Grid ours;
  if (flow) {
    ours =
        make_grid("flow",
                  spec(unipc ? "diffusers.flow-unipc" : "diffusers.flow-multistep",
                       {{"shift", number(number_or(q.config, "flow_shift", 1))}, {"tail", tail}}),
                  q.n);
  } else if (!curve.empty()) {
    ours = make_grid(q.table(false), spec(curve, {{"tail", tail}}), q.n);
  } else if (spacing == "trailing") {
    ours = make_grid(q.table(false), spec(spacing, {{"tail", tail}}), q.n);
  } else {
    const std::string offset = spacing == "leading" ? q.offset() : "";
    ours = make_grid(q.table(false),
                     with("multistep-" + spacing, {{"offset", offset}, {"tail", tail}}), q.n);
  }
  const bool whole = curve == "diffusers.karras" || curve == "diffusers.lu";
  check_times(check, q, mapped(without_last(ours.times), [&](double t) {
                // Just below an index by rounding alone is that index.
                return whole ? std::nearbyint(t) : std::floor((flow ? 1000 : 1) * t + 1e-9);
              }));
  check_levels(check, q, ours.levels);
  check_init(check, q, 1);
}

void replay_edm(Check& check, const Question& q) {
  const bool cosine = q.cls.rfind("Cosine", 0) == 0, euler = q.cls.rfind("EDMEuler", 0) == 0;
  const bool least = text_or(q.config, "final_sigmas_type", "zero") == "sigma_min";
  const std::string curve = text_or(q.config, "sigma_schedule", "karras");
  if (curve == "exponential" && q.n == 1) {
    throw Unsupported{"defect: one exponential step at the least noise level"};
  }
  const std::string tail = !least ? "clean" : euler ? "repeat" : "least";
  const Grid ours = make_grid(cosine ? "diffusers.cosine-dpm" : "diffusers.edm",
                              spec("diffusers." + curve, {{"tail", tail}}), q.n);
  check_levels(check, q, ours.levels);
  check_times(check, q, mapped(without_last(ours.levels), [=](double s) {
                return cosine ? std::atan(s) / std::acos(0.0) : std::log(s) / 4;
              }));
  const double most = ours.levels.front();
  check_init(check, q, std::sqrt(most * most + 1));
}

// Flow matching, whose timesteps are levels in thousandths.
void replay_flow(Check& check, const Question& q) {
  const Json& given = q.kwargs();
  const bool dynamic = q.flag("use_dynamic_shifting"), map = q.cls.rfind("FlowMap", 0) == 0;
  const bool minimax = q.cls.rfind("MiniMax", 0) == 0;
  Settings settings;
  if (dynamic) {
    const double mu = to_number(member(given, "mu"));
    const bool linear = text_or(q.config, "time_shift_type", "exponential") == "linear";
    settings = {{linear ? "shift" : "mu", number(mu)}, {"twice", "no"}};
  } else {
    settings = {{"shift", number(number_or(q.config, "shift", 1))}};
  }
  if (has(q.config, "shift_terminal")) {
    settings.push_back({"terminal", number(to_number(q.config["shift_terminal"]))});
  }
  std::string name = "diffusers.flow-match";
  size_t n = q.n;
  if (has(given, "sigmas")) {
    const Numbers levels = to_numbers(given["sigmas"]);
    n = levels.size();
    for (size_t i = 0; i < n; ++i) {
      const double even = 1 - static_cast<double>(i) / static_cast<double>(n);
      check.near(indexed("given", i), {even}, given["sigmas"][i], 1e-12, 1);
    }
    name = "flow";
    settings.erase(std::remove_if(settings.begin(), settings.end(),
                                  [](const auto& s) { return s.first == "twice"; }),
                   settings.end());
  } else if (map || minimax) {
    name = "diffusers.flow-map";
    if (minimax) --n;  // theirs counts both ends
  }
  Grid ours = make_grid("flow", spec(name, settings), n);
  if (!q.curve().empty()) {
    const std::string least = number(without_last(ours.levels).back());
    ours = make_grid("flow", spec(q.curve(), {{"sigma_min", least}}), n);
  }
  Numbers levels = ours.levels;
  const bool heun = q.cls == "FlowMatchHeunDiscreteScheduler", inverted = q.flag("invert_sigmas");
  if (inverted) {
    levels = mapped(without_last(levels), [](double s) { return 1 - s; });
    levels.push_back(1);
  }
  Numbers times =
      mapped(without_last(levels), [=](double s) { return minimax ? 1 - s : 1000 * s; });
  if (heun) {
    times = doubled(times);
    levels = without_last(doubled(levels));
  }
  check_times(check, q, times);
  check_levels(check, q, levels);
}

void replay_unclip(Check& check, const Question& q) {
  check_times(check, q, without_last(make_grid("unclip", "diffusers.unclip", q.n).times));
  check_init(check, q, 1);
}
void replay_wuerstchen(Check& check, const Question& q) {
  check_times(check, q, make_grid("diffusers.wuerstchen", "diffusers.wuerstchen", q.n).times);
  check_init(check, q, 1);
}
void replay_ipndm(Check& check, const Question& q) {
  const std::string angles = "trigonometric(time=to-noise)";
  check_times(check, q, without_last(make_grid(angles, "diffusers.ipndm", q.n).times));
  check_init(check, q, 1);
}
void replay_consistency(Check& check, const Question& q) {
  const Grid ours = make_grid("diffusers.cm", "diffusers.cm(tail=least)", q.n);
  check_levels(check, q, ours.levels);
  check_times(check, q,
              mapped(without_last(ours.levels), [](double s) { return 250 * std::log(s); }));
  check_init(check, q, 80);
}
void replay_trigflow(Check& check, const Question& q) {
  const Schedule angle = make_schedule("trigonometric(time=to-noise)");
  // Theirs begins a little beyond pi/2.
  const double whole = 1.5708;
  Numbers times;
  if (has(q.entry, "set_timesteps_kwargs") && !q.kwargs().contains("intermediate_timesteps")) {
    // Two steps by default meet at a time of their own: a grid in two parts.
    check.require(q.n == 2, "n");
    const double middle = 1.3 / whole;
    times = grid(angle, "uniform", 2, 1, middle);
    times.push_back(grid(angle, "uniform", 2, middle, 0).back());
  } else {
    times = grid(angle, "uniform", q.n + 1);
  }
  check_times(check, q, mapped(times, [=](double t) { return whole * t; }));
  check_init(check, q, 1);
}
// The first times of a leading grid, gone through with jumps back (2201.09865, algorithm 1).
void replay_repaint(Check& check, const Question& q) {
  const Numbers places = without_last(make_grid(q.table(false), "leading", q.n).times);
  const auto jump = static_cast<size_t>(to_number(member(q.kwargs(), "jump_length")));
  const double samples = to_number(member(q.kwargs(), "jump_n_sample"));
  Numbers left(q.n, 0), times;
  if (jump == 0 || jump > q.n) throw Malformed("jump_length is not within the steps");
  for (size_t i = 0; i + jump < q.n; i += jump) left[i] = samples - 1;
  for (size_t t = q.n; t > 0;) {
    times.push_back(places[q.n - t--]);
    if (!(left[t] > 0)) continue;
    --left[t];
    for (size_t k = 0; k < jump && t + 1 < q.n; ++k) times.push_back(places[q.n - 1 - ++t]);
  }
  check_times(check, q, times);
  check_init(check, q, 1);
}
void replay_score_sde(Check& check, const Question& q) {
  const std::string ve = "ve(sigma_min=0.01,sigma_max=1348)";
  check_times(check, q, without_last(make_grid(ve, "diffusers.score-sde", q.n).times));
  // Its levels are those of 2000 steps, whatever n.
  check_levels(check, q, without_last(make_grid(ve, "diffusers.score-sde", 2000).levels));
  check_init(check, q, 1348);
}

void replay_diffusers(Check& check, const Json& entry) {
  struct Class {
    const char* name;
    void (*replay)(Check& check, const Question& q);
  };
  static constexpr Class kClasses[] = {{"DDIMScheduler", replay_indices},
                                       {"DDPMScheduler", replay_indices},
                                       {"PNDMScheduler", replay_indices},
                                       {"LCMScheduler", replay_lcm},
                                       {"TCDScheduler", replay_lcm},
                                       {"EulerDiscreteScheduler", replay_euler},
                                       {"EulerAncestralDiscreteScheduler", replay_euler},
                                       {"HeunDiscreteScheduler", replay_euler},
                                       {"KDPM2DiscreteScheduler", replay_euler},
                                       {"KDPM2AncestralDiscreteScheduler", replay_euler},
                                       {"LMSDiscreteScheduler", replay_euler},
                                       {"DPMSolverSDEScheduler", replay_euler},
                                       {"DPMSolverMultistepScheduler", replay_multistep},
                                       {"DPMSolverSinglestepScheduler", replay_multistep},
                                       {"DEISMultistepScheduler", replay_multistep},
                                       {"SASolverScheduler", replay_multistep},
                                       {"UniPCMultistepScheduler", replay_multistep},
                                       {"EDMEulerScheduler", replay_edm},
                                       {"EDMDPMSolverMultistepScheduler", replay_edm},
                                       {"CosineDPMSolverMultistepScheduler", replay_edm},
                                       {"FlowMatchEulerDiscreteScheduler", replay_flow},
                                       {"FlowMatchHeunDiscreteScheduler", replay_flow},
                                       {"FlowMatchLCMScheduler", replay_flow},
                                       {"FlowMapEulerDiscreteScheduler", replay_flow},
                                       {"MiniMaxH3Scheduler", replay_flow},
                                       {"UnCLIPScheduler", replay_unclip},
                                       {"DDPMWuerstchenScheduler", replay_wuerstchen},
                                       {"IPNDMScheduler", replay_ipndm},
                                       {"CMStochasticIterativeScheduler", replay_consistency},
                                       {"SCMScheduler", replay_trigflow},
                                       {"RePaintScheduler", replay_repaint},
                                       {"ScoreSdeVeScheduler", replay_score_sde}};
  const std::string cls = text_or(entry, "cls", "");
  const auto* found = std::find_if(std::begin(kClasses), std::end(kClasses),
                                   [&](const Class& c) { return cls == c.name; });
  if (found == std::end(kClasses)) throw Unsupported{"class " + cls + " is not in this version"};
  const double n = number_or(entry, "n", 0);
  if (!(n >= 0 && n <= 1e6) || n != std::floor(n)) throw Malformed("n is not a count");
  found->replay(check, {entry, member(entry, "config"), cls, static_cast<size_t>(n)});
}

// ---- flow_matching and azula ----

void replay_probe(Check& check, const Json& entry) {
  if (has(entry, "schedule")) {
    const nwr_coeffs c = coefficients(make_schedule("azula." + text_or(entry, "schedule", "")),
                                      to_number(member(entry, "t")));
    check.state("alpha", {c.alpha}, Json::array({member(entry, "alpha")}));
    check.state("sigma", {c.sigma}, Json::array({member(entry, "sigma")}));
    return;
  }
  static constexpr Model kNames[] = {{"CondOT", "condot"},
                                     {"Poly2", "polynomial(n=2)"},
                                     {"VP", "vp(time=to-data)"},
                                     {"LinearVP", "polar-swap"},
                                     {"Cosine", "trigonometric"}};
  const std::string name = text_or(entry, "scheduler", "");
  const auto* found = std::find_if(std::begin(kNames), std::end(kNames),
                                   [&](const Model& m) { return name == m.theirs; });
  if (found == std::end(kNames)) throw Unsupported{"schedule " + name + " is not in this version"};
  const Schedule schedule = make_schedule(found->ours);
  const double t = to_number(member(entry, "t"));
  const nwr_coeffs c = coefficients(schedule, t);
  const std::pair<const char*, double> numbers[] = {
      {"alpha", c.alpha}, {"sigma", c.sigma}, {"d_alpha", c.dalpha}, {"d_sigma", c.dsigma}};
  for (const auto& [key, value] : numbers)
    check.state(key, {value}, Json::array({member(entry, key)}));
  check.state("snr_inverse", {time_of_ratio(schedule, c.sigma / c.alpha)},
              Json::array({member(entry, "snr_inverse_of_alpha_over_sigma")}));
  const Array noise = to_array(member(entry, "x_0")), data = to_array(member(entry, "x_1"));
  const Array state = to_array(member(entry, "x_t")), velocity = to_array(member(entry, "dx_t"));
  struct Conversion {
    const char* key;
    nwr_quantity from;
    const Array* values;
    nwr_quantity to;
  };
  const Conversion conversions[] = {{"velocity_to_target", NWR_VELOCITY, &velocity, NWR_DATA},
                                    {"velocity_to_epsilon", NWR_VELOCITY, &velocity, NWR_NOISE},
                                    {"target_to_velocity", NWR_DATA, &data, NWR_VELOCITY},
                                    {"target_to_epsilon", NWR_DATA, &data, NWR_NOISE},
                                    {"epsilon_to_velocity", NWR_NOISE, &noise, NWR_VELOCITY},
                                    {"epsilon_to_target", NWR_NOISE, &noise, NWR_DATA}};
  const Array when{{}, {t}};
  for (const auto& [key, quantity] :
       {std::pair<const char*, nwr_quantity>{"x_t", NWR_STATE}, {"dx_t", NWR_VELOCITY}}) {
    const auto made =
        transform(schedule, when, {{NWR_DATA, &data}, {NWR_NOISE, &noise}}, {quantity});
    check.state(key, made[0], member(entry, key));
  }
  for (const Conversion& convert : conversions) {
    const auto made = transform(
        schedule, when, {{NWR_STATE, &state}, {convert.from, convert.values}}, {convert.to});
    check.state(convert.key, made[0], member(entry, convert.key));
  }
}

// What a case is called: its number and what it was made with.
std::string case_name(size_t index, const Json& entry) {
  std::string out = "grid[" + std::to_string(index) + "]";
  for (const char* key : {"cls", "model_sampling", "fn", "denoiser", "scheduler", "schedule"}) {
    if (has(entry, key)) out += " " + text_or(entry, key, "");
  }
  return out;
}

}  // namespace

void replay_grids(const Json& file, Cases& cases) {
  const std::string source = text_or(file, "source", "");
  const auto replay = source.rfind("comfyanonymous", 0) == 0 ? replay_comfy
                      : source.rfind("leejet", 0) == 0       ? replay_sdcpp
                                                             : replay_diffusers;
  for (size_t i = 0; i < file["entries"].size(); ++i) {
    const Json& entry = file["entries"][i];
    cases.run(case_name(i, entry), [&](Check& check) { replay(check, entry); });
  }
  for (const char* list : {"model_sampling_probes", "model_sampling_probes_native"}) {
    if (!has(file, list)) continue;
    for (size_t i = 0; i < file[list].size(); ++i) {
      const Json& probe = file[list][i];
      const std::string name = indexed(list, i) + " " + text_or(probe, "model_sampling", "");
      cases.run(name, [&](Check& check) {
        const auto body = [&] { replay_comfy_probe(check, probe); };
        list == std::string("model_sampling_probes") ? body() : check.in_single("native/", body);
      });
    }
  }
}

void replay_schedule_probes(const Json& file, Cases& cases) {
  for (const char* list : {"flow_matching", "azula"}) {
    for (size_t i = 0; i < member(file, list).size(); ++i) {
      const Json& entry = file[list][i];
      cases.run(case_name(i, entry), [&](Check& check) { replay_probe(check, entry); });
    }
  }
}

void replay_table(const Json& file, Cases& cases) {
  cases.run("alphas_cumprod", [&](Check& check) {
    const std::string cls = text_or(file, "cls", "");
    const Json& config = member(file, "config");
    const bool zero = flag_or(config, "rescale_betas_zero_snr", false);
    const bool cog = cls.rfind("CogVideoX", 0) == 0;
    Settings settings = {{"beta", text_or(config, "beta_schedule", "linear")},
                         {"beta_start", number(to_number(member(config, "beta_start")))},
                         {"beta_end", number(to_number(member(config, "beta_end")))}};
    const std::string plain = spec("ddpm", settings);
    settings.push_back({"snr_shift", number(number_or(config, "snr_shift_scale", 1))});
    settings.push_back({"zero_snr", zero ? "yes" : "no"});
    const std::string rescaled = spec("ddpm", settings);
    // Euler and its kin keep a little data at the noisy end.
    if (zero && cls.rfind("Euler", 0) == 0)
      settings.push_back({"terminal", number(std::ldexp(1, -24))});
    const auto bars = [](const std::string& schedule, size_t count) {
      Numbers times;
      for (size_t i = 0; i < count; ++i) times.push_back(static_cast<double>(i));
      Numbers out;
      for (const nwr_coeffs& c : coefficients(make_schedule(schedule), times)) {
        out.push_back(c.alpha * c.alpha);
      }
      return out;
    };
    const size_t count = member(file, "alphas_cumprod").size();
    const Numbers table = bars(spec("ddpm", settings), count);
    check.level("alphas_cumprod", table, file["alphas_cumprod"]);
    const Numbers of_betas = bars(cog ? plain : rescaled, count);
    for (const auto& [key, beta] : member(file, "betas_probe").items()) {
      const auto i = static_cast<size_t>(std::stoul(key));
      if (i >= count) throw Malformed("betas_probe has an index beyond the table");
      const double ours = 1 - of_betas[i] / (i == 0 ? 1 : of_betas[i - 1]);
      check.near("betas_probe/" + key, {ours}, Json::array({beta}), 1e-9, 1e-3);
    }
    if (!has(file, "native_float32")) return;
    check.in_single("native_float32/", [&] {
      // A product of a thousand numbers in single precision, down to 1e-7.
      check.near("alphas_cumprod", table, member(file["native_float32"], "alphas_cumprod"), 1e-3,
                 1e-3);
    });
  });
}

}  // namespace replay
