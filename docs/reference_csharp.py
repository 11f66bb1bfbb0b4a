#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""reference_csharp.py XML OUT: the compiler's file of XML comments as two Markdown files: types and what they do, and
the constructors of names."""
import os
import re
import sys
import xml.etree.ElementTree

NAMES = ("Schedules", "Grids", "Samplers", "Weights", "Densities", "Generators")
SYSTEM = {"Int32": "int", "UInt32": "uint", "Int64": "long", "UInt64": "ulong", "Double": "double", "Single": "float",
          "Boolean": "bool", "String": "string", "IntPtr": "nint", "Void": "void", "Byte": "byte", "UInt16": "ushort"}


def text(node):
    """Comments as Markdown: names in code, whatever they refer to."""
    if node is None:
        return ""
    def plain(words):
        return re.sub(r"([*_<\[\]])", r"\\\1", words or "")

    out = plain(node.text)
    for child in node:
        name = child.get("cref") or child.get("name") or child.get("langword")
        out += "`%s`" % short(name.split(":")[-1]) if name else "`%s`" % "".join(child.itertext())
        out += plain(child.tail)
    return re.sub(r"\s+", " ", out).strip()


def short(name):
    """A type as it is written: no namespaces, C#'s own words, generics in <>."""
    name = re.sub(r"``?\d+$", "", name.split("(")[0]) + ("(...)" if "(" in name else "")
    name = re.sub(r"(?:\w+\.)*(\w+)", lambda m: SYSTEM.get(m[1], m[1]) if "System." in m[0] else m[0], name)
    return name.replace("Noisewright.", "")


def types_of(arguments):
    """The parameters' types of a member's id."""
    arguments = re.sub(r"``?\d+", "T", arguments).replace("{", "<").replace("}", ">").replace("Noisewright.", "")
    arguments = re.sub(r"System\.(?:\w+\.)*(\w+)", lambda m: SYSTEM.get(m[1], m[1]), arguments)
    parts, depth, part = [], 0, ""
    for letter in arguments:
        depth += (letter in "<[") - (letter in ">]")
        if letter == "," and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += letter
    return [("ref " + p[:-1] if p.endswith("@") else p) for p in parts + [part] if p]


def main(xml_file, out):
    members = {}
    for member in xml.etree.ElementTree.parse(xml_file).getroot().find("members"):
        kind, _, name = member.get("name").partition(":")
        if not name.startswith("Noisewright.Interop") and member.find("inheritdoc") is None:
            members[name[len("Noisewright."):]] = (kind, member)
    pages = {"csharp.md": "# C#: types and members\n\nConstructors of names have [a page of their own](csharp-names.md).\n",
             "csharp-names.md": "# C#: constructors of names\n"}
    for type_name, (kind, member) in sorted(members.items()):
        if kind != "T":
            continue
        page = "csharp-names.md" if type_name in NAMES else "csharp.md"
        shown = re.sub(r"`\d+", "<T>", type_name)
        pages[page] += "\n## `%s`\n\n%s\n\n" % (shown, text(member.find("summary")))
        for parameter in member.findall("param"):
            pages[page] += "* `%s`: %s\n" % (parameter.get("name"), text(parameter))
        for name, (kind, member) in sorted(members.items()):
            match = re.fullmatch(re.escape(type_name) + r"\.([\w#]+)(?:``\d+)?(?:\((.*)\))?(?:~.*)?", name)
            if kind == "T" or not match or match[1].startswith("op_"):
                continue
            parameters = member.findall("param")
            what = match[1]
            if kind == "M":
                types = types_of(match[2] or "")
                listed = ", ".join("%s %s" % (t, p.get("name")) for t, p in zip(types, parameters))
                what = "%s(%s)" % (what.replace("#ctor", shown), listed)
            pages[page] += "\n* `%s`: %s" % (what, text(member.find("summary")))
            for parameter in parameters:
                pages[page] += "\n    * `%s`: %s" % (parameter.get("name"), text(parameter))
            if member.find("returns") is not None:
                pages[page] += "\n    * returns: " + text(member.find("returns"))
            for thrown in member.findall("exception"):
                pages[page] += "\n    * throws `%s`: %s" % (short(thrown.get("cref").split(":")[-1]), text(thrown))
            pages[page] += "\n"
    for page, content in pages.items():
        with open(os.path.join(out, page), "w", encoding="utf-8") as file:
            file.write(content)


main(*sys.argv[1:])
