/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/ops.h"
#include "ops/shapes.h"

/* Additions and multiplications per value: mean, variance, and the line itself. */
#define FLOPS_PER_VALUE 8.0

gboolean
vtr_op_layer_norm (VtrStream *stream,
                   const VtrTensor *x,
                   const VtrTensor *affine,
                   float eps,
                   const VtrTensor *y,
                   GError **error)
{
  const VtrTensor *tensors[] = { x, affine, y };
  const guint32 width = vtr_tensor_last_axis (x);

  if (x->dtype != VTR_DTYPE_F32 || !vtr_tensor_has_activation_type (y) ||
      vtr_tensor_last_axis (y) != width || vtr_tensor_n_rows (y) != vtr_tensor_n_rows (x) ||
      !vtr_tensor_is_f32 (affine, 2, 2, width))
    return vtr_fail_shapes ("layer-norm", tensors, G_N_ELEMENTS (tensors), error);

  const VtrLayerNormParams params = {
    .n_rows = vtr_tensor_n_rows (x),
    .width = width,
    .eps = eps,
  };
  return vtr_stream_dispatch (stream, VTR_KERNEL_LAYER_NORM, tensors, G_N_ELEMENTS (tensors),
                              &params, sizeof params, FLOPS_PER_VALUE * vtr_tensor_n_values (x),
                              error);
}
