/* SPDX-License-Identifier: Apache-2.0
 * The forward pass of the network, for any CPU, with a second build of the hot loops for AVX2.
 * Sums are taken in one fixed order and nothing is contracted, so every CPU gives equal bits. */
#include "net.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

enum {
  LANES = 8,
  TILE = 7, /* divides both widths, 14 and 7, and its sums fit the registers */
  FREQUENCIES = 32,
  EMBED = 192,
  WIDE = 32, /* channels at 14 x 14 */
  DEEP = 96, /* channels at 7 x 7 */
  GROUPS = 8,
  HEADS = 4,
  HEAD = DEEP / HEADS,
  FINE = 14,
  COARSE = 7,
  CELLS = COARSE * COARSE,
  CELLS_PADDED = 56,
  MAX_CHANNELS = 3 * DEEP,
  NUMBERS = 877508
};

typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

/* Weights are stored as [output block][ky][kx][input][lane]: the order in which they are read. */
typedef struct conv {
  float* w;
  float* bias;
  int size, inputs, blocks;
} conv;

typedef struct norm {
  const float *gain, *bias;
  int channels;
} norm;

typedef struct block {
  norm norm1;
  conv conv1, embed;
  norm norm2;
  conv conv2, skip;
  int inputs, outputs;
} block;

struct fashion_net {
  float* memory;
  const float *frequency, *classes;
  conv time1, time2, first, down, qkv, attended, up, last;
  norm attention_norm, last_norm;
  block d1, d2, m1, m2, m3, u1, u2;
};

/* Pixels of channels; the first pixel is at p, and rows may have margins. */
typedef struct image {
  float* p;
  size_t row;
  int side, channels;
} image;

/* ---- reading the weights ------------------------------------------------------------------ */

static float half_to_float(uint16_t h) {
  const int exponent = h >> 10 & 31;
  const int mantissa = h & 1023;
  const float magnitude = exponent == 0 ? ldexpf((float)mantissa, -24)
                                        : ldexpf((float)(mantissa + 1024), exponent - 25);
  return h >> 15 ? -magnitude : magnitude;
}

typedef struct reader {
  const unsigned char* next;
  float* store;
} reader;

static float* take_room(reader* r, size_t count) {
  float* room = r->store;
  r->store += count;
  return room;
}

static void read_numbers(reader* r, float* out, size_t count) {
  for (size_t i = 0; i < count; i++, r->next += 2) {
    out[i] = half_to_float((uint16_t)(r->next[0] | r->next[1] << 8));
  }
}

static const float* read_array(reader* r, size_t count) {
  float* out = take_room(r, count);
  read_numbers(r, out, count);
  return out;
}

/* In the file weights are [ky][kx][input][output]; outputs are filled up with zeros to a lane. */
static conv read_conv(reader* r, int size, int inputs, int outputs) {
  const int blocks = (outputs + LANES - 1) / LANES;
  const size_t taps = (size_t)(size * size * inputs);
  conv c = {take_room(r, taps * (size_t)(blocks * LANES)), take_room(r, (size_t)(blocks * LANES)),
            size, inputs, blocks};
  float row[MAX_CHANNELS] = {0};
  for (size_t k = 0; k < taps; k++) {
    read_numbers(r, row, (size_t)outputs);
    for (int b = 0; b < blocks; b++) {
      memcpy(c.w + ((size_t)b * taps + k) * LANES, row + b * LANES, sizeof(float) * LANES);
    }
  }
  memset(c.bias, 0, sizeof(float) * (size_t)(blocks * LANES));
  read_numbers(r, c.bias, (size_t)outputs);
  return c;
}

static norm read_norm(reader* r, int channels) {
  norm n = {NULL, NULL, channels};
  n.gain = read_array(r, (size_t)channels);
  n.bias = read_array(r, (size_t)channels);
  return n;
}

