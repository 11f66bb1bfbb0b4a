// SPDX-License-Identifier: Apache-2.0
// Owns recorded random numbers: the known answers of Philox4x32-10, read through our uniforms,
// which are (word + 1/2)/2^32; PyTorch's generators and who repeats them; torchsde's trees. Must
// not know samplers.
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

bool begins(const std::string& text, const char* start) { return text.rfind(start, 0) == 0; }

nwr_dtype dtype_of(const Json& entry) {
  const std::string name = text_or(entry, "dtype", "float32");
  if (name == "float64") return NWR_F64;
  if (name == "float16") return NWR_F16;
  if (name == "bfloat16") return NWR_BF16;
  if (name != "float32") throw Malformed("no element type: " + name);
  return NWR_F32;
}

// Uniforms are exact. Normals go through logarithms and sines, of which PyTorch's builds have
// several: 16 bits agree but for a last bit, single precision to 1.5e-6, double to 1e-14.
double tolerance_of(nwr_dtype dtype, nwr_distribution what) {
  if (what == NWR_UNIFORM) return 0;
  switch (dtype) {
    case NWR_F64: return 1e-14;
    case NWR_F16: return 1e-3;
    case NWR_BF16: return 8e-3;
    default: return 1.5e-6;
  }
}

nwr_rng rng_of(const Json& entry) {
  const Json& seed = member(entry, "seed");
  if (!seed.is_number_integer()) throw Malformed("a seed is no integer");
  return {seed.get<uint64_t>(), 0, 0};
}

// One call of PyTorch's generator after another.
class Calls {
 public:
  Calls(Check& check, Source source, nwr_rng rng)
      : check_(check), source_(std::move(source)), rng_(rng) {}

  void take(const std::string& where, nwr_distribution what, const Json& values, double mean = 0,
            double deviation = 1) {
    source_.what = what;
    const nwr_rng before = rng_;
    numbers_ = random_numbers(source_, rng_, values.size());
    check_.require(what == NWR_UNIFORM || before.offset != rng_.offset || before.stream != 0,
                   where + ", position");
    for (double& number : numbers_) number = mean + deviation * number;
    compare(where, values, tolerance_of(source_.dtype, what), deviation);
  }
  // The same numbers of a build without vector instructions, which rounds the angle otherwise.
  void take_again(const std::string& where, const Json& values, double deviation = 1) {
    compare(where, values, 3e-6, deviation);
  }

 private:
  void compare(const std::string& where, const Json& values, double tolerance, double floor) {
    Json recorded = Json::array();
    for (const double value : to_numbers(values)) {
      // Single precision is written in as many digits as tell its numbers apart.
      recorded.push_back(source_.dtype == NWR_F64 ? value
                                                  : static_cast<double>(static_cast<float>(value)));
    }
    check_.near(where, numbers_, recorded, tolerance, floor);
  }

  Check& check_;
  Source source_;
  nwr_rng rng_;
  Numbers numbers_;
};

void replay_torch(Check& check, const Json& entry) {
  const std::string function = text_or(entry, "fn", "");
  const Json& values = member(entry, "values");
  const Json* const plain = has(entry, "values_no_avx") ? &entry["values_no_avx"] : nullptr;
  const nwr_dtype dtype = dtype_of(entry);
  nwr_rng rng = rng_of(entry);
  Source source;
  source.generator = "torch-cpu";
  source.dtype = dtype;
  Calls calls(check, source, rng);
  if (function == "randn" || function == "rand") {
    check.equal("size", static_cast<double>(values.size()), member(entry, "size"));
    calls.take("values", function == "rand" ? NWR_UNIFORM : NWR_NORMAL, values);
    if (plain) calls.take_again("values_no_avx", *plain);
  } else if (begins(function, "randn sequence") || begins(function, "mixed: randn(3), rand(2)") ||
             begins(function, "normal(mean=0.5,std=2)")) {
    const bool mixed = begins(function, "mixed"), moved = begins(function, "normal");
    for (size_t i = 0; i < values.size(); ++i) {
      calls.take(indexed("values", i), mixed && i == 1 ? NWR_UNIFORM : NWR_NORMAL, values[i],
                 moved ? 0.5 : 0, moved ? 2 : 1);
      if (plain) calls.take_again(indexed("values_no_avx", i), plain->at(i), moved ? 2 : 1);
    }
    if (!has(entry, "sizes")) return;
    for (size_t i = 0; i < values.size(); ++i) {
      check.equal(indexed("sizes", i), static_cast<double>(values[i].size()),
                  member(entry, "sizes").at(i));
    }
  } else if (begins(function, "single generator randn")) {
    calls.take("values", NWR_NORMAL, values);
    if (plain) calls.take_again("values_no_avx", *plain);
  } else if (begins(function, "diffusers randn_tensor")) {
    for (size_t i = 0; i < values.size(); ++i, ++rng.seed) {
      Calls sample(check, source, rng);
      sample.take(indexed("values", i), NWR_NORMAL, values[i]);
      if (plain) sample.take_again(indexed("values_no_avx", i), plain->at(i));
    }
  } else {
    throw Unsupported{"torch." + function + " is no normal or uniform number"};
  }
}

