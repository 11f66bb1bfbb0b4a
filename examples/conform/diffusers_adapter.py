#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An adapter for "noisewright conform": the schedulers of diffusers, by their public interface, on the CPU.

    noisewright conform python3 diffusers_adapter.py [SAMPLER...]     (--list names them)

The kit's levels become a table of training (trained_betas) whose every index is one step, or the sigmas of
FlowMatchEulerDiscreteScheduler. A run that does not end in clean data is a run that is left before its
scheduler's last step. Needs diffusers, torch, scipy and numpy, and nothing of Noisewright.
"""
import math
import sys

import torch
import diffusers

# Of Stable Diffusion: the table on which a scheduler makes its own grids.
TABLE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
FORMS = {"noise": "epsilon", "data": "sample", "angular": "v_prediction", "flow": "flow_prediction"}
SPACINGS = ("leading", "trailing", "linspace")
SIGMAS = ("karras", "exponential", "beta")
SHIFTS = ("flow-shift=1", "flow-shift=3")
MULTI = SPACINGS + SIGMAS + SHIFTS


class Sampler:
    """A class, its settings, what it is meant to be, and its grids. The state of some classes is x / alpha."""

    def __init__(self, cls, order, grids, sde=False, ve=False, step=None, **settings):
        self.cls, self.order, self.grids, self.sde, self.ve = cls, order, grids, sde, ve
        self.step, self.settings = step or {}, settings

    def make(self, **more):
        return getattr(diffusers, self.cls)(**{**self.settings, **more})


SDE = {"algorithm_type": "sde-dpmsolver++"}
SAMPLERS = {
    "ddim": Sampler("DDIMScheduler", 1, SPACINGS, clip_sample=False),
    "ddim(eta=1)": Sampler("DDIMScheduler", 1, SPACINGS, sde=True, step={"eta": 1.0}, clip_sample=False),
    "ddpm": Sampler("DDPMScheduler", 1, SPACINGS, sde=True, clip_sample=False),
    "pndm": Sampler("PNDMScheduler", 2, SPACINGS, skip_prk_steps=True, set_alpha_to_one=True),
    "euler": Sampler("EulerDiscreteScheduler", 1, SPACINGS + SIGMAS, ve=True),
    "euler(s_churn=2)": Sampler("EulerDiscreteScheduler", 1, SPACINGS, sde=True, ve=True, step={"s_churn": 2.0}),
    "euler-ancestral": Sampler("EulerAncestralDiscreteScheduler", 1, SPACINGS, sde=True, ve=True),
    "heun": Sampler("HeunDiscreteScheduler", 2, SPACINGS + SIGMAS, ve=True),
    "dpm-2": Sampler("KDPM2DiscreteScheduler", 2, SPACINGS + SIGMAS, ve=True),
    "dpm-2-ancestral": Sampler("KDPM2AncestralDiscreteScheduler", 1, SPACINGS + SIGMAS, sde=True, ve=True),
    "lms": Sampler("LMSDiscreteScheduler", 4, SPACINGS + SIGMAS, ve=True),
    "dpm-solver-2m": Sampler("DPMSolverMultistepScheduler", 2, ("leading", "trailing", "linspace"), solver_order=2,
                             algorithm_type="dpmsolver", final_sigmas_type="sigma_min"),
    "dpmpp-2m": Sampler("DPMSolverMultistepScheduler", 2, MULTI + ("lu",), solver_order=2),
    "dpmpp-2m(heun)": Sampler("DPMSolverMultistepScheduler", 2, (), solver_order=2, solver_type="heun"),
    "dpmpp-3m": Sampler("DPMSolverMultistepScheduler", 3, MULTI, solver_order=3),
    "dpmpp-2m-sde": Sampler("DPMSolverMultistepScheduler", 2, MULTI, sde=True, solver_order=2, **SDE),
    "dpmpp-3m-sde": Sampler("DPMSolverMultistepScheduler", 2, MULTI, sde=True, solver_order=3, **SDE),
    "dpmpp-2s": Sampler("DPMSolverSinglestepScheduler", 2, ("linspace",) + SIGMAS + SHIFTS, solver_order=2),
    "dpmpp-3s": Sampler("DPMSolverSinglestepScheduler", 3, ("linspace",) + SIGMAS + SHIFTS, solver_order=3),
    "deis-2": Sampler("DEISMultistepScheduler", 2, MULTI, solver_order=2),
    "deis-3": Sampler("DEISMultistepScheduler", 3, MULTI, solver_order=3),
    "unipc-bh2-2": Sampler("UniPCMultistepScheduler", 2, MULTI, solver_order=2),
    "unipc-bh2-3": Sampler("UniPCMultistepScheduler", 3, MULTI, solver_order=3),
    "unipc-bh1-2": Sampler("UniPCMultistepScheduler", 2, MULTI, solver_order=2, solver_type="bh1"),
    "sa-solver": Sampler("SASolverScheduler", 2, MULTI, sde=True, tau_func=lambda t: 1),
    "flow-euler": Sampler("FlowMatchEulerDiscreteScheduler", 1, SIGMAS + SHIFTS),
    "flow-heun": Sampler("FlowMatchHeunDiscreteScheduler", 2, SHIFTS),
}
for name, sampler in SAMPLERS.items():
    sampler.name = name


def hear():
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return line.split()


def say(word, numbers=()):
    numbers = numbers.tolist() if isinstance(numbers, torch.Tensor) else map(float, numbers)
    print(" ".join([word, *map(repr, numbers)]), flush=True)


def hear_numbers(dtype=torch.float64):
    return torch.tensor([float(v) for v in hear()[1:]], dtype=dtype)


class Skip(Exception):
    """What is asked is not offered."""


def normal(*size, dtype=None, **_):
    """In place of torch.randn: all noise is the kit's."""
    shape = torch.Size(size[0]) if size and not isinstance(size[0], int) else torch.Size(size)
    say("normal %d" % shape.numel())
    return hear_numbers(dtype or torch.get_default_dtype()).reshape(shape)


