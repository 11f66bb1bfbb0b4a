// SPDX-License-Identifier: Apache-2.0
// Owns the schedulers of diffusers in terms of ours. Must not know other peers.
#include <algorithm>
#include <cmath>

#include "diffusers_grid.hpp"
#include "formats.hpp"
#include "paths.hpp"

namespace replay {
namespace {

struct Prediction {
  Form form;
  nwr_quantity quantity;
};

Prediction prediction_of(const Recording& recording) {
  const std::string type = text_or(recording.file(), "prediction_type", "");
  if (type == "epsilon") return {Form::noise, NWR_NOISE};
  if (type == "v_prediction") return {Form::angular, NWR_ANGULAR};
  if (type == "sample") return {Form::denoised, NWR_DATA};
  if (type == "flow_prediction") return {Form::flow, NWR_VELOCITY};
  throw Unsupported{"prediction " + type + " is not in this version"};
}

void refuse(const Json& object, std::initializer_list<const char*> flags) {
  for (const char* flag : flags) {
    if (flag_or(object, flag, false)) {
      throw Unsupported{std::string(flag) + " is not in this version"};
    }
  }
}

void check_probe(Check& check, const Recording& recording, const Schedule& table) {
  if (!recording.has_own("alphas_cumprod_probe")) return;
  for (const auto& [index, value] : recording.part()["alphas_cumprod_probe"].items()) {
    const nwr_coeffs c = coefficients(table, std::stod(index));
    check.level("alphas_cumprod_probe." + index, c.alpha * c.alpha, value);
  }
}

double init_scale(Check& check, const Recording& recording, double ours) {
  if (recording.has_own("init_noise_sigma")) {
    check.level("init_noise_sigma", ours, recording.part()["init_noise_sigma"]);
  }
  return ours;
}

// ---- DDIM and DDPM ------------------------------------------------------------------------

// Each step is a run of its own unless it goes to where the next begins.
std::vector<Numbers> chained(const Numbers& from, const Numbers& to) {
  std::vector<Numbers> runs;
  for (size_t i = 0; i < from.size(); ++i) {
    if (from[i] == to[i]) throw Unsupported{"a step of no length is not in this version"};
    if (i == 0 || to[i - 1] != from[i]) runs.push_back({from[i]});
    runs.back().push_back(to[i]);
  }
  return runs;
}

void place_model(Plan& plan, const Schedule& table) {
  for (Evaluation& at : plan.evaluations) {
    const nwr_coeffs c = coefficients(table, at.request.time);
    at.alpha = c.alpha;
    at.sigma = c.sigma;
  }
}

Plan plan_discrete(Check& check, const Recording& recording, Numbers& timesteps) {
  const Json& config = recording.config();
  refuse(config, {"clip_sample", "thresholding"});
  Plan plan;
  plan.schedule = discrete_schedule(config, false);
  const auto [form, quantity] = prediction_of(recording);
  plan.form = form;
  plan.prediction = quantity;
  check_probe(check, recording, plan.schedule);
  check_grid(check, recording, ancestral_grid(recording, plan.schedule));
  timesteps = recording.numbers("timesteps");
  plan.start = checked_init(check, recording, init_scale(check, recording, 1));
  return plan;
}

Plan plan_ddim(Check& check, const Recording& recording) {
  const Json& config = recording.config();
  refuse(recording.settings(), {"use_clipped_model_output"});
  Numbers timesteps;
  Plan plan = plan_discrete(check, recording, timesteps);
  const double eta = number_or(recording.settings(), "eta", 0);
  const double steps = to_number(member(recording.file(), "num_inference_steps"));
  const double width = std::floor(static_cast<double>(discrete_count(config)) / steps);
  const double data_end = flag_or(config, "set_alpha_to_one", true) ? -1 : 0;
  Numbers previous;
  for (const double t : timesteps) previous.push_back(t >= width ? t - width : data_end);
  set_times(plan, chained(timesteps, previous));
  plan.sampler = spec("ddim", {{"eta", text(eta)}});
  place_model(plan, plan.schedule);
  if (eta == 0) return plan;
  check.require(recording.at("noises").size() == timesteps.size(), "count of noises");
  for (size_t i = 0; i < plan.evaluations.size(); ++i) {
    plan.evaluations[i].request.noise = static_cast<int>(i);
  }
  return plan;
}

Plan plan_ddpm(Check& check, const Recording& recording) {
  const std::string variance = text_or(recording.config(), "variance_type", "fixed_small");
  if (variance != "fixed_small" && variance != "fixed_large") {
    throw Unsupported{"variance_type " + variance + " is not in this version"};
  }
  const bool large = variance == "fixed_large";
  Numbers timesteps;
  Plan plan = plan_discrete(check, recording, timesteps);
  const Schedule table = plan.schedule;
  Numbers times = timesteps;
  times.push_back(-1);
  // With the large variance the peer adds noise to the result itself unless it ends at index 0.
  if (large && timesteps.back() > 0) {
    plan.schedule =
        with_floor(table, static_cast<double>(discrete_count(recording.config()) - 1), -1);
  }
  set_times(plan, {times});
  plan.sampler = spec("ddpm", {{"variance", large ? "large" : "small"}});
  // The peer's small variance is never below 1e-20: at the end it adds noise of 1e-10.
  if (!large) check.set_tolerance(1e-9);
  place_model(plan, table);
  int noise = 0;
  for (Evaluation& at : plan.evaluations) {
    if (at.request.time > 0) at.request.noise = noise++;
  }
  check.require(recording.at("noises").size() == static_cast<size_t>(noise), "count of noises");
  return plan;
}

// ---- Euler and Heun in sigma ---------------------------------------------------------------

// Where the model stands at the recorded timesteps: on the table, or, with continuous timesteps,
// which are log(sigma)/4, at that sigma in variance preserving form.
void place_vp_model(Plan& plan, const Numbers& timesteps, const Schedule& table, bool continuous) {
  for (size_t i = 0; i < plan.evaluations.size(); ++i) {
    Evaluation& at = plan.evaluations[i];
    at.model_time = timesteps.at(i);
    if (continuous) {
      const double level = std::exp(4 * timesteps[i]);
      at.alpha = 1 / std::hypot(1, level);
      at.sigma = level * at.alpha;
    } else {
      const nwr_coeffs c = coefficients(table, timesteps[i]);
      at.alpha = c.alpha;
      at.sigma = c.sigma;
    }
  }
}

// F's relation to the data: data = feed_state*x + feed_output*F.
void place_preconditioned(Plan& plan, const Recording& recording, const Numbers& levels) {
  const double data = to_number(member(recording.config(), "sigma_data"));
  const double sign = text_or(recording.file(), "prediction_type", "") == "epsilon" ? 1 : -1;
  const Numbers timesteps = recording.numbers("timesteps");
  for (size_t i = 0; i < plan.evaluations.size(); ++i) {
    Evaluation& at = plan.evaluations[i];
    at.model_time = timesteps.at(i);
    at.sigma = std::exp(4 * timesteps[i]);
    const double norm = std::hypot(levels.at(i), data);
    at.input_scale = 1 / norm;
    at.request.feed_state = data * data / (norm * norm);
    at.request.feed_output = sign * levels[i] * data / norm;
  }
  plan.form = Form::preconditioned;
  plan.prediction = NWR_DATA;
}

Numbers without_repeats(const Numbers& repeated) {
  Numbers out = {repeated.at(0)};
  for (size_t i = 1; i < repeated.size(); i += 2) out.push_back(repeated[i]);
  return out;
}

// Each but the first and the last comes twice.
Numbers with_repeats(const Numbers& levels, bool last_once) {
  Numbers out;
  for (size_t i = 0; i < levels.size(); ++i) {
    out.push_back(levels[i]);
    if (i > 0 && !(last_once && i + 1 == levels.size())) out.push_back(levels[i]);
  }
  return out;
}

ExpectedGrid repeated(ExpectedGrid grid) {
  if (grid.timesteps) grid.timesteps = with_repeats(*grid.timesteps, false);
  if (grid.sigmas) grid.sigmas = with_repeats(*grid.sigmas, true);
  return grid;
}

Plan plan_sigma_space(Check& check, const Recording& recording, bool heun) {
  const Json& config = recording.config();
  refuse_churn(recording);
  refuse(config, {"clip_sample"});
  const Schedule table = discrete_schedule(config, true);
  check_probe(check, recording, table);
  const Numbers levels = recording.numbers("sigmas");
  Numbers times = heun ? without_repeats(levels) : levels;
  const ExpectedGrid expected = euler_grid(recording, table, times);
  check_grid(check, recording, heun ? repeated(expected) : expected);
  // Some grids of the peer have a level too many.
  const size_t steps = heun ? times.size() - 1 : recording.step_count();
  if (times.size() < steps + 1) throw Malformed("fewer sigmas than steps");
  times.resize(steps + 1);

  Plan plan;
  plan.schedule = make_schedule(spec("edm", {{"sigma_max", text(times.front())}}));
  plan.sampler = std::string(heun ? "heun" : "euler") + "(unit_input=1)";
  const auto [form, quantity] = prediction_of(recording);
  if (form == Form::flow)
    throw Unsupported{"flow_prediction in sigma space is not in this version"};
  plan.form = form;
  plan.prediction = quantity;
  set_times(plan, {times}, heun ? 2 : 1);
  const bool continuous = recording.model_kind() == "edmlog";
  if (!continuous && recording.model_kind() != "vp") {
    throw Unsupported{"model " + recording.model_kind() + " is not in this version"};
  }
  place_vp_model(plan, recording.numbers("timesteps"), table, continuous);
  for (Evaluation& at : plan.evaluations) {
    at.library_scale = true;
    at.input_scale = 1 / std::hypot(1, at.request.time);
    // v in variance preserving form is ours in sigma space divided by this.
    if (form == Form::angular) at.request.feed_output = 1 / at.input_scale;
  }
  const bool leading = text_or(config, "timestep_spacing", "linspace") == "leading";
  const double largest = *std::max_element(levels.begin(), levels.end());
  plan.start = checked_init(
      check, recording, init_scale(check, recording, leading ? std::hypot(largest, 1) : largest));
  return plan;
}

Plan plan_edm_euler(Check& check, const Recording& recording) {
  refuse_churn(recording);
  check_grid(check, recording, edm_grid(recording));
  const Numbers levels = recording.numbers("sigmas");
  Plan plan;
  plan.schedule = make_schedule(spec("edm", {{"sigma_max", text(levels.front())}}));
  plan.sampler = "euler";
  set_times(plan, {levels});
  place_preconditioned(plan, recording, levels);
  plan.start =
      checked_init(check, recording, init_scale(check, recording, std::hypot(levels.front(), 1)));
  return plan;
}

// ---- DPM-Solver multistep --------------------------------------------------------------------

std::string multistep_sampler(const Recording& recording) {
  const Json& config = recording.config();
  const double order = number_or(config, "solver_order", 2);
  const std::string algorithm = text_or(config, "algorithm_type", "dpmsolver++");
  refuse(config, {"thresholding"});
  if (order == 1 && (algorithm == "dpmsolver++" || algorithm == "dpmsolver")) return "ddim";
  if (algorithm != "dpmsolver++") {
    throw Unsupported{"algorithm_type " + algorithm + " is not in this version"};
  }
  if (order != 2) throw Unsupported{"solver_order " + text(order) + " is not in this version"};
  const std::string solver = text_or(config, "solver_type", "midpoint");
  if (solver != "midpoint" && solver != "heun") {
    throw Unsupported{"solver_type " + solver + " is not in this version"};
  }
  const bool last_is_first_order =
      flag_or(config, "euler_at_final", false) ||
      (flag_or(config, "lower_order_final", true) && recording.step_count() < 15) ||
      text_or(config, "final_sigmas_type", "zero") == "zero";
  return spec("dpmpp-2m",
              {{"solver", solver}, {"lower_order_final", last_is_first_order ? "1" : "0"}});
}

Plan plan_multistep(Check& check, const Recording& recording) {
  const Json& config = recording.config();
  Plan plan;
  plan.sampler = multistep_sampler(recording);
  const auto [form, quantity] = prediction_of(recording);
  plan.form = form;
  plan.prediction = quantity;
  const Numbers levels = recording.numbers("sigmas");
  const Numbers timesteps = recording.numbers("timesteps");
  double scale = 1;
  if (flag_or(config, "use_flow_sigmas", false)) {
    check_grid(check, recording, multistep_flow_grid(recording));
    plan.schedule = make_schedule("linear");
    Numbers times;
    for (const double s : levels) times.push_back(1 - s);
    set_times(plan, {times});
    const double count = static_cast<double>(discrete_count(config));
    for (size_t i = 0; i < plan.evaluations.size(); ++i) {
      Evaluation& at = plan.evaluations[i];
      at.model_time = timesteps.at(i);
      at.sigma = timesteps[i] / count;
      at.alpha = 1 - at.sigma;
      // The peer's velocity is along sigma, which falls as our time grows.
      if (form == Form::flow) at.request.feed_output = -1;
    }
  } else {
    if (form == Form::flow)
      throw Unsupported{"flow_prediction of a VP model is not in this version"};
    const Schedule table = discrete_schedule(config, true);
    check_probe(check, recording, table);
    check_grid(check, recording, multistep_grid(recording, table));
    plan.schedule = ratio_schedule(levels.front());
    set_times(plan, {levels});
    place_vp_model(plan, timesteps, table, false);
  }
  plan.start = checked_init(check, recording, init_scale(check, recording, scale));
  return plan;
}

Plan plan_edm_multistep(Check& check, const Recording& recording) {
  Plan plan = plan_edm_euler(check, recording);
  plan.sampler = multistep_sampler(recording);
  return plan;
}

// ---- flow matching ---------------------------------------------------------------------------

Plan plan_flow(Check& check, const Recording& recording, bool heun) {
  const Json& config = recording.config();
  refuse_churn(recording);
  refuse(config, {"stochastic_sampling"});
  if (recording.has_any("per_token_base")) {
    throw Unsupported{"per_token_timesteps is not in this version"};
  }
  const ExpectedGrid expected = flow_grid(recording);
  check_grid(check, recording, heun ? repeated(expected) : expected);
  const Numbers levels = recording.numbers("sigmas");
  Numbers times;
  for (const double s : heun ? without_repeats(levels) : levels) times.push_back(1 - s);
  Plan plan;
  plan.schedule = make_schedule("linear");
  plan.sampler = heun ? "heun" : "euler";
  plan.form = Form::flow;
  plan.prediction = NWR_VELOCITY;
  set_times(plan, {times}, heun ? 2 : 1);
  const Numbers timesteps = recording.numbers("timesteps");
  const double count = static_cast<double>(discrete_count(config));
  for (size_t i = 0; i < plan.evaluations.size(); ++i) {
    Evaluation& at = plan.evaluations[i];
    at.model_time = timesteps.at(i);
    at.sigma = timesteps[i] / count;
    at.alpha = 1 - at.sigma;
    at.request.feed_output = -1;
  }
  plan.start = checked_init(check, recording, init_scale(check, recording, 1));
  return plan;
}

Planner planner_of(const std::string& name) {
  if (name == "DDIMScheduler" || name == "DDIMParallelScheduler") return plan_ddim;
  if (name == "DDPMScheduler" || name == "DDPMParallelScheduler") return plan_ddpm;
  const auto with = [](auto plan, bool heun) {
    return [=](Check& check, const Recording& recording) { return plan(check, recording, heun); };
  };
  if (name == "EulerDiscreteScheduler") return with(plan_sigma_space, false);
  if (name == "HeunDiscreteScheduler") return with(plan_sigma_space, true);
  if (name == "EDMEulerScheduler") return plan_edm_euler;
  if (name == "DPMSolverMultistepScheduler") return plan_multistep;
  if (name == "EDMDPMSolverMultistepScheduler") return plan_edm_multistep;
  if (name == "FlowMatchEulerDiscreteScheduler") return with(plan_flow, false);
  if (name == "FlowMatchHeunDiscreteScheduler") return with(plan_flow, true);
  throw Unsupported{"sampler " + name + " is not in this version"};
}

}  // namespace

Planner plan_of_diffusers(const Json& file) { return planner_of(text_or(file, "class", "")); }

}  // namespace replay
