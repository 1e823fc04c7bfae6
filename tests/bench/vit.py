# SPDX-License-Identifier: LGPL-3.0-or-later
"""A plain PyTorch ViT, from which the graphs for ONNX Runtime, OpenVINO and ncnn are made.

It is kind to them: q, k and v are one product, LayerScale is folded into the weights, and positions
are interpolated once for the one size of the graph.
"""

import math

import torch
import transformers
from torch import nn
from torch.nn import functional

import cases

# What transformers calls the parts of a block.
DINOV2 = {"blocks": "encoder.layer", "norm1": "norm1", "norm2": "norm2"}
VIT = {"blocks": "layers", "norm1": "layernorm_before", "norm2": "layernorm_after"}


def load_transformers(model, implementation):
    """@implementation: "eager", which can tell its attention, or "sdpa", which is faster."""
    if cases.config(model)["model_type"] == "dinov2":
        cls, options = transformers.Dinov2Model, {}
    else:
        cls, options = transformers.ViTModel, {"add_pooling_layer": False}
    return cls.from_pretrained(cases.model_path(model), attn_implementation=implementation,
                               **options).eval()


class MatrixAttention(nn.Module):
    """Attention with its matrix [b][h][n][n] at hand."""

    def __init__(self, width, n_heads):
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.n_heads = n_heads

    def qkv_parts(self):
        return self.qkv.weight, self.qkv.bias

    def split(self, x):
        """q, k, v, each [b][h][n][hd]"""
        b, n, width = x.shape
        qkv = self.qkv(x).reshape(b, n, 3, self.n_heads, width // self.n_heads)
        return qkv.permute(2, 0, 3, 1, 4).unbind(0)

    def merge(self, heads):
        b, _, n, _ = heads.shape
        return self.proj(heads.transpose(1, 2).reshape(b, n, -1))

    def forward(self, x):
        q, k, v = self.split(x)
        matrix = (q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2)).softmax(-1)
        return self.merge(matrix @ v), matrix


class FusedAttention(MatrixAttention):
    """Attention as one operation of PyTorch's, which OpenVINO has too."""

    def forward(self, x):
        return self.merge(functional.scaled_dot_product_attention(*self.split(x))), None


class ModuleAttention(nn.Module):
    """Attention as PyTorch's module, the one that ncnn's converter knows."""

    def __init__(self, width, n_heads):
        super().__init__()
        self.module = nn.MultiheadAttention(width, n_heads, batch_first=True)

    def forward(self, x):
        return self.module(x, x, x, need_weights=False)[0], None

    def qkv_parts(self):
        return self.module.in_proj_weight, self.module.in_proj_bias

    @property
    def proj(self):
        return self.module.out_proj


class Block(nn.Module):
    def __init__(self, attention, width, n_heads, hidden, eps):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps)
        self.attention = attention(width, n_heads)
        self.norm2 = nn.LayerNorm(width, eps)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x):
        context, matrix = self.attention(self.norm1(x))
        x = x + context
        return x + self.fc2(functional.gelu(self.fc1(self.norm2(x)))), matrix


class Vit(nn.Module):
    """pixels [b][3][edge][edge] → tokens [b][n][d], and the attention of the layers asked for."""

    def __init__(self, source, edge, attention, layers="none"):
        super().__init__()
        config = source.config
        width, patch = config.hidden_size, config.patch_size
        hidden = source.state_dict()[block_prefix(source, 0) + "mlp.fc1.weight"].shape[0]
        self.layers = layers
        self.patch = nn.Conv2d(3, width, patch, patch)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, (edge // patch) ** 2 + 1, width))
        self.blocks = nn.ModuleList(
            Block(attention, width, config.num_attention_heads, hidden, config.layer_norm_eps)
            for _ in range(config.num_hidden_layers))
        self.norm = nn.LayerNorm(width, config.layer_norm_eps)
        with torch.no_grad():
            copy_weights(source, self, edge // patch)
        self.eval()

    def forward(self, pixels):
        patches = self.patch(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(patches.shape[0], -1, -1), patches], 1) + self.positions
        matrices = []
        for block in self.blocks:
            x, matrix = block(x)
            matrices.append(matrix)
        tokens = self.norm(x)
        if self.layers == "none":
            return tokens
        return (tokens, *matrices) if self.layers == "all" else (tokens, matrices[-1])


def block_prefix(source, layer):
    names = DINOV2 if source.config.model_type == "dinov2" else VIT
    return f"{names['blocks']}.{layer}."


def interpolate_positions(table, side):
    """table [1][1 + s²][d] → [1][1 + side²][d], as transformers does it."""
    old = math.isqrt(table.shape[1] - 1)
    if old == side:
        return table
    grid = table[:, 1:].reshape(1, old, old, -1).permute(0, 3, 1, 2)
    grid = functional.interpolate(grid, size=(side, side), mode="bicubic", align_corners=False)
    return torch.cat([table[:, :1], grid.flatten(2).transpose(1, 2)], 1)


def copy_linear(tensors, name, to, scale=None):
    """@scale: [rows of the weight], of a LayerScale that follows."""
    weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
    to.weight.copy_(weight if scale is None else weight * scale.reshape(-1, 1))
    to.bias.copy_(bias if scale is None else bias * scale)


def copy_block(source, tensors, layer, block):
    names = DINOV2 if source.config.model_type == "dinov2" else VIT
    prefix = block_prefix(source, layer)
    for norm in ["norm1", "norm2"]:
        copy_linear(tensors, prefix + names[norm], getattr(block, norm))
    attention = block.attention
    weight, bias = attention.qkv_parts()
    parts = [f"{prefix}attention.{part}_proj" for part in "qkv"]
    weight.copy_(torch.cat([tensors[f"{part}.weight"] for part in parts]))
    bias.copy_(torch.cat([tensors[f"{part}.bias"] for part in parts]))
    copy_linear(tensors, f"{prefix}attention.o_proj", attention.proj,
                tensors.get(f"{prefix}layer_scale1.lambda1"))
    copy_linear(tensors, f"{prefix}mlp.fc1", block.fc1)
    copy_linear(tensors, f"{prefix}mlp.fc2", block.fc2,
                tensors.get(f"{prefix}layer_scale2.lambda1"))


def copy_weights(source, vit, side):
    tensors = source.state_dict()
    copy_linear(tensors, "embeddings.patch_embeddings.projection", vit.patch)
    vit.cls.copy_(tensors["embeddings.cls_token"])
    vit.positions.copy_(interpolate_positions(tensors["embeddings.position_embeddings"], side))
    for layer, block in enumerate(vit.blocks):
        copy_block(source, tensors, layer, block)
    copy_linear(tensors, "layernorm", vit.norm)
