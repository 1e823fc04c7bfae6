# SPDX-License-Identifier: LGPL-3.0-or-later
"""The maps of the methods that follow a gradient, as the papers have them: by whole matrices.

One picture, in float64.  A [n_heads][n][n] is a layer's attention, d_a the gradient of the target y
by it; r [n] says which tokens ask.
"""

import numpy as np
import torch

import gradients

# Least distance of two sorted entries at the edge of what a discard ratio drops, of the greatest.
DISCARD_MARGIN = 3e-6

# Least lead of the logit of "top1".
LOGIT_MARGIN = 1e-3

# The patch whose token is a target, row and column.
PATCH = (1, 2)


# ---- the number that is explained ----

class Target:
    """y of what the head says, or of the tokens it would read."""

    def __init__(self, classes=None, direction=None, token=None):
        self.classes, self.direction, self.token = classes, direction, token

    def of(self, said, tokens):
        if self.token is not None:
            return tokens[0, self.token].norm()
        if self.direction is not None:
            return torch.cosine_similarity(said["embedding"][0], self.direction, dim=0)
        return of_logits(self.classes, said["logits"][0])

    def resolved(self, logits):
        """Its classes as numbers, whatever is said later."""
        if self.classes is None or "top1" not in self.classes:
            return self
        second, first = logits[0].sort().indices[-2:]
        assert logits[0, first] - logits[0, second] > LOGIT_MARGIN
        return Target(classes=self.classes.replace("top1", str(first.item())))


def of_logits(classes, logits):
    """"a", "a-b" or "a-rest"."""
    a, _, b = classes.partition("-")
    if b == "rest":
        others = torch.arange(len(logits)) != int(a)
        return logits[int(a)] - logits[others].logsumexp(dim=0)
    return logits[int(a)] - logits[int(b)] if b else logits[int(a)]


# ---- what the methods start from ----

class Pass:
    """What one forward pass leaves, and gradients of it."""

    def __init__(self, runner, pixels, temperature):
        runner.trace.clear()
        self.runner = runner
        said = runner.say(pixels.double(), temperature)
        said = {name: tensor.detach() for name, tensor in said.items()}
        n = runner.n_layers  # a runner that asked its model twice has the same once more
        self.attention, self.outputs = runner.trace.attention[:n], runner.trace.outputs[:n]
        self.context = runner.trace.context[:n]
        self.normed = runner.trace.normed[n - 1]
        assert np.array_equal(torch.cat(self.attention)[None].detach(), said["attention"])
        self.said = self.read(n - 1, False)
        for name, values in self.said.items():
            assert (values - said[name]).abs().max() < 1e-9

    def read(self, layer, mean_of_all):
        return self.runner.read(self.outputs[layer], mean_of_all)

    def heads_of(self, layer):
        return self.attention[layer][0].detach().numpy()

    def number(self, target):
        return target.resolved(self.said.get("logits")).of(self.said, self.outputs[-1])

    def gradients(self, target):
        """d_a of all layers."""
        found = torch.autograd.grad(self.number(target), self.attention + self.context,
                                    retain_graph=True)
        for attention, context, d_a, d_context in zip(
                self.attention, self.context, found, found[len(self.attention):]):
            check_attention(attention, context, d_a, d_context)
        return [gradient[0].numpy() for gradient in found[:len(self.attention)]]


def check_attention(attention, context, d_a, d_context):
    """What the heads gave is A·v of this very A: so Σ_k A ⊙ d_a = Σ_c context ⊙ d_context."""
    by_head = (context * d_context)[0].unflatten(-1, (attention.shape[1], -1)).sum(dim=-1).T
    by_key = (attention * d_a)[0].sum(dim=-1)
    assert (by_head - by_key).abs().max() <= 1e-6 * by_key.abs().max()


def where_asked(runner, n, target, query):
    """r [n]: the token that the target reads, CLS, or all patches alike."""
    r = np.zeros(n)
    if target.token is not None:
        r[target.token] = 1
    elif query == "cls":
        r[0] = 1
    else:
        r[runner.n_prefix:] = 1 / (n - runner.n_prefix)
    return r


