/* SPDX-License-Identifier: Apache-2.0
 * SHA-256 (FIPS 180-4) of bytes in memory, as 64 hexadecimal digits.
 * By its digests two runs can be compared without keeping their files. */
#ifndef DEMO_SHA256_H
#define DEMO_SHA256_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

void sha256_hex(const void* bytes, size_t size, char out[65]);

#ifdef __cplusplus
}
#endif
#endif
