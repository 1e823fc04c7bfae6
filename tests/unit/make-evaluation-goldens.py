#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Writes evaluation-goldens.npz: made-up curves of pictures, and what NumPy makes of all of them.

Curves of pictures have numbers of points of their own, as those of small pictures do.  Results are
[mean, low, high], the interval by Student's t, whose quantiles are found by integration.
"""

import math
import pathlib

import numpy as np

N_PICTURES, N_METHODS, N_ORDERS = 13, 3, 5
MEASURES = [("patch-deletion", 11, 1.0), ("patch-insertion", 11, 1.0), ("pixel-deletion", 57, 1.0),
            ("pixel-insertion", 57, 1.0), ("positive", 10, 0.9), ("negative", 10, 0.9)]
LENGTHS = {11: [11, 5, 10], 57: [57, 29, 8], 10: [10]}
MOST_POINTS = 57
FREEDOMS = [*range(1, 41), 60, 100, 333, 1000, 100000]


def student_t(freedom):
    """The t that a share of 0.975 stays below: of t = tan u · √n the density is cosⁿ⁻¹ u."""
    steps = 200001
    angles = np.linspace(0, math.pi / 2, steps)
    density = np.cos(angles) ** (freedom - 1)
    # Simpson's rule up to every second angle.
    parts = (density[:-2:2] + 4 * density[1::2] + density[2::2]) / 6 * (angles[2] - angles[0])
    share = np.concatenate([[0], np.cumsum(parts)])
    angle = np.interp(0.95, share / share[-1], angles[::2])
    return math.tan(angle) * math.sqrt(freedom)


def estimate(values):
    """[pictures][...] to [...][mean, low, high]."""
    n = len(values)
    mean = np.mean(values, 0)
    half = student_t(n - 1) * np.std(values, 0, ddof=1) / math.sqrt(n)
    return np.stack([mean, mean - half, mean + half], -1)


def make_curves(random):
    """[pictures][methods and orders][measures][points], and how many points there are."""
    n_runners = N_METHODS + N_ORDERS
    curves = np.zeros((N_PICTURES, n_runners, len(MEASURES), MOST_POINTS), np.float32)
    lengths = np.zeros((N_PICTURES, len(MEASURES)), np.float32)
    bias = np.linspace(0.3, 0, N_METHODS).tolist() + [0] * N_ORDERS
    for picture in range(N_PICTURES):
        for m, (_, points, _) in enumerate(MEASURES):
            n = LENGTHS[points][picture % len(LENGTHS[points])]
            lengths[picture, m] = n
            for runner in range(n_runners):
                sign = 1 if m % 2 else -1
                curves[picture, runner, m, :n] = (random.uniform(0, 1, n) +
                                                  sign * bias[runner] + random.normal(0, 0.1))
    return curves, lengths


def main():
    curves, lengths = make_curves(np.random.default_rng(11))
    n_runners = curves.shape[1]
    areas = np.zeros((N_PICTURES, n_runners, len(MEASURES)))
    points = np.zeros((N_PICTURES, n_runners, len(MEASURES), MOST_POINTS))
    for picture in range(N_PICTURES):
        for m, (_, n_points, last) in enumerate(MEASURES):
            n = int(lengths[picture, m])
            at = np.linspace(0, last, n)
            wanted = np.linspace(0, last, n_points)
            for runner in range(n_runners):
                values = curves[picture, runner, m, :n].astype(np.float64)
                areas[picture, runner, m] = np.trapezoid(values, at)
                points[picture, runner, m, :n_points] = np.interp(wanted, at, values)

    def with_random(values):
        """Random orders last, as their mean."""
        return np.concatenate([values[:, :N_METHODS], values[:, N_METHODS:].mean(1, keepdims=True)], 1)

    areas, points = with_random(areas), with_random(points)
    scores = areas[:, :, 1::2] - areas[:, :, 0::2]
    np.savez_compressed(
        pathlib.Path(__file__).with_name("evaluation-goldens.npz"),
        curves=curves, lengths=lengths, areas=estimate(areas), points=estimate(points),
        scores=estimate(scores), differences=estimate(scores[:, :-1] - scores[:, -1:]),
        freedoms=np.array(FREEDOMS, np.float32), student=np.array([student_t(n) for n in FREEDOMS]))


if __name__ == "__main__":
    main()
