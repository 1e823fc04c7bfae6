# SPDX-License-Identifier: LGPL-3.0-or-later
"""Checkpoints of other cases with a classifier head in a file beside them, as `head train` writes it."""

import json
import pathlib

import torch
import transformers
from safetensors.torch import save_file

import cases_hf

HERE = pathlib.Path(__file__).resolve().parent


class HeadRunner(cases_hf.HfRunner):
    """A model whose own head, if it has one, is replaced."""

    def __init__(self, base, model_class, preprocess, features, head):
        self.base = HERE / "cases" / base / "model"
        super().__init__(cases_hf.read(model_class, self.base), preprocess)
        self.path = f"../{base}/model"
        self.features, self.head = features, head

    def embedding(self, out, pixels, options):
        if self.features != "cls-and-mean":
            return super().embedding(out, pixels, options)
        tokens = out.last_hidden_state
        return torch.cat([tokens[:, 0], tokens[:, self.n_prefix:].mean(dim=1)], dim=1)

    def answers(self, pixels, options):
        said = super().answers(pixels, options)
        embedding = torch.from_numpy(said["embedding"])
        said["logits"] = (self.head["weight"] @ embedding + self.head["bias"]).numpy()
        return said


def head_case(base, model_class, preprocess, features, n_features, n_classes):
    """Returns what writes a random head and answers for it with the model of the case `base`."""

    def make(directory, seed):
        generator = torch.Generator().manual_seed(seed)
        head = {"weight": torch.randn(n_classes, n_features, generator=generator),
                "bias": torch.randn(n_classes, generator=generator)}
        labels = [f"class {index}" for index in range(n_classes)]
        save_file(head, directory / "head.safetensors",
                  {"labels": json.dumps(labels), "features": features})
        return HeadRunner(base, model_class, preprocess, features, head)

    return make


t = transformers
CASES = {
    "dinov2-head": head_case("dinov2", t.Dinov2Model, cases_hf.DINOV2_56, "cls-and-mean", 64, 5),
    "deit-distilled-head": head_case("deit-distilled", t.DeiTForImageClassificationWithTeacher,
                                     cases_hf.DEIT, "cls", 32, 3),
    "clip-projection-head": head_case("clip-projection", t.CLIPVisionModelWithProjection,
                                      cases_hf.CLIP_40, "cls", 24, 7),
}
