/* SPDX-License-Identifier: Apache-2.0
 * Short recipes around a sampler, as docs/recipes.md explains them: a configuration of another
 * library, image-to-image, inpainting, scaling noise in and out, requests of different length in
 * one batch. The model is exact, for data that are normal with mean 0.5 and deviation 0.2. */
#include <math.h>
#include <noisewright.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 256
#define ROWS 3
#define N (ROWS * WIDTH)

static int st;
#define TRY(call) (st < 0 ? st : (st = (call)))

static nwr_tensor tensor(float* data, int64_t rows) {
  static const int64_t shapes[][2] = {{0, 0}, {1, WIDTH}, {2, WIDTH}, {3, WIDTH}};
  nwr_tensor t = {
      .data = data, .device = NWR_CPU, .ndim = 2, .dtype = NWR_F32, .shape = shapes[rows]};
  return t;
}

/* The noise in one sample at time t. */
static void predict(const nwr_schedule* schedule, double t, const float* x, float* noise) {
  nwr_coeffs c;
  TRY(nwr_schedule_eval(schedule, &t, 1, &c));
  const double variance = c.alpha * c.alpha * 0.04 + c.sigma * c.sigma;
  for (int i = 0; i < WIDTH; i++) {
    noise[i] = (float)(c.sigma * (x[i] - c.alpha * 0.5) / variance);
  }
}

static double mean(const float* x, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += x[i];
  return sum / n;
}

/* A state at time t of known data, with noise of its own. */
static void noise_to(const nwr_context* ctx, const nwr_schedule* schedule, double t,
                     const nwr_tensor* data, const nwr_tensor* state) {
  const nwr_rng rng = {.seed = 7};
  const nwr_tensor time = {.data = &t, .device = NWR_CPU, .dtype = NWR_F64};
  const nwr_operand in = {.quantity = NWR_DATA, .tensor = data};
  const nwr_operand out = {.quantity = NWR_STATE, .tensor = state};
  TRY(nwr_transform_corrupt(ctx, schedule, &time, NWR_NOISE, &rng, 1, &in, 1, &out, 1));
}

static nwr_sampler* make(const nwr_context* ctx, const nwr_schedule* schedule,
                         const nwr_import* config, const double* times, uint32_t count,
                         uint64_t seed) {
  const nwr_rng rng = {.seed = seed};
  const nwr_sampler_options options = {.struct_size = sizeof options,
                                       .name = config->sampler,
                                       .prediction = config->prediction,
                                       .clock = config->clock,
                                       .times = times,
                                       .time_count = count,
                                       .rngs = &rng,
                                       .rng_count = 1};
  nwr_sampler* run = NULL;
  TRY(nwr_sampler_create(ctx, schedule, &options, &run));
  return run;
}

static void finish(nwr_sampler* run, const nwr_schedule* schedule, const nwr_tensor* x) {
  static float output[WIDTH];
  const nwr_tensor out = tensor(output, 1);
  nwr_eval ev = {.struct_size = sizeof ev};
  while (TRY(nwr_sampler_next(run, &ev)) == NWR_OK) {
    predict(schedule, ev.t, x->data, output);
    TRY(nwr_sampler_step(run, x, &out, 1));
  }
  if (st == NWR_DONE) st = NWR_OK;
}

/* Inpainting: after each step what is known stands where it is known, noised to the time of the
 * state. mask is 1 where the model paints. */
static void inpaint(const nwr_context* ctx, const nwr_schedule* schedule, nwr_sampler* run,
                    const nwr_tensor* x, const nwr_tensor* known, const nwr_tensor* mask) {
  static float output[WIDTH], noised[WIDTH];
  const nwr_tensor out = tensor(output, 1), state = tensor(noised, 1);
  nwr_eval ev = {.struct_size = sizeof ev};
  while (TRY(nwr_sampler_next(run, &ev)) == NWR_OK) {
    predict(schedule, ev.t, x->data, output);
    TRY(nwr_sampler_step(run, x, &out, 1));
    TRY(nwr_sampler_next(run, &ev)); /* the time at which x stands now */
    noise_to(ctx, schedule, ev.t, known, &state);
    TRY(nwr_tensor_blend(ctx, x, &state, mask));
  }
  if (st == NWR_DONE) st = NWR_OK;
}

