// SPDX-License-Identifier: Apache-2.0
// Owns the replay of what pipelines do around a sampler: the shift of a sequence's length, and the
// first step of image-to-image. Must not know runs.
#include <cmath>

#include "formats.hpp"
#include "library.hpp"

namespace replay {
namespace {

// FLUX's scheduler with the length as the caller tells it: the middle of the shifted levels is
// e^mu/(1 + e^mu).
void replay_shift(Check& check, const Json& entry) {
  const double tokens = to_number(member(entry, "image_seq_len"));
  const Imported ours = import_config(
      R"({"_class_name": "FlowMatchEulerDiscreteScheduler", "use_dynamic_shifting": true})", 2,
      {{"tokens", tokens}, {"even", 1}});
  const double middle = grid(ours.schedule, ours.grid, 3)[1];
  check.level("mu", std::log(middle) - std::log1p(-middle), member(entry, "mu"));
}

void replay_entry(Check& check, const Json& entry) {
  const std::string op = text_or(entry, "op", "");
  if (op == "flux calculate_shift") return replay_shift(check, entry);
  const bool floors = op.rfind("t_start rule SD img2img", 0) == 0;
  if (!floors && op.rfind("t_start rule SD3/flux img2img", 0) != 0) {
    throw Unsupported{op + " is not in this version"};
  }
  const double n = to_number(member(entry, "n"));
  check.equal("t_start", first_step(floors ? "sd" : "sd3", n, to_number(member(entry, "strength"))),
              member(entry, "t_start"));
}

}  // namespace

void replay_helpers(const Json& file, Cases& cases) {
  for (size_t i = 0; i < file["entries"].size(); ++i) {
    const Json& entry = file["entries"][i];
    cases.run(indexed("op", i) + " " + text_or(entry, "op", ""),
              [&](Check& check) { replay_entry(check, entry); });
  }
}

}  // namespace replay
