# SPDX-License-Identifier: LGPL-3.0-or-later
"""Writes the figures that measure.py left in FOLDER as tables.

    report.py FOLDER [PAGE.md]

In PAGE.md what stands between the lines <!-- NAME --> and <!-- /NAME --> is replaced, for each NAME
of TABLES of which there are figures; without it the tables are printed.
"""

import json
import math
import pathlib
import statistics
import sys

TITLES = {
    "starter-224": "ViT-S/14, 224 px",
    "starter-518": "ViT-S/14, 518 px",
    "starter-1036": "ViT-S/14, 1036 px",
    "vit-b16-224": "ViT-B/16, 224 px",
    "vit-b16-1040": "ViT-B/16, 1040 px",
    "torch-eager": "PyTorch eager",
    "torch-sdpa": "PyTorch SDPA",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "openvino-sdpa": "OpenVINO, SDPA kept",
    "ncnn": "ncnn",
    "ncnn-vulkan": "ncnn Vulkan",
    "vitreous": "Vitreous",
    "transformers-eager": "transformers, eager",
    "transformers-hook": "transformers, hook",
    "rollout-published": "PyTorch, product of matrices",
    "rollout-row": "PyTorch, a row at a time",
    "relevance-published": "PyTorch, product of matrices",
    "relevance-row": "PyTorch, row recurrence",
    "legrad-published": "PyTorch, all layers kept",
    "legrad-block": "PyTorch, a block at a time",
    "one": "one photo",
    "32": "32 photos",
}

# How much better than the best of the peers: part, cases (none: all), peers, least ratio.
GOALS = [
    ("attention", ["starter-224", "vit-b16-224"], ["torch-eager"], 1.3),
    ("attention", ["starter-518"], ["torch-eager"], 2.0),
    ("forward", [], ["torch-sdpa"], 1.0),
    ("forward", [], ["onnxruntime", "openvino", "openvino-sdpa"], 0.9),
    ("photo", [], ["transformers-eager", "transformers-hook"], 20.0),
    ("photo", [], ["onnxruntime"], 1.5),
    ("folder", [], ["transformers"], 3.0),  # whichever batches best
    ("folder", [], ["onnxruntime"], 1.0),
    ("explain", ["starter-518 rollout", "starter-518 relevance", "starter-518 legrad"],
     ["rollout", "relevance", "legrad"], 2.0),  # whichever way is fastest
    ("explain", ["starter-1036 relevance"], ["relevance-row"], 5.0),
    ("lavapipe", [], ["ncnn-vulkan"], 1.0),
    ("memory", [], ["torch", "transformers"], 3.0),
    ("memory", [], ["onnxruntime"], 1.0),
]


def title(name):
    """“CASE METHOD”, “ENGINE-BATCH” or one of TITLES"""
    if name in TITLES:
        return TITLES[name]
    if " " in name:
        case, method = name.split()
        return f"{TITLES[case]}, {method}"
    stem, _, batch = name.rpartition("-")
    return f"{TITLES[stem]}, batch of {batch}" if batch.isdigit() else name


def median(figures):
    return statistics.median(figures["seconds"])


def peak(figures):
    return figures["peak_bytes"]


def time_text(seconds):
    return f"{seconds:.2f} s" if seconds >= 10 else f"{seconds * 1e3:.0f} ms"


def times_text(figures):
    """The median, and the minimum in brackets."""
    return f"{time_text(median(figures))} ({time_text(min(figures['seconds']))})"


def memory_text(figures):
    return f"{peak(figures) / 1e6:.0f} MB"


def table(headings, rows):
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def find_goal(part, case, name, peers, measure):
    """The least ratio asked for; None unless @name is the best of those that a goal names."""
    for goal_part, goal_cases, names, least in GOALS:
        rivals = [peer for peer in peers if any(peer.startswith(name) for name in names)]
        if (goal_part == part and case in (goal_cases or [case]) and rivals
                and name == min(rivals, key=lambda peer: measure(peers[peer]))):
            return least
    return None


def verdict(ratio, goal):
    if goal is None:
        return "", ""
    wanted = f"≥ {goal:g}" if goal != 1 else "> 1"
    met = ratio > 1 if goal == 1 else ratio >= goal
    return wanted, "met" if met else f"**not met**, {100 * (1 - ratio / goal):.0f} % short"


