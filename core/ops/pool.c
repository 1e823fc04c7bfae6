/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/ops.h"
#include "ops/shapes.h"

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

  const guint32 n_images = tokens->shape[0];
  const guint32 n_tokens = tokens->shape[1];
  const guint32 width = tokens->shape[2];
  VtrPoolParams params = {
    .n_tokens = n_tokens,
    .width = width,
    .pooled_width = width,
    .first_token = { 0, 0 },
    .end_token = { 1, 1 },
  };
  switch (pool)
    {
    case VTR_POOL_CLS:
      break;
    case VTR_POOL_DISTILLATION:
      params.first_token[0] = 1;
      params.end_token[0] = 2;
      break;
    case VTR_POOL_MEAN:
      params.first_token[0] = n_prefix;
      params.end_token[0] = n_tokens;
      break;
    case VTR_POOL_MEAN_ALL:
      params.end_token[0] = n_tokens;
      break;
    case VTR_POOL_CLS_AND_MEAN:
      params.first_token[1] = n_prefix;
      params.end_token[1] = n_tokens;
      params.pooled_width = 2 * width;
      break;
    }

  if (!vtr_tensor_is_activation (tokens, 3, n_images, n_tokens, width) ||
      !vtr_tensor_is_f32 (pooled, 2, n_images, params.pooled_width) ||
      params.first_token[0] >= params.end_token[0] || params.end_token[0] > n_tokens ||
      params.first_token[1] >= params.end_token[1] || params.end_token[1] > n_tokens)
    return vtr_fail_shapes ("pool", tensors, G_N_ELEMENTS (tensors), error);

  params.n_values = vtr_tensor_n_values (pooled);
  return vtr_stream_dispatch (stream, VTR_KERNEL_POOL, tensors, G_N_ELEMENTS (tensors), &params,
                              sizeof params, 0.0, error);
}
