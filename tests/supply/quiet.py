#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks by strace that the library opens no file and no socket and starts no thread or process unless
asked: quiet.py STRACE PROGRAM, where the program marks the stretches."""
import re
import subprocess
import sys
import tempfile

ASKED = "trace=%file,%network,clone,clone3,fork,vfork,write,open_by_handle_at,memfd_create,io_uring_setup"


def main(strace, program):
    with tempfile.NamedTemporaryFile("r") as log:
        done = subprocess.run([strace, "-f", "-qq", "-e", ASKED, "-o", log.name, program],
                              capture_output=True, text=True)
        lines = log.read().splitlines()
    if "PTRACE" in done.stderr or "ptrace" in done.stderr:
        print(f"skipped: {done.stderr.splitlines()[0]}")
        return 0
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
        return 1
    places = [next((i for i, line in enumerate(lines) if f'"{mark}\\n"' in line), None)
              for mark in ("begin", "small", "end")]
    if None in places:
        print("a mark is missing: strace saw nothing", file=sys.stderr)
        return 1
    begin, small, end = places
    problems = lines[begin + 1:small]
    threads = [line for line in lines[small + 1:end] if re.search(r"\bclone3?\(", line)]
    problems += [line for line in lines[small + 1:end] if not re.search(r"\bclone3?\(|resumed", line)]
    for line in problems:
        print(f"the library asks the system: {line}", file=sys.stderr)
    if len(threads) != 2:  # else a thread would not have been seen above either
        print(f"{len(threads)} threads were started, not 2", file=sys.stderr)
    return 1 if problems or len(threads) != 2 else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
