// SPDX-License-Identifier: Apache-2.0
// Owns recorded random numbers: the known answers of Philox4x32-10, read through our uniforms,
// which are (word + 1/2)/2^32. Must not know samplers.
#include <cmath>
#include <set>

#include "formats.hpp"

namespace replay {
namespace {

uint64_t word_at(const Json& words, size_t index) {
  const Json& word = words.at(index);
  if (!word.is_string()) throw Malformed("a word is not text");
  const auto& digits = word.get_ref<const std::string&>();
  size_t used = 0;
  const uint64_t value = std::stoull(digits, &used, 16);
  if (used != digits.size() || value > 0xffffffffu) throw Malformed("no word: " + digits);
  return value;
}

uint64_t pair_at(const Json& words, size_t index) {
  return word_at(words, index) | word_at(words, index + 1) << 32;
}

void replay_philox(Check& check, const Json& entry) {
  const Json& counter = member(entry, "ctr");
  const uint64_t block = pair_at(counter, 0);
  if (block >> 62 != 0) throw Unsupported{"a counter of 2^62 blocks or more is out of reach"};
  const nwr_rng rng{pair_at(member(entry, "key"), 0), pair_at(counter, 2), 4 * block};
  Numbers words = random_uniforms(rng, 4);
  for (double& word : words) word = word * 4294967296.0 - 0.5;
  const Json& expected = member(entry, "expected");
  for (size_t i = 0; i < 4; ++i) {
    check.equal(indexed("expected", i), words[i], Json(static_cast<double>(word_at(expected, i))));
  }
  check.require(expected.size() == 4 && counter.size() == 4 && entry["key"].size() == 2,
                "count of words");
}

std::string generator_of(const Json& entry) {
  for (const char* name : {"rng", "kind"}) {
    if (has(entry, name)) return text_or(entry, name, "");
  }
  return "";
}

}  // namespace

void replay_random_words(const Json& file, Cases& cases) {
  // torch's files name their generator in the source alone.
  const bool torch = text_or(file, "source", "").rfind("pytorch", 0) == 0;
  std::set<std::string> told;
  const auto refuse = [&](const std::string& generator) {
    if (!told.insert(generator).second) return;
    cases.run(generator, [&](Check&) {
      throw Unsupported{"generator " + generator + " is not in this version"};
    });
  };
  size_t index = 0;
  for (const Json& entry : member(file, "entries")) {
    const std::string generator = torch ? "torch-cpu" : generator_of(entry);
    const std::string place = indexed("entries", index++);
    if (!has(entry, "ctr")) {
      refuse(generator);
      continue;
    }
    const std::string rounds = text(number_or(entry, "rounds", 0));
    if (generator != "philox4x32" || rounds != "10") {
      cases.run(place, [&](Check&) {
        throw Unsupported{"generator " + generator + "-" + rounds + " is not in this version"};
      });
    } else {
      cases.run(place, [&](Check& check) { replay_philox(check, entry); });
    }
  }
}

}  // namespace replay
