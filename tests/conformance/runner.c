/* SPDX-License-Identifier: Apache-2.0
 * Owns the C runner of the conformance cases: README.md beside this file says what it reads and
 * prints. runner [--device cuda] CASES [THREADS]. Status 1: a call failed; 2: the file is not as
 * README.md says. */
#include <errno.h>
#include <noisewright.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINES 32
#define MAX_WORDS 64
#define MAX_TEXT 4096
#define MAX_RANK 8
#define MAX_MODELS 4

/* ---- the file ---------------------------------------------------------------------------- */

typedef struct Line {
  char text[MAX_TEXT];
  char* words[MAX_WORDS]; /* words[0] is the key */
  int count;
  int number;
} Line;

typedef struct Case {
  Line lines[MAX_LINES]; /* lines[0] is "case NAME KIND" */
  int count;
} Case;

static void refuse(int line, const char* what, const char* word) {
  fprintf(stderr, "line %d: %s: %s\n", line, what, word);
  exit(2);
}

/* Cuts a line into words; false where there are none. */
static int cut(Line* l) {
  char* const comment = strchr(l->text, '#');
  if (comment) *comment = 0;
  l->count = 0;
  for (char* w = strtok(l->text, " \r\n"); w; w = strtok(NULL, " \r\n")) {
    if (l->count == MAX_WORDS) refuse(l->number, "too many words", w);
    l->words[l->count++] = w;
  }
  return l->count > 0;
}

/* Reads the next case; false at the end of the file. */
static int next_case(FILE* file, int* number, Case* c) {
  c->count = 0;
  for (;;) {
    Line* const l = &c->lines[c->count];
    if (!fgets(l->text, MAX_TEXT, file)) return c->count > 0;
    l->number = ++*number;
    if (strlen(l->text) == MAX_TEXT - 1) refuse(l->number, "too long", l->text);
    const int comment = l->text[0] == '#';
    if (!cut(l)) {
      if (c->count > 0 && !comment) return 1;
    } else if (++c->count == MAX_LINES) {
      refuse(l->number, "too many lines", l->words[0]);
    }
  }
}

/* The line of a key, after `after` others of the same key; NULL where there is none. */
static const Line* find(const Case* c, const char* key, int after) {
  for (int i = 1; i < c->count; i++) {
    if (!strcmp(c->lines[i].words[0], key) && after-- == 0) return &c->lines[i];
  }
  return NULL;
}

static int count(const Case* c, const char* key) {
  int n = 0;
  while (find(c, key, n)) n++;
  return n;
}

static const char* word(const Line* l, int i) {
  if (i >= l->count) refuse(l->number, "a value is missing", l->words[0]);
  return l->words[i];
}

/* The one value of a key, NULL where it is left out. */
static const char* value(const Case* c, const char* key) {
  const Line* const l = find(c, key, 0);
  if (l && l->count != 2) refuse(l->number, "one value, please", key);
  return l ? l->words[1] : NULL;
}

static double number(const Line* l, int i) {
  const char* const w = word(l, i);
  char* end;
  const double d = strtod(w, &end);
  if (*end || d != d) refuse(l->number, "not a number", w);
  return d;
}

static uint64_t whole(const Line* l, int i) {
  const char* const w = word(l, i);
  char* end;
  errno = 0;
  const uint64_t n = strtoull(w, &end, 10);
  if (*end || errno || *w < '0' || *w > '9') refuse(l->number, "not a whole number", w);
  return n;
}

static uint32_t small(const Case* c, const char* key) {
  if (!value(c, key)) return 0;
  const uint64_t n = whole(find(c, key, 0), 1);
  if (n > INT32_MAX) refuse(find(c, key, 0)->number, "too large", key);
  return (uint32_t)n;
}

/* The enum constant of a name. */
static int32_t named(nwr_domain domain, const Line* l, int i) {
  int32_t constant = 0;
  if (nwr_catalog_find(domain, word(l, i), &constant)) {
    refuse(l->number, "unknown name", l->words[i]);
  }
  return constant;
}

static int32_t choice(const Case* c, const char* key, nwr_domain domain, int32_t otherwise) {
  return value(c, key) ? named(domain, find(c, key, 0), 1) : otherwise;
}

/* All numbers of a key, NULL where it is left out; the caller frees them. */
static double* numbers(const Case* c, const char* key, size_t* n) {
  const int rows = count(c, key);
  *n = 0;
  if (!rows) return NULL;
  double* const all = malloc(rows * MAX_WORDS * sizeof *all);
  for (int r = 0; r < rows; r++) {
    const Line* const l = find(c, key, r);
    if (l->count != find(c, key, 0)->count) refuse(l->number, "rows differ in length", key);
    for (int i = 1; i < l->count; i++) all[(*n)++] = number(l, i);
  }
  return all;
}

static nwr_rng generator(const Line* l, int first) {
  if (l->count != first + 3) refuse(l->number, "seed, stream and offset, please", l->words[0]);
  const nwr_rng rng = {whole(l, first), whole(l, first + 1), whole(l, first + 2)};
  return rng;
}

