// SPDX-License-Identifier: Apache-2.0
// Owns the schedulers of diffusers that are no import: whose tables are their own, whose steps go
// another way, and churn, which is an argument of a call. Must not know other peers.
#include <algorithm>
#include <cmath>
#include <numeric>

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

void place_model(Plan& plan, const Schedule& table) {
  for (Evaluation& at : plan.evaluations) {
    const nwr_coeffs c = coefficients(table, at.request.time);
    at.alpha = c.alpha;
    at.sigma = c.sigma;
  }
}

// The times of an import as another class, without the end.
Numbers imported_times(const Recording& recording, const char* as) {
  const auto n = static_cast<size_t>(to_number(member(recording.file(), "num_inference_steps")));
  Json config = recording.config();
  config["_class_name"] = as;
  const Imported ours = import_config(config.dump(), n, {});
  Numbers times = grid(ours.schedule, ours.grid, n + 1);
  times.pop_back();
  return times;
}

// A run for each stretch down and the one up behind it. The peer's steps up take the betas of
// other indices than those on which the state stands: such a point is an index of its own here.
Plan plan_repaint(Check& check, const Recording& recording) {
  constexpr double kZone = 1e4;
  const Json& config = recording.config();
  const Schedule table = discrete_schedule(config, false);
  check_probe(check, recording, table);
  const Numbers timesteps = recording.numbers("timesteps");
  const double width = std::floor(static_cast<double>(discrete_count(config)) /
                                  to_number(member(recording.file(), "num_inference_steps")));
  const double eta = number_or(config, "eta", 0);
  std::vector<Numbers> runs;
  std::vector<std::pair<double, double>> turns;  // where a state stood, and the first beta
  std::vector<size_t> draws, steps;              // of the steps down
  size_t made = 0;
  for (size_t i = 0; i < timesteps.size(); ++i) {
    const double t = timesteps[i];
    const bool up = i > 0 && t > timesteps[i - 1],
               was_up = i > 1 && timesteps[i - 1] > timesteps[i - 2];
    if (up) {
      const double from = timesteps[i - 1];
      if (!was_up) turns.push_back({runs.back().back(), from});
      for (double k = 0; k < width; ++k) {
        runs.back().push_back(kZone * static_cast<double>(turns.size()) + from + k);
        draws.push_back(made++);
      }
      continue;
    }
    if (i == 0 || was_up) runs.push_back({t});
    runs.back().push_back(t >= width ? t - width : -1);
    if (eta > 0 && t > 0) draws.push_back(made);
    steps.push_back(made++);
  }
  if (made != recording.at("noises").size()) throw Malformed("noises are not those of the steps");
  const auto place = [=](double t, nwr_coeffs& c) {
    const double zone = std::floor((t + 1) / kZone);
    if (zone == 0 || zone > static_cast<double>(turns.size())) {
      c = coefficients(table, zone == 0 ? t : 0);
      return;
    }
    const auto [stood, first] = turns.at(static_cast<size_t>(zone) - 1);
    const double alpha = coefficients(table, stood).alpha *
                         coefficients(table, t - zone * kZone).alpha /
                         coefficients(table, first - 1).alpha;
    c.alpha = alpha, c.sigma = std::sqrt((1 - alpha) * (1 + alpha));
    c.log_alpha = std::log(alpha), c.lambda = c.log_alpha - std::log(c.sigma);
  };
  Plan plan;
  plan.schedule = make_custom(1e9, -1, place);
  const auto [form, quantity] = prediction_of(recording);
  plan.form = form;
  plan.prediction = quantity;
  const bool clips = flag_or(config, "clip_sample", true);
  plan.sampler =
      spec("ddim", {{"eta", text(eta)},
                    {"clip", clips ? text(number_or(config, "clip_sample_range", 1)) : "0"},
                    {"limited_noise", "model"}});
  plan.times = runs;
  for (size_t i = 0; i < timesteps.size(); ++i) {
    if (i > 0 && timesteps[i] > timesteps[i - 1]) continue;
    plan.step_starts.push_back(plan.evaluations.size());
    plan.evaluations.emplace_back();
    plan.evaluations.back().request.time = timesteps[i];
  }
  place_model(plan, table);
  plan.count = static_cast<size_t>(to_number(member(recording.file(), "num_inference_steps")));
  plan.draws = draws;
  // What is known is noised to where the step has led, by the step's own draw.
  const Numbers known = recording.numbers("original"), mask = recording.numbers("mask");
  std::vector<Numbers> noises;
  for (const Json& noise : recording.at("noises")) noises.push_back(to_numbers(noise));
  plan.edit = [=](size_t evaluation, const Numbers& x) {
    const double t = plan.evaluations[evaluation].request.time;
    const nwr_coeffs c = coefficients(table, t >= width ? t - width : -1);
    Numbers out = x;
    for (size_t i = 0; i < x.size(); ++i) {
      const double noised = c.alpha * known[i] + c.sigma * noises[steps[evaluation]][i];
      out[i] += mask[i] * (noised - x[i]);
    }
    return out;
  };
  plan.start = checked_init(check, recording, init_scale(check, recording, 1));
  return plan;
}

