/* SPDX-License-Identifier: Apache-2.0
 *
 * What a first program does: compares versions, makes a context and a schedule, asks for numbers.
 */
#include <noisewright.h>
#include <stdio.h>

static int failed(const char* what) {
  fprintf(stderr, "%s: %s\n", what, nwr_last_error());
  return 1;
}

int main(void) {
  nwr_context* context = NULL;
  nwr_schedule* schedule = NULL;
  nwr_schedule_options options = {0};
  nwr_coeffs coeffs = {0};
  const double t = 0.25;

  if (nwr_abi() != NWR_ABI) return failed("nwr_abi");
  if (nwr_context_create(NULL, &context) < 0) return failed("nwr_context_create");
  options.struct_size = (uint32_t)sizeof options;
  options.name = "linear";
  if (nwr_schedule_create(&options, &schedule) < 0) return failed("nwr_schedule_create");
  if (nwr_schedule_eval(schedule, &t, 1, &coeffs) < 0) return failed("nwr_schedule_eval");
  nwr_schedule_destroy(schedule);
  nwr_context_destroy(context);
  printf("noisewright %u: alpha %g, sigma %g\n", (unsigned)nwr_version(), coeffs.alpha,
         coeffs.sigma);
  return coeffs.alpha == 0.25 && coeffs.sigma == 0.75 ? 0 : failed("coefficients");
}
