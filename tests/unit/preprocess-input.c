/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Prepared pictures as transformers' processors make them; geometry of every fit. */
#include "pixel-fixture.h"

#include <math.h>
#include <string.h>

static guint
get_number (char **fields, guint index)
{
  return (guint) g_ascii_strtoull (fields[index], NULL, 10);
}

/* A row of prepared.txt as an architecture of one-pixel patches, so that nothing is cut off. */
static VtrArch
read_arch (char **row)
{
  VtrArch arch = {
    .patch_size = 1,
    .preprocess = {
      .resize_width = get_number (row, 3),
      .resize_height = get_number (row, 4),
      .crop = get_number (row, 5) > 0,
      .crop_width = get_number (row, 5),
      .crop_height = get_number (row, 6),
      .filter = pixel_fixture_filter (row[7]),
      .rescale = 1.0 / 255.0,
      .mean = { 0.48145466, 0.4578275, 0.40821073 },
      .std = { 0.26862954, 0.26130258, 0.27577711 },
    },
  };

  arch.preprocess.resize = arch.preprocess.resize_width > 0    ? VTR_RESIZE_EXACT
                           : arch.preprocess.resize_height > 0 ? VTR_RESIZE_SHORT_EDGE
                                                               : VTR_RESIZE_NONE;
  return arch;
}

static VtrInput *
prepare (const VtrArch *arch, guint width, guint height, guint seed, VtrFit fit, guint size)
{
  g_autofree guint8 *rgba = pixel_fixture_noise (width, height, seed);
  g_autoptr (VtrImage) image = vtr_image_new (width, height, rgba, (gsize) width * 4);
  g_autoptr (GError) error = NULL;
  VtrInput *input = vtr_input_new_for_arch (arch, NULL, image, fit, size, &error);

  g_assert_no_error (error);
  return input;
}

/* The bytes before rescaling, for which mean 0, deviation 1 and no rescaling are asked. */
static void
check_bytes (const VtrArch *arch, char **row)
{
  VtrArch plain = *arch;

  plain.preprocess.rescale = 1.0;
  for (guint i = 0; i < 3; i++)
    {
      plain.preprocess.mean[i] = 0.0;
      plain.preprocess.std[i] = 1.0;
    }
  g_autoptr (VtrInput) input = prepare (&plain, get_number (row, 0), get_number (row, 1),
                                        get_number (row, 2), VTR_FIT_TRAIN, 0);
  guint width;
  guint height;
  const float *pixels = vtr_input_get_pixels (input, &width, &height);
  g_assert_cmpuint (width, ==, get_number (row, 8));
  g_assert_cmpuint (height, ==, get_number (row, 9));
  const gsize plane = (gsize) width * height;
  g_autofree guint8 *bytes = g_malloc (plane * 3);
  for (gsize i = 0; i < plane * 3; i++)
    bytes[i] = (guint8) pixels[i % 3 * plane + i / 3];
  g_autofree char *digest = g_compute_checksum_for_data (G_CHECKSUM_SHA256, bytes, plane * 3);
  g_assert_cmpstr (digest, ==, row[10]);
}

static void
test_transformers (void)
{
  g_autoptr (GPtrArray) table = pixel_fixture_table ("prepared.txt");
  g_autofree char *path = pixel_fixture_path ("prepared.f32");
  g_autofree char *want = NULL;
  gsize size;
  gsize at = 0;

  g_assert_true (g_file_get_contents (path, &want, &size, NULL));
  for (guint i = 0; i < table->len; i++)
    {
      char **row = g_ptr_array_index (table, i);
      const VtrArch arch = read_arch (row);
      guint width;
      guint height;

      check_bytes (&arch, row);
      g_autoptr (VtrInput) input = prepare (&arch, get_number (row, 0), get_number (row, 1),
                                            get_number (row, 2), VTR_FIT_TRAIN, 0);
      const float *pixels = vtr_input_get_pixels (input, &width, &height);
      for (gsize k = 0; k < (gsize) width * height * 3; k++, at += sizeof (float))
        {
          float wanted;
          g_assert_cmpuint (at + sizeof wanted, <=, size);
          memcpy (&wanted, want + at, sizeof wanted);
          g_assert_cmpfloat (fabsf (pixels[k] - wanted), <=, 1e-6f);
        }
    }
  g_assert_cmpuint (at, ==, size);
}

