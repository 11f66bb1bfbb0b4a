// SPDX-License-Identifier: Apache-2.0
#include "core/imports/reader.hpp"

#include <cmath>

#include <nlohmann/json.hpp>

#include "core/catalog.hpp"
#include "core/error.hpp"

namespace noisewright {
namespace {

using Json = nlohmann::json;
using Kind = ConfigValue::Kind;

constexpr size_t kMostBytes = 1 << 20;
constexpr int kMostDepth = 4;

constexpr size_t kMostShown = 60;

std::string shorten(std::string text) {
  if (text.size() > kMostShown) text.replace(kMostShown - 3, std::string::npos, "...");
  return text;
}

// A number, a word or text as JSON. Such a value alone allocates nothing when it is destroyed.
std::string as_text(const Json& leaf) {
  return leaf.dump(-1, ' ', true, Json::error_handler_t::replace);
}

// Keeps what stands at the keys of the outermost object, and of what is deeper how it looks.
class Builder : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(Config& out) : out_(out) {}
  bool is_object() const { return is_object_; }
  const std::string& why() const { return why_; }

  bool null() override { return leaf(Kind::null, Json(nullptr), 0); }
  bool boolean(bool value) override {
    if (now_ && depth_ == 1) now_->flag = value;
    return leaf(Kind::boolean, Json(value), 0);
  }
  bool number_integer(int64_t value) override {
    return leaf(Kind::number, Json(value), static_cast<double>(value));
  }
  bool number_unsigned(uint64_t value) override {
    return leaf(Kind::number, Json(value), static_cast<double>(value));
  }
  bool number_float(double value, const std::string&) override {
    return leaf(Kind::number, Json(value), value);
  }
  bool string(std::string& value) override {
    if (now_ && depth_ == 1) now_->text = value;
    return leaf(Kind::text, Json(value), 0);
  }
  bool binary(Json::binary_t&) override { return false; }  // no part of text
  bool start_object(size_t) override {
    if (depth_ == 0) is_object_ = true;
    return open(Kind::object, '{');
  }
  bool end_object() override { return close('}'); }
  bool start_array(size_t) override { return open(Kind::list, '['); }
  bool end_array() override { return close(']'); }
  bool key(std::string& name) override {
    if (depth_ == 1 && is_object_) {
      now_ = &out_[name];
      *now_ = {};  // of keys that stand twice the last one counts
      first_ = true;
    } else if (now_) {
      separate();
      append(as_text(Json(name)) + ":");
      first_ = true;
    }
    return true;
  }
  bool parse_error(size_t, const std::string&, const Json::exception& error) override {
    for (const char* c = error.what(); *c; ++c) why_ += *c >= ' ' && *c <= '~' ? *c : '?';
    return false;
  }

 private:
  using Kind = ConfigValue::Kind;

  bool leaf(Kind kind, const Json& value, double number) {
    if (!now_) return true;
    if (depth_ == 1) {
      now_->kind = kind;
      now_->number = number;
    } else if (depth_ == 2 && now_->kind == Kind::list) {
      if (kind == Kind::number) now_->numbers.push_back(number);
      now_->numbers_alone = now_->numbers_alone && kind == Kind::number;
    }
    separate();
    append(as_text(value));
    return true;
  }
  bool open(Kind kind, char bracket) {
    if (now_) {
      if (depth_ == 1) now_->kind = kind;
      if (depth_ > 1) now_->numbers_alone = false;
      separate();
      append(std::string(1, bracket));
    }
    first_ = true;
    ++depth_;
    return true;
  }
  bool close(char bracket) {
    --depth_;
    first_ = false;
    if (now_ && depth_ > 0) append(std::string(1, bracket));
    return true;
  }
  void separate() {
    if (!first_) append(",");
    first_ = false;
  }
  void append(const std::string& text) {
    if (now_->shown.size() <= kMostShown) now_->shown += text;
  }

  Config& out_;
  ConfigValue* now_ = nullptr;  // of the key that is read
  std::string why_;
  int depth_ = 0;
  bool is_object_ = false, first_ = true;
};

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

std::string quote(const std::string& text) { return as_text(Json(text.substr(0, kMostShown))); }

Config parse_config(std::string_view text) {
  if (text.size() > kMostBytes) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "text has ", text.size(), " bytes, more than ", kMostBytes);
  }
  Config object;
  Builder builder(object);
  if (!Json::sax_parse(as_json(text), &builder)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "text is no JSON: ", builder.why().substr(0, 200));
  }
  if (!builder.is_object()) fail(NWR_ERROR_INVALID_ARGUMENT, "text is no JSON object");
  return object;
}

Reader::Reader(const Config& object, const nwr_import_options& options, Import& out)
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

const ConfigValue* Reader::find(const char* key) {
  read_.insert(key);
  return has(key) ? &object_.find(key)->second : nullptr;
}

bool Reader::has(const char* key) const {
  const auto found = object_.find(key);
  return found != object_.end() && found->second.kind != Kind::null;
}

std::string Reader::shown(const char* key) const {
  return concat(key, "=", has(key) ? shorten(object_.find(key)->second.shown) : "null");
}

void Reader::refuse(const char* key, const char* kind) const {
  fail(NWR_ERROR_INVALID_ARGUMENT, "text: ", shown(key), " is not ", kind);
}

double Reader::number(const char* key, double by_default) {
  const ConfigValue* value = find(key);
  if (!value) return by_default;
  if (value->kind == Kind::number) return value->number;
  // As Python writes what JSON has no number for.
  if (value->text == "inf" || value->text == "Infinity") return HUGE_VAL;
  if (value->text == "-inf" || value->text == "-Infinity") return -HUGE_VAL;
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
  const ConfigValue* value = find(key);
  if (!value) return by_default;
  if (value->kind != Kind::boolean) refuse(key, "true or false");
  return value->flag;
}

std::string Reader::text(const char* key, const char* by_default) {
  const ConfigValue* value = find(key);
  if (!value) return by_default;
  if (value->kind != Kind::text) refuse(key, "text");
  return value->text;
}

std::string Reader::choice(const char* key, const char* by_default, const char* choices) {
  std::string given = text(key, by_default);
  bool found = false;
  for_each_name(choices, [&](std::string_view choice) { found = found || choice == given; });
  if (!found) {
    fail(NWR_ERROR_UNSUPPORTED, "text: ", shown(key), " is none of those known here: ", choices);
  }
  return given;
}

std::vector<double> Reader::numbers(const char* key) {
  const ConfigValue* value = find(key);
  if (!value) return {};
  if (value->kind != Kind::list || !value->numbers_alone) refuse(key, "a list of numbers");
  return value->numbers;
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
  for (const auto& [key, value] : object_) {
    if (read_.count(key) || value.kind == Kind::null) continue;
    // Keys are as hostile as values.
    out_.warnings.push_back(concat(shorten(as_text(Json(key))), "=", shorten(value.shown), ": ",
                                   out_.source, " is not known to read it"));
  }
}

}  // namespace noisewright
