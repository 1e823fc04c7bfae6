#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Writes corpus/FORMAT/: good files, and files that are wrong in one way each, named for it.

usage: make-corpus.py [FOLDER]

Needs nothing but Python; what it writes is committed.  What a fuzzer finds goes beside it as
found-NAME and is kept when this is run again.
"""

import io
import json
import pathlib
import struct
import sys
import zipfile
import zlib

FLOATS = struct.pack("<6f", 0, 1, -1, 0.5, 2, -0.25)


# ---------------------------------------------------------------- safetensors

def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(dtype, shape, start, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def safetensors_files():
    a, b = tensor("F32", [2, 3], 0, 24), tensor("F16", [4], 24, 32)
    halves = bytes(8)
    nested = b'{"a":' * 200 + b"1" + b"}" * 200
    yield "good", safetensors({"__metadata__": {"format": "pt"}, "a": a, "b": b}, FLOATS + halves)
    yield "good-scalar-and-empty", safetensors(
        {"s": tensor("F32", [], 0, 4), "e": tensor("F32", [0, 3], 4, 4)}, FLOATS[:4])
    yield "empty", b""
    yield "no-header", b"\x08\x00"
    yield "header-past-the-end", safetensors({"a": a}, FLOATS, length=1 << 20)
    yield "header-length-overflows", safetensors({"a": a}, FLOATS, length=(1 << 64) - 4)
    yield "header-not-json", safetensors(b"[1, 2, {]", FLOATS)
    yield "header-not-an-object", safetensors([1, 2], FLOATS)
    yield "header-not-utf8", safetensors(b'{"\xff\xfe": 1}', FLOATS)
    yield "header-nested", safetensors(nested)
    yield "truncated", safetensors({"a": a, "b": b}, FLOATS)
    yield "more-than-named", safetensors({"a": a}, FLOATS + b"rest")
    yield "overlap", safetensors({"a": a, "b": tensor("F16", [4], 20, 28)}, FLOATS + halves)
    yield "hole", safetensors({"a": a, "b": tensor("F16", [4], 26, 34)}, FLOATS + bytes(10))
    yield "offsets-backwards", safetensors({"a": tensor("F32", [2, 3], 24, 0)}, FLOATS)
    yield "offsets-negative", safetensors({"a": tensor("F32", [2, 3], -24, 0)}, FLOATS)
    yield "offsets-huge", safetensors({"a": tensor("F32", [2, 3], 0, 1 << 63)}, FLOATS)
    yield "offsets-missing", safetensors({"a": {"dtype": "F32", "shape": [2, 3]}}, FLOATS)
    yield "offsets-fractions", safetensors({"a": tensor("F32", [2, 3], 0.5, 24.5)}, FLOATS)
    yield "shape-lies", safetensors({"a": tensor("F32", [3, 3], 0, 24)}, FLOATS)
    yield "shape-overflows", safetensors({"a": tensor("F32", [1 << 62, 1 << 62], 0, 24)}, FLOATS)
    yield "shape-many-axes", safetensors({"a": tensor("F32", [1] * 40, 0, 4)}, FLOATS[:4])
    yield "dtype-unknown", safetensors({"a": tensor("F99", [2, 3], 0, 24)}, FLOATS)
    yield "dtype-unused", safetensors({"a": tensor("BOOL", [24], 0, 24)}, FLOATS)


# ---------------------------------------------------------------- heads

HEAD = {"weight": tensor("F32", [2, 3], 0, 24), "bias": tensor("F32", [2], 24, 32)}


def head(notes, tensors=HEAD, data=FLOATS + FLOATS[:8]):
    return safetensors({"__metadata__": notes, **tensors}, data)


def head_files():
    notes = {"labels": '["cat", "dog"]', "features": "cls", "model": "small", "model_hash": "a" * 64,
             "fit": "cover", "size": "0", "n_examples": "40", "n_folds": "5", "accuracy": "0.9",
             "accuracy_deviation": "0.1", "accuracy_of_guessing": "0.5", "penalty": "0.01"}
    single = {"weight": HEAD["weight"], "bias": tensor("F32", [1], 24, 28)}
    yield "good", head(notes)
    yield "good-without-notes", safetensors(HEAD, FLOATS + FLOATS[:8])
    yield "numbers-wild", head(notes | {"size": "-1", "n_folds": "1e99", "accuracy": "nan",
                                        "penalty": "0x"})
    yield "labels-too-few", head(notes | {"labels": '["cat"]'})
    yield "labels-no-list", head(notes | {"labels": "cat"})
    yield "labels-nested", head(notes | {"labels": "[" * 200 + "]" * 200})
    yield "labels-escape", head(notes | {"labels": '["cat"], "labels": {"4294967295": "dog"}'})
    yield "labels-object", head(notes | {"labels": '{"1": "dog"}'})
    yield "features-unknown", head(notes | {"features": "registers"})
    yield "no-bias", head(notes, {"weight": HEAD["weight"]}, FLOATS)
    yield "bias-short", head(notes, single, FLOATS + FLOATS[:4])
    yield "weight-flat", head(notes, HEAD | {"weight": tensor("F32", [6], 0, 24)})
    yield "weight-of-integers", head(notes, HEAD | {"weight": tensor("U32", [2, 3], 0, 24)})
    yield "empty-classes", head(notes, {"weight": tensor("F32", [0, 3], 0, 0),
                                        "bias": tensor("F32", [0], 0, 0)}, b"")
    yield "not-a-number", head(notes, data=FLOATS + b"\0\0\xc0\x7f" * 2)


# ---------------------------------------------------------------- npz

def npy(header=None, data=FLOATS, version=1, magic=b"\x93NUMPY"):
    header = header or "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
    size = "<H" if version == 1 else "<I"
    text = header.encode("latin-1").ljust(117) + b"\n"
    return magic + bytes([version, 0]) + struct.pack(size, len(text)) + text + data


def described(descr="<f4", fortran="False", shape="(2, 3)"):
    return f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}"


def npz(members, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, method)
    return out.getvalue()


def counting(*sizes):
    """As many numbers as @sizes need: 0, 1/64, 2/64, …"""
    count = 1
    for size in sizes:
        count *= size
    return struct.pack(f"<{count}f", *(index / 64 for index in range(count)))


def vit_jax():
    """A whole model: 1 layer, 4 wide, 2 heads, 2 × 2 patches of 2 pixels, 3 classes."""
    block = "Transformer/encoderblock_0"
    attention = f"{block}/MultiHeadDotProductAttention_1"
    shapes = {"embedding/kernel": (2, 2, 3, 4), "embedding/bias": (4,), "cls": (1, 1, 4),
              "Transformer/posembed_input/pos_embedding": (1, 5, 4),
              "Transformer/encoder_norm/scale": (4,), "Transformer/encoder_norm/bias": (4,),
              "head/kernel": (4, 3), "head/bias": (3,),
              f"{block}/MlpBlock_3/Dense_0/kernel": (4, 6), f"{block}/MlpBlock_3/Dense_0/bias": (6,),
              f"{block}/MlpBlock_3/Dense_1/kernel": (6, 4), f"{block}/MlpBlock_3/Dense_1/bias": (4,),
              f"{attention}/out/kernel": (2, 2, 4), f"{attention}/out/bias": (4,)}
    for norm in ("LayerNorm_0", "LayerNorm_2"):
        shapes |= {f"{block}/{norm}/scale": (4,), f"{block}/{norm}/bias": (4,)}
    for name in ("query", "key", "value"):
        shapes |= {f"{attention}/{name}/kernel": (4, 2, 2), f"{attention}/{name}/bias": (2, 2)}
    return {name + ".npy": npy(described(shape=str(shape)), counting(*shape))
            for name, shape in shapes.items()}


def npz_files():
    model = vit_jax()
    yield "good-vit-jax", npz(model, zipfile.ZIP_DEFLATED)
    del model["head/bias.npy"]
    yield "vit-jax-incomplete", npz(model, zipfile.ZIP_DEFLATED)
    good = npz({"a.npy": npy(), "b/c.npy": npy(described(shape="(6,)"))})
    yield "good", good
    yield "good-deflated", npz({"a.npy": npy()}, zipfile.ZIP_DEFLATED)
    yield "good-version-2", npz({"a.npy": npy(version=2)})
    yield "good-fortran", npz({"a.npy": npy(described(fortran="True"))})
    yield "good-scalar", npz({"a.npy": npy(described(shape="()"), FLOATS[:4])})
    yield "good-f64-and-i8", npz({"a.npy": npy(described("<f8", shape="(3,)")),
                                  "b.npy": npy(described("|i1", shape="(24,)"))})
    yield "big-endian", npz({"a.npy": npy(described(">f4"))})
    yield "object", npz({"a.npy": npy(described("|O"))})
    yield "type-not-utf8", npz({"a.npy": npy(described("<\xff4"))})
    yield "structured", npz({"a.npy": npy("{'descr': [('x', '<f4')], 'shape': (6,), }")})
    yield "void-bf16", npz({"a.npy": npy(described("|V2", shape="(12,)"))})
    yield "empty", b""
    yield "no-members", npz({})
    yield "not-npy", npz({"a.npy": b"hello", "readme.txt": b"hello"})
    yield "magic-wrong", npz({"a.npy": npy(magic=b"\x93NUMPX")})
    yield "version-unknown", npz({"a.npy": npy(version=9)})
    yield "header-past-the-end", npz({"a.npy": npy()[:20]})
    yield "header-unclosed", npz({"a.npy": npy("{'descr': '<f4', 'shape': (2, ")})
    yield "header-without-shape", npz({"a.npy": npy("{'descr': '<f4', 'fortran_order': False}")})
    yield "shape-lies", npz({"a.npy": npy(described(shape="(3, 3)"))})
    yield "shape-overflows", npz({"a.npy": npy(described(shape=f"({1 << 62}, {1 << 62})"))})
    yield "shape-past-64-bits", npz({"a.npy": npy(described(shape=f"({1 << 70},)"))})
    yield "shape-negative", npz({"a.npy": npy(described(shape="(-2, -3)"))})
    yield "shape-many-axes", npz({"a.npy": npy(described(shape=f"({'1, ' * 40})"), FLOATS[:4])})
    yield "truncated", good[:len(good) // 2]
    yield "directory-cut", good[:-30]
    yield "member-longer-than-told", good.replace(struct.pack("<I", 152), struct.pack("<I", 9999))
    yield "checksum-wrong", good.replace(FLOATS, FLOATS[::-1], 1)


# ---------------------------------------------------------------- onnx (protobuf)

def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def field(number, value):
    """A varint for numbers, length-delimited for bytes and text."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def initializer(name="w", dims=(2, 3), dtype=1, data=FLOATS, *extra):
    return b"".join(field(1, size) for size in dims) + field(2, dtype) + field(8, name) \
        + (field(9, data) if data is not None else b"") + b"".join(extra)


