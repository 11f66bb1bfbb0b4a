/* SPDX-License-Identifier: Apache-2.0
 * Uses the library between two marks on stdout, for quiet.py to see what the system is asked in
 * between: nothing between "begin" and "small", threads between "small" and "end". */
#define main caller
#include "../abi/caller.c"
#undef main

#include <stdlib.h>
#include <unistd.h>

static int mark(const char* text) { return write(STDOUT_FILENO, text, strlen(text)) > 0 ? 0 : 1; }

static int fill(nwr_context* context, int64_t count) {
  const int64_t shape[] = {count};
  const nwr_rng rng = {1, 2, 3};
  nwr_tensor out;
  nwr_status status;
  memset(&out, 0, sizeof out);
  out.data = malloc((size_t)count * sizeof(float));
  out.device = NWR_CPU, out.ndim = 1, out.dtype = NWR_F32, out.shape = shape;
  status = nwr_random_fill(context, NWR_NORMAL, &rng, 1, &out);
  free(out.data);
  return status;
}

int main(void) {
  nwr_context_options options;
  nwr_context* context = NULL;
  nwr_schedule* schedule = NULL;
  int32_t value;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options, options.threads = 3;
  if (mark("begin\n")) return 1;
  if (caller()) return 2;
  CHECK(nwr_context_create(&options, &context) == NWR_OK);
  CHECK(nwr_schedule_import("DPM++ 2M Karras", NULL, &schedule) == NWR_OK);
  nwr_schedule_destroy(schedule);
  CHECK(nwr_schedule_import("{\"_class_name\": \"DDIMScheduler\"}", NULL, &schedule) == NWR_OK);
  nwr_schedule_destroy(schedule);
  CHECK(nwr_catalog_find(NWR_DOMAIN_SAMPLER, "no such", &value) == NWR_ERROR_NOT_FOUND);
  CHECK(fill(context, 256) == NWR_OK);
  if (mark("small\n")) return 1;
  CHECK(fill(context, 1 << 20) == NWR_OK);
  if (mark("end\n")) return 1;
  nwr_context_destroy(context);
  return 0;
}
