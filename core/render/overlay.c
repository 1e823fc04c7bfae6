/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "render/render.h"

#include <math.h>
#include <string.h>

static void
set_memory_error (GError **error, guint width, guint height)
{
  g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
               "There is not enough memory for a map of %u × %u pixels; use a smaller picture.",
               width, height);
}

/* The map on every pixel of a canvas that shows the picture, or NULL. */
static float *
sample_new (const VtrMap *map, const VtrInput *input, guint width, guint height, GError **error)
{
  float *values = g_try_new (float, (gsize) width *height);

  if (values == NULL)
    set_memory_error (error, width, height);
  else
    vtr_map_sample (map, input, width, height, values);
  return values;
}

/* Of a flat map every value is the least. */
static float
get_scale (float min, float max, float end)
{
  return max > min ? end / (max - min) : 0.0f;
}

/* @color of @opacity laid over a pixel that may itself be transparent. */
static void
blend_pixel (guint8 *pixel, const guint8 *color, float opacity)
{
  const float below = pixel[3] / 255.0f * (1.0f - opacity);
  const float alpha = opacity + below;

  if (alpha <= 0.0f)
    return;
  for (guint i = 0; i < 3; i++)
    pixel[i] = (guint8) ((color[i] * opacity + pixel[i] * below) / alpha + 0.5f);
  pixel[3] = (guint8) (alpha * 255.0f + 0.5f);
}

/* Lays @values [n] (NaN: nothing) in colours over rgba [n][4]; @min and @max are the colormap's
 * ends. */
static void
blend_map (guint8 *rgba,
           const float *values,
           gsize n,
           float min,
           float max,
           guint8 colors[VTR_N_COLORS][3],
           double opacity)
{
  const float scale = get_scale (min, max, VTR_N_COLORS - 1);

  for (gsize i = 0; i < n; i++)
    if (!isnan (values[i]))
      {
        const float index = (values[i] - min) * scale + 0.5f;
        const guint color = (guint) CLAMP (index, 0.0f, VTR_N_COLORS - 1.0f);
        blend_pixel (rgba + 4 * i, colors[color], (float) opacity);
      }
}

/* The map over @below [height][width][4], a canvas that shows the picture; it is taken over. */
static VtrImage *
blend_over (guint8 *below,
            guint width,
            guint height,
            const VtrMap *map,
            const VtrInput *input,
            guint8 colors[VTR_N_COLORS][3],
            double opacity,
            GError **error)
{
  g_autofree guint8 *rgba = below;
  g_autofree float *values = NULL;
  float min;
  float max;

  if (rgba == NULL)
    set_memory_error (error, width, height);
  else
    values = sample_new (map, input, width, height, error);
  if (values == NULL)
    return NULL;
  vtr_map_get_range (map, &min, &max);
  blend_map (rgba, values, (gsize) width * height, min, max, colors, opacity);
  return vtr_image_take (width, height, g_steal_pointer (&rgba), 1, NULL);
}

VtrImage *
vtr_map_colorize_at (const VtrMap *self,
                     const VtrInput *input,
                     const char *colormap,
                     guint width,
                     guint height,
                     GError **error)
{
  guint8 colors[VTR_N_COLORS][3];

  g_return_val_if_fail (width > 0 && height > 0, NULL);

  if (!vtr_colormap_fill (colormap, colors, error))
    return NULL;
  return blend_over (g_try_malloc0 ((gsize) width * height * 4), width, height, self, input, colors,
                     1.0, error);
}

VtrImage *
vtr_map_colorize (const VtrMap *self, const VtrInput *input, const char *colormap, GError **error)
{
  const VtrImage *image = vtr_input_get_image (input);

  return vtr_map_colorize_at (self, input, colormap, vtr_image_get_width (image),
                              vtr_image_get_height (image), error);
}

VtrImage *
vtr_map_draw_over (const VtrMap *map,
                   const VtrInput *input,
                   const VtrImage *below,
                   guint8 colors[VTR_N_COLORS][3],
                   double opacity,
                   GError **error)
{
  const guint width = vtr_image_get_width (below);
  const guint height = vtr_image_get_height (below);
  const gsize size = (gsize) width * height * 4;
  guint8 *copy = g_try_malloc (size);

  if (copy != NULL)
    memcpy (copy, vtr_image_get_rgba (below), size);
  return blend_over (copy, width, height, map, input, colors, opacity, error);
}

VtrImage *
vtr_map_overlay (const VtrMap *self,
                 const VtrInput *input,
                 const char *colormap,
                 double opacity,
                 GError **error)
{
  guint8 colors[VTR_N_COLORS][3];

  g_return_val_if_fail (opacity >= 0.0 && opacity <= 1.0, NULL);

  if (!vtr_colormap_fill (colormap, colors, error))
    return NULL;
  return vtr_map_draw_over (self, input, vtr_input_get_image (input), colors, opacity, error);
}

guint16 *
vtr_map_to_grey16 (const VtrMap *self, const VtrInput *input, GError **error)
{
  const VtrImage *image = vtr_input_get_image (input);
  const guint width = vtr_image_get_width (image);
  const guint height = vtr_image_get_height (image);
  const gsize n_pixels = (gsize) width * height;
  g_autofree float *values = sample_new (self, input, width, height, error);
  float min;
  float max;

  if (values == NULL)
    return NULL;
  guint16 *grey = g_try_new (guint16, n_pixels);
  if (grey == NULL)
    {
      set_memory_error (error, width, height);
      return NULL;
    }
  vtr_map_get_range (self, &min, &max);
  const float scale = get_scale (min, max, 65535.0f);
  for (gsize i = 0; i < n_pixels; i++)
    grey[i] =
        isnan (values[i]) ? 0 : (guint16) CLAMP ((values[i] - min) * scale + 0.5f, 0.0f, 65535.0f);
  return grey;
}

VtrImage *
vtr_image_scale (const VtrImage *self, guint width, guint height, GError **error)
{
  const gsize n_pixels = (gsize) width * height;
  g_autofree guint8 *rgb =
      vtr_resize_rgb (vtr_image_get_rgba (self), vtr_image_get_width (self),
                      vtr_image_get_height (self), width, height, VTR_FILTER_BICUBIC, NULL, error);

  if (rgb == NULL)
    return NULL;
  guint8 *rgba = g_malloc (n_pixels * 4);
  for (gsize i = 0; i < n_pixels; i++)
    {
      memcpy (rgba + 4 * i, rgb + 3 * i, 3);
      rgba[4 * i + 3] = 255;
    }
  return vtr_image_take (width, height, rgba, 1, NULL);
}

void
vtr_image_fit (const VtrImage *self, guint edge, guint *width, guint *height)
{
  const double scale =
      (double) edge / MAX (vtr_image_get_width (self), vtr_image_get_height (self));

  *width = (guint) MAX (lrint (vtr_image_get_width (self) * scale), 1);
  *height = (guint) MAX (lrint (vtr_image_get_height (self) * scale), 1);
}
