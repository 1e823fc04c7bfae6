/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mask.h"
#include "i18n.h"

#include <math.h>
#include <string.h>

/* Steps from the least value to the greatest in which the threshold of a mass is found. */
#define N_BINS 65536

static guint
find_bin (float value, float min, float max)
{
  const float bin = max > min ? (value - min) / (max - min) * N_BINS : 0.0f;

  return (guint) CLAMP (bin, 0.0f, N_BINS - 1.0f);
}

/* The lowest bin of the pixels that hold @share of the mass; those of a bin count alike. */
static guint
find_mass_bin (const float *values, gsize n, float min, float max, double share)
{
  g_autofree double *masses = g_new0 (double, N_BINS);
  double sum = 0.0;
  double held = 0.0;
  guint bin = N_BINS;

  for (gsize i = 0; i < n; i++)
    if (!isnan (values[i]) && values[i] > 0.0f)
      {
        masses[find_bin (values[i], min, max)] += values[i];
        sum += values[i];
      }
  /* Less what the two sums may differ by, or all that is 0 would count at 100 %. */
  while (bin > 0 && held < share * sum * (1.0 - 1e-12))
    held += masses[--bin];
  return bin;
}

static void
keep_mass (float *values, gsize n, float min, float max, double share)
{
  const guint bin = find_mass_bin (values, n, min, max, share);

  for (gsize i = 0; i < n; i++)
    values[i] = !isnan (values[i]) && find_bin (values[i], min, max) >= bin ? 1.0f : 0.0f;
}

static void
keep_value (float *values, gsize n, float min, float max, double share)
{
  const float least = min + (max - min) * (float) share;

  for (gsize i = 0; i < n; i++)
    values[i] = !isnan (values[i]) && values[i] >= least ? 1.0f : 0.0f;
}

float *
vgp_mask_new (const VtrExplanation *explanation, VgpSettings *settings, GError **error)
{
  const VtrMap *map = vtr_explanation_get_summary (explanation);
  const VtrInput *input = vtr_explanation_get_input (explanation);
  const VtrImage *image = vtr_input_get_image (input);
  const gsize n_pixels = (gsize) vtr_image_get_width (image) * vtr_image_get_height (image);
  const double share = vgp_settings_get_number (settings, "amount") / 100.0;
  float *values = g_try_new (float, n_pixels);
  float min;
  float max;

  if (values == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
                   _ ("There is not enough memory for a mask of %u × %u pixels."),
                   vtr_image_get_width (image), vtr_image_get_height (image));
      return NULL;
    }
  vtr_map_upsample (map, input, values);
  vtr_map_get_range (map, &min, &max);
  if (strcmp (vgp_settings_get (settings, "keep"), "mass") == 0)
    keep_mass (values, n_pixels, min, max, share);
  else
    keep_value (values, n_pixels, min, max, share);
  return values;
}

static float
combine (float mask, float with, const char *operation)
{
  if (strcmp (operation, "add") == 0)
    return MAX (mask, with);
  if (strcmp (operation, "subtract") == 0)
    return MIN (mask, 1.0f - with);
  return strcmp (operation, "intersect") == 0 ? MIN (mask, with) : with;
}

void
vgp_mask_combine (float *mask,
                  const VgpRect *whole,
                  const float *with,
                  const VgpRect *part,
                  const char *operation)
{
  for (guint y = 0; y < whole->height; y++)
    for (guint x = 0; x < whole->width; x++)
      {
        const gint64 row = (gint64) y - part->y;
        const gint64 column = (gint64) x - part->x;
        const gboolean inside =
            row >= 0 && row < part->height && column >= 0 && column < part->width;
        float *value = &mask[(gsize) y * whole->width + x];

        *value = combine (*value, inside ? with[row * part->width + column] : 0.0f, operation);
      }
}
