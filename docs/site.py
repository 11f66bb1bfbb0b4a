#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""site.py OUT [REFERENCES]: every page as HTML by cmark-gfm, with links among them, and the files that they link to.
REFERENCES is a folder of Markdown pages that other programs made; OUT/api, OUT/rust are linked where they are."""
import html
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
from pages import ROOT, pages, read, slug  # noqa: E402

OUT = sys.argv[1]
REFERENCES = sys.argv[2] if len(sys.argv) > 2 else None
MENU = [
    ("", [("README.md", "Noisewright"), ("docs/tutorial.md", "Tutorial"), ("docs/concepts.md", "Concepts"),
          ("docs/recipes.md", "Recipes"), ("docs/engines.md", "Engines"),
          ("docs/faq.md", "Questions"), ("examples/README.md", "Examples")]),
    ("From elsewhere", [("docs/coming-from.md", "Coming from"), ("docs/configuration.md", "Configurations")]),
    ("What there is", [("docs/samplers.md", "Samplers"), ("docs/grids.md", "Schedules, grids"),
                       ("docs/guidance.md", "Guidance"), ("docs/noise.md", "Noise"), ("docs/plan.md", "Plans"),
                       ("docs/seeds.md", "Seeds")]),
    ("The program", [("docs/tool.md", "noisewright"), ("docs/conform.md", "Conformance kit")]),
    ("Languages", [("bindings/rust/noisewright/README.md", "Rust"), ("bindings/julia/README.md", "Julia"),
                   ("bindings/csharp/README.md", "C#"), ("bindings/README.md", "Bindings")]),
    ("Reference", [("api/noisewright_8h.html", "C"), ("rust/noisewright/index.html", "Rust"),
                   ("docs/julia.md", "Julia"), ("docs/csharp.md", "C#")]),
    ("What holds", [("docs/numerics.md", "Numerics"), ("docs/random.md", "Statistics"),
                    ("docs/performance.md", "Speed"), ("docs/cuda.md", "GPUs"), ("docs/abi.md", "ABI")]),
    ("Inside", [("docs/design.md", "Design"), ("docs/adding-a-sampler.md", "Adding a sampler"),
                ("CONTRIBUTING.md", "Contributing"), ("CHANGELOG.md", "Changes")])]
LANGUAGES = {"c": "C", "rust": "Rust", "julia": "Julia", "csharp": "C#"}
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


def title_of(text, page):
    first = re.search(r"(?m)^# (.*)$", text)
    return first[1] if first else page


def menu_of(folder, here):
    menu = ""
    for title, entries in MENU:
        # References that no tool was there to make are left out.
        present = [(page, label) for page, label in entries
                   if page in everything or os.path.exists(os.path.join(OUT, page))]
        menu += "<section>" + ("<b>%s</b>" % title if title and present else "")
        for page, label in present:
            target = name_of(page) if page.endswith(".md") else page
            menu += '<a href="%s"%s>%s</a>' % (os.path.relpath(target, folder or "."),
                                               ' class="here"' if page == here else "", label)
        menu += "</section>"
    return '<input type="checkbox" id="menu"><label for="menu">Menu</label><div>%s</div>' % menu


def write(target, title, body, page):
    folder = os.path.dirname(target)
    path = os.path.join(OUT, target)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    scripts = '<script src="%s" defer></script>' % os.path.relpath("site.js", folder or ".") if "languages" in body else ""
    with open(path, "w", encoding="utf-8") as file:
        file.write('<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" '
                   'content="width=device-width,initial-scale=1"><title>%s</title><link rel="stylesheet" href="%s">%s'
                   "<nav>%s</nav><main>%s</main></html>\n"
                   % (html.escape(title), os.path.relpath("site.css", folder or "."), scripts, menu_of(folder, page), body))


def several_languages(m):
    """Blocks of several languages that follow each other stand in one place."""
    blocks = re.findall(r'(?s)<pre><code class="language-(\w+)">.*?</pre>', m[0])
    parts = re.findall(r"(?s)<pre>.*?</pre>", m[0])
    return '<div class="languages">%s</div>\n' % "".join(
        '<div data-language="%s"><span>%s</span>%s</div>' % (LANGUAGES[b], LANGUAGES[b], p) for b, p in zip(blocks, parts))


def table(m):
    """A table may be moved aside; one with much in a row keeps a width on a narrow window."""
    rows = [re.findall(r"(?s)<t[dh]>(.*?)</t[dh]>", row) for row in m[0].split("<tr>")]
    much = max(sum(len(re.sub("<[^>]*>", "", cell)) for cell in row) for row in rows) > 75 and max(map(len, rows)) > 2
    return '<div class="table">%s</div>' % (m[0].replace("<table>", '<table class="wide">') if much else m[0])


def convert(page):
    folder, target, text = os.path.dirname(page), name_of(page), everything[page]
    body = subprocess.run(["cmark-gfm", "-e", "table", "-e", "autolink"], input=text, check=True, stdout=subprocess.PIPE,
                          encoding="utf-8").stdout

    def heading(m):
        return '<h%s id="%s">%s</h%s>' % (m[1], slug(html.unescape(re.sub(r"<[^>]*>", "", m[2]))), m[2], m[1])

    def link(m):
        to = html.unescape(m[2])
        if re.match(r"[a-z]+:|#", to):
            return m[0]
        path, _, anchor = to.partition("#")
        path = os.path.normpath(os.path.join(folder, path))
        there = name_of(path) if path in everything else copy(path)
        there = os.path.relpath(there, os.path.dirname(target) or ".") + ("#" + anchor if anchor else "")
        return '%s="%s"' % (m[1], html.escape(there))

    body = re.sub(r"(?s)<h(\d)>(.*?)</h\d>", heading, body)
    body = re.sub(r'(href|src)="([^"]*)"', link, body)
    body = re.sub(r'(?s)(<pre><code class="language-(%s)">(?:(?!</pre>).)*</pre>\n){2,}' % "|".join(LANGUAGES),
                  several_languages, body)
    # A name is one word, whatever hyphens it has.
    body = re.sub(r"<code>([\w.+/=-]{1,34})</code>", r'<code class="name">\1</code>', body)
    if "<p>|" in body:
        sys.exit(page + ": a row of a table stands outside of it")
    body = re.sub(r"(?s)<table>.*?</table>", table, body)
    body = re.sub(r"<p>(<img [^>]*>)</p>", r'<div class="picture">\1</div>', body)
    write(target, title_of(text, page), body, page)


everything = {page: read(page) for page in pages()}
# A page that nobody has given a place yet.
listed = {page for _, entries in MENU for page, _ in entries}
MENU.append(("More", [(page, title_of(text, page)) for page, text in everything.items()
                      if page.startswith("docs/") and page not in listed]))
if REFERENCES:
    for name in os.listdir(REFERENCES):
        with open(os.path.join(REFERENCES, name), encoding="utf-8") as file:
            everything["docs/" + name] = file.read()
missing = [page for _, entries in MENU for page, _ in entries
           if page.endswith(".md") and page not in everything and page not in ("docs/julia.md", "docs/csharp.md")]
if missing:
    sys.exit("there is no " + ", ".join(missing))
for page in sorted(everything):
    convert(page)
for name in ("site.css", "site.js"):
    shutil.copyfile(os.path.join(ROOT, "docs", name), os.path.join(OUT, name))
# The way back from the header's reference.
api = os.path.join(OUT, "api")
for name in os.listdir(api) if os.path.isdir(api) else ():
    if name.endswith(".html"):
        with open(os.path.join(api, name), encoding="utf-8") as file:
            text = file.read()
        with open(os.path.join(api, name), "w", encoding="utf-8") as file:
            file.write(text.replace('<div id="projectname">Noisewright', '<div id="projectname"><a href="../index.html">Noisewright</a>'))

# What was written is whole: every local reference of every page leads somewhere.
broken = 0
for folder, _, files in os.walk(OUT):
    if os.path.relpath(folder, OUT).split(os.sep)[0] in ("api", "rust"):
        continue
    for name in files:
        if not name.endswith(".html"):
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            text = file.read()
        for to in re.findall(r'(?:href|src)="([^"#]+)', text):
            if not re.match(r"[a-z]+:", to) and not os.path.exists(os.path.join(folder, html.unescape(to))):
                print("%s: there is no %s" % (os.path.join(folder, name), to))
                broken += 1
print("%d pages, %d files beside them, in %s" % (len(everything), len(copied), OUT))
sys.exit(broken > 0)
