# SPDX-License-Identifier: LGPL-3.0-or-later
"""Compares what the engines answer with PyTorch's eager attention; fails where one is off.

    check.py OUT.json VITREOUS DEVICE CASE [ENGINE...]

Compared are the CLS token of the last layer and the rows of attention that it has in all layers and
heads, as far as an engine tells them.  OUT.json gets the largest differences, of tokens as a share
of the largest value.  Vitreous runs on DEVICE.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

import cases
import engines

TOKEN_TOLERANCE, ATTENTION_TOLERANCE = 1e-3, 1e-4
# It is inexact with half floats switched off, too; by how much is told.
LOOSE = {"ncnn-vulkan": 0.1}
HAS_ATTENTION = ["torch-eager", "onnxruntime", "openvino"]


def ask_engine(name, case):
    """CLS token [d], its attention [layers][h][patches] or None."""
    attention = "all" if name in HAS_ATTENTION else "none"
    tokens, matrices = engines.ENGINES[name](case, attention).answers()
    rows = np.stack([matrix[:, 0, 1:] for matrix in matrices]) if matrices else None
    return tokens[0], rows


def ask_vitreous(program, device, case):
    model, edge, _ = cases.CASES[case]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "explain", "-q", "-m", cases.model_path(model),
                        "--device", device, "--fit", "stretch", "--size", str(edge),
                        "--layers", "all", "--heads", "all", "--query", "cls", "--write", "npz",
                        "-o", folder, cases.PHOTOS / "00.png"],
                       check=True, stdout=subprocess.DEVNULL)
        arrays = np.load(pathlib.Path(folder) / "00.npz")
        attention = arrays["attention"]
        return arrays["embedding"], attention.reshape(*attention.shape[:2], -1)


def compare(answer, expected):
    """Largest differences: of the token, as a share of the largest value; of attention."""
    scale = np.abs(expected[0]).max()
    differences = {"token": float(np.abs(answer[0] - expected[0]).max() / scale)}
    if answer[1] is not None:
        differences["attention"] = float(np.abs(answer[1] - expected[1]).max())
    return differences


def is_close(name, differences):
    # Not “>”: NaN must fail.
    return (differences["token"] <= LOOSE.get(name, TOKEN_TOLERANCE)
            and differences.get("attention", 0) <= ATTENTION_TOLERANCE)


def main(out, program, device, case, *names):
    expected = ask_engine("torch-eager", case)
    results = {"vitreous": compare(ask_vitreous(program, device, case), expected)}
    for name in names:
        results[name] = compare(ask_engine(name, case), expected)
    pathlib.Path(out).write_text(json.dumps(results))
    wrong = [name for name, differences in results.items() if not is_close(name, differences)]
    for name in wrong:
        print(f"{case}: {name} differs from PyTorch: {results[name]}", file=sys.stderr)
    engines.leave(1 if wrong else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
