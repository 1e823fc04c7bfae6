/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * rollout: attention followed through all layers (Abnar & Zuidema 2020).
 *
 *   Ā^l = heads of A^l fused; the lowest entries dropped, if asked
 *   Â^l = (Ā^l + I), each row divided by its sum
 *   map = row q of Â^L · … · Â^1, its patches
 *
 * Only that one row is wanted, so the product is taken from the left, a vector
 * times a matrix at a time: r ← r·Â^l for l = L … 1, starting at the query.
 * Exact, with n numbers of state and no n×n matrix.
 */
#include "explain/explain.h"

static const VtrParam param_layers = {
  { .name = "layers",
    .syntax = "last|all|0-11|3,7",
    .default_text = "all",
    .summary = N_ ("The layers that are multiplied, counted from 0 at the patches.") },
  VTR_PARAM_LAYERS,
};

static const VtrParam param_heads = {
  { .name = "heads",
    .syntax = "mean|max|min|all|0,2",
    .default_text = "mean",
    .summary = N_ ("How the heads of a layer are fused; chosen heads are fused by their mean.") },
  VTR_PARAM_HEADS,
};

static const VtrParam *const params[] = {
  &param_layers, &param_heads, &vtr_param_query, &vtr_param_temperature, &vtr_param_discard_ratio,
  NULL,
};

static gboolean
rollout_plan (VtrExplainRun *run, GError **error)
{
  VtrRow *row = g_new0 (VtrRow, 1);

  run->scratch = row;
  return vtr_row_plan (row, run, error);
}

static gboolean
rollout_explain (VtrExplainRun *run, GError **error)
{
  const VtrSettings *settings = run->settings;
  VtrRow *row = run->scratch;

  if (!vtr_row_begin (row, run, error))
    return FALSE;

  for (guint i = settings->n_layers; i-- > 0;)
    {
      const guint layer = settings->layers[i];

      if (!vtr_row_roll (row, run, &run->plan->qkv[layer], &run->plan->lse[layer], NULL, error) ||
          !vtr_stream_advance (run->stream, error) ||
          !vtr_progress_step (&run->progress,
                              (double) (settings->n_layers - i) / settings->n_layers,
                              "following attention", error))
        return FALSE;
    }
  return vtr_row_end (row, run, error);
}

const VtrMethodKind vtr_method_rollout = {
  .name = "rollout",
  .summary = N_ ("Attention multiplied through all layers, with the residual connections (Abnar & "
                 "Zuidema 2020)."),
  .params = params,
  .plan = rollout_plan,
  .explain = rollout_explain,
};
