// SPDX-License-Identifier: Apache-2.0
// Owns the replay of guidance and of limits of data: outputs of a model, and what a peer makes of
// them. Must not know trajectories.
#include <cmath>

#include "formats.hpp"
#include "library.hpp"

namespace replay {
namespace {

struct Entry {
  const Json& file;
  const Json& entry;

  double number(const char* name) const { return number_or(entry, name, 0); }
  Numbers of_file(const char* name) const { return to_numbers(member(file, name)); }
  std::vector<int64_t> shape() const {
    std::vector<int64_t> out;
    for (const double extent : to_numbers(member(file, "shape"))) {
      out.push_back(static_cast<int64_t>(extent));
    }
    return out;
  }
};

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::vector<Numbers> guided(const Entry& e, Pairs settings, bool second = false) {
  settings.insert(settings.begin(), {"guidance", text(e.number("scale"))});
  std::vector<std::vector<Numbers>> outputs = {{e.of_file("pred_cond"), e.of_file("pred_uncond")}};
  if (second) outputs.push_back({e.of_file("pred_cond_step2"), e.of_file("pred_uncond_step2")});
  return estimates(spec("euler", settings), e.shape(), outputs);
}

void replay_entry(Check& check, const Entry& e) {
  const std::string op = text_or(e.entry, "op", "");
  const auto first = [&](const Pairs& settings) {
    check.state("out", guided(e, settings)[0], member(e.entry, "out"));
  };
  if (op == "cfg") return first({});
  if (op == "cfg+rescale") return first({{"guidance_rescale", text(e.number("rescale"))}});
  if (op == "cfg_zero_star") return first({{"guidance_method", "zero_star"}});
  if (op == "tcfg") return first({{"guidance_method", "tangential"}});
  if (op == "mambo_g") {
    return first({{"guidance_method", "decaying"}, {"guidance_decay", text(e.number("alpha"))}});
  }
  if (op == "apg") {
    const auto steps = guided(e,
                              {{"guidance_method", "projected"},
                               {"guidance_parallel", text(e.number("eta"))},
                               {"guidance_norm", text(e.number("norm_threshold"))},
                               {"guidance_momentum", text(e.number("momentum"))}},
                              true);
    check.state("step1", steps[0], member(e.entry, "step1"));
    check.state("step2", steps[1], member(e.entry, "step2"));
    return;
  }
  if (op == "dynamic_threshold") {
    check.require(text_or(e.entry, "input", "") == "3*pred_cond", "input");
    Numbers data = e.of_file("pred_cond");
    for (double& x : data) x *= 3;
    const std::string sampler =
        spec("euler", {{"threshold", text(e.number("ratio"))},
                       {"threshold_max", text(e.number("sample_max_value"))}});
    check.state("out", estimates(sampler, e.shape(), {{data}})[0], member(e.entry, "out"));
    return;
  }
  throw Unsupported{"operator " + op + " is not in this version"};
}

}  // namespace

void replay_guidance(const Json& file, Cases& cases) {
  for (size_t i = 0; i < file["entries"].size(); ++i) {
    const Json& entry = file["entries"][i];
    cases.run(indexed("op", i) + " " + text_or(entry, "op", ""), [&](Check& check) {
      replay_entry(check, {file, entry});
    });
  }
}

}  // namespace replay