double mean_norm(const Array& x) {
  double sum = 0;
  for (size_t row = 0; row < x.rows(); ++row) {
    double square = 0;
    for (size_t i = 0; i < x.row_size(); ++i) square += std::pow(x.data[row * x.row_size() + i], 2);
    sum += std::sqrt(square);
  }
  return sum / static_cast<double>(x.rows());
}

// The predictor is the ancestral step of large variance, noise in the last one too; Langevin steps
// of the caller's, whose length is a ratio of norms, come before it (Song et al. 2011.13456,
// algorithm 4).
Plan plan_score_sde(Check& check, const Recording& recording) {
  const Json& config = recording.config();
  const Numbers sigmas = recording.numbers("sigmas");
  Numbers levels = spread("exponential", number_or(config, "sigma_max", 1348),
                          number_or(config, "sigma_min", 0.01), static_cast<double>(sigmas.size()));
  Numbers up(levels.rbegin(), levels.rend());
  check.level("discrete_sigmas", up, recording.at("discrete_sigmas"));
  const auto corrections = static_cast<size_t>(number_or(config, "correct_steps", 1));
  const double snr = number_or(config, "snr", 0.15);
  levels.push_back(0);
  Plan plan;
  plan.schedule = with_floor(make_schedule(spec("edm", {{"sigma_max", text(levels.front())}})),
                             levels.front(), 0);
  plan.form = Form::score;
  plan.prediction = NWR_SCORE;
  plan.sampler = "ddpm(variance=large)";
  set_times(plan, {levels});
  plan.draws.emplace();
  const Numbers timesteps = recording.numbers("timesteps");
  for (size_t i = 0; i < plan.evaluations.size(); ++i) {
    plan.evaluations[i].sigma = sigmas.at(i);
    plan.evaluations[i].model_time = timesteps.at(i);
    plan.draws->push_back(i * (corrections + 1) + corrections);
  }
  plan.start = checked_init(check, recording, init_scale(check, recording, levels.front()));
  const Model model = Model::mixture(member(member(recording.file(), "model_doc"), "gm"));
  std::vector<Array> noises;
  for (const Json& noise : recording.at("noises")) noises.push_back(to_array(noise));
  if (noises.size() != sigmas.size() * (corrections + 1)) {
    throw Malformed("noises are not those of the steps");
  }
  plan.prepare = [=](size_t i, const Numbers& state) {
    Array x = noises[0];
    x.data = state;
    for (size_t k = 0; k < corrections; ++k) {
      const Array& noise = noises[i * (corrections + 1) + k];
      Array score = x;
      score.data = scaled(-1 / sigmas[i], model.answer(x.data, 1, sigmas[i]).noise);
      const double length = 2 * std::pow(snr * mean_norm(noise) / mean_norm(score), 2);
      for (size_t j = 0; j < x.data.size(); ++j) {
        x.data[j] += length * score.data[j] + std::sqrt(2 * length) * noise.data[j];
      }
    }
    return x.data;
  };
  return plan;
}

