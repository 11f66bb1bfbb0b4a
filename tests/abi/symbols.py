#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what the header declares, symbols.txt lists, exports.map exports and a library shows.
bindings/gen/generate writes both files, by libclang; this reads the header in a way of its own.

  symbols.py                  header = symbols.txt = exports.map; structs and enums = layout.txt
  symbols.py --library FILE   symbols.txt = the dynamic symbols of a built library
"""
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
HEADER = ROOT / "include" / "noisewright.h"
SYMBOLS = HERE / "symbols.txt"
LAYOUT = HERE / "layout.txt"
MAP = ROOT / "src" / "package" / "exports.map"


def header_text():
    return re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)


def declared():
    names = re.findall(r"\bNWR_API\s+[^;(]*?\b(nwr_\w+)\s*\(", header_text())
    if len(names) != len(set(names)):
        sys.exit("noisewright.h declares a function twice")
    return set(names)


def listed():
    """name -> node, from symbols.txt."""
    lines = [line.split() for line in SYMBOLS.read_text().splitlines()]
    return {name: node for node, name in lines}


def exported():
    """(node, name) of exports.map."""
    text = re.sub(r"/\*.*?\*/", "", MAP.read_text(), flags=re.S)
    nodes = re.findall(r"(\w[\w.]*) \{\s*global:(.*?)(?:local:.*?)?\}", text, re.S)
    return {f"{node} {name}" for node, names in nodes for name in re.findall(r"\w+", names)}


def difference(what, expected, found):
    lines = [f"{what}: lacks {name}" for name in sorted(expected - found)]
    return lines + [f"{what}: has {name} besides" for name in sorted(found - expected)]


def check_sources():
    nodes = listed()
    problems = difference("symbols.txt, beside noisewright.h", declared(), set(nodes))
    problems += difference("exports.map, beside symbols.txt",
                           {f"{node} {name}" for name, node in nodes.items()}, exported())
    types = re.findall(r"typedef (struct|enum) (nwr_\w+)(?: NWR_INT32)? \{", header_text())
    lines = [line.split() for line in LAYOUT.read_text().splitlines() if line[0] != " "]
    problems += difference("layout.txt, beside noisewright.h", {f"{k} {n}" for k, n in types},
                           {f"{k} {n}" for k, n, _ in lines})
    return problems


def check_library(path):
    nm = subprocess.run(["nm", "-D", "--with-symbol-versions", path], check=True,
                        capture_output=True, text=True).stdout
    found = set()
    for line in nm.splitlines():
        parts = line.split()
        kind, name = parts[-2], parts[-1]
        if kind in "Uwv" or kind == "A":  # undefined; the nodes themselves are absolute
            continue
        found.add(name)
    return difference(path, {f"{name}@@{node}" for name, node in listed().items()}, found)


def main(args):
    problems = check_library(args[1]) if args[:1] == ["--library"] else check_sources()
    for line in problems:
        print(line, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
