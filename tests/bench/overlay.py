# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the scripts that stand for a user's own have in common: a photo's pixels and its overlay.

Kind to the scripts: no library for pictures but Pillow, no matplotlib to import, colours from a
table, and zlib works no harder than in Vitreous (level 4; Pillow's own choice is 6).
"""

import pathlib

import numpy as np
from PIL import Image

EDGE = 224
MEAN, STD = np.float32((0.485, 0.456, 0.406)), np.float32((0.229, 0.224, 0.225))
COMPRESSION_LEVEL = 4
OPACITY = 0.5

# viridis at equal steps; between them it runs straight.
ANCHORS = [(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)]
COLORS = np.stack([np.interp(np.linspace(0, 4, 256), range(5), channel)
                   for channel in zip(*ANCHORS)], 1)


def read_photo(path, edge=EDGE):
    """The photo, and its pixels [3][edge][edge] as the model wants them."""
    photo = Image.open(path).convert("RGB")
    pixels = np.asarray(photo.resize((edge, edge), Image.Resampling.BICUBIC), np.float32) / 255
    return photo, ((pixels - MEAN) / STD).transpose(2, 0, 1)


def write_overlay(photo, row, folder, path):
    """@row: [patches] of attention"""
    side = round(len(row) ** 0.5)
    row = (row - row.min()) / (row.max() - row.min())
    heat = Image.fromarray(row.reshape(side, side).astype(np.float32))
    heat = np.asarray(heat.resize(photo.size, Image.Resampling.BILINEAR)).clip(0, 1)
    colors = COLORS[(heat * 255).astype(np.uint8)]
    mixed = np.asarray(photo) * (1 - OPACITY) + colors * OPACITY
    Image.fromarray(mixed.astype(np.uint8)).save(
        pathlib.Path(folder) / f"{pathlib.Path(path).stem}.overlay.png",
        compress_level=COMPRESSION_LEVEL)


def explain(attend, batch, folder, paths):
    """@attend: pixels [b][3][EDGE][EDGE] → [b][patches], CLS's last row, mean of the heads"""
    for first in range(0, len(paths), batch):
        some = paths[first:first + batch]
        photos, pixels = zip(*map(read_photo, some))
        rows = attend(np.stack(pixels))
        for photo, row, path in zip(photos, rows, some):
            write_overlay(photo, row, folder, path)
