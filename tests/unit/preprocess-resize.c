/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The very bytes of Pillow's Image.resize (), for every filter. */
#include "pixel-fixture.h"

#include <string.h>

static guint
get_number (char **fields, guint index)
{
  return (guint) g_ascii_strtoull (fields[index], NULL, 10);
}

static void
test_pillow (void)
{
  g_autoptr (GPtrArray) table = pixel_fixture_table ("resize.txt");

  g_assert_cmpuint (table->len, >, 200);
  for (guint i = 0; i < table->len; i++)
    {
      char **row = g_ptr_array_index (table, i); /* as the comment in the file names them */
      const guint width = get_number (row, 0);
      const guint height = get_number (row, 1);
      const guint new_width = get_number (row, 2);
      const guint new_height = get_number (row, 3);
      g_autofree guint8 *rgba = pixel_fixture_noise (width, height, get_number (row, 5));
      g_autofree guint8 *rgb = vtr_resize_rgb (rgba, width, height, new_width, new_height,
                                               pixel_fixture_filter (row[4]), NULL, NULL);
      g_autofree char *digest =
          g_compute_checksum_for_data (G_CHECKSUM_SHA256, rgb, (gsize) new_width * new_height * 3);
      if (!g_str_equal (digest, row[6]))
        g_error ("%s × %s to %s × %s by %s differs from Pillow", row[0], row[1], row[2], row[3],
                 row[4]);
    }
}

/* A window is that part of the whole, whichever pass comes first. */
static void
test_window (void)
{
  static const guint sizes[][4] = { { 61, 40, 30, 20 }, { 40, 61, 35, 9 }, { 20, 20, 20, 9 },
                                    { 20, 20, 9, 20 },  { 9, 9, 31, 33 },  { 20, 20, 20, 20 } };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (VtrFilter filter = VTR_FILTER_NEAREST; filter <= VTR_FILTER_HAMMING; filter++)
      {
        const guint *s = sizes[i];
        const VtrWindow window = { 3, 2, s[2] - 5, s[3] - 6 };
        g_autofree guint8 *rgba = pixel_fixture_noise (s[0], s[1], i);
        g_autofree guint8 *whole =
            vtr_resize_rgb (rgba, s[0], s[1], s[2], s[3], filter, NULL, NULL);
        g_autofree guint8 *part =
            vtr_resize_rgb (rgba, s[0], s[1], s[2], s[3], filter, &window, NULL);
        for (guint y = 0; y < window.height; y++)
          g_assert_cmpmem (part + y * window.width * 3, window.width * 3,
                           whole + ((y + window.y) * s[2] + window.x) * 3, window.width * 3);
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/preprocess/resize/pillow", test_pillow);
  g_test_add_func ("/preprocess/resize/window", test_window);
  return g_test_run ();
}