static block read_block(reader* r, int inputs, int outputs) {
  block b = {.inputs = inputs, .outputs = outputs};
  b.norm1 = read_norm(r, inputs);
  b.conv1 = read_conv(r, 3, inputs, outputs);
  b.embed = read_conv(r, 1, EMBED, 2 * outputs);
  b.norm2 = read_norm(r, outputs);
  b.conv2 = read_conv(r, 3, outputs, outputs);
  if (inputs != outputs) b.skip = read_conv(r, 1, inputs, outputs);
  return b;
}

fashion_net* fashion_net_create(const void* weights, size_t size) {
  if (size != 2 * (size_t)NUMBERS) return NULL;
  fashion_net* net = calloc(1, sizeof *net);
  /* Slack: the last layer has four outputs, stored as eight. */
  float* memory = malloc(sizeof(float) * (NUMBERS + 9 * WIDE * LANES));
  if (!net || !memory) {
    free(memory);
    free(net);
    return NULL;
  }
  net->memory = memory;
  reader r = {weights, memory};
  net->frequency = read_array(&r, FREQUENCIES);
  net->time1 = read_conv(&r, 1, 2 * FREQUENCIES, EMBED);
  net->time2 = read_conv(&r, 1, EMBED, EMBED);
  net->classes = read_array(&r, (FASHION_CLASSES + 1) * EMBED);
  net->first = read_conv(&r, 3, 4, WIDE);
  net->d1 = read_block(&r, WIDE, WIDE);
  net->d2 = read_block(&r, WIDE, WIDE);
  net->down = read_conv(&r, 3, WIDE, DEEP);
  net->m1 = read_block(&r, DEEP, DEEP);
  net->attention_norm = read_norm(&r, DEEP);
  net->qkv = read_conv(&r, 1, DEEP, 3 * DEEP);
  net->attended = read_conv(&r, 1, DEEP, DEEP);
  net->m2 = read_block(&r, DEEP, DEEP);
  net->m3 = read_block(&r, DEEP, DEEP);
  net->up = read_conv(&r, 1, DEEP, 4 * WIDE);
  net->u1 = read_block(&r, 2 * WIDE, WIDE);
  net->u2 = read_block(&r, WIDE, WIDE);
  net->last_norm = read_norm(&r, WIDE);
  net->last = read_conv(&r, 3, WIDE, 4);
  return net;
}

void fashion_net_destroy(fashion_net* net) {
  if (!net) return;
  free(net->memory);
  free(net);
}

/* ---- elementary functions ----------------------------------------------------------------- */

/* exp(x) to about one unit in the last place. libm's would not vectorise, and its bits differ
 * between machines. */
INLINE float exponential(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 87.0f ? 87.0f : x;
  const float shifter = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
  const float n = (x * 1.44269504f + shifter) - shifter;
  const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const int32_t bits = ((int32_t)n + 127) * (1 << 23);
  float scale;
  memcpy(&scale, &bits, sizeof scale);
  return p * scale;
}

INLINE float silu(float x) { return x / (1.0f + exponential(-x)); }

/* Sine and cosine of 0 <= x <= 1000, in double, by the Taylor series of the remainder. */
static void sine_cosine(double x, float* sine, float* cosine) {
  const double n = floor(x * 0.63661977236758134 + 0.5);
  const double r = (x - n * 1.5707963267341256) - n * 6.0771005065061922e-11;
  const double q = r * r;
  const double s =
      r * (1 + q * (-1.0 / 6 +
                    q * (1.0 / 120 + q * (-1.0 / 5040 + q * (1.0 / 362880 - q / 39916800)))));
  const double c =
      1 + q * (-0.5 + q * (1.0 / 24 + q * (-1.0 / 720 + q * (1.0 / 40320 + q * (-1.0 / 3628800)))));
  switch ((int)n & 3) {
    case 0: *sine = (float)s, *cosine = (float)c; break;
    case 1: *sine = (float)c, *cosine = (float)-s; break;
    case 2: *sine = (float)-s, *cosine = (float)-c; break;
    default: *sine = (float)-c, *cosine = (float)s; break;
  }
}

/* ---- kernels ------------------------------------------------------------------------------ */

/* One block of outputs at count pixels of a row. The pixels left and right of a row are zeros in
 * memory; the rows above and below the picture are left out by the caller. */
