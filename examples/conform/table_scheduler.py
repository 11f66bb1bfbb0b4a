#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An adapter for "noisewright conform" in Python, and what the kit is for: a scheduler in the manner of
diffusers, written from the published formulas with two defects that are on record (docs/samplers.md,
docs/grids.md). The kit finds both; with --right both are mended, and it finds nothing.

    noisewright conform python3 table_scheduler.py [--right]
"""
import math
import sys

RIGHT = sys.argv[1:] == ["--right"]


def hear():
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return line.split()


def say(word, numbers=()):
    print(" ".join([word, *map(repr, numbers)]), flush=True)


def trailing(n, total):
    if RIGHT:
        return [(2 * total * (n - i) + n) // (2 * n) - 1 for i in range(n)]
    # As arange(total, 0, -total / n) counts: by a quotient of floats, which may be a little above n.
    width = total / n
    return [round(total - i * width) - 1 for i in range(math.ceil(total / width))]


def leading(n, total):
    return [(n - 1 - i) * (total // n) for i in range(n)]


class Level:
    def __init__(self, alpha, sigma):
        self.alpha, self.sigma = alpha, sigma
        self.lam = math.inf if sigma == 0 else -math.inf if alpha == 0 else math.log(alpha / sigma)


def data_of(form, at, x, output):
    if form == "data":
        return output
    if form == "noise":
        return [(a - at.sigma * b) / at.alpha for a, b in zip(x, output)]
    if form == "flow":  # noise - data, where alpha + sigma = 1
        return [a - at.sigma * b for a, b in zip(x, output)]
    return [at.alpha * a - at.sigma * b for a, b in zip(x, output)]  # angular, where the squares add to 1


def add(*terms):
    """Sum of factor * array."""
    return [sum(f * v for f, v in zip([t[0] for t in terms], values))
            for values in zip(*[t[1] for t in terms])]


def noise(count):
    say("normal %d" % count)
    return [float(v) for v in hear()[1:]]


def euler_ancestral(x, data, s, t, history):
    """Less noise than asked for, then fresh noise (Song et al. 2010.02502, eq. 16, eta = 1)."""
    if t.sigma == 0:
        return data
    ratio = t.sigma / t.alpha * s.alpha / s.sigma  # Of noise levels: 0 from pure noise on.
    up, down = t.sigma * math.sqrt(max(0.0, 1 - ratio**2)), t.sigma * ratio
    x = add((down / s.sigma, x), (t.alpha - s.alpha * down / s.sigma, data))
    return add((1, x), (up, noise(len(x))))


def lcm(x, data, s, t, history):
    """Of a model that jumps to clean data: there, and noised again (Luo et al. 2310.04378)."""
    return add((t.alpha, data), (t.sigma, noise(len(x)))) if t.sigma > 0 else data


def dpmpp(order):
    """DPM-Solver++, multistep (Lu et al. 2211.01095), with lower orders until there is a history."""

    def step(x, data, s, t, history):
        if t.sigma == 0:
            return data
        h = t.lam - s.lam
        decay = math.expm1(-h)
        terms = [(t.sigma / s.sigma, x), (-t.alpha * decay, data)]
        k = min(order, len(history) + 1)
        if k == 1:
            return add(*terms)
        r0 = (s.lam - history[-1][0].lam) / h
        slope = add((1 / r0, data), (-1 / r0, history[-1][1]))
        if k == 2:
            return add(*terms, (-t.alpha * decay / 2, slope))
        r1 = (history[-1][0].lam - history[-2][0].lam) / h
        before = add((1 / r1, history[-1][1]), (-1 / r1, history[-2][1]))
        bend = add((1 / (r0 + r1), slope), (-1 / (r0 + r1), before))
        slope = add((1, slope), (r0, bend))
        # The integral of e^-(h-u) (u/h)^2: every peer has half of it.
        weight = -((decay + h) / h**2 - 0.5)
        return add(*terms, (t.alpha * (decay / h + 1), slope), (t.alpha * weight * (2 if RIGHT else 1), bend))

    return step


SAMPLERS = {"ddim": (1, dpmpp(1)), "dpmpp-2m": (2, dpmpp(2)), "dpmpp-3m": (3, dpmpp(3)),
            "euler-ancestral": (1, euler_ancestral), "lcm": (math.inf, lcm)}


def run(sampler, form, levels):
    x = [float(v) for v in hear()[1:]]
    history = []
    for s, t in zip(levels, levels[1:]):
        if sampler == "lcm":
            say("jump", [s.alpha, s.sigma, 1.0, 0.0, *x])
        else:
            say("eval", [s.alpha, s.sigma, *x])
        data = data_of(form, s, x, [float(v) for v in hear()[1:]])
        x = SAMPLERS[sampler][1](x, data, s, t, history)
        history.append((s, data))
    say("done", x)


def told_levels():
    numbers = [float(v) for v in hear()[1:]]
    return [Level(a, s) for a, s in zip(numbers[::2], numbers[1::2])]


def own_levels(grid, n, total):
    """Of a grid made here: on rectified flow, or on a table in which log(alpha/sigma) is even."""
    if grid == "flow-shift=3":
        sigmas = [3 * s / (1 + 2 * s) for s in [1 - i / n for i in range(n)]]
        levels = [Level(1 - s, s) for s in sigmas]
    else:
        sigmas = [1 / math.sqrt(1 + math.exp(6 - 9 * i / total)) for i in range(total)]
        levels = [Level(math.sqrt(1 - sigmas[i] ** 2), sigmas[i]) for i in trailing(n, total)]
    return levels + [Level(1.0, 0.0)]


while True:
    words = hear()
    if words[0] == "bye":
        break
    if words[0] == "hello":
        say("name table-scheduler")
        for line in ("spacing trailing", "spacing leading", "prediction noise", "prediction data",
                     "prediction angular", "prediction flow", "path vp", "path ve", "path flow"):
            say(line)
        for name, (order, _) in SAMPLERS.items():
            say("sampler %s %g %s" % (name, order, "sde" if name in ("euler-ancestral", "lcm") else "ode"))
            say("grid %s trailing" % name)
            say("grid %s flow-shift=3" % name)
        say("ready")
    elif words[0] == "timesteps":
        places = {"trailing": trailing, "leading": leading}[words[1]]
        say("timesteps", places(int(words[2]), int(words[3])))
    elif words[0] == "run":
        run(words[1], words[2], told_levels())
    elif words[0] == "own":
        levels = own_levels(words[3], int(words[4]), int(words[5]))
        say("levels", [v for level in levels for v in (level.alpha, level.sigma)])
        run(words[1], words[2], levels)
    else:
        say("error %s is not known" % words[0])