/* The generators of `seed`. */
static size_t generators(const Case* c, nwr_rng* rngs) {
  const int n = count(c, "seed");
  for (int i = 0; i < n; i++) rngs[i] = generator(find(c, "seed", i), 1);
  return n;
}

/* ---- tensors ----------------------------------------------------------------------------- */

/* Not NULL where tensors are a device's: then each has a copy on the host, which cases are read
 * into and hashes made of. */
static const nwr_context* device = NULL;

typedef struct Array {
  nwr_tensor view;  /* on the host */
  nwr_tensor there; /* on the device */
  int64_t shape[MAX_RANK];
  int64_t elements;
  size_t bytes;
} Array;

static size_t size_of(nwr_dtype dtype) {
  return dtype == NWR_F64 || dtype == NWR_I64 ? 8 : dtype == NWR_F32 ? 4 : 2;
}

/* The tensor that the library is given. */
static const nwr_tensor* at(const Array* a) { return device ? &a->there : &a->view; }

static void must(int st) {
  if (!st) return;
  fprintf(stderr, "a copy: %s\n", nwr_last_error());
  exit(1);
}
static void push(const Array* a) {
  if (device) must(nwr_tensor_copy(device, &a->view, &a->there));
}
static void pull(const Array* a) {
  if (device) must(nwr_tensor_copy(device, &a->there, &a->view));
}

static void drop(Array* a) {
  if (device) nwr_memory_free(device, a->there.data);
  free(a->view.data);
}

/* A dense tensor of zeros of the case's shape and dtype; drop it. */
static void make(const Case* c, Array* a) {
  const Line* const shape = find(c, "shape", 0);
  if (!shape || shape->count < 2 || shape->count > MAX_RANK + 1) {
    refuse(c->lines[0].number, "a shape, please", c->lines[0].words[1]);
  }
  memset(a, 0, sizeof *a);
  a->elements = 1;
  for (int i = 1; i < shape->count; i++) {
    a->shape[i - 1] = (int64_t)whole(shape, i);
    a->elements *= a->shape[i - 1];
  }
  a->view.device = NWR_CPU;
  a->view.ndim = shape->count - 1;
  a->view.dtype = choice(c, "dtype", NWR_DOMAIN_DTYPE, NWR_F32);
  a->view.shape = a->shape;
  a->bytes = a->elements * size_of(a->view.dtype);
  a->view.data = calloc(1, a->bytes);
  if (!device) return;
  a->there = a->view;
  a->there.device = NWR_CUDA;
  must(nwr_memory_alloc(device, a->bytes, &a->there.data));
  push(a);
}

/* f64 numbers: one stands for every sample. */
static nwr_tensor vector(double* numbers, const int64_t* n) {
  const nwr_tensor t = {
      .data = numbers, .device = NWR_CPU, .ndim = *n != 1, .dtype = NWR_F64, .shape = n};
  return t;
}

static float from_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}

static uint32_t to_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return bits;
}

static float from_f16(uint16_t h) {
  const uint32_t sign = (uint32_t)(h & 0x8000) << 16, magnitude = h & 0x7fff;
  if (magnitude >= 0x7c00) return from_bits(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
  if (magnitude >= 0x400) return from_bits(sign | ((magnitude << 13) + (112u << 23)));
  const float x = (float)magnitude * 0x1p-24f; /* exact, also below the normal numbers */
  return sign ? -x : x;
}

/* Drops the low bits of n, to nearest, ties to even. */
static uint32_t shift_to_even(uint32_t n, int bits) {
  const uint32_t half = 1u << (bits - 1), rest = n & (2 * half - 1);
  n >>= bits;
  return n + (rest > half || (rest == half && (n & 1)));
}

static uint16_t to_f16(float x) {
  const uint32_t bits = to_bits(x), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
  if (magnitude >= 0x47800000) return (uint16_t)(sign | 0x7c00); /* 2^16 and infinity */
  if (magnitude >= 0x38800000) {                                 /* 2^-14: normal in f16 */
    return (uint16_t)(sign | shift_to_even(magnitude - (112u << 23), 13));
  }
  const int shift = 126 - (int)(magnitude >> 23); /* so that one unit is 2^-24 */
  if (shift > 24) return (uint16_t)sign;
  return (uint16_t)(sign | shift_to_even((magnitude & 0x7fffff) | 0x800000, shift));
}

static float from_bf16(uint16_t h) { return from_bits((uint32_t)h << 16); }

static uint16_t to_bf16(float x) {
  const uint32_t bits = to_bits(x);
  if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)shift_to_even(bits, 16);
}

/* Elements travel as f64, which holds each exactly. */
static double load(const nwr_tensor* t, int64_t i) {
  switch (t->dtype) {
    case NWR_F16: return from_f16(((const uint16_t*)t->data)[i]);
    case NWR_BF16: return from_bf16(((const uint16_t*)t->data)[i]);
    case NWR_F32: return ((const float*)t->data)[i];
    default: return ((const double*)t->data)[i];
  }
}

