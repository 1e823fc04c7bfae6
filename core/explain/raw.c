/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * raw: the attention a query gives to each patch, as it is.
 *
 * map[k] = A_h[q][k] for the asked query token q, layer by layer; where several tokens
 * ask, the mean of A_h[q][k] over them.
 */
#include "explain/explain.h"

#include <math.h>

static const VtrParam param_layers = {
  { .name = "layers",
    .syntax = "last|all|0-11|3,7",
    .default_text = "last",
    .summary = N_ ("The layers to show, counted from 0 at the patches.") },
  VTR_PARAM_LAYERS,
};

static const VtrParam param_heads = {
  { .name = "heads",
    .syntax = "mean|max|min|all|0,2",
    .default_text = "mean",
    .summary = N_ ("How heads become one map, or which heads to show each for itself.") },
  VTR_PARAM_HEADS,
};

static const VtrParam *const params[] = {
  &param_layers, &param_heads, &vtr_param_query, &vtr_param_temperature, NULL,
};

/* Device memory of the method: what asks, and the answer of every asked layer. */
typedef struct
{
  VtrQueryScratch query;
  VtrTensor *answers; /* [n_layers] */
} RawScratch;

static gboolean
raw_plan (VtrExplainRun *run, GError **error)
{
  const guint n_layers = run->settings->n_layers;
  RawScratch *scratch = g_malloc0 (sizeof *scratch + n_layers * sizeof (VtrTensor));

  run->scratch = scratch;
  scratch->answers = (VtrTensor *) (scratch + 1);
  for (guint i = 0; i < n_layers; i++)
    {
      const guint layer = run->settings->layers[i];
      g_autofree char *name = g_strdup_printf ("layer%02u.answer", layer);

      if (!vtr_query_plan_answer (run, layer, name, &scratch->answers[i], error))
        return FALSE;
    }
  return vtr_query_plan (&scratch->query, run, error);
}

static gboolean
record_layer (RawScratch *scratch, VtrExplainRun *run, guint index, GError **error)
{
  const guint layer = run->settings->layers[index];

  return vtr_query_record (&scratch->query, run, &run->plan->qkv[layer], &run->plan->lse[layer],
                           &scratch->answers[index], error);
}

/* Fused heads [n_heads][p] → [p]. */
static float *
fuse_heads (const float *heads, guint n_heads, gsize n_patches, VtrFusion fusion)
{
  float *fused = g_new (float, n_patches);

  for (gsize patch = 0; patch < n_patches; patch++)
    {
      double sum = 0.0;
      float least = heads[patch];
      float greatest = heads[patch];

      for (guint head = 0; head < n_heads; head++)
        {
          const float value = heads[head * n_patches + patch];
          sum += value;
          least = MIN (least, value);
          greatest = MAX (greatest, value);
        }
      fused[patch] = fusion == VTR_FUSION_MAX   ? greatest
                     : fusion == VTR_FUSION_MIN ? least
                                                : (float) (sum / n_heads);
    }
  return fused;
}

/* Asked heads that a layer has. */
static guint
count_heads (const VtrExplainRun *run, guint layer)
{
  return vtr_settings_count_heads (run->settings, vtr_arch_n_heads (run->arch, layer));
}

static VtrMap *
make_fused_map (const VtrExplainRun *run, const float *heads, guint layer)
{
  static const char *const words[] = {
    [VTR_FUSION_MEAN] = "mean",
    [VTR_FUSION_MAX] = "max",
    [VTR_FUSION_MIN] = "min",
  };
  const VtrSettings *settings = run->settings;
  const gsize n_patches = (gsize) run->plan->n_rows * run->plan->n_columns;
  const guint n_heads = count_heads (run, layer);
  g_autofree float *values = fuse_heads (heads, n_heads, n_patches, settings->fusion);
  g_autofree char *label =
      g_strdup_printf ("layer %u, %s of %u heads", layer, words[settings->fusion], n_heads);

  return vtr_map_new (run->plan->n_rows, run->plan->n_columns, values, (int) layer, VTR_FUSED,
                      label);
}

