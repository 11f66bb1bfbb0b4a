/* SPDX-License-Identifier: Apache-2.0
 * Lists what the library has: schedules, grids, samplers, weights, densities and generators, with
 * their settings.
 * A menu, a config file's checker or a binding can be made of the same calls. */
#include <noisewright.h>
#include <stdio.h>

static int list_settings(nwr_domain domain, size_t index, size_t count) {
  for (size_t k = 0; k < count; k++) {
    nwr_param_info p = {.struct_size = sizeof p};
    const int st = nwr_catalog_param(domain, index, k, &p);
    if (st) return st;
    if (p.choices) {
      printf("      %-18s %s; one of %s; default %g\n", p.name, p.summary, p.choices,
             p.default_value);
    } else {
      printf("      %-18s %s; %g to %g, default %g\n", p.name, p.summary, p.min, p.max,
             p.default_value);
    }
  }
  return NWR_OK;
}

static int list_domain(nwr_domain domain, const char* title) {
  printf("%s\n", title);
  for (size_t i = 0; i < nwr_catalog_size(domain); i++) {
    nwr_entry e = {.struct_size = sizeof e};
    int st = nwr_catalog_entry(domain, i, &e);
    if (st) return st;
    printf("  %-26s %s", e.name, e.summary);
    if (domain == NWR_DOMAIN_SAMPLER) {
      printf(" (order %u, %u evaluation%s a step%s)", e.order, e.evals_per_step,
             e.evals_per_step == 1 ? "" : "s",
             (e.flags & NWR_ENTRY_STOCHASTIC) != 0 ? ", stochastic" : "");
    }
    printf("\n");
    st = list_settings(domain, i, e.param_count);
    if (st) return st;
  }
  return NWR_OK;
}

int main(void) {
  int st = list_domain(NWR_DOMAIN_SCHEDULE, "schedules");
  if (!st) st = list_domain(NWR_DOMAIN_GRID, "grids");
  if (!st) st = list_domain(NWR_DOMAIN_SAMPLER, "samplers");
  if (!st) st = list_domain(NWR_DOMAIN_WEIGHT, "weights");
  if (!st) st = list_domain(NWR_DOMAIN_DENSITY, "densities of random times");
  if (!st) st = list_domain(NWR_DOMAIN_GENERATOR, "generators of random numbers");
  if (st < 0) fprintf(stderr, "noisewright: %s\n", nwr_last_error());
  return st < 0;
}
