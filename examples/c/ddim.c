/* SPDX-License-Identifier: Apache-2.0
 * Sampling with DDIM and a model of your own, in four lines of loop.
 * The model here is exact, for data that are normal with mean 0.5 and deviation 0.2; what the
 * result lacks of that is the error of 50 first-order steps. */
#include <math.h>
#include <noisewright.h>
#include <stdio.h>

#define N 4096

/* Your network: the noise in x at time t. For normal data it is a closed form. */
static int my_model(const nwr_schedule* schedule, double t, const float* x, float* eps) {
  nwr_coeffs c;
  const int st = nwr_schedule_eval(schedule, &t, 1, &c);
  if (st) return st;
  const double variance = c.alpha * c.alpha * 0.2 * 0.2 + c.sigma * c.sigma;
  for (int i = 0; i < N; i++) eps[i] = (float)(c.sigma * (x[i] - c.alpha * 0.5) / variance);
  return st;
}

int main(void) {
  static float x[N], eps[N];
  const int64_t shape[] = {8, N / 8};
  nwr_tensor X = {.data = x, .device = NWR_CPU, .ndim = 2, .dtype = NWR_F32, .shape = shape};
  nwr_tensor E = X;
  E.data = eps;
  nwr_context* ctx = NULL;
  nwr_schedule* cosine = NULL;
  nwr_sampler* run = NULL;
  const nwr_schedule_options how = {.struct_size = sizeof how, .name = "cosine"};
  const nwr_rng rng = {.seed = 42};
  const nwr_sampler_options opt = {.struct_size = sizeof opt,
                                   .kind = NWR_SAMPLER_DDIM,
                                   .steps = 50,
                                   .prediction = NWR_NOISE,
                                   .rngs = &rng,
                                   .rng_count = 1};
  nwr_eval ev = {.struct_size = sizeof ev};
  int st = nwr_context_create(NULL, &ctx);
  if (!st) st = nwr_schedule_create(&how, &cosine);
  if (!st) st = nwr_sampler_create(ctx, cosine, &opt, &run);
  if (!st) st = nwr_sampler_start(run, &X, NWR_START_PRIOR);
  while (!st && !(st = nwr_sampler_next(run, &ev))) {
    st = my_model(cosine, ev.clock, x, eps);
    if (!st) st = nwr_sampler_step(run, &X, &E, 1);
  }

  double mean = 0, square = 0;
  for (int i = 0; i < N; i++) {
    mean += x[i] / N;
    square += (double)x[i] * x[i] / N;
  }
  if (st < 0) {
    fprintf(stderr, "noisewright: %s\n", nwr_last_error());
  } else {
    printf("%u evaluations, mean %.2f, deviation %.2f\n", ev.index, mean,
           sqrt(square - mean * mean));
  }
  nwr_sampler_destroy(run);
  nwr_schedule_destroy(cosine);
  nwr_context_destroy(ctx);
  return st < 0;
}
