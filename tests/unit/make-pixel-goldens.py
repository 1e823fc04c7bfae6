#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Makes tests/unit/pixels/: what Pillow and transformers make of pictures.

Needs Pillow 13 or later, NumPy and transformers (as at the top of each file made).  Run it in
this folder; the files are committed.

  resize.txt      a line per case: sizes, filter, SHA-256 of Pillow's RGB bytes
  prepared.txt    a line per case: a processor's settings, SHA-256 of its bytes before rescaling
  prepared.f32    the cases' normalised pixels one after the other, [3][height][width], little-endian
  *.jpg *.png ... small files of all kinds; NAME.KIND is to give the pixels of NAME.KIND.want.png
"""

import hashlib
import os
import random

import numpy as np
import PIL
import transformers
from PIL import Image, ImageOps
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pixels")
FILTERS = [Image.NEAREST, Image.BILINEAR, Image.BICUBIC, Image.LANCZOS, Image.BOX, Image.HAMMING]
FILTER_NAMES = ["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"]
MADE_BY = f"# Pillow {PIL.__version__}, transformers {transformers.__version__}\n"


def noise(width, height, seed):
    """Bytes any language can make: a hash of their index.  Half of the seeds give black and white."""
    v = np.arange(width * height * 3, dtype=np.uint64) + np.uint64(seed * 7919)
    v = (v * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)
    v ^= v >> np.uint64(15)
    v = (v * np.uint64(2246822519)) & np.uint64(0xFFFFFFFF)
    v ^= v >> np.uint64(13)
    pixels = (v >> np.uint64(24)).astype(np.uint8).reshape(height, width, 3)
    return np.where(pixels > 127, 255, 0).astype(np.uint8) if seed % 2 else pixels


def sha256(pixels):
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def make_resize():
    rng = random.Random(3)
    sizes = [(1, 1, 1, 1), (1, 1, 7, 5), (7, 5, 1, 1), (64, 48, 64, 48), (64, 48, 64, 20),
             (64, 48, 20, 48), (2000, 1, 3, 1), (1, 2000, 1, 3), (2000, 3, 5, 60), (3, 2000, 60, 5),
             (333, 500, 224, 224), (500, 333, 224, 224), (300, 200, 384, 256), (200, 301, 301, 200),
             (60, 100, 22, 22), (100, 60, 22, 22), (60, 100, 40, 60), (60, 100, 40, 59)]
    while len(sizes) < 40:
        sizes.append(tuple(rng.choice([rng.randint(1, 9), rng.randint(1, 99), rng.randint(1, 600)])
                           for _ in range(4)))
    with open(os.path.join(FOLDER, "resize.txt"), "w", encoding="ascii") as out:
        out.write(MADE_BY + "# width height new_width new_height filter seed sha256\n")
        for seed, (width, height, new_width, new_height) in enumerate(sizes):
            image = Image.fromarray(noise(width, height, seed))
            for name, resample in zip(FILTER_NAMES, FILTERS):
                new = np.asarray(image.resize((new_width, new_height), resample))
                out.write(f"{width} {height} {new_width} {new_height} {name} {seed} {sha256(new)}\n")


def make_prepared():
    mean, std = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    # width height | resize: short edge or (width, height) or none | crop (width, height) | filter
    cases = [(57, 40, 32, (28, 28), "bicubic"), (40, 57, 32, (28, 28), "bicubic"),
             (41, 41, 33, (28, 28), "bilinear"), (90, 31, 30, (28, 14), "lanczos"),
             (19, 23, None, (28, 28), "bilinear"), (19, 60, None, (28, 28), "bilinear"),
             (70, 50, (28, 28), None, "bilinear"), (10, 9, (42, 28), None, "bicubic"),
             (28, 42, None, None, "bilinear"), (64, 100, 20, (28, 28), "bicubic")]
    floats = []
    with open(os.path.join(FOLDER, "prepared.txt"), "w", encoding="ascii") as out:
        out.write(MADE_BY + "# width height seed resize_width resize_height (short edge: 0 edge)"
                  " crop_width crop_height filter new_width new_height sha256\n")
        for seed, (width, height, resize, crop, name) in enumerate(cases):
            size = {"shortest_edge": resize} if isinstance(resize, int) else \
                {"width": resize[0], "height": resize[1]} if resize else {"height": 1, "width": 1}
            crop_size = {"width": crop[0], "height": crop[1]} if crop else {"width": 1, "height": 1}
            how = dict(do_resize=resize is not None, size=size, do_center_crop=crop is not None,
                       crop_size=crop_size, resample=FILTERS[FILTER_NAMES.index(name)],
                       image_mean=mean, image_std=std)
            processor = CLIPImageProcessorPil(**how)
            image = Image.fromarray(noise(width, height, 2 * seed))
            whole = processor(image, return_tensors="np")["pixel_values"][0]
            plain = CLIPImageProcessorPil(**how, do_rescale=False, do_normalize=False)
            plain = np.asarray(plain(image, return_tensors="np")["pixel_values"][0])
            assert np.array_equal(plain, plain.astype(np.uint8))
            floats.append(whole.astype("<f4").ravel())
            shown = (0, resize) if isinstance(resize, int) else resize or (0, 0)
            digest = sha256(plain.astype(np.uint8).transpose(1, 2, 0))
            fields = (width, height, 2 * seed, *shown, *(crop or (0, 0)), name, whole.shape[2],
                      whole.shape[1], digest)
            out.write(" ".join(map(str, fields)) + "\n")
    np.concatenate(floats).tofile(os.path.join(FOLDER, "prepared.f32"))


def save(image, name, want=None, **how):
    path = os.path.join(FOLDER, name)
    image.save(path, **how)
    if want is None:
        want = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    want.save(path + ".want.png")


def make_files():
    y, x = np.mgrid[0:22, 0:34]
    smooth = Image.fromarray(np.stack([x * 7, y * 11, (x * y) % 256], 2).astype(np.uint8))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x112] = orientation
        for kind in ("jpg", "png", "tif"):
            save(smooth, f"turned{orientation}.{kind}", exif=exif)
    save(smooth, "half-chroma.jpg", quality=80, subsampling=2)
    save(smooth, "progressive.jpg", quality=70, subsampling=1, progressive=True)
    save(smooth.convert("L"), "grey.jpg")
    save(smooth.convert("CMYK"), "cmyk.jpg")
    save(smooth.convert("L"), "grey.png")
    save(smooth.convert("P"), "palette.png")
    grey = (x * 1900 + y).astype(np.uint16)
    save(Image.fromarray(grey), "grey16.png", Image.fromarray((grey >> 8).astype(np.uint8)).convert("RGB"))
    save(smooth, "plain.bmp")
    frames = [smooth.quantize(64), ImageOps.invert(smooth).quantize(64)]
    save(frames[0], "two-frames.gif", frames[0].convert("RGB"), save_all=True, append_images=frames[1:])


if __name__ == "__main__":
    os.makedirs(FOLDER, exist_ok=True)
    make_resize()
    make_prepared()
    make_files()
