/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/ops.h"
#include "ops/shapes.h"

gboolean
vtr_op_embed_tokens (VtrStream *stream,
                     const VtrTensor *patches,
                     const VtrTensor *prefix,
                     const VtrTensor *positions,
                     const VtrTensor *tokens,
                     GError **error)
{
  /* A kernel binds all its tensors: where one is absent, the patches stand in, unread. */
  const VtrTensor *given[] = { patches, prefix, positions, tokens };
  const VtrTensor *tensors[] = { patches, prefix != NULL ? prefix : patches,
                                 positions != NULL ? positions : patches, tokens };

  if (patches->n_dims != 3 || (prefix != NULL && prefix->n_dims != 2))
    return vtr_fail_shapes ("embed-tokens", given, G_N_ELEMENTS (given), error);

  const guint32 n_images = patches->shape[0];
  const guint32 n_patches = patches->shape[1];
  const guint32 width = patches->shape[2];
  const guint32 n_prefix = prefix != NULL ? prefix->shape[0] : 0;
  if (!vtr_tensor_is_f32 (patches, 3, n_images, n_patches, width) ||
      (prefix != NULL && !vtr_tensor_is_f32 (prefix, 2, n_prefix, width)) ||
      (positions != NULL && !vtr_tensor_is_f32 (positions, 2, n_patches, width)) ||
      !vtr_tensor_is_f32 (tokens, 3, n_images, n_prefix + n_patches, width))
    return vtr_fail_shapes ("embed-tokens", given, G_N_ELEMENTS (given), error);

  const VtrEmbedTokensParams params = {
    .n_values = vtr_tensor_n_values (tokens),
    .n_prefix = n_prefix,
    .n_patches = n_patches,
    .width = width,
    .has_positions = positions != NULL,
  };
  return vtr_stream_dispatch (stream, VTR_KERNEL_EMBED_TOKENS, tensors, G_N_ELEMENTS (tensors),
                              &params, sizeof params, 0.0, error);
}
