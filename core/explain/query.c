/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Whose attention is asked for, as tokens of one picture, and what a layer answers. */
#include "explain/explain.h"

gboolean
vtr_explain_fail_place (VtrInput *input, double x, double y, GError **error)
{
  VtrRect region;

  vtr_input_get_region (input, &region);
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "No patch covers the pixel %g,%g: the model sees x from %.0f to %.0f and y from "
               "%.0f to %.0f",
               x, y, region.x, region.x + region.width, region.y, region.y + region.height);
  return FALSE;
}

gboolean
vtr_explain_find_query (const VtrExplainRun *run, VtrInput *input, guint32 *token, GError **error)
{
  const VtrSettings *settings = run->settings;
  guint row, column;

  if (settings->query == VTR_QUERY_CLS)
    {
      *token = 0;
      return TRUE;
    }
  if (vtr_input_get_patch_at (input, settings->query_x, settings->query_y, &row, &column))
    {
      *token = vtr_arch_n_prefix (run->arch) + row * vtr_input_get_n_columns (input) + column;
      return TRUE;
    }

  return vtr_explain_fail_place (input, settings->query_x, settings->query_y, error);
}

float *
vtr_explain_make_query_weights (const VtrExplainRun *run, GError **error)
{
  const gsize n = run->plan->n_tokens;
  const gsize n_patches = (gsize) run->plan->n_rows * run->plan->n_columns;
  g_autofree float *weights = g_new0 (float, run->n_inputs *n);

  for (guint image = 0; image < run->n_inputs; image++)
    {
      float *row = weights + image * n;
      guint32 token;

      if (run->settings->query == VTR_QUERY_MEAN)
        for (gsize i = n - n_patches; i < n; i++)
          row[i] = 1.0f / (float) n_patches;
      else if (vtr_explain_find_query (run, run->inputs[image], &token, error))
        row[token] = 1.0f;
      else
        return NULL;
    }
  return g_steal_pointer (&weights);
}

gboolean
vtr_query_plan (VtrQueryScratch *self, VtrExplainRun *run, GError **error)
{
  VtrArena *arena = run->plan->arena;
  const guint32 b = run->n_inputs;
  const guint32 n = run->plan->n_tokens;

  if (run->settings->query != VTR_QUERY_MEAN)
    return vtr_arena_plan (arena, &self->rows, "query.rows", VTR_DTYPE_U32, 2, (guint32[]){ b, 1 },
                           error);

  return vtr_arena_plan (arena, &self->weights, "query.weights", VTR_DTYPE_F32, 2,
                         (guint32[]){ b, n }, error) &&
         vtr_attention_apply_scratch_plan (&self->partials, arena, b, run->arch->n_heads, n, error);
}

gboolean
vtr_query_plan_answer (VtrExplainRun *run, const char *name, VtrTensor *answer, GError **error)
{
  const gboolean single = run->settings->query != VTR_QUERY_MEAN;
  const guint32 b = run->n_inputs;
  const guint32 h = run->arch->n_heads;
  const guint32 n = run->plan->n_tokens;

  return vtr_arena_plan (run->plan->arena, answer, name, VTR_DTYPE_F32, single ? 4 : 3,
                         single ? (guint32[]){ b, h, 1, n } : (guint32[]){ b, h, n }, error);
}

gboolean
vtr_query_write (const VtrQueryScratch *self, VtrExplainRun *run, GError **error)
{
  if (run->settings->query == VTR_QUERY_MEAN)
    {
      g_autofree float *weights = vtr_explain_make_query_weights (run, error);
      return weights != NULL && vtr_stream_write (run->stream, &self->weights, 0, weights,
                                                  vtr_tensor_n_bytes (&self->weights), error);
    }

  g_autofree guint32 *rows = g_new (guint32, run->n_inputs);
  for (guint i = 0; i < run->n_inputs; i++)
    if (!vtr_explain_find_query (run, run->inputs[i], &rows[i], error))
      return FALSE;
  return vtr_stream_write (run->stream, &self->rows, 0, rows, vtr_tensor_n_bytes (&self->rows),
                           error);
}

gboolean
vtr_query_record (const VtrQueryScratch *self,
                  VtrExplainRun *run,
                  const VtrTensor *qkv,
                  const VtrTensor *lse,
                  const VtrTensor *answer,
                  GError **error)
{
  if (run->settings->query == VTR_QUERY_MEAN)
    return vtr_op_attention_apply (run->stream, qkv, lse, run->attention_scale, &self->weights,
                                   &self->partials, answer, error);
  return vtr_op_attention_rows (run->stream, qkv, lse, run->attention_scale, &self->rows, answer,
                                error);
}
