# SPDX-License-Identifier: LGPL-3.0-or-later
"""Measures maps of methods that go through all layers, whole processes: Vitreous and PyTorch."""

import json
import pathlib
import shutil
import subprocess
import tempfile

import cases
import processes
from processes import PROGRAM, PYTHON

OUT_OF_MEMORY = 3  # what explain-torch.py leaves with

# Name: method and its parameters; whether it explains a target.
METHODS = {
    "raw": (["raw"], False),
    "rollout": (["rollout"], False),
    "grad-rollout": (["grad-rollout"], True),
    "relevance": (["relevance"], True),
    "legrad": (["legrad"], True),
    "gradcam, attention": (["gradcam", "--features", "attention"], True),
    "gradcam, activation": (["gradcam", "--features", "activation"], True),
}

PIXEL = ",".join(map(str, cases.TARGET_PIXEL))


def photo():
    return cases.PHOTOS / "00.png"


def vitreous_command(name, model, edge, folder):
    method, has_target = METHODS[name]
    target = ["--target", f"patch:{PIXEL}"] if has_target else []
    return [PROGRAM, "explain", "-q", "-m", cases.model_path(model), "--device", "cpu", "--fit",
            "stretch", "--size", str(edge), "--method", *method, *target, "--write", "npz", "-o",
            folder, photo()]


def torch_command(way, model, edge, folder):
    return [PYTHON, processes.HERE / "explain-torch.py", way, model, str(edge), PIXEL, folder,
            photo()]


def run_once(make_command, name, model, edge, folder, figures):
    """Adds to @figures what a process takes; where it has no memory only that."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        seconds, peak = processes.run_process(make_command(name, model, edge, folder))
    except subprocess.CalledProcessError as error:
        if error.returncode != OUT_OF_MEMORY or make_command is not torch_command:
            raise
        figures["out_of_memory"] = cases.MEMORY_LIMIT
        return
    figures["seconds"].append(seconds)
    figures["peak_bytes"] = max(figures["peak_bytes"], peak)
    if make_command is torch_command:
        figures["alone"].append(float((folder / "seconds").read_text()))


def compare_maps(model, edge):
    """Method → way → largest difference; ends the program where a peer computes something else."""
    differences = {}
    with tempfile.TemporaryDirectory() as top:
        for method, ways in cases.PEERS_OF_METHODS.items():
            folders = [pathlib.Path(top) / name for name in [method, *ways]]
            for folder in folders:
                folder.mkdir()
            processes.run_process(vitreous_command(method, model, edge, folders[0]))
            for way, folder in zip(ways, folders[1:]):
                processes.run_process(torch_command(way, model, edge, folder))
            check = subprocess.run([PYTHON, processes.HERE / "check-maps.py", *folders], check=True,
                                   stdout=subprocess.PIPE)
            differences[method] = dict(zip(ways, json.loads(check.stdout)))
    return differences


def take_rounds(case, method):
    """Vitreous and its peers in turns; who has no memory has no second turn."""
    model, edge, our_rounds, their_rounds = cases.EXPLAINED[case]
    contestants = {"vitreous": (vitreous_command, method, our_rounds)}
    contestants |= {way: (torch_command, way, their_rounds)
                    for way in cases.PEERS_OF_METHODS[method]}
    results = {name: {"seconds": [], "alone": [], "peak_bytes": 0} for name in contestants}
    with tempfile.TemporaryDirectory() as top:
        for turn in range(max(our_rounds, their_rounds)):
            with processes.quiet():
                for name, (make_command, what, rounds) in contestants.items():
                    if turn < rounds and "out_of_memory" not in results[name]:
                        run_once(make_command, what, model, edge, pathlib.Path(top) / name,
                                 results[name])
    return results


def measure_times(chosen):
    """The maps are compared at the first of all sizes, before anything is timed."""
    model, edge, _, _ = cases.EXPLAINED["starter-224"]
    maps = compare_maps(model, edge)
    times = {}
    for case in chosen:
        for method in cases.PEERS_OF_METHODS:
            times[f"{case} {method}"] = take_rounds(case, method)
            print(f"  {case} {method}: {json.dumps(times[f'{case} {method}'])}", flush=True)
    return {"maps": maps, "times": times}


def measure_memory(chosen):
    """Of each method in a process of its own, beside what the weights take on disk."""
    results = {}
    for case in chosen:
        model, edge, limit = cases.LEAN[case]
        weights = (cases.model_path(model) / "model.safetensors").stat().st_size
        methods = {}
        with processes.quiet():
            for name in METHODS:
                methods[name] = {"seconds": [], "peak_bytes": 0}
                with tempfile.TemporaryDirectory() as top:
                    run_once(vitreous_command, name, model, edge, pathlib.Path(top) / "maps",
                             methods[name])
                print(f"  {case} {name}: {json.dumps(methods[name])}", flush=True)
        results[case] = {"weights_bytes": weights, "limit_bytes": limit, "methods": methods}
    return results
