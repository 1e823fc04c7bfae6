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

/* Marks the patches that the query is about, [p]. */
static gboolean
mark_patches (const VtrSettings *settings, VtrInput *input, gboolean *asked, GError **error)
{
  const guint n_columns = vtr_input_get_n_columns (input);
  const guint n_patches = vtr_input_get_n_rows (input) * n_columns;

  for (guint patch = 0; settings->query == VTR_QUERY_MEAN && patch < n_patches; patch++)
    asked[patch] = TRUE;
  for (guint i = 0; settings->query == VTR_QUERY_PLACES && i < settings->n_places; i++)
    {
      const VtrPlace *place = &settings->places[i];
      guint row, column;

      if (!vtr_input_get_patch_at (input, place->x, place->y, &row, &column))
        return vtr_explain_fail_place (input, place->x, place->y, error);
      asked[row * n_columns + column] = TRUE;
    }
  return TRUE;
}

guint32 *
vtr_explain_find_queries (const VtrExplainRun *run,
                          VtrInput *input,
                          guint *n_queries,
                          GError **error)
{
  const guint n_patches = vtr_input_get_n_rows (input) * vtr_input_get_n_columns (input);
  g_autofree gboolean *asked = g_new0 (gboolean, n_patches);
  g_autofree guint32 *tokens = g_new0 (guint32, n_patches);

  *n_queries = 0;
  if (!mark_patches (run->settings, input, asked, error))
    return NULL;
  if (run->settings->query == VTR_QUERY_CLS)
    *n_queries = 1; /* token 0 */
  for (guint patch = 0; patch < n_patches; patch++)
    if (asked[patch])
      tokens[(*n_queries)++] = vtr_arch_n_prefix (run->arch) + patch;
  return g_steal_pointer (&tokens);
}

float *
vtr_explain_make_query_weights (const VtrExplainRun *run, GError **error)
{
  const gsize n = run->plan->n_tokens;
  g_autofree float *weights = g_new0 (float, run->n_inputs *n);

  for (guint image = 0; image < run->n_inputs; image++)
    {
      guint n_queries;
      g_autofree guint32 *tokens =
          vtr_explain_find_queries (run, run->inputs[image], &n_queries, error);

      if (tokens == NULL)
        return NULL;
      for (guint i = 0; i < n_queries; i++)
        weights[image * n + tokens[i]] = 1.0f / (float) n_queries;
    }
  return g_steal_pointer (&weights);
}

gboolean
vtr_query_plan (VtrQueryScratch *self, VtrExplainRun *run, GError **error)
{
  VtrArena *arena = run->arena;
  const guint32 b = run->n_inputs;
  const guint32 n = run->plan->n_tokens;

  if (vtr_settings_ask_one (run->settings))
    return vtr_arena_plan (arena, &self->rows, "query.rows", VTR_DTYPE_U32, 2, (guint32[]){ b, 1 },
                           error);

  return vtr_arena_plan (arena, &self->weights, "query.weights", VTR_DTYPE_F32, 2,
                         (guint32[]){ b, n }, error) &&
         vtr_attention_apply_scratch_plan (&self->partials, arena, b, run->arch->n_heads, n, error);
}

gboolean
vtr_query_plan_answer (VtrExplainRun *run,
                       guint layer,
                       const char *name,
                       VtrTensor *answer,
                       GError **error)
{
  const gboolean single = vtr_settings_ask_one (run->settings);
  const guint32 b = run->n_inputs;
  const guint32 h = vtr_arch_n_heads (run->arch, layer);
  const guint32 n = run->plan->n_tokens;

  return vtr_arena_plan (run->arena, answer, name, VTR_DTYPE_F32, single ? 4 : 3,
                         single ? (guint32[]){ b, h, 1, n } : (guint32[]){ b, h, n }, error);
}

gboolean
vtr_query_write (const VtrQueryScratch *self, VtrExplainRun *run, GError **error)
{
  if (!vtr_settings_ask_one (run->settings))
    {
      g_autofree float *weights = vtr_explain_make_query_weights (run, error);
      return weights != NULL && vtr_stream_write (run->stream, &self->weights, 0, weights,
                                                  vtr_tensor_n_bytes (&self->weights), error);
    }

  g_autofree guint32 *rows = g_new (guint32, run->n_inputs);
  for (guint i = 0; i < run->n_inputs; i++)
    {
      guint n_queries;
      g_autofree guint32 *tokens =
          vtr_explain_find_queries (run, run->inputs[i], &n_queries, error);

      if (tokens == NULL)
        return FALSE;
      rows[i] = tokens[0];
    }
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
  if (!vtr_settings_ask_one (run->settings))
    {
      const VtrTensor partials =
          vtr_tensor_with_size (&self->partials, VTR_AXIS_LSE_HEADS, lse->shape[1]);
      return vtr_op_attention_apply (run->stream, qkv, lse, run->attention_scale, &self->weights,
                                     &partials, answer, error);
    }
  return vtr_op_attention_rows (run->stream, qkv, lse, run->attention_scale, &self->rows, answer,
                                error);
}