// The peer's noise in the last step is not used, nor is its last time, clean data but for alpha's
// bound.
Plan plan_wuerstchen(Check& check, const Recording& recording) {
  const Json& config = recording.config();
  Plan plan;
  plan.schedule =
      make_schedule(spec("wuerstchen", {{"s", text(number_or(config, "s", 0.008))},
                                        {"scaler", text(number_or(config, "scaler", 1))}}));
  plan.form = Form::noise;
  plan.prediction = NWR_NOISE;
  plan.sampler = "ddpm(last_step=mean)";
  const Numbers times = recording.numbers("timesteps");
  const size_t n = times.size();
  Numbers even;
  for (size_t i = 0; i < n; ++i) {
    even.push_back(1 - static_cast<double>(i) / static_cast<double>(n - 1));
  }
  check.state("timesteps", even, recording.at("timesteps"));
  set_times(plan, {times});
  place_model(plan, plan.schedule);
  plan.start = checked_init(check, recording, init_scale(check, recording, 1));
  plan.draws.emplace(plan.evaluations.size() - 1);
  std::iota(plan.draws->begin(), plan.draws->end(), 0);
  return plan;
}

// To data at once by F of the decoder, and noised again.
Plan plan_decoder(Check& check, const Recording& recording) {
  const Json& config = recording.config();
  const double count = number_or(config, "num_train_timesteps", 1024);
  const double scale = number_or(config, "sigma_data", 0.5);
  Plan plan;
  plan.schedule =
      make_schedule(spec("ddpm", {{"beta", "squaredcos_cap_v2"}, {"count", text(count)}}));
  plan.form = Form::preconditioned;
  plan.prediction = NWR_DATA;
  plan.sampler = "lcm";
  Numbers times = recording.numbers("timesteps");
  times.push_back(-1);
  set_times(plan, {times});
  place_model(plan, plan.schedule);
  for (Evaluation& at : plan.evaluations) {
    const double level = at.sigma / at.alpha, norm = std::hypot(level, scale);
    at.input_scale = 1 / (at.alpha * norm);
    at.skip = at.request.feed_state = scale * scale / (norm * norm * at.alpha);
    at.gain = at.request.feed_output = level * scale / norm;
  }
  plan.start =
      checked_init(check, recording, init_scale(check, recording, plan.evaluations[0].sigma));
  draw_all(plan, recording);
  return plan;
}

// Adams-Bashforth in the angle's own levels. Where alpha is 0 the peer takes the data for 0.
Plan plan_ipndm(Check& check, const Recording& recording) {
  const Numbers alphas = recording.numbers("alphas"), sigmas = recording.numbers("betas");
  Plan plan;
  plan.schedule = make_schedule("trigonometric");
  plan.form = Form::angular;
  plan.prediction = NWR_ANGULAR;
  plan.sampler = "ipndm";
  Numbers times;
  for (const double t : recording.numbers("timesteps")) times.push_back(1 - t);
  times.push_back(1);
  set_times(plan, {times});
  const double tolerance = recording.single() ? 1e-6 : 1e-9;
  for (size_t i = 0; i < times.size(); ++i) {
    const nwr_coeffs c = coefficients(plan.schedule, times[i]);
    check.near(indexed("alphas", i), {c.alpha}, Json({alphas.at(i)}), tolerance, 1);
    check.near(indexed("betas", i), {c.sigma}, Json({sigmas.at(i)}), tolerance, 1);
  }
  for (size_t i = 0; i < plan.evaluations.size(); ++i) {
    plan.evaluations[i].alpha = alphas[i], plan.evaluations[i].sigma = sigmas[i];
    plan.evaluations[i].model_time = 1 - times[i];
    if (alphas[i] == 0) plan.evaluations[i].request.feed_output = 0;
  }
  plan.start = checked_init(check, recording, init_scale(check, recording, 1));
  return plan;
}

// DPM++ 2M SDE; from the second step on the peer draws twice and uses the second.
Plan plan_cogvideox_dpm(Check& check, const Recording& recording) {
  const Json& config = recording.config();
  Plan plan;
  plan.schedule = discrete_schedule(config, false);
  const auto [form, quantity] = prediction_of(recording);
  plan.form = form;
  plan.prediction = quantity;
  check_probe(check, recording, plan.schedule);
  Numbers times = recording.numbers("timesteps");
  const size_t n = times.size();
  check.state("timesteps", imported_times(recording, "CogVideoXDDIMScheduler"),
              recording.at("timesteps"));
  const double width = std::floor(static_cast<double>(discrete_count(config)) /
                                  to_number(member(recording.file(), "num_inference_steps")));
  for (size_t i = 0; i + 1 < n; ++i) {
    if (times[i] - width != times[i + 1] && !check.differs() && !recording.native_part()) {
      throw Unsupported{"values of steps that end where none begins are not in this version"};
    }
  }
  const double last = times.back() - width;
  times.push_back(last >= 0 ? last : flag_or(config, "set_alpha_to_one", true) ? -1 : 0);
  plan.sampler = spec("dpmpp-2m-sde", {{"lower_order_final", last >= 0 ? "no" : "last"}});
  set_times(plan, {times});
  place_model(plan, plan.schedule);
  plan.start = checked_init(check, recording, init_scale(check, recording, 1));
  plan.draws.emplace();
  const bool noisy_end = coefficients(plan.schedule, times.back()).sigma > 0;
  for (size_t i = 0; i + (noisy_end ? 0 : 1) < n; ++i) {
    plan.draws->push_back(i + 1 == n && last < 0 && i > 0 ? 2 * i - 1 : 2 * i);
  }
  return plan;
}

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

