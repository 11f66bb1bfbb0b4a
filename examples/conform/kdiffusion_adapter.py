#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An adapter for "noisewright conform": the samplers of k-diffusion, by their public interface, on the CPU.

    noisewright conform python3 kdiffusion_adapter.py [--flow] [SAMPLER...]     (--list names them)

A sampler of k-diffusion is a function of a denoiser and of noise levels, which the kit has; fresh noise is
the kit's, also that in the nodes of torchsde's Brownian trees. With --flow the samplers are given rectified
flow, as programs do that use them for such models, though they are made for alpha = 1. Needs k-diffusion and torch,
and nothing of Noisewright.
"""
import math
import sys

import torch
from k_diffusion import external, sampling

NONE, CHURN = {"eta": 0.0}, {"s_churn": 2.0}
SAMPLERS = {  # function, order, settings; of those named so, ancestral and sde draw noise unless eta is 0
    "euler": ("sample_euler", 1, {}),
    "euler(s_churn=2)": ("sample_euler", 1, CHURN),
    "euler-ancestral": ("sample_euler_ancestral", 1, {}),
    "heun": ("sample_heun", 2, {}),
    "heun(s_churn=2)": ("sample_heun", 1, CHURN),
    "dpm-2": ("sample_dpm_2", 2, {}),
    "dpm-2-ancestral": ("sample_dpm_2_ancestral", 1, {}),
    "lms": ("sample_lms", 4, {}),
    "dpmpp-2s-ancestral": ("sample_dpmpp_2s_ancestral", 1, {}),
    "dpmpp-2s": ("sample_dpmpp_2s_ancestral", 2, NONE),
    "dpmpp-sde": ("sample_dpmpp_sde", 2, {}),
    "dpmpp-2m": ("sample_dpmpp_2m", 2, {}),
    "dpmpp-2m-sde": ("sample_dpmpp_2m_sde", 2, {}),
    "dpmpp-2m-sde(heun)": ("sample_dpmpp_2m_sde", 2, {"solver_type": "heun"}),
    "dpmpp-3m-sde": ("sample_dpmpp_3m_sde", 2, {}),
    "dpmpp-3m": ("sample_dpmpp_3m_sde", 3, NONE),
}
GRIDS = ("karras", "exponential", "polyexponential", "vp", "linspace")


def hear():
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return line.split()


def say(word, numbers):
    print(" ".join([word, *map(repr, numbers)]), flush=True)


def hear_numbers():
    return torch.tensor([float(v) for v in hear()[1:]], dtype=torch.float64)


class Skip(Exception):
    """What is asked is not offered."""


drawn = {}  # By seed: a Brownian tree draws the noise of a node again when it needs it again.


def normal(size, generator=None, **_):
    """In place of torch.randn: all noise is the kit's."""
    seed = generator.initial_seed() if generator else None
    if seed is None or seed not in drawn:
        print("normal %d" % math.prod(size), flush=True)
        drawn[seed] = hear_numbers().reshape(size)
    return drawn[seed]


def denoiser(form):
    """What a network says is the kit's to tell; k-diffusion wraps it."""

    def at(alpha, sigma, x):
        say("eval", [alpha, sigma, *x.flatten().tolist()])
        return hear_numbers().reshape(x.shape)

    if form == "angular":
        def model(x, t):
            angle = float(t[0]) * math.pi / 2
            return at(math.cos(angle), math.sin(angle), x)
        return external.VDenoiser(model)
    if form == "flow":  # noise - data, where alpha + sigma = 1
        return lambda x, sigma: x - sigma[0] * at(1.0 - float(sigma[0]), float(sigma[0]), x)
    if form == "noise":
        return lambda x, sigma: x - sigma[0] * at(1.0, float(sigma[0]), x)
    return lambda x, sigma: at(1.0, float(sigma[0]), x)


def sample(name, form, x, sigmas):
    function, _, settings = SAMPLERS[name]
    drawn.clear()
    torch.manual_seed(0)  # Of the trees.
    return getattr(sampling, function)(denoiser(form), x, sigmas, disable=True, **settings)


def run(name, form, path):
    levels, x = hear_numbers().reshape(-1, 2), hear_numbers()
    if (path, form) not in (("ve", "data"), ("ve", "noise"), ("vp", "angular"), ("flow", "flow")):
        raise Skip("that prediction on that path")
    if path == "flow":
        if SAMPLERS[name][2] is CHURN:
            raise Skip("noise above that of the start")
        return say("done", sample(name, form, x[None], levels[:, 1])[0].tolist())
    if levels[0][0] == 0:
        raise Skip("pure noise")
    alphas, sigmas = levels[:, 0], levels[:, 1] / levels[:, 0]
    # One number a sample, as the kit has them: a batch of them with one element each would be the same.
    say("done", (sample(name, form, x[None] / alphas[0], sigmas)[0] * alphas[-1]).tolist())


def discrete(total):
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, total, dtype=torch.float64) ** 2
    return external.DiscreteEpsDDPMDenoiser(None, torch.cumprod(1 - betas, 0), False)


def own(name, form, grid, n, total):
    if form != "data":
        raise Skip("that prediction")
    table = discrete(total)
    if grid == "linspace":
        sigmas = table.get_sigmas(n)
    elif grid == "vp":
        sigmas = sampling.get_sigmas_vp(n)
    else:
        sigmas = getattr(sampling, "get_sigmas_" + grid)(n, float(table.sigma_min), float(table.sigma_max))
    sigmas = sigmas.double()
    say("levels", [v for sigma in sigmas.tolist() for v in (1.0, sigma)])
    say("done", sample(name, form, hear_numbers()[None], sigmas)[0].tolist())


def main():
    if sys.argv[1:] == ["--list"]:
        sys.exit(print(*SAMPLERS, sep="\n"))
    torch.set_num_threads(1)
    torch.randn, torch.randn_like = normal, lambda x: normal(x.shape)
    flow = "--flow" in sys.argv
    chosen = [name for name in sys.argv[1:] if name != "--flow"] or list(SAMPLERS)
    while True:
        words = hear()
        try:
            if words[0] == "bye":
                break
            if words[0] == "hello":
                print("name k-diffusion\nprecision f64")
                if flow:
                    print("prediction flow\npath flow")
                else:
                    print("spacing linspace\npath vp\npath ve")
                    print("prediction noise\nprediction data\nprediction angular")
                for name in chosen:
                    function, order, settings = SAMPLERS[name]
                    random = settings is CHURN or (settings is not NONE and function.endswith(("ancestral", "sde")))
                    print("sampler %s %d %s" % (name, order, "sde" if random else "ode"))
                    for grid in () if flow else GRIDS:
                        print("grid %s %s" % (name, grid))
                print("ready", flush=True)
            elif words[0] == "timesteps":
                table = discrete(int(words[3]))
                say("timesteps", table.sigma_to_t(table.get_sigmas(int(words[2]))[:-1]).tolist())
            elif words[0] == "run":
                run(*words[1:4])
            elif words[0] == "own":
                own(*words[1:4], int(words[4]), int(words[5]))
            else:
                raise ValueError("%s is not known" % words[0])
        except Skip as why:
            print("skip %s" % why, flush=True)
        except Exception as why:  # Whatever the peer raises is an answer.
            print("error %s: %s" % (type(why).__name__, " ".join(str(why).split())[:200]), flush=True)


if __name__ == "__main__":
    main()
