// SPDX-License-Identifier: Apache-2.0
#include "core/imports/reader.hpp"

#include <cmath>

#include "core/catalog.hpp"
#include "core/error.hpp"

namespace noisewright {
namespace {

using Json = nlohmann::json;

constexpr size_t kMostBytes = 1 << 20;
constexpr int kMostDepth = 4;

// What a message shows of a value.
std::string shorten(const Json& value) {
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

// The same text with Python's three words that JSON lacks as strings, and no deeper than allowed.
std::string as_json(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 64);
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      out += c;
      if (c == '\\' && i + 1 < text.size()) out += text[++i];
      if (c == '"') quoted = false;
      continue;
    }
    quoted = c == '"';
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (depth > kMostDepth) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "text: at byte ", i, " it is nested deeper than ",
           kMostDepth, " levels");
    }
    bool word = false;
    for (const std::string_view python : {"-Infinity", "Infinity", "NaN"}) {
      if (text.substr(i, python.size()) != python) continue;
      (((out += '"') += python) += '"');
      i += python.size() - 1;
      word = true;
      break;
    }
    if (!word) out += c;
  }
  return out;
}

}  // namespace

Json parse_config(std::string_view text) {
  if (text.size() > kMostBytes) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "text has ", text.size(), " bytes, more than ", kMostBytes);
  }
  Json object;
  try {
    object = Json::parse(as_json(text));
  } catch (const Json::exception& error) {
    std::string why;
    for (const char* c = error.what(); *c; ++c) why += *c >= ' ' && *c <= '~' ? *c : '?';
    fail(NWR_ERROR_INVALID_ARGUMENT, "text is no JSON: ", why.substr(0, 200));
  }
  if (!object.is_object()) fail(NWR_ERROR_INVALID_ARGUMENT, "text is no JSON object");
  return object;
}

Reader::Reader(const Json& object, const nwr_import_options& options, Import& out)
    : object_(object), options_(options), out_(out) {
  if (options.param_count > 0 && !options.params) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "options.params is NULL, but options.param_count is ",
         options.param_count);
  }
  for (uint32_t i = 0; i < options.param_count; ++i) {
    const Name name{"options.params", i};
    if (!options.params[i].name) fail(NWR_ERROR_INVALID_ARGUMENT, name, ".name is NULL");
    if (!std::isfinite(options.params[i].value)) {
      fail(NWR_ERROR_INVALID_ARGUMENT, name, ": ", options.params[i].name, " is ",
           options.params[i].value);
    }
  }
}

const Json* Reader::find(const char* key) {
  read_.insert(key);
  return has(key) ? &*object_.find(key) : nullptr;
}

bool Reader::has(const char* key) const {
  const auto found = object_.find(key);
  return found != object_.end() && !found->is_null();
}

std::string Reader::shown(const char* key) const {
  return concat(key, "=", has(key) ? shorten(*object_.find(key)) : "null");
}

void Reader::refuse(const char* key, const char* kind) const {
  fail(NWR_ERROR_INVALID_ARGUMENT, "text: ", shown(key), " is not ", kind);
}

double Reader::number(const char* key, double by_default) {
  const Json* value = find(key);
  if (!value) return by_default;
  if (value->is_number()) return value->get<double>();
  // As Python writes what JSON has no number for.
  if (value->is_string()) {
    const auto& text = value->get_ref<const std::string&>();
    if (text == "inf" || text == "Infinity") return HUGE_VAL;
    if (text == "-inf" || text == "-Infinity") return -HUGE_VAL;
  }
  refuse(key, "a number");
}

int64_t Reader::whole(const char* key, int64_t by_default, int64_t least, int64_t most) {
  const double value = number(key, static_cast<double>(by_default));
  if (!(value >= static_cast<double>(least) && value <= static_cast<double>(most)) ||
      value != std::floor(value)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "text: ", shown(key), " is not a whole number from ", least,
         " to ", most);
  }
  return static_cast<int64_t>(value);
}

bool Reader::flag(const char* key, bool by_default) {
  const Json* value = find(key);
  if (!value) return by_default;
  if (!value->is_boolean()) refuse(key, "true or false");
  return value->get<bool>();
}

std::string Reader::text(const char* key, const char* by_default) {
  const Json* value = find(key);
  if (!value) return by_default;
  if (!value->is_string()) refuse(key, "text");
  return value->get<std::string>();
}

std::string Reader::choice(const char* key, const char* by_default, const char* choices) {
  const std::string given = text(key, by_default);
  bool found = false;
  for_each_name(choices, [&](std::string_view choice) { found = found || choice == given; });
  if (!found) {
    fail(NWR_ERROR_UNSUPPORTED, "text: ", shown(key), " is none of those known here: ", choices);
  }
  return given;
}

std::vector<double> Reader::numbers(const char* key) {
  std::vector<double> out;
  const Json* value = find(key);
  if (!value) return out;
  if (!value->is_array()) refuse(key, "a list of numbers");
  for (const Json& item : *value) {
    if (!item.is_number()) refuse(key, "a list of numbers");
    out.push_back(item.get<double>());
  }
  return out;
}

double Reader::argument(const char* name, double by_default) {
  asked_.insert(name);
  for (uint32_t i = 0; i < options_.param_count; ++i) {
    if (std::string_view(options_.params[i].name) == name) return options_.params[i].value;
  }
  return by_default;
}

bool Reader::has_argument(const char* name) const {
  for (uint32_t i = 0; i < options_.param_count; ++i) {
    if (std::string_view(options_.params[i].name) == name) return true;
  }
  return false;
}

void Reader::ignore(std::initializer_list<const char*> keys) {
  read_.insert(keys.begin(), keys.end());
}

void Reader::warn(const char* key, std::string_view why) {
  read_.insert(key);
  out_.warnings.push_back(has(key) ? concat(shown(key), ": ", why)
                                   : concat(key, " as by default: ", why));
}

void Reader::finish() {
  for (uint32_t i = 0; i < options_.param_count; ++i) {
    const std::string_view name = options_.params[i].name;
    if (asked_.count(name)) continue;
    std::string known;
    for (const std::string& one : asked_) (known += known.empty() ? "" : ", ") += one;
    fail(NWR_ERROR_NOT_FOUND, Name{"options.params", i}, ": ", out_.source, " takes no '", name,
         "' (", known.empty() ? "it takes none" : "it takes " + known, ")");
  }
  for (const auto& [key, value] : object_.items()) {
    if (read_.count(key) || value.is_null()) continue;
    // Keys are as hostile as values.
    out_.warnings.push_back(concat(shorten(Json(key)), "=", shorten(value), ": ", out_.source,
                                   " is not known to read it"));
  }
}

}  // namespace noisewright
