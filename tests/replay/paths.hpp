// SPDX-License-Identifier: Apache-2.0
// Owns the schedules of the recordings: ours by name and settings, callbacks and tables.
// Must not know samplers or how a file is laid out.
#pragma once

#include <string>
#include <vector>

#include "library.hpp"

namespace replay {

// The schedule of that name with these of params' numbers as its settings.
Schedule make_schedule(const std::string& name, const Json& params,
                       const std::vector<const char*>& keys);

// Variance preserving, with sigma/alpha as its clock.
Schedule ratio_schedule(double highest);

// The same times, with sigma never 0: samplers then take the step to the data end as any other.
Schedule with_floor(const Schedule& schedule, double t_noise, double t_data);

// The discrete schedule of a configuration of diffusers: ours by name where it has one, else a
// table. patched: the zero of a table rescaled to zero SNR is replaced by 2^-24, as some classes
// do.
Schedule discrete_schedule(const Json& config, bool patched);
size_t discrete_count(const Json& config);

// Noise levels from first to last, all above 0, by our grid "karras" or "exponential".
Numbers spread(const std::string& kind, double first, double last, double count, double rho = 7);

// azula, by the name of its schedule; time runs from 1, noise, to 0.
Schedule azula_schedule(const std::string& name, const Json& params);

}  // namespace replay
