// SPDX-License-Identifier: Apache-2.0
// noisewright schedule and noisewright grid: coefficients, and times.
#include <algorithm>
#include <cmath>
#include <vector>

#include "commands.hpp"
#include "nwr.hpp"
#include "plot.hpp"
#include "table.hpp"

namespace tool {
namespace {

std::vector<nwr_coeffs> eval(const nwr_schedule* schedule, const std::vector<double>& times) {
  std::vector<nwr_coeffs> c(times.size());
  demo::check(nwr_schedule_eval(schedule, times.data(), times.size(), c.data()));
  return c;
}

nwr_schedule_info info_of(const nwr_schedule* schedule) {
  nwr_schedule_info info{};
  info.struct_size = sizeof info;
  demo::check(nwr_schedule_get_info(schedule, &info));
  return info;
}

int schedule(const Args& args) {
  const Format format = format_of(args);
  const std::string file = args.text("--plot", "");
  if (args.has("--plot")) require_plot_name(file);
  const std::uint64_t steps = args.whole("--steps", 10, 1, 1000000);
  const demo::Schedule s = demo::make_schedule(args.words()[0].c_str());
  const nwr_schedule_info info = info_of(s.get());
  const auto times_of = [&](std::uint64_t n) {
    std::vector<double> times;
    for (std::uint64_t i = 0; i <= n; ++i) {
      const double u = static_cast<double>(i) / static_cast<double>(n);
      times.push_back(i == n ? info.t_data : info.t_noise + u * (info.t_data - info.t_noise));
    }
    return times;
  };
  if (args.has("--plot")) {
    const std::vector<double> times = times_of(400);
    const std::vector<nwr_coeffs> c = eval(s.get(), times);
    Plot plot{info.spec, "t", "", false, false, {{"alpha", {}}, {"sigma", {}}, {"lambda/10", {}}}};
    // Where sigma alone is large, it would hide all else.
    const bool large = std::max(c.front().sigma, c.back().sigma) > 4;
    if (large) plot.lines[1].name = "sigma/max";
    for (std::size_t i = 0; i < times.size(); ++i) {
      plot.lines[0].points.emplace_back(times[i], c[i].alpha);
      plot.lines[1].points.emplace_back(times[i],
                                        large ? c[i].sigma / c.front().sigma : c[i].sigma);
      plot.lines[2].points.emplace_back(times[i], c[i].lambda / 10);
    }
    if (std::any_of(c.begin(), c.end(), [](const nwr_coeffs& k) { return k.gamma != 0; })) {
      plot.lines.push_back({"gamma", {}});
      for (std::size_t i = 0; i < times.size(); ++i) {
        plot.lines.back().points.emplace_back(times[i], c[i].gamma);
      }
    }
    write_plot(plot, file);
    if (file == "-") return kFine;
  }
  const std::vector<double> times = times_of(steps);
  const std::vector<nwr_coeffs> c = eval(s.get(), times);
  Table table{{"t", "alpha", "sigma", "gamma", "alpha'", "sigma'", "lambda", "diffusion2"}, {}};
  for (std::size_t i = 0; i < times.size(); ++i) {
    table.rows.push_back({times[i], c[i].alpha, c[i].sigma, c[i].gamma, c[i].dalpha, c[i].dsigma,
                          c[i].lambda, c[i].diffusion2});
  }
  print(table, format);
  return kFine;
}

int grid(const Args& args) {
  const Format format = format_of(args);
  const std::string file = args.text("--plot", "");
  if (args.has("--plot")) require_plot_name(file);
  const std::string name = args.words()[0], on = args.text("--schedule", "sd15");
  const std::uint64_t steps = args.whole("--steps", 20, 1, 1000000);
  const double begin = args.number("--begin", 0, -1e300, 1e300);
  const double end = args.number("--end", 0, -1e300, 1e300);
  const demo::Schedule s = demo::make_schedule(on.c_str());
  const std::vector<double> times = demo::make_grid(s.get(), name.c_str(), steps, begin, end);
  const std::vector<nwr_coeffs> c = eval(s.get(), times);
  if (args.has("--plot")) {
    Plot plot{name + " on " + on, "step", "sigma/alpha", false, true, {{name, {}}}};
    for (std::size_t i = 0; i < times.size(); ++i) {
      plot.lines[0].points.emplace_back(i, c[i].sigma / c[i].alpha);
    }
    write_plot(plot, file);
    if (file == "-") return kFine;
  }
  Table table{{"step", "t", "alpha", "sigma", "sigma/alpha", "lambda"}, {}};
  for (std::size_t i = 0; i < times.size(); ++i) {
    table.rows.push_back({static_cast<std::int64_t>(i), times[i], c[i].alpha, c[i].sigma,
                          c[i].sigma / c[i].alpha, c[i].lambda});
  }
  print(table, format);
  return kFine;
}

}  // namespace

const Command kSchedule{
    "schedule", "NAME", "Coefficients of a schedule from noise to data.",
    1,          1,      {{"--steps", "N", "rows less one (10)"}, kPlot, kFormat},
    schedule};

const Command kGrid{"grid",
                    "NAME",
                    "The times of a grid and their noise levels.",
                    1,
                    1,
                    {{"--schedule", "S", "the schedule that it is made for (sd15)"},
                     {"--steps", "N", "steps (20)"},
                     {"--begin", "T", "first time, where the grid takes it"},
                     {"--end", "T", "last time, where the grid takes it"},
                     kPlot,
                     kFormat},
                    grid};

}  // namespace tool
