#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes normals.txt: pairs of random words and their normals, by Box and Muller's formula as
src/math/normal.hpp reads words, in 80 digits: normals.py > normals.txt. Needs mpmath."""
import random

import mpmath

mpmath.mp.dps = 80


def normals(x, y):
    # Box and Muller, "A note on the generation of random normal deviates" (1958).
    u = mpmath.mpf(x | 1) / 2**32
    radius = mpmath.sqrt(-2 * mpmath.log(u))
    angle = mpmath.pi / 2 * mpmath.mpf((y & 0x1FFFFFFF) | 1) / 2**30
    first, second = radius * mpmath.cos(angle), radius * mpmath.sin(angle)
    if y >> 29 & 1:
        first, second = second, first
    return (-first if y >> 31 & 1 else first), (-second if y >> 30 & 1 else second)


def words():
    ends = [0, 1, 2, 3, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFE, 0xFFFFFFFF, 0x1FFFFFFF, 0x20000000]
    yield from ((x, y) for x in ends for y in ends)
    # Of 5e7 pairs in steps, those where floats are furthest off.
    yield from [(0x7B38462E, 0x6109EC6E), (0xDCB7588C, 0x211CE7AA), (0x8C9307D1, 0xB2C51AEE), (0xD2E3629C, 0xA100E73A)]
    chance = random.Random(1)
    for _ in range(400):
        yield chance.getrandbits(32), chance.getrandbits(32)
    for shift in range(1, 31):  # small u, u near 1 and near 1/2; small angles
        x, y = chance.getrandbits(32) >> shift, chance.getrandbits(32)
        yield from ((x, y), (0xFFFFFFFF - x, y), (0x80000000 + x, y), (0x7FFFFFFF - x, y), (y, x))


print("# Two words and the two normals that they make: of 80 digits, rounded once to binary64. By normals.py.")
for x, y in words():
    z0, z1 = (float(z).hex() for z in normals(x, y))
    print(f"{x:08x} {y:08x} {z0} {z1}")
