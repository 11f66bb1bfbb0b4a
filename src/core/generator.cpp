// SPDX-License-Identifier: Apache-2.0
#include "core/generator.hpp"

namespace noisewright {

extern const GeneratorKind kPhilox;

Settings choose_generator(const char* name, const nwr_param* params, uint32_t param_count) {
  return choose(NWR_DOMAIN_GENERATOR, name, kPhilox.value, params, param_count);
}

bool is_philox(const std::string& spec) { return spec == kPhilox.name; }

std::unique_ptr<Generator> make_generator(const Settings& settings, const LevelRange& range) {
  return static_cast<const GeneratorKind&>(settings.entry()).make(settings, range);
}

}  // namespace noisewright
