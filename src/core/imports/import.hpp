// SPDX-License-Identifier: Apache-2.0
// Owns what an imported configuration is: a schedule, a grid, a sampler and how its model is read,
// as specs of ours. Must not know how any of them works.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "noisewright.h"

namespace noisewright {

class Schedule;
template <class T>
class Ref;

struct Import {
  std::string source;  // the class or the names that were given
  std::string schedule, grid, sampler;
  std::string limits;         // of data, which go to the sampler's settings
  std::vector<double> table;  // betas of a schedule that is a table
  nwr_quantity prediction = NWR_NOISE;
  nwr_clock clock = NWR_CLOCK_INDEX;
  double clock_scale = 1;
  nwr_start start = NWR_START_PRIOR;
  uint32_t steps = 0;
  std::vector<std::string> warnings;
  std::vector<const char*> warning_texts;  // of warnings, for the C side
};

// "name(key=value,...)"; an empty value leaves its key out.
std::string spec_text(std::string_view name,
                      const std::vector<std::pair<const char*, std::string>>& settings);

// Reads a configuration of diffusers. Fails naming the key and its value.
Import import_diffusers(std::string_view text, const nwr_import_options& options);
// Reads names of samplers and grids as k-diffusion, ComfyUI, A1111 and stable-diffusion.cpp use.
Import import_names(std::string_view text, const nwr_import_options& options);

// The schedule of an import, which keeps it.
Ref<Schedule> import_schedule(const char* text, const nwr_import_options& options);
// The schedule alone.
Ref<Schedule> schedule_of(const Import& import);

}  // namespace noisewright
