/* SPDX-License-Identifier: Apache-2.0
 * Stops runs half way, saves them, loads them into new samplers and ends on the same bits.
 * Two samplers: one that remembers an earlier output, one that draws random numbers. */
#include <noisewright.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N 1000
#define STEPS 20
#define BREAK_AT 9

/* Stands for a network: any function of x and t will do. */
static void model(double t, const float* x, float* velocity) {
  for (int i = 0; i < N; i++) velocity[i] = (float)t - 0.5f * x[i];
}

/* Goes on until the end, or until so many evaluations are done. */
static int go_on(nwr_sampler* run, const nwr_tensor* x, unsigned until) {
  float velocity[N];
  nwr_tensor v = *x;
  v.data = velocity;
  nwr_eval ev = {.struct_size = sizeof ev};
  int st;
  while (!(st = nwr_sampler_next(run, &ev)) && ev.index < until) {
    model(ev.clock, x->data, velocity);
    if ((st = nwr_sampler_step(run, x, &v, 1))) break;
  }
  return st < 0 ? st : NWR_OK;
}

/* Replaces the run by a copy that went through bytes, as through a file. */
static int save_and_load(const nwr_context* ctx, const nwr_schedule* schedule, nwr_sampler** run) {
  size_t size = 0;
  int st = nwr_sampler_save(*run, NULL, 0, &size); /* only tells the size */
  if (st < 0 && st != NWR_ERROR_BUFFER_TOO_SMALL) return st;
  void* bytes = malloc(size);
  st = bytes ? nwr_sampler_save(*run, bytes, size, &size) : NWR_ERROR_OUT_OF_MEMORY;
  if (!st) {
    nwr_sampler_destroy(*run);
    *run = NULL;
    st = nwr_sampler_load(ctx, schedule, bytes, size, run);
  }
  free(bytes);
  return st;
}

int main(void) {
  static const char* const specs[] = {"dpmpp-2m", "ddim(eta=1)"};
  float whole[N], broken[N];
  const int64_t shape[] = {1, N};
  nwr_tensor x = {.device = NWR_CPU, .ndim = 2, .dtype = NWR_F32, .shape = shape};
  nwr_context* ctx = NULL;
  nwr_schedule* schedule = NULL;
  int st = nwr_context_create(NULL, &ctx);
  if (!st) st = nwr_schedule_create(NULL, &schedule);
  int equal = 1;
  for (int i = 0; i < 2 && !st; i++) {
    const nwr_rng rng = {.seed = 7};
    const nwr_sampler_options opt = {
        .struct_size = sizeof opt, .name = specs[i], .steps = STEPS, .rngs = &rng, .rng_count = 1};
    nwr_sampler* run = NULL;
    st = nwr_sampler_create(ctx, schedule, &opt, &run);
    x.data = whole;
    if (!st) st = nwr_sampler_start(run, &x, NWR_START_PRIOR);
    if (!st) st = go_on(run, &x, STEPS);

    x.data = broken; /* the same sampler begins again, with the same noise */
    if (!st) st = nwr_sampler_start(run, &x, NWR_START_PRIOR);
    if (!st) st = go_on(run, &x, BREAK_AT);
    if (!st) st = save_and_load(ctx, schedule, &run); /* x is the caller's: save it too */
    if (!st) st = go_on(run, &x, STEPS);
    if (!st) {
      const int same = memcmp(whole, broken, sizeof whole) == 0;
      equal &= same;
      printf("%-12s saved after %d of %d evaluations: %s\n", specs[i], BREAK_AT, STEPS,
             same ? "same bits at the end" : "DIFFERENT at the end");
    }
    nwr_sampler_destroy(run);
  }
  if (st < 0) fprintf(stderr, "noisewright: %s\n", nwr_last_error());
  nwr_schedule_destroy(schedule);
  nwr_context_destroy(ctx);
  return st < 0 || !equal;
}