def node(op="MatMul", inputs=("x", "w"), name="/layer/query/MatMul"):
    return b"".join(field(1, one) for one in inputs) + field(2, "y") + field(3, name) + field(4, op)


def onnx(*initializers, nodes=(node(),)):
    graph = b"".join(field(1, one) for one in nodes) + field(2, "graph") \
        + b"".join(field(5, one) for one in initializers)
    return field(1, 8) + field(2, "pytorch") + field(7, graph)


def constant(name, value):
    """A Constant of one 64-bit integer."""
    tensor = field(2, 7) + field(9, struct.pack("<q", value))
    return field(2, name) + field(4, "Constant") + field(5, field(1, "value") + field(5, tensor))


def dinov2():
    """A whole model, exported as the starter was: 1 layer, 4 wide, 2 heads, 2 × 2 patches."""
    layer = "encoder.layer.0"
    shapes = {"embeddings.cls_token": (1, 1, 4),
              "embeddings.patch_embeddings.projection.weight": (4, 3, 2, 2),
              "embeddings.patch_embeddings.projection.bias": (4,),
              "onnx::Concat_1": (1, 1, 4), "onnx::Reshape_2": (1, 4, 4),
              "layernorm.weight": (4,), "layernorm.bias": (4,),
              f"{layer}.layer_scale1.lambda1": (4,), f"{layer}.layer_scale2.lambda1": (4,)}
    nodes = [constant("two", 2), constant("also-two", 2),
             node("Concat", ("a", "b", "two", "also-two"), f"/{layer}/attention/Concat"),
             node("Concat", ("onnx::Concat_1", "x"), "/embeddings/Concat_6"),
             node("Reshape", ("onnx::Reshape_2", "x"), "/embeddings/Reshape_1")]
    for norm in ("norm1", "norm2"):
        shapes |= {f"{layer}.{norm}.weight": (4,), f"{layer}.{norm}.bias": (4,)}
    linears = {f"attention.attention.{name}": (4, 4) for name in ("query", "key", "value")}
    linears |= {"attention.output.dense": (4, 4), "mlp.fc1": (4, 8), "mlp.fc2": (8, 4)}
    for name, shape in linears.items():
        shapes |= {f"onnx::MatMul_{name}": shape, f"{layer}.{name}.bias": shape[1:]}
        path = "/".join(["", "encoder", "layer.0", *name.split("."), "MatMul"])
        nodes.append(node("MatMul", ("x", f"onnx::MatMul_{name}"), path))
    return onnx(*(initializer(name, shape, 1, counting(*shape)) for name, shape in shapes.items()),
                nodes=nodes)