static void store(const nwr_tensor* t, int64_t i, double x) {
  switch (t->dtype) {
    case NWR_F16: ((uint16_t*)t->data)[i] = to_f16((float)x); break;
    case NWR_BF16: ((uint16_t*)t->data)[i] = to_bf16((float)x); break;
    case NWR_F32: ((float*)t->data)[i] = (float)x; break;
    default: ((double*)t->data)[i] = x; break;
  }
}

static uint64_t fnv1a(const void* bytes, size_t n) {
  uint64_t h = 0xcbf29ce484222325u;
  for (size_t i = 0; i < n; i++) h = (h ^ ((const unsigned char*)bytes)[i]) * 0x100000001b3u;
  return h;
}

static void print_hash(const void* bytes, size_t n) {
  printf("%016llx", (unsigned long long)fnv1a(bytes, n));
}

static void print_array(const Array* a) {
  pull(a);
  print_hash(a->view.data, a->bytes);
}

/* ---- calls that several kinds share ------------------------------------------------------ */

typedef struct World {
  const nwr_context* context;
  nwr_schedule* schedule;
} World;

static int make_schedule(const Case* c, nwr_schedule** out) {
  nwr_schedule_options o = {.struct_size = sizeof o, .name = value(c, "schedule")};
  double* const table = numbers(c, "table", &o.table_count);
  o.table = table;
  const int st = nwr_schedule_create(&o, out);
  free(table);
  return st;
}

static int fill_grid(const Case* c, const World* w, double* times) {
  const nwr_grid_options o = {.struct_size = sizeof o, .name = value(c, "grid")};
  return nwr_grid_fill(w->schedule, &o, times, small(c, "count"));
}

static int weigh(const Case* c, const World* w, double* times, size_t n) {
  const nwr_weight_options o = {.struct_size = sizeof o, .name = value(c, "weight")};
  return nwr_schedule_weigh(w->schedule, &o, times, n, times);
}

static int random_times(const Case* c, const World* w, const nwr_tensor* out) {
  const nwr_density_options o = {.struct_size = sizeof o, .name = value(c, "density")};
  nwr_rng rngs[MAX_LINES];
  const size_t n = generators(c, rngs);
  return nwr_random_times(w->context, w->schedule, &o, rngs, n, out);
}

static int generate(const Case* c, const World* w, nwr_rng* rngs, size_t n, const nwr_tensor* out) {
  const Line* const levels = find(c, "levels", 0);
  const nwr_random_options o = {
      .struct_size = sizeof o,
      .what = choice(c, "distribution", NWR_DOMAIN_DISTRIBUTION, NWR_NORMAL),
      .name = value(c, "generator"),
      .from_level = levels ? number(levels, 1) : 0,
      .to_level = levels ? number(levels, 2) : 0};
  return nwr_random_generate(w->context, &o, rngs, n, out);
}

static int import(const Case* c, nwr_schedule** out) {
  const Line* const text = find(c, "text", 0);
  char joined[MAX_TEXT] = "";
  nwr_param params[MAX_LINES];
  const int n = count(c, "set");
  for (int i = 1; text && i < text->count; i++) {
    if (i > 1) strcat(joined, " ");
    strcat(joined, text->words[i]);
  }
  for (int i = 0; i < n; i++) {
    const Line* const l = find(c, "set", i);
    params[i] = (nwr_param){word(l, 1), number(l, 2)};
  }
  const nwr_import_options o = {.struct_size = sizeof o,
                                .steps = small(c, "steps"),
                                .param_count = (uint32_t)n,
                                .params = params,
                                .schedule = value(c, "schedule")};
  return nwr_schedule_import(joined, &o, out);
}

static int skip(const Case* c, uint32_t* first) {
  const Line* const strength = find(c, "strength", 0);
  if (!strength) refuse(c->lines[0].number, "a strength, please", c->lines[0].words[1]);
  return nwr_grid_skip(choice(c, "rule", NWR_DOMAIN_STRENGTH, NWR_STRENGTH_FLOOR),
                       small(c, "steps"), number(strength, 1), first);
}

static int keeps(const Case* c) {
  const char* const keep = value(c, "keep");
  if (keep && strcmp(keep, "yes")) refuse(find(c, "keep", 0)->number, "yes, please", keep);
  return keep != NULL;
}

static int make_sampler(const Case* c, const World* w, nwr_sampler** out) {
  nwr_rng rngs[MAX_LINES];
  const size_t rng_count = generators(c, rngs);
  size_t total;
  double* const times = numbers(c, "times", &total);
  const int rows = count(c, "times");
  const nwr_sampler_options o = {.struct_size = sizeof o,
                                 .flags = keeps(c) ? NWR_SAMPLER_KEEP_DENOISED : 0,
                                 .name = value(c, "sampler"),
                                 .prediction = choice(c, "predict", NWR_DOMAIN_QUANTITY, NWR_STATE),
                                 .steps = small(c, "steps"),
                                 .times = times,
                                 .time_count = (uint32_t)(rows ? total / rows : 0),
                                 .time_rows = rows,
                                 .rngs = rng_count ? rngs : NULL,
                                 .rng_count = (uint32_t)rng_count,
                                 .clock = choice(c, "clock", NWR_DOMAIN_CLOCK, NWR_CLOCK_T),
                                 .generator = value(c, "generator")};
  const int st = nwr_sampler_create(w->context, w->schedule, &o, out);
  free(times);
  return st;
}

