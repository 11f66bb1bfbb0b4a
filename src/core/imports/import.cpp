// SPDX-License-Identifier: Apache-2.0
#include "core/imports/import.hpp"

#include <memory>

#include "core/error.hpp"
#include "core/schedule.hpp"

namespace noisewright {
namespace {

constexpr uint32_t kDefaultSteps = 50;
constexpr uint32_t kMostSteps = 1000000;

void require_steps(const nwr_import_options& options) {
  if (options.steps > kMostSteps) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "options.steps is ", options.steps, ", above ", kMostSteps);
  }
}

}  // namespace

std::string spec_text(std::string_view name,
                      const std::vector<std::pair<const char*, std::string>>& settings) {
  std::string out(name);
  bool open = false;
  for (const auto& [key, value] : settings) {
    if (value.empty()) continue;
    append(out, open ? "," : "(");
    open = true;
    append(out, key);
    append(out, "=");
    append(out, value);
  }
  if (open) append(out, ")");
  return out;
}

Ref<Schedule> schedule_of(const Import& import) {
  nwr_schedule_options made{};
  made.name = import.schedule.c_str();
  if (!import.table.empty()) {
    made.table = import.table.data();
    made.table_count = import.table.size();
  }
  return make_schedule(made);
}

Ref<Schedule> import_schedule(const char* text, const nwr_import_options& options) {
  require_steps(options);
  nwr_import_options given = options;
  if (given.steps == 0) given.steps = kDefaultSteps;
  const std::string_view view(text);
  const size_t first = view.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) fail(NWR_ERROR_INVALID_ARGUMENT, "text is empty");
  auto import = std::make_unique<Import>(view[first] == '{' || view[first] == '['
                                             ? import_diffusers(view, given)
                                             : import_names(view, given));
  // What it says must be sound in our own terms.
  Ref<Schedule> schedule = schedule_of(*import);
  choose(NWR_DOMAIN_GRID, import->grid.c_str(), 0, nullptr, 0);
  choose(NWR_DOMAIN_SAMPLER, import->sampler.c_str(), 0, nullptr, 0);
  for (const std::string& warning : import->warnings) {
    import->warning_texts.push_back(warning.c_str());
  }
  schedule->keep(std::move(import));
  return schedule;
}

}  // namespace noisewright
