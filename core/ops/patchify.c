/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/ops.h"
#include "ops/shapes.h"

gboolean
vtr_op_patchify (VtrStream *stream,
                 const VtrTensor *pixels,
                 guint patch_size,
                 const VtrTensor *patches,
                 GError **error)
{
  const VtrTensor *tensors[] = { pixels, patches };

  if (pixels->n_dims != 4 || patch_size == 0)
    return vtr_fail_shapes ("patchify", tensors, G_N_ELEMENTS (tensors), error);

  const guint32 n_images = pixels->shape[0];
  const guint32 grid_rows = pixels->shape[2] / patch_size;
  const guint32 grid_cols = pixels->shape[3] / patch_size;
  if (!vtr_tensor_is_f32 (pixels, 4, n_images, 3, pixels->shape[2], pixels->shape[3]) ||
      !vtr_tensor_is_activation (patches, 3, n_images, grid_rows * grid_cols,
                                 3 * patch_size * patch_size))
    return vtr_fail_shapes ("patchify", tensors, G_N_ELEMENTS (tensors), error);

  const VtrPatchifyParams params = {
    .n_values = vtr_tensor_n_values (patches),
    .height = pixels->shape[2],
    .width = pixels->shape[3],
    .size = patch_size,
    .grid_rows = grid_rows,
    .grid_cols = grid_cols,
  };
  return vtr_stream_dispatch (stream, VTR_KERNEL_PATCHIFY, tensors, G_N_ELEMENTS (tensors), &params,
                              sizeof params, 0.0, error);
}
