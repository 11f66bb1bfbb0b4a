/* SPDX-License-Identifier: Apache-2.0
 *
 * What the README's loop stands in when docs/check runs it; any function will do for a network. */
#include <inttypes.h>
#include <noisewright.h>
#include <stdio.h>

#define N 4096
static float x[N], eps[N];
static nwr_context* ctx;
static nwr_schedule* cosine;
static nwr_sampler* run;

static void network(double t, const float* from, float* to) {
  for (int i = 0; i < N; i++) to[i] = (float)(from[i] * t);
}

int main(void) {
  const int64_t shape[] = {8, N / 8};
  nwr_tensor X = {.data = x, .device = NWR_CPU, .ndim = 2, .dtype = NWR_F32, .shape = shape};
  nwr_tensor E = X;
  E.data = eps;
  const nwr_rng rng = {.seed = 42};
  THE_LOOP
  uint64_t hash = 0xcbf29ce484222325;
  const unsigned char* bytes = (const unsigned char*)x;
  for (size_t i = 0; i < sizeof x; i++) hash = (hash ^ bytes[i]) * 0x100000001b3;
  printf("%u evaluations, hash %016" PRIx64 "\n", ev.index, hash);
  nwr_sampler_destroy(run);
  nwr_schedule_destroy(cosine);
  nwr_context_destroy(ctx);
  return st < 0;
}
