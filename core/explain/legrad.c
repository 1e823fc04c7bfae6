/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * legrad: how sensitive each layer is to its attention (Bousselham et al. 2025).
 *
 *   s^l = the target, read from the mean of all tokens that layer l gave
 *   Ê^l[k] = 1/(H·n) Σ_h Σ_q (∂s^l/∂A^l_h)⁺[q][k]
 *   map = mean of Ê^l over the layers, its patches
 *
 * s^l depends on A^l through one block only, so no gradient goes further than that.
 */
#include "explain/explain.h"

static const VtrParam *const params[] = {
  &vtr_param_start_layer,
  &vtr_param_heads_mean,
  &vtr_param_temperature,
  NULL,
};

typedef struct
{
  VtrRolloutScratch rollout;
  guint64 head_mask;
  VtrTensor columns; /* [b][n]: Ê of one layer */
  float **layers;    /* [n_layers]: what is read of it; owned by the run */
} Scratch;

static gboolean
legrad_plan (VtrExplainRun *run, GError **error)
{
  Scratch *scratch = g_malloc0 (sizeof *scratch + run->settings->n_layers * sizeof (float *));
  VtrArena *arena = run->arena;
  const guint32 shape[] = { run->n_inputs, run->plan->n_tokens };

  run->scratch = scratch;
  scratch->layers = (float **) (scratch + 1);
  return vtr_gradient_plan (run, error) &&
         vtr_settings_get_head_mask (run->settings, &scratch->head_mask, error) &&
         vtr_arena_plan (arena, &scratch->columns, "legrad.columns", VTR_DTYPE_F32, 2, shape,
                         error) &&
         vtr_rollout_scratch_plan (&scratch->rollout, arena, shape[0], run->arch->n_heads, shape[1],
                                   error);
}

static gboolean
add_columns (const VtrBackwardBlock *block, gpointer data, GError **error)
{
  VtrExplainRun *run = data;
  Scratch *scratch = run->scratch;
  const VtrRolloutLayer layer = {
    .qkv = block->qkv,
    .lse = block->lse,
    .d_context = block->d_context,
    .scale = run->attention_scale,
    .head_mask = vtr_head_mask_of_layer (scratch->head_mask, block->qkv),
  };
  float **read = &scratch->layers[block->layer - run->settings->layers[0]];

  if (!vtr_op_attention_sensitivity (run->stream, &layer, &scratch->rollout, &scratch->columns,
                                     error))
    return FALSE;
  *read = vtr_explain_read_later (run, &scratch->columns, error);
  return *read != NULL;
}

/* The mean over the layers, of one picture. */
static void
add_map (VtrExplainRun *run, guint image)
{
  const Scratch *scratch = run->scratch;
  const guint n_layers = run->settings->n_layers;
  const gsize n_patches = (gsize) run->plan->n_rows * run->plan->n_columns;
  const gsize first = (image + 1) * (gsize) run->plan->n_tokens - n_patches;
  g_autofree float *map = g_new (float, n_patches);

  for (gsize patch = 0; patch < n_patches; patch++)
    {
      double sum = 0.0;
      for (guint i = 0; i < n_layers; i++)
        sum += scratch->layers[i][first + patch];
      map[patch] = (float) (sum / n_layers);
    }
  vtr_explain_add_map (run, image, map);
}

static gboolean
legrad_explain (VtrExplainRun *run, GError **error)
{
  const VtrProgress whole = run->progress;
  const guint n_layers = run->settings->n_layers;

  for (guint i = 0; i < n_layers; i++)
    {
      const VtrHeadSource source = { .layer = run->settings->layers[i], .mean_of_all = TRUE };

      run->progress =
          vtr_progress_part (&whole, (double) i / n_layers, (double) (i + 1) / n_layers);
      if (!vtr_gradient_go_back (run, &source, source.layer, FALSE, add_columns, run, error))
        return FALSE;
    }
  if (!vtr_stream_wait (run->stream, error))
    return FALSE;
  for (guint image = 0; image < run->n_inputs; image++)
    add_map (run, image);
  return TRUE;
}

const VtrMethodKind vtr_method_legrad = {
  .name = "legrad",
  .summary = N_ ("How sensitive the target is to each layer's attention, averaged over the layers "
                 "(LeGrad, Bousselham et al. 2025)."),
  .params = params,
  .has_target = TRUE,
  .plan = legrad_plan,
  .explain = legrad_explain,
};
