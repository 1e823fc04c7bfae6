/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/ops.h"
#include "ops/shapes.h"

#include <string.h>

gboolean
vtr_op_rope (VtrStream *stream, const VtrTensor *qkv, const VtrTensor *table, GError **error)
{
  const VtrTensor *tensors[] = { qkv, table };

  if (qkv->n_dims != 5 || (table->n_dims != 3 && table->n_dims != 4))
    return vtr_fail_shapes ("rope", tensors, G_N_ELEMENTS (tensors), error);

  const guint32 n_images = qkv->shape[0];
  const guint32 n_tokens = qkv->shape[1];
  const guint32 n_heads = qkv->shape[3];
  const guint32 head_width = qkv->shape[4];
  const gboolean shared = table->n_dims == 3;
  const guint32 n_patches = table->shape[table->n_dims - 2];
  if (!vtr_tensor_is_activation (qkv, 5, n_images, n_tokens, 3, n_heads, head_width) ||
      !(shared ? vtr_tensor_is_f32 (table, 3, 2, n_patches, head_width)
               : vtr_tensor_is_f32 (table, 4, n_images, 2, n_patches, head_width)) ||
      n_patches > n_tokens || head_width % 2 != 0)
    return vtr_fail_shapes ("rope", tensors, G_N_ELEMENTS (tensors), error);

  const VtrRopeParams params = {
    .n_pairs = n_images * n_patches * n_heads * head_width, /* of q and k */
    .n_tokens = n_tokens,
    .n_prefix = n_tokens - n_patches,
    .n_heads = n_heads,
    .head_width = head_width,
    .table_stride = shared ? 0 : 2 * n_patches * head_width,
  };
  if (params.n_pairs == 0) /* no patches are left */
    return TRUE;
  return vtr_stream_dispatch (stream, VTR_KERNEL_ROPE, tensors, G_N_ELEMENTS (tensors), &params,
                              sizeof params, 0.0, error);
}

void
vtr_rope_transpose_table (const float *table, guint p, guint hd, float *transposed)
{
  const gsize half = hd / 2, n_cosines = (gsize) p * hd;

  memcpy (transposed, table, n_cosines * sizeof *table);
  for (gsize i = 0; i < n_cosines; i += hd)
    for (gsize j = 0; j < half; j++)
      {
        transposed[n_cosines + i + j] = -table[n_cosines + i + half + j];
        transposed[n_cosines + i + half + j] = -table[n_cosines + i + j];
      }
}
