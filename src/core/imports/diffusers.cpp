// SPDX-License-Identifier: Apache-2.0
// Owns the scheduler classes of diffusers: what each reads of its configuration, what it takes by
// default, and which schedule, grid and sampler of ours do the same. Must not know JSON.
#include <cmath>

#include "core/error.hpp"
#include "core/grid.hpp"
#include "core/imports/reader.hpp"
#include "core/schedule.hpp"

namespace noisewright {
namespace {

using Settings = std::vector<std::pair<const char*, std::string>>;

std::string str(double value) { return concat(value); }
const char* yes(bool value) { return value ? "yes" : "no"; }

// ---- what the classes share ------------------------------------------------------------------

struct Betas {
  const char* formula = "linear";
  double start = 1e-4, end = 0.02;
  // 2^-24 in place of an alpha_bar of 0, and noise levels that are linear between two indices.
  bool patched = false, even_levels = false;
  double snr_shift = 1;
};

int64_t train_count(Reader& r) { return r.whole("num_train_timesteps", 1000, 2, 1000000); }

void read_betas(Reader& r, Import& out, const Betas& by_default) {
  const int64_t count = train_count(r);
  const bool zero_snr = r.flag("rescale_betas_zero_snr", false);
  Settings settings = {{"snr_shift", str(r.number("snr_shift_scale", by_default.snr_shift))},
                       {"zero_snr", yes(zero_snr)},
                       {"terminal", by_default.patched ? str(std::ldexp(1, -24)) : ""},
                       {"between", by_default.even_levels ? "sigma" : ""}};
  out.table = r.numbers("trained_betas");
  if (!out.table.empty()) {
    r.ignore({"beta_schedule", "beta_start", "beta_end"});
    settings.push_back({"betas", "yes"});
    out.schedule = spec_text("table", settings);
    return;
  }
  settings.insert(settings.begin(),
                  {{"beta", r.choice("beta_schedule", by_default.formula,
                                     "linear,scaled_linear,squaredcos_cap_v2,laplace,exp,sigmoid")},
                   {"beta_start", str(r.number("beta_start", by_default.start))},
                   {"beta_end", str(r.number("beta_end", by_default.end))},
                   {"count", str(static_cast<double>(count))}});
  out.schedule = spec_text("ddpm", settings);
}

void read_prediction(Reader& r, Import& out, const char* by_default, bool flow = false) {
  const std::string type = r.choice("prediction_type", by_default,
                                    flow ? "flow_prediction" : "epsilon,sample,v_prediction");
  out.prediction = type == "epsilon"        ? NWR_NOISE
                   : type == "sample"       ? NWR_DATA
                   : type == "v_prediction" ? NWR_ANGULAR
                                            : NWR_VELOCITY;
}

// Thresholding wins over clipping. Some classes leave the noise as the model's output has it.
void read_clipping(Reader& r, Import& out, bool clips, bool keeps_noise = false) {
  const bool clip = r.flag("clip_sample", clips);
  const double range = r.number("clip_sample_range", 1);
  const double ratio = r.number("dynamic_thresholding_ratio", 0.995);
  const double most = r.number("sample_max_value", 1);
  if (r.flag("thresholding", false)) {
    out.limits = concat("threshold=", ratio, ",threshold_max=", most);
  } else if (clip) {
    out.limits = concat("clip=", range);
  }
  if (keeps_noise && !out.limits.empty()) out.limits += ",limited_noise=model";
}

void warn_of_variance(Reader& r) {
  if (r.text("variance_type", "").rfind("learned", 0) == 0) {
    r.warn("variance_type",
           "hand the sampler the mean half of the output: the class drops the other");
  }
}

// The curve of levels that the flags ask for, or "".
const char* read_curve(Reader& r) {
  const char* curve = "";
  for (const auto& [key, grid] :
       {std::pair<const char*, const char*>{"use_beta_sigmas", "beta-sigma"},
        {"use_exponential_sigmas", "k.exponential"},
        {"use_lu_lambdas", "k.exponential"},
        {"use_karras_sigmas", "k.karras"}}) {
    if (r.flag(key, false)) curve = grid;
  }
  return curve;
}

// How indices are chosen, and the setting that goes with it.
struct Spacing {
  std::string name, offset;
};
Spacing read_spacing(Reader& r, const char* by_default) {
  Spacing out;
  out.name = r.choice("timestep_spacing", by_default, "leading,trailing,linspace");
  const double offset = r.number("steps_offset", 0);
  if (out.name == "leading") out.offset = str(offset);
  return out;
}

// ---- DDIM, DDPM, PNDM, and the distilled -----------------------------------------------------

// Classes whose steps go T/n back, wherever the next one begins.
void warn_of_gaps(Reader& r, const Spacing& spacing) {
  const bool gaps =
      spacing.name == "linspace" || (spacing.name == "trailing" && train_count(r) % r.steps() != 0);
  if (gaps) {
    r.warn("timestep_spacing", "a step ends where the next begins, the class's own a whole T/n on");
  }
}

void read_indices(Reader& r, Import& out, const Betas& betas, bool clips,
                  bool keeps_noise = false) {
  read_betas(r, out, betas);
  read_prediction(r, out, "epsilon");
  read_clipping(r, out, clips, keeps_noise);
  out.start = NWR_START_UNIT;
}

// Steps that go T/n back, to clean data or to index 0.
void read_steps_back(Reader& r, Import& out, bool clean_by_default) {
  const Spacing spacing = read_spacing(r, "leading");
  warn_of_gaps(r, spacing);
  const bool clean = r.flag("set_alpha_to_one", clean_by_default);
  out.grid = spec_text(spacing.name, {{"offset", spacing.offset}, {"tail", clean ? "" : "least"}});
  out.start = NWR_START_UNIT;
}

void read_ddim(Reader& r, Import& out) {
  read_indices(r, out, {}, true, r.argument("use_clipped_model_output", 0) == 0);
  read_steps_back(r, out, true);
  out.sampler = spec_text("ddim", {{"eta", str(r.argument("eta", 0))}});
}

void read_cogvideox_table(Reader& r, Import& out) {
  // The classes have these settings and make no use of them.
  r.ignore({"clip_sample", "clip_sample_range", "sample_max_value"});
  Betas betas;
  betas.formula = "scaled_linear", betas.start = 0.00085, betas.end = 0.012;
  betas.snr_shift = 3;
  read_betas(r, out, betas);
  read_prediction(r, out, "epsilon");
  read_steps_back(r, out, true);
}

void read_cogvideox(Reader& r, Import& out) {
  read_cogvideox_table(r, out);
  out.sampler = spec_text("ddim", {{"eta", str(r.argument("eta", 0))}});
}

void read_cogvideox_dpm(Reader& r, Import& out) {
  read_cogvideox_table(r, out);
  // Taken, and of no use.
  r.argument("eta", 0);
  out.sampler = "dpmpp-2m-sde(lower_order_final=last)";
  r.warn("_class_name", "from the second step on the class draws twice and uses the second");
}

void read_ddpm_like(Reader& r, Import& out, const Betas& betas, const char* variance_by_default,
                    const char* spacing_by_default) {
  read_indices(r, out, betas, true);
  const Spacing spacing = read_spacing(r, spacing_by_default);
  out.grid = spec_text(spacing.name, {{"offset", spacing.offset}});
  const std::string variance =
      r.choice("variance_type", variance_by_default,
               "fixed_small,fixed_small_log,fixed_large,fixed_large_log,learned,learned_range");
  const bool learned = variance == "learned_range";
  if (variance == "learned") r.warn("variance_type", "the variance is fixed_small here");
  const bool large = variance.rfind("fixed_large", 0) == 0;
  if (large && (spacing.name == "trailing" || (!spacing.offset.empty() && spacing.offset != "0"))) {
    r.warn("variance_type",
           "the last step adds no noise here; the class's does where it does not "
           "begin at index 0");
  }
  out.sampler = spec_text("ddpm", {{"variance", learned ? variance : large ? "large" : "small"}});
}

void read_ddpm(Reader& r, Import& out) { read_ddpm_like(r, out, {}, "fixed_small", "leading"); }

void read_unclip(Reader& r, Import& out) {
  Betas betas;
  betas.formula = "squaredcos_cap_v2";
  read_ddpm_like(r, out, betas, "fixed_small_log", "linspace");
}

void read_pndm(Reader& r, Import& out) {
  read_betas(r, out, {});
  read_prediction(r, out, "epsilon");
  read_steps_back(r, out, false);
  const bool heun = r.flag("skip_prk_steps", false);
  if (!heun && out.prediction != NWR_NOISE) {
    r.warn("prediction_type",
           "the three Runge-Kutta steps are of the noise, the class's of the "
           "output");
  }
  out.sampler =
      spec_text("pndm", {{"start", heun ? "heun" : "runge-kutta"}, {"average", "output"}});
}

void read_distilled(Reader& r, Import& out, bool trajectory) {
  Betas betas;
  betas.formula = "scaled_linear", betas.start = 0.00085, betas.end = 0.012;
  read_indices(r, out, betas, false, trajectory);
  // Neither class looks at these.
  r.ignore({"set_alpha_to_one", "steps_offset", "timestep_spacing"});
  const auto original = r.whole("original_inference_steps", 50, 1, 1000000);
  out.grid = spec_text("lcm", {{"original", str(static_cast<double>(original))},
                               {"strength", str(r.argument("strength", 1))},
                               {"tail", trajectory ? "least" : ""}});
  const double scaling = r.number("timestep_scaling", 10);
  out.sampler = trajectory ? spec_text("tcd", {{"gamma", str(r.argument("eta", 0.3))}})
                           : spec_text("lcm", {{"timestep_scaling", str(scaling)}});
}
void read_lcm(Reader& r, Import& out) { read_distilled(r, out, false); }
void read_tcd(Reader& r, Import& out) { read_distilled(r, out, true); }

void read_consistency(Reader& r, Import& out) {
  const int64_t count = r.whole("num_train_timesteps", 40, 2, 1000000);
  const double least = r.number("sigma_min", 0.002);
  out.schedule = spec_text("diffusers.cm", {{"count", str(static_cast<double>(count))},
                                            {"sigma_min", str(least)},
                                            {"sigma_max", str(r.number("sigma_max", 80))},
                                            {"rho", str(r.number("rho", 7))},
                                            {"sigma_data", str(r.number("sigma_data", 0.5))}});
  out.grid = "from-top(tail=least)";
  out.sampler = spec_text(
      "consistency",
      {{"sigma_min", str(least)}, {"s_noise", str(r.number("s_noise", 1))}, {"unit_input", "yes"}});
  out.prediction = NWR_DATA;
  out.clock = NWR_CLOCK_EDM;
  out.clock_scale = 1000;
  r.warn("sigma_data",
         "hand the sampler the clean sample: with d = sigma - sigma_min and n^2 = d^2 "
         "+ sigma_data^2, (sigma_data/n)^2 x + d sigma_data/sqrt(sigma^2 + "
         "sigma_data^2) F");
  if (r.flag("clip_denoised", true)) out.limits = "clip=1";
}

// ---- models of an angle ----------------------------------------------------------------------

void on_angle(Import& out, const char* sampler) {
  out.schedule = "k.v";
  out.sampler = sampler;
  out.prediction = NWR_ANGULAR;
  out.clock = NWR_CLOCK_T;
  out.start = NWR_START_UNIT;
}

void read_ipndm(Reader& r, Import& out) {
  r.ignore({"num_train_timesteps"});
  if (!r.numbers("trained_betas").empty())
    r.warn("trained_betas", "the class's own sines are taken");
  on_angle(out, "ipndm");
  out.grid = "sine-squared";
  r.warn("_class_name", "the class takes the data of its first step for 0");
}

// TrigFlow (Lu and Song 2410.11081) in units of sigma_data: the output is v, the clock the angle.
void read_scm(Reader& r, Import& out) {
  r.ignore({"num_train_timesteps"});
  r.choice("prediction_type", "trigflow", "trigflow");
  r.number("sigma_data", 0.5);
  on_angle(out, "lcm");
  const double quarter = 2 * std::atan(1.0), middle = r.argument("intermediate_timesteps", 1.3);
  out.clock_scale = quarter;
  out.grid = "uniform";
  if (r.steps() == 2) {
    if (!(middle > 0 && middle < quarter)) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "options.params: intermediate_timesteps is ", middle,
           ", not between 0 and ", quarter);
    }
    // Half of the way in the root whose power is the time asked for.
    out.grid = spec_text("time-quadratic", {{"power", str(-std::log2(middle / quarter))}});
  }
  r.warn("sigma_data",
         "states are the class's over sigma_data, as the network reads them; the result is to be "
         "multiplied by it");
}

