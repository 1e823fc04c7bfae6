# SPDX-License-Identifier: LGPL-3.0-or-later
"""Compares the overlays in several folders, of one name each; fails where one is another picture.

    check-overlays.py FOLDER...
"""

import pathlib
import sys

import numpy as np
from PIL import Image

# Grey levels of 255, on average: scaling a map up leaves room for that much.
TOLERANCE = 5


def read_all(folder):
    return {path.name: np.asarray(Image.open(path).convert("RGB"), np.float32)
            for path in pathlib.Path(folder).glob("*.overlay.png")}


def main(first, *others):
    expected = read_all(first)
    for folder in others:
        overlays = read_all(folder)
        if not expected or overlays.keys() != expected.keys():
            sys.exit(f"{folder} has not the overlays that {first} has.")
        for name, overlay in overlays.items():
            difference = np.abs(overlay - expected[name]).mean()
            if not difference <= TOLERANCE:
                sys.exit(f"{folder}/{name} is {difference:.1f} levels off that in {first}.")


main(*sys.argv[1:])
