// SPDX-License-Identifier: Apache-2.0
// Owns spec strings, "name(key=value,...)", and the settings that they and parameter lists give.
// Must not know which names exist: the catalogue hands in the entry.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/catalog.hpp"
#include "noisewright.h"

namespace noisewright {

struct Spec {
  struct Item {
    std::string_view key;
    std::string_view value;
  };
  std::string_view name;
  std::vector<Item> items;
};

// Views into text, which must outlive the result. argument names the text in messages.
Spec parse_spec(std::string_view text, const char* argument);

// The settings of one entry, resolved: one value for each of its parameters, in their order.
class Settings {
 public:
  Settings(const Entry& entry, const Spec& spec, const nwr_param* params, uint32_t param_count);

  const Entry& entry() const { return *entry_; }
  double operator[](std::string_view name) const;
  // other where the entry has no such parameter.
  double get(std::string_view name, double other) const;
  // Recreates entry and settings when parsed. Settings that a whole domain shares are left out
  // where they have their defaults.
  std::string spec() const;

 private:
  void set(std::string_view key, double value, std::vector<bool>& seen);

  const Entry* entry_;
  std::vector<double> values_;
};

// Fails unless the second of two settings exceeds the first, or is no less.
void require_order(const Settings& settings, const char* low, const char* high,
                   bool may_be_equal = false);

// What options choose: a spec string if there is one, else an enum constant; and the settings of
// either.
Settings choose(int32_t domain, const char* name, int32_t value, const nwr_param* params,
                uint32_t param_count);

}  // namespace noisewright
