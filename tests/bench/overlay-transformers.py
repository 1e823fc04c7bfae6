# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a user of transformers would write: overlays of photos.

    overlay-transformers.py eager|hook MODEL BATCH FOLDER PHOTO...

"eager" asks the model for all its attention, the documented way.  "hook" lets PyTorch's fused
attention run and computes but the row it needs, from what the last layer is given: what an expert
would write.
"""

import sys

import torch
import transformers

import overlay


def open_model(path, implementation):
    return transformers.Dinov2Model.from_pretrained(path, attn_implementation=implementation).eval()


def make_eager(path):
    model = open_model(path, "eager")

    def attend(pixels):
        attentions = model(torch.from_numpy(pixels), output_attentions=True).attentions
        return attentions[-1][:, :, 0, 1:].mean(1).numpy()

    return attend


def make_hook(path):
    model = open_model(path, "sdpa")
    attention = model.encoder.layer[-1].attention
    n_heads = model.config.num_attention_heads
    kept = []

    def keep_row(module, args, kwargs):
        x = args[0] if args else kwargs["hidden_states"]
        q = module.q_proj(x[:, :1]).unflatten(-1, (n_heads, -1)).transpose(1, 2)
        k = module.k_proj(x).unflatten(-1, (n_heads, -1)).transpose(1, 2)
        kept[:] = [(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).softmax(-1)]

    attention.register_forward_pre_hook(keep_row, with_kwargs=True)

    def attend(pixels):
        model(torch.from_numpy(pixels))
        return kept[0][:, :, 0, 1:].mean(1).numpy()

    return attend


def main(way, model, batch, folder, *paths):
    torch.set_grad_enabled(False)
    torch.set_num_threads(2)
    attend = {"eager": make_eager, "hook": make_hook}[way](model)
    overlay.explain(attend, int(batch), folder, paths)


main(*sys.argv[1:])
