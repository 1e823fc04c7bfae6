#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Asks PyTorch which patches decisions of the golden models hang on, as docs/methods.md has it.

    venv/bin/python make-proofs.py [CASE...]

Writes cases/CASE/proofs.json beside what make-variants.py wrote, whose models it makes again.
"""

import dataclasses
import importlib
import json
import sys

import numpy as np
import torch
import transformers

import measures
import reference

variants = importlib.import_module("make-variants")

N_LENGTHS = 16
MOST = 6  # of each picture
SAFE = 3e-5  # so much must what decides differ: then rounding does not


@dataclasses.dataclass
class Court:
    """One picture and one decision: class a over b, or over all others."""
    picture: measures.Picture
    a: int
    b: int = None
    unsafe: float = np.inf  # the least that something was decided by
    n_passes: int = 0

    def judge(self, gone):
        """The class that a has to beat and both logits; asked each time, as the library does."""
        kept = [patch for patch in range(self.picture.n_patches) if patch not in gone]
        whole = len(gone) == 0
        logits = measures.Judge("rest").look(self.picture, self.picture.pixels,
                                             None if whole else kept).astype(np.float64)
        others = [k for k in range(len(logits)) if k != self.a]
        b = max(others, key=lambda k: (logits[k], -k)) if self.b is None else self.b
        self.unsafe = min(self.unsafe, abs(logits[self.a] - logits[b]))
        return b, logits[self.a], logits[b]

    def margins(self, sets):
        self.n_passes += len(sets)
        return [a - b for _, a, b in map(self.judge, sets)]

    # ---- taking away ----

    def first_of(self, order, lengths):
        """The first length that flips, the one before it."""
        margins = self.margins([set(order[:length]) for length in lengths])
        for i, y in enumerate(margins):
            if y < 0:
                return lengths[i], lengths[i - 1] if i > 0 else None
        return None, lengths[-1]

    def find_prefix(self, order, most):
        def between(low, high):
            n = min(N_LENGTHS, high - low)
            return [low + -(-(high - low) * i // n) for i in range(1, n + 1)]

        found, low = self.first_of(order, between(0, most))
        if found is None:
            found, low = self.first_of(order, list(range(1, most + 1)))
            if found is None:
                return 0
        low = low or 0
        while found - low > 1:
            better, before = self.first_of(order, between(low, found - 1))
            found, low = better or found, low if before is None else before
        return found

    # ---- putting back ----

    def prune(self, gone):
        """@gone: in the map's order"""
        while True:
            margins = self.margins([set(gone) - {patch} for patch in gone])
            back = [i for i, y in enumerate(margins) if y < 0]
            if not back:
                return gone
            back.sort(key=lambda i: (margins[i], -i))
            ys = [margins[i] for i in back]
            self.unsafe = min([self.unsafe] + [y - x for x, y in zip(ys, ys[1:])])
            patches = [gone[i] for i in back]
            together = self.margins([set(gone) - set(patches[:n])
                                     for n in range(2, len(patches) + 1)])
            n = max([1] + [i + 2 for i, y in enumerate(together) if y < 0])
            gone = [patch for patch in gone if patch not in patches[:n]]

    def prove(self, values):
        b, of_a, of_b = self.judge(set())
        entry = {"target": f"{self.a}-{'rest' if self.b is None else self.b}",
                 "map": [int(value) for value in values], "y_before": of_a - of_b}
        if of_a <= of_b:
            return entry | {"outcome": "not-preferred"}
        order = measures.falling(values)
        most = self.picture.n_patches - self.picture.least
        n = self.find_prefix(order, most)
        gone = self.prune(order[:n]) if n > 0 else order[:most]
        b, of_a, of_b = self.judge(set(gone))
        return entry | {"outcome": "flipped" if n > 0 else "not-flipped", "b": int(b),
                        "a_after": of_a, "b_after": of_b, "n_greedy": n,
                        "patches": sorted(gone) if n > 0 else [], "n_passes": self.n_passes}


def choose(found):
    """Some of each outcome; of flipped ones those that were pruned most."""
    kept = []
    for outcome, n in (("flipped", MOST - 2), ("not-flipped", 1), ("not-preferred", 1)):
        of_it = [entry for entry in found if entry["outcome"] == outcome]
        of_it.sort(key=lambda entry: len(entry.get("patches", [])) - entry.get("n_greedy", 0))
        rest = [entry for entry in of_it if entry["target"].endswith("rest")][:2]
        kept += (rest + [entry for entry in of_it if entry not in rest])[:n]
    return kept


def make_proofs(picture):
    random = np.random.default_rng(picture.n_patches)
    found = []
    n_classes = len(measures.Judge("rest").look(picture, picture.pixels))
    pairs = [(a, b) for a in range(n_classes) for b in [None, *range(n_classes)] if a != b]
    for a, b in pairs:
        values = random.integers(0, max(3, picture.n_patches // 2), picture.n_patches)
        court = Court(picture, a, b)
        entry = court.prove(values)
        if court.unsafe > SAFE:
            found.append({name: float(f"{value:.7g}") if isinstance(value, float) else value
                          for name, value in entry.items()})
    return choose(found)


def make_case(name, pictures):
    directory = variants.HERE / "cases" / name
    runner = variants.make_runner(name)
    if not runner.has_logits:
        return
    trim = variants.Trim(runner)
    expected = json.loads((directory / "expected.json").read_text())
    entries = []
    for index, place in enumerate(expected["inputs"][:variants.N_INPUTS]):
        raw = reference.make_pixels(runner, pictures, place["picture"], place["fit"], place["size"])
        rows, columns = (edge // runner.patch for edge in raw.shape[:2])
        picture = measures.Picture(
            runner=runner, trim=trim, pixels=reference.normalise(raw, runner.mean, runner.std),
            rows=rows, columns=columns, least=1 if name in variants.NEEDS_PATCH else 0)
        entries += [{"input": index} | entry for entry in make_proofs(picture)]
    lines = ",\n".join(json.dumps(entry) for entry in entries)
    (directory / "proofs.json").write_text(f'{{"proofs": [\n{lines}\n]}}\n')
    print(name, [(e["outcome"], e.get("n_greedy"), len(e.get("patches", []))) for e in entries])


def main(names):
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    pictures = reference.make_pictures(variants.HERE / "pictures")
    for name in names or variants.NAMES:
        make_case(name, pictures)


if __name__ == "__main__":
    main(sys.argv[1:])