double churn_of(const Recording& recording) {
  return number_or(recording.settings(), "s_churn", 0);
}

// Replaces the plan's sampler by the one whose noise comes after the model; the peer draws in
// steps whose level grows, so many times.
void churn(Plan& plan, const Recording& recording,
           std::vector<std::pair<std::string, std::string>> settings, const Numbers& levels,
           size_t counted_steps, size_t draws_each) {
  const Json& given = recording.settings();
  const double least = number_or(given, "s_tmin", 0), most = number_or(given, "s_tmax", 1e300);
  const double n = static_cast<double>(levels.size() - 1);
  settings.insert(settings.end(),
                  {{"s_churn", text(churn_of(recording) * n / static_cast<double>(counted_steps))},
                   {"s_min", text(least)},
                   {"s_max", text(most)},
                   {"s_noise", text(number_or(given, "s_noise", 1))}});
  plan.sampler = spec("diffusers.euler", settings);
  // Of the state without noise, where the peer's preview has it.
  plan.compares_denoised = false;
  plan.draws.emplace();
  size_t made = 0;
  for (size_t i = 0; i + 1 < levels.size(); ++i) {
    if (levels[i] < least || levels[i] > most) continue;
    plan.draws->push_back(made);
    made += draws_each;
  }
}

// Time is 1 - sigma, the velocity along it, and the count that of the levels.
Plan plan_minimax(Check& check, const Recording& recording) {
  const double n = to_number(member(recording.file(), "num_inference_steps"));
  const double shift = number_or(recording.config(), "shift", 12);
  Numbers levels;
  for (double i = n - 1; i >= 0; --i) {
    const double s = i / (n - 1);
    levels.push_back(shift * s / (1 + (shift - 1) * s));
  }
  check.level("sigmas", levels, recording.at("sigmas"));
  Numbers times;
  for (const double s : recording.numbers("sigmas")) times.push_back(1 - s);
  check.state("timesteps", Numbers(times.begin(), times.end() - 1), recording.at("timesteps"));
  Plan plan;
  plan.schedule = make_schedule("linear");
  plan.sampler = "euler";
  plan.form = Form::velocity;
  plan.prediction = NWR_VELOCITY;
  set_times(plan, {times});
  for (Evaluation& at : plan.evaluations) {
    at.alpha = at.request.time, at.sigma = 1 - at.alpha;
    at.dalpha = 1, at.dsigma = -1;
  }
  plan.count = levels.size();
  plan.start = checked_init(check, recording, init_scale(check, recording, 1));
  return plan;
}

// Euler in sigma/alpha. v is read by the level at which it was asked.
Plan churn_euler(Check& check, const Recording& recording) {
  const Json& config = recording.config();
  const Schedule table = discrete_schedule(config, true);
  check_probe(check, recording, table);
  const Numbers levels = recording.numbers("sigmas");
  Plan plan;
  plan.schedule = make_schedule(spec("edm", {{"sigma_max", text(2 * levels.front())}}));
  const auto [form, quantity] = prediction_of(recording);
  plan.form = form;
  plan.prediction = quantity;
  set_times(plan, {levels});
  place_vp_model(plan, recording.numbers("timesteps"), table, recording.model_kind() == "edmlog");
  for (Evaluation& at : plan.evaluations) {
    at.library_scale = true;
    at.input_scale = 1 / std::hypot(1, at.request.time);
    // v in variance preserving form is ours in sigma space divided by this.
    if (form == Form::angular) at.request.feed_output = 1 / at.input_scale;
  }
  const bool leading = text_or(config, "timestep_spacing", "linspace") == "leading";
  plan.start = checked_init(
      check, recording,
      init_scale(check, recording, leading ? std::hypot(levels.front(), 1) : levels.front()));
  churn(plan, recording,
        {{"read", form == Form::angular ? "asked" : "noisier"}, {"unit_input", "yes"}}, levels,
        levels.size() - 1, 1);
  return plan;
}

