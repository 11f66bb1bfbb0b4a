// SPDX-License-Identifier: Apache-2.0
// Owns the one table of names: what can be listed, found by name, and set.
// Must not know how an entry works; its kind (schedule, grid, sampler) extends Entry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/error.hpp"
#include "noisewright.h"

namespace noisewright {

struct Param {
  const char* name;
  const char* summary;
  double default_value;
  double min;
  double max;
  const char* choices = nullptr;  // "small,large": names of the values 0, 1
  bool whole = false;             // takes whole numbers only, as choices do
};

// A setting whose values 0, 1, 2 have names: "small,large".
constexpr Param choice(const char* name, const char* summary, const char* choices,
                       double by_default = 0) {
  double last = 0;
  for (const char* c = choices; *c; ++c) last += *c == ',' ? 1 : 0;
  return {name, summary, by_default, 0, last, choices};
}

// A view of an array.
struct Params {
  const Param* items = nullptr;
  size_t count = 0;

  constexpr Params() = default;
  template <size_t kCount>
  constexpr Params(const Param (&array)[kCount]) : items(array), count(kCount) {}
  constexpr Params(const Param* first, size_t size) : items(first), count(size) {}
};

struct Entry {
  int32_t value;
  const char* name;
  const char* aliases;  // comma-separated, or ""
  const char* summary;
  uint32_t flags = 0;  // NWR_ENTRY_STOCHASTIC, NWR_ENTRY_ADAPTIVE
  uint32_t order = 0;
  uint32_t evals_per_step = 0;
  Params params = {};
  // Settings that all kinds of a domain have, after the own ones.
  Params shared = {};
  // For another entry under another name: that entry, whose parameters it has, and "key=value,..."
  // for those with other defaults.
  const Entry* preset_of = nullptr;
  const char* preset = "";

  size_t param_count() const {
    return preset_of ? preset_of->param_count() : params.count + shared.count;
  }
  // How many are its own.
  size_t own_count() const { return preset_of ? preset_of->own_count() : params.count; }
  const Param& param(size_t index) const {
    if (preset_of) return preset_of->param(index);
    return index < params.count ? params.items[index] : shared.items[index - params.count];
  }
  // The entry that does the work: itself, or that of which it is a preset.
  const Entry& base() const { return preset_of ? *preset_of : *this; }
};

// Another entry under another name and with other defaults.
constexpr Entry preset(int32_t value, const char* name, const char* aliases, const char* summary,
                       const Entry& of, const char* settings = "") {
  return {value, name, aliases, summary, 0, 0, 0, {}, {}, &of, settings};
}
// Those of a domain, after all others in the catalogue.
struct Presets {
  const Entry& (*at)(size_t index);
  size_t count;
};

// What a parameter is unless it is set.
double default_of(const Entry& entry, size_t index);

size_t catalog_size(int32_t domain);
const Entry& catalog_entry(int32_t domain, size_t index);

// By name or alias; fails with NWR_ERROR_NOT_FOUND and the list of what exists.
const Entry& find_by_name(int32_t domain, std::string_view name, const char* argument);
// By enum constant; fails with NWR_ERROR_INVALID_ARGUMENT and the number.
const Entry& find_by_value(int32_t domain, int32_t value, const Name& argument);
// The name of an enum constant, for messages and saved states.
const char* name_of(int32_t domain, int32_t value);

// Calls f with each piece of a comma-separated list.
template <class F>
void for_each_name(std::string_view list, F&& f) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    f(list.substr(0, comma));
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  }
}

}  // namespace noisewright