void replay_emulation(Check& check, const Json& entry, const char* generator) {
  Source source;
  source.generator = generator;
  Calls calls(check, source, rng_of(entry));
  size_t index = 0;
  for (const Json& call : member(entry, "calls")) {
    const std::string where = indexed("calls", index++);
    const Json& values = member(call, "values");
    check.equal(where + ".n", static_cast<double>(values.size()), member(call, "n"));
    calls.take(where, NWR_NORMAL, values);
  }
}

// Queries of a tree: k-diffusion's normals, or torchsde's own increments.
void replay_tree(Check& check, const Json& entry) {
  const bool raw = has(entry, "increments");
  Source source;
  source.dtype = dtype_of(entry);
  source.generator = "torchsde(sigma_min=" + text(number_or(entry, "sigma_min", raw ? 0 : 0.0292)) +
                     ",sigma_max=" + text(number_or(entry, "sigma_max", raw ? 1 : 14.6146)) + ")";
  const auto query = [&](const std::string& where, uint64_t seed, const Json& levels,
                         const Json& values) {
    source.from_level = to_number(levels.at(0));
    source.to_level = to_number(levels.at(1));
    nwr_rng rng{seed, 0, 0};
    Numbers numbers = random_numbers(source, rng, values.size());
    const float length =
        static_cast<float>(source.to_level) - static_cast<float>(source.from_level);
    for (double& number : numbers) number *= raw ? std::sqrt(static_cast<double>(length)) : 1;
    check.near(where, numbers, values, 1.5e-6, raw ? std::sqrt(static_cast<double>(length)) : 1);
  };
  if (has(entry, "interval")) {
    // One tree, or one a sample.
    const Json& rows = member(entry, "noise");
    const uint64_t first = has(entry, "seed") ? rng_of(entry).seed : 7;
    for (size_t i = 0; i < rows.size(); ++i) {
      query(indexed("noise", i), first + i, entry["interval"], rows[i]);
    }
    return;
  }
  const Json& intervals = member(entry, raw ? "queries" : "intervals");
  const auto all = [&](const char* name) {
    const Json& rows = member(entry, name);
    check.require(rows.size() == intervals.size(), std::string(name) + " in number");
    for (size_t i = 0; i < rows.size() && i < intervals.size(); ++i) {
      query(indexed(name, i), rng_of(entry).seed, intervals[i], rows[i]);
    }
  };
  if (has(entry, "shape")) {
    double count = 1;
    for (const Json& extent : entry["shape"]) count *= to_number(extent);
    check.equal("shape", count, Json(member(entry, "noise").at(0).size()));
  }
  all(raw ? "increments" : "noise");
  if (!raw) all("reverse_query_order_noise");
}

}  // namespace

void replay_random_words(const Json& file, Cases& cases) {
  // torch's files name their generator in the source alone.
  const bool torch = begins(text_or(file, "source", ""), "pytorch");
  std::set<std::string> told;
  size_t index = 0;
  for (const Json& entry : member(file, "entries")) {
    const std::string generator = torch ? "torch-cpu" : generator_of(entry);
    const std::string place = indexed("entries", index++);
    if (torch) {
      cases.run(place, [&](Check& check) { replay_torch(check, entry); });
    } else if (begins(generator, "sd.cpp PhiloxRNG")) {
      cases.run(place, [&](Check& check) { replay_emulation(check, entry, "torch-cuda"); });
    } else if (begins(generator, "sd.cpp MT19937RNG")) {
      cases.run(place, [&](Check& check) { replay_emulation(check, entry, "torch-cpu"); });
    } else if (begins(generator, "k-diffusion BrownianTree") || begins(generator, "torchsde.") ||
               begins(generator, "batched seeds [7,8]")) {
      cases.run(place, [&](Check& check) { replay_tree(check, entry); });
    } else if (!has(entry, "ctr")) {
      if (!told.insert(generator).second) continue;
      cases.run(generator, [&](Check&) {
        throw Unsupported{"generator " + generator + " is not in this version"};
      });
    } else if (const std::string rounds = text(number_or(entry, "rounds", 0));
               generator != "philox4x32" || rounds != "10") {
      cases.run(place, [&](Check&) {
        throw Unsupported{"generator " + generator + "-" + rounds + " is not in this version"};
      });
    } else {
      cases.run(place, [&](Check& check) { replay_philox(check, entry); });
    }
  }
}

}  // namespace replay
