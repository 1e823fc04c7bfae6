/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Two maps on one grid. */
#include "analysis/agreement.h"

#include <math.h>

/* Pixels of the picture that regions of one grid may differ by. */
#define SAME 1e-6

static gboolean
is_same_region (const VtrRect *a, const VtrRect *b)
{
  return fabs (a->x - b->x) < SAME && fabs (a->y - b->y) < SAME &&
         fabs (a->width - b->width) < SAME && fabs (a->height - b->height) < SAME;
}

static guint
count_patches (const VtrMap *map)
{
  return vtr_map_get_n_rows (map) * vtr_map_get_n_columns (map);
}

/* The map's values, [n_rows][n_columns] of @pair; @region is where those patches lie. */
static float *
read_map (const VtrMapPair *pair, const VtrMap *map, const VtrInput *input, const VtrRect *region)
{
  const gsize n = (gsize) pair->n_rows * pair->n_columns;
  VtrRect own;

  vtr_input_get_region (input, &own);
  if (vtr_map_get_n_rows (map) == pair->n_rows && vtr_map_get_n_columns (map) == pair->n_columns &&
      is_same_region (&own, region))
    return g_memdup2 (vtr_map_get_values (map), n * sizeof (float));

  float *values = g_new (float, n);
  vtr_map_sample_part (map, input, region, pair->n_columns, pair->n_rows, values);
  return values;
}

static gboolean
check_pictures (const VtrExplanation *a, const VtrExplanation *b, GError **error)
{
  const VtrImage *image_a = vtr_input_get_image (vtr_explanation_get_input (a));
  const VtrImage *image_b = vtr_input_get_image (vtr_explanation_get_input (b));
  const guint width_a = vtr_image_get_width (image_a), height_a = vtr_image_get_height (image_a);
  const guint width_b = vtr_image_get_width (image_b), height_b = vtr_image_get_height (image_b);

  if (width_a == width_b && height_a == height_b)
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "Maps of two pictures cannot be compared: one has %u × %u pixels, the other %u × "
               "%u; explain the same picture twice.",
               width_a, height_a, width_b, height_b);
  return FALSE;
}

/* Leaves only what both cover. */
static void
collect_covered (VtrMapPair *self)
{
  const gsize n = (gsize) self->n_rows * self->n_columns;

  for (guint side = 0; side < 2; side++)
    self->covered[side] = g_new (float, n);
  for (gsize i = 0; i < n; i++)
    if (isnan (self->values[0][i]) || isnan (self->values[1][i]))
      self->values[0][i] = self->values[1][i] = NAN;
    else
      {
        self->covered[0][self->n_covered] = self->values[0][i];
        self->covered[1][self->n_covered++] = self->values[1][i];
      }
}

gboolean
vtr_map_pair_init (VtrMapPair *self,
                   const VtrExplanation *a,
                   const VtrExplanation *b,
                   GError **error)
{
  const VtrMap *maps[] = { vtr_explanation_get_summary (a), vtr_explanation_get_summary (b) };
  const VtrInput *inputs[] = { vtr_explanation_get_input (a), vtr_explanation_get_input (b) };
  const guint finer = count_patches (maps[1]) > count_patches (maps[0]) ? 1 : 0;
  VtrRect region;

  *self = (VtrMapPair){
    .input = inputs[finer],
    .n_rows = vtr_map_get_n_rows (maps[finer]),
    .n_columns = vtr_map_get_n_columns (maps[finer]),
  };
  if (!check_pictures (a, b, error))
    return FALSE;
  vtr_input_get_region (inputs[finer], &region);
  for (guint side = 0; side < 2; side++)
    self->values[side] = read_map (self, maps[side], inputs[side], &region);
  collect_covered (self);
  if (self->n_covered > 0)
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "The two maps have no part of the picture in common: give both sides the same fit.");
  return FALSE;
}

void
vtr_map_pair_clear (VtrMapPair *self)
{
  for (guint side = 0; side < 2; side++)
    {
      g_free (self->values[side]);
      g_free (self->covered[side]);
    }
}