def is_flow(sampler):
    return sampler.cls.startswith("FlowMatch")


def level_of(scheduler, flow, t, index):
    """alpha and sigma that a network of the table sees at timestep t, the index-th of the scheduler."""
    if flow:
        sigma = float(t) / scheduler.config.num_train_timesteps
        if not hasattr(scheduler.config, "shift"):  # Timesteps are whole, and the scheduler goes by its sigmas.
            sigma = float(scheduler.sigmas[index])
        return 1 - sigma, sigma
    t = float(t)
    if t == int(t):
        square = float(scheduler.alphas_cumprod[int(t)])
        return math.sqrt(square), math.sqrt(1 - square)
    if hasattr(scheduler, "sigmas_interpol"):  # Between two indices, as KDPM2 has it.
        low, high = (float(((1 - a) / a) ** 0.5)
                     for a in scheduler.alphas_cumprod[math.floor(t):math.floor(t) + 2].double())
        ratio = math.exp(math.log(low) + (t - math.floor(t)) * math.log(high / low))
    else:
        ratio = float(scheduler.sigmas[index])
    return 1 / math.hypot(1, ratio), ratio / math.hypot(1, ratio)


def steps_of(sampler, timesteps):
    """Where the calls of each step begin: some classes call the model twice a step."""
    if sampler.cls == "PNDMScheduler" and len(timesteps) > 1:
        return [0] + list(range(2, len(timesteps)))
    if sampler.cls in ("HeunDiscreteScheduler", "FlowMatchHeunDiscreteScheduler", "KDPM2DiscreteScheduler",
                       "KDPM2AncestralDiscreteScheduler"):
        return list(range(0, len(timesteps), 2))
    return list(range(len(timesteps)))


def loop(sampler, scheduler, flow, x, calls):
    """The loop of every pipeline, for the first so many calls."""
    x = x[None]
    for index, t in enumerate(scheduler.timesteps[:calls]):
        given = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        say("eval", [*level_of(scheduler, flow, t, index), *given[0].tolist()])
        x = scheduler.step(hear_numbers()[None], t, x, return_dict=False, **sampler.step)[0].double()
    return x[0]


def run(sampler, form, path):
    numbers, x = hear_numbers().tolist(), hear_numbers()
    levels = list(zip(numbers[::2], numbers[1::2]))
    clean = levels[-1][1] == 0
    table = levels[:-1] if clean else levels
    if path == "flow":
        if sampler.cls != "FlowMatchEulerDiscreteScheduler" or form != "flow":
            raise Skip("levels of rectified flow")
        scheduler = sampler.make()
        scheduler.set_timesteps(sigmas=[s for _, s in table])
    else:
        if is_flow(sampler) or levels[0][0] == 0:
            raise Skip("levels of that path")
        bars = [a * a for a, _ in reversed(table)]
        betas = [1 - b / c for b, c in zip(bars, [1] + bars)]
        more = {"timestep_spacing": "trailing"} if "Singlestep" not in sampler.cls else {}
        scheduler = make(sampler, form, num_train_timesteps=len(table), trained_betas=betas, **more)
        if "DPMSolver" in sampler.cls:
            scheduler.set_timesteps(timesteps=list(range(len(table) - 1, -1, -1)))
        else:
            scheduler.set_timesteps(len(table))
    calls = steps_of(sampler, scheduler.timesteps)
    scale = (levels[0][0], levels[-1][0]) if sampler.ve else (1, 1)
    # Left before the last step, whose end is clean.
    say("done", loop(sampler, scheduler, path == "flow", x / scale[0], len(scheduler.timesteps) if clean else
                     calls[-1]) * scale[1])