void read_wuerstchen(Reader& r, Import& out) {
  out.schedule = spec_text(
      "wuerstchen", {{"s", str(r.number("s", 0.008))}, {"scaler", str(r.number("scaler", 1))}});
  out.grid = "uniform";
  out.sampler = "ddpm(last_step=mean)";
  out.clock = NWR_CLOCK_T;
  out.start = NWR_START_UNIT;
}

// ---- Euler and its kin -----------------------------------------------------------------------

// The state is alpha times theirs, so that the model reads it as it is.
void read_sigma_space(Reader& r, Import& out, const Betas& by_default, const std::string& sampler) {
  const char* curve = read_curve(r);
  const Spacing spacing = read_spacing(r, "linspace");
  const bool linspace = spacing.name == "linspace";
  Betas betas = by_default;
  betas.even_levels = !*curve && linspace;
  read_betas(r, out, betas);
  read_prediction(r, out, "epsilon");
  const char* tail =
      r.choice("final_sigmas_type", "zero", "zero,sigma_min") == "zero" ? "" : "least";
  const bool has_ends = r.has("sigma_max") || r.has("sigma_min");
  const double most = r.number("sigma_max", 0), least = r.number("sigma_min", 0);
  if (*curve) {
    out.grid = spec_text(curve, {{"ends", linspace || has_ends ? "" : spacing.name},
                                 {"offset", has_ends ? "" : spacing.offset},
                                 {"sigma_max", most == 0 ? "" : str(most)},
                                 {"sigma_min", least == 0 ? "" : str(least)},
                                 {"tail", tail}});
  } else {
    out.grid =
        spec_text(linspace ? "normal" : spacing.name, {{"offset", spacing.offset}, {"tail", tail}});
  }
  out.sampler = sampler;
  if (spacing.name == "leading") out.start = NWR_START_UNIT;
}

