/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "render/render.h"

#include <math.h>

/* The two patches of an axis a pixel lies between, by their centres. */
typedef struct
{
  guint lower;
  guint upper;
  float share; /* of @upper; NaN where no patch covers the pixel */
} Between;

/*
 * @n_pixels pixels of a canvas that shows @extent pixels of the picture from @origin on; @n patches
 * cover it from @start on for @length.  Before the first centre and after the last the outermost
 * patch holds.
 */
static Between *
find_neighbours (guint n_pixels, double origin, double extent, double start, double length, guint n)
{
  Between *between = g_new (Between, n_pixels);

  for (guint i = 0; i < n_pixels; i++)
    {
      const double at = origin + (i + 0.5) * extent / n_pixels;
      const double patch = CLAMP ((at - start) / length * n - 0.5, 0.0, n - 1.0);
      between[i].lower = (guint) patch;
      between[i].upper = MIN (between[i].lower + 1, n - 1);
      between[i].share =
          at >= start && at < start + length ? (float) (patch - between[i].lower) : NAN;
    }
  return between;
}

void
vtr_map_sample_part (const VtrMap *self,
                     const VtrInput *input,
                     const VtrRect *part,
                     guint width,
                     guint height,
                     float *values)
{
  const guint n_rows = vtr_map_get_n_rows (self);
  const guint n_columns = vtr_map_get_n_columns (self);
  const float *patches = vtr_map_get_values (self);
  VtrRect region;

  vtr_input_get_region (input, &region);
  g_autofree Between *columns =
      find_neighbours (width, part->x, part->width, region.x, region.width, n_columns);
  g_autofree Between *rows =
      find_neighbours (height, part->y, part->height, region.y, region.height, n_rows);
  for (guint y = 0; y < height; y++)
    {
      const float *upper = patches + (gsize) rows[y].lower * n_columns;
      const float *lower = patches + (gsize) rows[y].upper * n_columns;
      for (guint x = 0; x < width; x++)
        {
          const Between *at = &columns[x];
          const float above = upper[at->lower] + at->share * (upper[at->upper] - upper[at->lower]);
          const float below = lower[at->lower] + at->share * (lower[at->upper] - lower[at->lower]);
          *values++ = above + rows[y].share * (below - above);
        }
    }
}

void
vtr_map_sample (const VtrMap *self, const VtrInput *input, guint width, guint height, float *values)
{
  const VtrImage *image = vtr_input_get_image (input);
  const VtrRect whole = { 0, 0, vtr_image_get_width (image), vtr_image_get_height (image) };

  vtr_map_sample_part (self, input, &whole, width, height, values);
}

void
vtr_map_upsample (const VtrMap *self, const VtrInput *input, float *values)
{
  const VtrImage *image = vtr_input_get_image (input);

  g_return_if_fail (vtr_map_get_n_rows (self) == vtr_input_get_n_rows (input));
  g_return_if_fail (vtr_map_get_n_columns (self) == vtr_input_get_n_columns (input));

  vtr_map_sample (self, input, vtr_image_get_width (image), vtr_image_get_height (image), values);
}
