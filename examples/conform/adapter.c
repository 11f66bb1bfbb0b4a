/* SPDX-License-Identifier: Apache-2.0
 *
 * An adapter for "noisewright conform": our own samplers, as any other program would be checked.
 *   noisewright conform adapter [SAMPLER...]
 * The protocol is in docs/conform.md. Here it is the loop of a user who has the model elsewhere. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <noisewright.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char* line;
static size_t line_size;

/* The next line without its end; ends the program where there is none. */
static char* hear(void) {
  const ssize_t size = getline(&line, &line_size, stdin);
  if (size <= 0) exit(0);
  line[strcspn(line, "\n")] = 0;
  return line;
}

/* Reads "word v1 v2 ..." into at most most numbers; says how many there are. */
static size_t hear_numbers(const char* word, double* out, size_t most) {
  char* text = hear();
  const size_t length = strlen(word);
  size_t count = 0;
  if (strncmp(text, word, length) != 0) {
    fprintf(stderr, "adapter: '%s' is expected\n", word);
    exit(1);
  }
  for (text += length; *text; count++) {
    char* end;
    const double v = strtod(text, &end);
    if (end == text) break;
    if (count < most) out[count] = v;
    text = end;
  }
  return count;
}

static void say_numbers(const double* v, size_t count) {
  for (size_t i = 0; i < count; i++) printf(" %.17g", v[i]);
  printf("\n");
  fflush(stdout);
}

static void refuse(void) {
  printf("error %s\n", nwr_last_error());
  fflush(stdout);
}

/* Of models that go to clean data at once, or, for tcd, to any level. */
static int jumps(const char* sampler) {
  return !strncmp(sampler, "lcm", 3) || !strncmp(sampler, "tcd", 3) ||
         !strncmp(sampler, "consistency", 11);
}

/* The catalogue knows the order of each sampler and whether it draws; a spec may add settings. */
static void introduce(int count, char** names) {
  static const char* const grids[] = {"trailing", "leading", "linspace", "karras", "flow-shift=3"};
  printf("name noisewright\nprecision f64\nspacing trailing\nspacing leading\nspacing linspace\n");
  printf("prediction noise\nprediction data\nprediction angular\nprediction flow\n");
  printf("path vp\npath ve\npath flow\n");
  for (int i = 0; i < count; i++) {
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(names[i], "("), names[i]);
    int32_t value = 0;
    nwr_entry e = {.struct_size = sizeof e};
    if (nwr_catalog_find(NWR_DOMAIN_SAMPLER, name, &value)) continue;
    for (size_t k = 0; !nwr_catalog_entry(NWR_DOMAIN_SAMPLER, k, &e) && e.value != value;) k++;
    /* Draws in general, and by default: ddim does so with eta. Variances are of order 2 at most. */
    const int random = (e.flags & NWR_ENTRY_STOCHASTIC) &&
                       (strchr(names[i], '(') || strstr(name, "sde") || strstr(name, "ancestral") ||
                        !strcmp(name, "ddpm") || !strcmp(name, "sa-solver") || jumps(name)) &&
                       !strstr(names[i], "gamma=0)");
    const double order = jumps(name) ? HUGE_VAL : random && e.order > 2 ? 2.0 : e.order;
    printf("sampler %s %g %s\n", names[i], order, random ? "sde" : "ode");
    /* Of those that are exact where all data are one point: others go along t. */
    const int in_t = !strcmp(name, "euler") || !strcmp(name, "heun") || !strcmp(name, "rk4");
    for (size_t k = 0; k < (in_t ? 0 : sizeof grids / sizeof *grids); k++) {
      printf("grid %s %s\n", names[i], grids[k]);
    }
  }
  printf("ready\n");
  fflush(stdout);
}

static void timesteps(const char* spacing, size_t steps, unsigned table) {
  char spec[64];
  nwr_schedule* schedule = NULL;
  snprintf(spec, sizeof spec, "ddpm(count=%u)", table);
  const nwr_schedule_options how = {.struct_size = sizeof how, .name = spec};
  const nwr_grid_options grid = {.struct_size = sizeof grid, .name = spacing};
  double* times = malloc((steps + 1) * sizeof *times);
  if (times && !nwr_schedule_create(&how, &schedule) &&
      !nwr_grid_fill(schedule, &grid, times, steps + 1)) {
    printf("timesteps");
    say_numbers(times, steps); /* the last time is where the last step ends */
  } else {
    refuse();
  }
  nwr_schedule_destroy(schedule);
  free(times);
}

static int32_t draw(void* user, uint64_t number, const nwr_tensor* out) {
  const size_t* count = user;
  (void)number;
  printf("normal %zu\n", *count);
  fflush(stdout);
  return hear_numbers("normal", (double*)out->data, *count) == *count ? 0 : -1;
}

enum { MOST = 1 << 16 };