INLINE void conv_tile(const float* in, size_t row, size_t pixel, int rows, int size, int inputs,
                      const float* w, const float* bias, const float* add, float* out,
                      size_t out_pixel, int count) {
  vec sum[TILE];
  for (int p = 0; p < count; p++) sum[p] = *(const vec*)bias;
  for (int ky = 0; ky < rows; ky++) {
    /* A row of the window is one run of numbers: the pixels' channels lie side by side. */
    const float* x = in + (size_t)ky * row;
    for (int k = 0; k < size * inputs; k++, w += LANES) {
      const vec factor = *(const vec*)w;
      for (int p = 0; p < count; p++) sum[p] += x[(size_t)p * pixel + (size_t)k] * factor;
    }
  }
  for (int p = 0; p < count; p++) {
    if (add) sum[p] += *(const vec*)(add + (size_t)p * out_pixel);
    *(vec*)(out + (size_t)p * out_pixel) = sum[p];
  }
}

/* out = conv(in) + add, with stride 1 or 2; add may be NULL. */
INLINE void conv_body(const conv* c, const image* in, int stride, const image* add,
                      const image* out) {
  const int reach = c->size / 2;
  const size_t taps = (size_t)(c->size * c->inputs);
  const size_t pixel = (size_t)(stride * in->channels);
  for (int b = 0; b < c->blocks; b++) {
    const float* w = c->w + (size_t)b * (size_t)c->size * taps * LANES;
    const float* bias = c->bias + b * LANES;
    for (int y = 0; y < out->side; y++) {
      int top = y * stride - reach, bottom = y * stride + reach, skipped = 0;
      if (top < 0) skipped = -top, top = 0;
      if (bottom > in->side - 1) bottom = in->side - 1;
      const float* x = in->p + (size_t)top * in->row - (size_t)(reach * in->channels);
      const float* wy = w + (size_t)skipped * taps * LANES;
      const float* extra = add ? add->p + (size_t)y * add->row + b * LANES : NULL;
      float* o = out->p + (size_t)y * out->row + b * LANES;
      const size_t step = (size_t)out->channels;
      if (out->side == 1) {
        conv_tile(x, in->row, pixel, bottom - top + 1, c->size, c->inputs, wy, bias, extra, o, step,
                  1);
      } else {
        for (size_t q = 0; q < (size_t)out->side; q += TILE) {
          conv_tile(x + q * pixel, in->row, pixel, bottom - top + 1, c->size, c->inputs, wy, bias,
                    extra ? extra + q * step : NULL, o + q * step, step, TILE);
        }
      }
    }
  }
}

/* out = norm(in), then times 1 + scale, plus shift (where given), then silu (where asked). */
INLINE void norm_body(const norm* n, const image* in, const float* scale, const float* shift,
                      int activate, const image* out) {
  const int channels = n->channels, width = channels / GROUPS, side = in->side;
  double sum[DEEP] = {0}, square[DEEP] = {0};
  float mean[DEEP], factor[DEEP], offset[DEEP];
  for (int y = 0; y < side; y++) {
    for (int q = 0; q < side; q++) {
      const float* x = in->p + (size_t)y * in->row + (size_t)(q * channels);
      for (int c = 0; c < channels; c++) sum[c] += (double)x[c];
    }
  }
  const double count = (double)(side * side * width);
  for (int c = 0; c < channels; c += width) {
    double total = 0;
    for (int i = 0; i < width; i++) total += sum[c + i];
    for (int i = 0; i < width; i++) mean[c + i] = (float)(total / count);
  }
  for (int y = 0; y < side; y++) {
    for (int q = 0; q < side; q++) {
      const float* x = in->p + (size_t)y * in->row + (size_t)(q * channels);
      for (int c = 0; c < channels; c++) {
        const float d = x[c] - mean[c];
        square[c] += (double)(d * d);
      }
    }
  }
  for (int c = 0; c < channels; c += width) {
    double total = 0;
    for (int i = 0; i < width; i++) total += square[c + i];
    const float inverse = (float)(1.0 / sqrt(total / count + 1e-5));
    for (int i = c; i < c + width; i++) {
      factor[i] = inverse * n->gain[i];
      offset[i] = n->bias[i];
      if (scale) {
        factor[i] *= 1.0f + scale[i];
        offset[i] = offset[i] * (1.0f + scale[i]) + shift[i];
      }
    }
  }
  for (int y = 0; y < side; y++) {
    for (int q = 0; q < side; q++) {
      const float* x = in->p + (size_t)y * in->row + (size_t)(q * channels);
      float* o = out->p + (size_t)y * out->row + (size_t)(q * channels);
      if (activate) {
        for (int c = 0; c < channels; c++) o[c] = silu((x[c] - mean[c]) * factor[c] + offset[c]);
      } else {
        for (int c = 0; c < channels; c++) o[c] = (x[c] - mean[c]) * factor[c] + offset[c];
      }
    }
  }
}

