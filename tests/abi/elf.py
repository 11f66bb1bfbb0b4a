#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that a built library is closed, hardened and self-contained: elf.py LIBRARY SONAME."""
import re
import subprocess
import sys

NEEDED = r"(libc\.so|libm\.so|libdl\.so|libpthread\.so|ld-linux|ld64\.so).*"


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def check(library, soname):
    problems = []
    symbols = [line.split()[-2:] for line in output("nm", "-D", library).splitlines()]
    for kind, name in symbols:
        # Weak ones are hooks that libstdc++ leaves open for a runtime that nobody has.
        if kind == "U" and name.startswith("_Z"):
            problems.append(f"needs {name} from a shared C++ runtime")
        if kind not in "UwvA" and not name.startswith("nwr_"):
            problems.append(f"exports {name}")

    # libstdc++ is compiled without: the name is there for our own functions.
    if not any(name.split("@")[0] == "__stack_chk_fail" for _, name in symbols):
        problems.append("has no stack protector")

    dynamic = output("readelf", "-dW", library)
    for name in re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic):
        if not re.fullmatch(NEEDED, name):
            problems.append(f"needs {name}")
    if re.search(r"\((RPATH|RUNPATH)\)", dynamic):
        problems.append("has a search path of its own")
    if re.findall(r"\(SONAME\).*\[(.*)\]", dynamic) != [soname]:
        problems.append(f"is not named {soname}")
    if "BIND_NOW" not in dynamic and not re.search(r"\(FLAGS_1\).*\bNOW\b", dynamic):
        problems.append("binds its symbols lazily")
    if "TEXTREL" in dynamic:
        problems.append("has relocations in its code")

    segments = output("readelf", "-lW", library)
    if "GNU_RELRO" not in segments:
        problems.append("leaves its relocations writable")
    stack = re.search(r"GNU_STACK.* (R\S*) ", segments)
    if not stack or "E" in stack.group(1):
        problems.append("asks for an executable stack")
    return problems


if __name__ == "__main__":
    found = check(sys.argv[1], sys.argv[2])
    for line in found:
        print(f"{sys.argv[1]}: {line}", file=sys.stderr)
    sys.exit(1 if found else 0)
