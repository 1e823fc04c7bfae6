/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/ops.h"
#include "ops/shapes.h"

gboolean
vtr_op_attention (VtrStream *stream,
                  const VtrTensor *qkv,
                  float scale,
                  const VtrTensor *context,
                  const VtrTensor *lse,
                  GError **error)
{
  const VtrTensor *tensors[] = { qkv, context, lse };

  if (qkv->n_dims != 5)
    return vtr_fail_shapes ("attention", tensors, G_N_ELEMENTS (tensors), error);

  const guint32 n_images = qkv->shape[0];
  const guint32 n_tokens = qkv->shape[1];
  const guint32 n_heads = qkv->shape[3];
  const guint32 head_width = qkv->shape[4];
  if (!vtr_tensor_is_activation (qkv, 5, n_images, n_tokens, 3, n_heads, head_width) ||
      !vtr_tensor_is_activation (context, 3, n_images, n_tokens, n_heads * head_width) ||
      context->dtype != qkv->dtype || !vtr_tensor_is_f32 (lse, 3, n_images, n_heads, n_tokens))
    return vtr_fail_shapes ("attention", tensors, G_N_ELEMENTS (tensors), error);

  const VtrAttentionParams params = {
    .n_images = n_images,
    .n_tokens = n_tokens,
    .n_heads = n_heads,
    .head_width = head_width,
    .scale = scale,
  };
  /* Two products of n_tokens² by head_width. */
  const double flops = 4.0 * n_images * n_heads * n_tokens * n_tokens * head_width;
  return vtr_stream_dispatch (stream, VTR_KERNEL_ATTENTION, tensors, G_N_ELEMENTS (tensors),
                              &params, sizeof params, flops, error);
}
