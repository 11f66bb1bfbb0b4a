/* SPDX-License-Identifier: Apache-2.0
 *
 * What the lines of code in these pages take for granted, so that they can be compiled. */
#include <noisewright.h>
#include <stddef.h>

enum { STEPS = 20 };

static nwr_context* ctx;
static nwr_schedule *schedule, *other, *bridge, *own;
static nwr_sampler* run;
static nwr_tensor T, W2, X, Y, D, N, V, S, E, U, F, K, M, x;
static nwr_rng time_rng, noise_rng;
static nwr_rng rngs[8];
static double times[STEPS + 1], weights[STEPS + 1];
static size_t time_count, batch, n;
static uint32_t first, steps = STEPS;
static nwr_sampler_options options;
static int st;
static const char* text;
static nwr_sampler* runs[8];
static float t[8], v[2][8];
static int64_t label[2][8];
static nwr_tensor outputs[2];
static const struct network* net;
int network_run(const struct network* n, size_t count, float* x, float* t, int64_t* label,
                float* v);
static nwr_tensor slices[8], answers[8];
static void model(const nwr_tensor* x, const nwr_eval* evals, const size_t* which, size_t count,
                  const nwr_tensor* outputs) {
  (void)x, (void)evals, (void)which, (void)count, (void)outputs;
}
static int32_t coeffs(void* user, double t, nwr_coeffs* out) {
  (void)user;
  out->alpha = 1 - t;
  out->sigma = t;
  return 0;
}
