// SPDX-License-Identifier: Apache-2.0
// Owns the schedulers of diffusers in terms of ours. Must not know other peers.
#include <algorithm>
#include <cmath>
#include <numeric>

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
  // CogVideoX's class has the setting and ignores it.
  if (recording.sampler_class() != "CogVideoXDDIMScheduler") {
    refuse(config, {"clip_sample", "thresholding"});
  }
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

// The same step upwards; the peer asks its model at the time to which a step goes.
Plan plan_ddim_inverse(Check& check, const Recording& recording) {
  const Json& config = recording.config();
  refuse(config, {"clip_sample"});
  Plan plan;
  plan.schedule = discrete_schedule(config, false);
  const auto [form, quantity] = prediction_of(recording);
  plan.form = form;
  plan.prediction = quantity;
  check_probe(check, recording, plan.schedule);
  const Numbers timesteps = recording.numbers("timesteps");
  const double steps = to_number(member(recording.file(), "num_inference_steps"));
  const double count = static_cast<double>(discrete_count(config)),
               width = std::floor(count / steps);
  const double data_end = flag_or(config, "set_alpha_to_one", true) ? -1 : 0;
  Numbers from;
  for (const double t : timesteps) {
    from.push_back(t >= width ? std::min(t - width, count - 1) : data_end);
  }
  std::vector<Numbers> runs;
  for (size_t i = 0; i < from.size(); ++i) {
    if (i == 0 || timesteps[i - 1] != from[i]) runs.push_back({from[i]});
    runs.back().push_back(timesteps[i]);
  }
  set_times(plan, runs);
  plan.sampler = "ddim";
  for (size_t i = 0; i < plan.evaluations.size(); ++i) {
    const nwr_coeffs c = coefficients(plan.schedule, timesteps[i]);
    plan.evaluations[i].alpha = c.alpha;
    plan.evaluations[i].sigma = c.sigma;
    plan.evaluations[i].model_time = timesteps[i];
  }
  plan.start = checked_init(check, recording, init_scale(check, recording, 1));
  return plan;
}

// Each time once: a step may ask the model up to four times.
Plan plan_pndm(Check& check, const Recording& recording) {
  const Json& config = recording.config();
  Plan plan;
  plan.schedule = discrete_schedule(config, false);
  const auto [form, quantity] = prediction_of(recording);
  const bool prk = !flag_or(config, "skip_prk_steps", false);
  plan.form = form;
  plan.prediction = quantity;
  check_probe(check, recording, plan.schedule);
  const double steps = to_number(member(recording.file(), "num_inference_steps"));
  // Whether some step, but for those that are taken twice, differs in length from the others.
  const auto uneven = [&](const char* name) {
    const Numbers list = recording.numbers(name);
    const double last = list.size() > 1 ? list[list.size() - 2] - list.back() : 0;
    for (size_t i = 1; i < list.size(); ++i) {
      if (list[i] != list[i - 1] && list[i - 1] - list[i] != last) return true;
    }
    return false;
  };
  if (!prk && uneven("timesteps") && uneven("plms_timesteps")) {
    throw Unsupported{"values of steps that end where none begins are not in this version"};
  }
  const double width = std::floor(static_cast<double>(discrete_count(config)) / steps);
  const double data_end = flag_or(config, "set_alpha_to_one", false) ? -1 : 0;
  Numbers times = *ancestral_grid(recording, plan.schedule).timesteps, asked, warm;
  for (size_t i = 0; i < times.size(); ++i) {
    const double t = times[i], middle = t - std::floor(width / 2);
    if (prk && i < 3) {
      warm.insert(warm.end(), {t, middle, middle, t - width});
      continue;
    }
    asked.push_back(t);
    if (!prk && i == 1) asked.push_back(t);
  }
  check.state("plms_timesteps", asked, recording.at("plms_timesteps"));
  if (prk) check.state("prk_timesteps", warm, recording.at("prk_timesteps"));
  asked.insert(asked.begin(), warm.begin(), warm.end());
  check.state("timesteps", asked, recording.at("timesteps"));
  times.push_back(times.back() >= width ? times.back() - width : data_end);
  plan.times = {times};
  for (size_t i = 0; i < asked.size(); ++i) {
    plan.step_starts.push_back(i);
    plan.evaluations.emplace_back();
    plan.evaluations.back().request.time = asked[i];
  }
  plan.count = times.size() - 1;
  plan.sampler = spec("pndm", {{"start", prk ? "runge-kutta" : "heun"}, {"average", "output"}});
  place_model(plan, plan.schedule);
  plan.start = checked_init(check, recording, init_scale(check, recording, 1));
  return plan;
}