Betas patched() {
  Betas betas;
  betas.patched = true;
  return betas;
}

Betas stable_diffusion() {
  Betas betas;
  betas.start = 0.00085, betas.end = 0.012;
  return betas;
}

// The sampler whose noise comes after the model has been asked, where such noise is asked for;
// share is our number of steps over that by which the class divides.
std::string read_churn(Reader& r, const char* without, const char* churning, Settings settings,
                       double share = 1) {
  const double churn = r.argument("s_churn", 0) * share, least = r.argument("s_tmin", 0);
  const double most = r.argument("s_tmax", HUGE_VAL), scale = r.argument("s_noise", 1);
  if (churn == 0) return without;
  settings.insert(settings.end(), {{"s_churn", str(churn)},
                                   {"s_min", str(least)},
                                   {"s_max", std::isinf(most) ? "" : str(most)},
                                   {"s_noise", str(scale)}});
  return spec_text(churning, settings);
}

void read_euler(Reader& r, Import& out) {
  read_sigma_space(r, out, patched(), read_churn(r, "euler(space=sigma)", "diffusers.euler", {}));
  if (r.choice("interpolation_type", "linear", "linear,log_linear") == "log_linear") {
    r.warn("interpolation_type", "noise levels are linear between indices here");
  }
  const bool continuous =
      r.choice("timestep_type", "discrete", "discrete,continuous") == "continuous";
  if (continuous && out.prediction == NWR_ANGULAR) {
    out.clock = NWR_CLOCK_EDM;
    // Levels of its own, which no table of betas reaches.
    if (r.has("sigma_max") && r.has("sigma_min")) out.schedule = "k.v";
  }
}