static void
check_grid (const VtrInput *input, guint n_rows, guint n_columns)
{
  g_assert_cmpuint (vtr_input_get_n_rows (input), ==, n_rows);
  g_assert_cmpuint (vtr_input_get_n_columns (input), ==, n_columns);
}

static void
check_rect (const VtrRect *rect, double x, double y, double width, double height)
{
  g_assert_cmpfloat_with_epsilon (rect->x, x, 1e-9);
  g_assert_cmpfloat_with_epsilon (rect->y, y, 1e-9);
  g_assert_cmpfloat_with_epsilon (rect->width, width, 1e-9);
  g_assert_cmpfloat_with_epsilon (rect->height, height, 1e-9);
}

/* 640 × 480 to short edge 32: 42 × 32, of that the middle 28 × 28, patches of 14. */
static void
test_train_geometry (void)
{
  const VtrArch arch = pixel_fixture_arch (32, 28, 14);
  g_autoptr (VtrInput) input = prepare (&arch, 640, 480, 0, VTR_FIT_TRAIN, 0);
  guint row = 9;
  guint column = 9;
  VtrRect rect;

  check_grid (input, 2, 2);
  vtr_input_get_region (input, &rect);
  check_rect (&rect, 7 * 640.0 / 42, 2 * 15.0, 28 * 640.0 / 42, 28 * 15.0);
  vtr_input_get_patch_rect (input, 1, 0, &rect);
  check_rect (&rect, 7 * 640.0 / 42, 16 * 15.0, 14 * 640.0 / 42, 14 * 15.0);

  g_assert_true (vtr_input_get_patch_at (input, rect.x + 0.01, rect.y + 0.01, &row, &column));
  g_assert_cmpuint (row, ==, 1);
  g_assert_cmpuint (column, ==, 0);
  g_assert_false (vtr_input_get_patch_at (input, rect.x - 0.01, rect.y, &row, &column));
  g_assert_false (vtr_input_get_patch_at (input, 639, 240, &row, &column));

  g_autoptr (VtrInput) twice = prepare (&arch, 640, 480, 0, VTR_FIT_TRAIN, 64);
  check_grid (twice, 4, 4);
}

static void
test_cover_geometry (void)
{
  const VtrArch arch = pixel_fixture_arch (32, 28, 14);
  g_autoptr (VtrInput) input = prepare (&arch, 640, 480, 0, VTR_FIT_COVER, 0);
  VtrRect rect;
  guint row;
  guint column;

  check_grid (input, 2, 3); /* 32 is nearest to 28, 28·640/480 = 37.3 to 42 */
  vtr_input_get_region (input, &rect);
  check_rect (&rect, 0, 0, 640, 480);
  g_assert_true (vtr_input_get_patch_at (input, 639.99, 479.99, &row, &column));
  g_assert_cmpuint (row, ==, 1);
  g_assert_cmpuint (column, ==, 2);
  g_assert_false (vtr_input_get_patch_at (input, 640, 0, &row, &column));

  g_autoptr (VtrInput) thin = prepare (&arch, 3, 300, 0, VTR_FIT_COVER, 14);
  check_grid (thin, 100, 1);
  g_autoptr (VtrInput) tiny = prepare (&arch, 640, 480, 0, VTR_FIT_COVER, 1);
  check_grid (tiny, 1, 1);
}

