/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* A prepared picture with its pixels in other places. */
#include "preprocess/input-private.h"

#include <string.h>

/* The pixel of @self that goes to (@x, @y) when blocks, pixels within blocks or both are
 * transposed.
 */
static gsize
find_source (const VtrGeometry *geometry, VtrArrangement arrangement, guint x, guint y)
{
  const guint patch = geometry->patch_size;
  guint row = y / patch, column = x / patch;
  guint down = y % patch, right = x % patch;

  if (arrangement & VTR_ARRANGE_BLOCKS)
    {
      const guint swapped = row;
      row = column;
      column = swapped;
    }
  if (arrangement & VTR_ARRANGE_WITHIN_BLOCKS)
    {
      const guint swapped = down;
      down = right;
      right = swapped;
    }
  return ((gsize) row * patch + down) * geometry->width + (gsize) column * patch + right;
}

VtrInput *
vtr_input_arrange (VtrInput *self, VtrArrangement arrangement)
{
  const VtrGeometry *geometry = &self->geometry;
  const gsize plane = (gsize) geometry->width * geometry->height;

  if ((arrangement & VTR_ARRANGE_BLOCKS) && geometry->n_rows != geometry->n_columns)
    return NULL;

  VtrInput *arranged = g_new0 (VtrInput, 1);
  *arranged = *self;
  g_atomic_ref_count_init (&arranged->ref_count);
  if (self->model != NULL)
    g_object_ref (self->model);
  vtr_image_ref (self->image);
  arranged->pixels = g_new (float, 3 * plane);

  for (guint channel = 0; channel < 3; channel++)
    {
      const guint from = arrangement & VTR_ARRANGE_CHANNELS ? 2 - channel : channel;
      for (guint y = 0; y < geometry->height; y++)
        for (guint x = 0; x < geometry->width; x++)
          arranged->pixels[channel * plane + (gsize) y * geometry->width + x] =
              self->pixels[from * plane + find_source (geometry, arrangement, x, y)];
    }
  return arranged;
}
