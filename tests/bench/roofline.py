# SPDX-License-Identifier: LGPL-3.0-or-later
"""Products of a ViT's sizes by the OpenBLAS that numpy brings: GFLOP/s at best, as JSON."""

import json
import time

import numpy as np

# rows, columns, depth
SHAPES = {
    "ViT-S 224 qkv": (257, 1152, 384),
    "ViT-S 224 fc2": (257, 384, 1536),
    "ViT-S 518 fc1": (1370, 1536, 384),
    "ViT-B 224 fc1": (197, 3072, 768),
}
SECONDS = 1.0  # for each


def rate(rows, columns, depth):
    random = np.random.default_rng(1)
    x = random.random((rows, depth), np.float32)
    w = random.random((columns, depth), np.float32)
    y = np.empty((rows, columns), np.float32)
    best, end = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        np.matmul(x, w.T, out=y)
        best = min(best, time.perf_counter() - start)
    return 2 * rows * columns * depth / best / 1e9


print(json.dumps({name: rate(*shape) for name, shape in SHAPES.items()}))