/* ---- models ------------------------------------------------------------------------------ */

/* One element's output, in f32 or in f64. */
#define DEFINE_MODEL(REAL)                                                  \
  static REAL model_##REAL(const Line* l, REAL x, REAL clock, REAL scale) { \
    const char* const name = word(l, 1);                                    \
    const REAL a = (REAL)number(l, 2);                                      \
    if (!strcmp(name, "scale")) return a * x;                               \
    if (!strcmp(name, "affine")) return a * x + (REAL)number(l, 3);         \
    if (!strcmp(name, "cubic")) return x - ((a * x) * x) * x;               \
    if (!strcmp(name, "clock")) return a * x + clock;                       \
    if (!strcmp(name, "unit")) return a * (scale * x);                      \
    refuse(l->number, "unknown model", name);                               \
    return 0;                                                               \
  }
DEFINE_MODEL(float)
DEFINE_MODEL(double)

/* The line of a model; the evaluation takes as many as it asks for. */
static const Line* model_of(const Case* c, uint32_t m) {
  static const char* const keys[MAX_MODELS] = {"model", "model2", "model3", "model4"};
  const Line* const l = m < MAX_MODELS ? find(c, keys[m], 0) : NULL;
  if (!l) refuse(c->lines[0].number, "a model for each output, please", c->lines[0].words[1]);
  return l;
}

/* user is the case: writes the outputs of `model`, `model2` and so on. */
static int32_t evaluate(void* user, const nwr_eval* eval, const nwr_tensor* x,
                        const nwr_tensor* output) {
  int64_t per = 1;
  for (int i = 1; i < x->ndim; i++) per *= x->shape[i];
  for (uint32_t m = 0; m < eval->output_count; m++) {
    const Line* const l = model_of(user, m);
    for (int64_t i = 0; i < x->shape[0] * per; i++) {
      const int64_t row = eval->row_count == 1 ? 0 : i / per;
      const double clock = eval->clock_rows[row], scale = eval->input_scale_rows[row];
      const double in = load(x, i);
      store(&output[m], i,
            x->dtype == NWR_F64 ? model_double(l, in, clock, scale)
                                : model_float(l, (float)in, (float)clock, (float)scale));
    }
  }
  return 0;
}

/* The same as a callback, whose tensors are the device's. */
static int32_t answer(void* user, const nwr_eval* eval, const nwr_tensor* x,
                      const nwr_tensor* output) {
  Array in, out[MAX_MODELS];
  nwr_tensor views[MAX_MODELS];
  const uint32_t outputs = eval->output_count;
  if (!device) return evaluate(user, eval, x, output);
  model_of(user, outputs - 1);
  make(user, &in);
  must(nwr_tensor_copy(device, x, &in.view));
  for (uint32_t m = 0; m < outputs; m++) {
    make(user, &out[m]);
    views[m] = out[m].view;
  }
  evaluate(user, eval, &in.view, views);
  for (uint32_t m = 0; m < outputs; m++) {
    must(nwr_tensor_copy(device, &views[m], &output[m]));
    drop(&out[m]);
  }
  drop(&in);
  return 0;
}

/* ---- sampling ---------------------------------------------------------------------------- */

/* What a run ends with. */
typedef struct Run {
  nwr_sampler* sampler;
  Array x, denoised;
  uint32_t evals;
} Run;

static int start(const Case* c, const World* w, Run* r) {
  make(c, &r->x);
  make(c, &r->denoised);
  const Line* const init = find(c, "init", 0);
  if (!find(c, "model", 0)) refuse(c->lines[0].number, "a model, please", c->lines[0].words[1]);
  int st = NWR_OK;
  if (init) {
    const nwr_rng rng = generator(init, 1);
    st = nwr_random_fill(w->context, NWR_NORMAL, &rng, 1, at(&r->x));
  }
  if (!st) st = make_sampler(c, w, &r->sampler);
  if (!st) {
    const nwr_start how = choice(c, "start", NWR_DOMAIN_START, NWR_START_PRIOR);
    st = nwr_sampler_start(r->sampler, at(&r->x), how);
  }
  return st;
}

