/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * VtrRow: one row of a product of n×n matrices, one for each layer.
 *
 * Only the query's row is wanted, so the product is taken from the left, a vector
 * times a matrix at a time, from the last layer to the first.  Exact, with n numbers
 * of state and no n×n matrix.
 */
#include "explain/explain.h"

gboolean
vtr_row_plan (VtrRow *self, VtrExplainRun *run, GError **error)
{
  VtrArena *arena = run->arena;
  const guint32 shape[] = { run->n_inputs, run->plan->n_tokens };

  return vtr_settings_get_head_mask (run->settings, &self->head_mask, error) &&
         vtr_arena_plan (arena, &self->r[0], "row.r0", VTR_DTYPE_F32, 2, shape, error) &&
         vtr_arena_plan (arena, &self->r[1], "row.r1", VTR_DTYPE_F32, 2, shape, error) &&
         vtr_rollout_scratch_plan (&self->rollout, arena, shape[0],
                                   run->kind->has_target ? run->arch->n_heads : 0, shape[1], error);
}

gboolean
vtr_row_begin (VtrRow *self, VtrExplainRun *run, GError **error)
{
  g_autofree float *query = vtr_explain_make_query_weights (run, error);

  self->now = 0;
  return query != NULL && vtr_stream_write (run->stream, &self->r[0], 0, query,
                                            vtr_tensor_n_bytes (&self->r[0]), error);
}

/* ⌊ratio·n²⌋, the product taken in double as NumPy and PyTorch do. */
static guint64
count_discarded (const VtrExplainRun *run)
{
  const double n = run->plan->n_tokens;

  return (guint64) (run->settings->discard_ratio * (n * n));
}

static VtrRolloutLayer
make_layer (const VtrRow *self,
            const VtrExplainRun *run,
            const VtrTensor *qkv,
            const VtrTensor *lse,
            const VtrTensor *d_context)
{
  return (VtrRolloutLayer){
    .qkv = qkv,
    .lse = lse,
    .d_context = d_context,
    .scale = run->attention_scale,
    .fusion = run->settings->fusion,
    .head_mask = vtr_head_mask_of_layer (self->head_mask, qkv),
  };
}

gboolean
vtr_row_roll (VtrRow *self,
              VtrExplainRun *run,
              const VtrTensor *qkv,
              const VtrTensor *lse,
              const VtrTensor *d_context,
              GError **error)
{
  const guint64 n_discarded = count_discarded (run);
  const VtrTensor *r = &self->r[self->now];
  VtrRolloutLayer layer = make_layer (self, run, qkv, lse, d_context);

  layer.discard = n_discarded > 0;
  if (layer.discard &&
      !vtr_op_rollout_cutoff (run->stream, &layer, n_discarded, &self->rollout, error))
    return FALSE;
  self->now = 1 - self->now;
  return vtr_op_rollout_step (run->stream, &layer, r, &self->rollout, &self->r[self->now], error);
}

gboolean
vtr_row_relate (VtrRow *self,
                VtrExplainRun *run,
                const VtrTensor *qkv,
                const VtrTensor *lse,
                const VtrTensor *d_context,
                GError **error)
{
  const VtrRolloutLayer layer = make_layer (self, run, qkv, lse, d_context);
  const VtrTensor *r = &self->r[self->now];

  self->now = 1 - self->now;
  return vtr_op_relevance_step (run->stream, &layer, r, &self->rollout, &self->r[self->now], error);
}

gboolean
vtr_row_end (VtrRow *self, VtrExplainRun *run, GError **error)
{
  const gsize n_tokens = run->plan->n_tokens;
  const guint n_prefix = vtr_arch_n_prefix (run->arch);
  const float *rows = vtr_explain_read_later (run, &self->r[self->now], error);

  if (rows == NULL || !vtr_stream_wait (run->stream, error))
    return FALSE;
  for (guint image = 0; image < run->n_inputs; image++)
    vtr_explain_add_map (run, image, rows + image * n_tokens + n_prefix);
  return TRUE;
}
