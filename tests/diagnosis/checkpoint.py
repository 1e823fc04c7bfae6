# SPDX-License-Identifier: LGPL-3.0-or-later
"""Reads a checkpoint of transformers, changes it, and writes it as another one."""

import array
import json
import pathlib
import struct

SUFFIXES = {
    "positions": "embeddings.position_embeddings",
    "cls": "embeddings.cls_token",
    "patch": "embeddings.patch_embeddings.projection.weight",
    "query": "layer.{}.attention.attention.query.weight",
    "query-bias": "layer.{}.attention.attention.query.bias",
    "key": "layer.{}.attention.attention.key.weight",
    "key-bias": "layer.{}.attention.attention.key.bias",
    "value": "layer.{}.attention.attention.value.weight",
    "value-bias": "layer.{}.attention.attention.value.bias",
    "projection": "layer.{}.attention.output.dense.weight",
    "projection-bias": "layer.{}.attention.output.dense.bias",
    "fc1": ("layer.{}.intermediate.dense.weight", "layer.{}.mlp.fc1.weight"),
    "fc2": ("layer.{}.output.dense.weight", "layer.{}.mlp.fc2.weight"),
    "fc2-bias": ("layer.{}.output.dense.bias", "layer.{}.mlp.fc2.bias"),
}


class Checkpoint:
    """A folder with model.safetensors and its configuration; what is set becomes F32."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        data = (folder / "model.safetensors").read_bytes()
        size = struct.unpack_from("<Q", data)[0]
        self.header = json.loads(data[8:8 + size])
        self.metadata = self.header.pop("__metadata__", None)
        self.data = memoryview(data)[8 + size:]
        self.changed = {}
        self.config = json.loads((folder / "config.json").read_text())
        self.preprocessor = json.loads((folder / "preprocessor_config.json").read_text())
        self.n_layers = self.config["num_hidden_layers"]
        self.n_heads = self.config["num_attention_heads"]
        self.d = self.config["hidden_size"]
        self.head_size = self.d // self.n_heads
        self.patch_size = self.config["patch_size"]

    def name(self, part, layer=0):
        suffixes = SUFFIXES[part]
        for suffix in (suffixes,) if isinstance(suffixes, str) else suffixes:
            for name in self.header:
                if name.endswith(suffix.format(layer)):
                    return name
        raise KeyError(part)

    def shape(self, part, layer=0):
        return self.header[self.name(part, layer)]["shape"]

    def get(self, part, layer=0):
        """All numbers of a tensor, as an array of floats."""
        name = self.name(part, layer)
        if name in self.changed:
            return array.array("f", self.changed[name])
        entry = self.header[name]
        begin, end = entry["data_offsets"]
        raw = self.data[begin:end]
        if entry["dtype"] == "F32":
            return array.array("f", raw.tobytes())
        assert entry["dtype"] == "F16"
        return array.array("f", struct.unpack(f"<{len(raw) // 2}e", raw))

    def set(self, part, layer, values):
        self.changed[self.name(part, layer)] = array.array("f", values)

    def change(self, part, layer, function):
        """Sets each number to what the function says of it."""
        self.set(part, layer, map(function, self.get(part, layer)))

    def save(self, folder):
        """The tensors as they were, with the changed ones in their places."""
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True)
        header, at = {}, 0
        names = sorted(self.header, key=lambda name: self.header[name]["data_offsets"])
        for name in names:
            entry = dict(self.header[name])
            begin, end = entry["data_offsets"]
            size = 4 * len(self.changed[name]) if name in self.changed else end - begin
            if name in self.changed:
                entry["dtype"] = "F32"
            entry["data_offsets"] = [at, at + size]
            header[name] = entry
            at += size
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with open(folder / "model.safetensors", "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for name in names:
                begin, end = self.header[name]["data_offsets"]
                file.write(self.changed[name].tobytes() if name in self.changed
                           else self.data[begin:end])
        (folder / "config.json").write_text(json.dumps(self.config))
        (folder / "preprocessor_config.json").write_text(json.dumps(self.preprocessor))