/* Next, model, step: to the end, or until so many evaluations are done. */
static int step_until(const Case* c, Run* r, uint32_t until) {
  Array out[MAX_MODELS];
  nwr_tensor views[MAX_MODELS], given[MAX_MODELS];
  for (int m = 0; m < MAX_MODELS; m++) {
    make(c, &out[m]);
    views[m] = out[m].view;
    given[m] = *at(&out[m]);
  }
  nwr_eval eval = {.struct_size = sizeof eval};
  int st;
  while (!(st = nwr_sampler_next(r->sampler, &eval)) && eval.index < until) {
    const uint32_t outputs = eval.noises ? 0 : eval.output_count;
    if (outputs) {
      pull(&r->x);
      evaluate((void*)c, &eval, &r->x.view, views);
    }
    for (uint32_t m = 0; m < outputs; m++) push(&out[m]);
    if ((st = nwr_sampler_step(r->sampler, at(&r->x), given, outputs))) break;
  }
  for (int m = 0; m < MAX_MODELS; m++) drop(&out[m]);
  r->evals = eval.index;
  if (st == NWR_DONE && until < UINT32_MAX && eval.index < until) {
    refuse(c->lines[0].number, "the run ends before", c->lines[0].words[1]);
  }
  return st < 0 ? st : NWR_OK;
}

static int run(const Case* c, Run* r) {
  const nwr_callbacks calls = {.struct_size = sizeof calls, .model = answer, .user = (void*)c};
  nwr_eval eval = {.struct_size = sizeof eval};
  int st = nwr_sampler_run(r->sampler, at(&r->x), &calls);
  if (st == NWR_OK || st == NWR_DONE) st = nwr_sampler_next(r->sampler, &eval);
  r->evals = eval.index;
  return st == NWR_DONE ? NWR_OK : st;
}

static int save(const Run* r, void** bytes, size_t* size) {
  int st = nwr_sampler_save(r->sampler, NULL, 0, size);
  if (st < 0 && st != NWR_ERROR_BUFFER_TOO_SMALL) return st;
  *bytes = malloc(*size);
  return nwr_sampler_save(r->sampler, *bytes, *size, size);
}

static int save_and_load(const World* w, Run* r) {
  void* bytes = NULL;
  size_t size = 0;
  int st = save(r, &bytes, &size);
  if (!st) {
    nwr_sampler_destroy(r->sampler);
    r->sampler = NULL;
    st = nwr_sampler_load(w->context, w->schedule, bytes, size, &r->sampler);
  }
  free(bytes);
  return st;
}

static int same(const Run* a, const Run* b) {
  return a->evals == b->evals && !memcmp(a->x.view.data, b->x.view.data, a->x.bytes) &&
         !memcmp(a->denoised.view.data, b->denoised.view.data, a->x.bytes);
}

static void end(Run* r) {
  nwr_sampler_destroy(r->sampler);
  drop(&r->x);
  drop(&r->denoised);
}

static int kind_sample(const Case* c, const World* w) {
  Run runs[3] = {{0}};
  const uint32_t resume = small(c, "resume");
  const int count = resume ? 3 : 2;
  int st = NWR_OK;
  for (int i = 0; i < count && !st; i++) {
    Run* const r = &runs[i];
    st = start(c, w, r);
    if (!st && i == 2) st = step_until(c, r, resume);
    if (!st && i == 2) st = save_and_load(w, r);
    if (!st) st = i == 1 ? run(c, r) : step_until(c, r, UINT32_MAX);
    if (!st && keeps(c)) st = nwr_sampler_denoised(r->sampler, at(&r->denoised));
    if (!st) pull(&r->x);
    if (!st) pull(&r->denoised);
  }
  if (!st) {
    if (same(&runs[0], &runs[1]) && same(&runs[0], &runs[count - 1])) {
      print_hash(runs[0].x.view.data, runs[0].x.bytes);
    } else {
      printf("DIFFER");
    }
    printf(" evals %u%s", runs[0].evals, resume ? " resumed" : "");
    if (keeps(c)) {
      printf(" denoised ");
      print_hash(runs[0].denoised.view.data, runs[0].denoised.bytes);
    }
  }
  for (int i = 0; i < 3; i++) end(&runs[i]);
  return st;
}

static int kind_save(const Case* c, const World* w) {
  Run r = {0};
  void* bytes = NULL;
  size_t size = 0;
  int st = start(c, w, &r);
  if (!st) st = step_until(c, &r, small(c, "after"));
  if (!st) st = save(&r, &bytes, &size);
  if (!st) {
    print_hash(bytes, size);
    printf(" bytes %llu", (unsigned long long)size);
  }
  free(bytes);
  end(&r);
  return st;
}

/* ---- the other kinds --------------------------------------------------------------------- */

static int kind_random(const Case* c, const World* w) {
  Array a;
  nwr_rng rngs[MAX_LINES];
  const size_t n = generators(c, rngs);
  make(c, &a);
  const int named_one = value(c, "generator") != NULL;
  const nwr_distribution what = choice(c, "distribution", NWR_DOMAIN_DISTRIBUTION, NWR_NORMAL);
  const int st = named_one ? generate(c, w, rngs, n, at(&a))
                           : nwr_random_fill(w->context, what, rngs, n, at(&a));
  pull(&a);
  if (!st) print_hash(a.view.data, a.bytes);
  for (size_t i = 0; !st && named_one && i < n; i++) {
    printf(" %llu %llu %llu", (unsigned long long)rngs[i].seed, (unsigned long long)rngs[i].stream,
           (unsigned long long)rngs[i].offset);
  }
  drop(&a);
  return st;
}

