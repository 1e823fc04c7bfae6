#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the attention of the golden models is like, by whole matrices in float64.

    venv/bin/python make-statistics.py [CASE...]

Writes cases/CASE/statistics.json beside what make-golden.py wrote, whose models it makes again.
A is [n_layers][n_heads][n][n], a row of it what a query gives to each key.
"""

import importlib
import itertools
import json
import math
import sys

import numpy as np
import torch
import transformers

import measures
import reference

variants = importlib.import_module("make-variants")

# One of each count of prefix tokens, and of all else that changes which token is where.
NAMES = ["vit", "vit-rectangle", "deit-distilled", "dinov2-classifier", "dinov2-registers", "dinov3",
         "clip-projection", "timm-gap", "timm-no-class-token", "timm-distilled", "timm-registers"]

N_INPUTS = 2  # of each case
COLD = 0.5  # a temperature that leaves more entries near 0

MOST_ROWS = 32
MOST_VECTORS = 64
NEAREST = 2e-5  # of an entropy and a bound that it is compared with


# ---- samples ----

def sample(rows, columns, most):
    """Patches in the middle of cells that divide the picture evenly."""
    down, across = rows, columns
    if rows * columns > most:
        across = min(max(math.floor(math.sqrt(most * columns / rows) + 0.5), 1), columns, most)
        down = min(rows, most // across)
        across = min(columns, most // down)
    return [(2 * i + 1) * rows // (2 * down) * columns + (2 * k + 1) * columns // (2 * across)
            for i in range(down) for k in range(across)]


# ---- rows: p [..][n] → [..] ----

def entropy(p):
    logs = np.log(p, where=p > 0, out=np.zeros_like(p))
    return -(p * logs).sum(-1)


def normalised_entropy(p):
    return entropy(p) / math.log(p.shape[-1])


def hoyer(p):
    root = math.sqrt(p.shape[-1])
    return (root - np.abs(p).sum(-1) / np.sqrt((p**2).sum(-1))) / (root - 1)


def gini(p):
    n = p.shape[-1]
    k = np.arange(1, n + 1)
    return ((2 * k - n - 1) * np.sort(p, axis=-1)).sum(-1) / (n * p.sum(-1))


def top_mass(p):
    n_top = math.ceil(p.shape[-1] / 10)
    return np.sort(p, axis=-1)[..., -n_top:].sum(-1)


OF_ROWS = {
    "entropy": normalised_entropy,
    "support": lambda p: np.exp(entropy(p)),
    "maximum": lambda p: p.max(-1),
    "participation": lambda p: 1 / (p**2).sum(-1),
    "hoyer": hoyer,
}
OF_CLS = {"gini": gini, "top-mass": top_mass}


def share_beyond(p, above, bound):
    values = normalised_entropy(p)
    assert np.abs(values - bound).min() > NEAREST
    return (values > bound if above else values < bound).mean(-1)


# ---- a picture ----

class Picture:
    def __init__(self, runner, pixels, rows, columns, temperature):
        runner.trace.clear()
        said = runner.say(pixels.double(), temperature)
        trace, n = runner.trace, runner.n_layers
        self.said = {name: values.detach().numpy()[0] for name, values in said.items()}
        self.attention = torch.cat(trace.attention[:n]).detach().numpy()
        self.before = torch.cat(trace.tokens[:n]).detach().numpy()  # [n_layers][n][d]
        self.tokens = torch.cat(trace.outputs[:n]).detach().numpy()
        self.context = torch.cat(trace.context[:n]).detach().numpy()
        self.rows, self.columns, self.patch = rows, columns, runner.patch
        self.n_prefix, self.has_cls = runner.n_prefix, runner.has_cls
        assert self.attention.shape[-1] == self.n_prefix + rows * columns

    def over_patches(self):
        patches = self.attention[..., self.n_prefix:]
        return patches / patches.sum(-1, keepdims=True)

    def distances(self):
        """Of patches, in patches, [n_patches][n_patches]."""
        y, x = np.divmod(np.arange(self.rows * self.columns), self.columns)
        return np.hypot(y[:, None] - y, x[:, None] - x)

    def sampled_rows(self):
        """[all heads][n_rows][n]"""
        most = MOST_ROWS - self.has_cls
        queries = [self.n_prefix + i for i in sample(self.rows, self.columns, most)]
        queries = [0] * self.has_cls + queries
        return self.attention[:, :, queries].reshape(-1, len(queries), self.attention.shape[-1])


def statistics_of(picture):
    """{statistic: {reading: [n_layers][n_heads]}}"""
    whole, patches = picture.attention, picture.over_patches()
    n_prefix = picture.n_prefix
    found = {name: {"all": of(whole).mean(-1), "all-patches": of(patches).mean(-1)}
             for name, of in OF_ROWS.items()}
    found |= {name: {} for name in OF_CLS}
    if picture.has_cls:
        for name, of in (OF_ROWS | OF_CLS).items():
            found[name] |= {"cls": of(whole[:, :, 0]), "cls-patches": of(patches[:, :, 0])}
    found["uniform-rows"] = {"all": share_beyond(whole, True, 0.98),
                             "all-patches": share_beyond(patches, True, 0.98)}
    found["collapsed-rows"] = {"all": share_beyond(whole, False, 0.02),
                               "all-patches": share_beyond(patches, False, 0.02)}
    found["sink"] = {"all": whole.mean(-2).max(-1)}
    found["positional"] = {"all-patches": positional(picture, patches[:, :, n_prefix:])}
    add_masses(picture, whole, patches, found)
    return found


def add_masses(picture, whole, patches, found):
    n_prefix, n_cls = picture.n_prefix, int(picture.has_cls)
    between, among = whole[:, :, n_prefix:, n_prefix:], patches[:, :, n_prefix:]  # patches
    distances = picture.distances()
    near = (distances > 0) & (distances < 1.5)
    found["distance"] = {
        "all": (between * distances).sum(-1).mean(-1) * picture.patch,
        "all-patches": (among * distances).sum(-1).mean(-1) * picture.patch}
    found["neighbour-mass"] = {"all": (between * near).sum(-1).mean(-1),
                               "all-patches": (among * near).sum(-1).mean(-1)}
    found["self-mass"] = {"all": np.diagonal(whole, axis1=-2, axis2=-1).mean(-1),
                          "all-patches": np.diagonal(among, axis1=-2, axis2=-1).mean(-1)}
    registers = whole[..., n_cls:n_prefix].sum(-1)
    found["register-mass"] = {"all": registers.mean(-1)}
    found["cls-mass"] = {}
    found["artifact-mass"] = {"all": np.zeros(whole.shape[:2])}  # none in such models
    if picture.has_cls:
        found["cls-mass"] = {"all": whole[..., 0].mean(-1), "cls": whole[:, :, 0, 0]}
        found["register-mass"]["cls"] = registers[:, :, 0]
        found["self-mass"]["cls"] = whole[:, :, 0, 0]
        found["artifact-mass"]["cls"] = np.zeros(whole.shape[:2])


def positional(picture, among):
    queries = sample(picture.rows, picture.columns, MOST_ROWS - picture.has_cls)
    return np.array([[positional_of(picture, rows, queries) for rows in layer] for layer in among])


def positional_of(picture, rows, queries):
    """One less the mean total variation to what the other sampled rows say of the same offsets."""
    columns = picture.columns
    keys = [divmod(key, columns) for key in range(len(rows))]
    known = {}  # offset → {query: p}
    for query in queries:
        y, x = keys[query]
        for (key_y, key_x), p in zip(keys, rows[query]):
            known.setdefault((key_y - y, key_x - x), {})[query] = p
    variations = []
    for query in queries:
        own, others = [], []
        for seen in known.values():
            if query in seen and len(seen) > 1:
                own.append(seen[query])
                others.append(np.mean([p for other, p in seen.items() if other != query]))
        if own:
            own, others = np.array(own), np.array(others)
            variations.append(np.abs(own / own.sum() - others / others.sum()).sum() / 2)
    return 1 - np.mean(variations)


def jensen_shannon(p, q):
    """Bits, the mean over rows: p, q [n_rows][n]"""
    return ((entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2) / math.log(2)).mean()


def hsic(k, l):
    """The unbiased estimator, of Gram matrices (Song et al. 2012, eq. 5)."""
    n = len(k)
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))
    return (np.trace(k @ l) + k.sum() * l.sum() / ((n - 1) * (n - 2))
            - 2 / (n - 2) * k.sum(0) @ l.sum(1)) / (n * (n - 3))


def pairs_of(items):
    """a < b, in the order (0, 1), (0, 2), (1, 2), (0, 3), ..."""
    return ((items[a], items[b]) for b in range(len(items)) for a in range(b))


def similarities_of(picture):
    rows = picture.sampled_rows()
    n_heads = picture.attention.shape[1]
    tokens = [picture.n_prefix + i
              for i in sample(picture.rows, picture.columns, MOST_VECTORS)]
    vectors = [head for layer in picture.context[:, tokens]
               for head in np.split(layer, n_heads, axis=-1)]
    grams = [x @ x.T for x in vectors]
    norms = {id(gram): math.sqrt(hsic(gram, gram)) for gram in grams}
    return {"divergence": [jensen_shannon(p, q) for p, q in pairs_of(rows)],
            "cka": [hsic(k, l) / (norms[id(k)] * norms[id(l)]) for k, l in pairs_of(grams)]}


def tokens_of(picture):
    """{statistic: [n_layers]}"""
    patches = picture.tokens[:, picture.n_prefix:]
    n = patches.shape[1]
    norms = np.linalg.norm(patches, axis=-1)
    unit = patches / norms[..., None]
    cosines = unit @ unit.transpose(0, 2, 1)
    rows = picture.sampled_rows()
    rows = rows.reshape(len(patches), -1, *rows.shape[1:]).mean(1)  # of the heads
    frobenius = lambda x: np.sqrt((x**2).sum((-2, -1)))
    return {
        "norm": norms.mean(-1),
        "norm-maximum": norms.max(-1),
        "artifacts": np.zeros(len(patches)),
        "cosine": (cosines.sum((-2, -1)) - np.trace(cosines, axis1=1, axis2=2)) / (n * (n - 1)),
        "residual": frobenius(patches - patches.mean(1, keepdims=True)) / frobenius(patches),
        "change": [jensen_shannon(p, q) for p, q in itertools.pairwise(rows)],  # from the second on
        "update": frobenius(picture.tokens - picture.before) / frobenius(picture.tokens),
    }


def map_of(picture):
    """[n_layers][n_patches]"""
    rows = picture.attention[..., picture.n_prefix:].mean(1)
    return rows[:, 0] if picture.has_cls else rows[:, picture.n_prefix:].mean(1)


# ---- all cases ----

def make_entry(runner, pictures, index, place, temperature):
    raw = reference.make_pixels(runner, pictures, place["picture"], place["fit"], place["size"])
    pixels = reference.normalise(raw, runner.mean, runner.std)
    rows, columns = (edge // runner.patch for edge in raw.shape[:2])
    picture = Picture(runner, pixels, rows, columns, temperature)
    put = measures.numbers
    return {
        "input": index, "temperature": temperature, "n_heads": picture.attention.shape[1],
        "statistics": {name: {reading: put(values) for reading, values in readings.items()}
                       for name, readings in statistics_of(picture).items()},
        "tokens": {name: put(values) for name, values in tokens_of(picture).items()},
        "similarity": {name: put(values) for name, values in similarities_of(picture).items()},
        "norms": put(np.linalg.norm(picture.tokens, axis=-1)), "map": put(map_of(picture)),
        **{name: put(picture.said[name]) for name in ("embedding", "logits") if name in picture.said},
    }


def make_case(name, pictures):
    directory = variants.HERE / "cases" / name
    runner = variants.make_runner(name)
    runner.double()
    places = json.loads((directory / "expected.json").read_text())["inputs"][:N_INPUTS]
    entries = [make_entry(runner, pictures, index, place, 1.0) for index, place in enumerate(places)]
    if name == "vit":
        entries.append(make_entry(runner, pictures, 0, places[0], COLD))
    lines = ",\n".join(json.dumps(entry) for entry in entries)
    (directory / "statistics.json").write_text(f'{{"inputs": [\n{lines}\n]}}\n')


def main(names):
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    pictures = reference.make_pictures(variants.HERE / "pictures")
    for name in names or NAMES:
        make_case(name, pictures)
        print(name)


if __name__ == "__main__":
    main(sys.argv[1:])
