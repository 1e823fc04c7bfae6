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
    .summary = "The layers that are multiplied, counted from 0 at the patches." },
  VTR_PARAM_LAYERS,
};

static const VtrParam param_heads = {
  { .name = "heads",
    .syntax = "mean|max|min|all|0,2",
    .default_text = "mean",
    .summary = "How the heads of a layer are fused; chosen heads are fused by their mean." },
  VTR_PARAM_HEADS,
};

static const VtrParam param_discard_ratio = {
  { .name = "discard-ratio",
    .syntax = "a number from 0 to 0.999",
    .default_text = "0",
    .summary = "The share of each layer's fused attention, lowest first, that is left out.",
    .min = 0.0,
    .max = 0.999 },
  VTR_PARAM_DISCARD_RATIO,
};

static const VtrParam *const params[] = {
  &param_layers, &param_heads, &vtr_param_query, &vtr_param_temperature, &param_discard_ratio, NULL,
};

/* Bits of VtrRolloutLayer's head mask. */
#define MAX_HEADS 64u

typedef struct
{
  VtrTensor r[2]; /* [b][n]: the row so far and the next */
  VtrRolloutScratch rollout;
} Scratch;

static gboolean
rollout_plan (VtrExplainRun *run, GError **error)
{
  Scratch *scratch = g_new0 (Scratch, 1);
  VtrArena *arena = run->plan->arena;
  const guint32 shape[] = { run->n_inputs, run->plan->n_tokens };

  run->scratch = scratch;
  if (run->arch->n_heads > MAX_HEADS)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
                   "Rollout takes models of up to %u heads a layer; this one has %u", MAX_HEADS,
                   run->arch->n_heads);
      return FALSE;
    }
  return vtr_arena_plan (arena, &scratch->r[0], "rollout.r0", VTR_DTYPE_F32, 2, shape, error) &&
         vtr_arena_plan (arena, &scratch->r[1], "rollout.r1", VTR_DTYPE_F32, 2, shape, error) &&
         vtr_rollout_scratch_plan (&scratch->rollout, arena, shape[0], 0, shape[1], error);
}

static guint64
make_head_mask (const VtrSettings *settings)
{
  guint64 mask = 0;

  for (guint i = 0; i < settings->n_heads; i++)
    mask |= G_GUINT64_CONSTANT (1) << settings->heads[i];
  return mask;
}

/* ⌊ratio·n²⌋, the product taken in double as NumPy and PyTorch do. */
static guint64
count_discarded (const VtrExplainRun *run)
{
  const double n = run->plan->n_tokens;

  return (guint64) (run->settings->discard_ratio * (n * n));
}

static gboolean
step (VtrExplainRun *run, guint layer, const VtrTensor *r, const VtrTensor *next, GError **error)
{
  Scratch *scratch = run->scratch;
  const guint64 n_discarded = count_discarded (run);
  const VtrRolloutLayer rollout_layer = {
    .qkv = &run->plan->qkv[layer],
    .lse = &run->plan->lse[layer],
    .scale = run->attention_scale,
    .fusion = run->settings->fusion,
    .head_mask = make_head_mask (run->settings),
    .discard = n_discarded > 0,
  };

  if (n_discarded > 0 &&
      !vtr_op_rollout_cutoff (run->stream, &rollout_layer, n_discarded, &scratch->rollout, error))
    return FALSE;
  return vtr_op_rollout_step (run->stream, &rollout_layer, r, &scratch->rollout, next, error) &&
         vtr_stream_advance (run->stream, error);
}

static void
add_map (VtrExplainRun *run, VtrExplanation *explanation, const float *row)
{
  const gsize n_patches = (gsize) run->plan->n_rows * run->plan->n_columns;
  const float *patches = row + (run->plan->n_tokens - n_patches);
  g_autoptr (VtrMap) map = vtr_map_new (run->plan->n_rows, run->plan->n_columns, patches, VTR_FUSED,
                                        VTR_FUSED, "rollout");

  vtr_explanation_take_map (explanation, vtr_map_ref (map));
  vtr_explanation_take_summary (explanation, g_steal_pointer (&map));
}

static gboolean
rollout_explain (VtrExplainRun *run, GError **error)
{
  Scratch *scratch = run->scratch;
  const VtrSettings *settings = run->settings;
  g_autofree float *query = vtr_explain_make_query_weights (run, error);
  guint now = 0;

  if (query == NULL || !vtr_stream_write (run->stream, &scratch->r[0], 0, query,
                                          vtr_tensor_n_bytes (&scratch->r[0]), error))
    return FALSE;

  for (guint i = settings->n_layers; i-- > 0; now = 1 - now)
    if (!step (run, settings->layers[i], &scratch->r[now], &scratch->r[1 - now], error) ||
        !vtr_progress_step (&run->progress, (double) (settings->n_layers - i) / settings->n_layers,
                            "following attention", error))
      return FALSE;

  const float *rows = vtr_explain_read_later (run, &scratch->r[now], error);
  if (rows == NULL || !vtr_stream_wait (run->stream, error))
    return FALSE;
  for (guint image = 0; image < run->n_inputs; image++)
    add_map (run, run->explanations[image], rows + (gsize) image * run->plan->n_tokens);
  return TRUE;
}

const VtrMethodKind vtr_method_rollout = {
  .name = "rollout",
  .summary = "Attention multiplied through all layers, with the residual connections (Abnar & "
             "Zuidema 2020).",
  .params = params,
  .plan = rollout_plan,
  .explain = rollout_explain,
};
