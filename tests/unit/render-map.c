/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* A bright patch lands on its own pixels of the picture: cropped, turned, rectangular, padded. */
#include "pixel-fixture.h"
#include "render/render.h"

#include <math.h>
#include <string.h>

static VtrInput *
prepare (const VtrArch *arch, VtrImage *image, VtrFit fit, guint size)
{
  g_autoptr (GError) error = NULL;
  VtrInput *input = vtr_input_new_for_arch (arch, NULL, image, fit, size, &error);

  g_assert_no_error (error);
  return input;
}

static VtrImage *
black_image (guint width, guint height)
{
  g_autofree guint8 *rgba = g_malloc0 ((gsize) width * height * 4);

  for (gsize i = 0; i < (gsize) width * height; i++)
    rgba[4 * i + 3] = 255;
  return vtr_image_new (width, height, rgba, (gsize) width * 4);
}

/* A map that is 1 at one patch and 0 elsewhere. */
static VtrMap *
bright_patch (const VtrInput *input, guint row, guint column)
{
  const guint n_rows = vtr_input_get_n_rows (input);
  const guint n_columns = vtr_input_get_n_columns (input);
  g_autofree float *values = g_new0 (float, n_rows *n_columns);

  values[row * n_columns + column] = 1.0f;
  return vtr_map_new (n_rows, n_columns, values, 0, 0, "bright");
}

/* For every patch: above one half exactly where the pixel is nearer to its centre than to the next
 * one's, which bilinear weights make the patch itself but for its corners; NaN outside. */
static void
check_patches (const VtrInput *input)
{
  const VtrImage *image = vtr_input_get_image (input);
  const guint width = vtr_image_get_width (image);
  const guint height = vtr_image_get_height (image);
  g_autofree float *values = g_new (float, (gsize) width *height);
  VtrRect region;
  VtrRect rect;

  vtr_input_get_region (input, &region);
  for (guint row = 0; row < vtr_input_get_n_rows (input); row++)
    for (guint column = 0; column < vtr_input_get_n_columns (input); column++)
      {
        g_autoptr (VtrMap) map = bright_patch (input, row, column);
        vtr_map_upsample (map, input, values);
        vtr_input_get_patch_rect (input, row, column, &rect);
        for (guint y = 0; y < height; y++)
          for (guint x = 0; x < width; x++)
            {
              const float value = values[(gsize) y * width + x];
              const double px = x + 0.5;
              const double py = y + 0.5;
              const gboolean inside = px >= region.x && px < region.x + region.width &&
                                      py >= region.y && py < region.y + region.height;
              const gboolean in_patch = px > rect.x && px < rect.x + rect.width && py > rect.y &&
                                        py < rect.y + rect.height;
              g_assert_true (inside == !isnan (value));
              if (inside && in_patch)
                g_assert_cmpfloat (value, >=, 0.25f - 1e-6f);
              else if (inside)
                g_assert_cmpfloat (value, <=, 0.5f + 1e-6f);
            }
        guint found_row;
        guint found_column;
        g_assert_true (vtr_input_get_patch_at (input, CLAMP (rect.x + rect.width / 2, 0, width - 1),
                                               CLAMP (rect.y + rect.height / 2, 0, height - 1),
                                               &found_row, &found_column));
        g_assert_cmpuint (found_row, ==, row);
        g_assert_cmpuint (found_column, ==, column);
      }
}

static void
test_registration (void)
{
  const VtrArch arch = pixel_fixture_arch (64, 56, 14);
  VtrArch odd = pixel_fixture_arch (35, 30, 14); /* the cut ends beyond the last whole patch */
  g_autoptr (VtrImage) wide = black_image (150, 101);
  g_autoptr (VtrImage) tall = black_image (37, 90);

  for (VtrFit fit = VTR_FIT_COVER; fit <= VTR_FIT_STRETCH; fit++)
    {
      g_autoptr (VtrInput) wide_input = prepare (&arch, wide, fit, 0);
      check_patches (wide_input);
      g_autoptr (VtrInput) tall_input = prepare (&arch, tall, fit, 0);
      check_patches (tall_input);
      g_autoptr (VtrInput) odd_input = prepare (&odd, wide, fit, 0);
      check_patches (odd_input);
    }
}

/* Padding: the patches reach beyond the picture, whose pixels are all covered. */
static void
test_padded (void)
{
  VtrArch arch = pixel_fixture_arch (0, 56, 14);
  g_autoptr (VtrImage) image = black_image (30, 20);
  VtrRect region;

  arch.preprocess.resize = VTR_RESIZE_NONE;
  g_autoptr (VtrInput) input = prepare (&arch, image, VTR_FIT_TRAIN, 0);
  vtr_input_get_region (input, &region);
  g_assert_cmpfloat (region.x, ==, -13);
  g_assert_cmpfloat (region.y, ==, -18);
  g_autoptr (VtrMap) map = bright_patch (input, 1, 2); /* its centre: (35, 21) of the cut */
  g_autofree float *values = g_new (float, 30 * 20);
  vtr_map_upsample (map, input, values);
  for (guint i = 0; i < 30 * 20; i++)
    g_assert_false (isnan (values[i]));
  g_assert_cmpfloat (values[3 * 30 + 22], >, 0.9f);
  g_assert_cmpfloat (values[19 * 30], ==, 0.0f);
}

