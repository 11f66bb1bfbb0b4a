// SPDX-License-Identifier: Apache-2.0
// noisewright converge: errors of samplers against exact answers, and the orders that they show.
#include <algorithm>
#include <cmath>

#include "commands.hpp"
#include "nwr.hpp"
#include "plot.hpp"
#include "run.hpp"
#include "table.hpp"
#include "terminal.hpp"

namespace tool {
namespace {

struct Outcome {
  std::uint32_t evaluations;
  double error;
  bool random;
};

struct Way {
  const nwr_context* context;
  const nwr_schedule* schedule;
  RunSetup setup;
  Level begin, end;
};

// Root mean square over points of a mixture of Gaussians, or, once noise is drawn, of the variance
// of a Gaussian, relative: it is the sum of squares of the state's coefficients, so nothing is
// sampled.
Outcome measure(const Way& way) {
  constexpr std::size_t kPoints = 24;
  const std::size_t known = evaluations_of(way.context, way.schedule, way.setup);
  // A sampler that chooses its steps does not know them in advance.
  const std::size_t draws = 4 * (known > 0 ? known : 64 * way.setup.times.size()) + 8;
  std::vector<double> x(kPoints + 1 + draws);
  const double width = std::hypot(way.begin.alpha, way.begin.sigma);
  for (std::size_t i = 0; i < kPoints; ++i) {
    x[i] = width * (-2 + 4 * static_cast<double>(i) / (kPoints - 1));
  }
  x[kPoints] = std::sqrt(Gaussian::variance(way.begin));
  const std::vector<double> start = x;
  UnitRun run(way.context, way.schedule, way.setup, x, kPoints + 1);
  run.go([&](const nwr_eval& eval, const std::vector<double>& now,
             std::vector<std::vector<double>>& outputs) {
    const Level at = level_at(way.schedule, eval.t);
    for (std::vector<double>& output : outputs) {
      for (std::size_t i = 0; i < now.size(); ++i) {
        const double data = i < kPoints ? Mixture::data(at, now[i]) : Gaussian::slope(at) * now[i];
        output[i] = predicted(way.setup.prediction, at, now[i], data);
      }
    }
  });
  double sum = 0;
  if (run.draws() == 0) {
    for (std::size_t i = 0; i < kPoints; ++i) {
      const double off = run.x()[i] - Mixture::transport(way.begin, way.end, start[i]);
      sum += off * off;
    }
    return {run.evaluations(), std::sqrt(sum / kPoints), false};
  }
  for (std::size_t i = kPoints; i < run.x().size(); ++i) sum += run.x()[i] * run.x()[i];
  return {run.evaluations(), std::abs(sum / Gaussian::variance(way.end) - 1), true};
}

int converge(const Args& args) {
  const Format format = format_of(args);
  const std::string file = args.text("--plot", "");
  if (args.has("--plot")) require_plot_name(file);
  const std::string on = args.text("--schedule", "linear"), grid = args.text("--grid", "uniform");
  const nwr_quantity prediction = quantity_of(args.text("--prediction", "noise"));
  const std::uint64_t least = args.whole("--least", 10, 2, 100000),
                      most = args.whole("--most", 320, least, 100000);
  const demo::Context context = demo::make_context(1);
  const demo::Schedule schedule = demo::make_schedule(on.c_str());
  // The inside of a schedule, where everything is smooth.
  const double lambdas[] = {args.number("--from", -1.5, -50, 50),
                            args.number("--to", 1.5, -50, 50)};
  double ends[2];
  demo::check(nwr_schedule_invert(schedule.get(), lambdas, 2, ends));

  Table table{{"sampler", "steps", "evaluations", "error", "order", "of"}, {}};
  Plot plot{"error of samplers on " + on, "evaluations", "error", true, true, {}};
  std::size_t done = 0, doublings = 0;
  for (std::uint64_t n = least; n <= most; n *= 2) ++doublings;
  Bar bar("converge", args.words().size() * doublings, "run");
  for (const std::string& name : args.words()) {
    plot.lines.push_back({name, {}});
    double before = 0;
    for (std::uint64_t n = least; n <= most; n *= 2) {
      Way way{context.get(),
              schedule.get(),
              {},
              level_at(schedule.get(), ends[0]),
              level_at(schedule.get(), ends[1])};
      way.setup.sampler = name;
      way.setup.prediction = prediction;
      way.setup.times = demo::make_grid(schedule.get(), grid.c_str(), n, ends[0], ends[1]);
      const Outcome o = measure(way);
      // Below that, rounding is what is seen.
      const bool seen = before > 1e-12 && o.error > 1e-12;
      table.rows.push_back({name, static_cast<std::int64_t>(n), std::int64_t{o.evaluations},
                            o.error, seen ? Cell(std::log2(before / o.error)) : Cell(std::string()),
                            std::string(o.random ? "variance" : "path")});
      plot.lines.back().points.emplace_back(o.evaluations, o.error);
      before = o.error;
      bar.show(++done);
    }
  }
  if (args.has("--plot")) write_plot(plot, file);
  if (file != "-") print(table, format);
  return kFine;
}

}  // namespace

const Command kConverge{
    "converge",
    "SAMPLER...",
    "Errors against exact answers for more and more steps, and the order they show.",
    1,
    32,
    {{"--schedule", "S", "the schedule (linear)"},
     {"--grid", "G", "the grid of the times, one that takes ends (uniform)"},
     {"--from", "L", "log(alpha/sigma) of the first time (-1.5)"},
     {"--to", "L", "log(alpha/sigma) of the last time (1.5)"},
     {"--least", "N", "steps of the shortest run, which double (10)"},
     {"--most", "N", "steps of the longest run, at most (320)"},
     {"--prediction", "Q", "data, noise, velocity, angular or score (noise)"},
     kPlot,
     kFormat},
    converge};

}  // namespace tool
