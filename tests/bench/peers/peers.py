#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The library beside PyTorch and NumPy doing the same work, in one process, in turn.

  peers.py LIBRARY [--threads N] [--rounds N] [--sizes tiny,64Ki,4Mi,64Mi] > RESULTS.json

Peers are eager tensors, one operation after the other, as their users' samplers write them; with
PyTorch 2 also compiled. Each round times the peer, then the library, on the same arrays; a round in
which this process waited for a core more than 3 % of its time is dropped. The result is the median
time of each and the median of the rounds' ratios.
"""
import argparse
import ctypes as c
import glob
import json
import platform
import statistics
import sys
import time
import warnings

warnings.filterwarnings("ignore")
import torch  # noqa: E402

from formulas import (add_noise, ddim, ddim_eta, ddim_threshold, ddpm, dpmpp_2m,  # noqa: E402
                      dpmpp_2m_sde, euler, flow_euler, guidance, training_batch, unipc,
                      velocity_to_both)

try:
    import numpy
except ImportError:
    numpy = None

SIZES = {"tiny": (1, 256), "64Ki": (4, 16384), "4Mi": (16, 262144), "64Mi": (16, 4194304)}
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}
QUANTITY = {"state": 0, "data": 1, "noise": 2, "velocity": 4}


# ---- the library ----------------------------------------------------------------------------------


class Tensor(c.Structure):
    _fields_ = [("data", c.c_void_p), ("device", c.c_int32), ("device_id", c.c_int32),
                ("ndim", c.c_int32), ("dtype", c.c_int32), ("shape", c.POINTER(c.c_int64)),
                ("strides", c.POINTER(c.c_int64)), ("byte_offset", c.c_uint64)]


class Rng(c.Structure):
    _fields_ = [("seed", c.c_uint64), ("stream", c.c_uint64), ("offset", c.c_uint64)]


class ScheduleOptions(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("flags", c.c_uint32), ("kind", c.c_int32),
                ("param_count", c.c_uint32), ("name", c.c_char_p), ("rest", c.c_uint64 * 8)]


class ContextOptions(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("flags", c.c_uint32), ("device", c.c_int32),
                ("device_id", c.c_int32), ("stream", c.c_void_p), ("threads", c.c_uint32),
                ("reserved", c.c_uint32), ("rest", c.c_uint64 * 4)]


class SamplerOptions(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("flags", c.c_uint32), ("kind", c.c_int32),
                ("prediction", c.c_int32), ("name", c.c_char_p), ("params", c.c_void_p),
                ("param_count", c.c_uint32), ("steps", c.c_uint32), ("times", c.c_void_p),
                ("time_count", c.c_uint32), ("time_rows", c.c_uint32), ("rngs", c.POINTER(Rng)),
                ("rng_count", c.c_uint32), ("clock", c.c_int32), ("rest", c.c_uint64 * 3)]


class Operand(c.Structure):
    _fields_ = [("quantity", c.c_int32), ("reserved", c.c_uint32), ("tensor", c.POINTER(Tensor))]


def sized(kind, **values):
    return kind(struct_size=c.sizeof(kind), **values)


class Library:
    def __init__(self, path, threads):
        self.lib = c.CDLL(path)
        self.lib.nwr_last_error.restype = c.c_char_p
        self.context = c.c_void_p()
        options = sized(ContextOptions, threads=threads)
        self.check(self.lib.nwr_context_create(c.byref(options), c.byref(self.context)))
        self.kept = []

    def check(self, status):
        if status < 0:
            sys.exit(f"noisewright: {self.lib.nwr_last_error().decode()}")

    def tensor(self, array):
        shape = (c.c_int64 * 2)(*array.shape)
        dtype = {torch.float32: 0x00012002, torch.bfloat16: 0x00011004,
                 torch.float64: 0x00014002}[array.dtype]
        self.kept += [array, shape]
        return Tensor(array.data_ptr(), 1, 0, 2, dtype, shape, None, 0)

    def schedule(self, name):
        out = c.c_void_p()
        options = sized(ScheduleOptions, name=name.encode())
        self.check(self.lib.nwr_schedule_create(c.byref(options), c.byref(out)))
        return out

    def stepper(self, schedule, spec, prediction, x, out):
        """One step in place; a run that has ended begins again."""
        rng = Rng(1, 0, 0)
        options = sized(SamplerOptions, prediction=QUANTITY[prediction], name=spec.encode(),
                        steps=999, rngs=c.pointer(rng), rng_count=1)
        sampler = c.c_void_p()
        self.check(self.lib.nwr_sampler_create(self.context, schedule, c.byref(options),
                                               c.byref(sampler)))
        view, output = c.byref(self.tensor(x)), c.byref(self.tensor(out))
        self.kept += [options, rng, view, output]
        start, step = self.lib.nwr_sampler_start, self.lib.nwr_sampler_step
        one = c.c_size_t(1)
        self.check(start(sampler, view, 1))
        left = [900]

        def run():
            self.check(step(sampler, view, output, one))
            left[0] -= 1
            if left[0] == 0:
                self.check(start(sampler, view, 1))
                left[0] = 900

        return run

    def transform(self, schedule, t, inputs, outputs, drawn=None):
        def operands(given):
            array = (Operand * len(given))()
            for slot, (name, value) in zip(array, given):
                slot.quantity = QUANTITY[name]
                slot.tensor = c.pointer(self.tensor(value))
            return array
        known, wanted = operands(inputs), operands(outputs)
        batch = (c.c_int64 * 1)(len(t))
        time_view = Tensor(t.data_ptr(), 1, 0, 1, 0x00014002, batch, None, 0)
        self.kept += [known, wanted, batch, t, time_view]
        counts = c.c_size_t(len(inputs)), c.c_size_t(len(outputs))
        rng = Rng(1, 0, 0)
        size = outputs[0][1].numel()

        def apply():
            self.check(self.lib.nwr_transform_apply(self.context, schedule, c.byref(time_view), None,
                                                    known, counts[0], wanted, counts[1]))

        def corrupt():
            rng.offset += size
            self.check(self.lib.nwr_transform_corrupt(
                self.context, schedule, c.byref(time_view), QUANTITY["noise"], c.byref(rng),
                c.c_size_t(1), known, counts[0], wanted, counts[1]))

        return corrupt if drawn else apply

    def combine(self, factors, inputs, out):
        count = len(inputs)
        views = [c.pointer(self.tensor(i)) for i in inputs]
        array = (c.POINTER(Tensor) * count)(*views)
        numbers = (c.c_double * count)(*factors)
        target = c.byref(self.tensor(out))
        self.kept += [views, array, numbers, target]
        return lambda: self.check(self.lib.nwr_tensor_combine(self.context, numbers, array,
                                                              c.c_size_t(count), target))

    def normal(self, out):
        rng, view = Rng(1, 0, 0), c.byref(self.tensor(out))
        self.kept += [view]
        size = out.numel()

        def fill():
            rng.offset += size
            self.check(self.lib.nwr_random_fill(self.context, 0, c.byref(rng), c.c_size_t(1), view))

        return fill


# ---- the work -------------------------------------------------------------------------------------


def cases(library, shape, dtype):
    """name -> (peer, library's, streams of memory)"""
    def array():
        return (torch.rand(shape) - 0.5).to(dtype)
    vp, flow = library.schedule("ddpm(beta=scaled_linear,beta_start=0.00085,beta_end=0.012)"), \
        library.schedule("linear")
    x, out, other, history = array(), array(), array(), array()
    mine, second = array(), array()
    t64 = torch.linspace(0.1, 0.9, shape[0], dtype=torch.float64)
    t = t64.to(dtype).view(-1, 1)
    ours = library.stepper
    return {
        "ddim": (lambda: ddim(x, out), ours(vp, "ddim", "noise", mine, out), 3),
        "ddim eta=1": (lambda: ddim_eta(x, out), ours(vp, "ddim(eta=1)", "noise", mine, out), 3),
        "ddpm": (lambda: ddpm(x, out), ours(vp, "ddpm", "noise", mine, out), 3),
        "euler": (lambda: euler(x, out), ours(vp, "euler", "noise", mine, out), 3),
        "flow euler": (lambda: flow_euler(x, out), ours(flow, "euler", "velocity", mine, out), 3),
        "dpm++ 2m": (lambda: dpmpp_2m(x, out, history), ours(vp, "dpmpp-2m", "noise", mine, out), 5),
        "dpm++ 2m sde": (lambda: dpmpp_2m_sde(x, out, history),
                         ours(vp, "dpmpp-2m-sde", "noise", mine, out), 5),
        "unipc": (lambda: unipc(x, out, other, history, second),
                  ours(vp, "unipc", "noise", mine, out), 8),
        "add noise": (lambda: add_noise(x, other, t, 1 - t),
                      library.transform(flow, t64, [("data", x), ("noise", other)],
                                        [("state", mine)]), 3),
        "guidance": (lambda: guidance(x, out), library.combine([7.5, -6.5], [x, out], mine), 3),
        "velocity to data, noise": (lambda: velocity_to_both(x, out),
                                    library.transform(flow, t64, [("state", x), ("velocity", out)],
                                                      [("data", mine), ("noise", second)]), 4),
        "training batch": (lambda: training_batch(x, t),
                           library.transform(flow, t64, [("data", x)],
                                             [("state", mine), ("velocity", second)], drawn=True), 3),
        "normals": (lambda: torch.randn(shape, dtype=dtype), library.normal(mine), 1),
    }


def in_single_precision(library, shape):
    """name -> (peer, library's); f32 alone"""
    x, out = torch.rand(shape), torch.rand(shape)
    mine = torch.rand(shape)
    vp = library.schedule("ddpm(beta=scaled_linear)")
    found = {}
    if x.numel() < 1 << 24:  # more than torch.quantile takes
        found["ddim, dynamic threshold"] = (
            lambda: ddim_threshold(x, out),
            library.stepper(vp, "ddim(threshold=0.995,threshold_max=10)", "noise", mine, out), 3)
    if x.numel() <= 1 << 16:
        points, state, velocity = (torch.rand(x.numel() // 2, 2) for _ in range(3))
        t = torch.linspace(0.1, 0.9, len(points), dtype=torch.float64)
        t32 = t.float().view(-1, 1)
        found["training batch of points"] = (
            lambda: training_batch(points, t32),
            library.transform(library.schedule("linear"), t, [("data", points)],
                              [("state", state), ("velocity", velocity)], drawn=True), 3)
        found["velocity to data, noise, of points"] = (
            lambda: (state + (1 - t32) * velocity, state - t32 * velocity),
            library.transform(library.schedule("linear"), t, [("state", state), ("velocity", velocity)],
                              [("data", points), ("noise", torch.empty_like(points))]), 4)
    if hasattr(torch, "compile"):
        fast = torch.compile(ddim)
        found["ddim, torch.compile"] = (lambda: fast(x, out),
                                        library.stepper(vp, "ddim", "noise", mine, out), 3)
    if numpy is not None:
        a, b = x.numpy(), out.numpy()
        found["ddim, NumPy"] = (lambda: ddim(a, b), library.stepper(vp, "ddim", "noise", mine, out), 3)
        generator = numpy.random.Generator(numpy.random.Philox(1))
        found["normals, NumPy"] = (
            lambda: generator.standard_normal(x.numel(), dtype=numpy.float32),
            library.normal(mine), 1)
    return found


# ---- measuring ------------------------------------------------------------------------------------


def waited():
    """Seconds that this process's threads have waited for a core."""
    total = 0
    for name in glob.glob("/proc/self/task/*/schedstat"):
        try:
            with open(name) as file:
                total += int(file.read().split()[1])
        except OSError:
            pass
    return total * 1e-9


def timed(call, repeats):
    begin = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - begin) / repeats


def measure(peer, ours, rounds):
    once = max(timed(peer, 2), 1e-7)
    repeats = max(1, min(200, int(0.02 / once)))
    ours()
    good = []
    # On a busy machine more rounds are taken, up to a bound.
    for taken in range(1, 4 * rounds + 1):
        pair, late = [], 0
        for work in (peer, ours):
            time.sleep(0.02)  # the other's threads stop looking for work
            before = waited()
            pair.append(timed(work, repeats))
            late += waited() - before
        if late <= 0.03 * repeats * sum(pair):
            good.append(pair)
        if len(good) == rounds:
            break
    if not good:
        return None
    return {"peer": statistics.median(p for p, _ in good),
            "ours": statistics.median(o for _, o in good),
            "ratio": statistics.median(p / o for p, o in good), "quiet": len(good), "rounds": taken}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--sizes", default=",".join(SIZES))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_grad_enabled(False)
    results = []
    for size in options.sizes.split(","):
        for name, dtype in DTYPES.items():
            if name == "bf16" and size not in ("64Ki", "4Mi"):
                continue
            library = Library(options.library, options.threads)
            work = cases(library, SIZES[size], dtype)
            if name == "f32":
                work.update(in_single_precision(library, SIZES[size]))
            for label, (peer, ours, streams) in work.items():
                result = measure(peer, ours, options.rounds)
                print(f"{size} {name} {label}: {result and round(result['ratio'], 2)}",
                      file=sys.stderr)
                results.append({"work": label, "size": size, "dtype": name, "streams": streams,
                                "elements": SIZES[size][0] * SIZES[size][1], **(result or {})})
    json.dump({"torch": torch.__version__, "numpy": numpy and numpy.__version__,
               "python": platform.python_version(), "threads": options.threads,
               "results": results}, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
