#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""No source file is longer than 600 lines, no function longer than 100; each names its licence.

usage: lengths.py SOURCE_ROOT
"""

import ast
import pathlib
import re
import sys

FILE_LIMIT = 600
FUNCTION_LIMIT = 100
FOLDERS = ("core", "shaders", "cli", "gimp-plugin", "tests")
C_LIKE = {".c", ".h", ".comp", ".glsl"}
SOURCES = C_LIKE | {".py", ".sh"}
LICENCE = "SPDX-License-Identifier: LGPL-3.0-or-later"


def c_functions(lines):
    """(name, lines from its name to its closing brace); both stand in the first column."""
    named = None
    for number, line in enumerate(lines):
        match = re.match(r"(\w+) \(", line)
        if match:
            named = match[1], number
        elif re.match(r"}.*;", line):
            named = None
        elif line == "}" and named:
            yield named[0], number - named[1] + 1
            named = None


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.end_lineno - node.lineno + 1


def complaints(path):
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    if LICENCE not in "\n".join(lines[:3]):
        yield "names no licence in its first lines."
    if len(lines) > FILE_LIMIT:
        yield f"has {len(lines)} lines; {FILE_LIMIT} is the most."
    functions = []
    if path.suffix in C_LIKE:
        functions = c_functions(lines)
    elif path.suffix == ".py":
        functions = python_functions(text)
    for name, length in functions:
        if length > FUNCTION_LIMIT:
            yield f"{name} has {length} lines; {FUNCTION_LIMIT} is the most."


def main(root):
    root = pathlib.Path(root)
    wrong = []
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SOURCES:
                wrong += [f"{path.relative_to(root)}: {what}" for what in complaints(path)]
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
