# SPDX-License-Identifier: LGPL-3.0-or-later
"""What PyTorch's autograd says of a target: gradients of what heads gave and blocks were given."""

import numpy as np
import torch


class Trace:
    """Tensors of one forward pass, in the order of the blocks."""

    def __init__(self):
        self.tokens = []  # each block was given, [1][n][d]
        self.context = []  # each block's heads gave, [1][n][d]
        self.attention = []  # each block's, [1][n_heads][n][n]
        self.normed = []  # each block's first norm gave, [1][n][d]
        self.outputs = []  # each block gave, [1][n][d]

    def clear(self):
        for tensors in vars(self).values():
            tensors.clear()

    def watch(self, blocks, projections):
        """Follows blocks, their first norms and the linear layers behind their heads."""
        for modules, tensors in ((blocks, self.tokens), (projections, self.context)):
            for module in modules:
                module.register_forward_pre_hook(
                    lambda module, args, kwargs, tensors=tensors: tensors.append(
                        args[0] if args else kwargs["hidden_states"]), with_kwargs=True)
        for modules, tensors in ((blocks, self.outputs), (map(first_norm, blocks), self.normed)):
            for module in modules:
                module.register_forward_hook(
                    lambda module, args, output, tensors=tensors: tensors.append(
                        output[0] if isinstance(output, tuple) else output))


def first_norm(block):
    """The norm before the attention."""
    names = ("norm1", "layer_norm1", "layernorm_before")
    return next(getattr(block, name) for name in names if hasattr(block, name))


def gradients_of(target, tensors, n_layers):
    """[n_layers][n][d]; where a runner asked its model twice, one of the two had no part in it."""
    found = torch.autograd.grad(target, tensors, retain_graph=True, allow_unused=True)
    found = [gradient[0].numpy() for gradient in found if gradient is not None]
    assert len(found) == n_layers
    return np.stack(found)


def wave(length):
    """Some direction in which an embedding is measured."""
    return np.cos(np.arange(1, length + 1)).astype(np.float32)


def difference(length):
    """The first class rather than the last."""
    seed = np.zeros(length, np.float32)
    seed[0], seed[-1] = 1, -1
    return seed


def one_class(length):
    seed = np.zeros(length, np.float32)
    seed[1] = 1
    return seed


def choose_targets(runner, of_one_picture):
    """Of what, its derivative, after how many blocks, whether the head reads the mean of all tokens."""
    n = runner.n_layers
    if runner.has_logits:
        targets = [("logits", difference, n, False)]
        more = [("logits", one_class, n, False), ("embedding", wave, n, False),
                ("logits", one_class, 1, False)]
    else:
        targets = [("embedding", wave, n, False)]
        more = [("embedding", wave, 1, False)]
    if hasattr(runner, "say_mean"):
        more += [("embedding", wave, n, True), ("embedding", wave, 1, True)]
    targets += more if of_one_picture else []
    return [target for i, target in enumerate(targets) if target not in targets[:i]]


def answer(runner, answers, pixels, of_one_picture):
    """The entries of one picture for expected.json."""
    entries = []
    for what, make_seed, n_layers, of_mean in choose_targets(runner, of_one_picture):
        runner.trace.clear()
        with runner.cut(n_layers):
            said = (runner.say_mean if of_mean else runner.say)(pixels)[what][0]
        seed = make_seed(len(said))
        target = (said * torch.from_numpy(seed)).sum()
        entries.append({
            "of": what, "n_layers": n_layers, "mean_of_all": of_mean, "seed": answers.put(seed),
            "d_context": answers.put(gradients_of(target, runner.trace.context, n_layers)),
            "d_tokens": answers.put(gradients_of(target, runner.trace.tokens, n_layers))})
    return entries
