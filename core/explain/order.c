/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* In which order patches and pixels are taken. */
#include "explain/score.h"

#include <math.h>

static int
compare_values (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const guint32 i = *(const guint32 *) a, k = *(const guint32 *) b;
  const float *values = user_data;

  if (values[i] != values[k])
    return values[i] > values[k] ? -1 : 1;
  return (i > k) - (i < k);
}

static guint32 *
count_up (gsize n)
{
  guint32 *order = g_new (guint32, n);

  for (gsize i = 0; i < n; i++)
    order[i] = (guint32) i;
  return order;
}

guint32 *
vtr_order_new (const float *values, gsize n)
{
  guint32 *order = count_up (n);

  g_qsort_with_data (order, (gint) n, sizeof *order, compare_values, (gpointer) values);
  return order;
}

guint32 *
vtr_order_new_random (gsize n, guint32 seed)
{
  guint32 *order = count_up (n);
  guint64 state = seed;

  for (gsize i = n; i > 1; i--)
    {
      /* 0..i − 1 of the upper 32 bits, by multiplication. */
      const gsize k = (gsize) ((vtr_random_next (&state) >> 32) * i >> 32);
      const guint32 swapped = order[k];

      order[k] = order[i - 1];
      order[i - 1] = swapped;
    }
  return order;
}

/* Where a pixel is between the centres of two patches. */
typedef struct
{
  guint first;
  guint second;
  double share; /* of the second */
} Between;

static Between *
find_between (guint n_pixels, guint n_patches)
{
  Between *places = g_new (Between, n_pixels);

  for (guint i = 0; i < n_pixels; i++)
    {
      const double place = MAX ((i + 0.5) * n_patches / n_pixels - 0.5, 0.0);
      const guint first = (guint) floor (place);

      places[i] = (Between){ first, MIN (first + 1, n_patches - 1), place - first };
    }
  return places;
}

float *
vtr_map_enlarge (const float *values, guint n_rows, guint n_columns, guint height, guint width)
{
  g_autofree Between *in_rows = find_between (height, n_rows);
  g_autofree Between *in_columns = find_between (width, n_columns);
  float *pixels = g_new (float, (gsize) height *width);

  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++)
      {
        const Between *row = &in_rows[y], *column = &in_columns[x];
        const float *upper = values + (gsize) row->first * n_columns;
        const float *lower = values + (gsize) row->second * n_columns;
        const double above =
            upper[column->first] * (1.0 - column->share) + upper[column->second] * column->share;
        const double below =
            lower[column->first] * (1.0 - column->share) + lower[column->second] * column->share;

        pixels[(gsize) y * width + x] = (float) (above * (1.0 - row->share) + below * row->share);
      }
  return pixels;
}
