// SPDX-License-Identifier: Apache-2.0
// Owns the reading of a configuration: JSON as it comes from strangers, each key read once, each
// key that nobody read a warning. Must not know which keys there are.
#pragma once

#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/imports/import.hpp"

namespace noisewright {

// What a configuration gives to one key. A tree of JSON values is not kept: it allocates when it is
// destroyed, and then a lack of memory would end the process.
struct ConfigValue {
  enum class Kind { null, boolean, number, text, list, object };
  Kind kind = Kind::null;
  bool flag = false;
  double number = 0;
  std::string text;
  std::vector<double> numbers;  // of a list
  bool numbers_alone = true;    // that it has
  std::string shown;            // as JSON, cut to what a message has room for
};
using Config = std::map<std::string, ConfigValue, std::less<>>;

// An object, at most 1 MiB and four levels deep. Python's Infinity, -Infinity and NaN are numbers.
Config parse_config(std::string_view text);
// Text as a message shows it: in quotes, ASCII, cut short.
std::string quote(const std::string& text);

class Reader {
 public:
  Reader(const Config& object, const nwr_import_options& options, Import& out);

  // A member that is missing or null is what the class takes by default.
  double number(const char* key, double by_default);
  // A whole number from least to most.
  int64_t whole(const char* key, int64_t by_default, int64_t least, int64_t most);
  bool flag(const char* key, bool by_default);
  std::string text(const char* key, const char* by_default);
  // One of a comma-separated list.
  std::string choice(const char* key, const char* by_default, const char* choices);
  std::vector<double> numbers(const char* key);
  bool has(const char* key) const;

  // What the class takes when it is called.
  double argument(const char* name, double by_default);
  bool has_argument(const char* name) const;

  int64_t steps() const { return out_.steps; }
  // Keys that change no number here, set or not.
  void ignore(std::initializer_list<const char*> keys);
  // A setting that is not followed, with the reason.
  void warn(const char* key, std::string_view why);
  // The rest of the keys is named; an argument that nobody takes is an error.
  void finish();

 private:
  const ConfigValue* find(const char* key);
  [[noreturn]] void refuse(const char* key, const char* kind) const;
  std::string shown(const char* key) const;

  const Config& object_;
  const nwr_import_options& options_;
  Import& out_;
  std::set<std::string, std::less<>> read_, asked_;
};

}  // namespace noisewright
