// SPDX-License-Identifier: Apache-2.0
#include "core/spec.hpp"

#include <charconv>
#include <cmath>

#include "core/error.hpp"

namespace noisewright {
namespace {

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_word(std::string_view text) {
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.' && c != '+') {
      return false;
    }
  }
  return !text.empty();
}

// A number, or the place of a word among the parameter's choices.
double value_of(const Entry& entry, const Param& param, std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, number);
  if (result.ec == std::errc{} && result.ptr == end) return number;
  double index = 0;
  bool found = false;
  for_each_name(param.choices ? param.choices : "", [&](std::string_view choice) {
    if (found) return;
    found = choice == text;
    if (!found) ++index;
  });
  if (found) return index;
  if (param.choices) {
    fail(NWR_ERROR_INVALID_ARGUMENT, entry.name, ": ", param.name, " is '", text, "', not one of ",
         param.choices);
  }
  fail(NWR_ERROR_INVALID_ARGUMENT, entry.name, ": ", param.name, " is '", text,
       "', which is not a number");
}

// param_count() where there is none.
size_t place_of(const Entry& entry, std::string_view key) {
  size_t i = 0;
  while (i < entry.param_count() && key != entry.param(i).name) ++i;
  return i;
}

size_t find_param(const Entry& entry, std::string_view key) {
  const size_t found = place_of(entry, key);
  if (found < entry.param_count()) return found;
  std::string known;
  for (size_t i = 0; i < entry.param_count(); ++i) {
    append(known, i ? ", " : "");
    append(known, entry.param(i).name);
  }
  fail(NWR_ERROR_NOT_FOUND, entry.name, ": no setting is named '", key, "' (",
       known.empty() ? "it has none" : "it has " + known, ")");
}

}  // namespace

double default_of(const Entry& entry, size_t index) {
  const Param& param = entry.param(index);
  double value = param.default_value;
  for_each_name(entry.preset, [&](std::string_view item) {
    const size_t equals = item.find('=');
    if (item.substr(0, equals) == param.name) {
      value = value_of(entry, param, item.substr(equals + 1));
    }
  });
  return value;
}

Spec parse_spec(std::string_view text, const char* argument) {
  Spec spec;
  const size_t open = text.find('(');
  spec.name = trim(text.substr(0, open));
  if (!is_word(spec.name)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, argument, ": '", text, "' does not begin with a name");
  }
  if (open == std::string_view::npos) return spec;
  std::string_view body = trim(text.substr(open + 1));
  if (body.empty() || body.back() != ')') {
    fail(NWR_ERROR_INVALID_ARGUMENT, argument, ": '", text, "' does not end with ')'");
  }
  body.remove_suffix(1);
  if (trim(body).empty()) return spec;
  for (;;) {
    const size_t comma = body.find(',');
    const std::string_view item = body.substr(0, comma);
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos) {
      fail(NWR_ERROR_INVALID_ARGUMENT, argument, ": '", trim(item), "' in '", text,
           "' is not key=value");
    }
    const Spec::Item pair{trim(item.substr(0, equals)), trim(item.substr(equals + 1))};
    if (!is_word(pair.key) || !is_word(pair.value)) {
      fail(NWR_ERROR_INVALID_ARGUMENT, argument, ": '", trim(item), "' in '", text,
           "' is not key=value");
    }
    spec.items.push_back(pair);
    if (comma == std::string_view::npos) return spec;
    body.remove_prefix(comma + 1);
  }
}

Settings::Settings(const Entry& entry, const Spec& spec, const nwr_param* params,
                   uint32_t param_count)
    : entry_(&entry) {
  values_.reserve(entry.param_count());
  for (size_t i = 0; i < entry.param_count(); ++i) values_.push_back(default_of(entry, i));
  std::vector<bool> seen(entry.param_count(), false);
  for (const Spec::Item& item : spec.items) {
    const Param& param = entry.param(find_param(entry, item.key));
    set(item.key, value_of(entry, param, item.value), seen);
  }
  if (param_count > 0 && !params) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "params is NULL, but param_count is ", param_count);
  }
  for (uint32_t i = 0; i < param_count; ++i) {
    if (!params[i].name) fail(NWR_ERROR_INVALID_ARGUMENT, Name{"params", i}, ".name is NULL");
    set(params[i].name, params[i].value, seen);
  }
}

void Settings::set(std::string_view key, double value, std::vector<bool>& seen) {
  const size_t index = find_param(*entry_, key);
  const Param& param = entry_->param(index);
  if (seen[index]) {
    fail(NWR_ERROR_INVALID_ARGUMENT, entry_->name, ": ", param.name, " is given twice");
  }
  const bool whole = !(param.choices || param.whole) || value == std::floor(value);
  if (!(value >= param.min && value <= param.max) || !whole) {
    fail(NWR_ERROR_INVALID_ARGUMENT, entry_->name, ": ", param.name, " is ", value, ", outside ",
         param.min, " to ", param.max);
  }
  seen[index] = true;
  values_[index] = value;
}

double Settings::operator[](std::string_view name) const {
  return values_[find_param(*entry_, name)];
}

double Settings::get(std::string_view name, double other) const {
  const size_t index = place_of(*entry_, name);
  return index < values_.size() ? values_[index] : other;
}

std::string Settings::spec() const {
  std::string out = entry_->name;
  bool open = false;
  for (size_t i = 0; i < values_.size(); ++i) {
    const Param& param = entry_->param(i);
    if (i >= entry_->own_count() && values_[i] == default_of(*entry_, i)) continue;
    append(out, open ? "," : "(");
    open = true;
    append(out, param.name);
    append(out, "=");
    if (!param.choices) {
      append(out, values_[i]);
      continue;
    }
    double index = 0;
    for_each_name(param.choices, [&](std::string_view choice) {
      if (index++ == values_[i]) append(out, choice);
    });
  }
  if (open) append(out, ")");
  return out;
}

void require_order(const Settings& s, const char* low, const char* high, bool may_be_equal) {
  if (s[high] > s[low] || (may_be_equal && s[high] == s[low])) return;
  fail(NWR_ERROR_INVALID_ARGUMENT, s.entry().name, ": ", high, " is ", s[high],
       may_be_equal ? ", below " : ", not above ", low, ", ", s[low]);
}

Settings choose(int32_t domain, const char* name, int32_t value, const nwr_param* params,
                uint32_t param_count) {
  if (!name) {
    return {find_by_value(domain, value, {"options.kind"}), Spec(), params, param_count};
  }
  const Spec spec = parse_spec(name, "options.name");
  return {find_by_name(domain, spec.name, "options.name"), spec, params, param_count};
}

}  // namespace noisewright
