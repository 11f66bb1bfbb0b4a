#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""site.py OUT: every page as HTML by cmark-gfm, with links among them, and the files that they link to."""
import html
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
from pages import ROOT, pages, read, slug  # noqa: E402

OUT = sys.argv[1]
MENU = [("README.md", "Noisewright"), ("docs/tool.md", "The tool"), ("docs/coming-from.md", "Coming from"),
        ("docs/configuration.md", "Configurations"), ("docs/samplers.md", "Samplers"),
        ("docs/grids.md", "Schedules, grids"), ("docs/seeds.md", "Seeds"), ("docs/noise.md", "Noise"),
        ("docs/guidance.md", "Guidance"), ("docs/plan.md", "Plans"),
        ("docs/recipes.md", "Recipes"), ("docs/engines.md", "Engines"),
        ("docs/conform.md", "Conformance kit"), ("docs/numerics.md", "Numerics"),
        ("docs/faq.md", "Questions"), ("docs/design.md", "Design"),
        ("docs/adding-a-sampler.md", "Adding a sampler"), ("CONTRIBUTING.md", "Contributing"),
        ("CHANGELOG.md", "Changes"), ("bindings/rust/noisewright/README.md", "Rust"),
        ("bindings/julia/README.md", "Julia"), ("bindings/csharp/README.md", "C#")]
STYLE = """body{margin:0;font:16px/1.55 system-ui,sans-serif;color:#1c2128;background:#fff}
nav{background:#f4f6f8;padding:1rem 1.2rem;font-size:.93rem}nav a{display:block;padding:.12rem 0}
main{max-width:62rem;padding:1rem 1.4rem;min-width:0}a{color:#0b62c4;text-decoration:none}
a:hover{text-decoration:underline}pre{background:#f4f6f8;padding:.8rem;overflow-x:auto;border-radius:4px}
code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}pre code{overflow-wrap:normal}
.table{overflow-x:auto}table{border-collapse:collapse;font-size:.92rem}
th,td{border-bottom:1px solid #dde1e6;padding:.3rem .6rem;text-align:left;vertical-align:top;min-width:4.5rem}
nav a.here{font-weight:600;color:#1c2128}h1,h2,h3{line-height:1.25}
@media(min-width:58rem){body{display:grid;grid-template-columns:13rem 1fr}nav{min-height:100vh}}
@media(max-width:58rem){nav a{display:inline-block;margin-right:.8rem}}
@media(prefers-color-scheme:dark){body{background:#14181d;color:#d9dee5}nav,pre{background:#1c2229}a{color:#6cb2ff}
nav a.here{color:#fff}th,td{border-color:#313943}}
"""
copied = set()


def name_of(page):
    return "index.html" if page == "README.md" else page[:-3] + ".html"


def copy(path):
    """A file as it is; a folder as its page, or as a list of its files. Says where it stands."""
    full = os.path.join(ROOT, path)
    if os.path.isdir(full):
        if os.path.exists(os.path.join(full, "README.md")):
            return name_of(os.path.relpath(os.path.realpath(os.path.join(full, "README.md")), ROOT))
        target = os.path.join(path, "index.html")
        if target not in copied:
            copied.add(target)
            files = sorted(f for f in os.listdir(full) if os.path.isfile(os.path.join(full, f)))
            rows = "".join('<li><a href="%s">%s</a></li>' % (os.path.relpath(copy(os.path.join(path, f)), path), f)
                           for f in files)
            write(target, path, "<h1>%s</h1><ul>%s</ul>" % (html.escape(path), rows), None)
        return target
    # Sources are shown by a browser, not saved, if they are text to it.
    target = path if os.path.splitext(path)[1] in (".png", ".svg", ".html", ".txt") else path + ".txt"
    if target not in copied:
        copied.add(target)
        os.makedirs(os.path.dirname(os.path.join(OUT, target)), exist_ok=True)
        shutil.copyfile(full, os.path.join(OUT, target))
    return target


def write(target, title, body, page):
    folder = os.path.dirname(target)
    menu = "".join('<a href="%s"%s>%s</a>' % (os.path.relpath(name_of(p), folder or "."),
                                              ' class="here"' if p == page else "", label) for p, label in MENU)
    menu += '<a href="%s">C reference</a>' % os.path.relpath("api/noisewright_8h.html", folder or ".")
    path = os.path.join(OUT, target)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write('<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" '
                   'content="width=device-width,initial-scale=1"><title>%s</title><link rel="stylesheet" href="%s">'
                   "<nav>%s</nav><main>%s</main></html>\n"
                   % (html.escape(title), os.path.relpath("style.css", folder or "."), menu, body))


def convert(page):
    folder, target = os.path.dirname(page), name_of(page)
    body = subprocess.run(["cmark-gfm", "-e", "table", "-e", "autolink", os.path.join(ROOT, page)],
                          check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout

    def heading(m):
        text = html.unescape(re.sub(r"<[^>]*>", "", m[2]))
        return '<h%s id="%s">%s</h%s>' % (m[1], slug(text), m[2], m[1])

    def link(m):
        to = html.unescape(m[1])
        if re.match(r"[a-z]+:|#", to):
            return m[0]
        path, _, anchor = to.partition("#")
        path = os.path.normpath(os.path.join(folder, path))
        there = name_of(path) if path in everything else copy(path)
        there = os.path.relpath(there, os.path.dirname(target) or ".") + ("#" + anchor if anchor else "")
        return 'href="%s"' % html.escape(there)

    body = re.sub(r"(?s)<h(\d)>(.*?)</h\d>", heading, body)
    body = re.sub(r'href="([^"]*)"', link, body)
    body = body.replace("<table>", '<div class="table"><table>').replace("</table>", "</table></div>")
    first = re.search(r"(?m)^# (.*)$", read(page))
    write(target, first[1] if first else page, body, page)


everything = set(pages())
missing = [p for p, _ in MENU if p not in everything]
if missing:
    sys.exit("there is no " + ", ".join(missing))
for page in sorted(everything):
    convert(page)
with open(os.path.join(OUT, "style.css"), "w") as file:
    file.write(STYLE)

# What was written is whole: every local reference of every page leads somewhere.
broken = 0
for folder, _, files in os.walk(OUT):
    if os.path.relpath(folder, OUT).split(os.sep)[0] == "api":
        continue
    for name in files:
        if not name.endswith(".html"):
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            text = file.read()
        for to in re.findall(r'href="([^"#]+)', text):
            if not re.match(r"[a-z]+:", to) and not os.path.exists(os.path.join(folder, html.unescape(to))):
                print("%s: there is no %s" % (os.path.join(folder, name), to))
                broken += 1
print("%d pages, %d files beside them, in %s" % (len(everything), len(copied), OUT))
sys.exit(broken > 0)
