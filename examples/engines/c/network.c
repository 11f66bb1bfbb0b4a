/* SPDX-License-Identifier: Apache-2.0 */
#include "network.h"

#include <onnxruntime_c_api.h>
#include <stdio.h>
#include <stdlib.h>

struct network {
  const OrtApi* ort;
  OrtEnv* env;
  OrtSession* session;
  OrtMemoryInfo* memory;
};

/* What went wrong, if anything, is an object that is the caller's to release. */
static int failed(const OrtApi* ort, OrtStatus* status) {
  if (!status) return 0;
  fprintf(stderr, "onnxruntime: %s\n", ort->GetErrorMessage(status));
  ort->ReleaseStatus(status);
  return 1;
}

network* network_load(const char* model) {
  const OrtApi* ort = OrtGetApiBase()->GetApi(ORT_API_VERSION);
  network* n = calloc(1, sizeof *n);
  if (!ort || !n) {
    fprintf(stderr, "onnxruntime: memory is short, or the library is older than its headers\n");
    free(n);
    return NULL;
  }
  n->ort = ort;
  OrtSessionOptions* options = NULL;
  const int bad =
      failed(ort, ort->CreateEnv(ORT_LOGGING_LEVEL_WARNING, "fashion", &n->env)) ||
      failed(ort, ort->CreateSessionOptions(&options)) ||
      failed(ort, ort->CreateSession(n->env, model, options, &n->session)) ||
      failed(ort, ort->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &n->memory));
  ort->ReleaseSessionOptions(options);
  if (!bad) return n;
  network_unload(n);
  return NULL;
}

void network_unload(network* n) {
  if (!n) return;
  n->ort->ReleaseMemoryInfo(n->memory);
  n->ort->ReleaseSession(n->session);
  n->ort->ReleaseEnv(n->env);
  free(n);
}

/* A tensor that lies where the data does. */
static int view(const network* n, void* data, size_t size, const int64_t* shape, size_t rank,
                ONNXTensorElementDataType type, OrtValue** out) {
  return failed(n->ort, n->ort->CreateTensorWithDataAsOrtValue(n->memory, data, size, shape, rank,
                                                               type, out));
}

int network_run(const network* n, size_t count, float* x, float* t, int64_t* label, float* v) {
  static const char* const names[] = {"x", "t", "label", "v"};
  const int64_t shape[] = {(int64_t)count, SIDE, SIDE};
  const size_t size = count * sizeof *x;
  const ONNXTensorElementDataType real = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  OrtValue* values[4] = {NULL};
  const int bad = view(n, x, size * PIXELS, shape, 3, real, &values[0]) ||
                  view(n, t, size, shape, 1, real, &values[1]) ||
                  view(n, label, count * sizeof *label, shape, 1,
                       ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, &values[2]) ||
                  view(n, v, size * PIXELS, shape, 3, real, &values[3]) ||
                  failed(n->ort, n->ort->Run(n->session, NULL, names, (const OrtValue**)values, 3,
                                             names + 3, 1, values + 3));
  for (int i = 0; i < 4; i++) n->ort->ReleaseValue(values[i]);
  return bad ? -1 : 0;
}

const char* network_version(void) { return OrtGetApiBase()->GetVersionString(); }