Plan plan_ddpm(Check& check, const Recording& recording) {
  const std::string variance = text_or(recording.config(), "variance_type", "fixed_small");
  // The logarithm of fixed_small_log is undone where it is used.
  if (variance != "fixed_small" && variance != "fixed_small_log" && variance != "fixed_large") {
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

// A run for each stretch down and the one up behind it. The peer's steps up take the betas of
// other indices than those on which the state stands: such a point is an index of its own here.
Plan plan_repaint(Check& check, const Recording& recording) {
  constexpr double kZone = 1e4;
  const Json& config = recording.config();
  refuse(config, {"clip_sample"});
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
  plan.sampler = spec("ddim", {{"eta", text(eta)}});
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

// Each step to the next of its grid; the steps after t > 0 draw.
Plan plan_unclip(Check& check, const Recording& recording) {
  Plan plan = plan_ddpm(check, recording);
  const double last = static_cast<double>(discrete_count(recording.config()) - 1);
  const double n = static_cast<double>(plan.evaluations.size());
  Numbers expected;
  for (double i = n; i > 0; --i) {
    expected.push_back(n > 1 ? std::nearbyint(last / (n - 1) * (i - 1)) : 0);
  }
  check.state("timesteps", expected, recording.at("timesteps"));
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
    at.request.feed_state = scale * scale / (norm * norm * at.alpha);
    at.request.feed_output = level * scale / norm;
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
  check_grid(check, recording, ancestral_grid(recording, plan.schedule));
  Numbers times = recording.numbers("timesteps");
  const size_t n = times.size();
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

// The classes that step x/alpha in sigma/alpha, by what they are here.
struct SigmaSpace {
  std::string sampler;
  // Evaluations a step, but one in the last; where the second stands in a step between levels.
  int evaluations = 1;
  std::function<double(double from, double to)> inner;
  int draws_per_step = 0;
};

Plan plan_sigma_space(Check& check, const Recording& recording, const SigmaSpace& ours) {
  const Json& config = recording.config();
  refuse(config, {"clip_sample"});
  const Schedule table = discrete_schedule(config, true);
  check_probe(check, recording, table);
  const Numbers levels = recording.numbers("sigmas");
  const bool two = ours.evaluations == 2;
  Numbers times = two ? without_repeats(levels) : levels;
  if (!ours.inner) {
    const ExpectedGrid expected = euler_grid(recording, table, times);
    check_grid(check, recording, two ? repeated(expected) : expected);
  }
  if (ours.inner) check.level("sigmas", with_repeats(times, true), recording.at("sigmas"));
  // Some grids of the peer have a level too many.
  const size_t steps = two ? (recording.step_count() + 1) / 2 : recording.step_count();
  if (times.size() < steps + 1) throw Malformed("fewer sigmas than steps");
  times.resize(steps + 1);

  Plan plan;
  plan.schedule = make_schedule(spec("edm", {{"sigma_max", text(times.front())}}));
  plan.sampler = ours.sampler;
  const auto [form, quantity] = prediction_of(recording);
  if (form == Form::flow)
    throw Unsupported{"flow_prediction in sigma space is not in this version"};
  plan.form = form;
  plan.prediction = quantity;
  set_times(plan, {times}, ours.evaluations);
  for (size_t i = 0; ours.inner && i + 1 < steps; ++i) {
    Request& request = plan.evaluations[2 * i + 1].request;
    request.time = ours.inner(times[i], times[i + 1]);
    request.time_tolerance = (recording.single() ? 1e-5 : 1e-11) * (1 + request.time);
  }
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
  if (ours.draws_per_step > 0) {
    // The last step, to sigma = 0, adds nothing.
    plan.draws.emplace((steps - 1) * static_cast<size_t>(ours.draws_per_step));
    std::iota(plan.draws->begin(), plan.draws->end(), 0);
  }
  if (churn_of(recording) > 0) {
    // v is read by the level at which it was asked.
    churn(plan, recording,
          {{"read", form == Form::angular ? "asked" : "noisier"}, {"unit_input", "yes"}}, times,
          steps, 1);
    plan.schedule = make_schedule(spec("edm", {{"sigma_max", text(2 * times.front())}}));
  }
  return plan;
}

double ancestral_middle(double from, double to) {
  const double up = to * std::sqrt((1 - to / from) * (1 + to / from));
  return std::sqrt(from * std::sqrt((to - up) * (to + up)));
}

SigmaSpace sigma_space_of(const std::string& name, const Recording& recording) {
  const auto middle = [](double from, double to) { return std::sqrt(from * to); };
  const std::string order = text(number_or(recording.settings(), "order", 4));
  const std::string scale = text(number_or(recording.settings(), "s_noise", 1));
  if (name == "EulerDiscreteScheduler") return {"euler(unit_input=1)", 1, {}};
  if (name == "HeunDiscreteScheduler") return {"heun(unit_input=1)", 2, {}};
  if (name == "EulerAncestralDiscreteScheduler") return {"euler-ancestral(unit_input=1)", 1, {}, 1};
  if (name == "LMSDiscreteScheduler")
    return {"diffusers.lms(unit_input=1,order=" + order + ")", 1, {}};
  if (name == "KDPM2DiscreteScheduler") return {"dpm-2(unit_input=1)", 2, middle};
  if (name == "KDPM2AncestralDiscreteScheduler") {
    return {"dpm-2-ancestral(unit_input=1)", 2, ancestral_middle, 1};
  }
  return {"diffusers.dpm-sde(unit_input=1,s_noise=" + scale + ")", 2, middle, 2};
}

Plan plan_edm_euler(Check& check, const Recording& recording) {
  check_grid(check, recording, edm_grid(recording));
  const Numbers levels = recording.numbers("sigmas");
  Plan plan;
  plan.schedule = make_schedule(spec("edm", {{"sigma_max", text(levels.front())}}));
  plan.sampler = "euler";
  set_times(plan, {levels});
  place_preconditioned(plan, recording, levels);
  if (churn_of(recording) > 0) {
    // Our F has the sign of v, and our schedule its own scale of data.
    const double data = to_number(member(recording.config(), "sigma_data"));
    plan.schedule = make_schedule(
        spec("edm", {{"sigma_max", text(2 * levels.front())}, {"sigma_data", text(data)}}));
    plan.prediction = NWR_PRECONDITIONED;
    churn(plan, recording, {{"read", "noisier"}}, levels, levels.size() - 1, 1);
    for (Evaluation& at : plan.evaluations) {
      at.form_state = at.request.feed_state, at.form_output = at.request.feed_output;
      at.request.feed_state = 0, at.request.feed_output = at.form_output < 0 ? 1 : -1;
    }
  }
  plan.start =
      checked_init(check, recording, init_scale(check, recording, std::hypot(levels.front(), 1)));
  return plan;
}

// ---- DPM-Solver multistep --------------------------------------------------------------------

struct Named {
  std::string sampler;
  bool draws = false;
};

using Settings = std::vector<std::pair<std::string, std::string>>;

// "yes" for orders as steps are left, "last" for the last step alone.
std::string lower_orders(const Recording& recording) {
  const Json& config = recording.config();
  if (flag_or(config, "lower_order_final", true) && recording.step_count() < 15) return "yes";
  return flag_or(config, "euler_at_final", false) ? "last" : "no";
}

std::string solver_of(const Json& config) {
  const std::string solver = text_or(config, "solver_type", "midpoint");
  if (solver != "midpoint" && solver != "heun") {
    throw Unsupported{"solver_type " + solver + " is not in this version"};
  }
  return solver;
}

Named multistep_sampler(Check&, const Recording& recording) {
  const Json& config = recording.config();
  const double order = number_or(config, "solver_order", 2);
  const std::string algorithm = text_or(config, "algorithm_type", "dpmsolver++");
  refuse(config, {"thresholding"});
  const Settings last = {{"lower_order_final", lower_orders(recording)}};
  const Settings both = {last[0], {"solver", solver_of(config)}};
  if (order == 1 && algorithm == "dpmsolver++") return {"ddim"};
  if (order == 1 && algorithm == "sde-dpmsolver++") return {"euler-ancestral", true};
  if (algorithm == "dpmsolver++") {
    return {order == 2 ? spec("dpmpp-2m", both) : spec("diffusers.dpmpp-3m", both)};
  }
  if (algorithm == "sde-dpmsolver++") {
    if (order == 3) {
      throw Unsupported{
          "third order of sde-dpmsolver++, of the wrong sign, is a defect of the peer"};
    }
    return {spec("dpmpp-2m-sde", both), true};
  }
  Settings noise = both;
  noise.push_back({"order", text(order)});
  noise.push_back({"eta", algorithm == "sde-dpmsolver" ? "1" : "0"});
  return {spec("diffusers.dpm-solver", noise), algorithm == "sde-dpmsolver"};
}

Named multistep_sde(const Recording& recording) {
  return {spec("dpmpp-2m-sde", {{"lower_order_final", lower_orders(recording)},
                                {"solver", solver_of(recording.config())}}),
          true};
}

// The peer's own list of orders.
void check_orders(Check& check, const Recording& recording, double order, bool lowers) {
  if (!recording.has_own("order_list")) return;
  const Json& list = recording.part()["order_list"];
  const double n = static_cast<double>(list.size());
  for (double i = 0; i < n; ++i) {
    const bool last = i + 1 == n;
    const bool to_zero = text_or(recording.config(), "final_sigmas_type", "zero") == "zero";
    const bool one = last && (to_zero || (lowers && std::fmod(n, order) == 0));
    check.equal("order_list", one ? 1 : std::fmod(i, order) + 1, list[static_cast<size_t>(i)]);
  }
}

Named singlestep_sampler(Check& check, const Recording& recording) {
  const Json& config = recording.config();
  refuse(config, {"thresholding"});
  const double order = number_or(config, "solver_order", 2);
  const std::string algorithm = text_or(config, "algorithm_type", "dpmsolver++");
  const bool data = algorithm.find("++") != std::string::npos, sde = algorithm[0] == 's';
  const bool lowers = flag_or(config, "lower_order_final", false) ||
                      text_or(config, "final_sigmas_type", "zero") == "zero";
  check_orders(check, recording, order, lowers);
  return {spec("diffusers.dpm-singlestep", {{"order", text(order)},
                                            {"predict", data ? "data" : "noise"},
                                            {"solver", solver_of(config)},
                                            {"eta", sde ? "1" : "0"},
                                            {"lower_order_final", lowers ? "yes" : "no"}}),
          sde};
}

Named deis_sampler(Check&, const Recording& recording) {
  const Json& config = recording.config();
  refuse(config, {"thresholding"});
  return {spec("diffusers.deis", {{"order", text(number_or(config, "solver_order", 2))},
                                  {"lower_order_final", lower_orders(recording)}})};
}

Named unipc_sampler(Check&, const Recording& recording) {
  const Json& config = recording.config();
  refuse(config, {"thresholding"});
  if (has(config, "solver_p")) throw Unsupported{"solver_p is not in this version"};
  const Json& disabled = has(config, "disable_corrector") ? config["disable_corrector"] : Json();
  for (size_t i = 0; i < disabled.size(); ++i) {
    if (to_number(disabled[i]) != static_cast<double>(i)) {
      throw Unsupported{"disable_corrector in the middle of a run is not in this version"};
    }
  }
  const bool lowers = flag_or(config, "lower_order_final", true);
  return {
      spec("diffusers.unipc", {{"order", text(number_or(config, "solver_order", 2))},
                               {"variant", text_or(config, "solver_type", "bh2")},
                               {"predict", flag_or(config, "predict_x0", true) ? "data" : "noise"},
                               {"corrector_begin", std::to_string(disabled.size())},
                               {"lower_order_final", lowers ? "yes" : "no"}})};
}

Named helios_sampler(Check& check, const Recording& recording) {
  const Json& config = recording.config();
  if (number_or(config, "stages", 1) != 1) {
    throw Unsupported{"stages of growing pictures are not in this version"};
  }
  return text_or(config, "scheduler_type", "") == "euler" ? Named{"euler"}
                                                          : unipc_sampler(check, recording);
}

// Where the peer's own tau is 1: at timesteps from 200 to 800.
bool is_noisy(double t) { return t >= 200 && t <= 800; }

Named sa_sampler(Check&, const Recording& recording) {
  const Json& config = recording.config();
  refuse(config, {"thresholding"});
  const Numbers timesteps = recording.numbers("timesteps"), levels = recording.numbers("sigmas");
  const bool flow = flag_or(config, "use_flow_sigmas", false);
  double low = 1e300, high = 0;
  for (size_t i = 0; i < timesteps.size(); ++i) {
    if (!is_noisy(timesteps[i])) continue;
    const double level = flow ? levels[i] / (1 - levels[i]) : levels[i];
    low = std::min(low, level * (1 - 1e-9)), high = std::max(high, level * (1 + 1e-9));
  }
  const bool data = text_or(config, "algorithm_type", "data_prediction") == "data_prediction";
  const bool lowers = flag_or(config, "lower_order_final", true);
  return {spec("diffusers.sa-solver",
               {{"order", text(number_or(config, "predictor_order", 2))},
                {"corrector_order", text(number_or(config, "corrector_order", 2))},
                {"predict", data ? "data" : "noise"},
                {"simple", data ? "yes" : "no"},
                {"s_min", text(low)},
                {"s_max", text(high)},
                {"lower_order_final", lowers ? "yes" : "no"}}),
          true};
}

Plan plan_multistep(Check& check, const Recording& recording,
                    Named (*sampler)(Check& check, const Recording& recording), bool has_grid) {
  const Json& config = recording.config();
  Plan plan;
  const Named ours = sampler(check, recording);
  plan.sampler = ours.sampler;
  const auto [form, quantity] = prediction_of(recording);
  plan.form = form;
  plan.prediction = quantity;
  const Numbers levels = recording.numbers("sigmas");
  const Numbers timesteps = recording.numbers("timesteps");
  double scale = 1;
  if (flag_or(config, "use_flow_sigmas", false)) {
    if (has_grid) check_grid(check, recording, multistep_flow_grid(recording));
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
    if (has_grid) check_grid(check, recording, multistep_grid(recording, table));
    plan.schedule = ratio_schedule(std::max(levels.front(), levels.back()));
    set_times(plan, {levels});
    place_vp_model(plan, timesteps, table, false);
  }
  plan.start = checked_init(check, recording, init_scale(check, recording, scale));
  // Differences of a logarithm's polynomials, which single precision rounds coarsely.
  if (ours.sampler.find("deis") != std::string::npos) plan.single_scale = 80;
  // Its last step is ours to 1e-9 only.
  if (recording.sampler_class() == "HeliosScheduler") check.set_tolerance(1e-8);
  if (!ours.draws) return plan;
  // The peers draw in every step, whether it adds noise or not.
  const bool sa = ours.sampler.find("sa-solver") != std::string::npos;
  plan.draws.emplace();
  for (size_t i = 0; i < plan.evaluations.size(); ++i) {
    const bool adds = levels[i + 1] > 0 && levels[i + 1] != levels[i];
    if (adds && (!sa || is_noisy(timesteps[i]))) plan.draws->push_back(i);
  }
  return plan;
}

Plan plan_edm_multistep(Check& check, const Recording& recording) {
  Plan plan = plan_edm_euler(check, recording);
  const Named ours = multistep_sampler(check, recording);
  plan.sampler = ours.sampler;
  if (ours.draws) draw_all(plan, recording);
  return plan;
}

// ---- flow matching ---------------------------------------------------------------------------

Plan plan_flow(Check& check, const Recording& recording, const Named& ours, bool has_grid) {
  const bool heun = ours.sampler == "heun";
  const Json& config = recording.config();
  if (recording.has_any("per_token_base")) {
    throw Unsupported{"per_token_timesteps is not in this version"};
  }
  if (has_grid) {
    const ExpectedGrid expected = flow_grid(recording);
    check_grid(check, recording, heun ? repeated(expected) : expected);
  }
  const Numbers levels = recording.numbers("sigmas");
  if (has(member(recording.file(), "set_timesteps_kwargs"), "sigmas") && !has_grid) {
    Numbers clock;
    for (const double s : levels) clock.push_back(s * static_cast<double>(discrete_count(config)));
    check.state("sigmas", levels,
                member(member(recording.file(), "set_timesteps_kwargs"), "sigmas"));
    check.state("timesteps", clock, recording.at("timesteps"));
  }
  Numbers times;
  for (const double s : heun ? without_repeats(levels) : levels) times.push_back(1 - s);
  Plan plan;
  plan.schedule = make_schedule("linear");
  plan.sampler = ours.sampler;
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
  if (ours.draws) draw_all(plan, recording);
  // The other classes take the settings and leave them aside.
  if (heun && churn_of(recording) > 0) {
    const Numbers once = without_repeats(levels);
    churn(plan, recording, {{"solver", "heun"}, {"space", "flow"}}, once, levels.size() - 1, 2);
  }
  return plan;
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

Named flow_sampler(Check& check, const std::string& name, const Recording& recording) {
  const Json& config = recording.config();
  if (name == "FlowMatchHeunDiscreteScheduler") return {"heun"};
  if (has(config, "scale_factors")) throw Unsupported{"scale_factors are not in this version"};
  if (name == "FlowMatchLCMScheduler" || flag_or(config, "stochastic_sampling", false)) {
    return {"lcm", true};
  }
  if (name == "LTXEulerAncestralRFScheduler") {
    // Its levels go through single precision.
    check.set_tolerance(1e-8);
    return {spec("euler-ancestral", {{"noise", "flow"},
                                     {"eta", text(number_or(config, "eta", 1))},
                                     {"s_noise", text(number_or(config, "s_noise", 1))}}),
            true};
  }
  return {"euler"};
}

// ---- distilled models ------------------------------------------------------------------------

Plan plan_lcm(Check& check, const Recording& recording, bool trajectory) {
  const Json& config = recording.config();
  refuse(config, {"clip_sample", "thresholding"});
  Plan plan;
  plan.schedule = discrete_schedule(config, false);
  const auto [form, quantity] = prediction_of(recording);
  plan.form = form;
  plan.prediction = quantity;
  check_probe(check, recording, plan.schedule);
  Numbers times = recording.numbers("timesteps");
  times.push_back(trajectory ? 0 : -1);
  const double gamma = number_or(recording.settings(), "eta", 0.3);
  plan.sampler =
      trajectory
          ? spec("tcd", {{"gamma", text(gamma)}})
          : spec("lcm", {{"timestep_scaling", text(number_or(config, "timestep_scaling", 10))}});
  set_times(plan, {times});
  place_model(plan, plan.schedule);
  plan.start = checked_init(check, recording, init_scale(check, recording, 1));
  if (trajectory && gamma == 0) return plan;
  plan.draws.emplace(plan.evaluations.size() - 1);
  std::iota(plan.draws->begin(), plan.draws->end(), 0);
  return plan;
}

Plan plan_consistency(Check& check, const Recording& recording) {
  const Json& config = recording.config();
  if (flag_or(config, "clip_denoised", true)) {
    throw Unsupported{"clip_denoised is not in this version"};
  }
  const double data = number_or(config, "sigma_data", 0.5);
  const double least = number_or(config, "sigma_min", 0.002);
  Numbers levels = recording.numbers("sigmas");
  levels.resize(recording.step_count());
  levels.push_back(least);
  Plan plan;
  plan.schedule = make_schedule(spec("edm", {{"sigma_max", text(levels.front())}}));
  plan.sampler = spec("consistency", {{"sigma_min", text(least)},
                                      {"s_noise", text(number_or(config, "s_noise", 1))}});
  plan.form = Form::preconditioned;
  plan.prediction = NWR_DATA;
  set_times(plan, {levels});
  for (size_t i = 0; i < plan.evaluations.size(); ++i) {
    Evaluation& at = plan.evaluations[i];
    const double off = levels[i] - least;
    at.model_time = recording.numbers("timesteps").at(i);
    at.sigma = levels[i];
    at.input_scale = 1 / std::hypot(levels[i], data);
    at.request.feed_state = data * data / (off * off + data * data);
    at.request.feed_output = off * data * at.input_scale;
  }
  plan.start = checked_init(check, recording, init_scale(check, recording, levels.front()));
  plan.draws.emplace(levels.size() - 2);
  std::iota(plan.draws->begin(), plan.draws->end(), 0);
  return plan;
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
  plan.schedule = make_custom(times.front(), 0, path);
  plan.form = Form::preconditioned;
  plan.prediction = NWR_DATA;
  const double scale = number_or(recording.config(), "sigma_data", 0.5);
  plan.sampler = spec("lcm", {{"s_noise", text(scale)}});
  set_times(plan, {times});
  for (Evaluation& at : plan.evaluations) {
    const double c = std::cos(at.request.time), s = std::sin(at.request.time);
    at.alpha = c, at.sigma = s * scale;
    at.request.feed_state = c, at.request.feed_output = -s;
  }
  plan.start = checked_init(check, recording, init_scale(check, recording, 1));
  draw_all(plan, recording);
  return plan;
}

// The SDE form in sigma itself, its model's clock 2/pi atan(sigma).
Plan plan_cosine(Check& check, const Recording& recording) {
  const Numbers levels = recording.numbers("sigmas"), timesteps = recording.numbers("timesteps");
  Plan plan;
  plan.schedule = make_schedule(spec("edm", {{"sigma_max", text(levels.front())}}));
  plan.sampler = multistep_sde(recording).sampler;
  const ExpectedGrid grid = edm_grid(recording);
  if (grid.sigmas) check.level("sigmas", *grid.sigmas, recording.at("sigmas"));
  set_times(plan, {levels});
  const double data = number_or(recording.config(), "sigma_data", 1);
  plan.form = Form::preconditioned;
  plan.prediction = NWR_DATA;
  for (size_t i = 0; i < plan.evaluations.size(); ++i) {
    Evaluation& at = plan.evaluations[i];
    const double norm = std::hypot(levels[i], data);
    at.model_time = timesteps.at(i);
    at.sigma = levels[i];
    at.input_scale = 1 / norm;
    at.request.feed_state = data * data / (norm * norm);
    at.request.feed_output = -levels[i] * data / norm;
  }
  plan.start =
      checked_init(check, recording, init_scale(check, recording, std::hypot(levels.front(), 1)));
  // The peer draws in the last step too, for nothing.
  draw_all(plan, recording);
  return plan;
}

Planner planner_of(const std::string& name) {
  if (name == "DDIMInverseScheduler") return plan_ddim_inverse;
  if (name == "DDIMScheduler" || name == "DDIMParallelScheduler" ||
      name == "CogVideoXDDIMScheduler") {
    return plan_ddim;
  }
  if (name == "PNDMScheduler") return plan_pndm;
  if (name == "UnCLIPScheduler") return plan_unclip;
  if (name == "ScoreSdeVeScheduler") return plan_score_sde;
  if (name == "RePaintScheduler") return plan_repaint;
  if (name == "DDPMWuerstchenScheduler") return plan_wuerstchen;
  if (name == "ConsistencyDecoderScheduler") return plan_decoder;
  if (name == "IPNDMScheduler") return plan_ipndm;
  if (name == "CogVideoXDPMScheduler") return plan_cogvideox_dpm;
  if (name == "SCMScheduler") return plan_trigflow;
  if (name == "CosineDPMSolverMultistepScheduler") return plan_cosine;
  if (name == "DDPMScheduler" || name == "DDPMParallelScheduler") return plan_ddpm;
  for (const char* theirs :
       {"EulerDiscreteScheduler", "HeunDiscreteScheduler", "EulerAncestralDiscreteScheduler",
        "LMSDiscreteScheduler", "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler",
        "DPMSolverSDEScheduler"}) {
    if (name != theirs) continue;
    return [=](Check& check, const Recording& recording) {
      return plan_sigma_space(check, recording, sigma_space_of(name, recording));
    };
  }
  if (name == "EDMEulerScheduler") return plan_edm_euler;
  if (name == "EDMDPMSolverMultistepScheduler") return plan_edm_multistep;
  struct Family {
    const char* name;
    Named (*sampler)(Check& check, const Recording& recording);
    bool has_grid;
  };
  for (const Family& family : {Family{"DPMSolverMultistepScheduler", multistep_sampler, true},
                               {"DPMSolverMultistepInverseScheduler", multistep_sampler, false},
                               {"DPMSolverSinglestepScheduler", singlestep_sampler, false},
                               {"DEISMultistepScheduler", deis_sampler, false},
                               {"UniPCMultistepScheduler", unipc_sampler, false},
                               {"SASolverScheduler", sa_sampler, false},
                               {"HeliosScheduler", helios_sampler, false}}) {
    if (name != family.name) continue;
    return [=](Check& check, const Recording& recording) {
      return plan_multistep(check, recording, family.sampler, family.has_grid);
    };
  }
  for (const char* theirs :
       {"FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler",
        "FlowMatchLCMScheduler", "LTXEulerAncestralRFScheduler", "FlowMapEulerDiscreteScheduler"}) {
    if (name != theirs) continue;
    const bool has_grid = name.rfind("FlowMatch", 0) == 0;
    return [=](Check& check, const Recording& recording) {
      return plan_flow(check, recording, flow_sampler(check, name, recording), has_grid);
    };
  }
  if (name == "MiniMaxH3Scheduler") return plan_minimax;
  if (name == "LCMScheduler" || name == "TCDScheduler") {
    return [=](Check& check, const Recording& recording) {
      return plan_lcm(check, recording, name == "TCDScheduler");
    };
  }
  if (name == "CMStochasticIterativeScheduler") return plan_consistency;
  throw Unsupported{"sampler " + name + " is not in this version"};
}

}  // namespace

Planner plan_of_diffusers(const Json& file) { return planner_of(text_or(file, "class", "")); }

}  // namespace replay
