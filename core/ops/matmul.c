/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/ops.h"
#include "ops/shapes.h"

#define NEEDS_EPILOGUE (VTR_MATMUL_BIAS | VTR_MATMUL_SCALE)

gboolean
vtr_op_matmul (VtrStream *stream,
               const VtrTensor *x,
               const VtrTensor *w,
               const VtrTensor *epilogue,
               VtrMatmulFlags flags,
               VtrActivation activation,
               const VtrTensor *y,
               GError **error)
{
  /* A kernel binds all its tensors: where the epilogue is absent, w stands in, unread. */
  const VtrTensor *given[] = { x, w, epilogue, y };
  const VtrTensor *tensors[] = { x, w, epilogue != NULL ? epilogue : w, y };
  const guint32 n_rows = vtr_tensor_n_rows (x);
  const guint32 depth = vtr_tensor_last_axis (x);
  const guint32 n_cols = vtr_tensor_last_axis (y);

  if (x->dtype != VTR_DTYPE_F32 || y->dtype != VTR_DTYPE_F32 ||
      !vtr_tensor_is_f32 (w, 2, n_cols, depth) || vtr_tensor_n_rows (y) != n_rows ||
      (epilogue == NULL && (flags & NEEDS_EPILOGUE) != 0) ||
      (epilogue != NULL && !vtr_tensor_is_f32 (epilogue, 2, 2, n_cols)))
    return vtr_fail_shapes ("matmul", given, G_N_ELEMENTS (given), error);

  const VtrMatmulParams params = {
    .n_rows = n_rows,
    .n_cols = n_cols,
    .depth = depth,
    .flags = flags,
    .activation = activation,
  };
  return vtr_stream_dispatch (stream, VTR_KERNEL_MATMUL, tensors, G_N_ELEMENTS (tensors), &params,
                              sizeof params, 2.0 * n_rows * n_cols * depth, error);
}