/* From the first of the times to the last. */
static void run(const char* sampler, const char* prediction, const nwr_schedule* schedule,
                const double* times, size_t time_count) {
  static double x[MOST], y[MOST];
  size_t count = hear_numbers("x", x, MOST);
  nwr_schedule_info info = {.struct_size = sizeof info};
  const nwr_quantity q = !strcmp(prediction, "data")      ? NWR_DATA
                         : !strcmp(prediction, "noise")   ? NWR_NOISE
                         : !strcmp(prediction, "angular") ? NWR_ANGULAR
                                                          : NWR_VELOCITY;
  const int64_t shape[] = {1, (int64_t)count};
  const nwr_tensor X = {.data = x, .device = NWR_CPU, .ndim = 2, .dtype = NWR_F64, .shape = shape};
  nwr_tensor Y = X;
  nwr_context* context = NULL;
  nwr_sampler* run = NULL;
  nwr_eval eval = {.struct_size = sizeof eval};
  Y.data = y;

  int st = nwr_schedule_get_info(schedule, &info);
  if (!st) {
    st = nwr_context_create(
        &(nwr_context_options){.struct_size = sizeof(nwr_context_options), .threads = 1}, &context);
  }
  const nwr_sampler_options options = {.struct_size = sizeof options,
                                       .name = sampler,
                                       .prediction = q,
                                       .times = times,
                                       .time_count = (uint32_t)time_count,
                                       .noise = draw,
                                       .user = &count};
  if (!st) st = nwr_sampler_create(context, schedule, &options, &run);
  if (!st) st = nwr_sampler_start(run, &X, NWR_START_STATE);
  while (!st && !(st = nwr_sampler_next(run, &eval))) {
    nwr_coeffs c;
    st = nwr_schedule_eval(schedule, &eval.t, 1, &c);
    if (st) break;
    printf("%s %.17g %.17g", jumps(sampler) ? "jump" : "eval", c.alpha, c.sigma);
    if (jumps(sampler)) {
      const double part = strstr(sampler, "gamma=0)") ? 1 : 0.7; /* tcd's default is gamma=0.3 */
      const double to =
          info.t_data + part * (times[eval.index + 1] - info.t_data); /* as tcd goes beyond it */
      c = (nwr_coeffs){.alpha = 1};
      if (!strncmp(sampler, "tcd", 3)) st = nwr_schedule_eval(schedule, &to, 1, &c);
      if (st) break;
      printf(" %.17g %.17g", c.alpha, c.sigma);
    }
    say_numbers(x, count);
    if (hear_numbers("output", y, count) != count) exit(1);
    st = nwr_sampler_step(run, &X, &Y, 1);
  }
  if (st == NWR_DONE) {
    printf("done");
    say_numbers(x, count);
  } else {
    refuse();
  }
  nwr_sampler_destroy(run);
  nwr_context_destroy(context);
}

/* Levels of the kit on one of its paths. */
static void run_levels(const char* sampler, const char* prediction, const char* path) {
  static double levels[MOST], times[MOST / 2];
  const size_t count = hear_numbers("levels", levels, MOST) / 2;
  const char* name = !strcmp(path, "flow") ? "flow" : !strcmp(path, "ve") ? "edm" : "cosine";
  const nwr_schedule_options how = {.struct_size = sizeof how, .name = name};
  nwr_schedule* schedule = NULL;
  for (size_t i = 0; i < count; i++) times[i] = log(levels[2 * i] / levels[2 * i + 1]);
  if (nwr_schedule_create(&how, &schedule) || nwr_schedule_invert(schedule, times, count, times)) {
    hear(); /* x */
    refuse();
  } else {
    run(sampler, prediction, schedule, times, count);
  }
  nwr_schedule_destroy(schedule);
}

/* A grid of our own, on a table or, where it has a shift, on rectified flow. */
static void run_grid(const char* sampler, const char* prediction, const char* name, size_t steps,
                     unsigned table) {
  static double times[MOST / 2], levels[MOST];
  const int flow = !strncmp(name, "flow-shift=", 11);
  char spec[128], discrete[64];
  snprintf(discrete, sizeof discrete, "ddpm(count=%u)", table);
  snprintf(spec, sizeof spec, "flow(shift=%.60s)", name + (flow ? 11 : 0));
  const nwr_schedule_options how = {.struct_size = sizeof how, .name = flow ? "flow" : discrete};
  const nwr_grid_options grid = {.struct_size = sizeof grid, .name = flow ? spec : name};
  nwr_schedule* schedule = NULL;
  if (nwr_schedule_create(&how, &schedule) || nwr_grid_fill(schedule, &grid, times, steps + 1)) {
    refuse();
  } else {
    printf("levels");
    for (size_t i = 0; i <= steps; i++) {
      nwr_coeffs c = {0};
      nwr_schedule_eval(schedule, &times[i], 1, &c);
      levels[2 * i] = c.alpha, levels[2 * i + 1] = c.sigma;
    }
    say_numbers(levels, 2 * (steps + 1));
    run(sampler, prediction, schedule, times, steps + 1);
  }
  nwr_schedule_destroy(schedule);
}

int main(int argc, char** argv) {
  static char* usual[] = {"euler",
                          "ddim",
                          "heun",
                          "dpm-2",
                          "dpmpp-2m",
                          "dpmpp-3m",
                          "deis",
                          "lms",
                          "unipc",
                          "rk4",
                          "ddim(eta=1)",
                          "ddpm",
                          "euler-ancestral",
                          "dpmpp-2m-sde",
                          "sa-solver",
                          "lcm",
                          "consistency(sigma_min=0)",
                          "tcd",
                          "tcd(gamma=0)"};
  while (1) {
    char a[64], b[64], c[64];
    unsigned steps, table;
    const char* said = hear();
    if (!strcmp(said, "bye")) return 0;
    if (!strcmp(said, "hello 1")) {
      if (argc > 1) introduce(argc - 1, argv + 1);
      if (argc == 1) introduce((int)(sizeof usual / sizeof *usual), usual);
    } else if (sscanf(said, "timesteps %63s %u %u", a, &steps, &table) == 3) {
      timesteps(a, steps, table);
    } else if (sscanf(said, "run %63s %63s %63s", a, b, c) == 3) {
      run_levels(a, b, c);
    } else if (sscanf(said, "own %63s %63s %63s %u %u", a, b, c, &steps, &table) == 5) {
      run_grid(a, b, c, steps, table);
    } else {
      printf("error '%s' is not known\n", said);
      fflush(stdout);
    }
  }
}