def usual_query(runner):
    return "mean" if runner.reads_mean or not runner.has_cls else "cls"


def positive(matrix):
    return np.maximum(matrix, 0)


def normalise_rows(matrix):
    return matrix / matrix.sum(axis=-1, keepdims=True)


def multiply(r, matrices):
    """r · M^L ··· M^1, by products of whole matrices; and row after row, as Vitreous does it."""
    product = np.eye(len(r))
    row = r
    for matrix in matrices:
        product = matrix @ product
    for matrix in reversed(matrices):
        row = row @ matrix
    rolled = r @ product
    assert np.abs(row - rolled).max() <= 1e-6 * np.abs(rolled).max()
    return rolled


# ---- the methods ----

def relevance(run, target, r, start_layer=0):
    """Chefer 2021, field-notes 3.4: R ← R + mean_h((d_a ⊙ A)⁺) R"""
    d_a = run.gradients(target)
    return multiply(r, [np.eye(len(r)) + positive(d_a[layer] * run.heads_of(layer)).mean(axis=0)
                        for layer in range(start_layer, len(d_a))])


def grad_rollout(run, target, r, start_layer=0, discard_ratio=0.0):
    """Field-notes 3.2, each layer with its own gradient; no entry is safe from being discarded."""
    d_a = run.gradients(target)
    fused = [discard(positive((run.heads_of(layer) * d_a[layer]).mean(axis=0)), discard_ratio)
             for layer in range(start_layer, len(d_a))]
    return multiply(r, [normalise_rows(matrix + np.eye(len(r))) for matrix in fused])


class TooClose(Exception):
    """A map would hang on a rounding."""


def discard(matrix, ratio):
    """Zeroes the lowest entries of the whole matrix."""
    flat = matrix.flatten()
    n_lowest = int(flat.size * ratio)
    order = np.argsort(flat, kind="stable")
    if 0 < n_lowest:
        dropped, kept = flat[order[n_lowest - 1:n_lowest + 1]]
        margin = DISCARD_MARGIN * flat.max()
        if margin < kept < dropped + margin:
            raise TooClose
    flat[order[:n_lowest]] = 0
    return flat.reshape(matrix.shape)


def legrad(run, target, r, start_layer=0):
    """LeGrad, field-notes 3.5: from each layer's own y, positive gradients, summed over queries."""
    target = target.resolved(run.said.get("logits"))
    layers = range(start_layer, len(run.attention))
    total = np.zeros(len(r))
    for layer in layers:
        y = target.of(run.read(layer, True), run.outputs[layer])
        d_a, = torch.autograd.grad(y, [run.attention[layer]], retain_graph=True)
        n_heads, n = d_a.shape[1:3]
        total += positive(d_a[0].numpy()).sum(axis=(0, 1)) / (n_heads * n)
    return total / len(layers)


def gradcam(run, target, r, features="attention"):
    """Field-notes 3.6."""
    of = {"attention": gradcam_of_attention, "activation": gradcam_of_activation}
    return of[features](run, target, r)


def gradcam_of_attention(run, target, r):
    """(mean_h w_h · (r A_h))⁺, w_h the mean over patches of r d_a_h"""
    weights = (r @ run.gradients(target)[-1])[:, run.runner.n_prefix:].mean(axis=-1)
    return positive((weights[:, None] * (r @ run.heads_of(-1))).mean(axis=0))


def gradcam_of_activation(run, target, r):
    """(Σ_c α_c F[p][c])⁺, F what the last block's first norm gave, α its gradient's mean of patches"""
    found, = torch.autograd.grad(run.number(target), [run.normed], retain_graph=True)
    alpha = found[0, run.runner.n_prefix:].numpy().mean(axis=0)
    return positive(run.normed[0].detach().numpy() @ alpha)


METHODS = {"relevance": relevance, "grad-rollout": grad_rollout, "legrad": legrad,
           "gradcam": gradcam}
PARAMS = {"start-layer": ("start_layer", int), "discard-ratio": ("discard_ratio", float),
          "features": ("features", str)}


# ---- the answers ----

