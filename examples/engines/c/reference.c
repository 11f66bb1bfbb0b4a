/* SPDX-License-Identifier: Apache-2.0
 * The model in ONNX Runtime beside what the network's training program recorded,
 * ../fashion/ref.f32: reference MODEL.onnx ref.f32    fails where they differ by more than 2e-5 */
#include <math.h>
#include <stdio.h>

#include "network.h"

enum { SAMPLES = 8 };

int main(int argc, char** argv) {
  static float recorded[2 * SAMPLES * PIXELS + 2 * SAMPLES], v[SAMPLES * PIXELS];
  float *x = recorded, *t = x + SAMPLES * PIXELS, *number = t + SAMPLES;
  const float* expected = number + SAMPLES;
  int64_t label[SAMPLES];
  FILE* file = argc == 3 ? fopen(argv[2], "rb") : NULL;
  const size_t got = file ? fread(recorded, sizeof recorded, 1, file) : 0;
  if (file) fclose(file);
  if (got != 1) {
    fprintf(stderr, "usage: reference MODEL.onnx ref.f32\n");
    return 2;
  }
  for (int i = 0; i < SAMPLES; i++) label[i] = (int64_t)number[i];
  network* n = network_load(argv[1]);
  double worst = 0;
  int bad = !n || network_run(n, SAMPLES, x, t, label, v);
  for (int i = 0; i < SAMPLES * PIXELS; i++) {
    const double error = fabs((double)v[i] - (double)expected[i]);
    if (!(error <= worst)) worst = error; /* catches a NaN too */
  }
  printf("largest difference from the reference: %.1e\n", worst);
  network_unload(n);
  return bad || !(worst <= 2e-5);
}
