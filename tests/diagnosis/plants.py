# SPDX-License-Identifier: LGPL-3.0-or-later
"""Faults to plant in a healthy checkpoint, each with the rule that has to find it."""

import math
import random
import struct

SEED = 7


def scaled(factor):
    return lambda value: value * factor


def scale_queries(checkpoint, layers, factor):
    """Attention logits of those layers times the factor."""
    for layer in layers:
        checkpoint.change("query", layer, scaled(factor))
        checkpoint.change("query-bias", layer, scaled(factor))


def size_of(values):
    """Root mean square."""
    return math.sqrt(sum(value * value for value in values) / len(values))


# ---- numbers ----

def plant_nan(checkpoint):
    values = checkpoint.get("query", 1)
    values[len(values) // 3] = math.nan
    checkpoint.set("query", 1, values)


def plant_overflow(checkpoint):
    for part in ("fc1", "fc2"):
        checkpoint.change(part, 1, scaled(1e25))


def round_bits(n_bits):
    """To that many bits behind the point."""
    mask = 0xffffffff << (23 - n_bits) & 0xffffffff
    half = 1 << (22 - n_bits)

    def round_one(value):
        bits = struct.unpack("<I", struct.pack("<f", value))[0]
        return struct.unpack("<f", struct.pack("<I", (bits + half) & mask))[0]
    return round_one


def plant_eight_bits(checkpoint):
    """As float8 has: 3 bits behind the point."""
    for layer in range(checkpoint.n_layers):
        for part in ("query", "key", "value", "projection"):
            checkpoint.change(part, layer, round_bits(3))


def plant_levels(checkpoint):
    """As int8 has: 255 levels."""
    for part in ("fc1", "fc2"):
        values = checkpoint.get(part, 1)
        step = max(map(abs, values)) / 127
        checkpoint.set(part, 1, (round(value / step) * step for value in values))


def plant_range(checkpoint):
    """The same function of f32, with numbers that f16 cannot hold."""
    layer = 1
    checkpoint.change("value", layer, scaled(1e8))
    checkpoint.change("value-bias", layer, scaled(1e8))
    checkpoint.change("projection", layer, scaled(1e-8))


# ---- positions ----

def change_grid(checkpoint, function):
    """Gives the patches' rows of the table to the function: [side·side] lists of d numbers."""
    values, d = checkpoint.get("positions"), checkpoint.d
    rows = [values[i * d:(i + 1) * d] for i in range(len(values) // d)]
    side = math.isqrt(len(rows) - 1)
    n_prefix = len(rows) - side * side
    changed = rows[:n_prefix] + function(rows[n_prefix:], side)
    checkpoint.set("positions", 0, (value for row in changed for value in row))


def plant_no_positions(checkpoint):
    change_grid(checkpoint, lambda rows, side: [[0.0] * len(row) for row in rows])


def plant_shuffled_positions(checkpoint):
    def shuffle(rows, side):
        random.Random(SEED).shuffle(rows)
        return rows
    change_grid(checkpoint, shuffle)


def plant_line(checkpoint):
    """A smaller grid interpolated as one line."""
    def interpolate(rows, side):
        small = side * 5 // 6
        line = [rows[y * side + x] for y in range(small) for x in range(small)]
        changed = []
        for i in range(side * side):
            at = i * (len(line) - 1) / (side * side - 1)
            low = min(int(at), len(line) - 2)
            changed.append([a + (at - low) * (b - a)
                            for a, b in zip(line[low], line[low + 1])])
        return changed
    change_grid(checkpoint, interpolate)


def plant_off_by_some(checkpoint):
    """The table begins a third of a row too late, as with rows of other tokens before it."""
    change_grid(checkpoint, lambda rows, side: rows[-(side // 3):] + rows[:-(side // 3)])


def transpose_table(checkpoint):
    change_grid(checkpoint, lambda rows, side:
                [rows[x * side + y] for y in range(side) for x in range(side)])


# ---- pixels ----

def change_kernel(checkpoint, find):
    """find (channel, row, column) says which number goes there."""
    values, p = checkpoint.get("patch"), checkpoint.patch_size
    size = 3 * p * p
    order = []
    for channel in range(3):
        for row in range(p):
            for column in range(p):
                c, y, x = find(channel, row, column)
                order.append((c * p + y) * p + x)
    checkpoint.set("patch", 0, (values[at + i] for at in range(0, len(values), size)
                                for i in order))


def transpose_kernel(checkpoint):
    change_kernel(checkpoint, lambda channel, row, column: (channel, column, row))


def plant_bgr(checkpoint):
    change_kernel(checkpoint, lambda channel, row, column: (2 - channel, row, column))


def plant_transposed_picture(checkpoint):
    transpose_table(checkpoint)
    transpose_kernel(checkpoint)


def plant_other_normalization(checkpoint):
    has_half = checkpoint.preprocessor["image_mean"][0] == 0.5
    checkpoint.preprocessor["image_mean"] = [0.485, 0.456, 0.406] if has_half else [0.5] * 3
    checkpoint.preprocessor["image_std"] = [0.229, 0.224, 0.225] if has_half else [0.5] * 3


def plant_no_normalization(checkpoint):
    checkpoint.preprocessor["do_normalize"] = False


def plant_no_rescale(checkpoint):
    checkpoint.preprocessor["rescale_factor"] = 1.0


def plant_size(checkpoint):
    for key in ("size", "crop_size"):
        for edge in checkpoint.preprocessor.get(key, {}):
            checkpoint.preprocessor[key][edge] //= 2


# ---- attention ----

def all_layers(checkpoint):
    return range(checkpoint.n_layers)


def plant_hot(checkpoint):
    scale_queries(checkpoint, all_layers(checkpoint), 0.4)


def plant_cold(checkpoint):
    scale_queries(checkpoint, all_layers(checkpoint), 2.5)


def plant_dispersion(checkpoint):
    scale_queries(checkpoint, range(checkpoint.n_layers // 2, checkpoint.n_layers), 0.02)


def plant_concentration(checkpoint):
    scale_queries(checkpoint, range(checkpoint.n_layers // 4, checkpoint.n_layers // 2), 4.0)


def plant_collapse(checkpoint):
    scale_queries(checkpoint, range(checkpoint.n_layers // 2, checkpoint.n_layers), 200.0)


def plant_sink(checkpoint):
    """Queries that do not depend on their token and want one key above all."""
    for layer in range(checkpoint.n_layers // 2, checkpoint.n_layers // 2 + 2):
        draw = random.Random(SEED + layer)
        checkpoint.change("query", layer, scaled(0.0))
        size = size_of(checkpoint.get("key", layer)) * math.sqrt(checkpoint.d)
        checkpoint.set("query-bias", layer,
                       (draw.gauss(0.0, 10.0 / size) for _ in range(checkpoint.d)))


def plant_dead_head(checkpoint):
    layer, head, size, d = checkpoint.n_layers // 2, 1, checkpoint.head_size, checkpoint.d
    for part, length in (("value", d), ("value-bias", 1)):
        values = checkpoint.get(part, layer)
        for i in range(head * size * length, (head + 1) * size * length):
            values[i] = 0.0
        checkpoint.set(part, layer, values)


def plant_copied_head(checkpoint):
    layer, size, d = checkpoint.n_layers // 2, checkpoint.head_size, checkpoint.d
    for part in ("query", "key", "value"):
        for name, length in ((part, d), (part + "-bias", 1)):
            values = checkpoint.get(name, layer)
            values[size * length:2 * size * length] = values[:size * length]
            checkpoint.set(name, layer, values)


# ---- tokens ----

def plant_rank_collapse(checkpoint):
    """A bias that outweighs all tokens."""
    draw = random.Random(SEED)
    layer = checkpoint.n_layers // 2
    push = [draw.gauss(0.0, 60.0) for _ in range(checkpoint.d)]
    checkpoint.set("fc2-bias", layer, push)


def plant_artifacts(checkpoint):
    """A few patches whose tokens are long from the first block to the last."""
    def lengthen(rows, side):
        draw = random.Random(SEED)
        length = 300.0
        direction = [draw.gauss(0.0, 1.0) for _ in rows[0]]
        edge = max(side // 12, 1)
        for top, left in ((1, 2), (6, 9), (10, 4)):
            for y in range(top * side // 12, top * side // 12 + edge):
                for x in range(left * side // 12, left * side // 12 + edge):
                    row = rows[y * side + x]
                    rows[y * side + x] = [a + length * b / math.sqrt(len(row))
                                          for a, b in zip(row, direction)]
        return rows
    change_grid(checkpoint, lengthen)


# What is planted, and the rule that has to find it.
PLANTS = {
    "NaN in a weight": ("bad-values", plant_nan),
    "overflow in an MLP": ("bad-values", plant_overflow),
    "8-bit floats": ("precision-loss", plant_eight_bits),
    "255 levels": ("precision-loss", plant_levels),
    "weights beyond f16": ("precision-loss", plant_range),
    "positions zero": ("positions-missing", plant_no_positions),
    "positions shuffled": ("positions-shuffled", plant_shuffled_positions),
    "positions interpolated as a line": ("positions-misaligned", plant_line),
    "positions begin too late": ("positions-misaligned", plant_off_by_some),
    "positions transposed": ("positions-transposed", transpose_table),
    "patch kernel transposed": ("patch-order", transpose_kernel),
    "both transposed": ("picture-transposed", plant_transposed_picture),
    "channels BGR": ("channel-order", plant_bgr),
    "mean and deviation of others": ("normalization", plant_other_normalization),
    "not normalised": ("normalization", plant_no_normalization),
    "pixels 0..255": ("pixel-range", plant_no_rescale),
    "half the size": ("input-size", plant_size),
    "logits times 0.4": ("temperature", plant_hot),
    "logits times 2.5": ("temperature", plant_cold),
    "soft upper layers": ("too-dispersed", plant_dispersion),
    "sharp lower layers": ("too-concentrated", plant_concentration),
    "queries times 200": ("entropy-collapse", plant_collapse),
    "queries without content": ("attention-sink", plant_sink),
    "values of a head zero": ("dead-heads", plant_dead_head),
    "a head copied": ("duplicate-heads", plant_copied_head),
    "a large bias": ("rank-collapse", plant_rank_collapse),
    "long tokens": ("register-artifacts", plant_artifacts),
}