/* Each cell asks all cells: out = softmax(q k^T / sqrt(HEAD)) v, head by head. */
INLINE void attention_body(const float* qkv, float* out) {
  float keys[HEAD][CELLS_PADDED] = {{0}}; /* turned, so that scores of all cells go side by side */
  const float scale = 0.20412414523193154f;
  for (int h = 0; h < HEADS; h++) {
    for (int j = 0; j < CELLS; j++) {
      for (int c = 0; c < HEAD; c++) keys[c][j] = qkv[j * 3 * DEEP + DEEP + h * HEAD + c];
    }
    for (int i = 0; i < CELLS; i++) {
      float score[CELLS_PADDED] = {0}, value[HEAD] = {0};
      const float* query = qkv + i * 3 * DEEP + h * HEAD;
      for (int c = 0; c < HEAD; c++) {
        const float asked = query[c] * scale;
        for (int j = 0; j < CELLS_PADDED; j++) score[j] += asked * keys[c][j];
      }
      float top = score[0], total = 0;
      for (int j = 1; j < CELLS; j++) top = score[j] > top ? score[j] : top;
      for (int j = 0; j < CELLS_PADDED; j++) score[j] = exponential(score[j] - top);
      for (int j = 0; j < CELLS; j++) total += score[j];
      for (int j = 0; j < CELLS; j++) {
        const float* v = qkv + j * 3 * DEEP + 2 * DEEP + h * HEAD;
        for (int c = 0; c < HEAD; c++) value[c] += score[j] * v[c];
      }
      for (int c = 0; c < HEAD; c++) out[i * DEEP + h * HEAD + c] = value[c] / total;
    }
  }
}

typedef struct kernels {
  void (*conv)(const conv*, const image* in, int stride, const image* add, const image* out);
  void (*norm)(const norm*, const image* in, const float* scale, const float* shift, int activate,
               const image* out);
  void (*attention)(const float* qkv, float* out);
} kernels;

#define KERNELS(name, attribute)                                                                  \
  attribute static void conv_##name(const conv* c, const image* in, int stride, const image* add, \
                                    const image* out) {                                           \
    conv_body(c, in, stride, add, out);                                                           \
  }                                                                                               \
  attribute static void norm_##name(const norm* n, const image* in, const float* scale,           \
                                    const float* shift, int activate, const image* out) {         \
    norm_body(n, in, scale, shift, activate, out);                                                \
  }                                                                                               \
  attribute static void attention_##name(const float* qkv, float* out) {                          \
    attention_body(qkv, out);                                                                     \
  }                                                                                               \
  static const kernels kernels_##name = {conv_##name, norm_##name, attention_##name};

KERNELS(base, )
#if defined(__x86_64__)
KERNELS(avx2, __attribute__((target("avx2"))))
#endif

static const kernels* best_kernels(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return &kernels_avx2;
#endif
  return &kernels_base;
}

/* ---- the pass ----------------------------------------------------------------------------- */

/* Room for the largest picture: 14 x 14 pixels of two times WIDE channels, with margins. */
enum { ROOM = FINE * (FINE + 2) * 2 * WIDE };

typedef struct scratch {
  float a[ROOM], b[ROOM], c[ROOM], kept[ROOM], work[ROOM], normed[ROOM];
  float qkv[CELLS * 3 * DEEP], attended[CELLS * DEEP];
  float embedding[EMBED];
} scratch;

