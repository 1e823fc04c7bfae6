#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Asks PyTorch what the golden models say of pictures with patches left out and with other pixels,
and what that makes a map worth.

    venv/bin/python make-variants.py [CASE...]

Writes cases/CASE/variants.json beside what make-golden.py wrote, whose models it makes again: the
seed is the one that gives the same weights.
"""

import contextlib
import json
import pathlib
import sys
import tempfile

import numpy as np
import torch
import transformers

import cases_hf
import cases_timm  # after transformers, which must not see timm's dummy torchvision
import measures
import reference

HERE = pathlib.Path(__file__).resolve().parent
CASES = cases_hf.CASES | cases_timm.CASES

# One of each kind of prefix, position and head.
NAMES = ["vit", "deit-distilled", "dinov2-classifier", "dinov2-registers-classifier", "dinov3",
         "clip-projection", "timm-gap", "timm-fc-norm", "timm-distilled", "timm-registers"]

# Heads that read a mean of patches need one.
NEEDS_PATCH = ["dinov2-classifier", "dinov2-registers-classifier", "timm-gap", "timm-fc-norm"]

N_INPUTS = 2  # of each case

FACTORS = [1.0, 0.5, 0.0, -1.0, 2.0]  # of normalised pixels


def make_runner(name):
    """The runner of a case with the weights that were committed."""
    committed = (HERE / "cases" / name / "model" / "model.safetensors").read_bytes()
    for seed in range(100):
        with tempfile.TemporaryDirectory() as directory:
            runner = CASES[name](pathlib.Path(directory), seed)
            if (pathlib.Path(directory) / "model.safetensors").read_bytes() == committed:
                return runner
    raise SystemExit(f"{name}: no seed gives the weights that are there")


def blocks_of(runner):
    if isinstance(runner, cases_timm.TimmRunner):
        return runner.model.blocks
    return getattr(runner.encoder, cases_hf.layers_of(runner.encoder))


class Trim:
    """Takes tokens out between embedding and first block; remembers the last block's."""

    def __init__(self, runner):
        self.n_prefix = runner.n_prefix
        self.kept = None
        self.tokens = None
        blocks = blocks_of(runner)
        for index, block in enumerate(blocks):
            block.register_forward_pre_hook(
                lambda module, args, kwargs, first=index == 0: self.trim(args, kwargs, first),
                with_kwargs=True)
        blocks[-1].register_forward_hook(self.remember)

    def trim(self, args, kwargs, first):
        if self.kept is None:
            return args, kwargs
        tokens = torch.tensor([*range(self.n_prefix), *(self.n_prefix + k for k in self.kept)])
        kwargs = dict(kwargs)
        if first and args:
            args = (args[0][:, tokens], *args[1:])
        elif first:
            kwargs["hidden_states"] = kwargs["hidden_states"][:, tokens]
        if kwargs.get("position_embeddings") is not None:  # RoPE: a row for each patch
            kwargs["position_embeddings"] = tuple(table[list(self.kept)]
                                                  for table in kwargs["position_embeddings"])
        return args, kwargs

    def remember(self, module, args, output):
        self.tokens = output[0] if isinstance(output, tuple) else output

    @contextlib.contextmanager
    def keeping(self, kept):
        self.kept = kept
        yield
        self.kept = None


def choose_subsets(name, n_patches):
    """Some sizes, some of them twice, in no order."""
    random = np.random.default_rng(n_patches)
    least = 1 if name in NEEDS_PATCH else 0
    sizes = [n_patches, n_patches // 2, least, n_patches // 2, n_patches - 1, 1, 3, n_patches // 2]
    return [[int(patch) for patch in random.permutation(n_patches)[:size]] for size in sizes]


def say(runner, trim, pixels, kept=None):
    with torch.no_grad(), trim.keeping(kept):
        said = runner.say(pixels)
    entry = {"embedding": measures.numbers(said["embedding"][0])}
    if "logits" in said:
        entry["logits"] = measures.numbers(said["logits"][0])
    return entry


def make_case(name, pictures):
    directory = HERE / "cases" / name
    runner = make_runner(name)
    trim = Trim(runner)
    expected = json.loads((directory / "expected.json").read_text())
    entries = []
    for index, place in enumerate(expected["inputs"][:N_INPUTS]):
        raw = reference.make_pixels(runner, pictures, place["picture"], place["fit"], place["size"])
        pixels = reference.normalise(raw, runner.mean, runner.std)
        rows, columns = (edge // runner.patch for edge in raw.shape[:2])
        entry = {"input": index, "subsets": []}
        for kept in choose_subsets(name, rows * columns):
            entry["subsets"].append({"kept": kept, **say(runner, trim, pixels, kept)})
        entry["pixels"] = [{"factor": factor, **say(runner, trim, factor * pixels)}
                           for factor in FACTORS]
        kept = [patch for patch in range(rows * columns) if patch % 3 == 2]
        say(runner, trim, pixels, kept)
        entry["token"] = {"kept": kept, "patch": 2,  # after the last block
                          "values": measures.numbers(trim.tokens[0, runner.n_prefix])}
        entries.append(entry)
        if index == N_INPUTS - 1:
            entry |= measures.answer(measures.Picture(
                runner=runner, trim=trim, pixels=pixels, rows=rows, columns=columns,
                least=1 if name in NEEDS_PATCH else 0))
    lines = ",\n".join(json.dumps(entry) for entry in entries)
    (directory / "variants.json").write_text(f'{{"inputs": [\n{lines}\n]}}\n')


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
