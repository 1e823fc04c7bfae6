/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/ops.h"
#include "ops/shapes.h"

/* The tokens of which each half of what is pooled is the mean. */
typedef struct
{
  guint32 first[2];
  guint32 end[2]; /* one past the last */
  guint32 n_halves;
} Ranges;

static Ranges
find_ranges (VtrPool pool, guint32 n_prefix, guint32 n_tokens)
{
  switch (pool)
    {
    case VTR_POOL_CLS:
      return (Ranges){ { 0, 0 }, { 1, 1 }, 1 };
    case VTR_POOL_DISTILLATION:
      return (Ranges){ { 1, 0 }, { 2, 1 }, 1 };
    case VTR_POOL_MEAN:
      return (Ranges){ { n_prefix, 0 }, { n_tokens, 1 }, 1 };
    case VTR_POOL_MEAN_ALL:
      return (Ranges){ { 0, 0 }, { n_tokens, 1 }, 1 };
    case VTR_POOL_CLS_AND_MEAN:
      return (Ranges){ { 0, n_prefix }, { 1, n_tokens }, 2 };
    }
  g_return_val_if_reached ((Ranges){ 0 });
}

/* Whether tokens [b][n][d], an activation, are pooled into [b][d] or [b][2d] by such ranges. */
static gboolean
fit (const VtrTensor *tokens, const VtrTensor *pooled, const Ranges *ranges)
{
  const guint32 n_images = tokens->shape[0], n_tokens = tokens->shape[1], width = tokens->shape[2];

  return vtr_tensor_is_activation (tokens, 3, n_images, n_tokens, width) &&
         vtr_tensor_is_f32 (pooled, 2, n_images, ranges->n_halves * width) &&
         ranges->first[0] < ranges->end[0] && ranges->end[0] <= n_tokens &&
         ranges->first[1] < ranges->end[1] && ranges->end[1] <= n_tokens;
}

gboolean
vtr_op_pool (VtrStream *stream,
             const VtrTensor *tokens,
             guint n_prefix,
             VtrPool pool,
             const VtrTensor *pooled,
             GError **error)
{
  const VtrTensor *tensors[] = { tokens, pooled };

  if (tokens->n_dims != 3)
    return vtr_fail_shapes ("pool", tensors, G_N_ELEMENTS (tensors), error);

  const Ranges ranges = find_ranges (pool, n_prefix, tokens->shape[1]);
  if (!fit (tokens, pooled, &ranges))
    return vtr_fail_shapes ("pool", tensors, G_N_ELEMENTS (tensors), error);

  const VtrPoolParams params = {
    .n_values = vtr_tensor_n_values (pooled),
    .n_tokens = tokens->shape[1],
    .width = tokens->shape[2],
    .pooled_width = ranges.n_halves * tokens->shape[2],
    .first_token = { ranges.first[0], ranges.first[1] },
    .end_token = { ranges.end[0], ranges.end[1] },
  };
  return vtr_stream_dispatch (stream, VTR_KERNEL_POOL, tensors, G_N_ELEMENTS (tensors), &params,
                              sizeof params, 0.0, error);
}

gboolean
vtr_op_pool_backward (VtrStream *stream,
                      const VtrTensor *d_pooled,
                      guint n_prefix,
                      VtrPool pool,
                      gboolean accumulate,
                      const VtrTensor *d_tokens,
                      GError **error)
{
  const VtrTensor *tensors[] = { d_pooled, d_tokens };

  if (d_tokens->n_dims != 3)
    return vtr_fail_shapes ("pool-backward", tensors, G_N_ELEMENTS (tensors), error);

  const Ranges ranges = find_ranges (pool, n_prefix, d_tokens->shape[1]);
  if (d_tokens->dtype != VTR_DTYPE_F32 || !fit (d_tokens, d_pooled, &ranges))
    return vtr_fail_shapes ("pool-backward", tensors, G_N_ELEMENTS (tensors), error);

  const VtrPoolBackwardParams params = {
    .n_values = vtr_tensor_n_values (d_tokens),
    .n_tokens = d_tokens->shape[1],
    .width = d_tokens->shape[2],
    .pooled_width = ranges.n_halves * d_tokens->shape[2],
    .first_token = { ranges.first[0], ranges.first[1] },
    .end_token = { ranges.end[0], ranges.end[1] },
    .accumulate = accumulate != FALSE,
  };
  return vtr_stream_dispatch (stream, VTR_KERNEL_POOL_BACKWARD, tensors, G_N_ELEMENTS (tensors),
                              &params, sizeof params, 0.0, error);
}
