#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An adapter for "noisewright conform": the schedulers of diffusers, by their public interface, on the CPU.

    noisewright conform python3 diffusers_adapter.py [SAMPLER...]     (--list names them)

The kit's levels become a table of training (trained_betas) whose every index is one step, or the sigmas of
FlowMatchEulerDiscreteScheduler. A run that does not end in clean data is a run that is left before its
scheduler's last step. Classes of EDM take no levels: the kit's are put in place of their sigmas. Needs diffusers,
torch, torchsde, scipy and numpy, and nothing of Noisewright.
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
EDM = ("karras", "exponential")
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
    "dpmpp-sde": Sampler("DPMSolverSDEScheduler", 2, SPACINGS + SIGMAS, sde=True, ve=True),
    "edm-euler": Sampler("EDMEulerScheduler", 1, EDM + ("sigmas",), ve=True),
    "edm-euler(s_churn=2)": Sampler("EDMEulerScheduler", 1, EDM, sde=True, ve=True, step={"s_churn": 2.0}),
    "edm-dpmpp-2m": Sampler("EDMDPMSolverMultistepScheduler", 2, EDM, ve=True, solver_order=2),
    "edm-dpmpp-3m": Sampler("EDMDPMSolverMultistepScheduler", 3, EDM, ve=True, solver_order=3),
    "edm-dpmpp-2m-sde": Sampler("EDMDPMSolverMultistepScheduler", 2, EDM, sde=True, ve=True, solver_order=2, **SDE),
    "edm-dpmpp-3m-sde": Sampler("EDMDPMSolverMultistepScheduler", 2, EDM, sde=True, ve=True, solver_order=3, **SDE),
    "cosine-dpmpp-2m-sde": Sampler("CosineDPMSolverMultistepScheduler", 2, EDM, sde=True, ve=True),
    "consistency": Sampler("CMStochasticIterativeScheduler", math.inf, ("karras",), sde=True, ve=True,
                           clip_denoised=False),
    # Tables of the kit are short, and the scaling is for indices of hundreds.
    "lcm": Sampler("LCMScheduler", math.inf, SPACINGS, sde=True, timestep_scaling=1e4),
    "tcd": Sampler("TCDScheduler", math.inf, SPACINGS, sde=True, step={"eta": 0.3}),
    "tcd(eta=0)": Sampler("TCDScheduler", math.inf, SPACINGS, step={"eta": 0.0}),
    "flow-lcm": Sampler("FlowMatchLCMScheduler", math.inf, SHIFTS, sde=True),
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


drawn = {}  # By seed: a Brownian tree draws the noise of a node again when it needs it again.


def normal(*size, dtype=None, generator=None, **_):
    """In place of torch.randn: all noise is the kit's."""
    shape = torch.Size(size[0]) if size and not isinstance(size[0], int) else torch.Size(size)
    seed = generator.initial_seed() if generator else None
    if seed is None or seed not in drawn:
        say("normal %d" % shape.numel())
        drawn[seed] = hear_numbers(dtype or torch.get_default_dtype()).reshape(shape)
    return drawn[seed]


def is_flow(sampler):
    return sampler.cls.startswith("FlowMatch")


def is_edm(sampler):
    """Where alpha is 1, and sigma_data scales what the network is given and what it says."""
    return sampler.cls.startswith(("EDM", "Cosine", "CM"))


def is_distilled(sampler):
    """Of latents, on a table: index 0 is where the last step ends."""
    return sampler.cls in ("LCMScheduler", "TCDScheduler")


def level_of(scheduler, flow, t, index):
    """alpha and sigma that a network of the table sees at timestep t, the index-th of the scheduler."""
    if flow:
        sigma = float(t) / scheduler.config.num_train_timesteps
        if not hasattr(scheduler.config, "shift"):  # Timesteps are whole, and the scheduler goes by its sigmas.
            sigma = float(scheduler.sigmas[index])
        return 1 - sigma, sigma
    t = float(t)
    if math.isnan(t):
        raise ValueError("timestep nan")
    name = type(scheduler).__name__
    if hasattr(scheduler.config, "sigma_data"):
        ratio = math.tan(t * math.pi / 2) if "Cosine" in name else math.exp(t / (250 if "CM" in name else 0.25))
    elif t == int(t):
        square = float(scheduler.alphas_cumprod[int(t)])
        return math.sqrt(square), math.sqrt(1 - square)
    elif hasattr(scheduler, "sigmas_interpol") or hasattr(scheduler, "mid_point_sigma"):  # Between two indices.
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
                       "KDPM2AncestralDiscreteScheduler", "DPMSolverSDEScheduler"):
        return list(range(0, len(timesteps), 2))
    return list(range(len(timesteps)))


