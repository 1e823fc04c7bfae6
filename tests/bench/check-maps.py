# SPDX-License-Identifier: LGPL-3.0-or-later
"""Compares the maps in several folders, one each; fails where one is another map.

    check-maps.py FOLDER...

Tells the largest differences from the first folder's, of its largest value, as a JSON array.
"""

import json
import pathlib
import sys

import numpy as np

TOLERANCE = 1e-4


def read_map(folder):
    path, = pathlib.Path(folder).glob("*.npz")
    return np.load(path)["map"].astype(np.float64)


def main(first, *others):
    expected = read_map(first)
    differences = []
    for folder in others:
        values = read_map(folder)
        if values.shape != expected.shape:
            sys.exit(f"The map in {folder} is {values.shape}, not {expected.shape}.")
        differences.append(np.abs(values - expected).max() / np.abs(expected).max())
        if not differences[-1] <= TOLERANCE:  # not “>”: NaN must fail
            sys.exit(f"The map in {folder} is off that in {first} by {differences[-1]:.1e}.")
    print(json.dumps(differences))


main(*sys.argv[1:])