void read_heun(Reader& r, Import& out) {
  read_clipping(r, out, false);
  read_sigma_space(r, out, stable_diffusion(), "heun(space=sigma)");
}

void read_euler_ancestral(Reader& r, Import& out) {
  read_sigma_space(r, out, patched(),
                   spec_text("euler-ancestral", {{"s_noise", str(r.argument("s_noise", 1))}}));
}

void read_lms(Reader& r, Import& out) {
  read_sigma_space(r, out, {}, spec_text("k.lms", {{"order", str(r.argument("order", 4))}}));
}

void read_dpm2(Reader& r, Import& out) { read_sigma_space(r, out, stable_diffusion(), "dpm-2"); }
void read_dpm2_ancestral(Reader& r, Import& out) {
  read_sigma_space(r, out, stable_diffusion(),
                   spec_text("dpm-2-ancestral", {{"s_noise", str(r.argument("s_noise", 1))}}));
}
void read_dpm_sde(Reader& r, Import& out) {
  read_sigma_space(r, out, stable_diffusion(),
                   spec_text("k.dpmpp-sde", {{"s_noise", str(r.argument("s_noise", 1))}}));
  if (r.has("noise_sampler_seed")) r.warn("noise_sampler_seed", "noise comes from options.rngs");
  r.ignore({"noise_sampler_seed"});
}

// ---- DPM-Solver and its kin ------------------------------------------------------------------

// "yes" for orders as steps are left, "last" for the last step alone.
const char* read_lower_orders(Reader& r) {
  const bool lowers = r.flag("lower_order_final", true), last = r.flag("euler_at_final", false);
  return lowers && r.steps() < 15 ? "yes" : last ? "last" : "no";
}

const char* read_solver(Reader& r, const char* by_default) {
  // What other classes call their solvers is midpoint here, as in the class itself.
  const std::string given = r.choice("solver_type", by_default, "midpoint,heun,logrho,bh1,bh2");
  return given == "heun" ? "heun" : "midpoint";
}

std::string read_multistep_sampler(Reader& r) {
  const int64_t order = r.whole("solver_order", 2, 1, 3);
  const std::string algorithm = r.choice(
      "algorithm_type", "dpmsolver++", "dpmsolver,dpmsolver++,sde-dpmsolver,sde-dpmsolver++,deis");
  const std::string lowers = read_lower_orders(r), solver = read_solver(r, "midpoint");
  if (algorithm == "dpmsolver++" || algorithm == "deis") {
    if (order == 1) return "ddim";
    return spec_text(order == 2 ? "dpmpp-2m" : "diffusers.dpmpp-3m",
                     {{"lower_order_final", lowers}, {"solver", solver}});
  }
  if (algorithm == "sde-dpmsolver++") {
    if (order == 1) return "euler-ancestral";
    if (order == 2) {
      return spec_text("dpmpp-2m-sde", {{"lower_order_final", lowers}, {"solver", solver}});
    }
    r.warn("solver_order", "the class's third order has a sign error; dpmpp-3m-sde has not");
    return "k.dpmpp-3m-sde";
  }
  return spec_text("diffusers.dpm-solver", {{"order", str(static_cast<double>(order))},
                                            {"eta", algorithm == "sde-dpmsolver" ? "1" : "0"},
                                            {"lower_order_final", lowers},
                                            {"solver", solver}});
}

// How the levels of a flow are shifted.
Settings read_shift(Reader& r, const char* fixed, double by_default) {
  const bool linear = r.choice("time_shift_type", "exponential", "exponential,linear") == "linear";
  const double base = r.number("base_shift", 0.5), most = r.number("max_shift", 1.15),
               least_length = r.number("base_image_seq_len", 256),
               most_length = r.number("max_image_seq_len", 4096);
  const double shift = r.number(fixed, by_default);
  if (!r.flag("use_dynamic_shifting", false)) return {{"shift", str(shift)}};
  const bool given = r.has_argument("mu");
  const double tokens = r.argument("tokens", most_length), mu = r.argument("mu", 0);
  if (!given && !r.has_argument("tokens")) {
    r.warn("use_dynamic_shifting", "neither mu nor tokens is given: max_image_seq_len tokens");
  }
  if (given) return {{linear ? "shift" : "mu", str(mu)}};
  const double length = most_length - least_length;
  const double of_tokens = base + (most - base) / length * (tokens - least_length);
  if (!std::isfinite(of_tokens)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "text: max_image_seq_len=", most_length,
         " is not above base_image_seq_len=", least_length);
  }
  return {{linear ? "shift" : "mu", str(of_tokens)}};
}

