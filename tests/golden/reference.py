# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the golden cases share: pictures, random weights, pixels, rollout, and the file of answers."""

import json
import math
import pathlib

import numpy as np
import torch
from PIL import Image, ImageDraw

FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}

# Standard deviation of what the first block gets.
FAINT = 0.02

# Least relative distance of two sorted entries at the edge of what a discard ratio drops: any
# closer, and rounding could decide which of them goes.
DISCARD_MARGIN = 2e-5


def draw_picture(width, height, seed):
    """Returns a picture with smooth slopes, hard edges and some noise."""
    y, x = np.mgrid[0:height, 0:width] / [[[height]], [[width]]]
    slopes = np.stack([x, y, 0.5 + 0.5 * np.sin(9 * x + 5 * y)], axis=-1) * 200 + 20
    picture = Image.fromarray(slopes.astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    draw.ellipse([width * 0.1, height * 0.15, width * 0.5, height * 0.6], fill=(240, 60, 30))
    draw.rectangle([width * 0.6, height * 0.5, width * 0.9, height * 0.95], fill=(10, 40, 120))
    draw.line([0, height, width, 0], fill=(255, 255, 255), width=3)
    noise = np.random.default_rng(seed).integers(-12, 13, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(picture).astype(int) + noise, 0, 255).astype(np.uint8))


PICTURES = {
    "square": (72, 72),
    "landscape": (113, 74),
    "portrait": (67, 101),
    "small": (25, 19),
}


def make_pictures(directory):
    """Writes the pictures; returns them by name."""
    directory.mkdir(parents=True, exist_ok=True)
    pictures = {}
    for seed, (name, (width, height)) in enumerate(PICTURES.items()):
        pictures[name] = draw_picture(width, height, seed)
        pictures[name].save(directory / f"{name}.png", optimize=True)
    return pictures