def onnx_files():
    yield "good-dinov2", dinov2()
    yield "dinov2-misses-a-bias", dinov2().replace(b"layernorm.bias", b"layernorm.bios")
    good = onnx(initializer())
    yield "good", good
    yield "good-float-data", onnx(initializer("w", (2, 3), 1, None, field(4, FLOATS)))
    yield "good-int64", onnx(initializer("w", (3,), 7, FLOATS))
    yield "good-unnamed-weight", onnx(initializer("onnx::MatMul_7"),
                                      nodes=(node(inputs=("x", "onnx::MatMul_7")),))
    yield "empty", b""
    yield "no-graph", field(1, 8) + field(2, "pytorch")
    yield "truncated", good[:len(good) // 2]
    yield "cut-by-one", good[:-1]
    yield "length-past-the-end", varint(7 << 3 | 2) + varint(1 << 40) + b"x"
    yield "length-overflows", varint(7 << 3 | 2) + varint((1 << 64) - 1) + b"x"
    yield "varint-endless", b"\xff" * 40
    yield "wire-type-unknown", bytes([7 << 3 | 7]) + good
    yield "field-zero", field(0, 1) + good
    yield "group", bytes([20 << 3 | 3, 20 << 3 | 4]) + good
    yield "shape-lies", onnx(initializer("w", (3, 3)))
    yield "shape-overflows", onnx(initializer("w", (1 << 62, 1 << 62)))
    yield "shape-negative", onnx(initializer("w", ((1 << 64) - 2, 3)))
    yield "shape-many-axes", onnx(initializer("w", (1,) * 40, 1, FLOATS[:4]))
    yield "dtype-unknown", onnx(initializer("w", (2, 3), 99))
    yield "named-twice", onnx(initializer("w"), initializer("w"))
    yield "without-name", onnx(initializer(""))
    yield "name-not-utf8", onnx(initializer(b"\xff\xfe"))
    yield "data-elsewhere", onnx(initializer("w", (2, 3), 1, None, field(14, 1)))


# ---------------------------------------------------------------- config (JSON)

def config_files():
    good = {"model_type": "dinov2", "hidden_size": 6, "num_hidden_layers": 1,
            "num_attention_heads": 3, "patch_size": 2, "image_size": 4, "hidden_act": "gelu",
            "layer_norm_eps": 1e-6, "mlp_ratio": 4, "use_swiglu_ffn": False,
            "id2label": {"0": "cat", "1": "dog"}}
    timm = {"architecture": "vit_tiny_patch16_224", "num_classes": 10, "num_features": 48,
            "pretrained_cfg": {"input_size": [3, 224, 224], "crop_pct": 0.9, "crop_mode": "center",
                               "interpolation": "bicubic", "mean": [0.5] * 3, "std": [0.5] * 3}}
    preprocessor = {"do_resize": True, "size": {"shortest_edge": 256}, "resample": 3,
                    "crop_size": {"height": 224, "width": 224}, "do_center_crop": True,
                    "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
                    "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True}

    def without_sense(value):
        return json.dumps({key: value for key in {**good, **timm, **preprocessor}}).encode()

    yield "good-transformers", json.dumps(good).encode()
    yield "good-timm", json.dumps(timm).encode()
    yield "good-preprocessor", json.dumps(preprocessor).encode()
    yield "good-heads-of-layers", json.dumps({**good, "vitreous": {"heads": [3]}}).encode()
    yield "good-heads-alone", b'{"vitreous": {"heads": [3]}}'
    for name, own in (("too-few", {"heads": [2]}), ("of-more-layers", {"heads": [3, 3]}),
                      ("none", {"heads": []}), ("zero", {"heads": [0]}),
                      ("huge", {"heads": [1 << 62]}), ("most", {"heads": [0x7fffffff]}),
                      ("negative", {"heads": [-1]}), ("a-share", {"heads": [2.5]}),
                      ("nested", {"heads": [[3]]}), ("no-list", {"heads": 3}),
                      ("no-object", [3]), ("of-many-layers", {"heads": [1] * 5000})):
        yield f"heads-{name}", json.dumps({**good, "vitreous": own}).encode()
    yield "empty", b""
    yield "not-json", b"{"
    yield "not-an-object", b"[]"
    yield "not-utf8", b'{"model_type": "\xff\xfe"}'
    yield "nested", b'{"a":' * 200 + b"1" + b"}" * 200
    yield "nested-lists", b"[" * 5000
    yield "all-negative", without_sense(-1)
    yield "all-zero", without_sense(0)
    yield "all-huge", without_sense(1 << 62)
    yield "all-text", without_sense("x")
    yield "all-lists", without_sense([1])
    yield "all-null", without_sense(None)
    yield "all-objects", without_sense({"height": 1})
    yield "number-past-64-bits", b'{"hidden_size": 1' + b"0" * 400 + b"}"
    yield "labels-far-apart", b'{"id2label": {"0": "a", "4000000000": "b", "-1": "c", "x": "d"}}'


# ---------------------------------------------------------------- container (pictures' files)

def tiff(order="<", orientation=6, entries=1, directory=8):
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "IHHHIHHI", directory, entries, 0x0112, 3, 1, orientation,
                              0, 0)


def png(*extra):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)) \
        + b"".join(chunk(kind, data) for kind, data in extra) \
        + chunk(b"IDAT", zlib.compress(b"\0\x80")) + chunk(b"IEND", b"")


