#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""A layer of core/ includes only layers below it; all else includes the public header alone.

usage: layers.py SOURCE_ROOT
"""

import pathlib
import re
import sys

# Each layer, bottom first, and those it stands on directly; docs/architecture.md draws it.
BELOW = {
    "base": [],
    "io": ["base"],
    "ops": ["base"],
    "gpu": ["ops"],
    "cpu": ["ops"],
    "model": ["base"],
    "preprocess": ["io", "model"],
    "learn": ["preprocess"],
    "run": ["gpu", "cpu", "preprocess"],
    "explain": ["run"],
    "render": ["explain"],
    "analysis": ["render"],
}

# Tests of the layers look inside; those of the command line do not.
LOOKS_INSIDE = "tests"
LOOKS_INSIDE_NOT = "cli"

INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]')


def layers_seen_by(layer):
    """The layer itself and all that it stands on."""
    seen = {layer}
    for lower in BELOW[layer]:
        seen |= layers_seen_by(lower)
    return seen


def allowed_layers(path):
    """The layers that the file at `path`, relative to the root, may include."""
    if path.parts[0] == "core" and path.parts[1] in BELOW:
        return layers_seen_by(path.parts[1])
    if path.parts[0] == LOOKS_INSIDE and path.parts[1] != LOOKS_INSIDE_NOT:
        return set(BELOW)
    return set()


def complaints(root, path):
    """What is wrong with the includes of one file, a sentence each."""
    allowed = allowed_layers(path)
    for number, line in enumerate((root / path).read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        name = match[1]
        layer = name.split("/")[0]
        where = f"{path}:{number}: includes {name}"
        if layer == "vitreous":
            if not allowed and path.parts[0] != "core" and name != "vitreous/vitreous.h":
                yield f"{where}; <vitreous/vitreous.h> has all of it."
        elif layer in BELOW:
            if layer not in allowed:
                yield f"{where}, which is not below it."
        elif name.startswith(".."):
            yield f"{where}; name the layer instead of climbing."


def main(root):
    root = pathlib.Path(root)
    wrong = []
    for folder in ("core", "cli", "gimp-plugin", "tests"):
        for path in sorted((root / folder).rglob("*.[ch]")):
            wrong += complaints(root, path.relative_to(root))
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
