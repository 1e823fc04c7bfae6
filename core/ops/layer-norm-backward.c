/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/ops.h"
#include "ops/shapes.h"

/* Additions and multiplications per value: the forward's, two more means, and the line. */
#define FLOPS_PER_VALUE 16.0

gboolean
vtr_op_layer_norm_backward (VtrStream *stream,
                            const VtrTensor *x,
                            const VtrTensor *affine,
                            float eps,
                            const VtrTensor *d_y,
                            gboolean accumulate,
                            const VtrTensor *d_x,
                            GError **error)
{
  const VtrTensor *tensors[] = { x, affine, d_y, d_x };
  const guint32 width = vtr_tensor_last_axis (x);
  const guint32 n_rows = vtr_tensor_n_rows (x);

  if (!vtr_tensor_is_f32_rows (x, n_rows, width) || !vtr_tensor_is_f32_rows (d_y, n_rows, width) ||
      !vtr_tensor_is_f32_rows (d_x, n_rows, width) || !vtr_tensor_is_f32 (affine, 2, 2, width))
    return vtr_fail_shapes ("layer-norm-backward", tensors, G_N_ELEMENTS (tensors), error);

  const VtrLayerNormBackwardParams params = {
    .n_rows = n_rows,
    .width = width,
    .eps = eps,
    .accumulate = accumulate != FALSE,
  };
  return vtr_stream_dispatch (stream, VTR_KERNEL_LAYER_NORM_BACKWARD, tensors,
                              G_N_ELEMENTS (tensors), &params, sizeof params,
                              FLOPS_PER_VALUE * vtr_tensor_n_values (x), error);
}