def target(sampler, scheduler, index):
    """The level to which a model that jumps is asked to, as the papers of these classes have it."""
    if sampler.cls == "CMStochasticIterativeScheduler":
        low = scheduler.config.sigma_min
        return 1 / math.hypot(1, low), low / math.hypot(1, low)
    if sampler.cls == "TCDScheduler":
        ahead = scheduler.timesteps.tolist()[index + 1:index + 2] or [0]
        square = float(scheduler.alphas_cumprod[math.floor((1 - sampler.step["eta"]) * ahead[0])])
        return math.sqrt(square), math.sqrt(1 - square)
    return 1.0, 0.0


def network(scheduler, form, level, x, output):
    """What a preconditioned network says, so that its answer is the kit's."""
    (alpha, sigma), ratio, scale = level, level[1] / level[0], scheduler.config.sigma_data
    y, low = x / alpha, 0.0
    if form == "data":  # Of a consistency model: where its jump leads.
        low = scheduler.config.sigma_min
        data = output + low * (y - output) / ratio
    else:
        data = y - ratio * output if form == "noise" else alpha * x - sigma * output
    skip, out = scale**2 / ((ratio - low)**2 + scale**2), (ratio - low) * scale / math.hypot(ratio, scale)
    return (data - skip * y) / (-out if form == "angular" else out)


def loop(sampler, scheduler, form, flow, x, calls):
    """The loop of every pipeline, for the first so many calls."""
    x = x[None]
    drawn.clear()
    torch.manual_seed(0)  # Of Brownian trees.
    for index, t in enumerate(scheduler.timesteps[:calls]):
        given = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        level = level_of(scheduler, flow, t, index)
        if is_edm(sampler):  # From what the network is given to what its level has.
            given = given * math.hypot(level[1] / level[0], scheduler.config.sigma_data) * level[0]
        jump = target(sampler, scheduler, index) if math.isinf(sampler.order) else ()
        say("jump" if jump else "eval", [*level, *jump, *given[0].tolist()])
        output = hear_numbers()[None]
        if is_edm(sampler):
            output = network(scheduler, form, level, given, output)
        x = scheduler.step(output, t, x, return_dict=False, **sampler.step)[0].double()
    return x[0]


def run(sampler, form, path):
    numbers, x = hear_numbers().tolist(), hear_numbers()
    levels = list(zip(numbers[::2], numbers[1::2]))
    clean = levels[-1][1] == 0
    table = levels[:-1] if clean else levels
    if path == "flow":
        if sampler.cls not in ("FlowMatchEulerDiscreteScheduler", "FlowMatchLCMScheduler") or form != "flow":
            raise Skip("levels of rectified flow")
        scheduler = sampler.make()
        scheduler.set_timesteps(sigmas=[s for _, s in table])
    else:
        if is_flow(sampler) or levels[0][0] == 0:
            raise Skip("levels of that path")
        scheduler = on_levels(sampler, form, table, levels)
    calls = steps_of(sampler, scheduler.timesteps)
    scale = (levels[0][0], levels[-1][0]) if sampler.ve else (1, 1)
    # Left before the last step, whose end is clean.
    say("done", loop(sampler, scheduler, form, path == "flow", x / scale[0],
                     len(scheduler.timesteps) if clean else calls[-1]) * scale[1])