def bmp(width=1, height=1, bits=24, data=bytes(4)):
    return b"BM" + struct.pack("<IIIIiiHHIIiiII", 54 + len(data), 0, 54, 40, width, height, 1, bits,
                               0, len(data), 0, 0, 0, 0) + data


def container_files():
    jpeg = b"\xff\xd8\xff\xe0\0\4ab\xff\xda\0\3\1\x12\xff\0\x34\xff\xd0\x56\xff\xd9"
    yield "good-png", png()
    yield "good-png-exif", png((b"eXIf", tiff(">", 8)))
    yield "good-jpeg", jpeg
    yield "good-tiff", tiff()
    yield "good-tiff-big-endian", tiff(">", 3)
    yield "good-bmp", bmp()
    yield "good-bmp-top-down", bmp(height=-1)
    yield "empty", b""
    yield "png-signature-alone", png()[:8]
    yield "png-cut", png()[:-9]
    yield "png-chunk-past-the-end", png()[:33] + b"\xff\xff\xff\xff" + png()[37:]
    yield "png-exif-empty", png((b"eXIf", b""))
    yield "jpeg-start-alone", jpeg[:2]
    yield "jpeg-cut", jpeg[:-2]
    yield "jpeg-segment-past-the-end", jpeg[:4] + b"\xff\xff" + jpeg[6:]
    yield "jpeg-segment-of-one", jpeg[:4] + b"\0\1" + jpeg[6:]
    yield "tiff-orientation-99", tiff(orientation=99)
    yield "tiff-directory-past-the-end", tiff(directory=0xffffffff)
    yield "tiff-entries-past-the-end", tiff(entries=0xffff, orientation=0)[:-6]
    yield "bmp-header-alone", bmp()[:20]
    yield "bmp-huge", bmp(0x7fffffff, -0x80000000, 0xffff)


