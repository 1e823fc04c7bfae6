/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "host-gimp2-buffer.h"

#include <libgimp/gimp.h>

/* A palette's format for colours of @space. */
static const Babl *
make_palette (gint32 image, const Babl *format, const Babl *space)
{
  const Babl *opaque;
  const Babl *alpha;
  int n_colors;
  g_autofree guchar *colors = gimp_image_get_colormap (image, &n_colors);

  babl_new_palette_with_space (NULL, space, &opaque, &alpha);
  babl_palette_set_palette (opaque, babl_format_with_space ("R'G'B' u8", space), colors, n_colors);
  return babl_format_has_alpha (format) ? alpha : opaque;
}

GeglBuffer *
vgp_gimp2_open_buffer (gint32 image, gint32 drawable)
{
  GeglBuffer *buffer = gimp_drawable_get_buffer (drawable);
  const Babl *format = gegl_buffer_get_format (buffer);
  GimpColorProfile *profile = gimp_image_get_color_profile (image);
  const Babl *space = NULL;

  if (profile != NULL)
    {
      const GimpColorRenderingIntent intent = GIMP_COLOR_RENDERING_INTENT_RELATIVE_COLORIMETRIC;

      space = gimp_color_profile_get_space (profile, intent, NULL);
      g_object_unref (profile);
    }
  if (space != NULL)
    gegl_buffer_set_format (buffer, babl_format_is_palette (format)
                                        ? make_palette (image, format, space)
                                        : babl_format_with_space (babl_get_name (format), space));
  return buffer;
}
