// SPDX-License-Identifier: Apache-2.0
// Spec strings of every domain, from strangers: a name and settings, or an error. What a schedule
// prints makes it again. Input: a domain, then the text.
#include <cmath>

#include "fuzz/fuzz.hpp"

using namespace fuzz;

namespace {

void schedule_of(const char* text) {
  auto options = sized<nwr_schedule_options>();
  options.name = text;
  static const double table[] = {0.99, 0.7, 0.3, 0.01};
  options.table = table, options.table_count = 4;
  nwr_schedule *made = nullptr, *again = nullptr;
  if (checked(nwr_schedule_create(&options, &made)) != NWR_OK) {
    FUZZ_CHECK(!made);
    options.table = nullptr, options.table_count = 0;
    if (checked(nwr_schedule_create(&options, &made)) != NWR_OK) return;
  }
  auto info = sized<nwr_schedule_info>(), same = info;
  FUZZ_CHECK(nwr_schedule_get_info(made, &info) == NWR_OK);
  options.name = info.spec;
  FUZZ_CHECK(checked(nwr_schedule_create(&options, &again)) == NWR_OK);
  FUZZ_CHECK(nwr_schedule_get_info(again, &same) == NWR_OK);
  FUZZ_CHECK(std::strcmp(info.spec, same.spec) == 0);
  double times[9];
  if (checked(nwr_grid_fill(made, nullptr, times, 9)) == NWR_OK) {
    for (const double t : times) FUZZ_CHECK(std::isfinite(t));
    nwr_coeffs a[9], b[9];
    if (checked(nwr_schedule_eval(made, times, 9, a)) == NWR_OK) {
      FUZZ_CHECK(nwr_schedule_eval(again, times, 9, b) == NWR_OK);
      FUZZ_CHECK(std::memcmp(a, b, sizeof a) == 0);
      for (const nwr_coeffs& c : a) FUZZ_CHECK(std::isfinite(c.alpha) && std::isfinite(c.sigma));
      const double lambda = a[4].lambda;
      if (std::isfinite(lambda)) checked(nwr_schedule_invert(made, &lambda, 1, times));
    }
  }
  nwr_schedule_destroy(made);
  nwr_schedule_destroy(again);
}

void grid_of(const char* text, size_t which) {
  auto options = sized<nwr_grid_options>();
  options.name = text;
  double times[12];
  if (checked(nwr_grid_fill(shared_schedule(which), &options, times, 12)) != NWR_OK) return;
  for (const double t : times) FUZZ_CHECK(std::isfinite(t));
}

void sampler_of(const char* text, size_t which) {
  static const nwr_rng rng = {1, 2, 3};
  auto options = sized<nwr_sampler_options>();
  options.name = text, options.steps = 5, options.rngs = &rng, options.rng_count = 1;
  options.prediction = NWR_DATA;
  nwr_sampler* made = nullptr;
  if (checked(nwr_sampler_create(shared_context(), shared_schedule(which), &options, &made)) !=
      NWR_OK) {
    return;
  }
  float x[6] = {}, y[6] = {0.5f, -0.5f, 0.25f, 0, 1, -1};
  const int64_t shape[] = {2, 3};
  const nwr_tensor state = dense(x, NWR_F32, 2, shape), output = dense(y, NWR_F32, 2, shape);
  const nwr_tensor outputs[4] = {output, output, output, output};
  checked(nwr_sampler_start(made, &state, NWR_START_PRIOR));
  auto eval = sized<nwr_eval>();
  for (int i = 0; i < 300 && nwr_sampler_next(made, &eval) == NWR_OK; ++i) {
    if (checked(nwr_sampler_step(made, &state, outputs, eval.output_count)) != NWR_OK) break;
  }
  nwr_sampler_destroy(made);
}

void others_of(const char* text, size_t which) {
  static const nwr_rng rng = {1, 2, 0};
  float x[6];
  const int64_t shape[] = {6};
  const nwr_tensor out = dense(x, NWR_F32, 1, shape);
  auto random = sized<nwr_random_options>();
  random.name = text, random.from_level = 1, random.to_level = 0.5;
  nwr_rng own = rng;
  checked(nwr_random_generate(shared_context(), &random, &own, 1, &out));
  auto density = sized<nwr_density_options>();
  density.name = text;
  checked(nwr_random_times(shared_context(), shared_schedule(which), &density, &rng, 1, &out));
  auto weight = sized<nwr_weight_options>();
  weight.name = text;
  const double times[] = {0.5};
  double weights[1];
  checked(nwr_schedule_weigh(shared_schedule(which), &weight, times, 1, weights));
  int32_t value;
  for (int32_t domain = -1; domain < 16; ++domain) {
    checked(nwr_catalog_find(static_cast<nwr_domain>(domain), text, &value));
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input in(data, size);
  const uint8_t domain = in.byte();
  const std::string text = in.text(4096);
  switch (domain % 4) {
    case 0: schedule_of(text.c_str()); break;
    case 1: grid_of(text.c_str(), domain / 4); break;
    case 2: sampler_of(text.c_str(), domain / 4); break;
    default: others_of(text.c_str(), domain / 4);
  }
  return 0;
}
