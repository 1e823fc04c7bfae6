# SPDX-License-Identifier: LGPL-3.0-or-later
"""What is measured, and where what it needs lies.  Imports nothing large."""

import json
import os
import pathlib

CACHE = pathlib.Path(os.environ["VITREOUS_BENCH_CACHE"])
GRAPHS = CACHE / "graphs"
PIXELS = CACHE / "pixels"
PHOTOS = CACHE / "photos"

# name: model, edge of the picture in pixels, runs between two turns of the other engines
CASES = {
    "starter-224": ("starter", 224, 8),
    "starter-518": ("starter", 518, 2),
    "vit-b16-224": ("vit-b16", 224, 4),
}

# What is explained: model, edge of the picture in pixels, rounds of Vitreous and of its peers, for
# which the large one takes minutes.
EXPLAINED = {
    "starter-224": ("starter", 224, 1, 1),  # where the maps are compared
    "starter-518": ("starter", 518, 3, 3),
    "starter-1036": ("starter", 1036, 3, 1),
}

# Method: the ways to have it in PyTorch, of explain-torch.py.
PEERS_OF_METHODS = {
    "rollout": ["rollout-published", "rollout-row"],
    "relevance": ["relevance-published", "relevance-row"],
    "legrad": ["legrad-published", "legrad-block"],
}

# What the process of a peer may take before it counts as out of memory, in bytes.
MEMORY_LIMIT = 16 << 30

# Whose memory above the weights is measured: model, edge, how much there may be in bytes.
LEAN = {
    "vit-b16-224": ("vit-b16", 224, 1 << 30),
    "starter-1036": ("starter", 1036, 1 << 29),
    "vit-b16-1040": ("vit-b16", 1040, 1 << 30),
}

# The pixel of a photo whose patch is the target: nowhere at the edge of a patch.
TARGET_PIXEL = 200, 100

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
N_PHOTOS = 32
PHOTO_SIZE = 451, 300

# Batches that the transformers script is tried with.
BATCHES = [1, 4, 8, 32]


def model_path(model):
    return CACHE / "models" / model


def config(model):
    return json.loads((model_path(model) / "config.json").read_text())


def graph_path(case, attention, ending):
    """@attention: which layers' a graph gives besides the tokens: "none", "last" or "all"."""
    return GRAPHS / f"{case}.{attention}.{ending}"
