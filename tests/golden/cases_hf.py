# SPDX-License-Identifier: LGPL-3.0-or-later
"""Checkpoints as transformers writes them."""

import contextlib
import json

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch.nn import ModuleList
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

import gradients
import reference

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
CLIP = {"image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711]}
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
         "intermediate_size": 48}

# preprocessor_config.json, each in one of the wordings found on the hub.
VIT_32 = {"do_normalize": True, "do_resize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
          "size": 32, "resample": 2, "feature_extractor_type": "ViTFeatureExtractor"}
VIT_RECTANGLE = {"image_processor_type": "ViTImageProcessor", "do_normalize": True,
                 "do_rescale": True, "do_resize": True, "image_mean": [0.5] * 3,
                 "image_std": [0.5] * 3, "resample": 2, "rescale_factor": 0.00392156862745098,
                 "size": {"height": 24, "width": 40}}
DEIT = {"crop_size": 40, "do_center_crop": True, "do_normalize": True, "do_resize": True,
        "feature_extractor_type": "DeiTFeatureExtractor", "resample": 3, "size": 43, **IMAGENET}
DINO = {"feature_extractor_type": "ViTFeatureExtractor", "do_normalize": True, "do_resize": True,
        "resample": 2, "size": 32, **IMAGENET}
DINOV2 = {"crop_size": {"height": 40, "width": 40}, "do_center_crop": True, "do_convert_rgb": True,
          "do_normalize": True, "do_rescale": True, "do_resize": True,
          "image_processor_type": "BitImageProcessor", "resample": 3,
          "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 46}, **IMAGENET}
DINOV2_56 = DINOV2 | {"crop_size": {"height": 56, "width": 56}, "size": {"shortest_edge": 64}}
DINOV2_PADDED = DINOV2 | {"crop_size": {"height": 40, "width": 40}, "size": {"shortest_edge": 37}}
DINOV3 = {"data_format": "channels_first", "default_to_square": True, "device": None,
          "do_center_crop": None, "do_convert_rgb": None, "do_normalize": True, "do_rescale": True,
          "do_resize": True, "image_processor_type": "DINOv3ViTImageProcessorFast", "resample": 2,
          "rescale_factor": 0.00392156862745098, "size": {"height": 40, "width": 40}, **IMAGENET}
CLIP_40 = {"crop_size": 40, "do_center_crop": True, "do_normalize": True, "do_resize": True,
           "feature_extractor_type": "CLIPFeatureExtractor", "resample": 3, "size": 40, **CLIP}

FEATURE_EXTRACTORS = {
    "ViTFeatureExtractor": ViTImageProcessorPil,
    "ViTImageProcessor": ViTImageProcessorPil,
    "DeiTFeatureExtractor": DeiTImageProcessorPil,
    "BitImageProcessor": BitImageProcessorPil,
    "CLIPFeatureExtractor": CLIPImageProcessorPil,
    # transformers resizes DINOv3's pictures with torchvision only; Vitreous does it as Pillow would.
    "DINOv3ViTImageProcessorFast": ViTImageProcessorPil,
}


CLS_AND_MEAN = (transformers.Dinov2ForImageClassification,
                transformers.Dinov2WithRegistersForImageClassification)


def layers_of(encoder):
    return "layer" if hasattr(encoder, "layer") else "layers"


class HfRunner:
    """A model of transformers, and how it answers."""

    def __init__(self, model, facts):
        self.model = model.eval()
        kind = facts.get("feature_extractor_type") or facts["image_processor_type"]
        self.processor = FEATURE_EXTRACTORS[kind](**facts)
        self.mean, self.std = facts["image_mean"], facts["image_std"]
        self.filter = {2: "bilinear", 3: "bicubic"}[facts["resample"]]
        config = getattr(self.model.config, "vision_config", self.model.config)
        self.patch = config.patch_size
        self.n_prefix = 1 + (getattr(config, "num_register_tokens", 0) or 0)
        self.n_prefix += isinstance(self.model, transformers.DeiTPreTrainedModel)
        self.has_cls = True
        self.reads_mean = isinstance(model, transformers.CLIPForImageClassification)
        # The others do so unasked.
        self.interpolates = config.model_type in ("vit", "deit", "clip_vision_model")
        edges = config.image_size
        self.trained_shape = tuple(edges) if isinstance(edges, (list, tuple)) else (edges, edges)
        self.scalings = {module: module.scaling for module in self.model.modules()
                         if hasattr(module, "scaling")}
        self.encoder = next(module for module in getattr(model, "vision_model", model).modules()
                            if isinstance(getattr(module, layers_of(module), None), ModuleList))
        blocks = getattr(self.encoder, layers_of(self.encoder))
        self.n_layers = len(blocks)
        self.trace = gradients.Trace()
        self.trace.watch(blocks, [module for name, module in blocks.named_modules()
                                  if name.endswith(("o_proj", "out_proj"))])
        self.has_logits = hasattr(model, "classifier") or hasattr(model, "cls_classifier")
        if isinstance(model, transformers.CLIPVisionModelWithProjection):
            self.say_mean = self.say_mean_of_clip

    def short_edge(self, picture):
        size = self.processor.size
        return size.get("shortest_edge") or min(size["height"], size["width"])

    def train_pixels(self, picture):
        raw = self.processor(images=picture, do_rescale=False, do_normalize=False)
        return np.asarray(raw["pixel_values"][0]).transpose(1, 2, 0)

    def forward(self, pixels, temperature):
        with torch.no_grad():
            return reference.first_of_each(self.say(pixels, temperature))

    @contextlib.contextmanager
    def cut(self, n_layers):
        """The model as if it had fewer blocks."""
        name = layers_of(self.encoder)
        blocks = getattr(self.encoder, name)
        setattr(self.encoder, name, blocks[:n_layers])
        yield
        setattr(self.encoder, name, blocks)

    def say_mean_of_clip(self, pixels):
        """The head on the mean of all tokens."""
        tower = getattr(self.model, "vision_model", self.model)
        return self.read(tower(pixels).last_hidden_state, True)

    def double(self):
        """From here on all is computed in float64."""
        self.model.double()

    def norm(self, tokens):
        """The last norm, where the head has one before it."""
        model = self.model
        if isinstance(model, transformers.CLIPForImageClassification):
            return tokens
        return next(module(tokens) for owner in (model, model.base_model)
                    for name, module in owner.named_children()
                    if name in ("layernorm", "post_layernorm", "norm"))

    def pool(self, tokens, mean_of_all):
        """What the first head reads of a block's output, and the second where there is one."""
        if isinstance(self.model, CLS_AND_MEAN):
            normed = self.norm(tokens)
            patches = normed[:, self.n_prefix:]
            return [torch.cat([normed[:, 0], patches.mean(dim=1)], dim=1)] * 2
        if mean_of_all:
            return [self.norm(tokens.mean(dim=1))] * 2
        if isinstance(self.model, transformers.CLIPForImageClassification):
            return [tokens[:, self.n_prefix:].mean(dim=1)] * 2
        normed = self.norm(tokens)
        return [normed[:, 0], normed[:, 1]]

    def read(self, tokens, mean_of_all):
        """What the head makes of a block's output, or of the mean of all its tokens."""
        model = self.model
        first, second = self.pool(tokens, mean_of_all)
        if hasattr(model, "visual_projection"):
            return {"embedding": model.visual_projection(first)}
        said = {"embedding": first}
        if hasattr(model, "distillation_classifier"):
            said["logits"] = (model.cls_classifier(first) + model.distillation_classifier(second)) / 2
        elif self.has_logits:
            said["logits"] = model.classifier(first)
        return said

    def say(self, pixels, temperature=1.0):
        model = self.model
        for module, scaling in self.scalings.items():
            module.scaling = scaling / temperature
        options = {"output_attentions": True}
        if self.interpolates and pixels.shape[2:] != self.trained_shape:
            options["interpolate_pos_encoding"] = True
        if isinstance(model, transformers.CLIPModel):
            out = model.vision_model(pixels, **options)
            embedding = model.visual_projection(out.pooler_output)
        else:
            out = model(pixels, **options)
            embedding = self.embedding(out, pixels, options)
        self.trace.attention += out.attentions
        said = {"attention": torch.cat(out.attentions)[None], "embedding": embedding}
        if getattr(out, "logits", None) is not None:
            said["logits"] = out.logits
        return said

    def embedding(self, out, pixels, options):
        if getattr(out, "image_embeds", None) is not None:
            return out.image_embeds
        if isinstance(self.model, transformers.CLIPVisionModel):
            return out.pooler_output
        if isinstance(self.model, transformers.CLIPForImageClassification):
            tokens = self.model.vision_model(pixels, **options).last_hidden_state
            return tokens[:, self.n_prefix:].mean(dim=1)
        tokens = getattr(out, "last_hidden_state", None)
        if tokens is None:
            tokens = self.model.base_model(pixels, **options).last_hidden_state
        if isinstance(self.model, CLS_AND_MEAN):
            return torch.cat([tokens[:, 0], tokens[:, self.n_prefix:].mean(dim=1)], dim=1)
        return tokens[:, 0]


def read(model_class, directory):
    return model_class.from_pretrained(directory, attn_implementation="eager", dtype=torch.float32)


def add_prefix(directory, prefix):
    """Names as transformers before 5 wrote them for a tower alone."""
    path = directory / "model.safetensors"
    save_file({prefix + name: tensor for name, tensor in load_file(path).items()}, path,
              {"format": "pt"})


def hf_case(model_class, config_class, config, preprocess, save=None, dtype=torch.float16,
            build=None, prefix=None):
    """Returns what writes one checkpoint directory and answers for it."""

    def make(directory, seed):
        settings = config_class(**config)
        model = model_class(settings, **(build or {}))
        reference.randomise(model, seed).to(dtype).save_pretrained(directory, **(save or {}))
        (directory / "preprocessor_config.json").write_text(json.dumps(preprocess, indent=2) + "\n")
        if prefix:
            add_prefix(directory, prefix)
        return HfRunner(read(model_class, directory), preprocess)

    return make


VIT = SMALL | {"image_size": 32, "patch_size": 8, "id2label": {0: "ant", 1: "bee", 2: "cat"},
               "label2id": {"ant": 0, "bee": 1, "cat": 2}}
DEIT_CONFIG = SMALL | {"image_size": 40, "patch_size": 10, "num_labels": 5}
DINOV2_CONFIG = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
                 "mlp_ratio": 2, "image_size": 50, "patch_size": 10}
