/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/ops.h"
#include "ops/shapes.h"

/* Halves only where a device multiplies floats by them: no gradient is f16. */
static gboolean
type_fits (const VtrTensor *w)
{
  return w->dtype == VTR_DTYPE_F32 ||
         (w->dtype == VTR_DTYPE_F16 && vtr_arena_get_device (w->arena)->f16 == VTR_F16_WEIGHTS);
}

gboolean
vtr_op_matmul_backward (VtrStream *stream,
                        const VtrTensor *d_y,
                        const VtrTensor *w,
                        const VtrTensor *d_x,
                        GError **error)
{
  const VtrTensor *tensors[] = { d_y, w, d_x };
  const VtrMatmulBackwardParams params = {
    .n_rows = vtr_tensor_n_rows (d_y),
    .n_cols = vtr_tensor_last_axis (d_x),
    .depth = vtr_tensor_last_axis (d_y),
  };

  if (!vtr_tensor_is_f32_rows (d_y, params.n_rows, params.depth) ||
      !vtr_tensor_is_f32_rows (d_x, params.n_rows, params.n_cols) || !type_fits (w) ||
      w->n_dims != 2 || w->shape[0] != params.depth || w->shape[1] != params.n_cols)
    return vtr_fail_shapes ("matmul-backward", tensors, G_N_ELEMENTS (tensors), error);

  return vtr_stream_dispatch (stream, VTR_KERNEL_MATMUL_BACKWARD, tensors, G_N_ELEMENTS (tensors),
                              &params, sizeof params,
                              2.0 * params.n_rows * params.n_cols * params.depth, error);
}
