// SPDX-License-Identifier: Apache-2.0
// noisewright plan: the coefficients of a run, evaluation by evaluation, from the library's plan.
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "analytic.hpp"
#include "commands.hpp"
#include "nwr.hpp"
#include "table.hpp"

namespace tool {
namespace {

// What a step takes: the state, from kOutput on the model's outputs, fresh normals.
constexpr std::uint32_t kState = 0, kOutput = 1;
constexpr std::uint32_t kNoise = std::numeric_limits<std::uint32_t>::max();

using Term = std::pair<std::uint32_t, std::uint32_t>;  // What, and at which evaluation.
using Sum = std::map<Term, double>;

struct Step {
  double t, clock, input_scale;
  Sum next;  // The next x.
};

Term fresh_term(std::int32_t array, std::uint32_t evaluation) {
  if (array == NWR_PLAN_STATE) return {kState, evaluation};
  if (array == NWR_PLAN_NOISE) return {kNoise, evaluation};
  return {kOutput + static_cast<std::uint32_t>(array - NWR_PLAN_MODEL), evaluation};
}

// One output of a line. What the run keeps is taken apart into the states, outputs and normals that
// it was made of, which mean something to a reader.
Sum sum_of(const nwr_plan& line, std::uint32_t output, std::uint32_t evaluation,
           const std::map<std::int32_t, Sum>& kept) {
  Sum sum;
  const double* factors = line.factors + std::size_t{output} * (line.input_count + 1);
  for (std::uint32_t k = 0; k <= line.input_count; ++k) {
    if (factors[k] == 0) continue;
    const std::int32_t array =
        k < line.input_count ? line.inputs[k] : static_cast<std::int32_t>(NWR_PLAN_NOISE);
    const auto found = kept.find(array);
    if (found == kept.end()) {
      sum[fresh_term(array, evaluation)] += factors[k];
    } else {
      for (const auto& [term, factor] : found->second) sum[term] += factors[k] * factor;
    }
  }
  return sum;
}

std::vector<Step> steps_of(const nwr_sampler* sampler) {
  nwr_plan line{};
  line.struct_size = sizeof line;
  demo::check(nwr_sampler_plan(sampler, 0, &line));
  std::vector<Step> steps;
  std::map<std::int32_t, Sum> kept;
  for (std::uint32_t e = 0; e < line.count; ++e) {
    demo::check(nwr_sampler_plan(sampler, e, &line));
    std::map<std::int32_t, Sum> made;
    for (std::uint32_t j = 0; j < line.output_count; ++j) {
      made[line.outputs[j]] = sum_of(line, j, e, kept);
    }
    steps.push_back({*line.t_rows, *line.clock_rows, *line.input_scale_rows, made[NWR_PLAN_STATE]});
    made.erase(NWR_PLAN_STATE);
    for (auto& [array, sum] : made) kept[array] = std::move(sum);
  }
  return steps;
}

std::string name_of(const Term& column) {
  const auto& [what, age] = column;
  std::string name = what == kState ? "state" : what == kNoise ? "noise" : "output";
  if (what > kOutput && what != kNoise) name += " " + std::to_string(what - kOutput + 1);
  return name + (age == 0 ? "" : ", " + std::to_string(age) + " before");
}

int plan(const Args& args) {
  const Format format = format_of(args);
  const std::uint64_t count = args.whole("--steps", 10, 1, 500);
  const demo::Context context = demo::make_context(1);
  const demo::Schedule schedule = demo::make_schedule(args.text("--schedule", "linear").c_str());
  demo::SamplerSetup setup;
  setup.spec = args.words()[0];
  setup.prediction = quantity_of(args.text("--prediction", "velocity"));
  setup.times = demo::make_grid(schedule.get(), args.text("--grid", "uniform").c_str(), count,
                                args.number("--begin", 0, -1e300, 1e300),
                                args.number("--end", 0, -1e300, 1e300));
  setup.rngs = {nwr_rng{}};
  const demo::Sampler sampler = demo::make_sampler(context.get(), schedule.get(), setup);
  if (args.has("--raw")) {
    const char* text = nullptr;
    demo::check(nwr_sampler_plan_json(sampler.get(), &text));
    write_out(std::string(text) + "\n");
    return kFine;
  }

  const std::vector<Step> steps = steps_of(sampler.get());
  const auto column_of = [](const Term& term, std::size_t e) {
    return Term{term.first, static_cast<std::uint32_t>(e) - term.second};
  };
  // What cancels leaves its rounding.
  const auto counts = [](double factor) { return std::abs(factor) > 1e-13; };
  Sum columns{{{kState, 0}, 0}, {{kOutput, 0}, 0}};
  for (std::size_t e = 0; e < steps.size(); ++e) {
    for (const auto& [term, factor] : steps[e].next) {
      if (counts(factor)) columns[column_of(term, e)] = 0;
    }
  }
  Table table{{"evaluation", "t", "clock", "input scale"}, {}};
  for (const auto& [column, zero] : columns) table.columns.push_back(name_of(column));
  for (std::size_t e = 0; e < steps.size(); ++e) {
    const Step& s = steps[e];
    Sum row = columns;
    for (const auto& [term, factor] : s.next) {
      if (counts(factor)) row[column_of(term, e)] = factor;
    }
    table.rows.push_back({static_cast<std::int64_t>(e), s.t, s.clock, s.input_scale});
    for (const auto& [column, factor] : row) table.rows.back().emplace_back(factor);
  }
  print(table, format);
  return kFine;
}

}  // namespace

const Command kPlan{"plan",
                    "SAMPLER",
                    "The coefficients of a run: next x = state x + output factors + noise.",
                    1,
                    1,
                    {{"--schedule", "S", "the schedule (linear)"},
                     {"--grid", "G", "the grid of the times (uniform)"},
                     {"--steps", "N", "steps (10)"},
                     {"--begin", "T", "first time, where the grid takes it"},
                     {"--end", "T", "last time, where the grid takes it"},
                     {"--prediction", "Q", "data, noise, velocity, angular or score (velocity)"},
                     {"--raw", "", "the plan that another program runs, JSON as in docs/plan.md"},
                     kFormat},
                    plan};

}  // namespace tool
