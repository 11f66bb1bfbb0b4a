/* SPDX-License-Identifier: Apache-2.0
 * A whole sampling loop on a GPU, captured once in a CUDA graph and replayed.
 *
 * The library works on the stream that it is given, waits for nothing and, after a first run,
 * allocates nothing: so what it queues can be captured. The model stands for a network: data are
 * unit normals, for which the noise in x is sigma x exactly. A replay repeats the run, noise and
 * all; another picture is another start. */
#include <cuda_runtime_api.h>
#include <noisewright.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kBatch = 16, kWidth = 4096, kSteps = 25, kReplays = 100, kNoDevice = 77 };

static void check_cuda(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  fprintf(stderr, "cuda: %s: %s\n", what, cudaGetErrorString(error));
  exit(1);
}

static void check(int status) {
  if (status >= 0) return;
  fprintf(stderr, "noisewright: %s\n", nwr_last_error());
  exit(1);
}

/* Queues the loop; returns the number of evaluations. */
static unsigned run(const nwr_context* context, const nwr_schedule* schedule, nwr_sampler* sampler,
                    const nwr_tensor* x, const nwr_tensor* output) {
  nwr_eval eval = {.struct_size = sizeof eval};
  int status;
  check(nwr_sampler_start(sampler, x, NWR_START_PRIOR));
  while ((status = nwr_sampler_next(sampler, &eval)) == NWR_OK) {
    nwr_coeffs c;
    check(nwr_schedule_eval(schedule, &eval.t, 1, &c));
    check(nwr_tensor_combine(context, &c.sigma, &x, 1, output));
    check(nwr_sampler_step(sampler, x, output, 1));
  }
  check(status);
  return eval.index;
}

int main(void) {
  cudaStream_t stream;
  if (cudaStreamCreate(&stream) != cudaSuccess) {
    printf("there is no CUDA device here\n");
    return kNoDevice;
  }
  nwr_context* context = NULL;
  nwr_schedule* cosine = NULL;
  nwr_sampler* sampler = NULL;
  const nwr_context_options on = {.struct_size = sizeof on, .device = NWR_CUDA, .stream = stream};
  const nwr_schedule_options path = {.struct_size = sizeof path, .name = "cosine"};
  const nwr_rng rng = {.seed = 42};
  const nwr_sampler_options how = {.struct_size = sizeof how,
                                   .name = "ddim(eta=1)",
                                   .prediction = NWR_NOISE,
                                   .steps = kSteps,
                                   .rngs = &rng,
                                   .rng_count = 1};
  check(nwr_context_create(&on, &context));
  check(nwr_schedule_create(&path, &cosine));
  check(nwr_sampler_create(context, cosine, &how, &sampler));

  const int64_t shape[] = {kBatch, kWidth};
  const size_t bytes = sizeof(float) * kBatch * kWidth;
  void *state = NULL, *prediction = NULL;
  check(nwr_memory_alloc(context, bytes, &state));
  check(nwr_memory_alloc(context, bytes, &prediction));
  const nwr_tensor x = {
      .data = state, .device = NWR_CUDA, .ndim = 2, .dtype = NWR_F32, .shape = shape};
  nwr_tensor output = x;
  output.data = prediction;

  /* The first run, by which the sampler has its memory. */
  float* const first = malloc(bytes);
  float* const again = malloc(bytes);
  const unsigned evaluations = run(context, cosine, sampler, &x, &output);
  check_cuda(cudaMemcpyAsync(first, state, bytes, cudaMemcpyDeviceToHost, stream), "copy");
  check(nwr_context_synchronize(context));

  cudaGraph_t graph;
  cudaGraphExec_t replay;
  size_t nodes = 0;
  check_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capture");
  run(context, cosine, sampler, &x, &output);
  check_cuda(cudaStreamEndCapture(stream, &graph), "end of capture");
  check_cuda(cudaGraphGetNodes(graph, NULL, &nodes), "nodes");
  check_cuda(cudaGraphInstantiateWithFlags(&replay, graph, 0), "instantiate");

  cudaEvent_t begin, end;
  float milliseconds = 0;
  check_cuda(cudaMemsetAsync(state, 0, bytes, stream), "memset");
  check_cuda(cudaGraphLaunch(replay, stream), "launch");
  check_cuda(cudaMemcpyAsync(again, state, bytes, cudaMemcpyDeviceToHost, stream), "copy");
  check_cuda(cudaEventCreate(&begin), "event");
  check_cuda(cudaEventCreate(&end), "event");
  check_cuda(cudaEventRecord(begin, stream), "record");
  for (int i = 0; i < kReplays; i++) check_cuda(cudaGraphLaunch(replay, stream), "launch");
  check_cuda(cudaEventRecord(end, stream), "record");
  check(nwr_context_synchronize(context));
  check_cuda(cudaEventElapsedTime(&milliseconds, begin, end), "time");

  const int same = !memcmp(first, again, bytes);
  printf("%u evaluations, %zu nodes: the replay gives %s\n", evaluations, nodes,
         same ? "the same bits" : "OTHER BITS");
  printf("%.2f us an evaluation, model and step, in the graph\n",
         (double)milliseconds * 1000 / kReplays / evaluations);

  cudaGraphExecDestroy(replay);
  cudaGraphDestroy(graph);
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  free(first);
  free(again);
  nwr_memory_free(context, state);
  nwr_memory_free(context, prediction);
  nwr_sampler_destroy(sampler);
  nwr_schedule_destroy(cosine);
  nwr_context_destroy(context);
  cudaStreamDestroy(stream);
  return !same;
}
