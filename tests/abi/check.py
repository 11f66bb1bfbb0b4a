#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the API of a release with today's, as bindings/api.json tells them: what a program that
was compiled against the release may rely on.

  check.py OLD NEW     fails where NEW breaks a promise of docs/abi.md
  check.py --self      bends today's file in every way that is forbidden, and in every way that is
                       allowed, and fails unless the comparison tells them apart
"""
import copy
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
API = ROOT / "bindings" / "api.json"


def named(items):
    return {item["name"]: item for item in items}


def plain(value):
    """Without documentation, which may change."""
    if isinstance(value, dict):
        return {key: plain(v) for key, v in value.items() if key != "doc"}
    return [plain(v) for v in value] if isinstance(value, list) else value


def shape(function):
    """What a compiled call depends on: types in their order, not the names of parameters."""
    return plain(function["returns"]), [plain(p["type"]) for p in function["params"]]


def compare(old, new):
    problems = []
    for kind in ("functions", "callbacks"):
        now = named(new[kind])
        for name, before in named(old[kind]).items():
            if name not in now:
                problems.append(f"{name} is gone")
            elif shape(before) != shape(now[name]):
                problems.append(f"{name} has another signature")
    now = named(new["enums"])
    for name, before in named(old["enums"]).items():
        values = named(now[name]["values"]) if name in now else {}
        for value in before["values"]:
            if value["name"] not in values:
                problems.append(f"{name}: {value['name']} is gone")
            elif values[value["name"]]["value"] != value["value"]:
                problems.append(f"{name}: {value['name']} has another number")
    now = named(new["structs"])
    for name, before in named(old["structs"]).items():
        if name not in now:
            problems.append(f"{name} is gone")
            continue
        after = now[name]
        grows = before["fields"][0]["name"] == "struct_size"
        if after["size"] < before["size"] or (not grows and after["size"] != before["size"]):
            problems.append(f"{name} has {after['size']} bytes, and had {before['size']}")
        fields = plain(after["fields"])
        for i, field in enumerate(plain(before["fields"])):
            if i >= len(fields) or fields[i] != field:
                problems.append(f"{name}.{field['name']} is gone, moved or of another type")
        if not grows and len(fields) != len(before["fields"]):
            problems.append(f"{name} is frozen and has another number of fields")
        if len(fields) > len(before["fields"]) and \
                fields[len(before["fields"])]["offset"] < before["size"]:
            problems.append(f"{name}: a new field lies where the release has padding")
    return problems


def check_self():
    today = json.loads(API.read_text())
    growing = next(i for i, s in enumerate(today["structs"])
                   if s["fields"][0]["name"] == "struct_size")
    frozen = next(i for i, s in enumerate(today["structs"])
                  if s["fields"][0]["name"] != "struct_size")

    def bent(change):
        copied = copy.deepcopy(today)
        change(copied)
        return copied

    def grow(api, index):
        struct = api["structs"][index]
        struct["fields"].append({"name": "extra", "type": "float64", "doc": "",
                                 "offset": struct["size"]})
        struct["size"] += 8

    breaks = {
        "a function goes": lambda a: a["functions"].pop(3),
        "a parameter is added": lambda a: a["functions"][4]["params"].append(
            {"name": "more", "type": "int32"}),
        "a type changes": lambda a: a["functions"][5].update(returns="float64"),
        "a constant goes": lambda a: a["enums"][0]["values"].pop(1),
        "a constant is renumbered": lambda a: a["enums"][1]["values"][0].update(value=77),
        "a struct goes": lambda a: a["structs"].pop(growing),
        "a field moves": lambda a: a["structs"][growing]["fields"][2].update(offset=100),
        "a field changes its type": lambda a: a["structs"][growing]["fields"][1].update(type="float64"),
        "fields are exchanged": lambda a: a["structs"][growing]["fields"].reverse(),
        "a frozen struct grows": lambda a: grow(a, frozen),
        "a struct shrinks": lambda a: a["structs"][growing].update(size=8),
    }
    allowed = {
        "nothing changes": lambda a: None,
        "a function comes": lambda a: a["functions"].append(
            {"name": "nwr_new", "doc": "", "returns": "int32", "params": []}),
        "a constant comes": lambda a: a["enums"][0]["values"].append(
            {"name": "NWR_NEW", "value": 99, "doc": ""}),
        "a struct grows": lambda a: grow(a, growing),
        "a comment changes": lambda a: a["functions"][0].update(doc="other words"),
    }
    problems = [f"not seen: {name}" for name, f in breaks.items() if not compare(today, bent(f))]
    problems += [f"refused: {name}: {compare(today, bent(f))}" for name, f in allowed.items()
                 if compare(today, bent(f))]
    return problems


def main(args):
    if args == ["--self"]:
        problems = check_self()
    else:
        old, new = (json.loads(pathlib.Path(path).read_text()) for path in args)
        problems = compare(old, new)
    for line in problems:
        print(line, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
