// SPDX-License-Identifier: Apache-2.0
// Owns the timesteps and noise levels that a configuration of diffusers asks for, by our grids
// where one of ours is the same. Must not know runs.
#include "diffusers_grid.hpp"

#include <algorithm>
#include <cmath>

#include "paths.hpp"

namespace replay {
namespace {

const Json& arguments(const Recording& recording) {
  return member(recording.file(), "set_timesteps_kwargs");
}

// The number of steps: as asked for, or that of the grid that was given.
size_t run_length(const Recording& recording) {
  for (const char* given : {"timesteps", "sigmas"}) {
    if (has(recording.file(), "num_inference_steps")) break;
    if (has(arguments(recording), given)) return recording.step_count();
  }
  const double n = to_number(member(recording.file(), "num_inference_steps"));
  if (!(n >= 1 && n <= 1e6) || n != std::floor(n)) {
    throw Malformed("num_inference_steps is not a count");
  }
  return static_cast<size_t>(n);
}

// Rounds halves to even.
double rounded(double value) { return std::nearbyint(value); }

Numbers linspace(double first, double last, size_t count) {
  Numbers out(count, first);
  for (size_t i = 1; i < count; ++i) {
    out[i] = first + (last - first) * static_cast<double>(i) / static_cast<double>(count - 1);
  }
  return out;
}

Numbers without_last(Numbers values) {
  values.pop_back();
  return values;
}

Numbers reversed(Numbers values) {
  std::reverse(values.begin(), values.end());
  return values;
}

template <class F>
Numbers mapped(Numbers values, F&& f) {
  for (double& v : values) v = f(v);
  return values;
}

// Noise levels of a table at times that may lie between two indices: linear in the level.
double interpolated(const Schedule& table, double t) {
  const double low = std::floor(t), part = t - low;
  const double level = ratio(table, low);
  return part == 0 ? level : level + part * (ratio(table, low + 1) - level);
}

// The time of a level, clamped to the table.
double table_time(const Schedule& table, double level, double last) {
  if (level >= ratio(table, last)) return last;
  if (level <= ratio(table, 0)) return 0;
  return time_of_ratio(table, level);
}

// Levels of a grid of ours on a flow, whose time is its level.
Numbers flow_levels(const std::string& name, size_t steps,
                    const std::vector<std::pair<std::string, std::string>>& settings) {
  return grid(make_schedule("flow"), spec(name, settings), steps + 1);
}

// How a configuration shifts a flow's levels.
std::vector<std::pair<std::string, std::string>> shift_of(const Recording& recording,
                                                          const char* fixed) {
  const Json& config = recording.config();
  if (!flag_or(config, "use_dynamic_shifting", false)) {
    return {{"shift", text(number_or(config, fixed, 1))}};
  }
  const bool linear = text_or(config, "time_shift_type", "exponential") == "linear";
  return {{linear ? "shift" : "mu", text(to_number(member(arguments(recording), "mu")))}};
}

}  // namespace

ExpectedGrid ancestral_grid(const Recording& recording, const Schedule& table) {
  if (has(arguments(recording), "timesteps")) {
    return {to_numbers(arguments(recording)["timesteps"]), {}};
  }
  const std::string spacing = text_or(recording.config(), "timestep_spacing", "leading");
  std::string ours = spacing;
  if (spacing == "leading") {
    const double offset = number_or(recording.config(), "steps_offset", 0);
    ours = spec("leading", {{"offset", text(offset)}});
  } else if (spacing != "trailing" && spacing != "linspace") {
    return {};
  }
  // The last time of such a grid is -1, clean data.
  const size_t n = run_length(recording);
  if (n == 1 && spacing == "linspace") return {};
  Numbers times = grid(table, ours, n + 1);
  times.pop_back();
  return {times, {}};
}

ExpectedGrid euler_grid(const Recording& recording, const Schedule& table, const Numbers& levels) {
  const Json& config = recording.config();
  const size_t n = run_length(recording), count = discrete_count(config);
  const double last = static_cast<double>(count - 1);
  const Json& given = arguments(recording);
  const std::string spacing = text_or(config, "timestep_spacing", "linspace");
  const double tail =
      text_or(config, "final_sigmas_type", "zero") == "sigma_min" ? ratio(table, 0) : 0;
  ExpectedGrid out;
  Numbers times;
  if (has(given, "timesteps")) {
    times = to_numbers(given["timesteps"]);
  } else if (spacing == "linspace") {
    times = reversed(linspace(0, last, n));
  } else {
    times = *ancestral_grid(recording, table).timesteps;
  }
  Numbers sigmas = mapped(times, [&](double t) { return interpolated(table, t); });
  bool by_level = true;
  const double first_level = number_or(config, "sigma_max", sigmas.front());
  const double last_level = number_or(config, "sigma_min", sigmas.back());
  if (has(given, "sigmas")) {
    out.sigmas = to_numbers(given["sigmas"]);
    sigmas.assign(out.sigmas->begin(), out.sigmas->end() - 1);
  } else if (flag_or(config, "use_karras_sigmas", false)) {
    sigmas = spread("karras", first_level, last_level, static_cast<double>(n));
  } else if (flag_or(config, "use_exponential_sigmas", false)) {
    sigmas = spread("exponential", first_level, last_level, static_cast<double>(n));
  } else if (flag_or(config, "use_beta_sigmas", false)) {
    sigmas = levels;
    sigmas.pop_back();
    out.sigmas = levels;
  } else {
    by_level = false;
    if (text_or(config, "interpolation_type", "linear") == "log_linear") {
      sigmas =
          spread("exponential", ratio(table, last), ratio(table, 0), static_cast<double>(n + 1));
    }
  }
  if (!out.sigmas) {
    out.sigmas = sigmas;
    out.sigmas->push_back(tail);
  }
  const bool continuous = text_or(config, "timestep_type", "discrete") == "continuous" &&
                          text_or(config, "prediction_type", "") == "v_prediction";
  if (continuous) {
    times = mapped(sigmas, [](double s) { return std::log(s) / 4; });
  } else if (by_level) {
    times = mapped(sigmas, [&](double s) { return table_time(table, s, last); });
  }
  out.timesteps = times;
  return out;
}

ExpectedGrid multistep_grid(const Recording& recording, const Schedule& table) {
  const Json& config = recording.config();
  const size_t n = run_length(recording), count = discrete_count(config);
  const double last_index = static_cast<double>(count - 1);
  const std::string spacing = text_or(config, "timestep_spacing", "linspace");
  // The table is cut where lambda falls below lambda_min_clipped.
  const double least = number_or(config, "lambda_min_clipped", -INFINITY);
  double last = static_cast<double>(count);
  while (last > 1 && -std::log(ratio(table, last - 1)) < least) --last;
  Numbers times;
  if (has(arguments(recording), "timesteps")) {
    times = to_numbers(arguments(recording)["timesteps"]);
  } else if (spacing == "linspace") {
    times = mapped(reversed(linspace(0, last - 1, n + 1)), rounded);
    times.pop_back();
  } else if (spacing == "leading") {
    const double width = std::floor(last / static_cast<double>(n + 1));
    const double offset = number_or(config, "steps_offset", 0);
    for (size_t i = n; i > 0; --i) times.push_back(width * static_cast<double>(i) + offset);
  } else if (spacing == "trailing") {
    const double width = static_cast<double>(count) / static_cast<double>(n);
    for (size_t i = 0; i < n; ++i)
      times.push_back(rounded(last - width * static_cast<double>(i)) - 1);
  } else {
    return {};
  }
  Numbers sigmas;
  const double first_level = ratio(table, last_index), last_level = ratio(table, 0);
  const auto whole = [&](double s) { return rounded(table_time(table, s, last_index)); };
  const auto cut = [&](double s) {
    // Just below an index by rounding alone is that index.
    return std::floor(table_time(table, s, last_index) + 1e-9);
  };
  const bool keeps_fractions = text_or(config, "beta_schedule", "") == "squaredcos_cap_v2";
  if (flag_or(config, "use_karras_sigmas", false)) {
    sigmas = spread("karras", first_level, last_level, static_cast<double>(n));
    times = keeps_fractions ? mapped(sigmas, cut) : mapped(sigmas, whole);
  } else if (flag_or(config, "use_lu_lambdas", false)) {
    sigmas = spread("exponential", first_level, last_level, static_cast<double>(n));
    times = mapped(sigmas, whole);
  } else if (flag_or(config, "use_exponential_sigmas", false)) {
    sigmas = spread("exponential", first_level, last_level, static_cast<double>(n));
    times = mapped(sigmas, cut);
  } else if (flag_or(config, "use_beta_sigmas", false)) {
    for (const double t : without_last(grid(table, "diffusers.beta", n + 1))) {
      sigmas.push_back(ratio(table, t));
    }
    times = mapped(sigmas, cut);
  } else {
    sigmas = mapped(times, [&](double t) { return interpolated(table, t); });
  }
  const bool ends_at_zero = text_or(config, "final_sigmas_type", "zero") == "zero";
  sigmas.push_back(ends_at_zero ? 0 : last_level);
  return {times, sigmas};
}

ExpectedGrid multistep_flow_grid(const Recording& recording) {
  const Json& config = recording.config();
  for (const char* other : {"use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"}) {
    if (flag_or(config, other, false)) return {};
  }
  const double count = static_cast<double>(discrete_count(config));
  const Numbers sigmas = flow_levels("diffusers.flow-multistep", run_length(recording),
                                     shift_of(recording, "flow_shift"));
  // Just below an index by rounding alone is that index.
  const Numbers times =
      mapped(without_last(sigmas), [=](double s) { return std::floor(s * count + 1e-9); });
  if (text_or(config, "final_sigmas_type", "zero") != "zero") return {times, {}};
  return {times, sigmas};
}

ExpectedGrid edm_grid(const Recording& recording) {
  const Json& config = recording.config();
  const std::string kind = text_or(config, "sigma_schedule", "karras");
  if (kind != "karras" && kind != "exponential") return {};
  if (run_length(recording) == 1) return {};
  Numbers sigmas =
      spread(kind, to_number(member(config, "sigma_max")), to_number(member(config, "sigma_min")),
             static_cast<double>(run_length(recording)), number_or(config, "rho", 7));
  Numbers times = mapped(sigmas, [](double s) { return std::log(s) / 4; });
  const bool ends_at_zero = text_or(config, "final_sigmas_type", "zero") == "zero";
  sigmas.push_back(ends_at_zero ? 0 : sigmas.back());
  return {times, sigmas};
}

namespace {

ExpectedGrid flow_times(const Recording& recording, Numbers levels) {
  if (flag_or(recording.config(), "invert_sigmas", false)) return {};
  const double count = static_cast<double>(discrete_count(recording.config()));
  Numbers times = mapped(levels, [=](double s) { return s * count; });
  levels.push_back(0);
  return {times, levels};
}

}  // namespace

ExpectedGrid flow_grid(const Recording& recording) {
  const Json& config = recording.config();
  const Json& given = arguments(recording);
  const double count = static_cast<double>(discrete_count(config));
  const bool dynamic = flag_or(config, "use_dynamic_shifting", false);
  auto settings = shift_of(recording, "shift");
  if (has(given, "sigmas") || has(given, "timesteps")) {
    // Levels of the caller's own, even or not, are shifted one by one: as the first of one step.
    Numbers levels = has(given, "sigmas") ? to_numbers(given["sigmas"])
                                          : mapped(to_numbers(given["timesteps"]),
                                                   [=](double t) { return t / count; });
    for (double& level : levels) {
      auto one = settings;
      one.push_back({"first", text(level)});
      level = flow_levels("flow", 1, one)[0];
    }
    if (has(config, "shift_terminal")) {
      const double scale = (1 - levels.back()) / (1 - to_number(config["shift_terminal"]));
      levels = mapped(levels, [=](double s) { return 1 - (1 - s) / scale; });
    }
    return flow_times(recording, levels);
  }
  // The least level is shifted here and again with the others, as the peer does.
  settings.push_back({"twice", dynamic ? "no" : "yes"});
  settings.push_back({"last", text(1 / count)});
  if (has(config, "shift_terminal")) {
    settings.push_back({"terminal", text(to_number(config["shift_terminal"]))});
  }
  const size_t n = run_length(recording);
  Numbers levels = without_last(flow_levels("diffusers.flow-match", n, settings));
  for (const auto& [key, name] :
       {std::pair<const char*, const char*>{"use_karras_sigmas", "karras"},
        {"use_exponential_sigmas", "exponential"},
        {"use_beta_sigmas", "beta"}}) {
    if (!flag_or(config, key, false)) continue;
    levels = without_last(
        flow_levels(std::string("diffusers.") + name, n,
                    {{"sigma_max", text(levels.front())}, {"sigma_min", text(levels.back())}}));
  }
  return flow_times(recording, levels);
}

void check_grid(Check& check, const Recording& recording, const ExpectedGrid& expected) {
  // In single precision a time that is cut to an integer may be the one below.
  if (expected.timesteps && recording.has_own("timesteps") && !recording.native_part()) {
    check.state("timesteps", *expected.timesteps, recording.part()["timesteps"]);
  }
  if (expected.sigmas && recording.has_own("sigmas")) {
    check.level("sigmas", *expected.sigmas, recording.part()["sigmas"]);
  }
}

}  // namespace replay
