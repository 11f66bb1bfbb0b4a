#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Owns the times of PyTorch on the work of bench.cu: a step from a noise prediction, eager and
# compiled, and diffusers' own schedulers where they are installed. Prints rows of a table.
# Status 77: no PyTorch with CUDA.
import pathlib
import sys

try:
    import torch
except ImportError:
    print("PyTorch is not installed")
    sys.exit(77)
if not torch.cuda.is_available():
    print("PyTorch finds no CUDA device")
    sys.exit(77)

# Beside the benchmarks of the CPU.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench" / "peers"))
from formulas import ddim, ddpm, dpmpp_2m  # noqa: E402

N = 64 << 20


def milliseconds(work):
    for _ in range(3):
        work()
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    times = []
    for _ in range(7):
        begin.record()
        for _ in range(5):
            work()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) / 5)
    return sorted(times)[len(times) // 2]


def main():
    print(f"PyTorch {torch.__version__}\n")
    print("| step, 64 Mi elements | dtype | eager, ms | torch.compile, ms |")
    print("|---|---|---|---|")
    for dtype in (torch.float32, torch.bfloat16):
        x, eps, before = (torch.zeros(N, device="cuda", dtype=dtype) for _ in range(3))
        for name, step, given in (("ddim", ddim, (x, eps)), ("ddpm", ddpm, (x, eps)),
                                  ("dpmpp-2m", dpmpp_2m, (x, eps, before))):
            eager = milliseconds(lambda: step(*given))
            try:
                fused = torch.compile(step)
                compiled = f"{milliseconds(lambda: fused(*given)):.4f}"
            except Exception as error:  # it needs a compiler that the machine may lack
                compiled = type(error).__name__
            print(f"| {name} | {str(dtype)[6:]} | {eager:.4f} | {compiled} |")
    try:
        import diffusers
    except ImportError:
        print("\ndiffusers is not installed")
        return
    print(f"\n| diffusers {diffusers.__version__}, 64 Mi elements | dtype | ms |\n|---|---|---|")
    for dtype in (torch.float32, torch.bfloat16):
        x, eps = (torch.zeros(1, N, device="cuda", dtype=dtype) for _ in range(2))
        for name in ("DDIMScheduler", "DDPMScheduler", "DPMSolverMultistepScheduler",
                     "UniPCMultistepScheduler"):
            scheduler = getattr(diffusers, name)()

            def run():
                scheduler.set_timesteps(10, device="cuda")
                state = x
                for t in scheduler.timesteps:
                    state = scheduler.step(eps, t, state).prev_sample

            print(f"| {name} | {str(dtype)[6:]} | {milliseconds(run) / 10:.4f} |")


main()
