# SPDX-License-Identifier: LGPL-3.0-or-later
"""Measures Vitreous and its peers side by side; run.sh says how it is called.

    measure.py [--quick] FOLDER [PART...]

The figures of each part go to FOLDER/PART.json, in the place of those that are there.
"""

import argparse
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import cases
import explain
import processes
from processes import ON_CPU, PROGRAM, PYTHON, THREADS, Vitreous, Worker

FORWARD_PEERS = ["torch-sdpa", "onnxruntime", "openvino", "openvino-sdpa", "ncnn"]
ATTENTION_PEERS = ["torch-eager", "onnxruntime", "openvino"]


class Effort:
    """How much is measured."""

    def __init__(self, quick):
        self.cases = ["starter-224"] if quick else list(cases.CASES)
        self.vulkan_cases = ["starter-224"] if quick else ["starter-224", "vit-b16-224"]
        self.rounds = 2 if quick else 6
        self.max_runs = 2 if quick else 8
        self.batches = [1, 8] if quick else cases.BATCHES
        self.photo_rounds = 1 if quick else 5
        self.folder_rounds = 1 if quick else 3
        self.explained = ["starter-224"] if quick else ["starter-518", "starter-1036"]
        self.lean = ["vit-b16-224"] if quick else ["starter-1036", "vit-b16-1040"]


def take_turns(contestants, rounds, n_runs):
    """Times each in every round, so that what disturbs one disturbs all; then ends them."""
    seconds = {name: [] for name in contestants}
    for turn in range(rounds):
        order = list(contestants) if turn % 2 == 0 else list(reversed(contestants))
        for name in order:
            seconds[name] += contestants[name].run(n_runs)
    return {name: {"seconds": seconds[name], "peak_bytes": contestant.stop(),
                   "flops": getattr(contestant, "flops", 0)}
            for name, contestant in contestants.items()}


def run_turns(commands, rounds):
    """The same of whole processes: name → function of the folder to write to, which makes the
    command."""
    results = {name: {"seconds": [], "peak_bytes": 0} for name in commands}
    with tempfile.TemporaryDirectory() as top:
        for _ in range(rounds):
            with processes.quiet():
                for name, make_command in commands.items():
                    folder = pathlib.Path(top) / name
                    shutil.rmtree(folder, ignore_errors=True)
                    folder.mkdir()
                    seconds, peak = processes.run_process(make_command(folder))
                    results[name]["seconds"].append(seconds)
                    results[name]["peak_bytes"] = max(results[name]["peak_bytes"], peak)
        check_overlays([pathlib.Path(top) / name for name in commands])
    return results


def check_overlays(folders):
    """All wrote the same pictures, as far as other ways of scaling let them."""
    subprocess.run([PYTHON, processes.HERE / "check-overlays.py", *folders], check=True)


def measure_on_cpu(effort, attention, peers):
    results = {}
    for case in effort.cases:
        n_runs = min(effort.max_runs, cases.CASES[case][2])
        with processes.quiet():
            contestants = {"vitreous": Vitreous(case, attention)}
            contestants |= {name: Worker(name, case, attention) for name in peers}
            results[case] = take_turns(contestants, effort.rounds, n_runs)
    return results


def measure_forward(effort):
    return measure_on_cpu(effort, "none", FORWARD_PEERS)


def measure_attention(effort):
    return measure_on_cpu(effort, "all", ATTENTION_PEERS)


def measure_lavapipe(effort):
    env = processes.on_vulkan()
    if env is None:
        print("lavapipe: tests/drivers.sh found no driver; left out", flush=True)
        return {}
    results = {}
    for case in effort.vulkan_cases:
        with processes.quiet():
            contestants = {"vitreous": Vitreous(case, device="vulkan", env=env),
                           "ncnn-vulkan": Worker("ncnn-vulkan", case, env=env)}
            results[case] = take_turns(contestants, min(effort.rounds, 3), 1)
    return results


def explain_command(photos):
    return lambda folder: [PROGRAM, "explain", "-q", "-m", cases.model_path("starter"),
                           "--device", "cpu", "--fit", "stretch", "--write", "overlay",
                           "--colormap", "viridis", "--opacity", "0.5", "-o", folder, *photos]


def transformers_command(way, batch, photos):
    script = processes.HERE / "overlay-transformers.py"
    model = cases.model_path("starter")
    return lambda folder: [PYTHON, script, way, model, str(batch), folder, *photos]


def onnxruntime_command(photos):
    script = processes.HERE / "overlay-onnxruntime.py"
    graph = cases.graph_path("starter-224", "last", "onnx")
    return lambda folder: [PYTHON, script, graph, folder, *photos]


def measure_photo(effort):
    photos = sorted(cases.PHOTOS.glob("*.png"))[:1]
    return {"one": run_turns({
        "vitreous": explain_command(photos),
        "transformers-eager": transformers_command("eager", 1, photos),
        "transformers-hook": transformers_command("hook", 1, photos),
        "onnxruntime": onnxruntime_command(photos),
    }, effort.photo_rounds)}


def measure_folder(effort):
    photos = sorted(cases.PHOTOS.glob("*.png"))
    commands = {"vitreous": explain_command(photos), "onnxruntime": onnxruntime_command(photos)}
    for way in ["eager", "hook"]:
        for batch in effort.batches:
            commands[f"transformers-{way}-{batch}"] = transformers_command(way, batch, photos)
    return {"32": run_turns(commands, effort.folder_rounds)}


