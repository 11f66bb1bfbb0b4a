#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare.py A.f32 B.f32 LIMIT: the largest difference of two files of float32, at most LIMIT."""
import array
import sys


def numbers(path):
    with open(path, "rb") as file:
        return array.array("f", file.read())


a, b, limit = numbers(sys.argv[1]), numbers(sys.argv[2]), float(sys.argv[3])
if len(a) != len(b) or not a:
    sys.exit("%d numbers and %d" % (len(a), len(b)))
# No comparison with a NaN is true.
if not all(abs(x - y) <= limit for x, y in zip(a, b)):
    sys.exit("they differ by more than %g: by %g" % (limit, max(abs(x - y) for x, y in zip(a, b))))
print("largest difference %.1e" % max(abs(x - y) for x, y in zip(a, b)))
