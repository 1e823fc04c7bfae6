#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Draws pictures of shapes on noisy slopes, and says where each shape lies.

    venv/bin/python shapes.py

writes pictures/: the test pictures, two different shapes on each, and pictures.json.  One seed
always gives the same picture, with the versions of numpy and Pillow in ../golden/requirements.txt.
"""

import dataclasses
import json
import math
import pathlib

import numpy as np
from PIL import Image, ImageDraw

HERE = pathlib.Path(__file__).resolve().parent

SIZE = 96  # pixels, each side of a picture
PATCH = 8  # pixels, each side of a patch of the model
SCALE = 4  # shapes are drawn this much larger, then averaged

RADIUS = 12, 22  # pixels, least and most, from a shape's middle to what is farthest from it
GAP = PATCH  # pixels, least between the circles around two shapes
DARK, BRIGHT = (10, 100), (100, 255)  # what is behind shapes, and shapes, 0..255 in R, G and B
TURN = math.radians(20)  # most that a shape is turned
CONTRAST = 110  # least distance of a shape's colour from those behind it, of 0..255 in R, G and B
NOISE = 2.5  # standard deviation, of 0..255

STEP = 8  # colours are multiples of this, so that the files stay small

# How far from a shape a map's highest pixel may be: maps have one number for a patch.
REACH = PATCH / 2

# Test pictures: each ordered pair of classes once. Training takes other seeds, see train.py.
TEST_SEED = 1 << 40


UP = -math.pi / 2  # rows count downwards


def regular(n_corners, inner=1.0, turn=0.0):
    """Corners on the unit circle; with an inner radius, a star."""
    n = n_corners if inner == 1.0 else 2 * n_corners
    angles = turn + 2 * math.pi * np.arange(n) / n
    radii = np.where(np.arange(n) % 2, inner, 1.0)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=-1)


def cross():
    arm = 0.3
    corner = [(arm, 1), (arm, arm), (1, arm)]
    quarter = np.array([(x, y) for x, y in corner])
    turns = [quarter @ np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), k) for k in range(4)]
    return np.concatenate(turns) / math.hypot(1, arm)


def heart():
    t = np.linspace(0, 2 * math.pi, 60, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([x, -2.5 - y], axis=-1) / 16.5


def moon():
    """What a circle leaves of another."""
    outer = np.linspace(math.radians(50), math.radians(310), 50)
    inner = np.linspace(math.radians(270), math.radians(90), 40)
    tip = np.array([math.cos(outer[0]), math.sin(outer[0])])
    bite = np.stack([tip[0] + tip[1] * np.cos(inner), tip[1] * np.sin(inner)], axis=-1)
    rim = np.stack([np.cos(outer), np.sin(outer)], axis=-1)
    return np.concatenate([rim, bite])


# Outlines within the unit circle, and the radius of a hole in the middle.
OUTLINES = {
    "circle": (regular(60), 0),
    "square": (regular(4, turn=math.pi / 4), 0),
    "triangle": (regular(3, turn=UP), 0),
    "star": (regular(5, inner=0.42, turn=UP), 0),
    "cross": (cross(), 0),
    "ring": (regular(60), 0.58),
    "heart": (heart(), 0),
    "moon": (moon(), 0),
}
CLASSES = list(OUTLINES)


@dataclasses.dataclass
class Shape:
    """One shape of a picture."""

    label: int
    mask: np.ndarray  # bool [SIZE][SIZE]: pixels that it covers by half or more


def draw_coverage(label, middle, radius, turn):
    """float32 [SIZE][SIZE]: how much of each pixel the shape covers, 0..1"""
    outline, hole = OUTLINES[CLASSES[label]]
    cos, sin = math.cos(turn), math.sin(turn)
    corners = outline @ np.array([[cos, sin], [-sin, cos]]) * radius + middle
    large = Image.new("L", (SIZE * SCALE, SIZE * SCALE))
    draw = ImageDraw.Draw(large)
    draw.polygon([(x * SCALE, y * SCALE) for x, y in corners], fill=255)
    if hole:
        reach = radius * hole
        draw.ellipse([(edge * SCALE) for edge in (middle[0] - reach, middle[1] - reach,
                                                  middle[0] + reach, middle[1] + reach)], fill=0)
    return np.asarray(large.reduce(SCALE), np.float32) / 255


def draw_background(random):
    """float32 [SIZE][SIZE][3]: a slope from one colour to another"""
    middles = (np.arange(SIZE, dtype=np.float32) + 0.5) / SIZE - 0.5
    angle = random.uniform(0, 2 * math.pi)
    down, right = middles * np.float32([[math.sin(angle)], [math.cos(angle)]]) / np.float32(math.sqrt(2))
    along = 0.5 + down[:, None] + right
    first, last = random.uniform(*DARK, (2, 3)).astype(np.float32)
    return first + along[..., None] * (last - first)


def choose_places(random, n_shapes):
    """Middles and radii in pixels, such that the circles around the shapes keep apart."""
    while True:
        radii = random.uniform(*RADIUS, n_shapes)
        middles = [random.uniform(radius + 1, SIZE - radius - 1, 2) for radius in radii]
        if n_shapes == 1 or math.dist(*middles) >= sum(radii) + GAP:
            return middles, radii


def choose_colour(random, behind):
    """A colour far enough from those that it would hide, uint8 [n][3]"""
    while True:
        colour = random.uniform(*BRIGHT, 3).astype(np.float32)
        if np.linalg.norm(behind - colour, axis=-1).min() >= CONTRAST:
            return colour


def draw_picture(seed, labels):
    """Returns uint8 [SIZE][SIZE][3] and one Shape for each label."""
    random = np.random.default_rng([seed, *labels])
    pixels = draw_background(random)
    shapes = []
    for label, middle, radius in zip(labels, *choose_places(random, len(labels))):
        coverage = draw_coverage(label, middle, radius, random.uniform(-TURN, TURN))
        mask = coverage >= 0.5
        colour = choose_colour(random, pixels[mask])
        pixels += coverage[..., None] * (colour - pixels)
        shapes.append(Shape(label, mask))
    pixels += np.float32(NOISE) * random.standard_normal(pixels.shape, np.float32)
    return np.clip(np.rint(pixels / STEP) * STEP, 0, 255).astype(np.uint8), shapes


def widen(mask, reach):
    """Which pixels are no farther from the mask than some pixels."""
    edge = math.ceil(reach)
    padded = np.pad(mask, edge)
    wide = np.zeros_like(mask)
    for down in range(-edge, edge + 1):
        for right in range(-edge, edge + 1):
            if math.hypot(down, right) <= reach:
                wide |= padded[edge + down:, edge + right:][:SIZE, :SIZE]
    return wide


def count_runs(mask):
    """Lengths of runs through the rows, of pixels outside and inside in turn; outside first."""
    flat = np.concatenate([[0], mask.flatten().astype(np.int8), [0]])
    edges = np.flatnonzero(np.diff(flat))
    lengths = np.diff(np.concatenate([[0], edges, [mask.size]]))
    return [int(length) for length in lengths]


def describe(shape):
    rows, columns = np.flatnonzero(shape.mask.any(1)), np.flatnonzero(shape.mask.any(0))
    box = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    return {"label": CLASSES[shape.label], "box": [int(edge) for edge in box],
            "mask": count_runs(shape.mask), "hit": count_runs(widen(shape.mask, REACH))}


def draw_tests():
    """Yields a name, pixels and shapes: each ordered pair of classes once."""
    pairs = [(a, b) for a in range(len(CLASSES)) for b in range(len(CLASSES)) if a != b]
    for pair in pairs:
        name = f"{CLASSES[pair[0]]}-{CLASSES[pair[1]]}.png"
        yield name, *draw_picture(TEST_SEED, pair)


def main():
    directory = HERE / "pictures"
    directory.mkdir(exist_ok=True)
    entries = []
    for name, pixels, shapes in draw_tests():
        Image.fromarray(pixels).save(directory / name, optimize=True)
        entries.append({"file": name, "shapes": [describe(shape) for shape in shapes]})
    lines = ",\n    ".join(json.dumps(entry, separators=(",", ":")) for entry in entries)
    facts = f'"width": {SIZE}, "height": {SIZE}, "patch": {PATCH}, "reach": {REACH}'
    text = f'{{\n  {facts},\n  "pictures": [\n    {lines}\n  ]\n}}\n'
    (directory / "pictures.json").write_text(text)


if __name__ == "__main__":
    main()