DINOV2_14 = DINOV2_CONFIG | {"image_size": 70, "patch_size": 14}
DINOV3_CONFIG = SMALL | {"image_size": 40, "patch_size": 10, "num_register_tokens": 4,
                         "num_attention_heads": 2}
CLIP_VISION = SMALL | {"image_size": 40, "patch_size": 10, "projection_dim": 24}
CLIP_FULL = {
    "projection_dim": 24,
    "vision_config": CLIP_VISION,
    "text_config": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
                    "intermediate_size": 16, "vocab_size": 20, "max_position_embeddings": 8,
                    "bos_token_id": 0, "eos_token_id": 1, "projection_dim": 24},
}
NEW_NAMES = {"save_original_format": False}
# To keep the files small, half precision is the rule.
F32 = {"dtype": torch.float32}

t = transformers
CASES = {
    "vit": hf_case(t.ViTForImageClassification, t.ViTConfig, VIT, VIT_32, **F32),
    "vit-new-names": hf_case(t.ViTForImageClassification, t.ViTConfig, VIT, VIT_32, NEW_NAMES,
                             **F32),
    "vit-f16": hf_case(t.ViTForImageClassification, t.ViTConfig, VIT, VIT_32),
    "vit-bf16": hf_case(t.ViTForImageClassification, t.ViTConfig, VIT, VIT_32,
                        dtype=torch.bfloat16),
    "vit-sharded": hf_case(t.ViTForImageClassification, t.ViTConfig, VIT, VIT_32,
                           {"max_shard_size": "20KB"}),
    "vit-rectangle": hf_case(t.ViTForImageClassification, t.ViTConfig,
                             VIT | {"image_size": [24, 40]}, VIT_RECTANGLE),
    "vit-tanh": hf_case(t.ViTForImageClassification, t.ViTConfig,
                        VIT | {"hidden_act": "gelu_pytorch_tanh", "qkv_bias": False}, VIT_32),
    "vit-pooler": hf_case(t.ViTModel, t.ViTConfig, VIT, VIT_32),
    "deit": hf_case(t.DeiTForImageClassification, t.DeiTConfig, DEIT_CONFIG, DEIT, **F32),
    "deit-distilled": hf_case(t.DeiTForImageClassificationWithTeacher, t.DeiTConfig, DEIT_CONFIG,
                              DEIT),
    "dino": hf_case(t.ViTModel, t.ViTConfig, SMALL | {"image_size": 32, "patch_size": 8}, DINO,
                    build={"add_pooling_layer": False}, **F32),
    "dinov2": hf_case(t.Dinov2Model, t.Dinov2Config, DINOV2_14, DINOV2_56, **F32),
    "dinov2-classifier": hf_case(t.Dinov2ForImageClassification, t.Dinov2Config,
                                 DINOV2_CONFIG | {"num_labels": 4}, DINOV2, NEW_NAMES),
    "dinov2-registers": hf_case(t.Dinov2WithRegistersModel, t.Dinov2WithRegistersConfig,
                                DINOV2_CONFIG | {"num_register_tokens": 4}, DINOV2_PADDED),
    "dinov2-registers-classifier": hf_case(
        t.Dinov2WithRegistersForImageClassification, t.Dinov2WithRegistersConfig,
        DINOV2_CONFIG | {"num_register_tokens": 2, "num_labels": 4}, DINOV2, NEW_NAMES,
        torch.bfloat16),
    "dinov2-giant": hf_case(t.Dinov2Model, t.Dinov2Config,
                            DINOV2_CONFIG | {"use_swiglu_ffn": True}, DINOV2),
    "dinov2-giant-new-names": hf_case(t.Dinov2Model, t.Dinov2Config,
                                      DINOV2_CONFIG | {"use_swiglu_ffn": True}, DINOV2, NEW_NAMES),
    "dinov3": hf_case(t.DINOv3ViTModel, t.DINOv3ViTConfig, DINOV3_CONFIG, DINOV3, **F32),
    "dinov3-new-names": hf_case(t.DINOv3ViTModel, t.DINOv3ViTConfig, DINOV3_CONFIG, DINOV3,
                                NEW_NAMES, torch.bfloat16),
    "dinov3-gated": hf_case(t.DINOv3ViTModel, t.DINOv3ViTConfig,
                            DINOV3_CONFIG | {"use_gated_mlp": True, "hidden_act": "silu"}, DINOV3),
    "clip-vision": hf_case(t.CLIPVisionModel, t.CLIPVisionConfig, CLIP_VISION, CLIP_40,
                           prefix="vision_model.", **F32),
    "clip-vision-new-names": hf_case(t.CLIPVisionModel, t.CLIPVisionConfig,
                                     CLIP_VISION | {"hidden_act": "gelu"}, CLIP_40, NEW_NAMES),
    "clip-projection": hf_case(t.CLIPVisionModelWithProjection, t.CLIPVisionConfig, CLIP_VISION,
                               CLIP_40),
    "clip": hf_case(t.CLIPModel, t.CLIPConfig, CLIP_FULL, CLIP_40),
    "clip-classifier": hf_case(t.CLIPForImageClassification, t.CLIPConfig,
                               CLIP_FULL | {"num_labels": 3}, CLIP_40),
}