/* The maps of one layer from its attention [n_heads][p]. */
static void
add_layer_maps (const VtrExplainRun *run,
                VtrExplanation *explanation,
                const float *heads,
                guint layer)
{
  const VtrSettings *settings = run->settings;
  const gsize n_patches = (gsize) run->plan->n_rows * run->plan->n_columns;
  const guint n_heads = count_heads (run, layer);

  for (guint i = 0; i < n_heads && !settings->fuse; i++)
    {
      g_autofree char *label = g_strdup_printf ("layer %u, head %u", layer, settings->heads[i]);

      vtr_explanation_take_map (explanation, vtr_map_new (run->plan->n_rows, run->plan->n_columns,
                                                          heads + i * n_patches, (int) layer,
                                                          (int) settings->heads[i], label));
    }
  if (settings->fuse)
    vtr_explanation_take_map (explanation, make_fused_map (run, heads, layer));
  /* Layers come in ascending order: the last one stays. */
  vtr_explanation_take_summary (explanation, make_fused_map (run, heads, layer));
}

/* Of the answer of one layer, [b][h][n], keeps the asked heads and the patches; those that the
 * layer has not got are NaN. */
static void
take_layer (VtrExplainRun *run, guint index, const float *values, float **attention)
{
  const VtrSettings *settings = run->settings;
  const guint layer = settings->layers[index];
  const guint n_heads = vtr_arch_n_heads (run->arch, layer);
  const guint n_asked = count_heads (run, layer);
  const guint n_tokens = run->plan->n_tokens;
  const gsize n_patches = (gsize) run->plan->n_rows * run->plan->n_columns;

  for (guint image = 0; image < run->n_inputs; image++)
    {
      float *heads = attention[image] + (gsize) index * settings->n_heads * n_patches;

      for (guint i = 0; i < n_asked; i++)
        memcpy (heads + i * n_patches,
                values + ((gsize) image * n_heads + settings->heads[i]) * n_tokens +
                    (n_tokens - n_patches),
                n_patches * sizeof (float));
      for (gsize i = n_asked * n_patches; i < settings->n_heads * n_patches; i++)
        heads[i] = NAN;
      add_layer_maps (run, run->explanations[image], heads, layer);
    }
}

static gboolean
raw_explain (VtrExplainRun *run, GError **error)
{
  RawScratch *scratch = run->scratch;
  const VtrSettings *settings = run->settings;
  const gsize n_patches = (gsize) run->plan->n_rows * run->plan->n_columns;
  g_autofree float **attention = g_new (float *, run->n_inputs);
  g_autofree float **answers = g_new0 (float *, settings->n_layers);

  if (!vtr_query_write (&scratch->query, run, error))
    return FALSE;
  for (guint i = 0; i < settings->n_layers; i++)
    {
      if (!record_layer (scratch, run, i, error))
        return FALSE;
      answers[i] = vtr_explain_read_later (run, &scratch->answers[i], error);
      if (answers[i] == NULL || !vtr_stream_advance (run->stream, error) ||
          !vtr_progress_step (&run->progress, (i + 1.0) / settings->n_layers, "reading attention",
                              error))
        return FALSE;
    }
  if (!vtr_stream_wait (run->stream, error))
    return FALSE;

  for (guint image = 0; image < run->n_inputs; image++)
    {
      attention[image] = g_new (float, (gsize) settings->n_layers * settings->n_heads * n_patches);
      vtr_explanation_take_attention (run->explanations[image], attention[image]);
    }
  for (guint i = 0; i < settings->n_layers; i++)
    take_layer (run, i, answers[i], attention);
  return TRUE;
}

const VtrMethodKind vtr_method_raw = {
  .name = "raw",
  .summary = N_ ("The attention a query gives to each patch, layer by layer, head by head."),
  .params = params,
  .plan = raw_plan,
  .explain = raw_explain,
};
