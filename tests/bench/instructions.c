/* SPDX-License-Identifier: Apache-2.0
 * One fixed piece of work, many times: instructions CASE. What is counted, by
 * tests/bench/instructions, are the instructions within the library's functions. */
#include <noisewright.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 65536, TIMES = 64 };

static float x[MOST], y[MOST], z[MOST];

static void check(int32_t status) {
  if (status >= 0) return;
  fprintf(stderr, "noisewright: %s\n", nwr_last_error());
  exit(1);
}

static const int64_t* shape_of(int64_t count, int points) {
  static int64_t shape[2];
  shape[0] = points ? count / 2 : count >= 1024 ? 8 : 1;
  shape[1] = count / shape[0];
  return shape;
}

static void step(const nwr_context* context, const nwr_schedule* flow, const char* spec,
                 const nwr_tensor* state, const nwr_tensor* output) {
  const nwr_rng rng = {1, 0, 0};
  nwr_sampler_options options = {.struct_size = sizeof options,
                                 .name = spec,
                                 .steps = 4 * TIMES,
                                 .rngs = &rng,
                                 .rng_count = 1};
  nwr_sampler* sampler = NULL;
  check(nwr_sampler_create(context, flow, &options, &sampler));
  check(nwr_sampler_start(sampler, state, NWR_START_STATE));
  for (int i = 0; i < TIMES; i++) check(nwr_sampler_step(sampler, state, output, 1));
  nwr_sampler_destroy(sampler);
}

int main(int argc, char** argv) {
  const char* what = argc > 2 ? argv[1] : "";
  const int64_t count = argc > 2 ? atoll(argv[2]) : 0;
  if (count < 1 || count > MOST) {
    fprintf(stderr, "usage: instructions SPEC|combine|transform|corrupt|points|normal COUNT\n");
    return 2;
  }
  for (int i = 0; i < MOST; i++) x[i] = y[i] = z[i] = 0.25f;
  /* Samples of two numbers each. */
  const int points = strcmp(what, "points") == 0;
  nwr_tensor X = {
      .data = x, .device = NWR_CPU, .ndim = 2, .dtype = NWR_F32, .shape = shape_of(count, points)};
  nwr_tensor Y = X, Z = X;
  Y.data = y;
  Z.data = z;
  static double times[MOST];
  for (int i = 0; i < MOST; i++) times[i] = 0.1 * (i % 8 + 1);
  const nwr_tensor T = {
      .data = times, .device = NWR_CPU, .ndim = 1, .dtype = NWR_F64, .shape = X.shape};
  const nwr_context_options one = {.struct_size = sizeof one, .threads = 1};
  const nwr_rng rng = {1, 0, 0};
  nwr_context* context = NULL;
  nwr_schedule* flow = NULL;
  check(nwr_context_create(&one, &context));
  check(nwr_schedule_create(NULL, &flow));
  const nwr_tensor* inputs[] = {&X, &Y};
  const double factors[] = {0.5, 0.25};
  const nwr_operand know[] = {{NWR_STATE, 0, &X}, {NWR_VELOCITY, 0, &Y}};
  const nwr_operand data[] = {{NWR_DATA, 0, &X}}, score[] = {{NWR_SCORE, 0, &Z}};
  const nwr_operand batch[] = {{NWR_STATE, 0, &Y}, {NWR_VELOCITY, 0, &Z}};
  if (strcmp(what, "combine") == 0) {
    for (int i = 0; i < TIMES; i++) check(nwr_tensor_combine(context, factors, inputs, 2, &X));
  } else if (strcmp(what, "transform") == 0) {
    for (int i = 0; i < TIMES; i++) {
      check(nwr_transform_apply(context, flow, &T, NULL, know, 2, score, 1));
    }
  } else if (strcmp(what, "corrupt") == 0 || points) {
    for (int i = 0; i < TIMES; i++) {
      check(nwr_transform_corrupt(context, flow, &T, NWR_NOISE, &rng, 1, data, 1, batch, 2));
    }
  } else if (strcmp(what, "normal") == 0) {
    for (int i = 0; i < TIMES; i++) check(nwr_random_fill(context, NWR_NORMAL, &rng, 1, &X));
  } else {
    step(context, flow, what, &X, &Y);
  }
  nwr_schedule_destroy(flow);
  nwr_context_destroy(context);
  return 0;
}
