# SPDX-License-Identifier: LGPL-3.0-or-later
"""Writes the references that the library has as a C array of their JSON.

usage: embed.py OUTPUT FILE...
"""

import json
import pathlib
import sys

LINE = 96  # characters of text in a literal


def quote(text):
    """A C string literal a line; compilers bound the length of each, not of all together."""
    pieces = (text[i:i + LINE] for i in range(0, len(text), LINE))
    return "\n".join('  "' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)


def main(output, *paths):
    rows = []
    for path in map(pathlib.Path, paths):
        text = json.dumps(json.loads(path.read_text(encoding="utf-8")), separators=(",", ":"))
        rows.append(f'  {{ "{path.stem}",\n{quote(text)} }},\n')
    pathlib.Path(output).write_text(
        '#include "analysis/diagnosis.h"\n\n'
        "const VtrBuiltInReference vtr_built_in_references[] = {\n"
        + "".join(rows) + "  { NULL, NULL },\n};\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
