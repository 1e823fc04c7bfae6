/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Where in a picture attention is, and where it is not. */
#include "analysis/analysis.h"

#include <math.h>

/* Sums over rectangles of patches that begin at the first one: [n_rows + 1][n_columns + 1]. */
typedef struct
{
  guint n_rows;
  guint n_columns;
  double *sums;
} Integral;

/* What a patch counts: nothing below 0, and all alike where none is above. */
static double
weigh (const VtrMap *map, gsize patch)
{
  float min, max;

  vtr_map_get_range (map, &min, &max);
  return max > 0.0f ? MAX (vtr_map_get_values (map)[patch], 0.0f) : 1.0;
}

static void
integral_init (Integral *self, const VtrMap *map)
{
  const guint n_columns = vtr_map_get_n_columns (map);
  const gsize stride = n_columns + 1;

  *self = (Integral){ vtr_map_get_n_rows (map), n_columns, NULL };
  self->sums = g_new0 (double, (self->n_rows + 1) * stride);
  for (guint row = 0; row < self->n_rows; row++)
    for (guint column = 0; column < n_columns; column++)
      self->sums[(row + 1) * stride + column + 1] =
          weigh (map, (gsize) row * n_columns + column) + self->sums[row * stride + column + 1] +
          self->sums[(row + 1) * stride + column] - self->sums[row * stride + column];
}

static double
add_window (const Integral *self, guint row, guint column, guint n_rows, guint n_columns)
{
  const gsize stride = self->n_columns + 1;
  const double *above = self->sums + row * stride;
  const double *below = self->sums + (row + n_rows) * stride;

  return below[column + n_columns] - below[column] - above[column + n_columns] + above[column];
}

/* The window of that size with the most, or the least. */
static void
find_window (const Integral *self,
             guint n_rows,
             guint n_columns,
             gboolean least,
             guint *found_row,
             guint *found_column)
{
  /* What differs by rounding alone is equal. */
  const double margin = 1e-9 * add_window (self, 0, 0, self->n_rows, self->n_columns);
  double found = add_window (self, 0, 0, n_rows, n_columns);

  *found_row = *found_column = 0;
  for (guint row = 0; row + n_rows <= self->n_rows; row++)
    for (guint column = 0; column + n_columns <= self->n_columns; column++)
      {
        const double sum = add_window (self, row, column, n_rows, n_columns);

        if (least ? sum < found - margin : sum > found + margin)
          {
            found = sum;
            *found_row = row;
            *found_column = column;
          }
      }
}

/* ---- patches ↔ pixels ---- */

/* Of how much of @from..@to lies in @start..@start + @length. */
static double
overlap (double from, double to, double start, double length)
{
  return MAX (MIN (to, start + length) - MAX (from, start), 0.0) / (to - from);
}

double
vtr_map_get_mass (const VtrMap *self, const VtrInput *input, const VtrRect *rect)
{
  g_return_val_if_fail (self != NULL && input != NULL && rect != NULL, 0.0);

  const guint n_rows = vtr_map_get_n_rows (self), n_columns = vtr_map_get_n_columns (self);
  double inside = 0.0, all = 0.0;

  for (guint row = 0; row < n_rows; row++)
    for (guint column = 0; column < n_columns; column++)
      {
        const double weight = weigh (self, (gsize) row * n_columns + column);
        VtrRect patch;

        vtr_input_get_patch_rect (input, row, column, &patch);
        all += weight;
        inside += weight * overlap (patch.x, patch.x + patch.width, rect->x, rect->width) *
                  overlap (patch.y, patch.y + patch.height, rect->y, rect->height);
      }
  return MIN (inside / all, 1.0);
}

/* Whole pixels, @length of them (one at least), around @middle as far as 0..@extent allows. */
static void
place (double middle, double length, guint extent, double *start, double *rounded)
{
  *rounded = CLAMP (rint (length), 1.0, extent);
  *start = CLAMP (rint (middle - *rounded / 2.0), 0.0, extent - *rounded);
}

