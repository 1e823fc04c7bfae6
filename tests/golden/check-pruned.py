#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Whether transformers and timm read models that layers were taken out of, and answer as Vitreous.

    venv/bin/python check-pruned.py VITREOUS [CASE...]

Prunes the first layer of each case with the program VITREOUS, opens the folder with the library that
the model is of, and compares the embedding and logits that both have of a picture.  Needs the
environment of requirements.txt; docs/pruning.md records what it said.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers
from PIL import Image

import cases_timm  # after transformers, which must not see timm's dummy torchvision
import timm

HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = 1e-4

CASES = {
    "vit": transformers.ViTForImageClassification,
    "deit": transformers.DeiTForImageClassification,
    "dinov2": transformers.Dinov2Model,
    "dinov2-registers": transformers.Dinov2WithRegistersModel,
    "dinov3": transformers.DINOv3ViTModel,
    "clip-projection": transformers.CLIPVisionModelWithProjection,
    "timm-args": None,
}


def ask_vitreous(program, model, folder, edge):
    """Logits or embedding of a picture at the size that positions are for."""
    subprocess.run([program, "explain", "-q", "--device", "cpu", "-m", model, "-o", folder, "--fit",
                    "stretch", "--size", str(edge), "--write", "npz",
                    HERE / "pictures" / "square.png"], check=True)
    with np.load(folder / "square.npz") as arrays:
        return arrays["logits" if "logits" in arrays else "embedding"]


def pixels_of(model, facts):
    """[1][3][height][width], as --fit stretch has it."""
    size = facts["size"]
    shape = (size["width"], size["height"])
    picture = Image.open(HERE / "pictures" / "square.png").convert("RGB")
    picture = picture.resize(shape, facts["resample"])
    scaled = (np.asarray(picture) / 255.0 - facts["image_mean"]) / facts["image_std"]
    return torch.from_numpy(scaled.astype(np.float32).transpose(2, 0, 1)[None])


def ask_library(kind, model, facts):
    pixels = pixels_of(model, facts)
    with torch.no_grad():
        if kind is None:
            return timm.create_model(f"local-dir:{model}", pretrained=True).eval()(pixels)[0].numpy()
        network, info = kind.from_pretrained(model, dtype=torch.float32,
                                             output_loading_info=True)
        assert not info["missing_keys"] and not info["unexpected_keys"], info
        out = network.eval()(pixels)
    for name in ("logits", "image_embeds"):
        if getattr(out, name, None) is not None:
            return getattr(out, name)[0].numpy()
    return out.last_hidden_state[0, 0].numpy()


def facts_of(model):
    path = model / "preprocessor_config.json"
    if path.exists():
        facts = json.loads(path.read_text())
        edge = json.loads((model / "config.json").read_text())
        edge = edge.get("vision_config", edge)["image_size"]
        facts["size"] = {"width": edge, "height": edge}
        return facts
    config = json.loads((model / "config.json").read_text())
    data = config.get("pretrained_cfg", config)
    return {"size": {"width": data["input_size"][2], "height": data["input_size"][1]},
            "image_mean": data["mean"], "image_std": data["std"], "resample": 3}


def check(program, name):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        small = folder / "small"
        subprocess.run([program, "prune", "-q", "--device", "cpu", "-m",
                        HERE / "cases" / name / "model", HERE / "pictures", "-o", small, "--layers",
                        "0,", "--ablate", "0"], check=True)
        facts = facts_of(small)
        ours = ask_vitreous(program, small, folder / "out", facts["size"]["width"])
        theirs = ask_library(CASES[name], small, facts)
        return np.abs(ours - theirs).max()


def main(program, names):
    transformers.utils.logging.set_verbosity_error()
    wrong = 0
    for name in names or CASES:
        difference = check(program, name)
        print(f"{name}: differs by {difference:.1e}")
        wrong += not difference < TOLERANCE
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
