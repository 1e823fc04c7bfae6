/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/ops.h"
#include "ops/shapes.h"

#define NEEDS_EPILOGUE (VTR_MATMUL_BIAS | VTR_MATMUL_SCALE)

/* Halves are multiplied by halves, or by floats where a device takes only weights so. */
static gboolean
types_fit (const VtrTensor *x, const VtrTensor *w, VtrMatmulFlags flags, const VtrTensor *y)
{
  const gboolean floats = x->dtype == VTR_DTYPE_F32 && y->dtype == VTR_DTYPE_F32;

  if (w->dtype == VTR_DTYPE_F32)
    return floats;
  if (w->dtype != VTR_DTYPE_F16)
    return FALSE;
  if (vtr_arena_get_device (w->arena)->f16 == VTR_F16_WEIGHTS)
    return floats;
  return x->dtype == VTR_DTYPE_F16 && vtr_tensor_has_activation_type (x) &&
         (y->dtype == VTR_DTYPE_F32 ||
          (vtr_tensor_has_activation_type (y) && (flags & VTR_MATMUL_ACCUMULATE) == 0));
}

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

  if (!types_fit (x, w, flags, y) || w->n_dims != 2 || w->shape[0] != n_cols ||
      w->shape[1] != depth || vtr_tensor_n_rows (y) != n_rows ||
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
