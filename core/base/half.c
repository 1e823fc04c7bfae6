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

static guint32
bits_of_float (float value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof bits);
  return bits;
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

/* Without branches: compilers make vectors of a loop over it. */
guint16
vtr_half_from_float (float value)
{
  const guint32 all = bits_of_float (value);
  const guint32 bits = all & 0x7fffffff;
  const guint32 sign = all >> 16 & 0x8000;
  /* The exponent of a half, and half of its last place, a little less where it is even. */
  const guint32 normal = (bits - (112u << 23) + 0xfff + (bits >> 13 & 1)) >> 13;
  /* Below 2^-14 adding 0.5 rounds to multiples of 2^-24, which then stand at the bottom. */
  const guint32 small = bits_of_float (float_from_bits (bits) + 0.5f) - 0x3f000000;
  const guint32 large = bits > 0x7f800000 ? 0x7e00 : 0x7c00; /* NaN, infinity */

  return sign | (bits < 113u << 23 ? small : bits < 0x477ff000 ? normal : large);
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
vtr_halves_from_floats (const float *values, gsize n, guint16 *out)
{
  guint overflows = 0;

  for (gsize i = 0; i < n; i++)
    {
      out[i] = vtr_half_from_float (values[i]);
      overflows |= (out[i] & 0x7fff) == 0x7c00;
    }
  for (gsize i = 0; overflows && i < n; i++)
    if ((out[i] & 0x7fff) == 0x7c00 && isfinite (values[i]))
      return i;
  return n;
}

gsize
vtr_floats_find_bad (const float *values, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (!isfinite (values[i]))
      return i;
  return n;
}
