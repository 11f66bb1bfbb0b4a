#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Owns the checks of the CUDA plugin's file that need no GPU: what it links and exports, and what its
# kernels were compiled to.
#   plugin.py elf PLUGIN             only libc and its parts, one symbol, no paths, no executable stack
#   plugin.py resources PLUGIN       no stack and no local memory in the hot kernels
#   plugin.py code PLUGIN            accesses of 128 bits in the hot kernels, and nothing fused
# Status 77: cuobjdump, which the last two need, is not here.
import re
import shutil
import subprocess
import sys

LIBRARIES = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1",
             "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
HOT = re.compile(r"(MixVectors|FillVectors)")
# What the instantiations are: three classes of outputs by four dtypes, with noise and without; four
# dtypes by two distributions.
HOT_KERNELS = 3 * 4 * 2 + 4 * 2


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def elf(plugin):
    faults = []
    dynamic = run("readelf", "-dW", plugin)
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic))
    if needed - LIBRARIES:
        faults.append(f"it needs {sorted(needed - LIBRARIES)}")
    if re.search(r"\((RPATH|RUNPATH)\)", dynamic):
        faults.append("it has a search path")
    exported = [line.split()[-1] for line in run("nm", "-D", "--defined-only", plugin).splitlines()]
    if exported != ["nwr_backend_query"]:
        faults.append(f"it exports {exported}")
    undefined = run("nm", "-D", "--undefined-only", plugin)
    foreign = re.findall(r"\b(_Z\w+|__cxa_(?!finalize|atexit)\w+|cuda\w+|curand\w+)", undefined)
    if foreign:
        faults.append(f"it takes {foreign[:5]} from elsewhere")
    if re.search(r"GNU_STACK.*\bRWE\b", run("readelf", "-lW", plugin)):
        faults.append("its stack is executable")
    return faults


def hot_kernels(plugin):
    """What each build of each hot kernel uses, by name."""
    hot, name = {}, ""
    for line in run("cuobjdump", "--dump-resource-usage", plugin).splitlines():
        found = re.match(r"\s*Function (\S+):", line)
        if found:
            name = found.group(1)
        elif "REG:" in line and HOT.search(name):
            hot.setdefault(name, []).append(dict(re.findall(r"(\w+):(\d+)", line)))
    return hot


def resources(plugin):
    faults, hot = [], hot_kernels(plugin)
    for name, builds in hot.items():
        for used in builds:
            if int(used["STACK"]) or int(used["LOCAL"]):
                faults.append(f"{name}: {used}")
    if len(hot) != HOT_KERNELS:
        faults.append(f"there are {len(hot)} hot kernels, not {HOT_KERNELS}")
    print(f"{len(hot)} hot kernels, each for {sorted({len(b) for b in hot.values()})} architectures")
    print(f"at most {max(int(u['REG']) for b in hot.values() for u in b)} registers")
    return faults


def code(plugin):
    # Those of several outputs are the same text; reading them all takes minutes.
    names = sorted(n for n in hot_kernels(plugin) if "FillVectors" in n or "ELi1E" in n)
    faults, name, bodies = [], "", {}
    for line in run("cuobjdump", "-sass", "-fun", ",".join(names), plugin).splitlines():
        found = re.match(r"\s*Function : (\S+)", line)
        if found:
            name = found.group(1)
            bodies.setdefault(name, []).append([])
        found = re.match(r"\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+ )?([A-Z][A-Z0-9_.]+)", line)
        if found and name:
            bodies[name][-1].append(found.group(1))
    for name in names:
        for body in bodies.get(name, []):
            stores = {op for op in body if op.startswith(("STG", "ST.", "STL"))}
            loads = {op for op in body if op.startswith("LDG") and ".128" in op}
            if not stores or any("STG" not in op or ".128" not in op for op in stores):
                faults.append(f"{name}: stores by {sorted(stores)}")
            if "LDL" in body or ("MixVectors" in name and not loads):
                faults.append(f"{name}: no loads of 128 bits, or local ones")
            # Without noise there is no polynomial, and so nothing that may be fused.
            fused = {op for op in body if op.startswith(("FFMA", "DFMA"))}
            if "MixVectors" in name and "ELb0E" in name and fused:
                faults.append(f"{name}: {sorted(fused)}")
        if not bodies.get(name):
            faults.append(f"{name}: it has no code")
    print(f"{len(names)} kernels, {sum(len(b) for b in bodies.values())} builds")
    if len(names) != 4 * 2 + 4 * 2:
        faults.append(f"there are {len(names)} kernels to look at")
    return faults


def main():
    what, plugin = sys.argv[1:]
    if what != "elf" and not shutil.which("cuobjdump"):
        print("skipped: cuobjdump is not here")
        return 77
    faults = {"elf": elf, "resources": resources, "code": code}[what](plugin)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
