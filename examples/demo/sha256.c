/* SPDX-License-Identifier: Apache-2.0
 * SHA-256, after the text of FIPS 180-4.
 * The round constants are computed: they are the roots of the first primes. */
#include "sha256.h"

#include <stdint.h>
#include <string.h>

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

/* The first 32 bits behind the point of the square or cube root of p, by bisection. */
static uint32_t root_bits(uint32_t p, int degree) {
  uint64_t low = 0, high = (uint64_t)1 << 37; /* the root times 2^32, below 2^5 * 2^32 */
  while (high - low > 1) {
    const uint64_t middle = (low + high) / 2;
    /* middle^degree < p * 2^(32 degree), in pieces of 32 bits to stay within 64 */
    uint32_t power[4] = {1, 0, 0, 0};
    for (int d = 0; d < degree; d++) {
      const uint64_t m[2] = {middle & 0xffffffffu, middle >> 32};
      uint32_t product[4] = {0, 0, 0, 0};
      for (int j = 0; j < 2; j++) {
        uint64_t carry = 0;
        for (int i = 0; i + j < 4; i++) {
          carry += power[i] * m[j] + product[i + j];
          product[i + j] = (uint32_t)carry;
          carry >>= 32;
        }
      }
      memcpy(power, product, sizeof power);
    }
    if (power[degree] < p) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return (uint32_t)low;
}

typedef struct tables {
  uint32_t start[8], round[64];
} tables;

static void make_tables(tables* t) {
  int found = 0;
  for (uint32_t p = 2; found < 64; p++) {
    int prime = 1;
    for (uint32_t d = 2; d * d <= p; d++) prime &= p % d != 0;
    if (!prime) continue;
    if (found < 8) t->start[found] = root_bits(p, 2);
    t->round[found++] = root_bits(p, 3);
  }
}

static void compress(const tables* t, uint32_t h[8], const unsigned char* block) {
  uint32_t w[64], v[8];
  for (int i = 0; i < 16; i++) {
    w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
           (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
  }
  for (int i = 16; i < 64; i++) {
    const uint32_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] +
           (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
  }
  memcpy(v, h, sizeof v);
  for (int i = 0; i < 64; i++) {
    const uint32_t a = v[0], e = v[4];
    const uint32_t one = v[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
                         ((e & v[5]) ^ (~e & v[6])) + t->round[i] + w[i];
    const uint32_t two =
        (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
    memmove(v + 1, v, 7 * sizeof *v);
    v[0] = one + two;
    v[4] += one;
  }
  for (int i = 0; i < 8; i++) h[i] += v[i];
}

void sha256_hex(const void* bytes, size_t size, char out[65]) {
  tables t;
  make_tables(&t);
  uint32_t h[8];
  memcpy(h, t.start, sizeof h);
  const unsigned char* next = bytes;
  size_t left = size;
  for (; left >= 64; left -= 64, next += 64) compress(&t, h, next);

  unsigned char tail[128] = {0};
  const size_t length = left < 56 ? 64 : 128;
  if (left) memcpy(tail, next, left);
  tail[left] = 0x80;
  const uint64_t bits = (uint64_t)size * 8;
  for (size_t i = 0; i < 8; i++) tail[length - 1 - i] = (unsigned char)(bits >> 8 * i);
  for (size_t i = 0; i < length; i += 64) compress(&t, h, tail + i);

  for (int i = 0; i < 64; i++) out[i] = "0123456789abcdef"[h[i / 8] >> (28 - i % 8 * 4) & 15];
  out[64] = 0;
}
