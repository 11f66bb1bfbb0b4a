/* SPDX-License-Identifier: Apache-2.0
 * A model of velocities in ONNX Runtime. It knows nothing of noisewright. */
#ifndef NETWORK_H
#define NETWORK_H

#include <stddef.h>
#include <stdint.h>

enum { SIDE = 28, PIXELS = SIDE * SIDE, CLASSES = 10, NO_LABEL = 10 };

typedef struct network network;

/* NULL if the model cannot be loaded; standard error tells why. */
network* network_load(const char* model);
void network_unload(network* n);
/* Writes the velocities v of count pictures x at their times t with their labels, 0 to 10, in
 * place: nothing is copied. Returns 0, or -1, and standard error tells why. */
int network_run(const network* n, size_t count, float* x, float* t, int64_t* label, float* v);
const char* network_version(void);

#endif