// Our F has the sign of v, and our schedule its own scale of data.
Plan churn_edm(Check& check, const Recording& recording) {
  const Numbers levels = recording.numbers("sigmas");
  const double data = to_number(member(recording.config(), "sigma_data"));
  Plan plan;
  plan.schedule = make_schedule(
      spec("edm", {{"sigma_max", text(2 * levels.front())}, {"sigma_data", text(data)}}));
  set_times(plan, {levels});
  place_preconditioned(plan, recording, levels);
  plan.prediction = NWR_PRECONDITIONED;
  churn(plan, recording, {{"read", "noisier"}}, levels, levels.size() - 1, 1);
  for (Evaluation& at : plan.evaluations) {
    at.skip = at.request.feed_state, at.gain = at.request.feed_output;
    at.request.feed_state = 0, at.request.feed_output = at.gain < 0 ? 1 : -1;
  }
  plan.start =
      checked_init(check, recording, init_scale(check, recording, std::hypot(levels.front(), 1)));
  return plan;
}

Plan churn_flow(Check& check, const Recording& recording) {
  const Numbers levels = recording.numbers("sigmas"), once = without_repeats(levels);
  // A flow's times are its levels.
  check.level("sigmas", imported_times(recording, "FlowMatchEulerDiscreteScheduler"),
              Json(Numbers(once.begin(), once.end() - 1)));
  for (size_t i = 1; i < levels.size(); ++i) {
    check.require(levels[i] == once[(i + 1) / 2], indexed("sigmas", i));
  }
  Numbers times;
  for (const double s : once) times.push_back(1 - s);
  Plan plan;
  plan.schedule = make_schedule("linear");
  plan.form = Form::flow;
  plan.prediction = NWR_VELOCITY;
  set_times(plan, {times}, 2);
  const Numbers timesteps = recording.numbers("timesteps");
  const double count = number_or(recording.config(), "num_train_timesteps", 1000);
  for (size_t i = 0; i < plan.evaluations.size(); ++i) {
    Evaluation& at = plan.evaluations[i];
    at.model_time = timesteps.at(i);
    at.sigma = timesteps[i] / count;
    at.alpha = 1 - at.sigma;
    at.request.feed_output = -1;
  }
  plan.start = checked_init(check, recording, init_scale(check, recording, 1));
  churn(plan, recording, {{"solver", "heun"}, {"space", "flow"}}, once, levels.size() - 1, 2);
  return plan;
}

}  // namespace

Planner direct_plan_of_diffusers(const Json& file) {
  const std::string name = text_or(file, "class", "");
  const Recording recording(file);
  struct Class {
    const char* name;
    bool churns;
    Planner (*plan)();
  };
  constexpr Class kClasses[] = {
      {"RePaintScheduler", false, [] { return Planner(plan_repaint); }},
      {"ScoreSdeVeScheduler", false, [] { return Planner(plan_score_sde); }},
      {"DDPMWuerstchenScheduler", false, [] { return Planner(plan_wuerstchen); }},
      {"ConsistencyDecoderScheduler", false, [] { return Planner(plan_decoder); }},
      {"IPNDMScheduler", false, [] { return Planner(plan_ipndm); }},
      {"CogVideoXDPMScheduler", false, [] { return Planner(plan_cogvideox_dpm); }},
      {"MiniMaxH3Scheduler", false, [] { return Planner(plan_minimax); }},
      {"EulerDiscreteScheduler", true, [] { return Planner(churn_euler); }},
      {"EDMEulerScheduler", true, [] { return Planner(churn_edm); }},
      {"FlowMatchHeunDiscreteScheduler", true, [] { return Planner(churn_flow); }}};
  for (const Class& one : kClasses) {
    if (name == one.name && (!one.churns || churn_of(recording) > 0)) return one.plan();
  }
  return nullptr;
}

}  // namespace replay