def compare(part, cases, measure, text):
    """A row for each peer: how many times what Vitreous takes it takes."""
    rows = []
    for case, engines in cases.items():
        ours = engines["vitreous"]
        peers = {name: figures for name, figures in engines.items() if name != "vitreous"}
        for i, (name, figures) in enumerate(peers.items()):
            ratio = measure(figures) / measure(ours)
            goal = find_goal(part, case, name, peers, measure)
            rows.append([title(case) if i == 0 else "", text(ours) if i == 0 else "", title(name),
                         text(figures), f"{ratio:.2f}" if ratio < math.inf else "",
                         *verdict(ratio, goal)])
    return table(["", "Vitreous", "peer", "", "ratio", "goal", ""], rows)


def stamp(part):
    return f"\n\n*{part['date']}, Vitreous {part['versions']['vitreous']}*"


def write_times(name):
    return lambda results: (compare(name, results[name]["cases"], median, times_text)
                            + stamp(results[name]))


def write_memory(results):
    """Of the parts in which whole processes ran; of the transformers scripts the fastest."""
    cases = {}
    for part in ["forward", "attention"]:
        for case, engines in results.get(part, {"cases": {}})["cases"].items():
            cases[f"{title(case)}, {part}"] = {
                name: figures for name, figures in engines.items()
                if name in ["vitreous", "torch-eager", "torch-sdpa", "onnxruntime", "openvino"]}
    for part in ["photo", "folder"]:
        for case, engines in results.get(part, {"cases": {}})["cases"].items():
            fastest = min((name for name in engines if name.startswith("transformers")),
                          key=lambda name: median(engines[name]))
            cases[title(case)] = {name: engines[name]
                                  for name in ["vitreous", fastest, "onnxruntime"]}
    return compare("memory", cases, peak, memory_text)


def alone(figures):
    """Of a peer what it takes with the model at hand, of Vitreous all; no end without memory."""
    if "out_of_memory" in figures:
        return math.inf
    return statistics.median(figures["alone"] or figures["seconds"])


def alone_text(figures):
    if "out_of_memory" in figures:
        return f"**out of memory**, {figures['out_of_memory'] / 2**30:.0f} GiB"
    if not figures["alone"]:
        return times_text(figures)
    return f"{time_text(alone(figures))}, from a cold start {time_text(median(figures))}"


def explain_peak(figures):
    return math.inf if "out_of_memory" in figures else peak(figures)


def explain_peak_text(figures):
    if "out_of_memory" in figures:
        return f"over {figures['out_of_memory'] / 2**30:.0f} GiB"
    return memory_text(figures)


def write_explain(results):
    figures = results["explain"]["cases"]
    rows = [[method if i == 0 else "", title(way), f"{difference:.0e}"]
            for method, ways in figures["maps"].items()
            for i, (way, difference) in enumerate(ways.items())]
    return "\n\n".join([
        table(["", "", "largest difference of the maps, of the largest value"], rows),
        compare("explain", figures["times"], alone, alone_text),
        compare("explain-peak", figures["times"], explain_peak, explain_peak_text),
    ]) + stamp(results["explain"])


def write_explain_memory(results):
    rows = []
    for case, figures in results["explain-memory"]["cases"].items():
        weights, limit = figures["weights_bytes"], figures["limit_bytes"]
        for i, (method, taken) in enumerate(figures["methods"].items()):
            above = peak(taken) - weights
            rows.append([title(case) if i == 0 else "", method, memory_text(taken),
                         f"{weights / 1e6:.0f} MB", f"{above / 2**30:.2f} GiB",
                         f"< {limit / 2**30:g} GiB",
                         "met" if above < limit else f"**not met**, by {above / limit - 1:.0%}"])
    return (table(["", "", "peak", "weights", "above them", "goal", ""], rows)
            + stamp(results["explain-memory"]))


def write_lavapipe(results):
    cases = results["lavapipe"]["cases"]
    rows = []
    for case, engines in cases.items():
        agreement = results["agreement"]["cases"][f"{case} vulkan"]
        for name, figures in engines.items():
            rate = engines["vitreous"]["flops"] / median(figures) / 1e9
            rows.append([title(case) if name == "vitreous" else "", title(name),
                         times_text(figures), f"{rate:.1f} GFLOP/s",
                         f"{agreement[name]['token']:.0e}"])
    return (compare("lavapipe", cases, median, times_text) + "\n\n"
            + table(["", "", "time", "rate", "largest difference, of the largest value"], rows)
            + stamp(results["lavapipe"]))