/* The picture of a turned file is upright, and patches lie on it as on any other. */
static void
test_turned (void)
{
  for (guint orientation = 1; orientation <= 8; orientation++)
    {
      const VtrArch arch = pixel_fixture_arch (28, 28, 7);
      g_autofree char *name = g_strdup_printf ("turned%u.jpg", orientation);
      g_autofree char *path = pixel_fixture_path (name);
      g_autoptr (GError) error = NULL;
      g_autoptr (VtrImage) image = vtr_image_load (path, &error);
      g_assert_no_error (error);
      g_autoptr (VtrInput) input = prepare (&arch, image, VTR_FIT_TRAIN, 0);
      check_patches (input);
      g_assert_cmpuint (vtr_image_get_width (image), ==, orientation < 5 ? 34 : 22);
    }
}

static void
test_colors (void)
{
  const VtrArch arch = pixel_fixture_arch (28, 14, 14);
  g_autoptr (VtrImage) image = black_image (56, 28);
  g_autoptr (VtrInput) cropped = prepare (&arch, image, VTR_FIT_TRAIN, 0);
  g_autoptr (VtrMap) map = bright_patch (cropped, 0, 0);
  g_autoptr (GError) error = NULL;

  /* One patch is a flat map: all of it is the least value, black of "grey". */
  g_autoptr (VtrImage) alone = vtr_map_colorize (map, cropped, "grey", &error);
  g_assert_no_error (error);
  const guint8 *rgba = vtr_image_get_rgba (alone);
  g_assert_cmpuint (rgba[3], ==, 0);
  g_assert_cmpuint (rgba[(14 * 56 + 28) * 4], ==, 0);
  g_assert_cmpuint (rgba[(14 * 56 + 28) * 4 + 3], ==, 255);

  g_autoptr (VtrInput) whole = prepare (&arch, image, VTR_FIT_COVER, 14);
  g_autoptr (VtrMap) right = bright_patch (whole, 0, 1);
  g_autoptr (VtrImage) over = vtr_map_overlay (right, whole, "grey", 0.5, &error);
  g_assert_no_error (error);
  rgba = vtr_image_get_rgba (over);
  g_assert_cmpuint (rgba[0], ==, 0);
  g_assert_cmpuint (rgba[55 * 4], ==, 128); /* half of white */
  g_autofree guint16 *grey = vtr_map_to_grey16 (right, whole, &error);
  g_assert_cmpuint (grey[0], ==, 0);
  g_assert_cmpuint (grey[55], ==, 65535);

  g_assert_null (vtr_map_colorize (map, cropped, "rainbow", &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
}

/* A transparent picture: what is under full transparency does not show. */
static void
test_transparent (void)
{
  const VtrArch arch = pixel_fixture_arch (14, 14, 14);
  const guint8 pixel[] = { 200, 100, 50, 0 };
  g_autoptr (VtrImage) image = vtr_image_new (1, 1, pixel, 4);
  g_autoptr (VtrInput) input = prepare (&arch, image, VTR_FIT_TRAIN, 0);
  const float value = 1.0f;
  g_autoptr (VtrMap) map = vtr_map_new (1, 1, &value, 0, 0, "");
  g_autoptr (VtrImage) over = vtr_map_overlay (map, input, "grey", 0.5, NULL);
  const guint8 want[] = { 0, 0, 0, 128 };

  g_assert_cmpmem (vtr_image_get_rgba (over), 4, want, 4);
}

static void
test_colormaps (void)
{
  const char *const *names = vtr_colormap_list ();
  guint8 colors[VTR_N_COLORS][3];
  guint8 named[VTR_N_COLORS][3];

  g_assert_true (vtr_colormap_fill (NULL, colors, NULL));
  g_assert_true (vtr_colormap_fill (names[0], named, NULL));
  g_assert_cmpmem (colors, sizeof colors, named, sizeof named);
  g_assert_true (vtr_colormap_fill ("grey", colors, NULL));
  for (guint i = 0; i < VTR_N_COLORS; i++)
    g_assert_cmpuint (colors[i][1], ==, i);
  for (guint i = 0; i < 4; i++) /* those that grow lighter all the way */
    {
      g_assert_true (vtr_colormap_fill (names[i], colors, NULL));
      for (guint k = 1; k < VTR_N_COLORS; k++)
        g_assert_cmpint (2 * colors[k][0] + 7 * colors[k][1] + colors[k][2] + 6, >=,
                         2 * colors[k - 1][0] + 7 * colors[k - 1][1] + colors[k - 1][2]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/render/map/registration", test_registration);
  g_test_add_func ("/render/map/padded", test_padded);
  g_test_add_func ("/render/map/turned", test_turned);
  g_test_add_func ("/render/map/colors", test_colors);
  g_test_add_func ("/render/map/transparent", test_transparent);
  g_test_add_func ("/render/map/colormaps", test_colormaps);
  return g_test_run ();
}
