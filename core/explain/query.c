/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Whose attention is asked for, as tokens of one picture. */
#include "explain/explain.h"

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

  VtrRect region;
  vtr_input_get_region (input, &region);
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "No patch covers the pixel %g,%g: the model sees x from %.0f to %.0f and y from "
               "%.0f to %.0f",
               settings->query_x, settings->query_y, region.x, region.x + region.width, region.y,
               region.y + region.height);
  return FALSE;
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
