// SPDX-License-Identifier: Apache-2.0
// Owns the schedulers of diffusers in terms of ours: each recorded configuration is imported, and
// the run that comes of it compared. Which class is which sampler, the library knows. Must not know
// other peers.
#include <algorithm>
#include <cmath>

#include "formats.hpp"
#include "paths.hpp"

namespace replay {
namespace {

// ---- the question ----------------------------------------------------------------------------

const Json& arguments(const Recording& recording) {
  return member(recording.file(), "set_timesteps_kwargs");
}

bool is_flow(const Recording& recording) {
  return text_or(recording.file(), "prediction_type", "") == "flow_prediction";
}

// Even from 1 to 1/n, as pipelines hand them over.
bool is_even(const Numbers& sigmas) {
  const double n = static_cast<double>(sigmas.size());
  for (size_t i = 0; i < sigmas.size(); ++i) {
    if (std::fabs(sigmas[i] - (1 - static_cast<double>(i) / n)) > 1e-9) return false;
  }
  return true;
}

// Steps of the peer's: a step of two evaluations counts twice in its recordings.
size_t run_length(const Recording& recording) {
  if (has(recording.file(), "num_inference_steps")) {
    return static_cast<size_t>(to_number(recording.file()["num_inference_steps"]));
  }
  return recording.step_count();
}

bool runs_to_noise(const Recording& recording) {
  return recording.sampler_class().find("Inverse") != std::string::npos;
}

// Warnings of what a caller does: the boundary condition of consistency models, steps that do not
// end where the next begins, noise after the last step, levels of one's own.
constexpr const char* kDone[] = {"sigma_data", "timestep_spacing", "variance_type=\"fixed_large",
                                 "interpolation_type", "_class_name"};

Imported import_recorded(const Recording& recording) {
  std::vector<std::pair<std::string, double>> given;
  for (const Json* list : {&recording.settings(), &arguments(recording)}) {
    for (const auto& [key, value] : list->items()) {
      if (value.is_number()) given.emplace_back(key, value.get<double>());
      if (key == "use_clipped_model_output" && value == true) given.emplace_back(key, 1);
    }
  }
  const Json& own = arguments(recording);
  const bool matching = recording.sampler_class().rfind("FlowMatch", 0) == 0;
  if (matching && has(own, "sigmas") && is_even(to_numbers(own["sigmas"]))) {
    given.emplace_back("even", 1);
  }
  Json config = recording.config();
  // The classes that run to noise are the others with their times turned round.
  std::string name = recording.sampler_class();
  if (runs_to_noise(recording)) name.erase(name.find("Inverse"), 7);
  config["_class_name"] = name;
  Imported imported = import_config(config.dump(), run_length(recording), given);
  for (const std::string& warning : imported.warnings) {
    // What these warn of is done below.
    const std::string kind = recording.model_kind();
    const bool asked = kind != "cm" && kind != "trig" && warning.rfind("sigma_data", 0) == 0;
    // The recordings have none but 1.
    if (asked) throw LibraryError(warning);
    const bool done = std::any_of(std::begin(kDone), std::end(kDone),
                                  [&](const char* key) { return warning.rfind(key, 0) == 0; });
    if (done) continue;
    throw Unsupported{warning.substr(0, warning.find(':')) + " is not in this version"};
  }
  return imported;
}

// ---- times -----------------------------------------------------------------------------------

// Levels as our times; 0 is clean data.
Numbers times_of_levels(const Imported& ours, const Numbers& levels) {
  Numbers times;
  for (const double s : levels) {
    times.push_back(s == 0 ? ends_of(ours.schedule).data : time_of_ratio(ours.schedule, s));
  }
  return times;
}

bool is_log_linear(const Recording& recording) {
  return text_or(recording.config(), "interpolation_type", "") == "log_linear";
}

// Noise levels of the caller's, or that the class makes without a grid of ours.
bool has_own_levels(const Recording& recording) {
  const bool given = has(arguments(recording), "sigmas") && !is_flow(recording);
  return given || is_log_linear(recording) ||
         (runs_to_noise(recording) && recording.has_any("sigmas"));
}

// DDIM's steps go T/n on, wherever the next one begins: each is a run of its own unless it goes
// there. Upwards they end at their timestep.
std::vector<Numbers> runs_of_ddim(const Recording& recording, const Imported& ours) {
  const Json& config = recording.config();
  const double width = std::floor(static_cast<double>(discrete_count(config)) /
                                  static_cast<double>(run_length(recording)));
  const bool clean = flag_or(config, "set_alpha_to_one", true);
  std::vector<Numbers> runs;
  for (const double t : recording.numbers("timesteps")) {
    const double on = t >= width ? t - width : clean ? ends_of(ours.schedule).data : 0;
    const double from = runs_to_noise(recording) ? on : t, to = runs_to_noise(recording) ? t : on;
    if (runs.empty() || runs.back().back() != from) runs.push_back({from});
    runs.back().push_back(to);
  }
  return runs;
}

// A number of a spec string, or 0.
double setting_of(const std::string& spec, const std::string& key) {
  for (const char* before : {"(", ","}) {
    const size_t at = spec.find(before + key + "=");
    if (at != std::string::npos) return std::stod(spec.substr(at + key.size() + 2));
  }
  return 0;
}

// A flow's levels of the caller's, which some classes shift one by one: as the first of one step.
Numbers shifted_levels(const Recording& recording, const Imported& ours) {
  const Json& own = arguments(recording);
  Numbers levels;
  if (has(own, "sigmas")) {
    levels = to_numbers(own["sigmas"]);
  } else {
    levels = scaled(1 / ours.clock_scale, to_numbers(own["timesteps"]));
  }
  if (recording.sampler_class().rfind("FlowMatch", 0) == 0) {
    for (double& level : levels) {
      const std::string shift = text(setting_of(ours.grid, "shift"));
      const std::string mu = text(setting_of(ours.grid, "mu")), first = text(level);
      level =
          grid(ours.schedule, spec("flow", {{"shift", shift}, {"mu", mu}, {"first", first}}), 2)[0];
    }
    const double terminal = setting_of(ours.grid, "terminal");
    const double scale = terminal > 0 ? (1 - levels.back()) / (1 - terminal) : 1;
    for (double& level : levels) level = 1 - (1 - level) / scale;
  }
  if (levels.back() != 0) levels.push_back(0);
  return levels;
}

// The caller's own levels in place of a grid, as our times; or our grid.
std::vector<Numbers> runs_of(const Recording& recording, const Imported& ours) {
  const Json& own = arguments(recording);
  const bool even = has(own, "sigmas") && is_even(to_numbers(own["sigmas"]));
  const bool given = (has(own, "sigmas") && !even) || has(own, "timesteps");
  if (recording.sampler_class().find("DDIM") != std::string::npos) {
    return runs_of_ddim(recording, ours);
  }
  Numbers levels;
  if (recording.has_any("sigmas")) levels = recording.numbers("sigmas");
  const bool flow = is_flow(recording);
  const bool matching = recording.sampler_class().rfind("FlowMatch", 0) == 0;
  if (flow && (given || (even && !matching))) return {shifted_levels(recording, ours)};
  if (given && ours.clock == NWR_CLOCK_EDM) {
    // Places in the table of levels, which the recording has whole.
    levels.resize(recording.step_count());
    levels.push_back(number_or(recording.config(), "sigma_min", 0.002));
    return {levels};
  }
  if (is_log_linear(recording)) levels.resize(recording.step_count() + 1);
  if (has_own_levels(recording)) return {times_of_levels(ours, levels)};
  if (given) {
    Numbers times = to_numbers(own["timesteps"]);
    times.push_back(ends_of(ours.schedule).data);
    return {times};
  }
  // One class counts levels.
  const bool counts_levels = recording.model_kind() == "mmh3";
  return {grid(ours.schedule, ours.grid, run_length(recording) + (counts_levels ? 0 : 1))};
}

// ---- the model -------------------------------------------------------------------------------

Form form_of(const Recording& recording) {
  const std::string type = text_or(recording.file(), "prediction_type", "");
  const std::string kind = recording.model_kind();
  if (kind == "edm" || kind == "cm") return Form::preconditioned;
  if (kind == "mmh3") return Form::velocity;
  if (type == "epsilon") return Form::noise;
  if (type == "v_prediction") return Form::angular;
  if (type == "sample") return Form::denoised;
  if (type == "flow_prediction") return Form::flow;
  throw Unsupported{"prediction " + type + " is not in this version"};
}

// Where the recorded model stands: at its own timestep, which may be rounded.
void place_model(const Recording& recording, const Imported& ours, const Schedule& table,
                 Evaluation& at, double timestep) {
  const std::string kind = recording.model_kind();
  const double level = ratio(ours.schedule, at.request.time);
  at.model_time = timestep;
  if (kind == "flow") {
    at.sigma = timestep / ours.clock_scale;
    at.alpha = 1 - at.sigma;
  } else if (kind == "edmlog" || kind == "cosedm") {
    const double own = kind == "edmlog" ? std::exp(4 * timestep) : level;
    at.alpha = 1 / std::hypot(1, own);
    at.sigma = own * at.alpha;
  } else if (kind == "ipndm" || kind == "wuer" || kind == "mmh3") {
    const nwr_coeffs c = coefficients(ours.schedule, at.request.time);
    at.alpha = c.alpha, at.dalpha = c.dalpha;
    at.sigma = c.sigma, at.dsigma = c.dsigma;
    // Where alpha is 0 the peer takes the data for 0.
    if (kind == "ipndm" && c.alpha == 0) at.request.feed_output = 0;
  } else if (kind == "edm" || kind == "cm") {
    const double data = number_or(recording.config(), "sigma_data", 0.5);
    const double norm = std::hypot(level, data);
    at.library_scale = true;
    at.input_scale = 1 / norm;
    at.sigma = kind == "edm" ? std::exp(4 * timestep) : level;
    at.skip = data * data / (norm * norm);
    at.gain = level * data / norm;
    if (kind == "edm") return;
    const double off = level - number_or(recording.config(), "sigma_min", 0.002);
    at.skip = data * data / (off * off + data * data);
    at.gain = off * data / norm;
    at.request.feed_state = at.skip, at.request.feed_output = at.gain;
  } else {
    const nwr_coeffs c = coefficients(table, timestep);
    at.alpha = c.alpha;
    at.sigma = c.sigma;
  }
}

void check_probe(Check& check, const Recording& recording, const Schedule& table) {
  if (!recording.has_own("alphas_cumprod_probe")) return;
  for (const auto& [index, value] : recording.part()["alphas_cumprod_probe"].items()) {
    const nwr_coeffs c = coefficients(table, std::stod(index));
    check.level("alphas_cumprod_probe." + index, c.alpha * c.alpha, value);
  }
}

// The singlestep class's own list of orders.
void check_orders(Check& check, const Recording& recording) {
  if (!recording.has_own("order_list")) return;
  const Json& list = recording.part()["order_list"];
  const double n = static_cast<double>(list.size());
  const double order = number_or(recording.config(), "solver_order", 2);
  const bool to_zero = text_or(recording.config(), "final_sigmas_type", "zero") == "zero";
  const bool lowers = flag_or(recording.config(), "lower_order_final", false) || to_zero;
  for (double i = 0; i < n; ++i) {
    const bool one = i + 1 == n && (to_zero || (lowers && std::fmod(n, order) == 0));
    check.equal("order_list", one ? 1 : std::fmod(i, order) + 1, list[static_cast<size_t>(i)]);
  }
}

// ---- the run ---------------------------------------------------------------------------------

// PNDM: the first steps ask the model twice or four times, once for each of the peer's steps.
Plan plan_pndm(Check& check, const Recording& recording, const Imported& ours,
               const Numbers& times) {
  const bool linspace = text_or(recording.config(), "timestep_spacing", "") == "linspace";
  if (linspace && flag_or(recording.config(), "skip_prk_steps", false)) {
    throw Unsupported{
        "defect: the first step's predictor and corrector begin and end at other indices"};
  }
  Plan plan;
  const bool prk = ours.sampler.find("runge-kutta") != std::string::npos;
  const double width = times[0] - times[1];
  Numbers asked, warm;
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    const double t = times[i], middle = t - std::floor(width / 2);
    if (prk && i < 3) {
      warm.insert(warm.end(), {t, middle, middle, t - width});
      continue;
    }
    asked.insert(asked.end(), !prk && i == 1 ? 2 : 1, t);
  }
  check.state("plms_timesteps", asked, recording.at("plms_timesteps"));
  if (prk) check.state("prk_timesteps", warm, recording.at("prk_timesteps"));
  asked.insert(asked.begin(), warm.begin(), warm.end());
  plan.times = {times};
  plan.count = times.size() - 1;
  for (size_t i = 0; i < asked.size(); ++i) {
    plan.step_starts.push_back(i);
    plan.evaluations.emplace_back();
    plan.evaluations.back().request.time = asked[i];
  }
  return plan;
}

// Inner points of the classes that have some, which are found from noise levels.
void place_inner(const Recording& recording, Plan& plan, const Schedule& schedule) {
  const std::string name = recording.sampler_class();
  const bool ancestral = name == "KDPM2AncestralDiscreteScheduler";
  if (name.find("DPM") == std::string::npos) return;
  const Numbers& times = plan.times[0];
  for (size_t i = 0; 2 * i + 1 < plan.evaluations.size(); ++i) {
    const double from = ratio(schedule, times[i]), to = ratio(schedule, times[i + 1]);
    const double up = ancestral ? to * std::sqrt((1 - to / from) * (1 + to / from)) : 0;
    const double down = std::sqrt((to - up) * (to + up));
    Request& request = plan.evaluations[2 * i + 1].request;
    request.time = time_of_ratio(schedule, std::sqrt(from * down));
    request.time_tolerance = (recording.single() ? 1e-4 : 1e-9) * (1 + request.time);
  }
}

bool is_churned(const Imported& ours) { return ours.sampler.find("s_churn") != std::string::npos; }

// Which of the recorded noises are seen: those of steps that end at another level, but none.
void place_draws(const Recording& recording, Plan& plan, const Imported& ours) {
  const size_t count = recording.has_any("noises") ? recording.at("noises").size() : 0;
  const Numbers& times = plan.times[0];
  const size_t steps = times.size() - 1;
  if (count == 0 || number_or(recording.settings(), "eta", 1) == 0) return;
  const bool twice = recording.sampler_class() == "DPMSolverSDEScheduler";
  const bool sa = recording.sampler_class() == "SASolverScheduler";
  const Numbers timesteps = recording.numbers("timesteps");
  const auto is = [&](const char* name) { return ours.sampler.rfind(name, 0) == 0; };
  const bool ends_clean = is("lcm") || is("tcd") || is("consistency") || is("ddpm(last_step=mean");
  plan.draws.emplace();
  if (is_churned(ours)) {
    // The peer draws in steps whose level grows.
    const double least = setting_of(ours.sampler, "s_min"),
                 most = setting_of(ours.sampler, "s_max");
    size_t made = 0;
    for (size_t i = 0; i < steps; ++i) {
      const nwr_coeffs c = coefficients(plan.schedule, times[i]);
      const double level = is_flow(recording) ? c.sigma : c.sigma / c.alpha;
      if (level < least || (most > 0 && level > most)) continue;
      plan.draws->push_back(made);
      made += is("diffusers.heun") ? 2 : 1;
    }
    return;
  }
  const bool cogvideox = recording.sampler_class() == "CogVideoXDPMScheduler";
  for (size_t i = 0; i < steps; ++i) {
    if (times[i + 1] == times[i] || coefficients(plan.schedule, times[i + 1]).sigma == 0) continue;
    if (ends_clean && i + 1 == steps) continue;
    if (sa && !(timesteps[i] >= 200 && timesteps[i] <= 800)) continue;
    if (cogvideox) {
      // Two from the second step on, of which the second is used; one in the last.
      plan.draws->push_back(i + 1 == steps && i > 0 ? 2 * i - 1 : 2 * i);
      continue;
    }
    for (size_t k = 0; k < (twice ? 2 : 1); ++k) plan.draws->push_back(twice ? 2 * i + k : i);
  }
}

// Where the peers' own rounding is coarser than that of double.
void set_tolerance(Check& check, const Recording& recording) {
  const std::string name = recording.sampler_class();
  // A small variance is never below 1e-20 there: at the end it adds noise of 1e-10.
  if (name.rfind("DDPM", 0) == 0) check.set_tolerance(1e-9);
  // Their levels go through single precision.
  if (name.rfind("LTX", 0) == 0 || name.rfind("Helios", 0) == 0) check.set_tolerance(1e-8);
}

// What was asked for against what was made of it.
void check_question(Check& check, const Recording& recording, const Imported& ours,
                    const Numbers& times) {
  const Json& own = arguments(recording);
  if (recording.has_own("alphas")) {
    // The peer cuts alpha at 1e-8.
    const double tolerance = recording.single() ? 1e-6 : 1e-9;
    for (size_t i = 0; i < times.size(); ++i) {
      const nwr_coeffs c = coefficients(ours.schedule, times[i]);
      check.near(indexed("alphas", i), {c.alpha}, recording.at("alphas").at(i), tolerance, 1);
      check.near(indexed("betas", i), {c.sigma}, recording.at("betas").at(i), tolerance, 1);
    }
  }
  if (has(own, "sigmas") && !is_flow(recording)) {
    check.level("sigmas", to_numbers(own["sigmas"]), recording.at("sigmas"));
  }
  const Schedule table =
      is_log_linear(recording) ? discrete_schedule(recording.config(), true) : ours.schedule;
  if (is_log_linear(recording)) {
    const double last = static_cast<double>(discrete_count(recording.config()) - 1);
    Numbers levels = spread("exponential", ratio(table, last), ratio(table, 0),
                            static_cast<double>(run_length(recording) + 1));
    levels.push_back(0);
    check.level("sigmas", levels, recording.at("sigmas"));
  }
  const bool ddim = recording.sampler_class().find("DDIM") != std::string::npos;
  if (ddim && !recording.native_part()) {
    Numbers own_grid = grid(ours.schedule, ours.grid, run_length(recording) + 1);
    own_grid.pop_back();
    if (runs_to_noise(recording)) std::reverse(own_grid.begin(), own_grid.end());
    check.state("timesteps", own_grid, recording.at("timesteps"));
  }
}

void check_levels(Check& check, const Recording& recording, const Imported& ours,
                  const Numbers& times, bool two) {
  if (!recording.has_own("sigmas") || recording.sampler_class().rfind("KDPM2", 0) == 0) return;
  Numbers levels;
  for (size_t i = 0; i < times.size(); ++i) {
    const nwr_coeffs c = coefficients(ours.schedule, times[i]);
    levels.push_back(is_flow(recording) ? c.sigma : c.sigma / c.alpha);
    if (two && i > 0 && i + 1 < times.size()) levels.push_back(levels.back());
  }
  // Some grids of the peer have a level too many.
  Json recorded = recording.part()["sigmas"];
  while (recorded.size() > levels.size()) recorded.erase(recorded.size() - 1);
  // A list for the consistency model holds all 40, of which its timesteps choose.
  if (recording.model_kind() != "cm" || !has(arguments(recording), "timesteps")) {
    check.level("sigmas", levels, recorded);
  }
}

// The model's clock. Along curves of levels the peer rounds the timestep, or cuts it, and inner
// points stand in a table that is linear in log(sigma).
void check_clock(Check& check, const Recording& recording, const Imported& ours, const Plan& plan,
                 const Schedule& table) {
  const Json& recorded = recording.at("timesteps");
  for (size_t i = 0; i < recorded.size(); ++i) {
    // Some lists of the peer end with where the run ends.
    const double t =
        i < plan.evaluations.size() ? plan.evaluations[i].request.time : plan.times.back().back();
    const double lambda = coefficients(ours.schedule, t).lambda;
    const double clock = ours.clock_scale * (ours.clock == NWR_CLOCK_EDM ? -lambda / 4 : t);
    const double theirs = to_number(recorded.at(i));
    Numbers may = {std::nearbyint(clock), std::floor(clock + 1e-9), clock};
    if (ours.clock == NWR_CLOCK_INDEX && std::isfinite(lambda) && lambda > -20) {
      may.push_back(time_of_ratio(table, std::exp(-lambda)));
      may.push_back(std::nearbyint(may.back()));
    }
    const double nearest = *std::min_element(may.begin(), may.end(), [=](double a, double b) {
      return std::fabs(a - theirs) < std::fabs(b - theirs);
    });
    // In single precision a time that is cut may be the one below.
    const bool cut = theirs == std::floor(theirs);
    const double off = !recording.native_part() ? 1e-8 : cut ? 1 / (1 + theirs) : 1e-3;
    check.near(indexed("timesteps", i), {nearest}, recorded[i], off, 1);
  }
}

// x = cos(t) data + sin(t) noise of the scale of data; the peer's first time is beyond pi/2
// by rounding, which our schedule is not: the model's answer is handed over as data.
Plan plan_trigflow(Check& check, const Recording& recording) {
  Plan plan;
  const auto path = [](double t, nwr_coeffs& c) {
    c.alpha = std::fmax(std::cos(t), 0), c.sigma = std::sin(t);
    c.dalpha = -c.sigma, c.dsigma = c.alpha;
    c.log_alpha = std::log(c.alpha);
  };
  const Numbers times = recording.numbers("timesteps");
  const Imported ours = import_recorded(recording);
  check.near("timesteps",
             scaled(ours.clock_scale, grid(ours.schedule, ours.grid, run_length(recording) + 1)),
             recording.at("timesteps"), 1e-5, 1);
  plan.schedule = make_custom(times.front(), 0, path);
  plan.form = Form::preconditioned;
  plan.prediction = NWR_DATA;
  const double scale = number_or(recording.config(), "sigma_data", 0.5);
  plan.sampler = spec("lcm", {{"s_noise", text(scale)}});
  set_times(plan, {times});
  for (Evaluation& at : plan.evaluations) {
    const double c = std::cos(at.request.time), s = std::sin(at.request.time);
    at.alpha = c, at.sigma = s * scale;
    at.skip = c, at.gain = -s;
    at.request.feed_state = c, at.request.feed_output = -s;
  }
  if (recording.has_own("init_noise_sigma")) {
    check.level("init_noise_sigma", 1, recording.part()["init_noise_sigma"]);
  }
  plan.start = checked_init(check, recording, 1);
  draw_all(plan, recording);
  return plan;
}

Plan plan_import(Check& check, const Recording& recording) {
  if (recording.sampler_class() == "SCMScheduler") return plan_trigflow(check, recording);
  Imported ours = import_recorded(recording);
  // Levels that no table was asked for are those of any variance preserving schedule.
  const bool own_levels = has_own_levels(recording);
  if (own_levels) ours.schedule = make_schedule("k.v");
  const std::vector<Numbers> runs = runs_of(recording, ours);
  const Numbers& times = runs[0];
  const bool pndm = recording.sampler_class() == "PNDMScheduler";
  const bool two =
      !pndm && recording.step_count() == 2 * (times.size() - 1) - 1 && recording.step_count() > 1;
  Plan plan;
  plan.schedule = ours.schedule;
  if (pndm) {
    plan = plan_pndm(check, recording, ours, times);
    plan.schedule = ours.schedule;
  } else {
    set_times(plan, runs, two ? 2 : 1);
    if (two) place_inner(recording, plan, ours.schedule);
  }
  plan.sampler = ours.sampler;
  // Of the state without noise, where the peer's preview has it.
  plan.compares_denoised = !is_churned(ours);
  if (recording.model_kind() == "mmh3") plan.count = times.size();
  plan.prediction = ours.prediction;
  plan.form = form_of(recording);
  check_question(check, recording, ours, times);
  check_levels(check, recording, ours, times, two);
  // With the large variance the peer adds noise to the result itself unless it ends at index 0.
  if (ours.sampler.find("variance=large") != std::string::npos && times[times.size() - 2] > 0) {
    plan.schedule = with_floor(ours.schedule, ends_of(ours.schedule).noise, -1);
  }
  set_tolerance(check, recording);

  // The peers' states in sigma are ours over alpha.
  const double unit = number_or(recording.file(), "init_noise_sigma", 1);
  const bool sigma_space = unit != 1 && ours.clock_scale == 1;
  const auto scale = [&](double t) {
    return sigma_space ? 1 / coefficients(ours.schedule, t).alpha : 1;
  };
  const bool in_table = recording.model_kind() == "vp";
  const Schedule table =
      in_table ? discrete_schedule(recording.config(), sigma_space || recording.has_any("sigmas"))
               : ours.schedule;
  check_probe(check, recording, table);
  check_orders(check, recording);
  if (!runs_to_noise(recording) && !own_levels) check_clock(check, recording, ours, plan, table);
  const Numbers timesteps = recording.numbers("timesteps");
  for (size_t i = 0; i < plan.evaluations.size(); ++i) {
    Evaluation& at = plan.evaluations[i];
    at.request.scale = scale(at.request.time);
    at.input_scale = 1 / at.request.scale;
    place_model(recording, ours, table, at, timesteps.at(i));
  }
  plan.final_scale = scale(times.back());
  const nwr_coeffs first = coefficients(ours.schedule, times.front());
  const double start = ours.start == NWR_START_UNIT ? 1 : first.sigma;
  const bool preconditioned = recording.model_kind() == "edm";
  const double recorded = preconditioned ? unit : start * scale(times.front());
  if (recording.has_own("init_noise_sigma")) {
    check.level("init_noise_sigma", recorded, recording.part()["init_noise_sigma"]);
  }
  plan.start =
      checked_init(check, recording, number_or(recording.part(), "init_noise_sigma", unit));
  // At index 0 the noise is what x has beyond data in its third digit.
  plan.learns_variance = ours.sampler.find("learned_range") != std::string::npos;
  if (plan.learns_variance) plan.single_scale = 80;
  // It begins where alpha is 5e-5, by which rounding is divided.
  if (recording.sampler_class() == "UnCLIPScheduler") plan.single_scale = 2000;
  // Its last levels lie close together.
  if (ours.sampler.find("deis") != std::string::npos) plan.single_scale = 80;
  for (const double x : plan.start.data) {
    plan.single_scale = std::max(plan.single_scale, std::fabs(x));
  }
  place_draws(recording, plan, ours);
  return plan;
}

}  // namespace

Planner plan_of_diffusers(const Json& file) {
  const Planner direct = direct_plan_of_diffusers(file);
  return direct ? direct : plan_import;
}

}  // namespace replay