void on_flow(Import& out, int64_t count) {
  out.schedule = spec_text("flow", {{"count", str(static_cast<double>(count))}});
  out.prediction = NWR_VELOCITY;
  out.clock = NWR_CLOCK_T;
  out.clock_scale = static_cast<double>(count);
  out.start = NWR_START_UNIT;
}

enum class Final { chosen, stays };

// Schedule, grid and prediction of the classes that step in lambda. Those that stay have a last
// step to the least level, or, along a curve, one of no length.
void read_lambda_space(Reader& r, Import& out, Final final, const char* flow_grid) {
  const char* curve = read_curve(r);
  const bool flow = r.flag("use_flow_sigmas", false);
  const Spacing spacing = read_spacing(r, "linspace");
  std::string tail = final == Final::stays ? (flow || *curve ? "repeat" : "least") : "";
  if (final == Final::chosen &&
      r.choice("final_sigmas_type", "zero", "zero,sigma_min") == "sigma_min") {
    tail = flow ? "repeat" : "least";
  }
  const double clipped = r.number("lambda_min_clipped", -HUGE_VAL);
  read_clipping(r, out, false);
  warn_of_variance(r);
  const bool has_ends = r.has("sigma_max") && r.has("sigma_min");
  const double most = r.number("sigma_max", 0), least = r.number("sigma_min", 0);
  out.start = NWR_START_UNIT;
  Settings shift = read_shift(r, "flow_shift", 1);
  if (flow) {
    on_flow(out, train_count(r));
    read_prediction(r, out, "flow_prediction", true);
    r.ignore(
        {"beta_schedule", "beta_start", "beta_end", "trained_betas", "rescale_betas_zero_snr"});
    if (*curve && has_ends && curve != std::string_view("beta-sigma")) {
      // The curve runs in sigma/alpha, and is not shifted.
      out.grid = spec_text(curve + 2,
                           {{"sigma_max", str(most)}, {"sigma_min", str(least)}, {"tail", tail}});
      return;
    }
    if (*curve) r.warn("use_flow_sigmas", "levels are the flow's own, along no curve");
    if (r.has("shift_terminal")) shift.push_back({"terminal", str(r.number("shift_terminal", 0))});
    shift.push_back({"tail", tail});
    out.grid = spec_text(flow_grid, shift);
    return;
  }
  r.ignore({"shift_terminal"});
  read_betas(r, out, patched());
  read_prediction(r, out, "epsilon");
  if (*curve) {
    out.grid = spec_text(curve, {{"sigma_max", most == 0 ? "" : str(most)},
                                 {"sigma_min", least == 0 ? "" : str(least)},
                                 {"tail", tail}});
    return;
  }
  const std::string name = spacing.name == "trailing" ? "trailing" : "multistep-" + spacing.name;
  out.grid = spec_text(name, {{"offset", spacing.offset},
                              {"lambda_min", std::isinf(clipped) ? "" : str(clipped)},
                              {"tail", tail}});
}

void read_multistep(Reader& r, Import& out) {
  out.sampler = read_multistep_sampler(r);
  read_lambda_space(r, out, Final::chosen, "diffusers.flow-multistep");
}

void read_singlestep(Reader& r, Import& out) {
  const int64_t order = r.whole("solver_order", 2, 1, 3);
  const std::string algorithm =
      r.choice("algorithm_type", "dpmsolver++", "dpmsolver,dpmsolver++,sde-dpmsolver++,deis");
  const bool lowers =
      r.flag("lower_order_final", false) || r.text("final_sigmas_type", "zero") == "zero";
  out.sampler = spec_text("diffusers.dpm-singlestep",
                          {{"order", str(static_cast<double>(order))},
                           {"predict", algorithm == "dpmsolver" ? "noise" : "data"},
                           {"solver", read_solver(r, "midpoint")},
                           {"eta", algorithm[0] == 's' ? "1" : "0"},
                           {"lower_order_final", yes(lowers)}});
  read_lambda_space(r, out, Final::chosen, "diffusers.flow-multistep");
}

void read_deis(Reader& r, Import& out) {
  // The class knows one of each, and takes others for it.
  r.ignore({"algorithm_type", "solver_type"});
  const int64_t order = r.whole("solver_order", 2, 1, 3);
  out.sampler = spec_text("diffusers.deis", {{"order", str(static_cast<double>(order))},
                                             {"lower_order_final", read_lower_orders(r)}});
  read_lambda_space(r, out, Final::stays, "diffusers.flow-multistep");
}

