/* SPDX-License-Identifier: Apache-2.0
 * Checks the network against the outputs that its training program recorded, and its threads.
 * Usage: test_net REFERENCE [ROUNDS]; with ROUNDS it also measures the time of an evaluation. */
#include "net.h"

#include "sha256.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAMPLES = 8, MOST = 64 };

#define SHA256_OF_WEIGHTS "f2b2b4f24e2153d4049e6fb03c5c646ae5c2007ece36b7f7bc25a0f0aecebfa8"

static double now(void) {
  struct timespec t;
  timespec_get(&t, TIME_UTC);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char** argv) {
  static float reference[2 * SAMPLES * FASHION_PIXELS + 2 * SAMPLES];
  static float v[SAMPLES * FASHION_PIXELS], again[SAMPLES * FASHION_PIXELS];
  static float many[MOST * FASHION_PIXELS];
  const float *x = reference, *t = x + SAMPLES * FASHION_PIXELS, *label = t + SAMPLES;
  const float* expected = label + SAMPLES;

  FILE* file = argc > 1 ? fopen(argv[1], "rb") : NULL;
  const size_t got = file ? fread(reference, sizeof reference, 1, file) : 0;
  if (file) fclose(file);
  fashion_net* net =
      fashion_net_create(fashion_weights, (size_t)(fashion_weights_end - fashion_weights));
  if (got != 1 || !net) {
    fprintf(stderr, "test_net: cannot read the reference or the weights\n");
    fashion_net_destroy(net);
    return 1;
  }

  char digest[65];
  sha256_hex(fashion_weights, (size_t)(fashion_weights_end - fashion_weights), digest);
  int failed = strcmp(digest, SHA256_OF_WEIGHTS) != 0;
  printf("weights: %s\n", digest);

  fashion_job jobs[SAMPLES];
  for (int i = 0; i < SAMPLES; i++) {
    jobs[i] = (fashion_job){x + i * FASHION_PIXELS, v + i * FASHION_PIXELS, t[i], (int)label[i]};
  }
  failed |= fashion_net_run(net, jobs, SAMPLES, 1);
  double worst = 0;
  for (size_t i = 0; i < SAMPLES * FASHION_PIXELS; i++) {
    const double error = fabs((double)v[i] - (double)expected[i]);
    if (!(error <= worst)) worst = error; /* catches a NaN too */
  }
  failed |= !(worst <= 2e-5);
  printf("largest difference from the reference: %.1e\n", worst);

  for (int i = 0; i < SAMPLES; i++) jobs[i].v = again + i * FASHION_PIXELS;
  failed |= fashion_net_run(net, jobs, SAMPLES, 3);
  const int equal = memcmp(v, again, sizeof v) == 0;
  failed |= !equal;
  printf("one thread and three threads: %s\n", equal ? "equal bits" : "DIFFERENT BITS");
  failed |= fashion_net_create(fashion_weights, 2) != NULL;

  if (argc > 2) {
    const int rounds = atoi(argv[2]);
    fashion_job batch[MOST];
    for (int i = 0; i < MOST; i++) {
      batch[i] = (fashion_job){x + i % SAMPLES * FASHION_PIXELS, many + i * FASHION_PIXELS, 0.3f,
                               i % (FASHION_NO_LABEL + 1)};
    }
    for (unsigned threads = 1; threads <= 2; threads++) {
      double best = 1e9;
      for (int r = 0; r < rounds; r++) {
        const double start = now();
        fashion_net_run(net, batch, MOST, threads);
        const double took = (now() - start) / MOST;
        if (took < best) best = took;
      }
      printf("%u thread%s: %.3f ms an evaluation\n", threads, threads > 1 ? "s" : "", 1e3 * best);
    }
  }
  fashion_net_destroy(net);
  return failed != 0;
}
