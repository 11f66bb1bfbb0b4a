# SPDX-License-Identifier: Apache-2.0
"""What the site and the checks know of pages: which there are, their headings, their links, their code."""
import os
import re

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def pages():
    """Every Markdown file below the root but those of builds."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = sorted(f for f in folders if f not in ("build", ".git", "target", "bin", "obj"))
        found += [os.path.relpath(os.path.join(folder, f), ROOT) for f in files if f.endswith(".md")]
    return sorted(p for p in found if not os.path.islink(os.path.join(ROOT, p)))


def slug(heading):
    """The anchor that GitHub gives a heading."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def without_code(text):
    return re.sub(r"(?ms)^```.*?^```$", "", text)


def anchors(text):
    return {slug(m[1]) for m in re.finditer(r"(?m)^#+ +(.*)$", without_code(text))}


def links(text):
    """Targets of links, but those in code."""
    plain = re.sub(r"`[^`\n]*`", "", without_code(text))
    return re.findall(r"\]\(([^)\s]+)\)", plain)


def blocks(text):
    """(line, info, code) of each fenced block."""
    for m in re.finditer(r"(?ms)^```([^\n]*)\n(.*?)^```$", text):
        yield text[: m.start()].count("\n") + 2, m[1].strip(), m[2]