def make(sampler, form, **more):
    if form == "data" and sampler.cls in ("PNDMScheduler", "EulerAncestralDiscreteScheduler", "KDPM2DiscreteScheduler",
                                          "KDPM2AncestralDiscreteScheduler"):
        raise Skip("prediction of data")
    return sampler.make(prediction_type=FORMS[form], **more)


def on_grid(sampler, form, grid, n, total):
    """A scheduler with a grid of its own of n steps."""
    flow = grid.startswith("flow-shift=") or is_flow(sampler)
    if flow != (form == "flow"):
        raise Skip("that prediction")
    shift = float(grid[11:]) if grid.startswith("flow-shift=") else 1.0
    how = {"num_train_timesteps": total, **({"use_%s_sigmas" % grid: True} if grid in SIGMAS else {})}
    if is_flow(sampler):
        scheduler = sampler.make(shift=shift, **how)
    elif flow:
        scheduler = make(sampler, form, use_flow_sigmas=True, flow_shift=shift, **how)
    else:
        if grid in SPACINGS and "Singlestep" not in sampler.cls:
            how["timestep_spacing"] = grid
        scheduler = make(sampler, form, **TABLE, **how, **({"use_lu_lambdas": True} if grid == "lu" else {}))
    scheduler.set_timesteps(n)
    return scheduler, flow


def own(sampler, form, grid, n, total):
    scheduler, flow = on_grid(sampler, form, grid, n, total)
    times = scheduler.timesteps
    levels = [level_of(scheduler, flow, times[i], i) for i in steps_of(sampler, times)]
    if hasattr(scheduler, "sigmas"):
        end = float(scheduler.sigmas[-1])
        end = (1 - end, end) if flow else (1 / math.hypot(1, end), end / math.hypot(1, end))
    else:
        end = (1.0, 0.0)
    levels.append(end)
    say("levels", [v for level in levels for v in level])
    scale = (levels[0][0], levels[-1][0]) if sampler.ve else (1, 1)
    say("done", loop(sampler, scheduler, flow, hear_numbers() / scale[0], len(times)) * scale[1])


made = {}


def timesteps(spacing, n, total):
    grid, name = spacing.split("@")
    if spacing not in made:
        sampler = SAMPLERS[name]
        how = {"timestep_spacing": grid} if "Singlestep" not in sampler.cls else {}
        made[spacing] = sampler.make(num_train_timesteps=total, **how)
    made[spacing].set_timesteps(n)
    times = made[spacing].timesteps.tolist()
    say("timesteps", [times[i] for i in steps_of(SAMPLERS[name], times)])


def main():
    if sys.argv[1:] == ["--list"]:
        sys.exit(print(*SAMPLERS, sep="\n"))
    torch.randn = normal
    torch.set_num_threads(1)
    diffusers.utils.logging.set_verbosity_error()
    chosen = [SAMPLERS[name] for name in sys.argv[1:] or SAMPLERS]
    while True:
        words = hear()
        try:
            if words[0] == "bye":
                break
            if words[0] == "hello":
                say("name diffusers-%s" % diffusers.__version__)
                say("precision f32")
                for line in [*("prediction %s" % form for form in FORMS), "path vp", "path flow"]:
                    say(line)
                seen = set()
                for s in chosen:
                    say("sampler %s %d %s" % (s.name, s.order, "sde" if s.sde else "ode"))
                    for grid in s.grids:
                        say("grid %s %s" % (s.name, grid))
                        # KDPM2 copies Heun's spacings, and is slow to make a thousand steps.
                        if grid in SPACINGS and (s.cls, grid) not in seen and "KDPM2" not in s.cls:
                            seen.add((s.cls, grid))
                            say("spacing %s@%s" % (grid, s.name))
                say("ready")
            elif words[0] == "timesteps":
                timesteps(words[1], int(words[2]), int(words[3]))
            elif words[0] == "run":
                run(SAMPLERS[words[1]], words[2], words[3])
            elif words[0] == "own":
                own(SAMPLERS[words[1]], words[2], words[3], int(words[4]), int(words[5]))
            else:
                raise ValueError("%s is not known" % words[0])
        except Skip as why:
            say("skip %s" % why)
        except Exception as why:  # Whatever the peer raises is an answer.
            say("error %s: %s" % (type(why).__name__, " ".join(str(why).split())[:200]))


if __name__ == "__main__":
    main()
