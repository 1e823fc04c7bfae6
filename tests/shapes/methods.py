# SPDX-License-Identifier: LGPL-3.0-or-later
"""The methods that explain, straight from their formulas: PyTorch, float32, autograd.

Of one picture; a target is a function of the logits, [n_classes] → a number.  A is [n_layers]
[n_heads][n][n], attention after the softmax; token 0 is CLS; each map is [n_patches].  The numbers
of sections are those of the field notes.
"""

import torch


class Forward:
    """What one forward pass of a Hugging Face ViT with eager attention leaves to be asked."""

    def __init__(self, model, pixels):
        self.outputs = []  # of each block, [1][n][d]
        self.features = None  # what the last block's first norm gave, [1][n][d]
        self.norm, self.head = model.vit.layernorm, model.classifier
        blocks = model.vit.layers
        hooks = [block.register_forward_hook(self.keep_output) for block in blocks]
        hooks.append(blocks[-1].layernorm_before.register_forward_hook(self.keep_features))
        said = model(pixel_values=pixels, output_attentions=True)
        for hook in hooks:
            hook.remove()
        self.logits, self.attention = said.logits[0], said.attentions

    def keep_output(self, module, args, output):
        self.outputs.append(output[0] if isinstance(output, tuple) else output)

    def keep_features(self, module, args, output):
        self.features = output

    def probabilities(self):
        """A, without its history"""
        return torch.cat(self.attention).detach()

    def d_attention(self, target):
        """∂target/∂A"""
        return torch.cat(torch.autograd.grad(target(self.logits), self.attention, retain_graph=True))


def raw(forward, target):
    """Ā of the last layer, from CLS; knows no target."""
    return forward.probabilities()[-1].mean(0)[0, 1:]


def roll(layers):
    """3.1, of [n_layers][n][n]: the product of what each layer gives, half of it the token's own."""
    rolled = torch.eye(layers.shape[-1])
    for layer in layers:
        mixed = layer + torch.eye(len(layer))
        rolled = mixed / mixed.sum(-1, keepdim=True) @ rolled
    return rolled[0, 1:]


def rollout(forward, target):
    """3.1; knows no target."""
    return roll(forward.probabilities().mean(1))


def grad_rollout(forward, target):
    """3.2, each layer with its own gradient, nothing discarded"""
    weighted = forward.probabilities() * forward.d_attention(target)
    return roll(weighted.mean(1).clamp(min=0))


def relevance(forward, target):
    """3.4, Chefer 2021: R ← R + mean over heads of (∇A ⊙ A)⁺ R"""
    weighted = (forward.probabilities() * forward.d_attention(target)).clamp(min=0).mean(1)
    relevant = torch.eye(weighted.shape[-1])
    for layer in weighted:
        relevant = relevant + layer @ relevant
    return relevant[0, 1:]


def legrad(forward, target):
    """3.5: each block's output, all tokens averaged, is asked through the head."""
    maps = []
    for output, attention in zip(forward.outputs, forward.attention):
        logits = forward.head(forward.norm(output.mean(1)))[0]
        gradient, = torch.autograd.grad(target(logits), attention, retain_graph=True)
        maps.append(gradient.clamp(min=0).mean((0, 1, 2)))
    return torch.stack(maps).mean(0)[1:]


def grad_cam_attention(forward, target):
    """3.6 (b): CLS of the last layer, each head by the mean of its gradient over the patches"""
    weights = forward.d_attention(target)[-1, :, 0, 1:].mean(-1, keepdim=True)
    return (weights * forward.probabilities()[-1, :, 0, 1:]).mean(0).clamp(min=0)


def grad_cam(forward, target):
    """3.6 (a): what the last block's first norm gave, each channel by its mean gradient"""
    gradient, = torch.autograd.grad(target(forward.logits), forward.features, retain_graph=True)
    weights = gradient[0, 1:].mean(0)
    return (forward.features[0, 1:].detach() @ weights).clamp(min=0)


METHODS = {
    "raw": raw,
    "rollout": rollout,
    "grad-rollout": grad_rollout,
    "relevance": relevance,
    "legrad": legrad,
    "grad-cam-attention": grad_cam_attention,
    "grad-cam": grad_cam,
}


def logit_of(label):
    """Target: how much a class."""
    return lambda logits: logits[label]


def contrast_of(label, other):
    """Target: how much a class rather than another."""
    return lambda logits: logits[label] - logits[other]
