/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "render/render.h"

#include <string.h>

static void
mix (guint8 *pixel, guint32 color, float share)
{
  for (guint i = 0; i < 3; i++)
    {
      const float to = (color >> (16 - 8 * i)) & 0xff;
      pixel[i] = (guint8) (pixel[i] + (to - pixel[i]) * share + 0.5f);
    }
}

static guint8 *
get_pixel (const VtrCanvas *self, int x, int y)
{
  if (x < 0 || y < 0 || x >= (int) self->width || y >= (int) self->height)
    return NULL;
  return self->rgba + ((gsize) y * self->width + (gsize) x) * 4;
}

gboolean
vtr_canvas_init (VtrCanvas *self, guint width, guint height, guint32 color, GError **error)
{
  gsize size;

  self->width = width;
  self->height = height;
  self->rgba = NULL;
  if (vtr_size_of_shape ((guint64[]){ height, width }, 2, 4, &size))
    self->rgba = g_try_malloc (size);
  if (self->rgba == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
                   "There is not enough memory for a sheet of %u × %u pixels.", width, height);
      return FALSE;
    }
  memset (self->rgba, 255, size);
  vtr_canvas_fill (self, 0, 0, (int) width, (int) height, color);
  return TRUE;
}

void
vtr_canvas_clear (VtrCanvas *self)
{
  g_clear_pointer (&self->rgba, g_free);
}

void
vtr_canvas_mix (VtrCanvas *self, int x, int y, guint32 color, float share)
{
  guint8 *pixel = get_pixel (self, x, y);

  if (pixel != NULL)
    mix (pixel, color, share);
}

void
vtr_canvas_fill (VtrCanvas *self, int x, int y, int width, int height, guint32 color)
{
  for (int row = y; row < y + height; row++)
    for (int column = x; column < x + width; column++)
      {
        guint8 *pixel = get_pixel (self, column, row);
        if (pixel != NULL)
          mix (pixel, color, 1.0f);
      }
}

void
vtr_canvas_outline (VtrCanvas *self, int x, int y, int width, int height, guint32 color)
{
  vtr_canvas_fill (self, x, y, width, 1, color);
  vtr_canvas_fill (self, x, y + height - 1, width, 1, color);
  vtr_canvas_fill (self, x, y, 1, height, color);
  vtr_canvas_fill (self, x + width - 1, y, 1, height, color);
}

void
vtr_canvas_draw_image (VtrCanvas *self, int x, int y, const VtrImage *image)
{
  const guint8 *in = vtr_image_get_rgba (image);
  const int width = (int) vtr_image_get_width (image);
  const int height = (int) vtr_image_get_height (image);

  for (int row = 0; row < height; row++)
    for (int column = 0; column < width; column++, in += 4)
      {
        guint8 *pixel = get_pixel (self, x + column, y + row);
        const guint32 color = (guint32) in[0] << 16 | (guint32) in[1] << 8 | in[2];
        if (pixel != NULL)
          mix (pixel, color, in[3] / 255.0f);
      }
}

int
vtr_text_width (const char *text, guint scale)
{
  const glong n_characters = g_utf8_strlen (text, -1);

  return (int) n_characters * VTR_GLYPH_ADVANCE * (int) scale -
         (n_characters > 0 ? (int) scale : 0);
}

/* Where coverage crosses one half is the edge; it is one pixel wide. */
static void
draw_glyph (VtrCanvas *self, int x, int y, guint scale, guint32 color, gunichar character)
{
  const int width = VTR_GLYPH_WIDTH * (int) scale;
  const int height = VTR_GLYPH_HEIGHT * (int) scale;

  for (int row = 0; row < height; row++)
    for (int column = 0; column < width; column++)
      {
        const float coverage =
            vtr_glyph_get_coverage (character, (column + 0.5f) / scale, (row + 0.5f) / scale);
        const float share = CLAMP ((coverage - 0.5f) * scale * 0.75f + 0.6f, 0.0f, 1.0f);
        guint8 *pixel = get_pixel (self, x + column, y + row);
        if (pixel != NULL)
          mix (pixel, color, share);
      }
}

void
vtr_canvas_draw_text (VtrCanvas *self, int x, int y, guint scale, guint32 color, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  for (const char *c = valid; *c != '\0'; c = g_utf8_next_char (c))
    {
      draw_glyph (self, x, y, scale, color, g_utf8_get_char (c));
      x += VTR_GLYPH_ADVANCE * (int) scale;
    }
}

void
vtr_canvas_draw_text_within (VtrCanvas *self,
                             int x,
                             int y,
                             int width,
                             guint scale,
                             guint32 color,
                             const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  const glong n_fitting = MAX (width, 0) / (VTR_GLYPH_ADVANCE * (int) scale);

  if (g_utf8_strlen (valid, -1) > n_fitting)
    {
      g_autofree char *start = g_utf8_substring (valid, 0, MAX (n_fitting - 2, 0));
      g_autofree char *cut = g_strconcat (start, "..", NULL);
      vtr_canvas_draw_text (self, x, y, scale, color, cut);
    }
  else
    vtr_canvas_draw_text (self, x, y, scale, color, valid);
}
