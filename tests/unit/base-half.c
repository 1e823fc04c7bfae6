/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Conversion between f32 and f16. */
#include "base/base.h"

#include <math.h>

#define N_HALVES 0x10000
#define INFINITE 0x7c00
#define SIGN 0x8000

static gboolean
is_nan (guint16 half)
{
  return (half & ~SIGN) > INFINITE;
}

/* Every half comes back as it was. */
static void
test_there_and_back (void)
{
  for (guint half = 0; half < N_HALVES; half++)
    {
      const float value = vtr_half_to_float (half);

      if (is_nan (half))
        {
          g_assert_true (isnan (value));
          g_assert_true (is_nan (vtr_half_from_float (value)));
        }
      else
        g_assert_cmphex (vtr_half_from_float (value), ==, half);
    }
}

/* Between each two neighbours: the nearer one, in the middle the even one. */
static void
test_rounding (void)
{
  for (guint16 half = 0; half < INFINITE; half++)
    {
      /* Past the greatest half the next step would lead to 65536. */
      const float low = vtr_half_to_float (half);
      const float high = half + 1 < INFINITE ? vtr_half_to_float (half + 1) : 65536.0f;
      const float middle = low + (high - low) / 2;

      g_assert_cmphex (vtr_half_from_float (nextafterf (middle, 0.0f)), ==, half);
      g_assert_cmphex (vtr_half_from_float (middle), ==, half + half % 2);
      g_assert_cmphex (vtr_half_from_float (nextafterf (middle, INFINITY)), ==, half + 1);
      g_assert_cmphex (vtr_half_from_float (-middle), ==, SIGN | (half + half % 2));
    }
}

/* Only finite numbers that f16 has no place for are told. */
static void
test_overflow (void)
{
  const float fine[] = { 1.0f, -65504.0f, INFINITY, NAN, 65519.0f };
  const float large[] = { 1.0f, INFINITY, -65520.0f, 1e30f };
  guint16 halves[G_N_ELEMENTS (fine)];

  g_assert_cmpuint (vtr_halves_from_floats (fine, G_N_ELEMENTS (fine), halves), ==,
                    G_N_ELEMENTS (fine));
  g_assert_cmphex (halves[1], ==, SIGN | 0x7bff);
  g_assert_cmphex (halves[4], ==, 0x7bff);
  g_assert_cmpuint (vtr_halves_from_floats (large, G_N_ELEMENTS (large), halves), ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/half/there-and-back", test_there_and_back);
  g_test_add_func ("/half/rounding", test_rounding);
  g_test_add_func ("/half/overflow", test_overflow);
  return g_test_run ();
}