_Static_assert(COARSE*(COARSE + 2) * DEEP <= ROOM && COARSE * COARSE * 4 * WIDE <= ROOM,
               "the pictures of 7 x 7 fit too");

/* A picture with a pixel of zeros at both ends of each row, for 3 x 3 windows to run over. */
static image with_margins(float* room, int side, int channels) {
  const size_t row = (size_t)((side + 2) * channels);
  image m = {room + channels, row, side, channels};
  for (int y = 0; y < side; y++) {
    memset(room + (size_t)y * row, 0, sizeof(float) * (size_t)channels);
    memset(room + (size_t)(y + 1) * row - channels, 0, sizeof(float) * (size_t)channels);
  }
  return m;
}

static image dense(float* room, int side, int channels) {
  return (image){room, (size_t)(side * channels), side, channels};
}

static void run_block(const kernels* k, const block* b, scratch* s, const image* in,
                      const image* out) {
  float factors[2 * DEEP], bypass[FINE * FINE * WIDE];
  const image embedding = dense(s->embedding, 1, EMBED);
  const image shift = dense(factors, 1, 2 * b->outputs);
  const image inner = dense(s->work, in->side, b->outputs);
  k->conv(&b->embed, &embedding, 1, NULL, &shift);

  const image normed = with_margins(s->normed, in->side, b->inputs);
  k->norm(&b->norm1, in, NULL, NULL, 1, &normed);
  k->conv(&b->conv1, &normed, 1, NULL, &inner);

  const image again = with_margins(s->normed, in->side, b->outputs);
  k->norm(&b->norm2, &inner, factors, factors + b->outputs, 1, &again);
  if (b->skip.w) {
    const image skipped = dense(bypass, out->side, out->channels);
    k->conv(&b->skip, in, 1, NULL, &skipped);
    k->conv(&b->conv2, &again, 1, &skipped, out);
  } else {
    k->conv(&b->conv2, &again, 1, in, out);
  }
}

static void embed(const fashion_net* net, const kernels* k, float t, int label, scratch* s) {
  float waves[2 * FREQUENCIES], hidden[EMBED];
  for (int i = 0; i < FREQUENCIES; i++) {
    sine_cosine((double)(t * net->frequency[i]), &waves[i], &waves[FREQUENCIES + i]);
  }
  const image in = dense(waves, 1, 2 * FREQUENCIES), mid = dense(hidden, 1, EMBED);
  const image out = dense(s->embedding, 1, EMBED);
  k->conv(&net->time1, &in, 1, NULL, &mid);
  for (int i = 0; i < EMBED; i++) hidden[i] = silu(hidden[i]);
  k->conv(&net->time2, &mid, 1, NULL, &out);
  const float* class = net->classes + label * EMBED;
  for (int i = 0; i < EMBED; i++) s->embedding[i] = silu(s->embedding[i] + class[i]);
}

/* The picture is worked on as 14 x 14 pixels of four channels: the corners of 2 x 2 squares. */
static size_t corner(int y, int q, int c) {
  return (size_t)((2 * y + c / 2) * FASHION_SIDE + 2 * q + c % 2);
}

