// SPDX-License-Identifier: Apache-2.0
// Reads --name VALUE and --name=VALUE. A number must be a whole argument and in range.
#include "args.hpp"

#include <algorithm>
#include <charconv>

#include "table.hpp"

namespace tool {
namespace {

template <class T>
T parse(const std::string& what, const std::string& text, T min, T max) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !(value >= min && value <= max)) {
    throw UsageError(what + " wants a number from " + shortest(min) + " to " + shortest(max) +
                     ", not '" + text + "'");
  }
  return value;
}

}  // namespace

double parse_number(const std::string& what, const std::string& text, double min, double max) {
  return parse(what, text, min, max);
}

std::uint64_t parse_whole(const std::string& what, const std::string& text, std::uint64_t min,
                          std::uint64_t max) {
  return parse(what, text, min, max);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts{""};
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

Args::Args(const Command& command, int argc, char** argv) {
  const bool program = std::string(command.words).find("PROGRAM") != std::string::npos;
  for (int i = 0; i < argc; ++i) {
    std::string name = argv[i], value;
    // What follows a program is its own.
    if ((program && !words_.empty()) || name == "-" || name.rfind('-', 0) != 0) {
      words_.push_back(name);
      continue;
    }
    const std::size_t equals = name.find('=');
    const bool attached = equals != std::string::npos;
    if (attached) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    const auto found = std::find_if(command.options.begin(), command.options.end(),
                                    [&](const Option& o) { return name == o.name; });
    if (found == command.options.end()) {
      throw UsageError("there is no option '" + name + "'; noisewright " + command.name +
                       " --help lists them");
    }
    if (*found->value == '\0') {
      if (attached) throw UsageError(name + " takes no value");
    } else if (!attached) {
      if (++i == argc) throw UsageError(name + " wants a value");
      value = argv[i];
    }
    options_[name].push_back(value);
  }
  if (words_.size() < command.least) {
    throw UsageError("something is missing: noisewright " + std::string(command.name) + " " +
                     command.words);
  }
  if (words_.size() > command.most) {
    throw UsageError("'" + words_[command.most] + "' is one word too many");
  }
}

std::string Args::word(std::size_t i, const std::string& otherwise) const {
  return i < words_.size() ? words_[i] : otherwise;
}

std::string Args::text(const std::string& name, const std::string& otherwise) const {
  return has(name) ? options_.at(name).back() : otherwise;
}

std::vector<std::string> Args::all(const std::string& name) const {
  return has(name) ? options_.at(name) : std::vector<std::string>();
}

double Args::number(const std::string& name, double otherwise, double min, double max) const {
  return has(name) ? parse_number(name, text(name, ""), min, max) : otherwise;
}

std::uint64_t Args::whole(const std::string& name, std::uint64_t otherwise, std::uint64_t min,
                          std::uint64_t max) const {
  return has(name) ? parse_whole(name, text(name, ""), min, max) : otherwise;
}

std::string help_of(const Command& command) {
  const std::string words = *command.words == '\0' ? "" : " " + std::string(command.words);
  std::string help = "Usage: noisewright " + std::string(command.name) + " [options]" + words +
                     "\n" + command.summary + "\n\n";
  for (const Option& o : command.options) {
    std::string left = std::string("  ") + o.name + " " + o.value;
    left.resize(std::max<std::size_t>(left.size() + 1, 22), ' ');
    help += left + o.help + "\n";
  }
  return help;
}

}  // namespace tool
