// SPDX-License-Identifier: Apache-2.0
// Owns the peers' recorded trajectories: what their fields mean, and the comparison of a run with
// one. Must not know which peer's sampler is which of ours.
#include "trajectory.hpp"

#include <algorithm>
#include <cmath>

namespace replay {
namespace {

Numbers answer(const Model& model, Form form, const Evaluation& at, const Numbers& x) {
  // Peers scale the input so that it is x of the model's own alpha and sigma; a preconditioned
  // model is defined by what is made of the unscaled state.
  const bool unscaled = form == Form::preconditioned;
  const auto [data, noise] =
      model.answer(unscaled ? x : scaled(at.input_scale, x), at.alpha, at.sigma);
  Numbers out(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    switch (form) {
      case Form::denoised: out[i] = data[i]; break;
      case Form::noise: out[i] = noise[i]; break;
      case Form::angular: out[i] = at.alpha * noise[i] - at.sigma * data[i]; break;
      case Form::flow: out[i] = noise[i] - data[i]; break;
      case Form::velocity: out[i] = at.dalpha * data[i] + at.dsigma * noise[i]; break;
      case Form::score: out[i] = -noise[i] / at.sigma; break;
      case Form::preconditioned: out[i] = (data[i] - at.skip * x[i]) / at.gain; break;
    }
  }
  return out;
}

const char* call_output(Form form) {
  switch (form) {
    case Form::noise: return "eps";
    case Form::velocity: return "velocity";
    default: return "denoised";
  }
}

class Comparison {
 public:
  Comparison(Check& check, const Recording& recording, const Plan& plan,
             const std::vector<Event>& events)
      : check_(check), recording_(recording), plan_(plan), events_(events) {}

  void calls() {
    if (!recording_.has_own("model_calls")) return;
    const Json& calls = recording_.part()["model_calls"];
    const size_t each = plan_.calls_per_evaluation;
    check_.require((calls.size() + each - 1) / each == events_.size(), "count of model_calls");
    for (size_t i = 0; i < calls.size() && i / each < events_.size(); ++i) {
      const Evaluation& at = plan_.evaluations[i / each];
      const Event& event = events_[i / each];
      place_ = indexed("model_calls", i) + ".";
      time(calls[i], "t", at);
      level(calls[i], "alpha", at.alpha);
      level(calls[i], "sigma", at.sigma);
      state(calls[i], "x", event.before);
      state(calls[i], call_output(plan_.form), event.output);
      state(calls[i], "uncond_denoised", event.second);
    }
  }

  void steps() {
    if (plan_.calls_alone || !recording_.has_own("steps")) return;
    Json steps = Json::array();
    const Json &own = recording_.part()["steps"], &whole = member(recording_.file(), "steps");
    for (size_t i = 0; i < own.size() && i < whole.size(); ++i) {
      // What only adds noise or corrects is seen in the state that the next step begins with.
      const std::string kind = text_or(whole[i], "kind", "");
      if (kind.rfind("undo", 0) != 0 && kind != "correct") steps.push_back(own[i]);
    }
    // Some recorders count evaluations as steps.
    const bool by_evaluation = steps.size() == events_.size();
    const size_t count = by_evaluation ? events_.size() : plan_.step_starts.size();
    check_.require(steps.size() == count, "count of steps");
    for (size_t i = 0; i < steps.size() && i < count; ++i) {
      place_ = indexed("steps", i) + ".";
      if (by_evaluation) {
        step(steps[i], i, i, i);
      } else {
        const size_t end = i + 1 < count ? plan_.step_starts[i + 1] : events_.size();
        step(steps[i], i, plan_.step_starts[i], end - 1);
      }
    }
  }

  void final() { check_.state("final", events_.back().after, member(recording_.part(), "final")); }

 private:
  void time(const Json& object, const char* name, const Evaluation& at) {
    state(object, name, {at.model_time.value_or(at.request.time)});
  }
  void level(const Json& object, const char* name, double ours) {
    if (has(object, name)) check_.level(place_ + name, ours, object[name]);
  }
  void state(const Json& object, const char* name, const Numbers& ours) {
    if (has(object, name)) check_.state(place_ + name, ours, object[name]);
  }

  void step(const Json& step, size_t index, size_t first, size_t last) {
    const Evaluation& at = plan_.evaluations[first];
    const Event& event = events_[first];
    if (has(step, "i") && !plan_.edit) {
      check_.equal(place_ + "i", static_cast<double>(index), step["i"]);
    }
    time(step, "t", at);
    level(step, "sigma", at.grid_sigma.value_or(at.sigma));
    level(step, "sigma_hat", at.sigma);
    state(step, "x", event.before);
    const double input_scale = at.library_scale ? event.input_scale : at.input_scale;
    state(step, "model_in", scaled(input_scale, event.before));
    state(step, "model_out", event.output);
    if (plan_.form == Form::denoised) state(step, "denoised", event.output);
    state(step, "x_next", events_[last].after);
    if (plan_.compares_denoised) state(step, "pred_original_sample", event.denoised);
  }

