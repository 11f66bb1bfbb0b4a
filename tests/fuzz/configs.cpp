// SPDX-License-Identifier: Apache-2.0
// Configurations from strangers, JSON or names: an error, or a schedule with a grid and a sampler
// that can be made. Input: what steps there are, then the text.
#include "fuzz/fuzz.hpp"

using namespace fuzz;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input in(data, size);
  auto options = sized<nwr_import_options>();
  options.steps = in.byte();
  const nwr_param params[] = {{"eta", 0.5}, {"strength", 0.7}, {"mu", 1.1}};
  options.params = params;
  options.param_count = in.byte() % 4;
  const std::string text = in.text(1 << 16);
  nwr_schedule* made = nullptr;
  if (checked(nwr_schedule_import(text.c_str(), &options, &made)) != NWR_OK) {
    FUZZ_CHECK(!made);
    return 0;
  }
  auto import = sized<nwr_import>();
  FUZZ_CHECK(nwr_schedule_get_import(made, &import) == NWR_OK);
  for (uint32_t i = 0; i < import.warning_count; ++i) {
    FUZZ_CHECK(std::strlen(import.warnings[i]) > 0);
  }
  std::vector<double> times(size_t{import.steps} + 1);
  auto grid = sized<nwr_grid_options>();
  grid.name = import.grid;
  if (checked(nwr_grid_fill(made, &grid, times.data(), times.size())) == NWR_OK) {
    static const nwr_rng rng = {1, 2, 3};
    auto how = sized<nwr_sampler_options>();
    how.name = import.sampler, how.prediction = import.prediction, how.clock = import.clock;
    how.times = times.data(), how.time_count = import.steps + 1;
    how.rngs = &rng, how.rng_count = 1;
    nwr_sampler* sampler = nullptr;
    checked(nwr_sampler_create(shared_context(), made, &how, &sampler));
    nwr_sampler_destroy(sampler);
  }
  nwr_schedule_destroy(made);
  return 0;
}
