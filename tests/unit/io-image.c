/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Pictures as Pillow reads them; what is no picture refused. */
#include "pixel-fixture.h"

#include <string.h>

static VtrImage *
load (const char *name)
{
  g_autofree char *path = pixel_fixture_path (name);
  g_autoptr (GError) error = NULL;
  VtrImage *image = vtr_image_load (path, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (vtr_image_get_path (image), ==, path);
  return image;
}

/* Compares with NAME.want.png, which Pillow made; @tolerance in levels of 255. */
static void
check_file (const char *name, int tolerance)
{
  g_autofree char *want_name = g_strconcat (name, ".want.png", NULL);
  g_autoptr (VtrImage) image = load (name);
  g_autoptr (VtrImage) want = load (want_name);

  g_assert_cmpuint (vtr_image_get_width (image), ==, vtr_image_get_width (want));
  g_assert_cmpuint (vtr_image_get_height (image), ==, vtr_image_get_height (want));
  const guint8 *pixels = vtr_image_get_rgba (image);
  const guint8 *wanted = vtr_image_get_rgba (want);
  const gsize n_bytes = (gsize) vtr_image_get_width (want) * vtr_image_get_height (want) * 4;
  for (gsize i = 0; i < n_bytes; i++)
    if (ABS (pixels[i] - wanted[i]) > tolerance)
      g_error ("%s: byte %" G_GSIZE_FORMAT " is %u, not %u", name, i, pixels[i], wanted[i]);
}

static void
test_kinds (void)
{
  check_file ("half-chroma.jpg", 0);
  check_file ("progressive.jpg", 0);
  check_file ("grey.jpg", 0);
  check_file ("cmyk.jpg", 1); /* gdk-pixbuf cuts off where Pillow rounds */
  check_file ("grey.png", 0);
  check_file ("grey16.png", 0);
  check_file ("palette.png", 0);
  check_file ("plain.bmp", 0);
  check_file ("two-frames.gif", 0);
}

static void
test_orientation (void)
{
  static const char *const kinds[] = { "jpg", "png", "tif" };

  for (guint kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
    for (guint orientation = 1; orientation <= 8; orientation++)
      {
        g_autofree char *name = g_strdup_printf ("turned%u.%s", orientation, kinds[kind]);
        check_file (name, 0);
        g_autoptr (VtrImage) image = load (name);
        g_assert_cmpuint (vtr_image_get_orientation (image), ==, orientation);
      }
}

static void
check_refused (const char *path, VtrError code, const char *pattern)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrImage) image = vtr_image_load (path, &error);

  g_assert_null (image);
  g_assert_error (error, VTR_ERROR, (int) code);
  if (!g_pattern_match_simple (pattern, error->message))
    g_error ("unexpected message: %s", error->message);
  g_assert_true (g_str_has_suffix (error->message, "."));
  g_assert_nonnull (strstr (error->message, path));
}

static void
check_bytes_refused (const char *name,
                     const void *bytes,
                     gsize size,
                     VtrError code,
                     const char *pattern)
{
  g_autofree char *path = pixel_fixture_temporary (name);

  g_assert_true (g_file_set_contents (path, bytes, (gssize) size, NULL));
  check_refused (path, code, pattern);
}

/* Wherever a file is cut, it is not half a picture that comes out. */
static void
test_truncated (void)
{
  static const char *const names[] = { "turned6.jpg", "progressive.jpg", "palette.png",
                                       "turned3.tif", "plain.bmp",       "two-frames.gif" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = pixel_fixture_path (names[i]);
      g_autofree char *bytes = NULL;
      gsize size;
      g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
      for (gsize cut = 1; cut + 1 < size; cut += cut < 64 ? 7 : 151)
        check_bytes_refused (names[i], bytes, cut, VTR_ERROR_CORRUPT, "*");
      check_bytes_refused (names[i], bytes, size - 2, VTR_ERROR_CORRUPT, "*");
    }
}

static void
test_no_picture (void)
{
  /* A PNG header that promises 100,000 × 100,000 pixels. */
  static const guint8 huge[] = {
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44,
    0x52, 0x00, 0x01, 0x86, 0xa0, 0x00, 0x01, 0x86, 0xa0, 0x08, 0x02, 0x00, 0x00, 0x00, 0x27,
    0x30, 0x9c, 0x9f, 0x00, 0x00, 0x00, 0x00, 0x49, 0x44, 0x41, 0x54, 0x35, 0xaf, 0x06, 0x1e,
  };
  g_autofree char *nowhere = pixel_fixture_temporary ("nowhere.png");

  check_bytes_refused ("empty.png", "", 0, VTR_ERROR_CORRUPT, "*empty file*");
  check_bytes_refused ("text.jpg", "This is no picture at all, but some words about one.", 52,
                       VTR_ERROR_CORRUPT, "*no picture*");
  check_bytes_refused ("huge.png", huge, sizeof huge, VTR_ERROR_UNSUPPORTED,
                       "*100000 × 100000 pixels*");
  check_refused (nowhere, VTR_ERROR_IO, "*No such file*");
  check_refused (g_get_tmp_dir (), VTR_ERROR_IO, "*directory*");
}

static void
test_new (void)
{
  const guint8 rows[2][12] = { { 1, 2, 3, 4, 5, 6, 7, 8, 99 }, { 9, 10, 11, 12, 13, 14, 15, 16 } };
  const guint8 packed[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
  g_autoptr (VtrImage) image = vtr_image_new (2, 2, rows[0], sizeof rows[0]);

  g_assert_cmpmem (vtr_image_get_rgba (image), 16, packed, 16);
  g_assert_cmpuint (vtr_image_get_orientation (image), ==, 1);
  g_assert_null (vtr_image_get_path (image));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/io/image/kinds", test_kinds);
  g_test_add_func ("/io/image/orientation", test_orientation);
  g_test_add_func ("/io/image/truncated", test_truncated);
  g_test_add_func ("/io/image/no-picture", test_no_picture);
  g_test_add_func ("/io/image/new", test_new);
  return g_test_run ();
}