static int kind_density(const Case* c, const World* w) {
  Array a;
  make(c, &a);
  const int st = random_times(c, w, at(&a));
  pull(&a);
  if (!st) print_hash(a.view.data, a.bytes);
  drop(&a);
  return st;
}

static int kind_grid(const Case* c, const World* w) {
  const size_t n = small(c, "count");
  double* const times = calloc(n + 1, sizeof *times);
  const int st = fill_grid(c, w, times);
  if (!st) print_hash(times, n * sizeof *times);
  free(times);
  return st;
}

static int kind_eval(const Case* c, const World* w) {
  size_t n;
  double* const times = numbers(c, "times", &n);
  nwr_coeffs out[MAX_WORDS];
  const int st = nwr_schedule_eval(w->schedule, times, n, out);
  if (!st) print_hash(out, n * sizeof *out);
  free(times);
  return st;
}

static int kind_invert(const Case* c, const World* w) {
  size_t n;
  double* const lambdas = numbers(c, "lambdas", &n);
  const int st = nwr_schedule_invert(w->schedule, lambdas, n, lambdas);
  if (!st) print_hash(lambdas, n * sizeof *lambdas);
  free(lambdas);
  return st;
}

static int kind_weigh(const Case* c, const World* w) {
  size_t n;
  double* const times = numbers(c, "times", &n);
  const int st = weigh(c, w, times, n);
  if (!st) print_hash(times, n * sizeof *times);
  free(times);
  return st;
}

static int kind_transform(const Case* c, const World* w) {
  const size_t in_count = count(c, "input"), out_count = count(c, "output");
  Array arrays[2 * MAX_LINES];
  nwr_operand in[MAX_LINES], out[MAX_LINES];
  size_t time_count, diffusion_count;
  double* const times = numbers(c, "times", &time_count);
  double* const diffusion = numbers(c, "diffusion", &diffusion_count);
  const int64_t time_shape = (int64_t)time_count, diffusion_shape = (int64_t)diffusion_count;
  const nwr_tensor t = vector(times, &time_shape), d = vector(diffusion, &diffusion_shape);
  const Line* const drawn = find(c, "drawn", 0);
  int st = NWR_OK;
  for (size_t i = 0; i < in_count; i++) {
    const Line* const l = find(c, "input", (int)i);
    const nwr_rng rng = generator(l, 2);
    make(c, &arrays[i]);
    in[i] = (nwr_operand){named(NWR_DOMAIN_QUANTITY, l, 1), 0, at(&arrays[i])};
    if (!st) st = nwr_random_fill(w->context, NWR_NORMAL, &rng, 1, at(&arrays[i]));
  }
  for (size_t i = 0; i < out_count; i++) {
    Array* const a = &arrays[in_count + i];
    make(c, a);
    out[i] = (nwr_operand){named(NWR_DOMAIN_QUANTITY, find(c, "output", (int)i), 1), 0, at(a)};
  }
  if (!st && drawn) {
    const nwr_rng rng = generator(drawn, 2);
    if (diffusion) refuse(drawn->number, "no diffusion with drawn", "drawn");
    st = nwr_transform_corrupt(w->context, w->schedule, &t, named(NWR_DOMAIN_QUANTITY, drawn, 1),
                               &rng, 1, in, in_count, out, out_count);
  } else if (!st) {
    st = nwr_transform_apply(w->context, w->schedule, &t, diffusion ? &d : NULL, in, in_count, out,
                             out_count);
  }
  for (size_t i = 0; i < in_count + out_count; i++) {
    if (!st && i >= in_count) {
      if (i > in_count) printf(" ");
      print_array(&arrays[i]);
    }
    drop(&arrays[i]);
  }
  free(times);
  free(diffusion);
  return st;
}

/* The tensors of `array`, normals each; the caller drops them. */
static int fill_arrays(const Case* c, const World* w, Array* arrays) {
  const int n = count(c, "array");
  int st = NWR_OK;
  for (int i = 0; i < n; i++) {
    const nwr_rng rng = generator(find(c, "array", i), 1);
    make(c, &arrays[i]);
    if (!st) st = nwr_random_fill(w->context, NWR_NORMAL, &rng, 1, at(&arrays[i]));
  }
  return st;
}

static int kind_combine(const Case* c, const World* w) {
  const int n = count(c, "array");
  Array arrays[MAX_LINES], out;
  const nwr_tensor* in[MAX_LINES];
  size_t factor_count;
  double* const factors = numbers(c, "factors", &factor_count);
  if (!n || factor_count != (size_t)n) {
    refuse(c->lines[0].number, "a factor an array, please", "combine");
  }
  int st = fill_arrays(c, w, arrays);
  make(c, &out);
  for (int i = 0; i < n; i++) in[i] = at(&arrays[i]);
  if (!st) st = nwr_tensor_combine(w->context, factors, in, n, at(&out));
  if (!st) print_array(&out);
  for (int i = 0; i < n; i++) drop(&arrays[i]);
  drop(&out);
  free(factors);
  return st;
}

