/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "pixels.h"
#include "i18n.h"

/* sRGB, as the models have seen it in their training */
#define PICTURE_FORMAT "R'G'B'A u8"
#define GREY_FORMAT "Y'A float"
/* Masks are shares: linear. */
#define MASK_FORMAT "Y float"

static GeglRectangle
to_gegl (const VgpRect *rect)
{
  return (GeglRectangle){ rect->x, rect->y, (int) rect->width, (int) rect->height };
}

static void
set_memory_error (GError **error, const VgpRect *rect)
{
  g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
               _ ("There is not enough memory to read a layer of %u × %u pixels."), rect->width,
               rect->height);
}

VtrImage *
vgp_pixels_read (GeglBuffer *buffer, const VgpRect *rect, GError **error)
{
  const GeglRectangle area = to_gegl (rect);
  const gsize stride = (gsize) rect->width * 4;
  g_autofree guint8 *rgba = g_try_malloc (stride * rect->height);

  if (rgba == NULL)
    {
      set_memory_error (error, rect);
      return NULL;
    }
  gegl_buffer_get (buffer, &area, 1.0, babl_format (PICTURE_FORMAT), rgba, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
  return vtr_image_new (rect->width, rect->height, rgba, stride);
}

float *
vgp_pixels_read_mask (GeglBuffer *buffer, const VgpRect *rect, GError **error)
{
  const GeglRectangle area = to_gegl (rect);
  float *values = g_try_new (float, (gsize) rect->width * rect->height);

  if (values == NULL)
    set_memory_error (error, rect);
  else
    gegl_buffer_get (buffer, &area, 1.0, babl_format (MASK_FORMAT), values, GEGL_AUTO_ROWSTRIDE,
                     GEGL_ABYSS_NONE);
  return values;
}

void
vgp_pixels_write_mask (GeglBuffer *buffer, const VgpRect *rect, const float *values)
{
  const GeglRectangle area = to_gegl (rect);

  gegl_buffer_set (buffer, &area, 0, babl_format (MASK_FORMAT), values, GEGL_AUTO_ROWSTRIDE);
}

gboolean
vgp_pixels_write_layer (GeglBuffer *buffer, const VgpLayers *layers, guint index, GError **error)
{
  const gboolean is_grey = layers->pixels == VGP_PIXELS_GREY;
  const GeglRectangle area = { 0, 0, (int) layers->rect.width, (int) layers->rect.height };
  g_autofree void *pixels = vgp_layers_render (layers, index, error);

  if (pixels == NULL)
    return FALSE;
  gegl_buffer_set (buffer, &area, 0, babl_format (is_grey ? GREY_FORMAT : PICTURE_FORMAT), pixels,
                   GEGL_AUTO_ROWSTRIDE);
  return TRUE;
}
