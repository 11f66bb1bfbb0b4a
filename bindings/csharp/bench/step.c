/* SPDX-License-Identifier: Apache-2.0
 * Nanoseconds of next and of step on 16 elements: what a binding's figures stand beside. */
#include <noisewright.h>
#include <stdio.h>
#include <time.h>

#define ELEMENTS 16
#define STEPS 10000
#define RUNS 100

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(void) {
  float x[ELEMENTS] = {0}, output[ELEMENTS] = {0};
  const int64_t shape[] = {1, ELEMENTS};
  nwr_tensor state = {.data = x, .device = NWR_CPU, .ndim = 2, .dtype = NWR_F32, .shape = shape};
  nwr_tensor velocity = state;
  velocity.data = output;
  const nwr_context_options where = {.struct_size = sizeof where, .threads = 1};
  const nwr_rng rng = {.seed = 1};
  const nwr_sampler_options how = {
      .struct_size = sizeof how, .steps = STEPS, .rngs = &rng, .rng_count = 1};
  nwr_context* context = NULL;
  nwr_schedule* schedule = NULL;
  nwr_sampler* sampler = NULL;
  nwr_eval eval = {.struct_size = sizeof eval};
  double next = 1e300, step = 1e300;
  int st = nwr_context_create(&where, &context);
  if (!st) st = nwr_schedule_create(NULL, &schedule);
  if (!st) st = nwr_sampler_create(context, schedule, &how, &sampler);
  for (int run = 0; run < RUNS && !st; run++) {
    st = nwr_sampler_start(sampler, &state, NWR_START_PRIOR);
    const double begin = now();
    for (int i = 0; i < STEPS && !st; i++) st = nwr_sampler_next(sampler, &eval);
    const double middle = now();
    for (int i = 0; i < STEPS && !st; i++) st = nwr_sampler_step(sampler, &state, &velocity, 1);
    const double end = now();
    if ((middle - begin) / STEPS < next) next = (middle - begin) / STEPS;
    if ((end - middle) / STEPS < step) step = (end - middle) / STEPS;
  }
  if (st) fprintf(stderr, "noisewright: %s\n", nwr_last_error());
  printf("C   next %.1f ns  step %.1f ns\n", next, step);
  nwr_sampler_destroy(sampler);
  nwr_schedule_destroy(schedule);
  nwr_context_destroy(context);
  return st != 0;
}
