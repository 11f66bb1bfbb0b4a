#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lets abidiff judge what check.py judges by api.json: witness.py ABIDW ABIDIFF LIBRARY INCLUDE
RELEASES. Additions are allowed. Before the first release the library is compared with itself, which
shows that the tools read it: every public function must be among what they read."""
import pathlib
import re
import subprocess
import sys
import tempfile


def main(abidw, abidiff, library, include, releases):
    with tempfile.TemporaryDirectory() as folder:
        today = pathlib.Path(folder) / "today.abi"
        subprocess.run([abidw, "--no-corpus-path", "--no-comp-dir-path", "--drop-private-types",
                        "--headers-dir", include, "--out-file", today, library], check=True)
        listed = (pathlib.Path(__file__).parent / "symbols.txt").read_text().split()[1::2]
        described = set(re.findall(r"<function-decl name='(nwr_\w+)'", today.read_text()))
        missing = sorted(set(listed) - described)
        if missing:
            print(f"abidw does not describe {', '.join(missing)}", file=sys.stderr)
            return 1
        old = sorted(pathlib.Path(releases).glob("*.*.*/noisewright.abi")) or [today]
        for baseline in old:
            done = subprocess.run([abidiff, "--no-added-syms", baseline, today])
            # Bit 2 is a change, bit 3 one that breaks; the others are errors of use.
            if done.returncode & ~4:
                print(f"{baseline}: abidiff gives {done.returncode}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
