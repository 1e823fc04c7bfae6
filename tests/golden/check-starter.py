#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Compares `vitreous explain` with PyTorch for the starter model, at several sizes.

    venv/bin/python check-starter.py vit_s_focus.onnx PHOTO [VITREOUS] [VITREOUS OPTION...]

For developers: the tests have tiny models instead.  The weights are read from the ONNX file by the
onnx package and put into transformers' Dinov2Model.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import torch
import transformers
from onnx import numpy_helper
from PIL import Image, ImageOps
from safetensors.torch import save_file

import reference

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
SIZES = [112, 224, 300, 448]


def read_backbone(path):
    """The backbone's tensors under transformers' names."""
    graph = onnx.load(path).graph
    arrays = {entry.name: torch.from_numpy(numpy_helper.to_array(entry).copy())
              for entry in graph.initializer}
    prefix = "backbone."
    tensors = {name[len(prefix):]: array for name, array in arrays.items() if name.startswith(prefix)}
    positions = {}
    for node in graph.node:
        used = [name for name in node.input if name.startswith("onnx::") and name in arrays]
        if node.op_type == "MatMul" and used and node.name.startswith("/backbone/"):
            module = node.name.removeprefix("/backbone/").removesuffix("/MatMul").replace("/", ".")
            tensors[f"{module}.weight"] = arrays[used[0]].T.contiguous()
        elif node.name.startswith("/backbone/embeddings/") and used and arrays[used[0]].ndim == 3:
            positions[node.op_type] = arrays[used[0]]
    tensors["embeddings.position_embeddings"] = torch.cat(
        [positions["Concat"], positions["Reshape"]], dim=1)
    return tensors


def load_model(path):
    tensors = read_backbone(path)
    width = tensors["layernorm.weight"].numel()
    side = round((tensors["embeddings.position_embeddings"].shape[1] - 1) ** 0.5)
    config = transformers.Dinov2Config(
        hidden_size=width, num_attention_heads=width // 64, patch_size=14, image_size=14 * side,
        num_hidden_layers=sum(name.endswith("norm1.weight") for name in tensors),
        use_mask_token=False)
    with tempfile.TemporaryDirectory() as directory:
        config.save_pretrained(directory)
        save_file(tensors, f"{directory}/model.safetensors", {"format": "pt"})
        return transformers.Dinov2Model.from_pretrained(
            directory, attn_implementation="eager", dtype=torch.float32).eval()


def explain(command, model, photo, size, method, options):
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([command, "explain", photo, "-m", model, "--method", method, "--layers",
                        "all", "--heads", "all" if method == "raw" else "mean", "--fit", "cover",
                        "--size", str(size), "--write", "npz,json", "-o", directory, *options],
                       check=True, stdout=subprocess.DEVNULL)
        with np.load(next(pathlib.Path(directory).glob("*.npz"))) as arrays:
            return dict(arrays)


def compare(model, photo, size, raw, rolled):
    """Prints by how much attention and rollout differ."""
    shape = reference.cover_size(*photo.size, size, 14)
    pixels = np.asarray(photo.resize(shape, reference.FILTERS["bicubic"]))
    with torch.no_grad():
        out = model(reference.normalise(pixels, MEAN, STD), output_attentions=True)
    attention = torch.cat(out.attentions).numpy()
    grid = (shape[1] // 14, shape[0] // 14)
    rows = attention[:, :, 0, 1:].reshape(attention.shape[:2] + grid)
    expected = reference.rollout(attention, 1, "cls", "mean", 0.0, "all").reshape(grid)
    difference = np.abs(raw["attention"] - rows).max()
    relative = np.abs(rolled["map"] - expected).max() / expected.max()
    good = difference <= 1e-5 and relative <= 1e-4
    print(f"{size} px, {grid[0]}×{grid[1]} patches: attention {difference:.1e}, "
          f"rollout {relative:.1e} of its maximum{'' if good else '  TOO FAR'}")
    return good


def main(path, photo, command="vitreous", *options):
    model = load_model(path)
    picture = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
    good = [compare(model, picture, size,
                    explain(command, path, photo, size, "raw", options),
                    explain(command, path, photo, size, "rollout", options))
            for size in SIZES]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
