/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/shapes.h"

guint32
vtr_tensor_last_axis (const VtrTensor *tensor)
{
  return tensor->n_dims > 0 ? tensor->shape[tensor->n_dims - 1] : 1;
}

guint32
vtr_tensor_n_rows (const VtrTensor *tensor)
{
  guint32 n_rows = 1;

  for (guint axis = 0; axis + 1 < tensor->n_dims; axis++)
    n_rows *= tensor->shape[axis];
  return n_rows;
}

static gboolean
has_shape (const VtrTensor *tensor, VtrDType dtype, guint n_dims, va_list sizes)
{
  gboolean same = tensor->dtype == dtype && tensor->n_dims == n_dims;

  for (guint axis = 0; same && axis < n_dims; axis++)
    same = tensor->shape[axis] == va_arg (sizes, guint32);
  return same;
}

gboolean
vtr_tensor_is_f32 (const VtrTensor *tensor, guint n_dims, ...)
{
  va_list sizes;

  va_start (sizes, n_dims);
  const gboolean same = has_shape (tensor, VTR_DTYPE_F32, n_dims, sizes);
  va_end (sizes);
  return same;
}

gboolean
vtr_tensor_is_u32 (const VtrTensor *tensor, guint n_dims, ...)
{
  va_list sizes;

  va_start (sizes, n_dims);
  const gboolean same = has_shape (tensor, VTR_DTYPE_U32, n_dims, sizes);
  va_end (sizes);
  return same;
}

gboolean
vtr_tensor_is_activation (const VtrTensor *tensor, guint n_dims, ...)
{
  va_list sizes;

  va_start (sizes, n_dims);
  const gboolean same = has_shape (tensor, tensor->dtype, n_dims, sizes);
  va_end (sizes);
  return same && vtr_tensor_has_activation_type (tensor);
}

gboolean
vtr_tensor_has_activation_type (const VtrTensor *tensor)
{
  return tensor->dtype == VTR_DTYPE_F32 ||
         (tensor->dtype == VTR_DTYPE_F16 &&
          vtr_arena_get_device (tensor->arena)->f16 == VTR_F16_ACTIVATIONS);
}

gboolean
vtr_tensor_is_f32_rows (const VtrTensor *tensor, guint32 n_rows, guint32 width)
{
  return tensor->dtype == VTR_DTYPE_F32 && vtr_tensor_n_rows (tensor) == n_rows &&
         vtr_tensor_last_axis (tensor) == width;
}

gboolean
vtr_fail_shapes (const char *op, const VtrTensor *const *tensors, guint n_tensors, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < n_tensors; i++)
    {
      if (tensors[i] == NULL)
        continue;
      g_string_append_printf (text, "%s“%s” %s", text->len > 0 ? ", " : "", tensors[i]->name,
                              vtr_dtype_name (tensors[i]->dtype));
      for (guint axis = 0; axis < tensors[i]->n_dims; axis++)
        g_string_append_printf (text, "[%u]", tensors[i]->shape[axis]);
    }
  g_set_error (error, VTR_ERROR, VTR_ERROR_FAILED,
               "The shapes given to the operation %s do not fit together: %s.", op, text->str);
  return FALSE;
}
