#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Writes model-goldens.npz: position tables and RoPE as PyTorch's models bring them to other grids.

Needs torch, transformers and scipy.  The table is 5 × 5 patches, 2 wide; its numbers are a formula
that model-positions.c knows too.  Each rule is asked of the code of a family that has it.
"""

import pathlib

import numpy as np
import scipy.ndimage
import torch
from transformers import Dinov2WithRegistersConfig, DINOv3ViTConfig, ViTConfig
from transformers.models.dinov2_with_registers.modeling_dinov2_with_registers import \
    Dinov2WithRegistersEmbeddings
from transformers.models.dinov3_vit.modeling_dinov3_vit import DINOv3ViTRopePositionEmbedding
from transformers.models.vit.modeling_vit import ViTEmbeddings

SIDE, WIDTH, PATCH = 5, 2, 4
GRIDS = [(5, 7), (3, 4), (9, 2), (1, 6), (12, 11), (2, 5)]
TABLE = np.array([(i * 37 % 64 - 32) / 16 for i in range(SIDE * SIDE * WIDTH)], np.float32)


def of_embeddings(embeddings, rows, columns):
    with torch.no_grad():
        embeddings.position_embeddings.copy_(torch.from_numpy(
            np.concatenate([np.zeros(WIDTH, np.float32), TABLE]).reshape(1, -1, WIDTH)))
        tokens = torch.zeros(1, 1 + rows * columns, WIDTH)
        table = embeddings.interpolate_pos_encoding(tokens, rows * PATCH, columns * PATCH)
    return table[0, 1:].numpy()


def bicubic(rows, columns):
    config = ViTConfig(hidden_size=WIDTH, num_attention_heads=1, image_size=SIDE * PATCH,
                       patch_size=PATCH)
    return of_embeddings(ViTEmbeddings(config), rows, columns)


def bicubic_antialias(rows, columns):
    config = Dinov2WithRegistersConfig(hidden_size=WIDTH, num_attention_heads=1,
                                       image_size=SIDE * PATCH, patch_size=PATCH)
    return of_embeddings(Dinov2WithRegistersEmbeddings(config), rows, columns)


def bilinear_corners(rows, columns):
    """vit_jax resizes its table so when a checkpoint meets another resolution."""
    zoom = (rows / SIDE, columns / SIDE, 1)
    return scipy.ndimage.zoom(TABLE.reshape(SIDE, SIDE, WIDTH), zoom, order=1)


def rope(rows, columns):
    config = DINOv3ViTConfig(hidden_size=8, num_attention_heads=1, patch_size=PATCH)
    cos, sin = DINOv3ViTRopePositionEmbedding(config).eval()(
        torch.zeros(1, 3, rows * PATCH, columns * PATCH))
    return np.stack([cos.numpy(), sin.numpy()])


def main():
    rules = {"bicubic": bicubic, "bicubic-antialias": bicubic_antialias,
             "bilinear-corners": bilinear_corners, "rope": rope}
    arrays = {f"{name}/{columns}x{rows}": make(rows, columns).astype(np.float32)
              for name, make in rules.items() for rows, columns in GRIDS}
    np.savez_compressed(pathlib.Path(__file__).with_name("model-goldens.npz"), **arrays)


if __name__ == "__main__":
    main()
