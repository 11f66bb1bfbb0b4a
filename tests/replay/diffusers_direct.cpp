// SPDX-License-Identifier: Apache-2.0
// Owns the schedulers of diffusers that are no import: whose tables are their own, or whose steps
// go another way. Must not know other peers.
#include <algorithm>
#include <cmath>

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

}  // namespace

Planner direct_plan_of_diffusers(const Json& file) {
  const std::string name = text_or(file, "class", "");
  struct Class {
    const char* name;
    Planner (*plan)();
  };
  constexpr Class kClasses[] = {
      {"RePaintScheduler", [] { return Planner(plan_repaint); }},
      {"ScoreSdeVeScheduler", [] { return Planner(plan_score_sde); }},
      {"ConsistencyDecoderScheduler", [] { return Planner(plan_decoder); }}};
  for (const Class& one : kClasses) {
    if (name == one.name) return one.plan();
  }
  return nullptr;
}

}  // namespace replay