def best_rate(results):
    """GFLOP/s that any plain product of a ViT's sizes reached."""
    roofline = results["roofline"]["cases"]
    return max([*roofline["numpy"].values(),
                *(figure["plain_gflops"] for figure in roofline["kernels"]["figures"])])


def write_roofline(results):
    roofline = results["roofline"]["cases"]
    rate = best_rate(results)
    lines = [f"Memory: {roofline['kernels']['memory_gb_per_s']:.1f} GB/s (triad). "
             f"Fastest plain sgemm: {rate:.0f} GFLOP/s."]
    rows = []
    for case, engines in results.get("forward", {"cases": {}})["cases"].items():
        flops = engines["vitreous"]["flops"]
        bound = flops / rate / 1e9
        least = min(engines["vitreous"]["seconds"])
        rows.append([title(case), f"{flops / 1e9:.1f}", time_text(bound), time_text(least),
                     f"{100 * bound / least:.0f} %"])
    lines.append(table(["forward", "GFLOP", "at that rate", "Vitreous at best", "reached"], rows))
    rows = [[figure["shape"], figure["part"], f"{figure['gflops']:.0f}",
             f"{figure['plain_gflops']:.0f}", f"{figure['ratio']:.2f}"]
            for figure in roofline["kernels"]["figures"]]
    lines.append(table(["", "part of a block", "GFLOP/s", "sgemm of its sizes", "ratio"], rows))
    rows = [[name, f"{value:.0f}"] for name, value in roofline["numpy"].items()]
    lines.append(table(["numpy's OpenBLAS", "GFLOP/s"], rows))
    return "\n\n".join(lines) + stamp(results["roofline"])


def write_agreement(results):
    rows = []
    for place, engines in results["agreement"]["cases"].items():
        case, device = place.split()
        for name, differences in engines.items():
            attention = differences.get("attention")
            rows.append([title(case), title(name) + (" on lavapipe" if device == "vulkan" else ""),
                         f"{differences['token']:.0e}",
                         "" if attention is None else f"{attention:.0e}"])
    return table(["", "", "CLS token, of the largest value", "attention"], rows)


def write_machine(results):
    machine, versions = results["agreement"]["machine"], results["agreement"]["versions"]
    peers = ", ".join(f"{name} {version}" for name, version in versions.items()
                      if name != "vitreous")
    rows = [
        ["processor", f"{machine['processor']} ({machine['model']}, {machine['vectors']}), "
                      f"{machine['cores']} cores"],
        ["memory", f"{machine['memory_bytes'] / 2**30:.0f} GiB"],
        ["system", f"{machine['system']}, Linux {machine['kernel']}"],
        ["peers", peers],
        ["command", "`sh tests/bench/run.sh`"],
    ]
    return table(["", ""], rows)


# name: the part that must have figures, and what writes them
TABLES = {
    "machine": ("agreement", write_machine),
    "forward": ("forward", write_times("forward")),
    "attention": ("attention", write_times("attention")),
    "photo": ("photo", write_times("photo")),
    "folder": ("folder", write_times("folder")),
    "memory": ("photo", write_memory),
    "explain": ("explain", write_explain),
    "explain-memory": ("explain-memory", write_explain_memory),
    "lavapipe": ("lavapipe", write_lavapipe),
    "roofline": ("roofline", write_roofline),
    "agreement": ("agreement", write_agreement),
}


def replace_between(page, name, text):
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    if page.count(begin) != 1 or page.count(end) != 1:
        sys.exit(f"The page has no place for the table “{name}”.")
    before, rest = page.split(begin)
    return before + begin + text + "\n" + end + rest.split(end)[1]


def main(folder, page=None):
    results = {path.stem: json.loads(path.read_text())
               for path in pathlib.Path(folder).glob("*.json")}
    tables = {name: write(results) for name, (part, write) in TABLES.items() if part in results}
    if page is None:
        print("\n\n".join(f"{name}\n\n{text}" for name, text in tables.items()))
        return
    text = pathlib.Path(page).read_text()
    for name, rows in tables.items():
        text = replace_between(text, name, rows)
    pathlib.Path(page).write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
