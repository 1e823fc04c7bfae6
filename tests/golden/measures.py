# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a map is worth, in NumPy and PyTorch: curves of deletion and insertion, and the score."""

import dataclasses

import numpy as np
import torch

import reference

STUDENT_T = 2.2621571628  # 95 %, two-sided, 9 degrees of freedom
N_RANDOM = 10
MOST_STEPS = 56


@dataclasses.dataclass
class Picture:
    runner: object
    trim: object  # leaves patches out
    pixels: torch.Tensor  # [1][3][height][width], normalised
    rows: int
    columns: int
    least: int  # patches the head needs

    @property
    def n_patches(self):
        return self.rows * self.columns


def numbers(values):
    """To 7 digits, as much as a float has."""
    return [float(f"{value:.7g}") for value in np.asarray(values).flatten().tolist()]


# ---- orders ----

def random_order(n, seed):
    """Fisher and Yates with SplitMix64."""
    mask = 2**64 - 1
    order = list(range(n))
    state = seed
    for i in range(n, 1, -1):
        state = (state + 0x9e3779b97f4a7c15) & mask
        z = state
        z = ((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9) & mask
        z = ((z ^ (z >> 27)) * 0x94d049bb133111eb) & mask
        z ^= z >> 31
        k = (z >> 32) * i >> 32
        order[k], order[i - 1] = order[i - 1], order[k]
    return order


def falling(values):
    """Of equal values the first comes first."""
    return [int(i) for i in np.argsort(-np.asarray(values).flatten(), kind="stable")]


# ---- what is measured ----

def cosine(a, b):
    a, b = (np.asarray(x, np.float64) for x in (a, b))
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


@dataclasses.dataclass
class Judge:
    """@kind: class, contrast, rest, embedding, patch or own."""
    kind: str
    a: int = 0  # class or patch
    b: int = 0
    direction: np.ndarray = None

    def look(self, picture, pixels, kept=None):
        """What is needed of the answer to a changed picture."""
        with torch.no_grad(), picture.trim.keeping(kept):
            said = picture.runner.say(pixels)
        if self.kind == "patch":
            place = self.a if kept is None else kept.index(self.a)
            return picture.trim.tokens[0, picture.runner.n_prefix + place].numpy()
        return said["logits" if self.kind in ("class", "contrast", "rest") else "embedding"][0].numpy()

    def value(self, seen, whole):
        if self.kind == "embedding":
            return cosine(seen, self.direction)
        if self.kind in ("patch", "own"):
            return cosine(seen, whole)
        logits = torch.from_numpy(seen).double()
        if self.kind == "class":
            return float(logits.softmax(0)[self.a])
        if self.kind == "contrast":
            return float(logits[self.a] - logits[self.b])
        others = torch.cat([logits[:self.a], logits[self.a + 1:]])
        return float(logits[self.a] - others.logsumexp(0))


def area(values, step):
    return step * (sum(values) - values[0] / 2 - values[-1] / 2)


# ---- patches ----

def patch_curve(picture, judge, order, deletes):
    n = picture.n_patches
    steps = min(n, 10)
    order = order[::-1] if deletes else order
    least = picture.least
    if judge.kind == "patch":  # it stays
        order = [judge.a] + [patch for patch in order if patch != judge.a]
        least = 1
    whole = judge.look(picture, picture.pixels)
    values = []
    for step in range(steps + 1):
        count = (2 * n * (steps - step if deletes else step) + steps) // (2 * steps)
        kept = order[:max(count, least)]
        values.append(judge.value(judge.look(picture, picture.pixels, kept), whole))
    return values, area(values, 1 / steps)


# ---- pixels ----

def between(n_pixels, n_patches):
    place = np.maximum((np.arange(n_pixels) + 0.5) * n_patches / n_pixels - 0.5, 0)
    first = np.floor(place).astype(int)
    return first, np.minimum(first + 1, n_patches - 1), place - first


def enlarge(picture, values):
    """Bilinear between the centres of patches."""
    height, width = picture.pixels.shape[2:]
    grid = np.asarray(values, np.float32).reshape(picture.rows, picture.columns).astype(np.float64)
    top, bottom, down = between(height, picture.rows)
    left, right, along = between(width, picture.columns)
    rows = grid[:, left] * (1 - along) + grid[:, right] * along
    down = down[:, None]
    return (rows[top] * (1 - down) + rows[bottom] * down).astype(np.float32)


def blur(pixels):
    """The kernel of RISE: scipy's gaussian_filter of a single 1, which mirrors at the edges."""
    line = np.zeros(11)
    reach = np.arange(-20, 21)
    weights = np.exp(-0.5 * (reach / 5.0) ** 2)
    for offset, weight in zip(reach, weights / weights.sum()):
        place = (5 + offset) % 22
        line[place if place < 11 else 21 - place] += weight
    kernel = torch.zeros(3, 3, 11, 11, dtype=torch.float64)
    for channel in range(3):
        kernel[channel, channel] = torch.from_numpy(np.outer(line, line))
    return torch.nn.functional.conv2d(pixels.double(), kernel, padding=5).float()


def pixel_curve(picture, judge, values, measure):
    height, width = picture.pixels.shape[2:]
    saliency = enlarge(picture, values)
    order = falling(-saliency if measure == "negative" else saliency)
    start, finish = picture.pixels, torch.zeros_like(picture.pixels)
    if measure == "pixel-insertion":
        start, finish = blur(picture.pixels), picture.pixels
    if measure in ("positive", "negative"):
        finish = reference.normalise(np.zeros((height, width, 3), np.uint8), picture.runner.mean,
                                     picture.runner.std)
        counts = [height * width * i // 10 for i in range(10)]
    else:
        rows = -(-height // MOST_STEPS)
        steps = -(-height // rows)
        counts = [min(i * rows * width, height * width) for i in range(steps + 1)]
    whole = judge.look(picture, picture.pixels)
    found = []
    for count in counts:
        changed = start.clone().reshape(3, -1)
        changed[:, order[:count]] = finish.reshape(3, -1)[:, order[:count]]
        seen = judge.look(picture, changed.reshape(start.shape))
        if measure in ("positive", "negative") and judge.kind == "class":
            found.append(float(seen.argmax() == judge.a))
        else:
            found.append(judge.value(seen, whole))
    return found, area(found, 0.1 if len(counts) == 10 else 1 / (len(counts) - 1))


# ---- all of one picture ----

def measure_one(picture, judge, values, measure, seed):
    if seed >= 0:
        order = random_order(picture.n_patches, seed)
        values = np.zeros(picture.n_patches)
        values[order] = np.arange(picture.n_patches, 0, -1)
    if measure.startswith("patch"):
        return patch_curve(picture, judge, falling(values), measure == "patch-deletion")
    return pixel_curve(picture, judge, values, measure)


def score(picture, judge, values):
    def score_of(order):
        deletion, insertion = (patch_curve(picture, judge, order, deletes)[1]
                               for deletes in (True, False))
        return insertion - deletion

    random = [score_of(random_order(picture.n_patches, seed)) for seed in range(N_RANDOM)]
    half = STUDENT_T * np.std(random, ddof=1) * np.sqrt(1 + 1 / N_RANDOM)
    return {"score": score_of(falling(values)), "random": random,
            "low": np.mean(random) - half, "high": np.mean(random) + half}


def choose_judges(picture):
    said = Judge("own").look(picture, picture.pixels)
    judges = [Judge("own"), Judge("patch", picture.n_patches // 2),
              Judge("embedding", direction=np.cos(np.arange(1, len(said) + 1)).astype(np.float32))]
    if picture.runner.has_logits:
        first = int(Judge("class").look(picture, picture.pixels).argmax())
        judges = judges[1:] + [Judge("class", first), Judge("contrast", 0, 2), Judge("rest", 1)]
    return judges


def answer(picture):
    """What variants.json says of one picture."""
    random = np.random.default_rng(1)
    values = random.integers(0, max(3, picture.n_patches // 2), picture.n_patches)  # some are equal
    found = {"map": values.tolist(), "measures": [], "scores": []}
    for judge in choose_judges(picture):
        about = {"kind": judge.kind, "a": judge.a, "b": judge.b}
        for measure in ("patch-deletion", "patch-insertion", "pixel-deletion", "pixel-insertion",
                        "positive", "negative"):
            for seed in (-1, 3) if judge.kind in ("own", "class") else (-1,):
                curve, below = measure_one(picture, judge, values, measure, seed)
                found["measures"].append(about | {"measure": measure, "seed": seed,
                                                  "values": numbers(curve), "area": below})
        found["scores"].append(about | {name: numbers(value) if name == "random" else float(value)
                                        for name, value in score(picture, judge, values).items()})
    return found
