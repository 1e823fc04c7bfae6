/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/ops.h"
#include "ops/shapes.h"

gboolean
vtr_op_activation_backward (VtrStream *stream,
                            const VtrTensor *z,
                            const VtrTensor *epilogue,
                            VtrActivation activation,
                            const VtrTensor *d_y,
                            const VtrTensor *d_z,
                            GError **error)
{
  /* A kernel binds all its tensors: where one is absent, d_y stands in, unread. */
  const VtrTensor *given[] = { z, epilogue, d_y, d_z };
  const VtrTensor *tensors[] = { z != NULL ? z : d_y, epilogue != NULL ? epilogue : d_y, d_y, d_z };
  const guint32 width = vtr_tensor_last_axis (d_y);
  const guint32 n_rows = vtr_tensor_n_rows (d_y);

  if ((z == NULL && activation != VTR_ACTIVATION_NONE) ||
      (z != NULL && !vtr_tensor_is_f32_rows (z, n_rows, width)) ||
      (epilogue != NULL && !vtr_tensor_is_f32 (epilogue, 2, 2, width)) ||
      !vtr_tensor_is_f32_rows (d_y, n_rows, width) || !vtr_tensor_is_f32_rows (d_z, n_rows, width))
    return vtr_fail_shapes ("activation-backward", given, G_N_ELEMENTS (given), error);

  const VtrActivationBackwardParams params = {
    .n_values = vtr_tensor_n_values (d_z),
    .width = width,
    .activation = activation,
    .has_scale = epilogue != NULL,
  };
  return vtr_stream_dispatch (stream, VTR_KERNEL_ACTIVATION_BACKWARD, tensors,
                              G_N_ELEMENTS (tensors), &params, sizeof params, 0.0, error);
}
