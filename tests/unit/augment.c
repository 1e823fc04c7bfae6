/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Training pictures by attention: where they are cut, what is erased, how labels weigh. */
#include "analysis/analysis.h"
#include "pixel-fixture.h"

#include <math.h>
#include <string.h>

#define TINY 1e-9

/* Every pixel has a colour of its own: its place. */
static VtrImage *
make_image (guint width, guint height)
{
  g_autofree guint8 *rgba = g_malloc ((gsize) width * height * 4);

  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++)
      memcpy (rgba + 4 * ((gsize) y * width + x), (guint8[]){ (guint8) x, (guint8) y, 77, 255 }, 4);
  return vtr_image_new (width, height, rgba, (gsize) width * 4);
}

/* @n_columns × @n_rows patches of 10 pixels. */
static VtrInput *
make_input (guint n_columns, guint n_rows)
{
  const VtrArch arch =
      pixel_fixture_arch (10 * MIN (n_rows, n_columns), 10 * MIN (n_rows, n_columns), 10);
  g_autoptr (VtrImage) image = make_image (10 * n_columns, 10 * n_rows);
  g_autoptr (GError) error = NULL;
  VtrInput *input = vtr_input_new_for_arch (&arch, NULL, image, VTR_FIT_COVER, 0, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (vtr_input_get_n_columns (input), ==, n_columns);
  g_assert_cmpuint (vtr_input_get_n_rows (input), ==, n_rows);
  return input;
}

static VtrMap *
make_map (const VtrInput *input, const float *values)
{
  return vtr_map_new (vtr_input_get_n_rows (input), vtr_input_get_n_columns (input), values,
                      VTR_FUSED, VTR_FUSED, "map");
}

static void
assert_rect (const VtrRect *rect, double x, double y, double width, double height)
{
  g_assert_cmpfloat (rect->x, ==, x);
  g_assert_cmpfloat (rect->y, ==, y);
  g_assert_cmpfloat (rect->width, ==, width);
  g_assert_cmpfloat (rect->height, ==, height);
}

static const float corner[] = {
  0, 0, 0, 0, /**/
  0, 0, 0, 0, /**/
  0, 0, 4, 2, /**/
  0, 0, 1, 3, /**/
};

static void
test_mass (void)
{
  g_autoptr (VtrInput) input = make_input (4, 4);
  g_autoptr (VtrMap) map = make_map (input, corner);
  const float nothing[16] = { 0 };
  g_autoptr (VtrMap) empty = make_map (input, nothing);
  const float below[] = { -5, -5, -5, -5, -5, -5, -5, -5, -5, -5, 1, 0, 0, 0, 0, 0 };
  g_autoptr (VtrMap) negative = make_map (input, below);

  g_assert_cmpfloat_with_epsilon (vtr_map_get_mass (map, input, &(VtrRect){ 0, 0, 40, 40 }), 1.0,
                                  TINY);
  g_assert_cmpfloat_with_epsilon (vtr_map_get_mass (map, input, &(VtrRect){ 20, 20, 10, 10 }), 0.4,
                                  TINY);
  /* Half of 4, half of 1. */
  g_assert_cmpfloat_with_epsilon (vtr_map_get_mass (map, input, &(VtrRect){ 0, 0, 25, 40 }), 0.25,
                                  TINY);
  g_assert_cmpfloat_with_epsilon (vtr_map_get_mass (empty, input, &(VtrRect){ 0, 0, 20, 20 }), 0.25,
                                  TINY);
  g_assert_cmpfloat_with_epsilon (vtr_map_get_mass (negative, input, &(VtrRect){ 0, 0, 20, 40 }),
                                  0.0, TINY);
}

static void
test_hotspot (void)
{
  g_autoptr (VtrInput) input = make_input (4, 4);
  g_autoptr (VtrMap) map = make_map (input, corner);
  VtrSpot spot;

  vtr_map_find_hotspot (map, input, 0.4, 0.01, &spot);
  assert_rect (&spot.rect, 20, 20, 10, 10);
  g_assert_cmpfloat_with_epsilon (spot.mass, 0.4, TINY);
  vtr_map_find_hotspot (map, input, 0.41, 0.01, &spot);
  assert_rect (&spot.rect, 20, 20, 20, 20);
  g_assert_cmpfloat_with_epsilon (spot.mass, 1.0, TINY);
  vtr_map_find_hotspot (map, input, 0.1, 0.6, &spot); /* no smaller than three patches of four */
  assert_rect (&spot.rect, 10, 10, 30, 30);
  vtr_map_find_hotspot (map, input, 1.0, 1.0, &spot);
  assert_rect (&spot.rect, 0, 0, 40, 40);
}

/* The shape is the picture's. */
static void
test_hotspot_of_a_wide_picture (void)
{
  g_autoptr (VtrInput) input = make_input (8, 4);
  float values[32] = { 0 };
  VtrSpot spot;

  values[2 * 8 + 5] = 1;
  values[3 * 8 + 6] = 1;
  g_autoptr (VtrMap) map = make_map (input, values);
  vtr_map_find_hotspot (map, input, 1.0, 0.01, &spot);
  /* Two patches high, so four wide; the first window that has both. */
  assert_rect (&spot.rect, 30, 20, 40, 20);
}

static void
test_squares (void)
{
  g_autoptr (VtrInput) input = make_input (4, 4);
  g_autoptr (VtrMap) map = make_map (input, corner);
  VtrSpot spot;

  vtr_map_find_square (map, input, 0.25, FALSE, &spot);
  assert_rect (&spot.rect, 20, 20, 20, 20);
  g_assert_cmpfloat_with_epsilon (spot.mass, 1.0, TINY);
  vtr_map_find_square (map, input, 0.25, TRUE, &spot);
  assert_rect (&spot.rect, 0, 0, 20, 20); /* of equal ones the first */
  g_assert_cmpfloat_with_epsilon (spot.mass, 0.0, TINY);
  vtr_map_find_square (map, input, 0.01, FALSE, &spot); /* one patch at least */
  assert_rect (&spot.rect, 20, 20, 10, 10);
  vtr_map_find_square (map, input, 9.0 / 16.0, TRUE, &spot);
  assert_rect (&spot.rect, 0, 0, 30, 30);
  g_assert_cmpfloat_with_epsilon (spot.mass, 0.4, TINY);
}

static const guint8 *
get_pixel (const VtrImage *image, guint x, guint y)
{
  return vtr_image_get_rgba (image) + 4 * ((gsize) y * vtr_image_get_width (image) + x);
}

static void
test_crop (void)
{
  g_autoptr (VtrImage) image = make_image (40, 30);
  g_autoptr (VtrImage) cut = vtr_image_crop (image, &(VtrRect){ 10, 20, 25, 7 });

  g_assert_cmpuint (vtr_image_get_width (cut), ==, 25);
  g_assert_cmpuint (vtr_image_get_height (cut), ==, 7);
  for (guint y = 0; y < 7; y++)
    for (guint x = 0; x < 25; x++)
      g_assert_cmpmem (get_pixel (cut, x, y), 4, get_pixel (image, x + 10, y + 20), 4);
}

static void
test_paste (void)
{
  g_autoptr (VtrImage) image = make_image (40, 40);
  g_autoptr (GError) error = NULL;
  guint8 red[4 * 16 * 16];

  for (guint i = 0; i < 16 * 16; i++)
    memcpy (red + 4 * i, (guint8[]){ 255, 0, 0, 255 }, 4);
  g_autoptr (VtrImage) other = vtr_image_new (16, 16, red, 64);
  g_autoptr (VtrImage) mixed =
      vtr_image_paste (image, &(VtrRect){ 5, 10, 20, 25 }, other, &(VtrRect){ 4, 4, 8, 8 }, &error);
  g_assert_no_error (error);
  for (guint y = 0; y < 40; y++)
    for (guint x = 0; x < 40; x++)
      if (x >= 5 && x < 25 && y >= 10 && y < 35)
        g_assert_cmpmem (get_pixel (mixed, x, y), 4, red, 4);
      else
        g_assert_cmpmem (get_pixel (mixed, x, y), 4, get_pixel (image, x, y), 4);
}

/* The highest quarter changes, the rest stays to the bit. */
static void
test_erase (void)
{
  g_autoptr (VtrInput) input = make_input (4, 4);
  g_autoptr (VtrMap) map = make_map (input, corner);
  const VtrImage *image = vtr_input_get_image (input);
  g_autoptr (GError) error = NULL;
  double mass;

  for (VtrFill fill = VTR_FILL_MEAN; fill <= VTR_FILL_BLUR; fill++)
    {
      g_autoptr (VtrImage) erased = vtr_map_erase (map, input, 0.15, fill, 1, &mass, &error);
      guint n_changed = 0;

      g_assert_no_error (error);
      g_assert_cmpfloat_with_epsilon (mass, 0.9, TINY); /* 4, 3 and 2 of 10 */
      for (guint y = 0; y < 40; y++)
        for (guint x = 0; x < 40; x++)
          {
            const gboolean in = x >= 20 && y >= 20 && !(x < 30 && y >= 30);
            const gboolean same =
                memcmp (get_pixel (erased, x, y), get_pixel (image, x, y), 4) == 0;

            g_assert_true (in || same);
            n_changed += !same;
          }
      /* Of a slope little changes where it is blurred. */
      g_assert_cmpuint (n_changed, >, fill == VTR_FILL_BLUR ? 200 : 290);
      if (fill == VTR_FILL_MEAN) /* of 0..39: 19.5 */
        g_assert_cmpmem (get_pixel (erased, 25, 25), 4, ((guint8[]){ 20, 20, 77, 255 }), 4);
    }
}

static void
test_noise (void)
{
  g_autoptr (VtrInput) input = make_input (4, 4);
  g_autoptr (VtrMap) map = make_map (input, corner);
  g_autoptr (VtrImage) one = vtr_map_erase (map, input, 1.0, VTR_FILL_NOISE, 1, NULL, NULL);
  g_autoptr (VtrImage) again = vtr_map_erase (map, input, 1.0, VTR_FILL_NOISE, 1, NULL, NULL);
  g_autoptr (VtrImage) other = vtr_map_erase (map, input, 1.0, VTR_FILL_NOISE, 2, NULL, NULL);
  double sum = 0.0, squares = 0.0;

  g_assert_cmpmem (vtr_image_get_rgba (one), 6400, vtr_image_get_rgba (again), 6400);
  g_assert_cmpint (memcmp (vtr_image_get_rgba (one), vtr_image_get_rgba (other), 6400), !=, 0);
  for (guint i = 0; i < 1600; i++)
    {
      const double red = vtr_image_get_rgba (one)[4 * i];
      sum += red / 1600;
      squares += red * red / 1600;
    }
  /* Mean and deviation of 0..39; noise below 0 is cut off. */
  g_assert_cmpfloat_with_epsilon (sum, 19.5, 1.5);
  g_assert_cmpfloat_with_epsilon (sqrt (squares - sum * sum), 11.5, 1.5);
}

static void
test_weights (void)
{
  g_assert_cmpfloat_with_epsilon (vtr_augment_weigh (0.0, 1.0), 0.5, TINY);
  g_assert_cmpfloat_with_epsilon (vtr_augment_weigh (0.1, 0.3), 0.25, TINY);
  g_assert_cmpfloat_with_epsilon (vtr_augment_weigh (1.0, 0.3), 1.0, TINY);
  g_assert_cmpfloat_with_epsilon (vtr_augment_weigh (0.4, 0.0), 0.0, TINY);
  g_assert_cmpfloat_with_epsilon (vtr_augment_weigh (1.0, 0.0), 0.5, TINY);
}

/* Numbers that may not change from one release to the next, and lie evenly. */
static void
test_draws (void)
{
  guint counts[4] = { 0 };

  g_assert_cmpuint (vtr_augment_draw (1, "a", VTR_AUGMENT_CROP, 0, 0), ==,
                    vtr_augment_draw (1, "a", VTR_AUGMENT_CROP, 0, 0));
  g_assert_cmpuint (vtr_augment_draw (1, "a", VTR_AUGMENT_CROP, 0, 0), !=,
                    vtr_augment_draw (2, "a", VTR_AUGMENT_CROP, 0, 0));
  g_assert_cmpuint (vtr_augment_draw (1, "a", VTR_AUGMENT_CROP, 1, 0), !=,
                    vtr_augment_draw (1, "a", VTR_AUGMENT_CROP, 0, 1));
  for (guint i = 0; i < 4000; i++)
    {
      g_autofree char *name = g_strdup_printf ("class/%u.png", i);
      counts[vtr_augment_draw (0, name, VTR_AUGMENT_PASTE, 0, 0) % 4]++;
    }
  for (guint i = 0; i < 4; i++)
    g_assert_cmpuint (counts[i], >, 900);
}

static void
test_names (void)
{
  g_autoptr (GError) error = NULL;
  VtrAugmentKind kind;
  VtrFill fill;

  for (guint i = 0; i < VTR_N_AUGMENT_KINDS; i++)
    {
      g_assert_true (vtr_augment_kind_parse (vtr_augment_kind_get_name (i), &kind, &error));
      g_assert_cmpuint (kind, ==, i);
    }
  g_assert_false (vtr_augment_kind_parse ("flip", &kind, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
  g_clear_error (&error);
  g_assert_true (vtr_fill_parse ("noise", &fill, &error));
  g_assert_cmpuint (fill, ==, VTR_FILL_NOISE);
  g_assert_false (vtr_fill_parse ("", &fill, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/augment/mass", test_mass);
  g_test_add_func ("/augment/hotspot", test_hotspot);
  g_test_add_func ("/augment/hotspot-of-a-wide-picture", test_hotspot_of_a_wide_picture);
  g_test_add_func ("/augment/squares", test_squares);
  g_test_add_func ("/augment/crop", test_crop);
  g_test_add_func ("/augment/paste", test_paste);
  g_test_add_func ("/augment/erase", test_erase);
  g_test_add_func ("/augment/noise", test_noise);
  g_test_add_func ("/augment/weights", test_weights);
  g_test_add_func ("/augment/draws", test_draws);
  g_test_add_func ("/augment/names", test_names);
  return g_test_run ();
}
