# SPDX-License-Identifier: LGPL-3.0-or-later
"""Makes what the engines need, each thing once: models, graphs, photos, pixels.

    prepare.py STARTER PICTURE...

STARTER is the folder of the starter model, as `vitreous import` laid it out; the PICTUREs are cut
into the photos.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import openvino
import torch
import transformers
from PIL import Image, ImageOps

import cases
import vit


def link_starter(folder):
    link = cases.model_path("starter")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(pathlib.Path(folder).resolve())


def make_vit_b16():
    """A ViT-B/16 as transformers makes it, with the starter's pixels."""
    folder = cases.model_path("vit-b16")
    if (folder / "preprocessor_config.json").exists():
        return
    torch.manual_seed(0)
    model = transformers.ViTModel(transformers.ViTConfig(), add_pooling_layer=False)
    model.save_pretrained(folder)
    facts = {"do_resize": True, "size": {"height": 224, "width": 224}, "resample": 3,
             "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True,
             "image_mean": cases.MEAN, "image_std": cases.STD,
             "image_processor_type": "ViTImageProcessor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(facts))


def make_photos(paths):
    """Cuts each picture into as many photos, mirrors every other one: no two are alike."""
    if (cases.PHOTOS / f"{cases.N_PHOTOS - 1:02d}.png").exists():
        return
    cases.PHOTOS.mkdir(exist_ok=True)
    pictures = [Image.open(path).convert("RGB") for path in paths]
    for i in range(cases.N_PHOTOS):
        picture = pictures[i % len(pictures)]
        inset = 1 + i // len(pictures)
        width, height = picture.size
        photo = picture.crop((4 * inset, 2 * inset, width - 3 * inset, height - 5 * inset))
        photo = photo.resize(cases.PHOTO_SIZE, Image.Resampling.BICUBIC)
        (ImageOps.mirror(photo) if i % 2 else photo).save(cases.PHOTOS / f"{i:02d}.png")


def make_pixels(edge):
    """[1][3][edge][edge] of the first photo, as every engine gets it."""
    path = cases.PIXELS / f"{edge}.npy"
    if path.exists():
        return
    path.parent.mkdir(exist_ok=True)
    photo = Image.open(cases.PHOTOS / "00.png").resize((edge, edge), Image.Resampling.BICUBIC)
    pixels = np.asarray(photo, np.float32) / 255
    pixels = (pixels - np.float32(cases.MEAN)) / np.float32(cases.STD)
    np.save(path, np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]))


def export_onnx(source, case, layers, edge):
    path = cases.graph_path(case, layers, "onnx")
    if path.exists():
        return
    n_layers = {"none": 0, "last": 1, "all": source.config.num_hidden_layers}[layers]
    names = ["tokens", *(f"attention{i}" for i in range(n_layers))]
    model = vit.Vit(source, edge, vit.MatrixAttention, layers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (torch.zeros(1, 3, edge, edge),), path, input_names=["pixels"],
                          output_names=names, opset_version=17, dynamo=False)


def export_openvino(source, case, edge):
    """With attention as one operation, which the way through ONNX takes to pieces."""
    path = cases.graph_path(case, "none", "xml")
    if path.exists():
        return
    model = vit.Vit(source, edge, vit.FusedAttention)
    graph = openvino.convert_model(model, example_input=torch.zeros(1, 3, edge, edge))
    openvino.save_model(graph, path, compress_to_fp16=False)


def export_ncnn(source, case, edge):
    """By pnnx, which writes much else beside what it reads."""
    path = cases.graph_path(case, "none", "ncnn.param")
    if path.exists():
        return
    model = vit.Vit(source, edge, vit.ModuleAttention)
    pnnx = pathlib.Path(sys.executable).with_name("pnnx")
    with tempfile.TemporaryDirectory(dir=cases.GRAPHS) as folder:
        traced = torch.jit.trace(model, torch.zeros(1, 3, edge, edge), check_trace=False)
        traced.save(f"{folder}/vit.pt")
        subprocess.run([pnnx, "vit.pt", f"inputshape=[1,3,{edge},{edge}]", "fp16=0",
                        f"ncnnparam={path}", f"ncnnbin={path.with_suffix('.bin')}"],
                       cwd=folder, check=True)


def export(case):
    model, edge, _ = cases.CASES[case]
    cases.GRAPHS.mkdir(exist_ok=True)
    source = vit.load_transformers(model, "eager")
    for layers in ["none", "last", "all"]:
        export_onnx(source, case, layers, edge)
    export_openvino(source, case, edge)
    export_ncnn(source, case, edge)


def main(starter, *pictures):
    torch.set_grad_enabled(False)
    link_starter(starter)
    make_vit_b16()
    make_photos(pictures)
    for case, (_, edge, _) in cases.CASES.items():
        make_pixels(edge)
        export(case)


if __name__ == "__main__":
    main(*sys.argv[1:])
