/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/ops.h"
#include "ops/shapes.h"

gboolean
vtr_op_attention_statistics (VtrStream *stream,
                             const VtrTensor *qkv,
                             const VtrTensor *lse,
                             float scale,
                             guint n_prefix,
                             guint n_columns,
                             const VtrTensor *sums,
                             GError **error)
{
  const VtrTensor *tensors[] = { qkv, lse, sums };

  if (qkv->n_dims != 5)
    return vtr_fail_shapes ("attention-statistics", tensors, G_N_ELEMENTS (tensors), error);

  const VtrAttentionStatisticsParams params = {
    .n_images = qkv->shape[0],
    .n_tokens = qkv->shape[1],
    .n_heads = qkv->shape[3],
    .head_width = qkv->shape[4],
    .n_prefix = n_prefix,
    .n_columns = n_columns,
    .scale = scale,
  };
  const guint32 b = params.n_images, n = params.n_tokens, h = params.n_heads;
  if (!vtr_tensor_is_activation (qkv, 5, b, n, 3, h, params.head_width) ||
      !vtr_tensor_is_f32 (lse, 3, b, h, n) || !vtr_tensor_is_f32 (sums, 4, b, h, n, VTR_N_ROW_SUMS))
    return vtr_fail_shapes ("attention-statistics", tensors, G_N_ELEMENTS (tensors), error);
  if (n_prefix > n || n_columns == 0 || (n - n_prefix) % n_columns != 0)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_FAILED,
                   "The operation attention-statistics was told that “%s” has %u prefix tokens and "
                   "then rows of %u patches, which its %u tokens are not.",
                   qkv->name, n_prefix, n_columns, n);
      return FALSE;
    }

  const double flops = 2.0 * vtr_tensor_n_values (lse) * n * params.head_width;
  return vtr_stream_dispatch (stream, VTR_KERNEL_ATTENTION_STATISTICS, tensors,
                              G_N_ELEMENTS (tensors), &params, sizeof params, flops, error);
}