# ---------------------------------------------------------------- references

RANGE = [0.1, 0.2, 0.3, 0.4, 0.5]
HEAD_TRAITS = ["entropy/all", "entropy/cls-patches", "maximum/all", "participation/all",
               "distance/all-patches", "cls-mass/all", "self-mass/all", "neighbour-mass/all-patches",
               "sink/all", "positional/all-patches", "uniform-rows/all", "collapsed-rows/all"]
TOKEN_TRAITS = ["norm", "norm-maximum", "artifacts", "cosine", "residual", "change", "update"]


def reference(**changes):
    """One layer, one head, two numbers in an embedding."""
    facts = {
        "format": "vitreous-reference", "version": 1, "name": "tiny", "family": "vit",
        "model_hash": "0" * 64, "pictures": 8,
        "shape": {"layers": 1, "heads": 1, "hidden_size": 4, "patch_size": 2, "prefix_tokens": 1,
                  "embedding_size": 2},
        "input": {"rows": 2, "columns": 2, "rescale": 1 / 255, "mean": [0.5] * 3, "std": [0.5] * 3,
                  "pixel_mean": RANGE * 3, "pixel_deviation": RANGE * 3},
        "heads": {name: RANGE for name in HEAD_TRAITS},
        "tokens": {name: [None] * 5 if name == "change" else RANGE for name in TOKEN_TRAITS},
        "outputs": {"embedding": [0, 1, 0, 1], "confidence": [None, None], "distance": RANGE},
        "sketch": {"rows": 2, "columns": 2, "kernel": [0.5] * 12, "positions": [1, 2, 3, 4]},
    }
    for key, change in changes.items():
        facts[key] = facts[key] | change if isinstance(change, dict) else change
    return json.dumps(facts).encode()