static int kind_blend(const Case* c, const World* w) {
  const Line* const share = find(c, "mask", 0);
  Array arrays[MAX_LINES], mask;
  if (count(c, "array") != 2 || !share) {
    refuse(c->lines[0].number, "two arrays and a mask, please", "blend");
  }
  const nwr_rng rng = generator(share, 1);
  int st = fill_arrays(c, w, arrays);
  make(c, &mask);
  if (!st) st = nwr_random_fill(w->context, NWR_UNIFORM, &rng, 1, at(&mask));
  if (!st) st = nwr_tensor_blend(w->context, at(&arrays[0]), at(&arrays[1]), at(&mask));
  if (!st) print_array(&arrays[0]);
  for (int i = 0; i < 2; i++) drop(&arrays[i]);
  drop(&mask);
  return st;
}

static int kind_coeffs(const Case* c, const World* w) {
  const int n = count(c, "input");
  nwr_quantity in[MAX_LINES];
  double factors[MAX_LINES];
  if (!find(c, "times", 0)) refuse(c->lines[0].number, "times, please", "coeffs");
  for (int i = 0; i < n; i++) in[i] = named(NWR_DOMAIN_QUANTITY, find(c, "input", i), 1);
  const double t = number(find(c, "times", 0), 1);
  const double diffusion = value(c, "diffusion") ? number(find(c, "diffusion", 0), 1) : 0;
  const nwr_quantity out = choice(c, "output", NWR_DOMAIN_QUANTITY, NWR_STATE);
  const int st = nwr_transform_coeffs(w->schedule, t, diffusion, in, n, out, factors);
  if (!st) print_hash(factors, n * sizeof *factors);
  return st;
}

static int kind_catalog(const Case* c, const World* w) {
  (void)w;
  const nwr_domain domain = (nwr_domain)small(c, "domain");
  const size_t n = nwr_catalog_size(domain);
  char text[1 << 14] = "";
  size_t used = 0;
  int st = NWR_OK;
  for (size_t i = 0; i < n && !st; i++) {
    nwr_entry e = {.struct_size = sizeof e};
    st = nwr_catalog_entry(domain, i, &e);
    if (!st) {
      used +=
          snprintf(text + used, sizeof text - used, "%s %d %u\n", e.name, e.value, e.param_count);
    }
  }
  if (!st) print_hash(text, used);
  return st;
}

static int kind_import(const Case* c, const World* w) {
  nwr_schedule* schedule = NULL;
  nwr_schedule_info info = {.struct_size = sizeof info};
  nwr_import got = {.struct_size = sizeof got};
  char text[1 << 14];
  (void)w;
  int st = import(c, &schedule);
  if (!st) st = nwr_schedule_get_info(schedule, &info);
  if (!st) st = nwr_schedule_get_import(schedule, &got);
  if (!st) {
    int used = snprintf(text, sizeof text, "%s\n%s\n%s\n%s\n%d %d %d %d %u\n", got.source,
                        info.spec, got.grid, got.sampler, got.prediction, got.clock, got.start,
                        (int)got.clock_scale, got.steps);
    for (uint32_t i = 0; i < got.warning_count; i++) {
      used += snprintf(text + used, sizeof text - used, "%s\n", got.warnings[i]);
    }
    print_hash(text, used);
    printf(" warnings %u", got.warning_count);
  }
  nwr_schedule_destroy(schedule);
  return st;
}

static int kind_strength(const Case* c, const World* w) {
  uint32_t first = 0;
  (void)w;
  const int st = skip(c, &first);
  if (!st) printf("%u", first);
  return st;
}

static int call(const Case* c, const World* w, const char* what) {
  if (!strcmp(what, "grid")) {
    double* const times = calloc(small(c, "count") + 1, sizeof *times);
    const int st = fill_grid(c, w, times);
    free(times);
    return st;
  }
  if (!strcmp(what, "import")) {
    nwr_schedule* schedule = NULL;
    const int st = import(c, &schedule);
    nwr_schedule_destroy(schedule);
    return st;
  }
  if (!strcmp(what, "strength")) {
    uint32_t first;
    return skip(c, &first);
  }
  if (!strcmp(what, "random")) {
    Array a;
    nwr_rng rngs[MAX_LINES];
    make(c, &a);
    const int st = generate(c, w, rngs, generators(c, rngs), at(&a));
    drop(&a);
    return st;
  }
  if (!strcmp(what, "sampler")) {
    nwr_sampler* sampler = NULL;
    const int st = make_sampler(c, w, &sampler);
    nwr_sampler_destroy(sampler);
    return st;
  }
  if (!strcmp(what, "weigh")) {
    size_t n;
    double* const times = numbers(c, "times", &n);
    const int st = weigh(c, w, times, n);
    free(times);
    return st;
  }
  if (!strcmp(what, "density")) {
    Array a;
    make(c, &a);
    const int st = random_times(c, w, at(&a));
    drop(&a);
    return st;
  }
  refuse(find(c, "call", 0)->number, "unknown call", what);
  return NWR_OK;
}

