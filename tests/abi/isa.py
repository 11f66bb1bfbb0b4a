#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that no code for a newer processor can stand in for code that every processor runs.

The linker keeps one copy of an inline function, the first. So each weak function of an object made
for a newer instruction set must be in the baseline object too, which comes first, or be in a
namespace of its own: isa.py BASELINE_OBJECT NAMESPACE=OBJECT...
"""
import subprocess
import sys


def weak(path):
    nm = subprocess.run(["nm", path], check=True, capture_output=True, text=True).stdout
    lines = [line.split() for line in nm.splitlines()]
    return {parts[-1] for parts in lines if parts[-2] == "W"}


def main(baseline, others):
    common = weak(baseline)
    bad = 0
    for other in others:
        isa, path = other.split("=", 1)
        for name in sorted(weak(path) - common):
            if f"{len(isa)}{isa}" not in name:
                print(f"{path}: {name} might be used where there is no {isa}", file=sys.stderr)
                bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
