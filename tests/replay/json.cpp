// SPDX-License-Identifier: Apache-2.0
// Owns reading numbers and arrays out of recordings, where "nan", "inf" and "-inf" are numbers.
// Must not know which recordings exist or what their numbers mean.
#include "json.hpp"

#include <limits>

namespace replay {
namespace {

void append(const Json& value, size_t depth, Array& out) {
  if (!value.is_array()) {
    if (depth != out.shape.size()) throw Malformed("an array is ragged");
    out.data.push_back(to_number(value));
    return;
  }
  if (depth == out.shape.size() && out.data.empty()) {
    out.shape.push_back(static_cast<int64_t>(value.size()));
  }
  if (depth >= out.shape.size() || value.size() != static_cast<size_t>(out.shape[depth])) {
    throw Malformed("an array is ragged");
  }
  for (const Json& item : value) append(item, depth + 1, out);
}

}  // namespace

size_t Array::rows() const { return shape.empty() ? 1 : static_cast<size_t>(shape.front()); }

size_t Array::row_size() const { return rows() == 0 ? 0 : data.size() / rows(); }

double to_number(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
    if (text == "inf") return std::numeric_limits<double>::infinity();
    if (text == "-inf") return -std::numeric_limits<double>::infinity();
  }
  throw Malformed("not a number: " + value.dump().substr(0, 40));
}

Array to_array(const Json& value) {
  Array out;
  append(value, 0, out);
  return out;
}

Numbers to_numbers(const Json& value) { return to_array(value).data; }

Numbers scaled(double factor, Numbers values) {
  for (double& v : values) v *= factor;
  return values;
}

const Json& member(const Json& object, const char* name) {
  if (!object.is_object() || !object.contains(name)) {
    throw Malformed(std::string("no ") + name);
  }
  return object[name];
}

bool has(const Json& object, const char* name) {
  if (!object.is_object() || !object.contains(name)) return false;
  const Json& value = object[name];
  return !value.is_null() && !(value.is_array() && value.empty());
}

double number_or(const Json& object, const char* name, double other) {
  return has(object, name) ? to_number(object[name]) : other;
}

std::string text_or(const Json& object, const char* name, const std::string& other) {
  if (!has(object, name)) return other;
  if (!object[name].is_string()) throw Malformed(std::string(name) + " is not text");
  return object[name].get<std::string>();
}

bool flag_or(const Json& object, const char* name, bool other) {
  if (!has(object, name)) return other;
  if (!object[name].is_boolean()) throw Malformed(std::string(name) + " is not true or false");
  return object[name].get<bool>();
}

}  // namespace replay
