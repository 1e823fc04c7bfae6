/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "base/base.h"

gboolean
vtr_size_mul (gsize a, gsize b, gsize *out)
{
  gsize product;

  if (__builtin_mul_overflow (a, b, &product))
    return FALSE;
  *out = product;
  return TRUE;
}

gboolean
vtr_size_add (gsize a, gsize b, gsize *out)
{
  gsize sum;

  if (__builtin_add_overflow (a, b, &sum))
    return FALSE;
  *out = sum;
  return TRUE;
}

gboolean
vtr_size_of_shape (const guint64 *shape, guint n_dims, gsize item_size, gsize *out)
{
  gsize size = item_size;

  for (guint i = 0; i < n_dims; i++)
    if (!vtr_size_mul (size, shape[i], &size))
      return FALSE;
  *out = size;
  return TRUE;
}

gboolean
vtr_size_align (gsize value, gsize alignment, gsize *out)
{
  gsize raised;

  if (!vtr_size_add (value, alignment - 1, &raised))
    return FALSE;
  *out = raised & ~(alignment - 1);
  return TRUE;
}
