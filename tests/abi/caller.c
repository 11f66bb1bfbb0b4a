/* SPDX-License-Identifier: Apache-2.0
 * A program of the time of a release: compiled with that release's header, run on today's library.
 * It uses only what 0.1.0 has, and is never changed, so that it stands for programs that exist. */
#include <noisewright.h>
#include <stdio.h>
#include <string.h>

#define CHECK(condition)                                                                        \
  do {                                                                                          \
    if (!(condition)) {                                                                         \
      fprintf(stderr, "line %d: %s; last error: %s\n", __LINE__, #condition, nwr_last_error()); \
      return 1;                                                                                 \
    }                                                                                           \
  } while (0)

static int32_t model(void* user, const nwr_eval* eval, const nwr_tensor* x, const nwr_tensor* out) {
  int i;
  ++*(int*)user;
  for (i = 0; i < 8; ++i) ((float*)out->data)[i] = 0.5f * ((const float*)x->data)[i];
  return eval->struct_size >= sizeof *eval ? 0 : -1;
}

int main(void) {
  float x[8];
  unsigned char saved[4096];
  size_t size = 0;
  int asked = 0;
  const int64_t shape[] = {2, 4};
  const nwr_rng rng = {42, 0, 0};
  double times[6], factor[2];
  nwr_coeffs c;
  nwr_tensor state;
  nwr_context* context = NULL;
  nwr_schedule* schedule = NULL;
  nwr_sampler *sampler = NULL, *loaded = NULL;
  nwr_schedule_options how;
  nwr_sampler_options options;
  nwr_callbacks callbacks;
  nwr_schedule_info info;
  nwr_entry entry;
  const nwr_quantity known[] = {NWR_STATE, NWR_NOISE};

  CHECK(nwr_abi() == NWR_ABI);
  CHECK(nwr_version() >=
        NWR_VERSION_MAJOR * 1000000u + NWR_VERSION_MINOR * 1000u + NWR_VERSION_PATCH);
  memset(&state, 0, sizeof state);
  state.data = x, state.device = NWR_CPU, state.ndim = 2, state.dtype = NWR_F32,
  state.shape = shape;
  memset(&how, 0, sizeof how);
  how.struct_size = sizeof how, how.name = "vp";
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options, options.name = "dpmpp-2m", options.prediction = NWR_DATA;
  options.steps = 5, options.rngs = &rng, options.rng_count = 1;
  memset(&callbacks, 0, sizeof callbacks);
  callbacks.struct_size = sizeof callbacks, callbacks.model = model, callbacks.user = &asked;
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  memset(&entry, 0, sizeof entry);
  entry.struct_size = sizeof entry;

  CHECK(nwr_context_create(NULL, &context) == NWR_OK);
  CHECK(nwr_schedule_create(&how, &schedule) == NWR_OK);
  CHECK(nwr_schedule_get_info(schedule, &info) == NWR_OK && info.kind == NWR_SCHEDULE_VP);
  CHECK(nwr_grid_fill(schedule, NULL, times, 6) == NWR_OK && times[0] == info.t_noise);
  CHECK(nwr_schedule_eval(schedule, times, 1, &c) == NWR_OK && c.sigma > 0.99);
  CHECK(nwr_transform_coeffs(schedule, 0.5, 0, known, 2, NWR_DATA, factor) == NWR_OK &&
        factor[0] > 1);
  CHECK(nwr_sampler_create(context, schedule, &options, &sampler) == NWR_OK);
  CHECK(nwr_sampler_start(sampler, &state, NWR_START_PRIOR) == NWR_OK);
  CHECK(nwr_sampler_save(sampler, saved, sizeof saved, &size) == NWR_OK);
  CHECK(nwr_sampler_load(context, schedule, saved, size, &loaded) == NWR_OK);
  CHECK(nwr_sampler_run(loaded, &state, &callbacks) == NWR_OK && asked == 5);
  CHECK(nwr_catalog_entry(NWR_DOMAIN_SAMPLER, 0, &entry) == NWR_OK &&
        strcmp(entry.name, "euler") == 0);
  CHECK(nwr_schedule_eval(schedule, NULL, 1, &c) == NWR_ERROR_INVALID_ARGUMENT);
  nwr_sampler_destroy(sampler);
  nwr_sampler_destroy(loaded);
  nwr_schedule_destroy(schedule);
  nwr_context_destroy(context);
  return 0;
}