std::string read_unipc_sampler(Reader& r) {
  const int64_t order = r.whole("solver_order", 2, 1, 6);
  if (r.has("solver_p")) {
    r.warn("solver_p", "the predictor is UniPC's own; predictor_order=1 is DDIM, 2 DPM-Solver++");
  }
  r.ignore({"solver_p"});
  // Steps by their bits, of which a number holds so many.
  double uncorrected = 0;
  for (const double step : r.numbers("disable_corrector")) {
    if (!(step >= 0 && step < 53 && step == std::floor(step))) {
      r.warn("disable_corrector", "steps from 0 to 52 can go uncorrected");
      continue;
    }
    const double bit = std::exp2(step);
    if (std::fmod(std::floor(uncorrected / bit), 2) == 0) uncorrected += bit;
  }
  const std::string variant = r.choice("solver_type", "bh2", "bh1,bh2,midpoint,heun,logrho");
  return spec_text("diffusers.unipc",
                   {{"order", str(static_cast<double>(order))},
                    {"variant", variant == "bh1" ? "bh1" : "bh2"},
                    {"predict", r.flag("predict_x0", true) ? "data" : "noise"},
                    {"corrector_skip", uncorrected == 0 ? "" : str(uncorrected)},
                    {"lower_order_final", yes(r.flag("lower_order_final", true))}});
}

void read_unipc(Reader& r, Import& out) {
  out.sampler = read_unipc_sampler(r);
  read_lambda_space(r, out, Final::chosen, "diffusers.flow-unipc");
}

// Noise is drawn where the class's own tau is 1, at timesteps from 200 to 800.
void read_sa(Reader& r, Import& out) {
  if (r.has("tau_func")) r.warn("tau_func", "tau is 1 at timesteps from 200 to 800");
  r.ignore({"tau_func"});
  const bool data = r.choice("algorithm_type", "data_prediction",
                             "data_prediction,noise_prediction") == "data_prediction";
  const int64_t predictor = r.whole("predictor_order", 2, 1, 4),
                corrector = r.whole("corrector_order", 2, 1, 4);
  const bool lowers = r.flag("lower_order_final", true);
  const char* curve = read_curve(r);
  const bool karras = curve == std::string_view("k.karras");
  read_lambda_space(r, out, Final::stays, "diffusers.flow-multistep");
  const Ref<Schedule> schedule = schedule_of(out);
  // Of levels along a curve the class rounds the timestep, of a flow and other curves it cuts it.
  const bool flow = out.prediction == NWR_VELOCITY;
  const double early = karras ? 0.5 : 0, late = karras ? 0.5 : flow || *curve ? 1 - 1e-9 : 0;
  const double scale = flow ? out.clock_scale : 1;
  const auto level = [&](double t) {
    const double last =
        std::fmax(schedule->ends().low, std::fmin(t / scale, schedule->ends().high));
    return std::exp(-schedule->at(last, {"timestep"}).lambda);
  };
  out.sampler =
      spec_text("diffusers.sa-solver", {{"order", str(static_cast<double>(predictor))},
                                        {"corrector_order", str(static_cast<double>(corrector))},
                                        {"predict", data ? "data" : "noise"},
                                        {"simple", yes(data)},
                                        {"s_min", str(level(200 - early) * (1 - 1e-9))},
                                        {"s_max", str(level(800 + late) * (1 + 1e-9))},
                                        {"lower_order_final", yes(lowers)}});
}

// ---- EDM -------------------------------------------------------------------------------------

std::string read_edm_grid(Reader& r, const char* curve_by_default, const Settings& ends) {
  const std::string curve = r.choice("sigma_schedule", curve_by_default, "karras,exponential");
  const bool clean = r.choice("final_sigmas_type", "zero", "zero,sigma_min") == "zero";
  const double rho = r.number("rho", 7);
  Settings settings = ends;
  settings.push_back({"tail", clean ? "" : "repeat"});
  if (curve == "karras") settings.push_back({"rho", str(rho)});
  return spec_text("k." + curve, settings);
}

void read_edm(Reader& r, Import& out, const std::string& sampler) {
  // The schedule has continuous levels: its number of indices is of no account.
  r.ignore({"num_train_timesteps"});
  read_clipping(r, out, false);
  out.grid = read_edm_grid(r, "karras", {});
  out.schedule = spec_text("diffusers.edm", {{"sigma_min", str(r.number("sigma_min", 0.002))},
                                             {"sigma_max", str(r.number("sigma_max", 80))},
                                             {"sigma_data", str(r.number("sigma_data", 0.5))}});
  out.prediction = NWR_PRECONDITIONED;
  if (r.choice("prediction_type", "epsilon", "epsilon,v_prediction") == "v_prediction") {
    r.warn("prediction_type", "hand the sampler minus the output");
  }
  out.clock = NWR_CLOCK_EDM;
  const size_t open = sampler.find('(');
  out.sampler = open == std::string::npos
                    ? sampler + "(unit_input=yes)"
                    : sampler.substr(0, sampler.size() - 1) + ",unit_input=yes)";
}

void read_edm_euler(Reader& r, Import& out) {
  read_edm(r, out, read_churn(r, "euler", "diffusers.euler", {{"read", "noisier"}}));
}
void read_edm_multistep(Reader& r, Import& out) { read_edm(r, out, read_multistep_sampler(r)); }

