// SPDX-License-Identifier: Apache-2.0
// Filling the library's option structs: every byte zero, the size, then what is wanted.
// Kept apart from the acts, which should read as what they compute.
#include "nwr.hpp"

namespace demo {

Context make_context(unsigned threads) {
  nwr_context_options options{};
  options.struct_size = sizeof options;
  options.threads = threads;
  nwr_context* out = nullptr;
  check(nwr_context_create(&options, &out));
  return Context(out);
}

Schedule make_schedule(const char* spec) {
  nwr_schedule_options options{};
  options.struct_size = sizeof options;
  options.name = spec;
  nwr_schedule* out = nullptr;
  check(nwr_schedule_create(&options, &out));
  return Schedule(out);
}

std::vector<double> make_grid(const nwr_schedule* schedule, const char* spec, std::size_t steps,
                              double begin, double end) {
  nwr_grid_options options{};
  options.struct_size = sizeof options;
  options.name = spec;
  options.t_begin = begin;
  options.t_end = end;
  std::vector<double> times(steps + 1);
  check(nwr_grid_fill(schedule, &options, times.data(), times.size()));
  return times;
}

Sampler make_sampler(const nwr_context* context, const nwr_schedule* schedule,
                     const SamplerSetup& setup) {
  const nwr_param guidance{"guidance", setup.guidance};
  nwr_sampler_options options{};
  options.struct_size = sizeof options;
  options.name = setup.spec.c_str();
  options.prediction = setup.prediction;
  if (setup.guidance != 1) {
    options.params = &guidance;
    options.param_count = 1;
  }
  options.times = setup.times.data();
  options.time_count = static_cast<std::uint32_t>(setup.times.size());
  options.rngs = setup.rngs.data();
  options.rng_count = static_cast<std::uint32_t>(setup.rngs.size());
  options.flags = setup.keep_denoised ? NWR_SAMPLER_KEEP_DENOISED : 0;
  nwr_sampler* out = nullptr;
  check(nwr_sampler_create(context, schedule, &options, &out));
  return Sampler(out);
}

std::vector<Entry> catalogue(nwr_domain domain) {
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < nwr_catalog_size(domain); ++i) {
    nwr_entry e{};
    e.struct_size = sizeof e;
    check(nwr_catalog_entry(domain, i, &e));
    entries.push_back({e.name, e.summary, e.flags, i});
  }
  return entries;
}

}  // namespace demo