  Check& check_;
  const Recording& recording_;
  const Plan& plan_;
  const std::vector<Event>& events_;
  std::string place_;
};

void replay_part(Check& check, const Recording& recording, const Planner& planner) {
  const Plan plan = planner(check, recording);
  if (plan.only_double && recording.native_part()) return;
  const Model model = Model::mixture(member(member(recording.file(), "model_doc"), "gm"));
  if (plan.start.row_size() != model.dimension()) throw Malformed("init does not fit the model");
  Run run;
  run.schedule = plan.schedule;
  run.sampler = plan.sampler;
  run.prediction = plan.prediction;
  const Json& steps = member(recording.file(), "steps");
  run.keep_denoised = plan.compares_denoised && !recording.native_part() && !steps.empty() &&
                      has(steps[0], "pred_original_sample");
  run.times = plan.times;
  for (const Evaluation& at : plan.evaluations) run.requests.push_back(at.request);
  run.final_scale = plan.final_scale;
  run.start = plan.start;
  run.start.data = scaled(1 / plan.evaluations.at(0).request.scale, run.start.data);
  double largest = plan.single_scale;
  for (const double x : run.start.data) largest = std::max(largest, std::fabs(x));
  check.set_single_scale(largest);
  if (recording.has_any("noises")) {
    for (const Json& noise : recording.at("noises")) {
      run.noises.push_back(to_array(noise));
      for (double& z : run.noises.back().data) z *= plan.noise_scale;
    }
  }
  run.draws = plan.draws;
  run.prepare = plan.prepare;
  run.edit = plan.edit;
  run.model = [&](size_t i, const Numbers& x) {
    return answer(model, plan.form, plan.evaluations[i], x);
  };
  std::optional<Model> without;
  if (recording.has_any("uncond_gm")) {
    without = Model::mixture(recording.at("uncond_gm"));
    run.share = recording.has_any("cfg_scale") ? to_number(recording.at("cfg_scale")) : 1;
    run.second = [&](size_t i, const Numbers& x) {
      return answer(*without, plan.form, plan.evaluations[i], x);
    };
  }
  if (plan.learns_variance) {
    run.second = [](size_t, const Numbers& x) {
      Numbers v;
      for (const double value : x) v.push_back(std::tanh(value / 2));
      return v;
    };
  }
  if (recording.has_any("num_inference_steps")) {
    check.equal("num_inference_steps",
                static_cast<double>(plan.count.value_or(plan.step_starts.size())),
                recording.at("num_inference_steps"));
  }
  const auto events = execute(run, recording.single() ? NWR_F32 : NWR_F64);
  Comparison comparison(check, recording, plan, events);
  comparison.calls();
  comparison.steps();
  comparison.final();
}

}  // namespace

const Json& Recording::settings() const {
  static const Json empty = Json::object();
  for (const char* name : {"sampler_kwargs", "step_kwargs"}) {
    if (has(file_, name)) return file_[name];
  }
  return empty;
}

const Json& Recording::at(const char* name) const {
  return has(part_, name) ? part_[name] : member(file_, name);
}

Array checked_init(Check& check, const Recording& recording, double scale) {
  const Array init = to_array(recording.at("init"));
  if (recording.has_any("init_unit_noise")) {
    check.state("init", scaled(scale, recording.numbers("init_unit_noise")), recording.at("init"));
  }
  return init;
}

void set_times(Plan& plan, std::vector<Numbers> times, int evaluations_per_step) {
  plan.times = std::move(times);
  plan.evaluations.clear();
  plan.step_starts.clear();
  const auto add = [&](double time) {
    plan.evaluations.emplace_back();
    plan.evaluations.back().request.time = time;
  };
  for (const Numbers& row : plan.times) {
    for (size_t i = 0; i + 1 < row.size(); ++i) {
      plan.step_starts.push_back(plan.evaluations.size());
      add(row[i]);
      const bool second =
          evaluations_per_step == 2 && coefficients(plan.schedule, row[i + 1]).sigma != 0;
      if (second) add(row[i + 1]);
    }
  }
}

void set_calls(Plan& plan, const Recording& recording, std::vector<Numbers> times,
               const std::function<double(const Json& call)>& time_of) {
  plan.times = std::move(times);
  plan.evaluations.clear();
  plan.step_starts.clear();
  const Json& calls = recording.at("model_calls");
  const Json& whole = member(recording.file(), "model_calls");
  const Json& steps = member(recording.file(), "steps");
  for (size_t i = 0; i < calls.size() && i < whole.size(); ++i) {
    const Json& call = calls[i];
    const size_t step = plan.step_starts.size();
    const auto begins = [&](const char* name) {
      return step < steps.size() && has(steps[step], name) && steps[step][name] == whole[i][name];
    };
    // With two outputs an inner point may have the level by which a step's x was recorded.
    const bool tells = has(recording.file(), "uncond_gm");
    if (steps.size() == calls.size() || (tells ? begins("denoised") : begins("x"))) {
      plan.step_starts.push_back(i);
    }
    plan.evaluations.emplace_back();
    Request& request = plan.evaluations.back().request;
    request.time = time_of(call);
    request.time_tolerance = (recording.single() ? 1e-5 : 1e-11) * (1 + std::fabs(request.time));
  }
  if (plan.step_starts.size() != steps.size()) throw Malformed("steps are not those of the calls");
}

void draw_all(Plan& plan, const Recording& recording) {
  size_t count = recording.at("noises").size();
  const size_t steps = plan.step_starts.size();
  if (count == steps && coefficients(plan.schedule, plan.times.back().back()).sigma == 0) --count;
  plan.draws.emplace();
  for (size_t i = 0; i < count; ++i) plan.draws->push_back(i);
}

void replay_trajectory(Check& check, const Json& file, const Planner& planner) {
  const Recording whole(file);
  if (flag_or(file, "has_nan", false)) throw Unsupported{"the peer's own run is not a number"};
  if (whole.single()) {
    check.in_single("", [&] { replay_part(check, whole, planner); });
    return;
  }
  replay_part(check, whole, planner);
  if (!has(file, "native_float32") || !has(file["native_float32"], "final")) return;
  check.in_single("native_float32.",
                  [&] { replay_part(check, Recording(file, file["native_float32"]), planner); });
}

}  // namespace replay
