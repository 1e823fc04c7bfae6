#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Trains a small ViT to name shapes: writes model/ and training.log.

    venv/bin/python train.py

What it needs is in ../golden/requirements.txt.  On one thread of a processor it takes some ten
minutes.  For developers: the tests read model/ as it is committed.
"""

import json
import math
import pathlib
import platform
import sys
import time

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file

import shapes

HERE = pathlib.Path(__file__).resolve().parent

SEED = 1
N_PICTURES = 16384
N_PROBES = 1024
N_EPOCHS = 5
BATCH = 32
SHARE_OF_TWO = 0.75  # of the pictures have two shapes
RATE = 1e-3  # of AdamW
RATE_OF_MATRICES = 0.02  # of Muon
WARM_UP = 300  # steps
DECAY = 0.1  # of what Muon trains
MEAN, STD = [0.5] * 3, [0.5] * 3

CONFIG = {
    "image_size": shapes.SIZE, "patch_size": shapes.PATCH, "hidden_size": 96,
    "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 192,
    "layer_norm_eps": 1e-6, "id2label": dict(enumerate(shapes.CLASSES)),
    "label2id": {name: label for label, name in enumerate(shapes.CLASSES)},
}

PREPROCESSOR = {
    "image_processor_type": "ViTImageProcessor", "do_resize": True, "resample": 2,
    "size": {"height": shapes.SIZE, "width": shapes.SIZE}, "do_rescale": True,
    "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": MEAN, "image_std": STD,
}


class Pictures(torch.utils.data.TensorDataset):
    """Pictures, and what is to be said of them.

    pixels: uint8 [n_pictures][3][SIZE][SIZE]
    shares: of what shapes cover of a picture, how much is a class's, [n_pictures][n_classes]
    covers: how much of each patch a class covers, and last what none does,
        [n_pictures][n_classes + 1][rows][columns]
    """

    def __init__(self, first_seed, n_pictures):
        side, n_classes = shapes.SIZE // shapes.PATCH, len(shapes.CLASSES)
        pixels = np.empty((n_pictures, 3, shapes.SIZE, shapes.SIZE), np.uint8)
        shares = np.zeros((n_pictures, n_classes), np.float32)
        covers = np.zeros((n_pictures, n_classes + 1, side, side), np.float32)
        random = np.random.default_rng(first_seed)
        for i in range(n_pictures):
            n_shapes = 2 if random.random() < SHARE_OF_TWO else 1
            labels = random.choice(n_classes, n_shapes, replace=False).tolist()
            drawn, found = shapes.draw_picture(first_seed + i, labels)
            pixels[i] = drawn.transpose(2, 0, 1)
            for shape in found:
                shares[i, shape.label] = shape.mask.sum() / sum(each.mask.sum() for each in found)
                by_patch = shape.mask.reshape(side, shapes.PATCH, side, shapes.PATCH)
                covers[i, shape.label] = by_patch.mean((1, 3))
            covers[i, -1] = 1 - covers[i].sum(0)
        super().__init__(*map(torch.from_numpy, (pixels, shares, covers)))


def prepare(pixels):
    """uint8 → what the model takes"""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    return (pixels / 255 - mean) / std


def vary(pixels, covers, generator):
    """A batch with its colours exchanged, and every other one mirrored."""
    pixels = pixels[:, torch.randperm(3, generator=generator)]
    if torch.randint(2, (), generator=generator):
        return pixels.flip(3), covers.flip(3)
    return pixels, covers


def is_right(logits, shares):
    """Whether the highest logits are those of the shapes in the picture, bool [n_pictures]."""
    n_shapes = (shares > 0).sum(1)
    lowest = logits.sort(dim=1, descending=True).values.gather(1, n_shapes[:, None] - 1)
    return ((logits >= lowest) == (shares > 0)).all(1)


def measure(model, pictures):
    """Of pictures with one shape and with two, how many are named right, 0..1."""
    model.eval()
    pixels, shares, _ = pictures.tensors
    with torch.no_grad():
        logits = torch.cat([model(pixel_values=prepare(batch)).logits for batch in pixels.split(64)])
    right, is_single = is_right(logits, shares), shares.max(1).values == 1
    single, double = (right[chosen].float().mean().item() for chosen in (is_single, ~is_single))
    return f"right with one shape {single:.3f}, with two {double:.3f}"


def place(model):
    """Starts positions as waves along rows and columns: neighbours need not be learned."""
    positions = model.vit.embeddings.position_embeddings
    side, width = shapes.SIZE // shapes.PATCH, positions.shape[-1]
    steps = math.pi / 2 * 10 ** (-1.5 * torch.arange(width // 4) / (width // 4))
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    waves = [wave(index.reshape(-1, 1) * steps)
             for index in (rows, columns) for wave in (torch.sin, torch.cos)]
    with torch.no_grad():
        positions[0, 1:] = 0.3 * torch.cat(waves, dim=1)


class Training:
    """A model on its way, and a second head that says of each patch what covers it.

    The second head is thrown away in the end: with it a model this small learns in minutes, and
    keeps at a patch what it knows of it (Jiang 2021, "All Tokens Matter").
    """

    def __init__(self, n_steps):
        self.model = transformers.ViTForImageClassification(transformers.ViTConfig(**CONFIG))
        place(self.model)
        self.head = torch.nn.Linear(CONFIG["hidden_size"], len(shapes.CLASSES) + 1)
        self.generator = torch.Generator().manual_seed(SEED)
        matrices = [tensor for tensor in self.model.vit.layers.parameters() if tensor.ndim == 2]
        others = [tensor for tensor in [*self.model.parameters(), *self.head.parameters()]
                  if all(tensor is not matrix for matrix in matrices)]
        self.optimisers = [torch.optim.Muon(matrices, RATE_OF_MATRICES, weight_decay=DECAY),
                           torch.optim.AdamW(others, RATE, weight_decay=0)]

        def share_of_rate(step):
            """Up in a line, down in half a cosine."""
            rest = max(0, step - WARM_UP) / (n_steps - WARM_UP)
            return min(1, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * rest))

        self.schedules = [torch.optim.lr_scheduler.LambdaLR(optimiser, share_of_rate)
                          for optimiser in self.optimisers]

    def find_losses(self, pixels, shares, covers):
        """Of the picture and of its patches."""
        tokens = self.model.vit(pixel_values=prepare(pixels)).last_hidden_state
        named = torch.nn.functional.cross_entropy(self.model.classifier(tokens[:, 0]), shares)
        by_patch = self.head(tokens[:, 1:]).transpose(1, 2)
        return named, torch.nn.functional.cross_entropy(by_patch, covers.flatten(2))

    def step(self, pixels, shares, covers):
        pixels, covers = vary(pixels, covers, self.generator)
        losses = self.find_losses(pixels, shares, covers)
        self.model.zero_grad()
        self.head.zero_grad()
        sum(losses).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1)
        for each in self.optimisers + self.schedules:
            each.step()
        return [loss.item() for loss in losses]

    def run_epoch(self, pictures):
        """Returns the mean losses."""
        self.model.train()
        order = torch.randperm(len(pictures), generator=self.generator)
        return np.mean([self.step(*pictures[chosen]) for chosen in order.split(BATCH)], axis=0)


def save(model, directory):
    """Hugging Face's layout; weights in F16."""
    model.save_pretrained(directory)
    path = directory / "model.safetensors"
    save_file({name: tensor.half() for name, tensor in load_file(path).items()}, path,
              {"format": "pt"})
    (directory / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR, indent=2) + "\n")


