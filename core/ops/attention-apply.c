/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/ops.h"
#include "ops/partials.h"
#include "ops/shapes.h"

gboolean
vtr_attention_apply_scratch_plan (VtrTensor *partials,
                                  VtrArena *arena,
                                  guint b,
                                  guint h,
                                  guint n,
                                  GError **error)
{
  return vtr_partials_plan (partials, arena, "attention-apply.partials", b, h, n, error);
}

gboolean
vtr_op_attention_apply (VtrStream *stream,
                        const VtrTensor *qkv,
                        const VtrTensor *lse,
                        float scale,
                        const VtrTensor *weights,
                        const VtrTensor *partials,
                        const VtrTensor *out,
                        GError **error)
{
  const VtrTensor *shaped[] = { qkv, lse, weights, partials, out };

  if (qkv->n_dims != 5 || partials->n_dims != 4)
    return vtr_fail_shapes ("attention-apply", shaped, G_N_ELEMENTS (shaped), error);

  const guint32 b = qkv->shape[0], n = qkv->shape[1], h = qkv->shape[3];
  const guint32 n_chunks = partials->shape[2];
  if (!vtr_tensor_is_activation (qkv, 5, b, n, 3, h, qkv->shape[4]) ||
      !vtr_tensor_is_f32 (lse, 3, b, h, n) || !vtr_tensor_is_f32 (weights, 2, b, n) ||
      !vtr_tensor_is_f32 (partials, 4, b, h, n_chunks, n) || !vtr_tensor_is_f32 (out, 3, b, h, n))
    return vtr_fail_shapes ("attention-apply", shaped, G_N_ELEMENTS (shaped), error);

  const VtrAttentionApplyParams params = {
    .n_images = b,
    .n_tokens = n,
    .n_heads = h,
    .head_width = qkv->shape[4],
    .n_chunks = n_chunks,
    .chunk_size = vtr_partials_chunk_size (n, n_chunks),
    .scale = scale,
  };
  const VtrTensor *tensors[] = { qkv, lse, weights, partials };
  const double flops = 2.0 * vtr_tensor_n_values (lse) * n * params.head_width;
  return vtr_stream_dispatch (stream, VTR_KERNEL_ATTENTION_APPLY, tensors, G_N_ELEMENTS (tensors),
                              &params, sizeof params, flops, error) &&
         vtr_partials_reduce (stream, partials, out, error);
}
