#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every file that can says its licence in its first lines, and that no file of another
licence came in. Reads the files that git knows."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TAG = "SPDX-License-Identifier: Apache-2.0"
# Data, which has no comments, and texts of others' wording.
BARE = re.compile(r"(^|/)(LICENSE|NOTICE|\.gitignore|\.gitkeep)$|"
                  r"\.(json|txt|md5|csv|npy|npz|f16|f32|onnx|bin|gz|png|pgm|svg|lock|state|ipynb|toml|csproj|slnx?|"
                  r"clang-format|clang-tidy|editorconfig)$|^tests/(golden|kat|fuzz/corpus)/|"
                  r"^examples/.*/(expected|data)/")


def main():
    names = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], check=True, capture_output=True,
                           text=True).stdout.split("\0")
    problems, read = [], 0
    for name in filter(None, names):
        path = ROOT / name
        if path.is_symlink() or not path.is_file():
            continue
        head = path.read_bytes()[:1200].decode("utf-8", "replace")
        found = re.search(r"SPDX-License-Identifier: *(\S+)", head)
        if found and found.group(1) != "Apache-2.0" and not BARE.search(name):
            problems.append(f"{name}: licence {found.group(1)}")
        if BARE.search(name):
            continue
        read += 1
        if TAG not in head:
            problems.append(f"{name}: no '{TAG}' in its first lines")
    for line in problems:
        print(line, file=sys.stderr)
    if read < 200:
        problems.append("too few files")
        print(f"only {read} files were read", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