def measure_explain(effort):
    return explain.measure_times(effort.explained)


def measure_explain_memory(effort):
    return explain.measure_memory(effort.lean)


def measure_roofline(effort):
    """What the machine can do, by two other ways: products of the ViT's sizes, and memory."""
    del effort
    commands = {"numpy": [PYTHON, processes.HERE / "roofline.py"],
                "kernels": [os.environ["VITREOUS_BENCH_KERNELS"], "--json", "cpu"]}
    results = {}
    for name, command in commands.items():
        with processes.quiet():
            results[name] = json.loads(subprocess.run(
                command, env=os.environ | THREADS, check=True, stdout=subprocess.PIPE).stdout)
    return results


def measure_agreement(effort):
    """How far the answers are apart; ends the program where that is too far."""
    results = {}
    runs = [(case, "cpu", ON_CPU, FORWARD_PEERS) for case in effort.cases]
    if processes.on_vulkan() is not None:
        runs += [(case, "vulkan", processes.on_vulkan(), ["ncnn-vulkan"])
                 for case in effort.vulkan_cases]
    with tempfile.NamedTemporaryFile() as out:
        for case, device, env, engines in runs:
            subprocess.run([PYTHON, processes.HERE / "check.py", out.name, PROGRAM, device, case,
                            *engines], env=os.environ | env, check=True)
            results[f"{case} {device}"] = json.loads(pathlib.Path(out.name).read_text())
    return results


PARTS = {
    "agreement": measure_agreement,
    "roofline": measure_roofline,
    "forward": measure_forward,
    "attention": measure_attention,
    "photo": measure_photo,
    "folder": measure_folder,
    "explain": measure_explain,
    "explain-memory": measure_explain_memory,
    "lavapipe": measure_lavapipe,
}


# These ask no engine, or see for themselves whether the answers agree.
CHECKED_BY_THEMSELVES = ["agreement", "roofline", "explain", "explain-memory"]


def first_match(path, name, separator=":"):
    """The value of a line “name: value”; empty where there is none."""
    for line in pathlib.Path(path).read_text().splitlines():
        key, _, value = line.partition(separator)
        if key.strip() == name:
            return value.strip(' "')
    return ""


def describe_machine():
    flags = first_match("/proc/cpuinfo", "flags").split()
    vectors = next((title for flag, title in [("avx512f", "AVX-512"), ("avx2", "AVX2")]
                    if flag in flags), "")
    numbers = [first_match("/proc/cpuinfo", name) for name in ["cpu family", "model"]]
    return {
        "processor": first_match("/proc/cpuinfo", "model name"),
        "model": "family {}, model {}".format(*numbers),
        "vectors": vectors,
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": int(first_match("/proc/meminfo", "MemTotal").split()[0]) * 1024,
        "system": first_match("/etc/os-release", "PRETTY_NAME", "="),
        "kernel": os.uname().release,
    }


def output_of(*command):
    return subprocess.run(command, cwd=processes.HERE, check=True, capture_output=True,
                          text=True).stdout.strip()


def describe_commit():
    """Of the program's sources: what else has changed is of no concern."""
    sources = [f":/{folder}" for folder in ["core", "cli", "shaders", "meson.build"]]
    dirty = output_of("git", "status", "--porcelain", "--", *sources)
    return output_of("git", "describe", "--always") + ("-dirty" if dirty else "")


def describe_versions():
    names = ["torch", "transformers", "onnxruntime", "openvino", "ncnn", "numpy", "pillow"]
    code = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]))"
    versions = dict(zip(names, output_of(PYTHON, "-c", code, *names).split()))
    devices = json.loads(output_of(PROGRAM, "devices", "--json"))
    driver = next((device["driver"] for device in devices if device["id"] == "cpu"), "")
    return versions | {"python": sys.version.split()[0],
                       "vitreous": f"{describe_commit()}, device cpu: {driver}"}


def is_agreed(folder):
    """Whether that was measured since the program last changed."""
    file = folder / "agreement.json"
    return file.exists() and all(file.stat().st_mtime > pathlib.Path(path).stat().st_mtime
                                 for path in [PROGRAM, processes.LIBRARY])


def measure_part(name, effort, folder):
    print(f"{name} ...", flush=True)
    figures = {"cases": PARTS[name](effort), "versions": describe_versions(),
               "machine": describe_machine(), "date": datetime.date.today().isoformat()}
    (folder / f"{name}.json").write_text(json.dumps(figures, indent=1))


def main():
    parser = argparse.ArgumentParser(prog="run.sh")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("parts", nargs="*", metavar="PART")
    options = parser.parse_args()
    parts = options.parts or list(PARTS)
    wrong = [part for part in parts if part not in PARTS]
    if wrong:
        parser.error(f"{wrong[0]} is no part; they are: {' '.join(PARTS)}")

    options.folder.mkdir(exist_ok=True)
    if ("agreement" not in parts and not is_agreed(options.folder)
            and any(part not in CHECKED_BY_THEMSELVES for part in parts)):
        parts.insert(0, "agreement")
    for part in parts:
        measure_part(part, Effort(options.quick), options.folder)


if __name__ == "__main__":
    main()
