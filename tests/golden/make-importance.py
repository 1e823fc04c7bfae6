#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Asks PyTorch's autograd how much an answer hangs on each head, and what each block changes.

    venv/bin/python make-importance.py [CASE...]

Writes cases/CASE/importance.json beside what make-golden.py wrote: for each picture
heads [n_layers][n_heads] = |⟨O, ∂y/∂O⟩| (Michel, Levy & Neubig 2019) of what each head gives, y the
greatest logit, or the length of the embedding of a model without classes; and likeness [n_layers],
the mean over the tokens of the cosine of what a block is given and what it gives.
"""

import importlib
import json
import pathlib
import sys

import torch
import transformers

import reference

variants = importlib.import_module("make-variants")

HERE = pathlib.Path(__file__).resolve().parent

# With classes and without, two heads to the answer, layer scale, RoPE, timm's fused qkv.
NAMES = ["vit", "deit-distilled", "dinov2-registers-classifier", "dinov3", "clip-projection",
         "timm-gap"]

N_INPUTS = 2  # of each case


def heads_of(runner, said, n_heads):
    """[n_layers][n_heads] of one picture; where a runner asked its model twice, one of the two had
    no part in the answer."""
    target = said["logits"][0].max() if "logits" in said else said["embedding"][0].norm()
    contexts = runner.trace.context
    gradients = torch.autograd.grad(target, contexts, allow_unused=True)
    products = [(context * gradient)[0] for context, gradient in zip(contexts, gradients)
                if gradient is not None]
    assert len(products) == runner.n_layers
    return [product.reshape(len(product), n_heads, -1).sum(dim=(0, 2)).abs().tolist()
            for product in products]


def likeness_of(runner):
    trace = runner.trace
    return [torch.cosine_similarity(given[0], gave[0], dim=-1).mean().item()
            for given, gave in list(zip(trace.tokens, trace.outputs))[:runner.n_layers]]


def make_case(name, pictures):
    directory = HERE / "cases" / name
    runner = variants.make_runner(name)
    expected = json.loads((directory / "expected.json").read_text())
    entries = []
    for index, place in enumerate(expected["inputs"][:N_INPUTS]):
        raw = reference.make_pixels(runner, pictures, place["picture"], place["fit"], place["size"])
        runner.trace.clear()
        said = runner.say(reference.normalise(raw, runner.mean, runner.std))
        n_heads = runner.trace.attention[0].shape[1]
        entries.append({"input": index, "heads": heads_of(runner, said, n_heads),
                        "likeness": likeness_of(runner)})
    lines = ",\n".join(json.dumps(entry) for entry in entries)
    (directory / "importance.json").write_text(f'{{"inputs": [\n{lines}\n]}}\n')


def main(names):
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    pictures = reference.make_pictures(HERE / "pictures")
    for name in names or NAMES:
        make_case(name, pictures)
        print(name)


if __name__ == "__main__":
    main(sys.argv[1:])