// Preconditioning with sigma_data = 1 is the v of a variance preserving schedule, whose time
// 2/pi atan(sigma/alpha) the model reads.
void read_cosine(Reader& r, Import& out) {
  r.ignore({"num_train_timesteps", "solver_order"});
  read_clipping(r, out, false);
  out.grid = read_edm_grid(r, "exponential",
                           {{"sigma_max", str(r.number("sigma_max", 500))},
                            {"sigma_min", str(r.number("sigma_min", 0.3))}});
  out.schedule = "k.v";
  if (r.number("sigma_data", 1) != 1) r.warn("sigma_data", "1 is taken");
  r.choice("prediction_type", "v_prediction", "v_prediction");
  out.prediction = NWR_ANGULAR;
  out.clock = NWR_CLOCK_T;
  out.start = NWR_START_UNIT;
  out.sampler = spec_text("dpmpp-2m-sde", {{"lower_order_final", read_lower_orders(r)},
                                           {"solver", read_solver(r, "midpoint")}});
}

// ---- flow matching ---------------------------------------------------------------------------

void read_flow_match(Reader& r, Import& out, const std::string& sampler) {
  const int64_t count = train_count(r);
  on_flow(out, count);
  out.sampler = sampler;
  const bool dynamic = r.flag("use_dynamic_shifting", false);
  Settings settings = read_shift(r, "shift", 1);
  // Pipelines such as FLUX's hand over even levels from 1 to 1/n.
  if (r.argument("even", 0) != 0) {
    out.grid = "flow";
  } else {
    // The least level is shifted at first and again with the others.
    settings.push_back({"twice", yes(!dynamic)});
    settings.push_back({"last", str(1 / static_cast<double>(count))});
    out.grid = "diffusers.flow-match";
  }
  if (r.has("shift_terminal")) {
    settings.push_back({"terminal", str(r.number("shift_terminal", 0))});
  }
  out.grid = spec_text(out.grid, settings);
  if (r.flag("invert_sigmas", false)) r.warn("invert_sigmas", "times run from noise to data here");
  const char* curve = read_curve(r);
  if (!*curve) return;
  // Between the ends of the levels without it, which depend on the number of steps.
  const Ref<Schedule> schedule = schedule_of(out);
  std::vector<double> times(static_cast<size_t>(r.steps()) + 1);
  nwr_grid_options plain{};
  plain.name = out.grid.c_str();
  fill_grid(*schedule, plain, times.data(), times.size());
  out.grid = spec_text(
      curve, {{"sigma_max", str(times.front())}, {"sigma_min", str(times[times.size() - 2])}});
}

void read_flow_euler(Reader& r, Import& out) {
  const bool stochastic = r.flag("stochastic_sampling", false);
  // Taken, and of no use.
  for (const char* name : {"s_churn", "s_tmin", "s_tmax", "s_noise"}) r.argument(name, 0);
  read_flow_match(r, out, stochastic ? "lcm" : "euler");
}

void read_flow_heun(Reader& r, Import& out) {
  // The class counts evaluations.
  const double n = static_cast<double>(r.steps());
  read_flow_match(r, out,
                  read_churn(r, "heun", "diffusers.heun", {{"space", "flow"}}, n / (2 * n - 1)));
}

void read_flow_lcm(Reader& r, Import& out) {
  if (r.has("scale_factors")) r.warn("scale_factors", "states keep their size");
  r.ignore({"scale_factors", "upscale_mode"});
  read_flow_match(r, out, "lcm");
}

void read_flow_map(Reader& r, Import& out) {
  on_flow(out, train_count(r));
  out.grid = spec_text("flow", {{"shift", str(r.number("shift", 1))}});
  out.sampler = "euler";
}

void read_minimax(Reader& r, Import& out) {
  out.schedule = "linear";
  out.grid = spec_text("flow", {{"shift", str(r.number("shift", 12))}});
  out.sampler = "euler";
  out.prediction = NWR_VELOCITY;
  out.clock = NWR_CLOCK_T;
  out.start = NWR_START_UNIT;
  r.warn("_class_name", "the class counts levels: it takes one step less than it is asked for");
}

void read_ltx(Reader& r, Import& out) {
  on_flow(out, train_count(r));
  // Its pipelines hand over levels of their own.
  out.grid = "flow";
  const double eta = r.number("eta", 1), scale = r.number("s_noise", 1);
  out.sampler =
      spec_text("euler-ancestral", {{"noise", "flow"}, {"eta", str(eta)}, {"s_noise", str(scale)}});
}

void read_helios(Reader& r, Import& out) {
  if (r.whole("stages", 3, 1, 100) != 1) {
    fail(NWR_ERROR_UNSUPPORTED,
         "text: stages of growing pictures are not in this version: "
         "HeliosScheduler needs stages=1");
  }
  r.ignore({"stage_range", "gamma", "version"});
  read_clipping(r, out, false);
  const int64_t count = train_count(r);
  on_flow(out, count);
  read_prediction(r, out, "flow_prediction", true);
  r.flag("use_flow_sigmas", true);
  const bool euler = r.choice("scheduler_type", "unipc", "unipc,euler") == "euler";
  const std::string unipc = read_unipc_sampler(r);
  out.sampler = euler ? "euler" : unipc;
  Settings settings = read_shift(r, "shift", 1);
  settings.push_back({"last", str(1 / static_cast<double>(count))});
  out.grid = spec_text("flow", settings);
}

