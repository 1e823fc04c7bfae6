/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * grad-rollout: rollout of the attention that the target grows with (Gildenblat 2020, after Abnar
 * & Zuidema 2020).
 *
 *   F^l = (mean_h A^l_h ⊙ ∂y/∂A^l_h)⁺; its lowest entries dropped, if asked
 *   Â^l = (F^l + I), each row divided by its sum
 *   map = row q of Â^L · … · Â^1, its patches
 *
 * Each layer's attention is paired with its own gradient; the code that the method became known by
 * pairs the first layer's with the last one's, since its gradients arrive in reverse.
 */
#include "explain/explain.h"

static const VtrParam *const params[] = {
  &vtr_param_start_layer, &vtr_param_heads_mean,    &vtr_param_query,
  &vtr_param_temperature, &vtr_param_discard_ratio, NULL,
};

static gboolean
grad_rollout_plan (VtrExplainRun *run, GError **error)
{
  VtrRow *row = g_new0 (VtrRow, 1);

  run->scratch = row;
  return vtr_gradient_plan (run, error) && vtr_row_plan (row, run, error);
}

static gboolean
roll (const VtrBackwardBlock *block, gpointer data, GError **error)
{
  VtrExplainRun *run = data;

  return vtr_row_roll (run->scratch, run, block->qkv, block->lse, block->d_context, error);
}

static gboolean
grad_rollout_explain (VtrExplainRun *run, GError **error)
{
  return vtr_row_begin (run->scratch, run, error) &&
         vtr_gradient_go_back (run, NULL, run->settings->layers[0], FALSE, roll, run, error) &&
         vtr_row_end (run->scratch, run, error);
}

const VtrMethodKind vtr_method_grad_rollout = {
  .name = "grad-rollout",
  .summary =
      N_ ("Rollout of the attention that the target grows with, each layer paired with its own "
          "gradient."),
  .params = params,
  .has_target = TRUE,
  .plan = grad_rollout_plan,
  .explain = grad_rollout_explain,
};
