/* SPDX-License-Identifier: Apache-2.0
 * A small trained network that predicts velocities of 28 x 28 pictures of clothing.
 * It knows nothing of noisewright: it stands for whatever model a program brings along. */
#ifndef FASHION_NET_H
#define FASHION_NET_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  FASHION_SIDE = 28,
  FASHION_PIXELS = FASHION_SIDE * FASHION_SIDE,
  FASHION_CLASSES = 10,
  /* The label of "any class": what guidance subtracts. */
  FASHION_NO_LABEL = 10
};

/* The file w.f16, built into the program. */
extern const unsigned char fashion_weights[];
extern const unsigned char fashion_weights_end[];

typedef struct fashion_net fashion_net;

/* One picture to look at: x and v are FASHION_PIXELS numbers each, 0 <= label <= 10. */
typedef struct fashion_job {
  const float* x;
  float* v;
  float t;
  int label;
} fashion_job;

/* Unpacks the weights. NULL if their size is wrong or memory is short. */
fashion_net* fashion_net_create(const void* weights, size_t size);
void fashion_net_destroy(fashion_net* net);

/* Evaluates each job. The bits of a result depend on its own job only: neither on the other jobs,
 * nor on the number of threads, nor on the instruction set. Returns 0, or -1 if memory is short. */
int fashion_net_run(const fashion_net* net, const fashion_job* jobs, size_t count,
                    unsigned threads);

/* "t-shirt" for 0, and so on. */
const char* fashion_class_name(int label);

#ifdef __cplusplus
}
#endif
#endif