def on_levels(sampler, form, table, levels):
    """A scheduler whose steps are from each level of the table to the next."""
    if is_edm(sampler):  # A consistency model jumps to sigma_min; a Brownian tree is from there on.
        sigmas = [sigma / alpha for alpha, sigma in table]
        ends = {"sigma_max": sigmas[0], "sigma_min": 0.0 if form == "data" else sigmas[-1]}
        scheduler = make(sampler, form, num_train_timesteps=len(table), **ends)
        scheduler.set_timesteps(len(table))
        scheduler.sigmas = torch.tensor(sigmas + [0.0], dtype=torch.float32)
        if form == "data":
            scheduler.timesteps = torch.from_numpy(scheduler.sigma_to_t(scheduler.sigmas[:-1].numpy()))
        else:
            scheduler.timesteps = scheduler.precondition_noise(scheduler.sigmas[:-1])
        return scheduler
    bars = [a * a for a, _ in reversed(levels if is_distilled(sampler) else table)]
    betas = [1 - b / c for b, c in zip(bars, [1] + bars)]
    more = {"timestep_spacing": "trailing"} if "Singlestep" not in sampler.cls else {}
    scheduler = make(sampler, form, num_train_timesteps=len(bars), trained_betas=betas, **more)
    down = list(range(len(bars) - 1, -1, -1))
    if is_distilled(sampler):
        scheduler.set_timesteps(timesteps=down[:len(table)], original_inference_steps=len(bars))
    elif sampler.cls in ("DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler"):
        scheduler.set_timesteps(timesteps=down)
    else:
        scheduler.set_timesteps(len(bars))
    return scheduler


def make(sampler, form, **more):
    if sampler.cls == "CMStochasticIterativeScheduler":
        if form != "data":
            raise Skip("a prediction other than data")
        return sampler.make(**more)
    if form == "data" and (is_edm(sampler) or sampler.cls in (
            "PNDMScheduler", "EulerAncestralDiscreteScheduler", "KDPM2DiscreteScheduler",
            "KDPM2AncestralDiscreteScheduler", "DPMSolverSDEScheduler")):
        raise Skip("prediction of data")
    if is_edm(sampler) and form == "angular":
        more["sigma_data"] = 1.0  # Where its network is the same as one that predicts v.
    return sampler.make(prediction_type=FORMS[form], **more)


def on_grid(sampler, form, grid, n, total):
    """A scheduler with a grid of its own of n steps."""
    flow = grid.startswith("flow-shift=") or is_flow(sampler)
    if flow != (form == "flow"):
        raise Skip("that prediction")
    shift = float(grid[11:]) if grid.startswith("flow-shift=") else 1.0
    how = {"num_train_timesteps": total, **({"use_%s_sigmas" % grid: True} if grid in SIGMAS else {})}
    if grid == "sigmas":  # A list, where a class takes one.
        scheduler = make(sampler, form, num_train_timesteps=total)
        scheduler.set_timesteps(sigmas=torch.logspace(math.log10(80), math.log10(0.002), n))
        return scheduler, flow
    if is_flow(sampler):
        scheduler = sampler.make(shift=shift, **how)
    elif flow:
        scheduler = make(sampler, form, use_flow_sigmas=True, flow_shift=shift, **how)
    elif is_edm(sampler):
        schedule = {} if form == "data" else {"sigma_schedule": grid}
        scheduler = make(sampler, form, num_train_timesteps=total, **schedule)
    else:
        if is_distilled(sampler):
            how["original_inference_steps"] = min(50, total)
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
        end = target(sampler, scheduler, n - 1) if math.isinf(sampler.order) else (1.0, 0.0)
    levels.append(end)
    say("levels", [v for level in levels for v in level])
    scale = (levels[0][0], levels[-1][0]) if sampler.ve else (1, 1)
    say("done", loop(sampler, scheduler, form, flow, hear_numbers() / scale[0], len(times)) * scale[1])


made = {}


def timesteps(spacing, n, total):
    grid, name = spacing.split("@")
    if spacing not in made:
        sampler = SAMPLERS[name]
        how = {"timestep_spacing": grid} if "Singlestep" not in sampler.cls else {}
        if is_distilled(sampler):
            how["original_inference_steps"] = total  # For every n; of 50, n is 50 at most.
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
                    say("sampler %s %g %s" % (s.name, s.order, "sde" if s.sde else "ode"))
                    for grid in s.grids:
                        say("grid %s %s" % (s.name, grid))
                        # These copy Heun's spacings, and are slow to make a thousand steps.
                        slow = "KDPM2" in s.cls or "DPMSolverSDE" in s.cls
                        if grid in SPACINGS and (s.cls, grid) not in seen and not slow:
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