int main(void) {
  static const char text[] =
      "{\"_class_name\": \"DPMSolverMultistepScheduler\", \"beta_schedule\": \"scaled_linear\","
      " \"beta_start\": 0.00085, \"beta_end\": 0.012, \"use_karras_sigmas\": true,"
      " \"clip_sample\": false, \"made_up\": 1}";
  static float x[N], picture[WIDTH], mask[WIDTH];
  nwr_context* ctx = NULL;
  nwr_schedule* schedule = NULL;
  nwr_import config = {.struct_size = sizeof config};
  double times[21];

  /* A configuration of another library: three calls. */
  const nwr_import_options how = {.struct_size = sizeof how, .steps = 20};
  TRY(nwr_context_create(NULL, &ctx));
  TRY(nwr_schedule_import(text, &how, &schedule));
  TRY(nwr_schedule_get_import(schedule, &config));
  const nwr_grid_options grid = {.struct_size = sizeof grid, .name = config.grid};
  TRY(nwr_grid_fill(schedule, &grid, times, config.steps + 1));
  nwr_sampler* run = make(ctx, schedule, &config, times, config.steps + 1, 42);
  const nwr_tensor one = tensor(x, 1);
  TRY(nwr_sampler_start(run, &one, config.start));
  finish(run, schedule, &one);
  if (st < 0) goto end;
  printf("%s on %s: mean %.2f\n", config.sampler, config.grid, mean(x, WIDTH));
  for (uint32_t i = 0; i < config.warning_count; i++) printf("warning: %s\n", config.warnings[i]);
  nwr_sampler_destroy(run);

  /* Image-to-image: a part of the grid, from a picture. */
  uint32_t first = 0;
  for (int i = 0; i < WIDTH; i++) x[i] = picture[i] = i < WIDTH / 2 ? 0.3f : 0.7f;
  TRY(nwr_grid_skip(NWR_STRENGTH_FLOOR, config.steps, 0.4, &first));
  run = make(ctx, schedule, &config, times + first, config.steps + 1 - first, 42);
  TRY(nwr_sampler_start(run, &one, NWR_START_DATA));
  finish(run, schedule, &one);
  if (st < 0) goto end;
  printf("strength 0.4 runs %u of %u steps: halves %.1f and %.1f\n", config.steps - first,
         config.steps, mean(x, WIDTH / 2), mean(x + WIDTH / 2, WIDTH / 2));
  nwr_sampler_destroy(run);

  /* Inpainting: the first half is known. */
  const nwr_tensor known = tensor(picture, 1), unknown = tensor(mask, 1);
  for (int i = 0; i < WIDTH; i++) mask[i] = i < WIDTH / 2 ? 0 : 1;
  run = make(ctx, schedule, &config, times, config.steps + 1, 42);
  TRY(nwr_sampler_start(run, &one, config.start));
  inpaint(ctx, schedule, run, &one, &known, &unknown);
  if (st < 0) goto end;
  printf("inpainted: what is known is %s, the rest has mean %.1f\n",
         memcmp(x, picture, sizeof x / (2 * ROWS)) ? "changed" : "as it was",
         mean(x + WIDTH / 2, WIDTH / 2));
  nwr_sampler_destroy(run);

  /* Noise in and out: the state of a picture without noise is alpha times the picture. */
  nwr_coeffs at;
  TRY(nwr_schedule_eval(schedule, &times[12], 1, &at));
  const nwr_tensor* state = &one;
  const double in = at.alpha, out = 1 / at.alpha;
  memcpy(x, picture, sizeof picture);
  TRY(nwr_tensor_combine(ctx, &in, &state, 1, &one));
  TRY(nwr_tensor_combine(ctx, &out, &state, 1, &one));
  double off = 0;
  for (int i = 0; i < WIDTH; i++) off = fmax(off, fabs((double)(x[i] - picture[i])));
  if (st < 0) goto end;
  printf("scaled in and out: %s\n", off < 1e-6 ? "the picture" : "something else");

  /* Requests that begin at different times, of different length: each has a sampler on its own
   * slice; the model sees all slices that still run. The bits are those of runs alone. */
  static float alone[N], output[N];
  nwr_sampler* requests[ROWS] = {NULL};
  double own[ROWS][21];
  const uint32_t steps[ROWS] = {20, 12, 6};
  for (int i = 0; i < ROWS; i++) {
    TRY(nwr_grid_fill(schedule, &grid, own[i], steps[i] + 1));
    const nwr_tensor slice = tensor(alone + i * WIDTH, 1);
    run = make(ctx, schedule, &config, own[i], steps[i] + 1, (uint64_t)i);
    TRY(nwr_sampler_start(run, &slice, config.start));
    finish(run, schedule, &slice);
    nwr_sampler_destroy(run);
  }
  run = NULL;
  int active = ROWS, calls = 0;
  for (int round = 0; st >= 0 && active > 0; round++) {
    active = 0;
    for (int i = 0; i < ROWS; i++) {
      nwr_eval ev = {.struct_size = sizeof ev};
      const nwr_tensor slice = tensor(x + i * WIDTH, 1), answer = tensor(output + i * WIDTH, 1);
      if (round == 3 * i) { /* a request arrives */
        requests[i] = make(ctx, schedule, &config, own[i], steps[i] + 1, (uint64_t)i);
        TRY(nwr_sampler_start(requests[i], &slice, config.start));
      }
      if (!requests[i] || TRY(nwr_sampler_next(requests[i], &ev)) != NWR_OK) continue;
      predict(schedule, ev.t, x + i * WIDTH, output + i * WIDTH); /* together in a real model */
      TRY(nwr_sampler_step(requests[i], &slice, &answer, 1));
      active++;
    }
    calls += active > 0;
  }
  for (int i = 0; i < ROWS; i++) nwr_sampler_destroy(requests[i]);
  if (st < 0) goto end;
  printf("3 requests in %d calls of the model: %s\n", calls,
         memcmp(x, alone, sizeof x) ? "other bits" : "the same bits as alone");

end:
  if (st < 0) fprintf(stderr, "noisewright: %s\n", nwr_last_error());
  if (st < 0) nwr_sampler_destroy(run);
  nwr_schedule_destroy(schedule);
  nwr_context_destroy(ctx);
  return st < 0;
}
