#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""The plug-in's help pages name every field and method, lead nowhere but to each other, and GIMP
finds the page of every procedure.

usage: help.py SOURCE_ROOT
"""

import html.parser
import pathlib
import re
import sys
import xml.etree.ElementTree

EMPTY_TAGS = {"meta", "br", "img", "link"}
DOMAIN = re.compile(r'#define VGP_HELP_DOMAIN "(.+)"')
PROCEDURE = re.compile(r'#define VGP_\w+_NAME "(plug-in-.+)"')
# A row of the table of fields, and of the library's tables of parameters and methods.
FIELD = re.compile(r'\{ \.name = "([\w-]+)",.*?\.procedures = (\w+) \}', re.DOTALL)
PARAM = re.compile(r'\.name = "([\w-]+)",\s*\.syntax')
METHOD = re.compile(r'VtrMethodKind \w+ = \{\s*\.name = "([\w-]+)"')
PAGES = {"heatmaps.html": "VGP_HEATMAPS", "select.html": "VGP_SELECT"}


class Page(html.parser.HTMLParser):
    """What a page says in <code>, has as anchors, and leads to."""

    def __init__(self, path):
        super().__init__()
        self.codes, self.anchors, self.links, self.wrong = set(), set(), [], []
        self.open = []
        self.feed(path.read_text(encoding="utf-8"))
        self.wrong += [f"leaves <{tag}> open." for tag in self.open]

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag not in EMPTY_TAGS:
            self.open.append(tag)
        self.anchors.add(attributes.get("id"))
        self.links += [attributes[name] for name in ("href", "src") if name in attributes]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"closes </{tag}> that is not open.")

    def handle_data(self, data):
        if self.open and self.open[-1] == "code":
            self.codes.add(data)


def read_names(root):
    """Of each page the names that it has to have."""
    rows = FIELD.findall((root / "gimp-plugin/fields.c").read_text(encoding="utf-8"))
    library = "".join(p.read_text(encoding="utf-8")
                      for p in sorted((root / "core/explain").glob("*.c")))
    params, methods = set(PARAM.findall(library)), set(METHOD.findall(library))
    if len(rows) < 20 or len(params) < 7 or len(methods) < 6:
        raise SystemExit("The tables of fields, parameters and methods are no longer read right.")
    names = {page: {name for name, has in rows if has in ("EVERYWHERE", procedure)} | params
             for page, procedure in PAGES.items()}
    names["heatmaps.html"] |= methods
    return names


def page_complaints(folder, name, wanted):
    page = Page(folder / name)
    yield from page.wrong
    yield from (f"does not tell of “{word}”." for word in sorted(wanted - page.codes))
    for link in page.links:
        file, _, anchor = link.partition("#")
        target = folder / (file or name)
        if ":" in link or not target.exists():
            yield f"leads to {link}, which is not here."
        elif anchor and anchor not in Page(target).anchors:
            yield f"leads to {link}, where there is no such place."


def index_complaints(folder, procedures, domain):
    """Of gimp-help.xml, as GIMP reads it."""
    items = {}
    for item in xml.etree.ElementTree.parse(folder / "gimp-help.xml").getroot():
        items[item.get(f"{{{domain}}}id")] = item.get("ref")
    for name in procedures:
        if name not in items:
            yield f"has no page for {name}."
    for name, ref in items.items():
        file, _, anchor = ref.partition("#")
        if not (folder / file).exists() or anchor and anchor not in Page(folder / file).anchors:
            yield f"leads to {ref}, which is not here."


def main(root):
    root = pathlib.Path(root)
    header = (root / "gimp-plugin/run.h").read_text(encoding="utf-8")
    names = read_names(root)
    wrong = []
    for folder in sorted((root / "gimp-plugin/help").iterdir()):
        where = folder.relative_to(root)
        wrong += [f"{where}/gimp-help.xml: {what}" for what in
                  index_complaints(folder, PROCEDURE.findall(header), DOMAIN.search(header)[1])]
        for name, wanted in names.items():
            wrong += [f"{where}/{name}: {what}" for what in page_complaints(folder, name, wanted)]
    if not (root / "gimp-plugin/help/en").is_dir():
        wrong.append("gimp-plugin/help/en: is not there, and GIMP falls back on it.")
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
