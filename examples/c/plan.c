/* SPDX-License-Identifier: Apache-2.0
 * Runs an exported plan with plain loops, and the sampler itself beside it: the same numbers. */
#include <noisewright.h>
#include <stdio.h>

#define N 6
#define MOST 8

static void model(double t, const double* x, double* out) {
  for (int i = 0; i < N; i++) out[i] = (1 - t) * x[i] - 0.25 * t;
}

/* The 40 lines that a host needs, whatever the sampler: one output of the model, no fresh noise. */
static void run_plan(const nwr_sampler* sampler, double* x) {
  static double slots[MOST][N];
  nwr_plan p = {.struct_size = sizeof p};
  for (size_t e = 0; nwr_sampler_plan(sampler, e, &p) == NWR_OK && e < p.count; e++) {
    double out[N], made[MOST][N];
    model(p.t_rows[0], x, out);
    for (uint32_t j = 0; j < p.output_count; j++) {
      const double* f = p.factors + j * (p.input_count + 1);
      for (int i = 0; i < N; i++) {
        double sum = 0;
        for (uint32_t k = 0; k < p.input_count; k++) {
          const int32_t what = p.inputs[k];
          const double* in = what == NWR_PLAN_STATE ? x
                             : what < NWR_PLAN_SLOT ? out
                                                    : slots[what - NWR_PLAN_SLOT];
          if (f[k] != 0) sum += f[k] * in[i];
        }
        made[j][i] = sum;
      }
    }
    for (uint32_t j = 0; j < p.output_count; j++) {
      double* to = p.outputs[j] == NWR_PLAN_STATE ? x : slots[p.outputs[j] - NWR_PLAN_SLOT];
      for (int i = 0; i < N; i++) to[i] = made[j][i];
    }
  }
}

int main(int argc, char** argv) {
  double x[N] = {1, -1, 0.5, 2, -0.25, 0}, y[N], out[N];
  const int64_t shape[] = {1, N};
  nwr_tensor state = {.data = y, .device = NWR_CPU, .ndim = 2, .dtype = NWR_F64, .shape = shape};
  nwr_tensor output = state;
  output.data = out;
  for (int i = 0; i < N; i++) y[i] = x[i];

  nwr_context* context = NULL;
  nwr_schedule* flow = NULL;
  nwr_sampler* sampler = NULL;
  nwr_sampler_options options = {.struct_size = sizeof options, .steps = 8};
  options.name = argc > 1 ? argv[1] : "dpmpp-3m";
  nwr_eval eval = {.struct_size = sizeof eval};
  const char* json = NULL;
  int st = nwr_context_create(NULL, &context);
  if (!st) st = nwr_schedule_create(NULL, &flow);
  if (!st) st = nwr_sampler_create(context, flow, &options, &sampler);
  if (!st) st = nwr_sampler_plan_json(sampler, &json);
  if (!st) st = nwr_sampler_start(sampler, &state, NWR_START_STATE);
  while (!st && !(st = nwr_sampler_next(sampler, &eval))) {
    model(eval.t, y, out);
    st = nwr_sampler_step(sampler, &state, &output, 1);
  }
  if (st < 0) {
    fprintf(stderr, "noisewright: %s\n", nwr_last_error());
  } else {
    int same = 1;
    run_plan(sampler, x);
    for (int i = 0; i < N; i++) same = same && x[i] == y[i];
    printf("%s: x[0] = %.9f by the plan, %.9f by the sampler, %s\n", options.name, x[0], y[0],
           same ? "the same bits" : "NOT the same");
    if (argc > 2) puts(json);
    st = same ? NWR_OK : NWR_ERROR_INTERNAL;
  }
  nwr_sampler_destroy(sampler);
  nwr_schedule_destroy(flow);
  nwr_context_destroy(context);
  return st < 0;
}
