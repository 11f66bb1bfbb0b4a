// SPDX-License-Identifier: Apache-2.0
// noisewright bench: how long a step takes beside a copy of the same memory.
#include <algorithm>
#include <cstring>

#include "commands.hpp"
#include "nwr.hpp"
#include "progress.hpp"
#include "table.hpp"
#include "terminal.hpp"

namespace tool {
namespace {

// Seconds of one step: the least of the runs, since everything else only adds to it.
double step_time(const nwr_context* context, const std::string& spec, demo::Batch<float>& x,
                 demo::Batch<float>& y, std::size_t runs) {
  constexpr std::size_t kSteps = 12;
  const demo::Schedule schedule = demo::make_schedule("cosine");
  demo::SamplerSetup setup;
  setup.spec = spec;
  setup.prediction = NWR_NOISE;
  setup.times = demo::make_grid(schedule.get(), "uniform", kSteps, 0.9, 0.1);
  setup.rngs = {nwr_rng{}};
  const demo::Sampler sampler = demo::make_sampler(context, schedule.get(), setup);
  const nwr_tensor state = x.tensor(), output = y.tensor();
  double least = 1e300;
  for (std::size_t i = 0; i < runs; ++i) {
    std::fill(x.values().begin(), x.values().end(), 0.5f);
    demo::check(nwr_sampler_start(sampler.get(), &state, NWR_START_STATE));
    nwr_eval eval{};
    eval.struct_size = sizeof eval;
    while (demo::check(nwr_sampler_next(sampler.get(), &eval)) != NWR_DONE) {
      const demo::Stopwatch clock;
      demo::check(nwr_sampler_step(sampler.get(), &state, &output, 1));
      // The first steps of a multistep method read less.
      if (eval.index >= 4) least = std::min(least, clock.seconds());
    }
  }
  return least;
}

int bench(const Args& args) {
  const Format format = format_of(args);
  const auto threads = static_cast<unsigned>(args.whole("--threads", 1, 0, 1024));
  const std::size_t count = args.whole("--elements", 1 << 20, 16, std::size_t{1} << 30);
  const std::size_t runs = args.whole("--runs", 10, 1, 1000000);
  std::vector<std::string> samplers = args.words();
  if (samplers.empty()) samplers = {"euler", "ddim", "dpmpp-2m", "unipc", "heun", "ddim(eta=1)"};
  const demo::Context context = demo::make_context(threads);
  demo::Batch<float> x(1, count), y(1, count);
  std::fill(y.values().begin(), y.values().end(), 0.25f);
  double copy = 1e300;
  for (std::size_t i = 0; i < 4 * runs; ++i) {
    const demo::Stopwatch clock;
    std::memcpy(x.values().data(), y.values().data(), x.bytes());
    copy = std::min(copy, clock.seconds());
  }
  Table table{{"what", "microseconds", "ns per element", "copies"}, {}};
  const auto row = [&](const std::string& name, double seconds) {
    table.rows.push_back(
        {name, seconds * 1e6, seconds * 1e9 / static_cast<double>(count), seconds / copy});
  };
  row("copy", copy);
  Bar progress("bench", samplers.size(), "sampler");
  for (std::size_t i = 0; i < samplers.size() && !demo::interrupted(); ++i) {
    row(samplers[i], step_time(context.get(), samplers[i], x, y, runs));
    progress.show(i + 1);
  }
  print(table, format);
  return kFine;
}

}  // namespace

const Command kBench{"bench",
                     "[SAMPLER...]",
                     "Time of a step of f32 on the CPU beside a copy of the state.",
                     0,
                     64,
                     {{"--elements", "N", "of the state (1048576)"},
                      {"--threads", "N", "0 is one a core (1)"},
                      {"--runs", "N", "of which the shortest step counts (10)"},
                      kFormat},
                     bench};

}  // namespace tool
