// SPDX-License-Identifier: Apache-2.0
// Owns reading numbers and arrays out of recordings, where "nan", "inf" and "-inf" are numbers.
// Must not know which recordings exist or what their numbers mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace replay {

using Json = nlohmann::ordered_json;
using Numbers = std::vector<double>;

// A recording that does not hold what its format promises.
struct Malformed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Array {
  std::vector<int64_t> shape;
  Numbers data;

  size_t row_size() const;
  // The number of samples: 1 for a scalar.
  size_t rows() const;
};

double to_number(const Json& value);
Array to_array(const Json& value);
Numbers to_numbers(const Json& value);
Numbers scaled(double factor, Numbers values);

// The member of that name, or Malformed.
const Json& member(const Json& object, const char* name);
// Whether there is a member of that name that is neither null nor an empty array.
bool has(const Json& object, const char* name);
double number_or(const Json& object, const char* name, double other);
std::string text_or(const Json& object, const char* name, const std::string& other);
bool flag_or(const Json& object, const char* name, bool other);

}  // namespace replay
