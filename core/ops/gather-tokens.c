/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/ops.h"
#include "ops/shapes.h"

gboolean
vtr_op_gather_tokens (VtrStream *stream,
                      const VtrTensor *x,
                      const VtrTensor *indices,
                      const VtrTensor *y,
                      GError **error)
{
  const VtrTensor *tensors[] = { x, indices, y };

  if (x->n_dims != 3 || indices->n_dims != 2)
    return vtr_fail_shapes ("gather-tokens", tensors, G_N_ELEMENTS (tensors), error);

  const guint32 n_images = indices->shape[0];
  const guint32 n_kept = indices->shape[1];
  const guint32 n_tokens = x->shape[1];
  const guint32 width = x->shape[2];
  const gboolean shared = x->shape[0] == 1;
  if (!vtr_tensor_is_f32 (x, 3, shared ? 1 : n_images, n_tokens, width) ||
      !vtr_tensor_is_u32 (indices, 2, n_images, n_kept) ||
      !vtr_tensor_is_f32 (y, 3, n_images, n_kept, width))
    return vtr_fail_shapes ("gather-tokens", tensors, G_N_ELEMENTS (tensors), error);

  const VtrGatherTokensParams params = {
    .n_values = vtr_tensor_n_values (y),
    .n_kept = n_kept,
    .width = width,
    .image_stride = shared ? 0 : n_tokens * width,
  };
  return vtr_stream_dispatch (stream, VTR_KERNEL_GATHER_TOKENS, tensors, G_N_ELEMENTS (tensors),
                              &params, sizeof params, 0.0, error);
}