// ---- the list --------------------------------------------------------------------------------

struct Class {
  const char* name;
  void (*read)(Reader& r, Import& out);
};
constexpr Class kClasses[] = {{"DDIMScheduler", read_ddim},
                              {"DDIMParallelScheduler", read_ddim},
                              {"CogVideoXDDIMScheduler", read_cogvideox},
                              {"CogVideoXDPMScheduler", read_cogvideox_dpm},
                              {"DDPMScheduler", read_ddpm},
                              {"DDPMParallelScheduler", read_ddpm},
                              {"UnCLIPScheduler", read_unclip},
                              {"PNDMScheduler", read_pndm},
                              {"LCMScheduler", read_lcm},
                              {"TCDScheduler", read_tcd},
                              {"CMStochasticIterativeScheduler", read_consistency},
                              {"SCMScheduler", read_scm},
                              {"IPNDMScheduler", read_ipndm},
                              {"DDPMWuerstchenScheduler", read_wuerstchen},
                              {"EulerDiscreteScheduler", read_euler},
                              {"EulerAncestralDiscreteScheduler", read_euler_ancestral},
                              {"HeunDiscreteScheduler", read_heun},
                              {"LMSDiscreteScheduler", read_lms},
                              {"KDPM2DiscreteScheduler", read_dpm2},
                              {"KDPM2AncestralDiscreteScheduler", read_dpm2_ancestral},
                              {"DPMSolverSDEScheduler", read_dpm_sde},
                              {"DPMSolverMultistepScheduler", read_multistep},
                              {"DPMSolverSinglestepScheduler", read_singlestep},
                              {"DEISMultistepScheduler", read_deis},
                              {"UniPCMultistepScheduler", read_unipc},
                              {"SASolverScheduler", read_sa},
                              {"EDMEulerScheduler", read_edm_euler},
                              {"EDMDPMSolverMultistepScheduler", read_edm_multistep},
                              {"CosineDPMSolverMultistepScheduler", read_cosine},
                              {"FlowMatchEulerDiscreteScheduler", read_flow_euler},
                              {"FlowMatchHeunDiscreteScheduler", read_flow_heun},
                              {"FlowMatchLCMScheduler", read_flow_lcm},
                              {"FlowMapEulerDiscreteScheduler", read_flow_map},
                              {"MiniMaxH3Scheduler", read_minimax},
                              {"LTXEulerAncestralRFScheduler", read_ltx},
                              {"HeliosScheduler", read_helios}};

// Classes that are known and left out, with the reason.
struct Other {
  const char *name, *why;
};
constexpr Other kOthers[] = {
    {"DDIMInverseScheduler", "it runs to noise: import DDIMScheduler and turn the times round"},
    {"DPMSolverMultistepInverseScheduler",
     "it runs to noise: import DPMSolverMultistepScheduler and turn the times round"},
    {"ScoreSdeVeScheduler", "its corrector is Langevin's"},
    {"RePaintScheduler", "it goes through stretches of time again"},
    {"ConsistencyDecoderScheduler", "its table is its decoder's own"},
    {"HeliosDMDScheduler", "its pictures grow"},
    {"VQDiffusionScheduler", "its states are tokens"},
    {"AmusedScheduler", "its states are tokens"},
    {"BlockRefinementScheduler", "its states are tokens"},
    {"DiscreteDDIMScheduler", "its states are tokens"}};

}  // namespace

Import import_diffusers(std::string_view text, const nwr_import_options& options) {
  const Config object = parse_config(text);
  Import out;
  out.steps = options.steps;
  Reader reader(object, options, out);
  out.source = reader.text("_class_name", "");
  reader.ignore({"_diffusers_version", "_name_or_path"});
  for (const Class& known : kClasses) {
    if (out.source != known.name) continue;
    known.read(reader, out);
    reader.finish();
    if (!out.limits.empty()) {
      const bool open = out.sampler.back() == ')';
      if (open) out.sampler.pop_back();
      out.sampler += (open ? "," : "(") + out.limits + ")";
    }
    return out;
  }
  for (const Other& other : kOthers) {
    if (out.source == other.name) {
      fail(NWR_ERROR_UNSUPPORTED, "text: _class_name=", other.name,
           " cannot be imported: ", other.why);
    }
  }
  std::string known;
  for (const Class& one : kClasses) (known += known.empty() ? "" : ", ") += one.name;
  if (out.source.empty()) {
    fail(NWR_ERROR_NOT_FOUND, "text: _class_name is missing or empty (known are ", known, ")");
  }
  fail(NWR_ERROR_NOT_FOUND, "text: _class_name=", quote(out.source),
       " is no class that is known (known are ", known, ")");
}

}  // namespace noisewright
