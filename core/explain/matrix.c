/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Whole attention matrices, for those who ask: n² numbers a head, so the device
 * holds only some rows at a time; the host gets them all.
 */
#include "explain/explain.h"

#include <math.h>

/* Rows are read in pieces of about this many bytes. */
#define CHUNK_BYTES (16 << 20)

gboolean
vtr_matrix_plan (VtrMatrixScratch *self, const VtrExplainRun *run, GError **error)
{
  const guint32 b = run->n_inputs;
  const guint32 h = run->arch->n_heads;
  const guint32 n = run->plan->n_tokens;
  const guint64 row_bytes = (guint64) b * h * n * sizeof (float);
  const guint32 chunk = (guint32) CLAMP (CHUNK_BYTES / row_bytes, 1, n);
  VtrArena *arena = run->arena;

  return vtr_arena_plan (arena, &self->rows, "matrix.rows", VTR_DTYPE_U32, 2,
                         (guint32[]){ b, chunk }, error) &&
         vtr_arena_plan (arena, &self->probs, "matrix.probs", VTR_DTYPE_F32, 4,
                         (guint32[]){ b, h, chunk, n }, error);
}

static float *
allocate_matrix (const VtrExplainRun *run, GError **error)
{
  const VtrSettings *settings = run->settings;
  const guint64 shape[] = {
    settings->n_layers,
    settings->n_heads,
    run->plan->n_tokens,
    run->plan->n_tokens,
  };
  gsize n_bytes = 0;
  float *matrix = NULL;

  if (vtr_size_of_shape (shape, G_N_ELEMENTS (shape), sizeof (float), &n_bytes))
    matrix = g_try_malloc (n_bytes);
  if (matrix == NULL)
    g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
                 "The attention matrices of %u layers and %u heads with %u tokens do not fit into "
                 "memory: ask for fewer layers or heads, or a smaller size",
                 settings->n_layers, settings->n_heads, run->plan->n_tokens);
  return matrix;
}

/* Heads that a layer has not got: NaN, in all images' matrices. */
static void
fill_missing (const VtrExplainRun *run, float **matrices, guint index)
{
  const VtrSettings *settings = run->settings;
  const gsize size = (gsize) run->plan->n_tokens * run->plan->n_tokens;
  const guint n_heads = vtr_arch_n_heads (run->arch, settings->layers[index]);

  for (guint image = 0; image < run->n_inputs; image++)
    {
      float *layer = matrices[image] + (gsize) index * settings->n_heads * size;

      for (gsize i = vtr_settings_count_heads (settings, n_heads) * size;
           i < settings->n_heads * size; i++)
        layer[i] = NAN;
    }
}

/* Has rows @first to @first + @count of one layer, which lie in @probs [b][h][chunk][n], read into
 * the images' matrices. */
static gboolean
read_rows (const VtrTensor *probs,
           VtrExplainRun *run,
           float **matrices,
           guint index,
           guint first,
           guint count,
           GError **error)
{
  const VtrSettings *settings = run->settings;
  const gsize n = run->plan->n_tokens;
  const gsize n_heads = probs->shape[1], chunk = probs->shape[2];
  const guint n_asked = vtr_settings_count_heads (settings, (guint) n_heads);

  for (guint image = 0; image < run->n_inputs; image++)
    for (guint i = 0; i < n_asked; i++)
      {
        const gsize from = (image * n_heads + settings->heads[i]) * chunk * n;
        const gsize to = (((gsize) index * settings->n_heads + i) * n + first) * n;

        if (!vtr_stream_read_later (run->stream, probs, from * sizeof (float), matrices[image] + to,
                                    (gsize) count * n * sizeof (float), error))
          return FALSE;
      }
  return TRUE;
}

static gboolean
read_layer (const VtrMatrixScratch *self,
            VtrExplainRun *run,
            float **matrices,
            guint index,
            GError **error)
{
  const guint layer = run->settings->layers[index];
  const guint n = run->plan->n_tokens;
  const guint chunk = self->rows.shape[1];
  g_autofree guint32 *rows = g_new (guint32, (gsize) run->n_inputs * chunk);
  const VtrTensor probs =
      vtr_tensor_with_size (&self->probs, VTR_AXIS_LSE_HEADS, vtr_arch_n_heads (run->arch, layer));

  fill_missing (run, matrices, index);
  for (guint first = 0; first < n; first += chunk)
    {
      /* The last piece may be short: its rows beyond the end repeat the last one. */
      for (guint i = 0; i < run->n_inputs * chunk; i++)
        rows[i] = MIN (first + i % chunk, n - 1);

      if (!vtr_stream_write (run->stream, &self->rows, 0, rows, vtr_tensor_n_bytes (&self->rows),
                             error) ||
          !vtr_op_attention_rows (run->stream, &run->plan->qkv[layer], &run->plan->lse[layer],
                                  run->attention_scale, &self->rows, &probs, error) ||
          !read_rows (&probs, run, matrices, index, first, MIN (chunk, n - first), error) ||
          !vtr_progress_step (&run->progress,
                              (index + (double) first / n) / run->settings->n_layers,
                              "reading attention matrices", error))
        return FALSE;
    }
  return TRUE;
}

gboolean
vtr_matrix_read (const VtrMatrixScratch *self, VtrExplainRun *run, GError **error)
{
  g_autofree float **matrices = g_new0 (float *, run->n_inputs);

  for (guint image = 0; image < run->n_inputs; image++)
    {
      matrices[image] = allocate_matrix (run, error);
      if (matrices[image] == NULL)
        return FALSE;
      vtr_explanation_take_matrix (run->explanations[image], matrices[image], run->plan->n_tokens);
    }

  for (guint i = 0; i < run->settings->n_layers; i++)
    if (!read_layer (self, run, matrices, i, error))
      return FALSE;
  return TRUE;
}
