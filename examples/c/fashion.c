/* SPDX-License-Identifier: Apache-2.0
 * A trained network of your own that draws clothes, with guidance: the pictures of the
 * demonstration's second act, to the same bits. Each has a stream of random numbers of its own, so
 * that no picture depends on how many are drawn.
 *   fashion [PER_CLASS [PICTURE.pgm [NUMBERS.f32]]]    1 to 10 pictures of each of ten classes; 10
 */
#include <noisewright.h>
#include <stdio.h>
#include <stdlib.h>

#include "net.h"
#include "sha256.h"

enum { MOST = 10, STEPS = 12, THREADS = 2 };

typedef struct network {
  fashion_net* net;
  int pictures, per_class;
} network;

/* Velocities with the labels and without: guidance needs both. */
static int32_t run_network(void* user, const nwr_eval* eval, const nwr_tensor* x,
                           const nwr_tensor* outputs) {
  const network* n = user;
  const float* from = x->data;
  float *labelled = outputs[0].data, *free_of_label = outputs[1].data;
  const float t = (float)eval->clock;
  fashion_job jobs[2 * FASHION_CLASSES * MOST];
  for (int i = 0; i < n->pictures; i++) {
    const size_t at = (size_t)i * FASHION_PIXELS;
    jobs[2 * i] = (fashion_job){from + at, labelled + at, t, i / n->per_class};
    jobs[2 * i + 1] = (fashion_job){from + at, free_of_label + at, t, FASHION_NO_LABEL};
  }
  return fashion_net_run(n->net, jobs, 2 * (size_t)n->pictures, THREADS);
}

static void show(const char* what, const float* x, int pictures) {
  char digest[65];
  sha256_hex(x, sizeof(float) * FASHION_PIXELS * (size_t)pictures, digest);
  printf("%-8s sha256 %s\n", what, digest);
}

/* A grey picture of all pictures, a class a row. */
static int write_picture(const char* path, const float* x, int per_class) {
  FILE* file = fopen(path, "wb");
  if (!file) return -1;
  const int width = per_class * FASHION_SIDE, height = FASHION_CLASSES * FASHION_SIDE;
  fprintf(file, "P5 %d %d 255\n", width, height);
  for (int y = 0; y < height; y++) {
    for (int q = 0; q < width; q++) {
      const int picture = y / FASHION_SIDE * per_class + q / FASHION_SIDE;
      const int pixel = y % FASHION_SIDE * FASHION_SIDE + q % FASHION_SIDE;
      const float grey = (x[picture * FASHION_PIXELS + pixel] + 1) * 127.5f + 0.5f;
      fputc(grey < 0 ? 0 : grey > 255 ? 255 : (int)grey, file);
    }
  }
  return fclose(file);
}

static int write_numbers(const char* path, const float* x, size_t pictures) {
  FILE* file = fopen(path, "wb");
  if (!file) return -1;
  fwrite(x, sizeof *x, pictures * FASHION_PIXELS, file);
  return fclose(file);
}

int main(int argc, char** argv) {
  static float x[FASHION_CLASSES * MOST * FASHION_PIXELS];
  network n = {NULL, 0, argc > 1 ? atoi(argv[1]) : MOST};
  if (n.per_class < 1 || n.per_class > MOST) {
    fprintf(stderr, "fashion: PER_CLASS is %s, outside 1 to %d\n", argv[1], MOST);
    return 2;
  }
  n.pictures = FASHION_CLASSES * n.per_class;
  n.net = fashion_net_create(fashion_weights, (size_t)(fashion_weights_end - fashion_weights));
  if (!n.net) {
    fprintf(stderr, "fashion: the network's weights cannot be unpacked\n");
    return 1;
  }
  nwr_rng rngs[FASHION_CLASSES * MOST];
  for (int i = 0; i < n.pictures; i++) {
    const int place = i / n.per_class * MOST + i % n.per_class;
    rngs[i] = (nwr_rng){.seed = 42, .stream = (uint64_t)place};
  }
  const int64_t shape[] = {n.pictures, FASHION_PIXELS};
  const nwr_tensor X = {.data = x, .device = NWR_CPU, .ndim = 2, .dtype = NWR_F32, .shape = shape};
  const nwr_sampler_options opt = {.struct_size = sizeof opt,
                                   .name = "heun(guidance=2)",
                                   .steps = STEPS,
                                   .rngs = rngs,
                                   .rng_count = (uint32_t)n.pictures};
  const nwr_callbacks calls = {.struct_size = sizeof calls, .model = run_network, .user = &n};
  nwr_eval end = {.struct_size = sizeof end};
  nwr_context* ctx = NULL;
  nwr_schedule* flow = NULL;
  nwr_sampler* run = NULL;
  int st = nwr_context_create(NULL, &ctx);
  if (!st) st = nwr_schedule_create(NULL, &flow);
  if (!st) st = nwr_sampler_create(ctx, flow, &opt, &run);
  if (!st) st = nwr_sampler_start(run, &X, NWR_START_PRIOR);
  if (!st) show("noise", x, n.pictures);
  if (!st) st = nwr_sampler_run(run, &X, &calls);
  if (!st) st = nwr_sampler_next(run, &end);
  if (st < 0) {
    fprintf(stderr, "noisewright: %s\n", nwr_last_error());
  } else {
    show("pictures", x, n.pictures);
    printf("%d pictures, %u evaluations\n", n.pictures, end.index);
    if (argc > 2 && write_picture(argv[2], x, n.per_class) != 0) {
      perror(argv[2]);
      st = -1;
    }
    if (argc > 3 && write_numbers(argv[3], x, (size_t)n.pictures) != 0) {
      perror(argv[3]);
      st = -1;
    }
  }
  nwr_sampler_destroy(run);
  nwr_schedule_destroy(flow);
  nwr_context_destroy(ctx);
  fashion_net_destroy(n.net);
  return st < 0;
}
