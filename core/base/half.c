/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "base/base.h"

#include <math.h>
#include <string.h>

static float
float_from_bits (guint32 bits)
{
  float value;

  memcpy (&value, &bits, sizeof value);
  return value;
}

float
vtr_half_to_float (guint16 half)
{
  const guint32 sign = (guint32) (half & 0x8000) << 16;
  const guint32 exponent = (half >> 10) & 0x1f;
  const guint32 mantissa = half & 0x3ff;

  if (exponent == 0) /* zero and subnormals: mantissa·2^-24 */
    return sign ? -ldexpf ((float) mantissa, -24) : ldexpf ((float) mantissa, -24);
  if (exponent == 31) /* infinity and NaN */
    return float_from_bits (sign | 0x7f800000 | (mantissa << 13));
  return float_from_bits (sign | ((exponent + 112) << 23) | (mantissa << 13));
}

float
vtr_bf16_to_float (guint16 bf16)
{
  return float_from_bits ((guint32) bf16 << 16);
}

static guint16
read_u16 (gconstpointer source, gsize index)
{
  guint16 value;

  memcpy (&value, (const guint8 *) source + index * 2, 2);
  return GUINT16_FROM_LE (value);
}

void
vtr_floats_from (VtrDType dtype, gconstpointer source, gsize n, float *out)
{
  switch (dtype)
    {
    case VTR_DTYPE_F32:
      memcpy (out, source, n * sizeof *out);
      break;
    case VTR_DTYPE_F16:
      for (gsize i = 0; i < n; i++)
        out[i] = vtr_half_to_float (read_u16 (source, i));
      break;
    case VTR_DTYPE_BF16:
      for (gsize i = 0; i < n; i++)
        out[i] = vtr_bf16_to_float (read_u16 (source, i));
      break;
    case VTR_DTYPE_F64:
      for (gsize i = 0; i < n; i++)
        {
          double value;
          memcpy (&value, (const guint8 *) source + i * 8, 8);
          out[i] = (float) value;
        }
      break;
    default:
      g_return_if_reached ();
    }
}

gsize
vtr_floats_find_bad (const float *values, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (!isfinite (values[i]))
      return i;
  return n;
}
