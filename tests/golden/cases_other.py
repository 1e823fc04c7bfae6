# SPDX-License-Identifier: LGPL-3.0-or-later
"""Checkpoints of neither transformers nor timm: vit_jax's .npz and the starter's ONNX."""

import contextlib
import math
import tempfile
import warnings

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from torch import nn

import cases_hf
import gradients
import reference

FILTER = "bilinear"


class JaxRunner:
    """vit_jax's ViT from the arrays of its old layout."""

    patch = 8
    n_prefix = 1
    has_cls = True
    reads_mean = False
    mean = std = [0.5] * 3
    filter = FILTER
    size = 32
    n_layers = 2
    has_logits = True

    def __init__(self, weights):
        self.weights = {name: value.requires_grad_() for name, value in weights.items()}
        self.trace = gradients.Trace()

    def short_edge(self, picture):
        return self.size

    def train_pixels(self, picture):
        return np.asarray(picture.resize((self.size,) * 2, reference.FILTERS[FILTER]))

    def forward(self, pixels, temperature):
        with torch.no_grad():
            return reference.first_of_each(self.say(pixels, temperature))

    @contextlib.contextmanager
    def cut(self, n_layers):
        """The model as if it had fewer blocks."""
        self.n_layers = n_layers
        yield
        del self.n_layers

    def dense(self, name, x, n_axes=1):
        """A kernel's first axes, @n_axes of them, are those of what it is applied to."""
        kernel, bias = self.weights[f"{name}/kernel"], self.weights[f"{name}/bias"]
        return torch.tensordot(x, kernel, n_axes) + bias

    def norm(self, name, x):
        return nn.functional.layer_norm(x, x.shape[-1:], self.weights[f"{name}/scale"],
                                        self.weights[f"{name}/bias"], 1e-6)

    def positions(self, rows, columns):
        """scipy's zoom of order 1: bilinear, the corners stay."""
        table = self.weights["Transformer/posembed_input/pos_embedding"]
        side = math.isqrt(table.shape[1] - 1)
        grid = table[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
        grid = nn.functional.interpolate(grid, (rows, columns), mode="bilinear", align_corners=True)
        return torch.cat([table[:, :1], grid.flatten(2).transpose(1, 2)], dim=1)

    def say(self, pixels, temperature=1.0):
        assert temperature == 1
        kernel = self.weights["embedding/kernel"].permute(3, 2, 0, 1)
        x = nn.functional.conv2d(pixels, kernel, self.weights["embedding/bias"], stride=self.patch)
        rows, columns = x.shape[2:]
        x = torch.cat([self.weights["cls"], x.flatten(2).transpose(1, 2)], dim=1)
        x = x + self.positions(rows, columns)
        attention = []
        for layer in range(self.n_layers):
            x = self.block(f"Transformer/encoderblock_{layer}", x, attention)
            self.trace.outputs.append(x)
        self.trace.attention += attention
        return {"attention": torch.cat(attention)[None]} | self.read(x, False)

    def double(self):
        """From here on all is computed in float64."""
        self.weights = {name: value.double() for name, value in self.weights.items()}

    def read(self, tokens, mean_of_all):
        """What the head makes of a block's output, or of the mean of all its tokens."""
        pooled = tokens.mean(dim=1) if mean_of_all else tokens[:, 0]
        pooled = self.norm("Transformer/encoder_norm", pooled)
        if "pre_logits/kernel" in self.weights:
            pooled = torch.tanh(self.dense("pre_logits", pooled))
        return {"embedding": pooled, "logits": self.dense("head", pooled)}

    def block(self, name, x, attention):
        self.trace.tokens.append(x)
        part = f"{name}/MultiHeadDotProductAttention_1"
        normed = self.norm(f"{name}/LayerNorm_0", x)
        self.trace.normed.append(normed)
        q, k, v = (self.dense(f"{part}/{what}", normed) for what in ("query", "key", "value"))
        scores = torch.einsum("bqhd,bkhd->bhqk", q, k) / math.sqrt(q.shape[-1])
        attention.append(scores.softmax(dim=-1))
        context = torch.einsum("bhqk,bkhd->bqhd", attention[-1], v).flatten(2)
        self.trace.context.append(context)
        x = x + self.dense(f"{part}/out", context.unflatten(2, v.shape[2:]), 2)
        hidden = self.dense(f"{name}/MlpBlock_3/Dense_0", self.norm(f"{name}/LayerNorm_2", x))
        hidden = nn.functional.gelu(hidden, approximate="tanh")
        return x + self.dense(f"{name}/MlpBlock_3/Dense_1", hidden)


def jax_shapes(pre_logits):
    """Names and shapes of a tiny model: width 32, 4 heads, MLP of 48, 4 × 4 patches of 8, 5 classes."""
    shapes = {"cls": (1, 1, 32), "embedding/kernel": (8, 8, 3, 32), "embedding/bias": (32,),
              "Transformer/posembed_input/pos_embedding": (1, 17, 32),
              "Transformer/encoder_norm/scale": (32,), "Transformer/encoder_norm/bias": (32,),
              "head/kernel": (32, 5), "head/bias": (5,)}
    for layer in range(2):
        block = f"Transformer/encoderblock_{layer}"
        for norm in ("LayerNorm_0", "LayerNorm_2"):
            shapes |= {f"{block}/{norm}/scale": (32,), f"{block}/{norm}/bias": (32,)}
        for part in ("query", "key", "value"):
            name = f"{block}/MultiHeadDotProductAttention_1/{part}"
            shapes |= {f"{name}/kernel": (32, 4, 8), f"{name}/bias": (4, 8)}
        name = f"{block}/MultiHeadDotProductAttention_1/out"
        shapes |= {f"{name}/kernel": (4, 8, 32), f"{name}/bias": (32,)}
        name = f"{block}/MlpBlock_3"
        shapes |= {f"{name}/Dense_0/kernel": (32, 48), f"{name}/Dense_0/bias": (48,),
                   f"{name}/Dense_1/kernel": (48, 32), f"{name}/Dense_1/bias": (32,)}
    if pre_logits:
        shapes |= {"pre_logits/kernel": (32, 32), "pre_logits/bias": (32,)}
    return shapes


def jax_case(pre_logits=False, savez=np.savez):
    def make(directory, seed):
        generator = torch.Generator().manual_seed(seed)
        weights = {}
        for name, shape in jax_shapes(pre_logits).items():
            values = torch.randn(shape, generator=generator)
            if name.endswith("scale"):
                values = 1 + 0.3 * values
            elif name.endswith("kernel"):
                sharp = 1.6 if "query" in name or "key" in name else 1
                n_out = shape[-1] if shape[0] == 4 or len(shape) != 3 else shape[1] * shape[2]
                values = values * sharp / math.sqrt(values.numel() / n_out)
            elif name.endswith("bias"):
                values = values * 0.3
            if "embed" in name or name == "cls":
                values = values * reference.FAINT
            weights[name] = values
        savez(directory / "tiny.npz", **{name: value.numpy() for name, value in weights.items()})
        return JaxRunner(weights)

    return make


class PatchEmbeddings(nn.Module):
    def __init__(self, width, patch):
        super().__init__()
        self.projection = nn.Conv2d(3, width, patch, patch)

    def forward(self, pixels):
        return self.projection(pixels).flatten(2).transpose(1, 2)


class Embeddings(nn.Module):
    def __init__(self, width, patch, side):
        super().__init__()
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.position_embeddings = nn.Parameter(torch.empty(1, 1 + side * side, width))
        self.patch_embeddings = PatchEmbeddings(width, patch)
        self.patch = patch

    def positions(self, tokens, height, width):
        table = self.position_embeddings
        dim = tokens.shape[2]  # not known to the exporter, as the starter's was not
        side = math.isqrt(table.shape[1] - 1)
        grid = table[:, 1:].reshape(1, side, side, dim).permute(0, 3, 1, 2)
        size = (height // self.patch, width // self.patch)
        grid = nn.functional.interpolate(grid, size, mode="bicubic", align_corners=False)
        return torch.cat((table[:, :1], grid.permute(0, 2, 3, 1).view(1, -1, dim)), dim=1)

    def forward(self, pixels):
        patches = self.patch_embeddings(pixels)
        tokens = torch.cat((self.cls_token.expand(pixels.shape[0], -1, -1), patches), dim=1)
        return tokens + self.positions(tokens, pixels.shape[2], pixels.shape[3])


class SelfAttention(nn.Module):
    def __init__(self, width, n_heads):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.heads = (n_heads, width // n_heads)

    def split(self, x):
        return x.view(x.shape[:2] + self.heads).permute(0, 2, 1, 3)

    def forward(self, x):
        k, v, q = self.split(self.key(x)), self.split(self.value(x)), self.split(self.query(x))
        context = nn.functional.scaled_dot_product_attention(q, k, v)
        return context.permute(0, 2, 1, 3).reshape(x.shape)


class Output(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.dense = nn.Linear(width, width)

    def forward(self, x):
        return self.dense(x)


class Attention(nn.Module):
    def __init__(self, width, n_heads):
        super().__init__()
        self.attention = SelfAttention(width, n_heads)
        self.output = Output(width)

    def forward(self, x):
        return self.output(self.attention(x))


class LayerScale(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.lambda1 = nn.Parameter(torch.empty(width))

    def forward(self, x):
        return x * self.lambda1


class Mlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.fc1, self.activation, self.fc2 = (nn.Linear(width, hidden), nn.GELU(),
                                               nn.Linear(hidden, width))

    def forward(self, x):
        return self.fc2(self.activation(self.fc1(x)))


class Layer(nn.Module):
    def __init__(self, width, n_heads, hidden):
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(width, 1e-6) for _ in range(2))
        self.attention = Attention(width, n_heads)
        self.layer_scale1, self.layer_scale2 = LayerScale(width), LayerScale(width)
        self.mlp = Mlp(width, hidden)

    def forward(self, x):
        x = self.layer_scale1(self.attention(self.norm1(x))) + x
        return self.layer_scale2(self.mlp(self.norm2(x))) + x


class Encoder(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layer = nn.ModuleList(layers)

    def forward(self, x):
        for layer in self.layer:
            x = layer(x)
        return x


class Backbone(nn.Module):
    """DINOv2 with the module paths transformers 4 had when the starter was exported."""

    def __init__(self, config):
        super().__init__()
        width, n_heads = config.hidden_size, config.num_attention_heads
        self.embeddings = Embeddings(width, config.patch_size, config.image_size // config.patch_size)
        self.encoder = Encoder(Layer(width, n_heads, width * config.mlp_ratio)
                               for _ in range(config.num_hidden_layers))
        self.layernorm = nn.LayerNorm(width, 1e-6)

    def forward(self, pixels):
        return self.layernorm(self.encoder(self.embeddings(pixels)))


class Saliency(nn.Module):
    """The starter's shape: a backbone, and a decoder that is of no use here."""

    def __init__(self, config):
        super().__init__()
        self.backbone = Backbone(config)
        self.decoder = nn.Sequential(nn.Conv2d(config.hidden_size, 1, 1))

    def forward(self, pixels):
        patches = self.backbone(pixels)[:, 1:]
        rows = pixels.shape[2] // self.backbone.embeddings.patch
        grid = patches.transpose(1, 2).reshape(pixels.shape[0], patches.shape[2], rows, -1)
        return torch.sigmoid(self.decoder(grid))


def onnx_case(directory, seed):
    """A tiny saliency model, exported as the starter was; transformers answers for its backbone."""
    config = transformers.Dinov2Config(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=1, mlp_ratio=1, image_size=35,
        patch_size=7)
    model = reference.randomise(Saliency(config), seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (torch.zeros(1, 3, 28, 28),), directory / "tiny.onnx",
                          dynamo=False, opset_version=14, input_names=["input_image"],
                          output_names=["output_importance"],
                          dynamic_axes={"input_image": {0: "batch_size"}})
    with tempfile.TemporaryDirectory() as twin:
        config.save_pretrained(twin)
        save_file(model.backbone.state_dict(), f"{twin}/model.safetensors", {"format": "pt"})
        twin = cases_hf.read(transformers.Dinov2Model, twin)
    return cases_hf.HfRunner(twin, cases_hf.DINOV2)


CASES = {
    "jax": jax_case(),
    "jax-pre-logits": jax_case(True, np.savez_compressed),
    "onnx": onnx_case,
}
