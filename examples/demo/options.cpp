// SPDX-License-Identifier: Apache-2.0
// Reads --name VALUE and --name=VALUE.
// A number must be a whole argument and in range: "12x" and "-1" are mistakes, not 12 and 2^64-1.
#include "options.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <thread>

namespace demo {

const char* const kHelp =
    R"(Usage: noisewright-demo [options]
Act 1: noise flows into a word (word.svg), and how fast each sampler converges there
       (convergence.svg, convergence.txt). The model is a closed form: all error is the sampler's.
Act 2: a small trained network draws clothes (fashion.png), and what each sampler makes of the
       same noise with few evaluations (strip.png).

  --act 1|2        one act only
  --sampler SPEC   as 'heun', 'dpmpp-2m', 'ddim(eta=0.5)'                  (heun)
  --steps N        steps of act 2's pictures, 1 to 1000                    (12)
  --guidance W     classifier-free guidance, -100 to 100; 1 is none        (2)
  --label L        one class of clothes, 0 to 9                            (each row its own)
  --seed S         the same seed gives the same bytes                      (42)
  --threads T      1 to 256; never changes a result                        (one per core)
  --out DIR        where the pictures go; made if missing                  (.)
  --json           a summary for programs on standard output
  --list           the library's schedules, grids and samplers
  --help           this text

Ctrl-C stops within one evaluation, keeps what is done, and the exit status is 130.
)";

namespace {

template <class T>
T number(const std::string& option, const std::string& text, T min, T max) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !(value >= min && value <= max)) {
    const auto show = [](T v) {
      const std::string s = std::to_string(v);
      return s.find('.') == std::string::npos ? s : s.substr(0, s.find('.'));
    };
    throw UsageError(option + " wants a number from " + show(min) + " to " + show(max) + ", not '" +
                     text + "'");
  }
  return value;
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options o;
  o.threads = std::clamp(std::thread::hardware_concurrency(), 1u, 256u);
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i], value;
    const std::size_t equals = name.find('=');
    const bool attached = name.rfind("--", 0) == 0 && equals != std::string::npos;
    if (attached) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    if (name == "--json" || name == "--list" || name == "--help" || name == "-h") {
      if (attached) throw UsageError(name + " takes no value");
      (name == "--json" ? o.json : name == "--list" ? o.list : o.help) = true;
      continue;
    }
    constexpr const char* kValued[] = {"--act",   "--sampler", "--steps",   "--guidance",
                                       "--label", "--seed",    "--threads", "--out"};
    if (std::find(std::begin(kValued), std::end(kValued), name) == std::end(kValued)) {
      throw UsageError("there is no option '" + name + "'; --help lists them");
    }
    if (!attached) {
      if (++i == argc) throw UsageError(name + " wants a value");
      value = argv[i];
    }
    if (value.empty()) throw UsageError(name + " wants a value");
    if (name == "--act") o.act = number(name, value, 1, 2);
    if (name == "--sampler") o.sampler = value;
    if (name == "--steps") o.steps = number<std::size_t>(name, value, 1, 1000);
    if (name == "--guidance") o.guidance = number(name, value, -100.0, 100.0);
    if (name == "--label") o.label = number(name, value, 0, 9);
    if (name == "--seed") o.seed = number<std::uint64_t>(name, value, 0, UINT64_MAX);
    if (name == "--threads") o.threads = number(name, value, 1u, 256u);
    if (name == "--out") o.out = value;
  }
  if (o.sampler.find("guidance=") != std::string::npos) {
    throw UsageError("say the guidance with --guidance, not in --sampler");
  }
  return o;
}

}  // namespace demo
