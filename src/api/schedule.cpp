// SPDX-License-Identifier: Apache-2.0
// Owns the C side of schedules and grids. Must not know their formulas.
#include "core/schedule.hpp"

#include <algorithm>
#include <vector>

#include "api/guard.hpp"
#include "api/handles.hpp"
#include "api/options.hpp"
#include "core/grid.hpp"
#include "core/imports/import.hpp"
#include "core/weight.hpp"

using namespace noisewright;

nwr_status nwr_schedule_create(const nwr_schedule_options* options, nwr_schedule** out) {
  return guard([&] {
    require(out, "out");
    const nwr_schedule_options given = take(options, "options");
    refuse_flags(given.flags, "options");
    *out = wrap(make_schedule(given).leak());
    return NWR_OK;
  });
}

void nwr_schedule_destroy(nwr_schedule* schedule) {
  const FloatScope scope;
  Ref<Schedule>::release(unwrap(schedule));
}

nwr_status nwr_schedule_get_info(const nwr_schedule* schedule, nwr_schedule_info* out) {
  return guard([&] {
    require(schedule, "schedule");
    require(out, "out");
    check_struct_size(out, "out");
    const Schedule& s = *unwrap(schedule);
    nwr_schedule_info info{};
    info.kind = static_cast<nwr_schedule_kind>(s.kind());
    info.spec = s.spec().c_str();
    info.t_noise = s.ends().noise;
    info.t_data = s.ends().data;
    give(out, info);
    return NWR_OK;
  });
}

nwr_status nwr_schedule_eval(const nwr_schedule* schedule, const double* times, size_t count,
                             nwr_coeffs* out) {
  return guard([&] {
    require(schedule, "schedule");
    require(times, "times");
    require(out, "out");
    if (count == 0) fail(NWR_ERROR_INVALID_ARGUMENT, "count is 0");
    std::vector<nwr_coeffs> values;
    for (size_t i = 0; i < count; ++i) {
      values.push_back(unwrap(schedule)->at(times[i], {"times", static_cast<int64_t>(i)}));
    }
    std::copy(values.begin(), values.end(), out);
    return NWR_OK;
  });
}

nwr_status nwr_schedule_invert(const nwr_schedule* schedule, const double* lambdas, size_t count,
                               double* out) {
  return guard([&] {
    require(schedule, "schedule");
    require(lambdas, "lambdas");
    require(out, "out");
    if (count == 0) fail(NWR_ERROR_INVALID_ARGUMENT, "count is 0");
    std::vector<double> times;
    for (size_t i = 0; i < count; ++i) {
      times.push_back(unwrap(schedule)->time_at(lambdas[i], {"lambdas", static_cast<int64_t>(i)}));
    }
    std::copy(times.begin(), times.end(), out);
    return NWR_OK;
  });
}

nwr_status nwr_schedule_weigh(const nwr_schedule* schedule, const nwr_weight_options* options,
                              const double* times, size_t count, double* out) {
  return guard([&] {
    require(schedule, "schedule");
    require(times, "times");
    require(out, "out");
    const nwr_weight_options given = take(options, "options");
    refuse_flags(given.flags, "options");
    weigh(*unwrap(schedule), given, times, count, out);
    return NWR_OK;
  });
}

nwr_status nwr_grid_fill(const nwr_schedule* schedule, const nwr_grid_options* options,
                         double* times, size_t count) {
  return guard([&] {
    require(schedule, "schedule");
    require(times, "times");
    const nwr_grid_options given = take(options, "options");
    refuse_flags(given.flags, "options");
    fill_grid(*unwrap(schedule), given, times, count);
    return NWR_OK;
  });
}

nwr_status nwr_grid_skip(nwr_strength rule, uint32_t steps, double strength, uint32_t* out) {
  return guard([&] {
    require(out, "out");
    *out = first_step(rule, steps, strength);
    return NWR_OK;
  });
}

nwr_status nwr_schedule_import(const char* text, const nwr_import_options* options,
                               nwr_schedule** out) {
  return guard([&] {
    require(text, "text");
    require(out, "out");
    const nwr_import_options given = take(options, "options");
    refuse_flags(given.flags, "options");
    *out = wrap(import_schedule(text, given).leak());
    return NWR_OK;
  });
}

nwr_status nwr_schedule_get_import(const nwr_schedule* schedule, nwr_import* out) {
  return guard([&] {
    require(schedule, "schedule");
    require(out, "out");
    check_struct_size(out, "out");
    const Import* import = unwrap(schedule)->import();
    if (!import) {
      fail(NWR_ERROR_INVALID_STATE, "schedule: ", unwrap(schedule)->spec(), " was not imported");
    }
    nwr_import info{};
    info.prediction = import->prediction;
    info.clock = import->clock;
    info.start = import->start;
    info.clock_scale = import->clock_scale;
    info.source = import->source.c_str();
    info.grid = import->grid.c_str();
    info.sampler = import->sampler.c_str();
    info.warnings = import->warning_texts.data();
    info.warning_count = static_cast<uint32_t>(import->warning_texts.size());
    info.steps = import->steps;
    give(out, info);
    return NWR_OK;
  });
}
