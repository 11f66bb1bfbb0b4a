#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mutants.py TOOL ADAPTER: each check of the kit finds the mistake that it is for, in a copy of a right
adapter with that one mistake."""
import os
import subprocess
import sys
import tempfile

MUTANTS = [  # check, what is replaced, by what
    ("step count", "for i in range(n)]\n    # As", "for i in range(n + 1)]\n    # As"),
    ("indices", "return [(n - 1 - i) * (total // n)", "return [(n - 2 - i) * (total // n)"),
    ("places", "return [(n - 1 - i) * (total // n)", "return [total - n + (n - 1 - i)"),
    ("order", "-t.alpha * decay / 2, slope", "-t.alpha * decay / 3, slope"),
    ("answer", "x = SAMPLERS[sampler]", "data = [v * 1.1 for v in data]\n        x = SAMPLERS[sampler]"),
    ("mean", "x = SAMPLERS[sampler]", "data = [v + 0.1 for v in data]\n        x = SAMPLERS[sampler]"),
    ("variance", "(up, noise", "(1.2 * up, noise"),
    ("variance", "(t.sigma, noise", "(1.01 * t.sigma, noise"),
    ("mean", "add((t.alpha, data)", "add((t.alpha, [v + 0.01 for v in data])"),
    ("one step", "t.sigma > 0 else data", "t.sigma > 0 else add((0.99, data))"),
    ("one step", "s.sigma, 1.0, 0.0, *x", "s.sigma, 1.0, 0.01, *x"),
    ("noise", '"sde" if name', '"ode" if name'),
    ("prediction", "at.alpha * a - at.sigma * b", "at.alpha * a - 1.001 * at.sigma * b"),
    ("prediction", "a - at.sigma * b for", "a + at.sigma * b for"),
    ("repeat", "history = []", "history = run.__dict__.setdefault('kept', [])"),
    ("elements", "x = SAMPLERS[sampler]", "x[0] += 1e-3 * sum(x)\n        x = SAMPLERS[sampler]"),
    ("pure start", "math.expm1(-h)", "math.exp(-h) * (1 + 0 * h) - 1"),
    ("grid levels", "in trailing(n, total)]", "in trailing(n + 1, total)]"),
    ("grid end", "levels + [Level(1.0, 0.0)]", "levels + [Level(1.0, 0.1)]"),
    ("grid path", "(x, data, s, t, history)\n        history", "(x, data, s, Level(t.alpha, t.sigma * 0.9), history)\n        history"),
    ("grid shift", "[1 - i / n for", "[1 - 0.9 * i / n for"),
    ("clean end", "if t.sigma == 0:\n            return data\n        h", "h"),
]

tool, adapter = sys.argv[1:]
with open(adapter) as file:
    right = file.read().replace('RIGHT = sys.argv[1:] == ["--right"]', "RIGHT = True")
# One sampler of each kind and one path are enough here.
right = right.replace('"path vp", "path ve", "path flow"', '"path vp", "path flow"')
right = right.replace('"ddim": (1, dpmpp(1)), ', "").replace('"dpmpp-3m": (3, dpmpp(3)),', "")
missed = 0
for check, old, new in MUTANTS:
    if old not in right:
        print("%s: the adapter has no '%s'" % (check, old))
        missed += 1
        continue
    with tempfile.NamedTemporaryFile("w", suffix=".py", delete=False) as file:
        file.write(right.replace(old, new))
    done = subprocess.run([tool, "conform", "--format", "csv", "--table", "24", sys.executable, file.name],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    os.unlink(file.name)
    found = [line for line in done.stdout.splitlines() if line.startswith(check + ",") and ",WRONG," in line]
    print("%s: %s" % (check, found[0] if found else "NOT FOUND"))
    missed += done.returncode != 3 or not found
sys.exit(missed > 0)
