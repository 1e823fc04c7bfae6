#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Plays the pointing game with every method on pictures/, with model/ and with its weights spoilt.

    venv/bin/python check.py

Asked for a class, or for one class rather than the other, does a map's highest pixel lie on that
shape?  Prints the table of README.md; fails where relevance falls below the floor, or reaches it
with weights that know nothing.
"""

import json
import pathlib
import sys

import numpy as np
import torch
import transformers
from PIL import Image

import methods
import shapes
import train

HERE = pathlib.Path(__file__).resolve().parent

FLOOR = 0.9
SEED = 1


def read_runs(runs):
    """The opposite of shapes.count_runs: bool [SIZE][SIZE]"""
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, runs).reshape(shapes.SIZE, shapes.SIZE)


def read_pictures():
    """Yields the pixels of each test picture, and its two shapes as pictures.json has them."""
    facts = json.loads((HERE / "pictures" / "pictures.json").read_text())
    for entry in facts["pictures"]:
        pixels = np.asarray(Image.open(HERE / "pictures" / entry["file"]).convert("RGB"))
        yield torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy()), entry["shapes"]


def highest_pixel(values):
    """Row and column of a map's maximum, once it is brought to the picture's size."""
    side = shapes.SIZE // shapes.PATCH
    grid = values.detach().view(1, 1, side, side)
    large = torch.nn.functional.interpolate(grid, size=(shapes.SIZE, shapes.SIZE), mode="bilinear")
    return divmod(int(large.argmax()), shapes.SIZE)


def play(model):
    """Whether each question hit: {method: bool [2][n_questions]}, class and contrast."""
    hits = {name: ([], []) for name in methods.METHODS}
    for pixels, pair in read_pictures():
        forward = methods.Forward(model, train.prepare(pixels))
        labels = [shapes.CLASSES.index(shape["label"]) for shape in pair]
        for asked, other, shape in zip(labels, labels[::-1], pair):
            hit = read_runs(shape["hit"])
            targets = methods.logit_of(asked), methods.contrast_of(asked, other)
            for name, method in methods.METHODS.items():
                for target, found in zip(targets, hits[name]):
                    found.append(hit[highest_pixel(method(forward, target))])
    return {name: np.array(found) for name, found in hits.items()}


def count_right(model):
    """How many test pictures have their two shapes as the two highest logits."""
    n_right = 0
    for pixels, pair in read_pictures():
        with torch.no_grad():
            logits = model(pixel_values=train.prepare(pixels)).logits[0]
        found = {shapes.CLASSES[label] for label in logits.topk(2).indices}
        n_right += found == {shape["label"] for shape in pair}
    return n_right


def start_anew(model):
    """The same model before any training."""
    torch.manual_seed(SEED)
    return transformers.ViTForImageClassification._from_config(
        model.config, attn_implementation="eager", dtype=torch.float32).eval()


def shuffle(model):
    """The same model, the numbers of each tensor in random order."""
    generator = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for tensor in model.parameters():
            order = torch.randperm(tensor.numel(), generator=generator)
            tensor.copy_(tensor.flatten()[order].view(tensor.shape))
    return model


def main():
    torch.set_num_threads(1)  # sums in one order
    transformers.utils.logging.disable_progress_bar()
    trained = train.load(HERE / "model")
    print(f"{count_right(trained)} of the {len(list(read_pictures()))} pictures are named right.\n")
    models = [trained, start_anew(trained), shuffle(train.load(HERE / "model"))]
    results = [play(model) for model in models]
    print("| method | class | contrast | class, untrained | contrast, untrained "
          "| class, shuffled | contrast, shuffled |\n|---|---|---|---|---|---|---|")
    for name in methods.METHODS:
        shares = [share for result in results for share in result[name].mean(1)]
        print(f"| {name} | {' | '.join(f'{share:.3f}' for share in shares)} |")
    reached = [result["relevance"].mean(1) >= FLOOR for result in results]
    return 0 if reached[0].all() and not np.any(reached[1:]) else 1


if __name__ == "__main__":
    sys.exit(main())