/* A rectangle of @width × @height pixels around the middle of a window of patches. */
static void
make_spot (VtrSpot *self,
           const VtrMap *map,
           const VtrInput *input,
           const VtrRect *window,
           double width,
           double height)
{
  const VtrImage *image = vtr_input_get_image (input);

  place (window->x + window->width / 2.0, width, vtr_image_get_width (image), &self->rect.x,
         &self->rect.width);
  place (window->y + window->height / 2.0, height, vtr_image_get_height (image), &self->rect.y,
         &self->rect.height);
  self->mass = vtr_map_get_mass (map, input, &self->rect);
}

/* Where a window of patches lies. */
static VtrRect
get_window_rect (const VtrInput *input, guint row, guint column, guint n_rows, guint n_columns)
{
  VtrRect first, last;

  vtr_input_get_patch_rect (input, row, column, &first);
  vtr_input_get_patch_rect (input, row + n_rows - 1, column + n_columns - 1, &last);
  return (VtrRect){ first.x, first.y, last.x + last.width - first.x,
                    last.y + last.height - first.y };
}

/* @n of @of steps of an edge of @n_patches. */
static guint
scale_edge (guint n_patches, guint n, guint of)
{
  return MAX ((guint) lrint ((double) n_patches * n / of), 1);
}

/* The best rectangle of @step by @n_steps of what the patches cover. */
static void
try_hotspot (const Integral *integral,
             const VtrMap *map,
             const VtrInput *input,
             guint step,
             guint n_steps,
             VtrSpot *spot)
{
  const VtrImage *image = vtr_input_get_image (input);
  const guint n_rows = scale_edge (integral->n_rows, step, n_steps);
  const guint n_columns = scale_edge (integral->n_columns, step, n_steps);
  const double share = (double) step / n_steps;
  guint row, column;
  VtrRect region;

  find_window (integral, n_rows, n_columns, FALSE, &row, &column);
  const VtrRect window = get_window_rect (input, row, column, n_rows, n_columns);
  vtr_input_get_region (input, &region);
  make_spot (spot, map, input, &window, share * MIN (region.width, vtr_image_get_width (image)),
             share * MIN (region.height, vtr_image_get_height (image)));
}

void
vtr_map_find_hotspot (const VtrMap *self,
                      const VtrInput *input,
                      double mass,
                      double least,
                      VtrSpot *spot)
{
  g_return_if_fail (self != NULL && input != NULL && spot != NULL);
  g_return_if_fail (least > 0.0 && least <= 1.0);

  const guint n_steps = MAX (vtr_map_get_n_rows (self), vtr_map_get_n_columns (self));
  guint step = MAX ((guint) ceil (least * n_steps - 1e-9), 1);
  Integral integral;

  integral_init (&integral, self);
  /* Rounding may leave a rectangle with less than its window of whole patches. */
  do
    try_hotspot (&integral, self, input, step, n_steps, spot);
  while (spot->mass < mass - 1e-9 && step++ < n_steps);
  g_free (integral.sums);
}

void
vtr_map_find_square (const VtrMap *self,
                     const VtrInput *input,
                     double area,
                     gboolean coldest,
                     VtrSpot *spot)
{
  g_return_if_fail (self != NULL && input != NULL && spot != NULL);
  g_return_if_fail (area > 0.0 && area <= 1.0);

  const guint n_rows = vtr_map_get_n_rows (self), n_columns = vtr_map_get_n_columns (self);
  const guint edge =
      CLAMP ((guint) lrint (sqrt (area * n_rows * n_columns)), 1, MIN (n_rows, n_columns));
  guint row, column;
  Integral integral;

  integral_init (&integral, self);
  find_window (&integral, edge, edge, coldest, &row, &column);
  g_free (integral.sums);
  const VtrRect window = get_window_rect (input, row, column, edge, edge);
  make_spot (spot, self, input, &window, window.width, window.height);
}
