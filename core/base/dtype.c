/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "base/base.h"

static const struct
{
  gsize size;
  const char *name;
} dtypes[] = {
  [VTR_DTYPE_F32] = { 4, "F32" },     [VTR_DTYPE_F16] = { 2, "F16" },
  [VTR_DTYPE_BF16] = { 2, "BF16" },   [VTR_DTYPE_F64] = { 8, "F64" },
  [VTR_DTYPE_U32] = { 4, "U32" },     [VTR_DTYPE_I64] = { 8, "I64" },
  [VTR_DTYPE_OTHER] = { 0, "other" },
};

gsize
vtr_dtype_size (VtrDType dtype)
{
  return dtypes[dtype].size;
}

const char *
vtr_dtype_name (VtrDType dtype)
{
  return dtypes[dtype].name;
}
