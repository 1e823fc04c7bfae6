# SPDX-License-Identifier: LGPL-3.0-or-later
"""Checkpoints as timm writes them."""

import contextlib
import json
import math
import sys
import types

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

import gradients
import reference


class AnyName(type):
    def __getattr__(cls, name):
        return name


class Anything(metaclass=AnyName):
    """Stands for a class of torchvision that is named but not used."""


def any_class(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return Anything


def import_timm():
    """timm wants torchvision at import, for transforms that are not used here: dummies will do."""
    names = ["torchvision", "torchvision.datasets", "torchvision.models",
             "torchvision.models.feature_extraction", "torchvision.ops", "torchvision.ops.misc",
             "torchvision.transforms", "torchvision.transforms.functional", "torchvision.utils"]
    for name in names:
        dummy = types.ModuleType(name)
        dummy.__path__ = []
        dummy.__getattr__ = any_class
        parent, _, leaf = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], leaf, dummy)
        sys.modules[name] = dummy
    import timm
    import timm.models._hub
    for name in names:
        del sys.modules[name]
    return timm


timm = import_timm()


def resize_short_edge(picture, edge, filter):
    """torchvision's Resize with one number."""
    width, height = picture.size
    long = int(edge * max(width, height) / min(width, height))
    return picture.resize((edge, long) if width <= height else (long, edge), filter)