def randomise(model, seed):
    """Fills a model so that every tensor matters: no norm is one, no bias zero, attention is sharp.

    The first norm gets small numbers, so that its epsilon shows.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(tensor, mean, std):
        tensor.copy_(mean + std * torch.randn(tensor.shape, generator=generator))

    sharp = ("query", "key", "q_proj", "k_proj", "qkv")
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            path = name.split(".")
            if "norm" in name and path[-1] == "weight":
                normal(tensor, 1, 0.3)
            elif path[-1] in ("lambda1", "gamma"):
                normal(tensor, 0.7, 0.3)
            elif tensor.ndim == 4:
                normal(tensor, 0, FAINT / math.sqrt(tensor[0].numel()))
            elif path[-1] == "weight" and tensor.ndim > 1 and "position" not in name:
                gain = 1.6 if any(part in sharp for part in path) else 1.0
                normal(tensor, 0, gain / math.sqrt(tensor[0].numel()))
            elif path[-1] == "bias":
                normal(tensor, 0, 0.3 * (FAINT if "embed" in name else 1))
            else:  # tokens and positions
                normal(tensor, 0, FAINT)
    return model.eval()


def nearest_patches(pixels, patch):
    """How many patches come nearest to a length, at least one."""
    return max(1, math.floor(pixels / patch + 0.5))


def cover_size(width, height, short_edge, patch):
    """Width and height for --fit cover: whole patches, the aspect kept as well as they allow."""
    short = nearest_patches(short_edge, patch) * patch
    long = nearest_patches(short * max(width, height) / min(width, height), patch) * patch
    return (short, long) if width <= height else (long, short)


def fuse(attention, fusion):
    """[n_heads][n][n] → [n][n]"""
    return {"mean": np.mean, "max": np.max, "min": np.min}[fusion](attention, axis=0)


def discard(matrix, ratio):
    """Zeroes the lowest entries of the whole matrix, all but the first one (CLS to CLS)."""
    flat = matrix.flatten()
    n_lowest = int(flat.size * ratio)
    order = np.argsort(flat, kind="stable")
    if 0 < n_lowest:
        gap = flat[order[n_lowest]] - flat[order[n_lowest - 1]]
        if gap < DISCARD_MARGIN * flat[order[n_lowest]]:
            raise TooClose
    lowest = order[:n_lowest]
    flat[lowest[lowest != 0]] = 0
    return flat.reshape(matrix.shape)


class TooClose(Exception):
    """The case would hang on a rounding: another seed is needed."""


def rollout(attention, n_prefix, query, fusion, ratio, layers):
    """field-notes 3.1 in float64: [n_layers][n_heads][n][n] → [n_patches]"""
    n = attention.shape[-1]
    rolled = np.eye(n)
    for layer in attention[-1 if layers == "last" else 0:].astype(np.float64):
        mixed = discard(fuse(layer, fusion), ratio) + np.eye(n)
        rolled = mixed / mixed.sum(axis=-1, keepdims=True) @ rolled
    row = rolled[0] if query == "cls" else rolled[n_prefix:].mean(axis=0)
    return row[n_prefix:]


# Parameters of the method: heads, discard-ratio, layers.
ROLLOUTS = [(fusion, ratio, "all") for fusion in ("mean", "max", "min") for ratio in (0.0, 0.5, 0.9)]
ROLLOUTS += [("mean", 0.0, "last")]


class Answers:
    """expected.json, and beside it expected.bin with the arrays it points into."""

    def __init__(self):
        self.data = bytearray()
        self.inputs = []

    def put(self, array):
        array = np.ascontiguousarray(array)
        assert np.isfinite(array).all()
        self.data += bytes(-len(self.data) % 4)
        place = {"offset": len(self.data), "shape": list(array.shape)}
        self.data += array.astype("<f4" if array.dtype.kind == "f" else "u1").tobytes()
        return place

    def write(self, directory, facts):
        lines = ",\n    ".join(json.dumps(entry) for entry in self.inputs)
        head = json.dumps(facts)[1:-1]
        (directory / "expected.json").write_text(f'{{\n  {head},\n  "inputs": [\n    {lines}\n  ]\n}}\n')
        (directory / "expected.bin").write_bytes(self.data)


def maps_of(attention, n_prefix, has_cls, answers):
    """The rollout maps of one picture, as entries of expected.json."""
    maps = []
    queries = ["cls", "mean"] if has_cls else ["mean"]
    for query in queries:
        for heads, ratio, layers in ROLLOUTS if query == queries[0] else ROLLOUTS[:1]:
            values = rollout(attention, n_prefix, query, heads, ratio, layers)
            maps.append({"query": query, "heads": heads, "discard-ratio": str(ratio),
                         "layers": layers, "map": answers.put(values)})
    return maps


def normalise(pixels, mean, std):
    """uint8 [height][width][3] → float32 [1][3][height][width]"""
    scaled = (pixels.astype(np.float64) / 255 - np.array(mean)) / np.array(std)
    return torch.from_numpy(scaled.astype(np.float32).transpose(2, 0, 1)[None].copy())


def first_of_each(said):
    """Arrays of the only picture of a batch."""
    return {name: tensor[0].numpy() for name, tensor in said.items()}


def make_pixels(runner, pictures, picture, fit, size=0):
    """What the model sees, uint8 [height][width][3]."""
    if fit != "cover":
        return runner.train_pixels(pictures[picture])
    edge = size or runner.short_edge(pictures[picture])
    shape = cover_size(*pictures[picture].size, edge, runner.patch)
    return np.asarray(pictures[picture].resize(shape, FILTERS[runner.filter]))


def answer(runner, pictures, answers, picture, fit, size=0, temperature=1.0, forward=True):
    """Adds one input of a case: what the model sees and what it says."""
    pixels = make_pixels(runner, pictures, picture, fit, size)
    entry = {"picture": picture, "fit": fit, "size": size, "pixels": answers.put(pixels)}
    if forward:
        said = runner.forward(normalise(pixels, runner.mean, runner.std), temperature)
        attention = said.pop("attention")
        rows, columns = (edge // runner.patch for edge in pixels.shape[:2])
        assert attention.shape[-1] == runner.n_prefix + rows * columns
        assert np.abs(attention.sum(-1) - 1).max() < 1e-5
        entry["temperature"] = temperature
        entry["attention"] = answers.put(attention)
        entry |= {name: answers.put(values) for name, values in said.items()}
        entry["rollout"] = maps_of(attention, runner.n_prefix, runner.has_cls, answers)
    answers.inputs.append(entry)