def reference_files():
    whole = reference()
    yield "good", whole
    yield "good-without-sketch", reference(sketch=None)
    yield "empty", b""
    yield "cut", whole[:-30]
    yield "format-of-others", reference(format="vitreous-head")
    yield "version-later", reference(version=2)
    yield "name-no-text", reference(name=7)
    yield "layers-none", reference(shape={"layers": 0})
    yield "layers-many", reference(shape={"layers": 1 << 30})
    yield "heads-many", reference(shape={"heads": 65537})
    yield "heads-missing", reference(shape={"heads": 2})
    yield "embedding-long", reference(shape={"embedding_size": 1 << 20})
    yield "patch-huge", reference(shape={"patch_size": 65536})
    yield "patch-none", reference(shape={"patch_size": 0}, sketch={"kernel": []})
    yield "std-zero", reference(input={"std": [0.0] * 3})
    yield "rescale-negative", reference(input={"rescale": -1})
    yield "percentiles-fall", reference(heads={"entropy/all": RANGE[::-1]})
    yield "percentiles-half", reference(heads={"entropy/all": [None, *RANGE[1:]]})
    yield "percentiles-short", reference(tokens={"norm": RANGE[:4]})
    yield "numbers-text", reference(tokens={"norm": ["0"] * 5})
    yield "deviation-negative", reference(outputs={"embedding": [0, -1, 0, 1]})
    yield "sketch-no-object", reference(sketch=[])
    yield "sketch-huge", reference(sketch={"rows": 65536, "columns": 65536})
    yield "sketch-short", reference(sketch={"positions": [1]})


FORMATS = {
    "container": container_files,
    "safetensors": safetensors_files,
    "head": head_files,
    "reference": reference_files,
    "npz": npz_files,
    "onnx": onnx_files,
    "config": config_files,
}


def main(folder):
    for name, files in FORMATS.items():
        target = folder / name
        target.mkdir(parents=True, exist_ok=True)
        for old in target.iterdir():
            if not old.name.startswith("found-"):
                old.unlink()
        for file_name, data in files():
            (target / file_name).write_bytes(data)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1
         else pathlib.Path(__file__).parent / "corpus")
