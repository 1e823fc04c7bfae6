#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Makes the golden cases: tiny random checkpoints of every family, and what PyTorch says of them.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python make-golden.py [CASE...]

Each case is a directory: model/ as a user would have it, expected.json and expected.bin.
"""

import pathlib
import shutil
import sys

import torch
import transformers

import gradients
import methods
import reference
import cases_head
import cases_hf
import cases_other
import cases_timm  # after transformers, which must not see timm's dummy torchvision

HERE = pathlib.Path(__file__).resolve().parent
CASES = cases_hf.CASES | cases_timm.CASES | cases_other.CASES | cases_head.CASES

# picture, fit, size
FORWARD = [("square", "train", 0), ("landscape", "cover", 0), ("portrait", "cover", 26)]
PIXELS = ["landscape", "portrait", "small"]

# Cases that differ from another in their file alone need fewer; and transformers cannot resize the
# positions of a rectangular table.
FEWER = ["vit-new-names", "vit-f16", "vit-bf16", "vit-sharded", "vit-pooler", "vit-rectangle",
         "dinov2-giant-new-names", "dinov3-new-names", "clip-vision-new-names", "clip", "clip-classifier"]

# Cases that compute what another does.
WITHOUT_GRADIENTS = ["vit-new-names", "vit-f16", "vit-bf16", "vit-sharded", "dinov2-giant-new-names",
                     "dinov3-new-names", "clip"]
N_WITH_GRADIENTS = 2  # inputs of the others

# An ONNX file does not say how pictures were prepared: at stated sizes that matters less.
FORWARD_ONNX = [("square", "cover", 28), ("landscape", "cover", 28), ("portrait", "cover", 35)]


def choose_inputs(name):
    """What to ask of a case: inputs with answers, and pictures of which only the pixels matter."""
    if name == "onnx":
        return FORWARD_ONNX, []
    if name in cases_head.CASES:
        return FORWARD[:2], []
    return FORWARD[:2] if name in FEWER else FORWARD, PIXELS


def make_case(name, pictures, seed):
    directory = HERE / "cases" / name
    shutil.rmtree(directory, ignore_errors=True)
    model = directory / "model"
    model.mkdir(parents=True)
    runner = CASES[name](model, seed)
    answers = reference.Answers()
    inputs, pixels = choose_inputs(name)
    for picture, fit, size in inputs:
        reference.answer(runner, pictures, answers, picture, fit, size)
    if name == "vit":
        reference.answer(runner, pictures, answers, "square", "train", temperature=2.0)
    for picture in pixels:
        reference.answer(runner, pictures, answers, picture, "train", forward=False)
    # Behind all else, so that they may come and go without moving anything.
    for i, (picture, fit, size) in enumerate(inputs[:N_WITH_GRADIENTS]):
        if name not in WITHOUT_GRADIENTS:
            pixels = reference.make_pixels(runner, pictures, picture, fit, size)
            pixels = reference.normalise(pixels, runner.mean, runner.std)
            answers.inputs[i]["gradients"] = gradients.answer(runner, answers, pixels, i == 0)
    if name not in WITHOUT_GRADIENTS:
        add_methods(runner, pictures, answers)
    path, head = model_path(model), {}
    if name in cases_head.CASES:
        path, head = runner.path, {"head": path}
    facts = {"path": path, **head, "n_prefix": runner.n_prefix, "mean": list(runner.mean),
             "std": list(runner.std)}
    answers.write(directory, facts)


def add_methods(runner, pictures, answers):
    """Last of all: from here on the runner computes in float64."""
    runner.double()
    for i, entry in enumerate(answers.inputs):
        if "temperature" in entry:
            pixels = reference.make_pixels(runner, pictures, entry["picture"], entry["fit"],
                                           entry["size"])
            pixels = reference.normalise(pixels, runner.mean, runner.std)
            entry["methods"] = methods.answer(runner, answers, pixels, entry["temperature"], i == 0)


def model_path(model):
    """What a user would name: the directory, or the file where there is nothing else."""
    files = list(model.iterdir())
    return f"model/{files[0].name}" if len(files) == 1 else "model"


def main(names):
    torch.set_num_threads(1)  # sums in one order
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    pictures = reference.make_pictures(HERE / "pictures")
    for name in names or CASES:
        for seed in range(100):
            try:
                make_case(name, pictures, seed)
                break
            except reference.TooClose:
                pass
        print(f"{name}: seed {seed}")
    (HERE / "cases.txt").write_text("".join(f"{name}\n" for name in CASES))


if __name__ == "__main__":
    main(sys.argv[1:])