static void print_error(const Case* c, int st) {
  const char* const message = nwr_last_error();
  const Line* const says = find(c, "says", 0);
  int all = 1;
  for (int i = 1; says && i < says->count; i++) all &= strstr(message, says->words[i]) != NULL;
  printf("%d %s", st, all ? "says" : "silent");
}

static int kind_error(const Case* c, const World* w) {
  print_error(c, call(c, w, value(c, "call")));
  return NWR_OK;
}

/* ---- all of them ------------------------------------------------------------------------- */

#define TRANSFORM_KEYS "times input output diffusion"
#define SAMPLE_KEYS                                                                                \
  "seed shape dtype times sampler predict steps clock start init model model2 model3 model4 keep " \
  "generator"
#define RANDOM_KEYS "distribution generator levels"
#define IMPORT_KEYS "text set steps"

/* Of each kind the keys that it reads, beside schedule and table. */
static const struct {
  const char *name, *keys;
  int (*run)(const Case*, const World*);
} kinds[] = {
    {"random", "seed shape dtype " RANDOM_KEYS, kind_random},
    {"density", "seed shape dtype density", kind_density},
    {"grid", "grid count", kind_grid},
    {"eval", "times", kind_eval},
    {"invert", "lambdas", kind_invert},
    {"weigh", "times weight", kind_weigh},
    {"transform", TRANSFORM_KEYS " shape dtype drawn", kind_transform},
    {"combine", "array factors shape dtype", kind_combine},
    {"blend", "array mask shape dtype", kind_blend},
    {"coeffs", TRANSFORM_KEYS, kind_coeffs},
    {"sample", SAMPLE_KEYS " resume", kind_sample},
    {"save", SAMPLE_KEYS " after", kind_save},
    {"catalog", "domain", kind_catalog},
    {"import", IMPORT_KEYS, kind_import},
    {"strength", "rule steps strength", kind_strength},
    {"error",
     SAMPLE_KEYS " call says grid count weight density distribution levels text set rule strength",
     kind_error},
};

static int lists(const char* keys, const char* key) {
  const size_t n = strlen(key);
  for (const char* at = keys; (at = strstr(at, key)); at++) {
    if ((at == keys || at[-1] == ' ') && (at[n] == ' ' || !at[n])) return 1;
  }
  return 0;
}

static void check_keys(const Case* c, const char* keys) {
  for (int i = 1; i < c->count; i++) {
    const char* const key = c->lines[i].words[0];
    if (!lists(keys, key) && !lists("schedule table", key)) {
      refuse(c->lines[i].number, "unknown key", key);
    }
    if (count(c, key) > 1 && !lists("seed input output set array", key) &&
        !(lists(keys, "sampler") && lists("times", key))) {
      refuse(c->lines[i].number, "a key twice", key);
    }
  }
}

/* Prints the line of a case; true unless a call failed that should not. */
static int run_case(const nwr_context* context, const Case* c) {
  const Line* const head = &c->lines[0];
  if (head->count != 3 || strcmp(head->words[0], "case")) {
    refuse(head->number, "case NAME KIND, please", head->words[0]);
  }
  size_t k = 0;
  while (k < sizeof kinds / sizeof *kinds && strcmp(kinds[k].name, head->words[2])) k++;
  if (k == sizeof kinds / sizeof *kinds) refuse(head->number, "unknown kind", head->words[2]);
  check_keys(c, kinds[k].keys);
  const char* const called = value(c, "call");
  if (!called && kinds[k].run == kind_error) refuse(head->number, "a call, please", "error");

  World w = {.context = context};
  printf("%s ", head->words[1]);
  int st = make_schedule(c, &w.schedule);
  if (called && !strcmp(called, "schedule")) {
    print_error(c, st);
    st = NWR_OK;
  } else if (!st) {
    st = kinds[k].run(c, &w);
  }
  printf(st ? "FAILED\n" : "\n");
  if (st) fprintf(stderr, "line %d: %s: %s\n", head->number, head->words[1], nwr_last_error());
  nwr_schedule_destroy(w.schedule);
  return !st;
}

int main(int argc, char** argv) {
  int32_t where = NWR_CPU;
  if (argc > 2 && !strcmp(argv[1], "--device")) {
    if (nwr_catalog_find(NWR_DOMAIN_DEVICE, argv[2], &where)) argc = 0;
    argc -= 2, argv += 2;
  }
  FILE* const file = argc > 1 ? fopen(argv[1], "r") : NULL;
  if (!file) {
    fprintf(stderr, "usage: runner [--device cpu|cuda] CASES [THREADS]\n");
    return 2;
  }
  const nwr_context_options o = {
      .struct_size = sizeof o, .device = where, .threads = argc > 2 ? (uint32_t)atoi(argv[2]) : 0};
  nwr_context* context = NULL;
  static Case c;
  int line = 0, failed = 0;
  if (nwr_context_create(&o, &context)) {
    fprintf(stderr, "noisewright: %s\n", nwr_last_error());
    return 1;
  }
  if (where != NWR_CPU) device = context;
  while (next_case(file, &line, &c)) failed |= !run_case(context, &c);
  fclose(file);
  nwr_context_destroy(context);
  return failed;
}
