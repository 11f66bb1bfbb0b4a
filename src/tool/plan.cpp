// SPDX-License-Identifier: Apache-2.0
// noisewright plan: the coefficients of a run, step by step, read off a run on unit vectors.
#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>

#include "commands.hpp"
#include "nwr.hpp"
#include "run.hpp"
#include "table.hpp"

namespace tool {
namespace {

constexpr std::size_t kOutputs = 4;  // With all that guidance and a learned variance ask for.
constexpr std::size_t kMemory = 16;  // Evaluations that a sampler may look back.

// Of what: 0 the state, from 1 on the model's outputs; and how many evaluations before this one.
using Term = std::pair<std::size_t, std::size_t>;

struct Step {
  nwr_eval eval;
  std::map<Term, double> factors;
  double fresh = 0, old = 0;
};

// The next x is a sum of the states and outputs of this evaluation and of earlier ones. Each of
// them has a place of its own in x: a state because a unit is added to it there, which its owner
// may do. So the newest state's factor can be read off, that state be taken away, then the one
// before it.
std::vector<Step> steps_of(const nwr_context* context, const nwr_schedule* schedule,
                           const RunSetup& setup, double amount, std::vector<double>* last) {
  const std::size_t count = evaluations_of(context, schedule, setup);
  if (count == 0) throw std::runtime_error("the run has no fixed number of evaluations");
  constexpr std::size_t kPlaces = 1 + kOutputs;
  const std::size_t base = 1 + kPlaces * count;
  std::vector<double> start(base + 4 * count + 8);
  start[0] = amount;
  UnitRun run(context, schedule, setup, start, base, amount);
  std::vector<Step> steps;
  std::vector<std::vector<double>> states;
  std::size_t index = 0;
  std::uint64_t known = 0;
  run.go(
      [&](const nwr_eval&, std::vector<double>& x, std::vector<std::vector<double>>& outputs) {
        x[1 + kPlaces * index] += amount;
        states.push_back(x);
        if (states.size() > kMemory) states[states.size() - kMemory - 1].clear();
        for (std::size_t k = 0; k < outputs.size() && k < kOutputs; ++k) {
          outputs[k][1 + kPlaces * index + 1 + k] = amount;
        }
      },
      [&](const nwr_eval& eval, const std::vector<double>& x) {
        Step s{eval, {}, 0, 0};
        std::vector<double> rest = x;
        const auto take = [&](std::size_t place, const Term& term) {
          const double factor = rest[place] / amount;
          // What cancels leaves its rounding.
          if (std::abs(factor) > 1e-13) s.factors[term] = factor;
          return factor;
        };
        for (std::size_t age = 0; age <= index && age < kMemory; ++age) {
          const std::size_t place = 1 + kPlaces * (index - age);
          const double factor = take(place, {0, age});
          const std::vector<double>& state = states[index - age];
          for (std::size_t i = 0; i < rest.size(); ++i) rest[i] -= factor * state[i];
          for (std::size_t k = 1; k <= kOutputs; ++k) take(place + k, {k, age});
        }
        double fresh = 0, old = 0;
        for (std::size_t i = base; i < rest.size(); ++i) {
          const double factor = rest[i] / amount;
          if (std::abs(factor) > 1e-13) (i - base < known ? old : fresh) += factor * factor;
        }
        s.fresh = std::sqrt(fresh);
        s.old = std::sqrt(old);
        known = run.draws();
        steps.push_back(s);
        ++index;
      });
  for (const double v : run.x()) last->push_back(v / amount);
  return steps;
}

std::string name_of(const Term& term) {
  const auto& [what, age] = term;
  return (what == 0 ? std::string("state")
                    : "output" + (what == 1 ? std::string() : " " + std::to_string(what))) +
         (age == 0 ? "" : ", " + std::to_string(age) + " before");
}

int plan(const Args& args) {
  const Format format = format_of(args);
  const std::uint64_t count = args.whole("--steps", 10, 1, 500);
  const demo::Context context = demo::make_context(1);
  const demo::Schedule schedule = demo::make_schedule(args.text("--schedule", "linear").c_str());
  RunSetup setup;
  setup.sampler = args.words()[0];
  setup.prediction = quantity_of(args.text("--prediction", "velocity"));
  setup.times = demo::make_grid(schedule.get(), args.text("--grid", "uniform").c_str(), count,
                                args.number("--begin", 0, -1e300, 1e300),
                                args.number("--end", 0, -1e300, 1e300));
  std::vector<double> once, twice;
  const std::vector<Step> steps = steps_of(context.get(), schedule.get(), setup, 1, &once);
  steps_of(context.get(), schedule.get(), setup, 4, &twice);
  for (std::size_t i = 0; i < once.size(); ++i) {
    if (std::abs(once[i] - twice[i]) > 1e-9 * (1 + std::abs(once[i]))) {
      throw std::runtime_error("'" + setup.sampler +
                               "' is not linear in its inputs, so it has no table of coefficients");
    }
  }

  Table table{{"evaluation", "t", "clock", "input scale"}, {}};
  std::map<Term, bool> terms{{{0, 0}, true}, {{1, 0}, true}};
  bool fresh = false, old = false;
  for (const Step& s : steps) {
    for (const auto& [term, factor] : s.factors) terms[term] = true;
    fresh = fresh || s.fresh != 0;
    old = old || s.old != 0;
  }
  for (const auto& [term, seen] : terms) table.columns.push_back(name_of(term));
  if (fresh) table.columns.emplace_back("noise");
  if (old) table.columns.emplace_back("earlier noise");
  for (const Step& s : steps) {
    std::vector<Cell> row{std::int64_t{s.eval.index}, s.eval.t, s.eval.clock, s.eval.input_scale};
    for (const auto& [term, seen] : terms) {
      const auto found = s.factors.find(term);
      row.emplace_back(found == s.factors.end() ? 0 : found->second);
    }
    if (fresh) row.emplace_back(s.fresh);
    if (old) row.emplace_back(s.old);
    table.rows.push_back(row);
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
                    {{"--schedule", "S", "(linear)"},
                     {"--grid", "G", "(uniform)"},
                     {"--steps", "N", "(10)"},
                     {"--begin", "T", "first and last time, where the grid takes them"},
                     {"--end", "T", ""},
                     {"--prediction", "Q", "data, noise, velocity, angular or score (velocity)"},
                     kFormat},
                    plan};

}  // namespace tool
