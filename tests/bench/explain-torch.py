# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a user of PyTorch would write: the map of a method, for one photo.

    explain-torch.py WAY MODEL EDGE X,Y FOLDER PHOTO

WAY is one of WAYS: what is published, by whole matrices n × n, or the same rewritten by someone who
knows where time and memory go.  What is explained is the length of the last token of the patch at
pixel X,Y.  Writes the map and the seconds that it took with the model at hand; leaves with
OUT_OF_MEMORY where more than MEMORY_LIMIT would be needed.

Kind to all: no gradient of a weight is computed, and of what is not needed none is kept.
"""

import os
import pathlib
import resource
import sys
import time

import numpy as np
import torch

import cases
import overlay
import vit

OUT_OF_MEMORY = 3


class Blocks:
    """The blocks of a model, and the attention [h][n][n] of those that ran."""

    def __init__(self, model):
        self.model = model
        self.layers = model.encoder.layer
        self.attention = []
        for layer in self.layers:
            layer.attention.register_forward_hook(self.keep)

    def keep(self, module, inputs, outputs):
        del module, inputs
        self.attention.append(outputs[1])

    def embed(self, pixels):
        return self.model.embeddings(pixels).requires_grad_()

    def run(self, x):
        """The tokens [1][n][d] after each block."""
        outputs = []
        for layer in self.layers:
            x = layer(x)
            outputs.append(x)
        return outputs


def question(tokens, token):
    return tokens[0, token].norm()


def unit(n, token):
    row = torch.zeros(n)
    row[token] = 1
    return row


@torch.no_grad()
def roll_matrices(blocks, pixels, token):
    """Abnar & Zuidema: the product of all layers' matrices; CLS asks, whatever the token."""
    del token
    blocks.run(blocks.embed(pixels))
    identity = torch.eye(blocks.attention[0].shape[-1])
    rolled = identity
    for attention in blocks.attention:
        mixed = attention[0].mean(0) + identity
        rolled = mixed / mixed.sum(-1, keepdim=True) @ rolled
    return rolled[0]


@torch.no_grad()
def roll_row(blocks, pixels, token):
    """The same from the left; the rows of a mean of heads add up to 1."""
    del token
    blocks.run(blocks.embed(pixels))
    row = unit(blocks.attention[0].shape[-1], 0)
    for attention in reversed(blocks.attention):
        row = ((row @ attention[0]).mean(0) + row) / 2
    return row


def relate_matrices(blocks, pixels, token):
    """Chefer, Gur & Wolf: R ← R + mean_h((A ⊙ d_A)⁺) R, the gradients collected by a pass back."""
    y = question(blocks.run(blocks.embed(pixels))[-1], token)
    gradients = torch.autograd.grad(y, blocks.attention)
    related = torch.eye(gradients[0].shape[-1])
    for attention, gradient in zip(blocks.attention, gradients):
        mixed = (attention[0].detach() * gradient[0]).clamp(min=0).mean(0)
        related = related + mixed @ related
    return related[token]


def relate_row(blocks, pixels, token):
    """The same for the one row, r ← r + r mean_h((A ⊙ d_A)⁺), each gradient used when it comes."""
    y = question(blocks.run(blocks.embed(pixels))[-1], token)
    first = blocks.attention[0]
    row = unit(first.shape[-1], token)

    @torch.no_grad()
    def relate(gradient):
        attention = blocks.attention.pop()
        row.add_((row @ (attention[0] * gradient[0]).relu_()).mean(0))

    for attention in blocks.attention:
        attention.register_hook(relate)
    del attention
    torch.autograd.grad(y, first)
    assert not blocks.attention
    return row


def add_columns(total, gradient, n_layers):
    """Of LeGrad: the positive part of a layer's gradient [1][h][n][n], summed over queries."""
    n_heads, n = gradient.shape[1:3]
    total += gradient[0].clamp(min=0).sum((0, 1)) / (n_heads * n * n_layers)


def sense_layers(blocks, pixels, token):
    """LeGrad: after the pass forward, each layer's own gradient."""
    outputs = blocks.run(blocks.embed(pixels))
    total = torch.zeros(outputs[0].shape[1])
    for tokens, attention in zip(outputs, blocks.attention):
        gradient, = torch.autograd.grad(question(tokens, token), attention, retain_graph=True)
        add_columns(total, gradient, len(outputs))
    return total


def sense_blocks(blocks, pixels, token):
    """The same on the way: no gradient leaves its block, so nothing of one is kept for the next."""
    x = blocks.embed(pixels)
    total = torch.zeros(x.shape[1])
    for layer in blocks.layers:
        x = layer(x.detach().requires_grad_())
        gradient, = torch.autograd.grad(question(x, token), blocks.attention.pop())
        add_columns(total, gradient, len(blocks.layers))
    return total


WAYS = {
    "rollout-published": roll_matrices,
    "rollout-row": roll_row,
    "relevance-published": relate_matrices,
    "relevance-row": relate_row,
    "legrad-published": sense_layers,
    "legrad-block": sense_blocks,
}


def token_at(photo, pixel, side):
    """Behind CLS, the patches row by row."""
    x, y = (int((place + 0.5) * side / length) for place, length in zip(pixel, photo.size))
    return 1 + y * side + x


def explain(way, model, edge, pixel, folder, path):
    blocks = Blocks(vit.load_transformers(model, "eager").requires_grad_(False))
    photo, pixels = overlay.read_photo(path, edge)
    side = edge // blocks.model.config.patch_size
    start = time.perf_counter()
    row = WAYS[way](blocks, torch.from_numpy(pixels[None]), token_at(photo, pixel, side))
    seconds = time.perf_counter() - start
    np.savez(folder / "map.npz", map=row[1:].reshape(side, side).numpy())
    (folder / "seconds").write_text(str(seconds))


def is_out_of_memory(error):
    return isinstance(error, MemoryError) or any(
        words in str(error) for words in ["can't allocate memory", "bad_alloc"])


def main(way, model, edge, pixel, folder, path):
    resource.setrlimit(resource.RLIMIT_DATA, (cases.MEMORY_LIMIT, cases.MEMORY_LIMIT))
    torch.set_num_threads(2)
    try:
        explain(way, model, int(edge), [int(place) for place in pixel.split(",")],
                pathlib.Path(folder), path)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        print(f"{way}: {error}", file=sys.stderr, flush=True)
        os._exit(OUT_OF_MEMORY)


if __name__ == "__main__":
    main(*sys.argv[1:])
