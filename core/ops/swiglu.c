/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/ops.h"
#include "ops/shapes.h"

gboolean
vtr_op_swiglu (VtrStream *stream, const VtrTensor *gate_up, const VtrTensor *hidden, GError **error)
{
  const VtrTensor *tensors[] = { gate_up, hidden };
  const guint32 width = vtr_tensor_last_axis (hidden);

  if (!vtr_tensor_has_activation_type (gate_up) || hidden->dtype != gate_up->dtype ||
      vtr_tensor_last_axis (gate_up) != 2 * width ||
      vtr_tensor_n_rows (gate_up) != vtr_tensor_n_rows (hidden))
    return vtr_fail_shapes ("swiglu", tensors, G_N_ELEMENTS (tensors), error);

  const VtrSwigluParams params = {
    .n_values = vtr_tensor_n_values (hidden),
    .width = width,
  };
  return vtr_stream_dispatch (stream, VTR_KERNEL_SWIGLU, tensors, G_N_ELEMENTS (tensors), &params,
                              sizeof params, 0.0, error);
}
