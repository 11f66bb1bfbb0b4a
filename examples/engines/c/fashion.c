/* SPDX-License-Identifier: Apache-2.0
 * The pictures of examples/c/fashion.c, with the network in ONNX Runtime.
 *   fashion MODEL.onnx [PER_CLASS [FOLDER]]    1 to 10 pictures of each of ten classes; 10
 * Into FOLDER go pictures.pgm, and the numbers: noise.f32, pictures.f32. */
#include <noisewright.h>
#include <stdio.h>
#include <stdlib.h>

#include "network.h"

enum { MOST = 10, ALL = CLASSES * MOST, STEPS = 12 };

static FILE* create(const char* folder, const char* name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE* file = fopen(path, "wb");
  if (!file) perror(path);
  return file;
}

static int write_numbers(const char* folder, const char* name, const float* x, int pictures) {
  FILE* file = create(folder, name);
  if (!file) return -1;
  fwrite(x, sizeof *x, (size_t)pictures * PIXELS, file);
  return fclose(file);
}

/* A grey picture of all pictures, a class a row. */
static int write_picture(const char* folder, const float* x, int per_class) {
  FILE* file = create(folder, "pictures.pgm");
  if (!file) return -1;
  const int width = per_class * SIDE, height = CLASSES * SIDE;
  fprintf(file, "P5 %d %d 255\n", width, height);
  for (int y = 0; y < height; y++) {
    for (int q = 0; q < width; q++) {
      const int picture = y / SIDE * per_class + q / SIDE;
      const float grey = (x[picture * PIXELS + y % SIDE * SIDE + q % SIDE] + 1) * 127.5f + 0.5f;
      fputc(grey < 0 ? 0 : grey > 255 ? 255 : (int)grey, file);
    }
  }
  return fclose(file);
}

/* One run from noise to pictures. Errors of noisewright are its status, others -1. */
static int draw(const network* net, nwr_sampler* run, const nwr_tensor* X, int per_class,
                const char* folder) {
  static float v[2][ALL * PIXELS], t[ALL];
  static int64_t label[2][ALL];
  const int pictures = CLASSES * per_class;
  float* x = X->data;
  nwr_tensor V[] = {*X, *X};
  nwr_eval ev = {.struct_size = sizeof ev};
  /* Velocities with the labels and without: guidance needs both. */
  for (int i = 0; i < pictures; i++) label[0][i] = i / per_class, label[1][i] = NO_LABEL;
  for (int i = 0; i < 2; i++) V[i].data = v[i];

  int st = nwr_sampler_start(run, X, NWR_START_PRIOR);
  if (!st && folder) st = write_numbers(folder, "noise.f32", x, pictures);
  while (!st && !(st = nwr_sampler_next(run, &ev))) {
    for (int i = 0; i < pictures; i++) t[i] = (float)ev.clock;
    for (uint32_t i = 0; !st && i < ev.output_count; i++)
      st = network_run(net, (size_t)pictures, x, t, label[i], v[i]);
    if (!st) st = nwr_sampler_step(run, X, V, ev.output_count);
  }
  if (st < 0) return st;
  printf("%d pictures, %u evaluations, ONNX Runtime %s\n", pictures, ev.index, network_version());
  if (folder && (write_numbers(folder, "pictures.f32", x, pictures) != 0 ||
                 write_picture(folder, x, per_class) != 0))
    return -1;
  return 0;
}

int main(int argc, char** argv) {
  static float x[ALL * PIXELS];
  const int per_class = argc > 2 ? atoi(argv[2]) : MOST, pictures = CLASSES * per_class;
  if (argc < 2 || per_class < 1 || per_class > MOST) {
    fprintf(stderr, "usage: fashion MODEL.onnx [PER_CLASS, 1 to %d [FOLDER]]\n", MOST);
    return 2;
  }
  network* net = network_load(argv[1]);
  if (!net) return 1;
  /* A stream a picture: none depends on how many are drawn. */
  nwr_rng rngs[ALL];
  for (int i = 0; i < pictures; i++) {
    rngs[i] = (nwr_rng){.seed = 42, .stream = (uint64_t)(i / per_class * MOST + i % per_class)};
  }
  const int64_t shape[] = {pictures, PIXELS};
  const nwr_tensor X = {.data = x, .device = NWR_CPU, .ndim = 2, .dtype = NWR_F32, .shape = shape};
  const nwr_sampler_options opt = {.struct_size = sizeof opt,
                                   .name = "heun(guidance=2)",
                                   .steps = STEPS,
                                   .rngs = rngs,
                                   .rng_count = (uint32_t)pictures};
  nwr_context* ctx = NULL;
  nwr_schedule* flow = NULL;
  nwr_sampler* run = NULL;
  int st = nwr_context_create(NULL, &ctx);
  if (!st) st = nwr_schedule_create(NULL, &flow);
  if (!st) st = nwr_sampler_create(ctx, flow, &opt, &run);
  if (!st) st = draw(net, run, &X, per_class, argc > 3 ? argv[3] : NULL);
  if (st < 0) fprintf(stderr, "fashion: %s\n", *nwr_last_error() ? nwr_last_error() : "stopped");
  nwr_sampler_destroy(run);
  nwr_schedule_destroy(flow);
  nwr_context_destroy(ctx);
  network_unload(net);
  return st < 0;
}