def load(directory):
    return transformers.ViTForImageClassification.from_pretrained(
        directory, attn_implementation="eager", dtype=torch.float32).eval()


def list_settings():
    versions = {name: sys.modules[name].__version__ for name in ("torch", "transformers", "numpy")}
    settings = {name: value for name, value in globals().items()
                if name.isupper() and name != "HERE"}
    return json.dumps({"python": platform.python_version(), **versions, **settings})


def train(say):
    pictures, probes = Pictures(0, N_PICTURES), Pictures(1 << 32, N_PROBES)
    say(f"{N_PICTURES} pictures drawn, {time.process_time():.0f} s")
    training = Training(N_EPOCHS * N_PICTURES // BATCH)
    say(f"{sum(tensor.numel() for tensor in training.model.parameters())} parameters")
    for epoch in range(N_EPOCHS):
        named, by_patch = training.run_epoch(pictures)
        say(f"epoch {epoch + 1}: loss {named:.4f}, of patches {by_patch:.4f}, "
            f"{measure(training.model, probes)}, {time.process_time():.0f} s")
    save(training.model, HERE / "model")
    say(f"weights in F16: {measure(load(HERE / 'model'), probes)}")


def main():
    torch.set_num_threads(1)  # sums in one order
    torch.manual_seed(SEED)
    transformers.utils.logging.disable_progress_bar()
    with open(HERE / "training.log", "w") as log:
        def say(text):
            for file in (sys.stdout, log):
                print(text, file=file, flush=True)

        say(list_settings())
        train(say)


if __name__ == "__main__":
    main()
