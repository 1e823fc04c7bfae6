/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* A term for the loss of a training run that holds the entropy of attention where it should be. */
#include "analysis/analysis.h"
#include "base/json.h"

#include <math.h>

/* The least deviation from the targets that the weight is reckoned from. */
#define LEAST_DEVIATION 0.05

VtrRegularization *
vtr_regularization_new (const VtrAnalysis *analysis, const double *healthy)
{
  g_return_val_if_fail (analysis != NULL && analysis->n_pictures > 0, NULL);

  const guint n_classes = vtr_model_get_n_classes (analysis->model);
  const double loss = n_classes > 1 ? log (n_classes) : 1.0;
  VtrRegularization *self = g_new0 (VtrRegularization, 1);

  self->n_layers = analysis->n_layers;
  self->present = g_new (double, self->n_layers);
  self->targets = g_new (double, self->n_layers);
  for (guint layer = 0; layer < self->n_layers; layer++)
    {
      const double present =
          vtr_analysis_get_layer_mean (analysis, VTR_STATISTIC_ENTROPY, VTR_READING_ALL, layer);
      const double target = healthy != NULL && !isnan (healthy[layer])
                                ? healthy[layer]
                                : CLAMP (present, VTR_LEAST_TARGET, VTR_MOST_TARGET);

      self->present[layer] = present;
      self->targets[layer] = target;
      self->penalty += (present - target) * (present - target) / self->n_layers;
    }
  self->weight = VTR_PENALTY_SHARE * loss / fmax (self->penalty, LEAST_DEVIATION * LEAST_DEVIATION);
  return self;
}

void
vtr_regularization_free (VtrRegularization *self)
{
  if (self == NULL)
    return;
  g_free (self->present);
  g_free (self->targets);
  g_free (self);
}

char *
vtr_regularization_to_json (const VtrRegularization *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_autoptr (JsonBuilder) json = json_builder_new ();

  json_builder_begin_object (json);
  vtr_json_add_text (json, "term", "weight / layers * sum ((entropy - target) ^ 2)");
  vtr_json_add_doubles (json, "present", self->present, self->n_layers);
  vtr_json_add_doubles (json, "targets", self->targets, self->n_layers);
  vtr_json_add_double (json, "penalty", self->penalty);
  vtr_json_add_double (json, "weight", self->weight);
  json_builder_end_object (json);

  g_autoptr (JsonNode) root = json_builder_get_root (json);
  return json_to_string (root, TRUE);
}

/* What follows the numbers. */
static const char code[] =
    "\n\n"
    "def entropies(attention):\n"
    "    \"\"\"[batch, heads, queries, keys], rows summing to 1 -> the mean entropy, 0 to "
    "1.\"\"\"\n"
    "    logs = attention.clamp_min(torch.finfo(attention.dtype).tiny).log()\n"
    "    return -(attention * logs).sum(-1).mean() / math.log(attention.shape[-1])\n"
    "\n\n"
    "def attention_penalty(attentions):\n"
    "    \"\"\"To be added to the loss; one attention for each layer.\"\"\"\n"
    "    if len(attentions) != len(TARGETS):\n"
    "        raise ValueError(f'{len(attentions)} layers of attention, {len(TARGETS)} targets')\n"
    "    return WEIGHT * sum((entropies(attention.float()) - target) ** 2\n"
    "                        for attention, target in zip(attentions, TARGETS)) / len(TARGETS)\n"
    "\n\n"
    "class AttentionRecorder:\n"
    "    \"\"\"The attentions of a timm model's last forward pass, with TIMM_FUSED_ATTN=0 in the\n"
    "    environment: its blocks hand them to attn_drop.\"\"\"\n"
    "\n"
    "    def __init__(self, model):\n"
    "        self.attentions = []\n"
    "        self.hooks = [model.register_forward_pre_hook(lambda *_: self.attentions.clear())]\n"
    "        self.hooks += [block.attn.attn_drop.register_forward_pre_hook(\n"
    "            lambda _, inputs: self.attentions.append(inputs[0])) for block in model.blocks]\n"
    "\n"
    "    def close(self):\n"
    "        for hook in self.hooks:\n"
    "            hook.remove()\n";

char *
vtr_regularization_to_python (const VtrRegularization *self)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_return_val_if_fail (self != NULL, NULL);

  GString *python =
      g_string_new ("\"\"\"Holds the entropy of a Vision Transformer's attention at targets while "
                    "it is trained.\n"
                    "\n"
                    "transformers, loaded with attn_implementation='eager':\n"
                    "    outputs = model(pixels, labels=labels, output_attentions=True)\n"
                    "    (outputs.loss + attention_penalty(outputs.attentions)).backward()\n"
                    "timm:\n"
                    "    recorder = AttentionRecorder(model)\n"
                    "    loss = criterion(model(pixels), labels)\n"
                    "    (loss + attention_penalty(recorder.attentions)).backward()\n"
                    "\"\"\"\n"
                    "\n"
                    "import math\n"
                    "\n"
                    "import torch\n"
                    "\n");

  g_string_append_printf (python, "WEIGHT = %s\n",
                          g_ascii_formatd (text, sizeof text, "%.6g", self->weight));
  g_string_append (python, "TARGETS = [  # from the first layer to the last\n");
  for (guint layer = 0; layer < self->n_layers; layer++)
    {
      g_string_append_printf (python, "    %s,",
                              g_ascii_formatd (text, sizeof text, "%.4f", self->targets[layer]));
      g_string_append_printf (python, "  # now %s\n",
                              g_ascii_formatd (text, sizeof text, "%.4f", self->present[layer]));
    }
  g_string_append (python, "]\n");
  g_string_append (python, code);
  return g_string_free (python, FALSE);
}
