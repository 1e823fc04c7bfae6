/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * relevance: which tokens the target hangs on, through all layers (Chefer, Gur & Wolf 2021,
 * eqs. 5 and 6 for self-attention).
 *
 *   Ē^l = mean_h (∂y/∂A^l_h ⊙ A^l_h)⁺
 *   R ← R + Ē^l·R for l = 1 … L, from R = I
 *   map = row q of R, its patches
 *
 * The row alone: r ← r + r·Ē^l for l = L … 1, from the query, in the order in which the gradient
 * comes back.
 */
#include "explain/explain.h"

static const VtrParam *const params[] = {
  &vtr_param_start_layer, &vtr_param_heads_mean, &vtr_param_query, &vtr_param_temperature, NULL,
};

static gboolean
relevance_plan (VtrExplainRun *run, GError **error)
{
  VtrRow *row = g_new0 (VtrRow, 1);

  run->scratch = row;
  return vtr_gradient_plan (run, error) && vtr_row_plan (row, run, error);
}

static gboolean
relate (const VtrBackwardBlock *block, gpointer data, GError **error)
{
  VtrExplainRun *run = data;

  return vtr_row_relate (run->scratch, run, block->qkv, block->lse, block->d_context, error);
}

static gboolean
relevance_explain (VtrExplainRun *run, GError **error)
{
  return vtr_row_begin (run->scratch, run, error) &&
         vtr_gradient_go_back (run, NULL, run->settings->layers[0], FALSE, relate, run, error) &&
         vtr_row_end (run->scratch, run, error);
}

const VtrMethodKind vtr_method_relevance = {
  .name = "relevance",
  .summary =
      N_ ("What the target hangs on: attention times its gradient, followed through all layers "
          "(Chefer, Gur & Wolf 2021)."),
  .params = params,
  .has_target = TRUE,
  .plan = relevance_plan,
  .explain = relevance_explain,
};
