#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""The library exports what its public headers declare as available, no more and no less.

usage: symbols.py NM LIBRARY HEADER_FOLDER
"""

import pathlib
import re
import subprocess
import sys

DECLARATION = re.compile(r"^VTR_AVAILABLE_IN_\w+\s+[^;(]*?(\w+)\s*\(", re.MULTILINE)


def declared_symbols(folder):
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.h")))
    return set(DECLARATION.findall(text))


def exported_symbols(nm, library):
    listing = subprocess.run([nm, "--dynamic", "--defined-only", "--format=posix", library],
                             check=True, capture_output=True, text=True).stdout
    return {line.split()[0].split("@")[0] for line in listing.splitlines()}


def main(nm, library, folder):
    declared = declared_symbols(pathlib.Path(folder))
    exported = exported_symbols(nm, library)
    for name in sorted(declared - exported):
        print(f"{name} is declared in a public header and not exported.")
    for name in sorted(exported - declared):
        print(f"{name} is exported and declared in no public header.")
    return 0 if declared == exported else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