def crop_centre(picture, size, fill):
    """torchvision's CenterCrop and timm's CenterCropOrPad of a square."""
    width, height = picture.size
    if width < size or height < size:
        padded = Image.new("RGB", (max(width, size), max(height, size)), fill)
        padded.paste(picture, (max(size - width, 0) // 2, max(size - height, 0) // 2))
        picture, (width, height) = padded, padded.size
    left, top = round((width - size) / 2), round((height - size) / 2)
    return picture.crop((left, top, left + size, top + size))


def resize(picture, facts):
    """timm's resize for inference, done with Pillow."""
    edge = math.floor(facts["input_size"][-1] / facts["crop_pct"])
    filter = reference.FILTERS[facts["interpolation"]]
    if facts["crop_mode"] == "squash":
        return picture.resize((edge, edge), filter)
    if facts["crop_mode"] == "border":
        ratio = max(picture.size) / edge
        return picture.resize(tuple(round(length / ratio) for length in picture.size), filter)
    return resize_short_edge(picture, edge, filter)


def prepare(picture, facts):
    fill = 0
    if facts["crop_mode"] == "border":
        fill = tuple(round(255 * value) for value in facts["mean"])
    return crop_centre(resize(picture, facts), facts["input_size"][-1], fill)


class TimmRunner:
    def __init__(self, model, facts):
        self.model = model
        self.facts = facts
        self.mean, self.std = facts["mean"], facts["std"]
        self.filter = facts["interpolation"]
        self.patch = model.patch_embed.patch_size[0]
        self.n_prefix = model.num_prefix_tokens
        self.has_cls = model.has_class_token
        self.reads_mean = model.global_pool == "avg"
        self.trace = gradients.Trace()
        self.attention = []
        for block in model.blocks:
            block.attn.fused_attn = False
            for tensors in (self.attention, self.trace.attention):
                block.attn.attn_drop.register_forward_hook(
                    lambda module, inputs, output, tensors=tensors: tensors.append(output))
        self.n_layers = len(model.blocks)
        self.has_logits = model.num_classes > 0
        self.trace.watch(model.blocks, [block.attn.proj for block in model.blocks])

    def short_edge(self, picture):
        return min(resize(picture, self.facts).size)

    def train_pixels(self, picture):
        return np.asarray(prepare(picture, self.facts))

    def forward(self, pixels, temperature):
        with torch.no_grad():
            return reference.first_of_each(self.say(pixels, temperature))

    @contextlib.contextmanager
    def cut(self, n_layers):
        """The model as if it had fewer blocks."""
        blocks = self.model.blocks
        self.model.blocks = blocks[:n_layers]
        yield
        self.model.blocks = blocks

    def say(self, pixels, temperature=1.0):
        assert temperature == 1
        self.attention.clear()
        features = self.model.forward_features(pixels)
        return {"attention": torch.cat(self.attention)[None]} | self.read_features(features)

    def double(self):
        """From here on all is computed in float64."""
        self.model.double()

    def read(self, tokens, mean_of_all):
        """What the head makes of a block's output, or of the mean of all its tokens."""
        model = self.model
        if not mean_of_all:
            return self.read_features(model.norm(tokens))
        pooled = model.fc_norm(model.norm(tokens.mean(dim=1)))
        said = {"embedding": pooled}
        if hasattr(model, "head_dist"):
            said["logits"] = (model.head(pooled) + model.head_dist(pooled)) / 2
        elif self.has_logits:
            said["logits"] = model.head(pooled)
        return said

    def read_features(self, features):
        said = {"embedding": self.embedding(features)}
        if self.has_logits:
            said["logits"] = self.model.forward_head(features)
        return said

    def embedding(self, features):
        if hasattr(self.model, "head_dist"):  # timm would take the mean with the second token
            return features[:, 0]
        return self.model.forward_head(features, pre_logits=True)


TINY = {"embed_dim": 64, "depth": 2, "mlp_ratio": 1, "img_size": 32,
        "patch_size": 8, "num_classes": 6}
HEADS = {"embed_dim": 32, "num_heads": 4}
PLAIN = {"input_size": [3, 32, 32], "crop_pct": 0.9, "crop_mode": "center",
         "interpolation": "bicubic", "mean": [0.5] * 3, "std": [0.5] * 3, "num_classes": 6}


def timm_case(architecture, settings=None, facts=None, keep_args=False, dtype=torch.float16):
    """Returns what writes a directory; model_args are what the hub's older ones lack."""
    settings = TINY | (settings or {})
    facts = PLAIN | (facts or {})

    def make(directory, seed):
        model = build(architecture, settings, seed, dtype)
        path = directory / "config.json"
        timm.models._hub.save_config_for_hf(model, path, {"pretrained_cfg": facts})
        config = json.loads(path.read_text())
        if not keep_args:
            config.pop("model_args", None)
        path.write_text(json.dumps(config, indent=2) + "\n")
        save(model, directory / "model.safetensors", dtype)
        return TimmRunner(model, facts)

    return make


def build(architecture, settings, seed, dtype):
    model = timm.create_model(architecture, dynamic_img_size=True, **settings)
    return reference.randomise(model, seed).to(dtype).float()


def save(model, path, dtype):
    tensors = {name: tensor.to(dtype).contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, path, {"format": "pt"})


def bare_case(architecture, settings, facts=None):
    """A file alone: heads have 64 channels, pictures are prepared as for the original ViT."""

    def make(directory, seed):
        model = build(architecture, TINY | settings, seed, torch.float16)
        save(model, directory / "tiny.safetensors", torch.float16)
        return TimmRunner(model, PLAIN | (facts or {}))

    return make


CASES = {
    "timm": timm_case("test_vit"),
    "timm-squash": timm_case("test_vit", {"depth": 1},
                             {"crop_pct": 1.0, "crop_mode": "squash", "interpolation": "bilinear"}),
    "timm-no-class-token": timm_case("test_vit2", None, {"crop_pct": 0.95}),
    "timm-args": timm_case("vit_small_patch16_224", HEADS, keep_args=True, dtype=torch.float32),
    "timm-fc-norm": timm_case("vit_base_patch16_224", HEADS | {"global_pool": "avg"},
                              {"crop_mode": "border", "crop_pct": 0.95}, keep_args=True,
                              dtype=torch.bfloat16),
    "timm-gap": timm_case("vit_medium_patch16_gap_256", HEADS, {"crop_pct": 0.95}, keep_args=True),
    "timm-distilled": timm_case("deit_small_distilled_patch16_224", HEADS,
                                {"crop_pct": 0.8, "interpolation": "lanczos"}, keep_args=True),
    "timm-registers": timm_case("vit_small_patch14_reg4_dinov2", HEADS | {"num_classes": 0},
                                {"crop_pct": 1.0, "num_classes": 0}, keep_args=True),
    "timm-clip": timm_case("vit_base_patch16_clip_quickgelu_224", HEADS, keep_args=True),
    "timm-file": bare_case("vit_small_patch16_224", {"embed_dim": 128, "num_heads": 2, "depth": 1,
                                                     "mlp_ratio": 0.5}),
}