static void run_job(const fashion_net* net, const kernels* k, const fashion_job* job, scratch* s) {
  embed(net, k, job->t, job->label, s);

  const image corners = with_margins(s->work, FINE, 4);
  for (int y = 0; y < FINE; y++) {
    for (int q = 0; q < FINE; q++) {
      for (int c = 0; c < 4; c++) {
        corners.p[(size_t)y * corners.row + (size_t)(q * 4 + c)] = job->x[corner(y, q, c)];
      }
    }
  }
  const image a = dense(s->a, FINE, WIDE), b = dense(s->b, FINE, WIDE);
  const image kept = with_margins(s->kept, FINE, WIDE);
  k->conv(&net->first, &corners, 1, NULL, &a);
  run_block(k, &net->d1, s, &a, &b);
  run_block(k, &net->d2, s, &b, &kept);

  const image e = dense(s->a, COARSE, DEEP), f = dense(s->b, COARSE, DEEP);
  k->conv(&net->down, &kept, 2, NULL, &e);
  run_block(k, &net->m1, s, &e, &f);
  const image normed = dense(s->normed, COARSE, DEEP);
  const image asked = dense(s->qkv, COARSE, 3 * DEEP);
  const image attended = dense(s->attended, COARSE, DEEP);
  k->norm(&net->attention_norm, &f, NULL, NULL, 0, &normed);
  k->conv(&net->qkv, &normed, 1, NULL, &asked);
  k->attention(s->qkv, s->attended);
  k->conv(&net->attended, &attended, 1, &f, &e);
  run_block(k, &net->m2, s, &e, &f);
  run_block(k, &net->m3, s, &f, &e);

  const image spread = dense(s->c, COARSE, 4 * WIDE), both = dense(s->b, FINE, 2 * WIDE);
  k->conv(&net->up, &e, 1, NULL, &spread);
  for (int y = 0; y < FINE; y++) {
    for (int q = 0; q < FINE; q++) {
      float* o = both.p + (size_t)y * both.row + (size_t)(q * 2 * WIDE);
      const float* u = spread.p + (size_t)(y / 2) * spread.row + (size_t)(q / 2 * 4 * WIDE);
      for (int i = 0; i < WIDE; i++) o[i] = u[i * 4 + y % 2 * 2 + q % 2];
      memcpy(o + WIDE, kept.p + (size_t)y * kept.row + (size_t)(q * WIDE), sizeof(float) * WIDE);
    }
  }
  const image g = dense(s->a, FINE, WIDE), h = dense(s->c, FINE, WIDE);
  run_block(k, &net->u1, s, &both, &g);
  run_block(k, &net->u2, s, &g, &h);
  const image last = with_margins(s->normed, FINE, WIDE);
  const image out = dense(s->work, FINE, LANES);
  k->norm(&net->last_norm, &h, NULL, NULL, 1, &last);
  k->conv(&net->last, &last, 1, NULL, &out);
  for (int y = 0; y < FINE; y++) {
    for (int q = 0; q < FINE; q++) {
      for (int i = 0; i < 4; i++) {
        job->v[corner(y, q, i)] = out.p[(size_t)y * out.row + (size_t)(q * LANES + i)];
      }
    }
  }
}

/* ---- threads ------------------------------------------------------------------------------ */

typedef struct work {
  const fashion_net* net;
  const kernels* kernels;
  const fashion_job* jobs;
  size_t count;
  atomic_size_t next, done;
} work;

/* Takes jobs until none is left. A thread without memory leaves its jobs to the others. */
static void* run_jobs(void* user) {
  work* w = user;
  scratch* s = malloc(sizeof *s);
  if (!s) return NULL;
  for (size_t i; (i = atomic_fetch_add(&w->next, 1)) < w->count;) {
    run_job(w->net, w->kernels, &w->jobs[i], s);
    atomic_fetch_add(&w->done, 1);
  }
  free(s);
  return NULL;
}

int fashion_net_run(const fashion_net* net, const fashion_job* jobs, size_t count,
                    unsigned threads) {
  enum { MOST = 256 };
  pthread_t others[MOST];
  unsigned started = 0;
  work w = {.net = net, .kernels = best_kernels(), .jobs = jobs, .count = count};
  atomic_init(&w.next, 0);
  atomic_init(&w.done, 0);
  while (started + 1 < threads && started + 1 < count && started < MOST &&
         pthread_create(&others[started], NULL, run_jobs, &w) == 0) {
    started++;
  }
  run_jobs(&w);
  for (unsigned i = 0; i < started; i++) pthread_join(others[i], NULL);
  return atomic_load(&w.done) == count ? 0 : -1;
}

const char* fashion_class_name(int label) {
  static const char* const names[] = {"t-shirt", "trouser", "pullover", "dress", "coat", "sandal",
                                      "shirt",   "sneaker", "bag",      "boot",  "any"};
  return label >= 0 && label <= FASHION_NO_LABEL ? names[label] : "?";
}
