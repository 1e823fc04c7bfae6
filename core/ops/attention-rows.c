/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/ops.h"
#include "ops/shapes.h"

gboolean
vtr_op_attention_rows (VtrStream *stream,
                       const VtrTensor *qkv,
                       const VtrTensor *lse,
                       float scale,
                       const VtrTensor *rows,
                       const VtrTensor *probs,
                       GError **error)
{
  const VtrTensor *tensors[] = { qkv, lse, rows, probs };

  if (qkv->n_dims != 5 || rows->n_dims != 2)
    return vtr_fail_shapes ("attention-rows", tensors, G_N_ELEMENTS (tensors), error);

  const VtrAttentionRowsParams params = {
    .n_images = qkv->shape[0],
    .n_tokens = qkv->shape[1],
    .n_heads = qkv->shape[3],
    .head_width = qkv->shape[4],
    .n_rows = rows->shape[1],
    .scale = scale,
  };
  if (!vtr_tensor_is_activation (qkv, 5, params.n_images, params.n_tokens, 3, params.n_heads,
                                 params.head_width) ||
      !vtr_tensor_is_f32 (lse, 3, params.n_images, params.n_heads, params.n_tokens) ||
      !vtr_tensor_is_u32 (rows, 2, params.n_images, params.n_rows) ||
      !vtr_tensor_is_f32 (probs, 4, params.n_images, params.n_heads, params.n_rows,
                          params.n_tokens))
    return vtr_fail_shapes ("attention-rows", tensors, G_N_ELEMENTS (tensors), error);

  const double flops = 2.0 * vtr_tensor_n_values (probs) * params.head_width;
  return vtr_stream_dispatch (stream, VTR_KERNEL_ATTENTION_ROWS, tensors, G_N_ELEMENTS (tensors),
                              &params, sizeof params, flops, error);
}
