/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "io/io.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <string.h>

static GBytes *
encode_png (const VtrImage *image, G_GNUC_UNUSED guint quality, GError **error)
{
  return vtr_png_encode_rgba (vtr_image_get_rgba (image), vtr_image_get_width (image),
                              vtr_image_get_height (image), NULL, 0, error);
}

/* JPEG has no transparency: what is transparent shows the colour it has. */
static GBytes *
encode_jpeg (const VtrImage *image, guint quality, GError **error)
{
  const guint width = vtr_image_get_width (image), height = vtr_image_get_height (image);
  g_autofree char *number = g_strdup_printf ("%u", quality);
  g_autoptr (GdkPixbuf) pixbuf =
      gdk_pixbuf_new_from_data (vtr_image_get_rgba (image), GDK_COLORSPACE_RGB, TRUE, 8,
                                (int) width, (int) height, (int) width * 4, NULL, NULL);
  g_autoptr (GError) problem = NULL;
  char *data;
  gsize size;

  if (gdk_pixbuf_save_to_buffer (pixbuf, &data, &size, "jpeg", &problem, "quality", number, NULL))
    return g_bytes_new_take (data, size);
  g_set_error (error, VTR_ERROR, VTR_ERROR_FAILED,
               "A JPEG of %u × %u pixels cannot be made (%s); write PNG instead.", width, height,
               problem->message);
  return NULL;
}

static const struct
{
  const char *ending;
  GBytes *(*encode) (const VtrImage *image, guint quality, GError **error);
} formats[] = {
  { ".png", encode_png },
  { ".jpg", encode_jpeg },
  { ".jpeg", encode_jpeg },
};

gboolean
vtr_image_save (const VtrImage *self, const char *path, guint quality, GError **error)
{
  g_return_val_if_fail (self != NULL && path != NULL, FALSE);
  g_return_val_if_fail (quality <= 100, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  g_autofree char *lower = g_ascii_strdown (path, -1);

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    if (g_str_has_suffix (lower, formats[i].ending))
      {
        g_autoptr (GBytes) bytes = formats[i].encode (self, quality, error);

        return bytes != NULL && vtr_write_atomically (path, bytes, error);
      }
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "The file %s cannot be written: its name has to end with .png or .jpg.", path);
  return FALSE;
}
