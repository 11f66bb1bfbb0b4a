/* SPDX-License-Identifier: Apache-2.0
 * One training batch: a random time per sample, then the noisy state and the regression target in
 * one pass over memory. The noise is made on the way and stored nowhere. */
#include <math.h>
#include <noisewright.h>
#include <stdio.h>

#define B 4
#define D 6

int main(void) {
  float x1[B * D], xt[B * D], target[B * D], t[B];
  const int64_t shape[] = {B, D};
  for (int i = 0; i < B * D; i++) x1[i] = (float)i / 10;
  nwr_tensor data = {.data = x1, .device = NWR_CPU, .ndim = 2, .dtype = NWR_F32, .shape = shape};
  nwr_tensor state = data, vel = data, times = data;
  state.data = xt;
  vel.data = target;
  times.data = t;
  times.ndim = 1; /* one time per sample */

  nwr_context* ctx = NULL;
  nwr_schedule* flow = NULL;
  /* Two streams of one seed; the next batch would begin where this one ends: at .offset. */
  const nwr_rng now = {.seed = 1, .stream = 0}, draw = {.seed = 1, .stream = 1};
  const nwr_density_options middle = {.struct_size = sizeof middle, .name = "logit-normal"};
  int st = nwr_context_create(NULL, &ctx);
  if (!st) st = nwr_schedule_create(NULL, &flow); /* rectified flow */
  if (!st) st = nwr_random_times(ctx, flow, &middle, &now, 1, &times);
  const nwr_operand know[] = {{NWR_DATA, 0, &data}};
  const nwr_operand want[] = {{NWR_STATE, 0, &state}, {NWR_VELOCITY, 0, &vel}};
  if (!st) st = nwr_transform_corrupt(ctx, flow, &times, NWR_NOISE, &draw, 1, know, 1, want, 2);

  if (st < 0) fprintf(stderr, "noisewright: %s\n", nwr_last_error());
  for (int b = 0; !st && b < B; b++) {
    const int i = b * D;
    const float eps = x1[i] - target[i]; /* of a straight line, the target is data - noise */
    const float wrong = fabsf(xt[i] - (t[b] * x1[i] + (1 - t[b]) * eps));
    printf("t=%.3f  x_t=%+.3f  target=%+.3f  %s\n", t[b], xt[i], target[i],
           wrong < 1e-5f ? "as by hand" : "WRONG");
  }
  nwr_schedule_destroy(flow);
  nwr_context_destroy(ctx);
  return st < 0;
}
