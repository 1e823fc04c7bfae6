/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/ops.h"
#include "ops/shapes.h"

gboolean
vtr_op_swiglu_backward (VtrStream *stream,
                        const VtrTensor *gate_up,
                        const VtrTensor *d_hidden,
                        const VtrTensor *d_gate_up,
                        GError **error)
{
  const VtrTensor *tensors[] = { gate_up, d_hidden, d_gate_up };
  const guint32 width = vtr_tensor_last_axis (d_hidden);
  const guint32 n_rows = vtr_tensor_n_rows (d_hidden);

  if (!vtr_tensor_is_f32_rows (d_hidden, n_rows, width) ||
      !vtr_tensor_is_f32_rows (gate_up, n_rows, 2 * width) ||
      !vtr_tensor_is_f32_rows (d_gate_up, n_rows, 2 * width))
    return vtr_fail_shapes ("swiglu-backward", tensors, G_N_ELEMENTS (tensors), error);

  const VtrSwigluBackwardParams params = {
    .n_values = vtr_tensor_n_values (d_hidden),
    .width = width,
  };
  return vtr_stream_dispatch (stream, VTR_KERNEL_SWIGLU_BACKWARD, tensors, G_N_ELEMENTS (tensors),
                              &params, sizeof params, 0.0, error);
}