ALL = [("relevance", {}), ("grad-rollout", {}), ("legrad", {}),
       ("gradcam", {"features": "attention"}), ("gradcam", {"features": "activation"})]

RATIOS = ("0.9", "0.8", "0.6")  # that hang on a rounding are left out, but not all

# What to ask instead where next to nothing of a map is positive: of two opposites one leaves enough.
FAINT = 0.25  # of what another leaves
INSTEAD = {"embedding": ["away"], "contrast": ["contrary"], "one": ["contrast", "contrary"]}


def choose_questions(runner, first):
    """Method, kind of target, parameters."""
    if not first:
        usual = "one" if runner.has_logits else "embedding"
        return [(method, usual, params) for method, params in ALL]
    usual = "contrast" if runner.has_logits else "embedding"
    questions = [(method, usual, params) for method, params in ALL]
    questions += [("grad-rollout", usual, {"discard-ratio": ratio}) for ratio in RATIOS]
    if runner.has_cls:
        query = {"cls": "mean", "mean": "cls"}[usual_query(runner)]
        questions += [("relevance", usual, {"query": query})]
    if runner.n_layers > 1:
        questions += [(method, usual, {"start-layer": "1"})
                      for method in ("relevance", "grad-rollout", "legrad")]
    if runner.has_logits:
        questions += [("relevance", kind, {}) for kind in ("one", "rest", "top1", "embedding")]
        questions += [("legrad", kind, {}) for kind in ("rest", "embedding")]
    return questions + [(method, "patch", params) for method, params in ALL]


class Questions:
    """What one picture is asked, and how expected.json says it."""

    def __init__(self, run, answers, n_columns):
        self.run, self.answers, self.n_columns = run, answers, n_columns
        self.places = {}  # of directions in expected.bin

    def make_target(self, kind):
        if kind in ("embedding", "away"):
            direction = gradients.wave(self.run.said["embedding"].shape[1]).astype(np.float64)
            return Target(direction=torch.from_numpy(-direction if kind == "away" else direction))
        if kind == "patch":
            return Target(token=self.run.runner.n_prefix + PATCH[0] * self.n_columns + PATCH[1])
        last = self.run.said["logits"].shape[1] - 1
        return Target(classes={"one": "1", "contrast": f"0-{last}", "contrary": f"{last}-0",
                               "rest": "0-rest", "top1": "top1"}[kind])

    def say(self, kind, target):
        """A target for expected.json."""
        if target.classes is not None:
            return {"classes": target.classes}
        if target.token is not None:
            return {"patch": PATCH}
        if kind not in self.places:
            self.places[kind] = self.answers.put(target.direction.float().numpy())
        return {"direction": self.places[kind]}

    def ask(self, method, kind, params):
        """An entry of expected.json."""
        kinds = [kind] + INSTEAD.get(kind, [])
        targets = [self.make_target(kind) for kind in kinds]
        maps = [explain(self.run, method, target, params) for target in targets]
        greatest = max(values.max() for values in maps)
        assert greatest > 0
        kind, target, values = next(found for found in zip(kinds, targets, maps)
                                    if found[2].max() >= FAINT * greatest)
        return {"method": method, "target": self.say(kind, target), "params": params,
                "value": float(f"{self.run.number(target).item():.9g}"),
                "map": self.answers.put(values)}


def explain(run, method, target, params):
    """The map, [n_patches] float32."""
    runner = run.runner
    n = run.attention[0].shape[-1]
    r = where_asked(runner, n, target, params.get("query", usual_query(runner)))
    options = {PARAMS[name][0]: PARAMS[name][1](text) for name, text in params.items()
               if name != "query"}
    values = METHODS[method](run, target, r, **options)
    return values[runner.n_prefix:].astype(np.float32)


def answer(runner, answers, pixels, temperature, first):
    """The entries of one picture for expected.json."""
    run = Pass(runner, pixels, temperature)
    questions = Questions(run, answers, pixels.shape[3] // runner.patch)
    entries = []
    for question in choose_questions(runner, first):
        try:
            entries.append(questions.ask(*question))
        except TooClose:
            pass
    assert any("discard-ratio" in entry["params"] for entry in entries) == first
    return entries
