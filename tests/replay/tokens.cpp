// SPDX-License-Identifier: Apache-2.0
// Owns the replay of flow matching with a time for each token: tokens are the samples of a batch,
// the same memory in another shape. Must not know how a run is compared otherwise.
#include <algorithm>

#include "formats.hpp"

namespace replay {
namespace {

// Each step of a token ends at the next level below the one where it stands, whether the next step
// begins there or not. The peer adds what it should take away: its output is minus the velocity.
void replay_part(Check& check, const Json& file, const Json& part) {
  const size_t n = file["steps"].size();
  const Imported ours = import_config(
      Json({{"_class_name", text_or(file, "class", "")},
            {"shift", number_or(member(file, "config"), "shift", 1)},
            {"num_train_timesteps", number_or(member(file, "config"), "num_train_timesteps", 1)}})
          .dump(),
      n, {});
  check.equal("num_inference_steps", static_cast<double>(n), member(file, "num_inference_steps"));
  check.equal("init_noise_sigma", ours.start == NWR_START_UNIT ? 1 : 0,
              member(part, "init_noise_sigma"));
  Numbers levels = grid(ours.schedule, ours.grid, n + 1);
  check.level("sigmas", levels, member(part, "sigmas"));
  Numbers clock = scaled(ours.clock_scale, levels);
  clock.pop_back();
  check.level("timesteps", clock, member(part, "timesteps"));

  Array x = to_array(member(part, "init"));
  if (has(file, "init_unit_noise")) check.state("init", x.data, file["init_unit_noise"]);
  const auto count = static_cast<int64_t>(x.data.size());
  x.shape = {count, 1};
  const Array bases = to_array(member(file, "per_token_base"));
  for (size_t i = 0; i < n; ++i) {
    const Json &step = member(part, "steps")[i], &whole = file["steps"][i];
    const std::string place = indexed("steps", i) + ".";
    std::vector<Numbers> rows;
    Numbers stands;
    for (const double base : bases.data) {
      check.require(base <= levels.front(), "per_token_base");
      const double from = std::min(base, levels[i]);
      double to = 0;
      for (const double level : levels) {
        if (level < from - 1e-6) to = std::max(to, level);
      }
      stands.push_back(ours.clock_scale * from);
      rows.push_back({from, to});
    }
    const auto compare = [&](const char* name, const Numbers& values) {
      if (has(step, name)) check.state(place + name, values, step[name]);
    };
    if (has(whole, "i")) check.equal(place + "i", static_cast<double>(i), whole["i"]);
    compare("t", {clock[i]});
    compare("per_token_timesteps", stands);
    compare("x", x.data);
    compare("model_in", x.data);
    const Numbers output = scaled(-0.3, x.data);
    compare("model_out", output);
    x.data =
        step_of_rows(ours.schedule, ours.sampler, ours.prediction, rows, x, scaled(-1, output));
    compare("x_next", x.data);
  }
  check.state("final", x.data, member(part, "final"));
}

}  // namespace

void replay_tokens(const Json& file, Cases& cases) {
  cases.run(text_or(file, "class", ""), [&](Check& check) {
    replay_part(check, file, file);
    check.in_single("native_float32.",
                    [&] { replay_part(check, file, member(file, "native_float32")); });
  });
}

}  // namespace replay