static void
test_stretch_geometry (void)
{
  const VtrArch arch = pixel_fixture_arch (32, 28, 14);
  VtrArch bare = arch;
  VtrRect rect;

  g_autoptr (VtrInput) input = prepare (&arch, 640, 100, 0, VTR_FIT_STRETCH, 0);
  check_grid (input, 2, 2);
  vtr_input_get_patch_rect (input, 1, 1, &rect);
  check_rect (&rect, 320, 50, 320, 50);
  g_autoptr (VtrInput) floored = prepare (&arch, 640, 100, 0, VTR_FIT_STRETCH, 55);
  check_grid (floored, 3, 3);
  bare.preprocess.crop = FALSE;
  bare.preprocess.resize = VTR_RESIZE_NONE;
  bare.grid_columns = 3;
  g_autoptr (VtrInput) grid = prepare (&bare, 640, 100, 0, VTR_FIT_STRETCH, 0);
  check_grid (grid, 2, 3);
}

/* timm: both edges by one ratio, to cover the size or to fit into it; padding is filled. */
static void
test_keep_ratio (void)
{
  VtrArch arch = pixel_fixture_arch (28, 28, 14);
  guint width;
  guint height;

  arch.preprocess.resize = VTR_RESIZE_COVER;
  arch.preprocess.resize_width = 42;
  g_autoptr (VtrInput) cover = prepare (&arch, 100, 90, 0, VTR_FIT_TRAIN, 0);
  const VtrGeometry *geometry = vtr_input_get_geometry (cover);
  g_assert_cmpuint (geometry->resized_width, ==, 42);
  g_assert_cmpuint (geometry->resized_height, ==, 38); /* 37.8 */

  arch.preprocess.resize = VTR_RESIZE_CONTAIN;
  arch.preprocess.resize_width = 28;
  arch.preprocess.crop_rounding = VTR_CROP_ROUND_EVEN;
  arch.preprocess.fill[0] = arch.preprocess.fill[1] = arch.preprocess.fill[2] = 255;
  g_autoptr (VtrInput) contain = prepare (&arch, 100, 53, 0, VTR_FIT_TRAIN, 0);
  geometry = vtr_input_get_geometry (contain);
  g_assert_cmpuint (geometry->resized_height, ==, 15); /* 14.84 */
  g_assert_cmpint (geometry->top, ==, -6);             /* 13 rows are padded, 6 of them above */
  const float *pixels = vtr_input_get_pixels (contain, &width, &height);
  g_assert_cmpfloat (pixels[5 * width], ==, 1.0f);
  g_assert_cmpfloat (pixels[6 * width], !=, 1.0f);
}

static void
check_refused (guint width, guint height, VtrFit fit, guint size, const char *pattern)
{
  const VtrArch arch = pixel_fixture_arch (32, 28, 14);
  g_autoptr (GError) error = NULL;
  VtrGeometry geometry;

  g_assert_false (vtr_geometry_init (&geometry, &arch, width, height, fit, size, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
  if (!g_pattern_match_simple (pattern, error->message))
    g_error ("unexpected message: %s", error->message);
}

static void
test_refused (void)
{
  check_refused (640, 480, VTR_FIT_COVER, 14 * 300, "*400 × 300 patches*--size*smaller*");
  check_refused (1, 200000, VTR_FIT_COVER, 0, "*--size with a smaller*");
  check_refused (640, 480, VTR_FIT_STRETCH, 13, "*--size with a greater*");
  check_refused (640, 480, VTR_FIT_STRETCH, G_MAXUINT, "*--size with a smaller*");
  check_refused (640, 480, VTR_FIT_TRAIN, 8, "*--size with a greater*");
  check_refused (1, 1 << 28, VTR_FIT_TRAIN, 0, "*too long and thin*");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/preprocess/input/transformers", test_transformers);
  g_test_add_func ("/preprocess/input/train", test_train_geometry);
  g_test_add_func ("/preprocess/input/cover", test_cover_geometry);
  g_test_add_func ("/preprocess/input/stretch", test_stretch_geometry);
  g_test_add_func ("/preprocess/input/keep-ratio", test_keep_ratio);
  g_test_add_func ("/preprocess/input/refused", test_refused);
  return g_test_run ();
}
