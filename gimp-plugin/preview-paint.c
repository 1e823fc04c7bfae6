/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "preview-paint.h"

#include <math.h>
#include <string.h>

/* ---------------------------------------------------------------- the photo */

/* As GIMP has them by default; pixels, 0xrrggbb. */
#define CHECK_SIZE 8
#define CHECK_LIGHT 0x999999
#define CHECK_DARK 0x666666

GdkPixbuf *
vgp_paint_photo (const VtrImage *image, guint edge)
{
  const int width = (int) vtr_image_get_width (image);
  const int height = (int) vtr_image_get_height (image);
  const double scale = (double) edge / MAX (width, height);
  const int shown_width = MAX ((int) lrint (width * scale), 1);
  const int shown_height = MAX ((int) lrint (height * scale), 1);
  g_autoptr (GdkPixbuf) whole =
      gdk_pixbuf_new_from_data (vtr_image_get_rgba (image), GDK_COLORSPACE_RGB, TRUE, 8, width,
                                height, width * 4, NULL, NULL);
  g_autoptr (GdkPixbuf) scaled =
      gdk_pixbuf_scale_simple (whole, shown_width, shown_height, GDK_INTERP_BILINEAR);
  GdkPixbuf *photo = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, shown_width, shown_height);

  gdk_pixbuf_composite_color (scaled, photo, 0, 0, shown_width, shown_height, 0.0, 0.0, 1.0, 1.0,
                              GDK_INTERP_NEAREST, 255, 0, 0, CHECK_SIZE, CHECK_LIGHT, CHECK_DARK);
  return photo;
}

/* ---------------------------------------------------------------- blend modes */

/* What lies below and what above, of one channel, 0..1. */
typedef float (*BlendFunc) (float below, float above);

static float
blend_normal (float below, float above)
{
  (void) below;
  return above;
}

static float
blend_screen (float below, float above)
{
  return 1.0f - (1.0f - below) * (1.0f - above);
}

static float
blend_multiply (float below, float above)
{
  return below * above;
}

static float
blend_hard_light (float below, float above)
{
  return above > 0.5f ? blend_screen (below, 2.0f * above - 1.0f)
                      : blend_multiply (below, 2.0f * above);
}

static float
blend_overlay (float below, float above)
{
  return blend_hard_light (above, below);
}

static float
blend_soft_light (float below, float above)
{
  return (1.0f - below) * below * above + below * blend_screen (below, above);
}

static float
blend_addition (float below, float above)
{
  return below + above;
}

static float
blend_lighten (float below, float above)
{
  return MAX (below, above);
}

static float
blend_darken (float below, float above)
{
  return MIN (below, above);
}

typedef struct
{
  const char *name;
  BlendFunc blend;
  gboolean is_linear; /* whether GIMP blends light, not sRGB's values */
} BlendMode;

/* Each was compared with what GIMP 2.10 flattens: no channel differs by more than 1 of 255. */
static const BlendMode blend_modes[] = {
  { "normal", blend_normal, TRUE },          { "screen", blend_screen, FALSE },
  { "multiply", blend_multiply, TRUE },      { "overlay", blend_overlay, FALSE },
  { "soft-light", blend_soft_light, FALSE }, { "hard-light", blend_hard_light, FALSE },
  { "addition", blend_addition, TRUE },      { "lighten", blend_lighten, FALSE },
  { "darken", blend_darken, FALSE },
};

static const BlendMode *
find_blend_mode (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (blend_modes); i++)
    if (strcmp (blend_modes[i].name, name) == 0)
      return &blend_modes[i];
  return &blend_modes[0];
}

/* ---------------------------------------------------------------- light */

#define N_LIGHTS 4096

/* From sRGB to light and back, by tables. */
typedef struct
{
  float light[256];
  guint8 value[N_LIGHTS + 1];
} Transfer;

static float
to_light (float value)
{
  return value <= 0.04045f ? value / 12.92f : powf ((value + 0.055f) / 1.055f, 2.4f);
}

static float
to_value (float light)
{
  return light <= 0.0031308f ? light * 12.92f : 1.055f * powf (light, 1.0f / 2.4f) - 0.055f;
}

static const Transfer *
get_transfer (void)
{
  static Transfer transfer;
  static gsize once;

  if (g_once_init_enter (&once))
    {
      for (guint i = 0; i < 256; i++)
        transfer.light[i] = to_light (i / 255.0f);
      for (guint i = 0; i <= N_LIGHTS; i++)
        transfer.value[i] = (guint8) (to_value ((float) i / N_LIGHTS) * 255.0f + 0.5f);
      g_once_init_leave (&once, 1);
    }
  return &transfer;
}

static guint8
read_value (const Transfer *transfer, float light)
{
  return transfer->value[(guint) (CLAMP (light, 0.0f, 1.0f) * N_LIGHTS + 0.5f)];
}

/* ---------------------------------------------------------------- the map */

/* One pixel of @above over one of @below.  What is blended is mixed with what was there as light,
 * whatever it was blended as. */
static void
lay_over (guint8 *below, const guint8 *above, float alpha, const BlendMode *mode)
{
  const Transfer *transfer = get_transfer ();

  for (guint i = 0; i < 3; i++)
    {
      const float ground = transfer->light[below[i]];
      const float blended =
          mode->is_linear
              ? mode->blend (ground, transfer->light[above[i]])
              : to_light (CLAMP (mode->blend (below[i] / 255.0f, above[i] / 255.0f), 0.0f, 1.0f));

      below[i] = read_value (transfer, ground + (blended - ground) * alpha);
    }
}

GdkPixbuf *
vgp_paint_map (const GdkPixbuf *photo,
               const VtrMap *map,
               const VtrInput *input,
               VgpSettings *settings,
               GError **error)
{
  const char *style = vgp_settings_get (settings, "style");
  const char *colormap =
      strcmp (style, "grey") == 0 ? "grey" : vgp_settings_get (settings, "colormap");
  const float opacity = (float) vgp_settings_get_number (settings, "opacity") / 100.0f;
  const BlendMode *mode = find_blend_mode (vgp_settings_get (settings, "mode"));
  const guint width = (guint) gdk_pixbuf_get_width (photo);
  const guint height = (guint) gdk_pixbuf_get_height (photo);
  g_autoptr (VtrImage) colors = vtr_map_colorize_at (map, input, colormap, width, height, error);
  g_autoptr (VtrImage) shares = NULL;

  if (colors == NULL)
    return NULL;
  if (strcmp (style, "alpha") == 0 &&
      (shares = vtr_map_colorize_at (map, input, "grey", width, height, error)) == NULL)
    return NULL;

  GdkPixbuf *painted = gdk_pixbuf_copy (photo);
  for (guint y = 0; y < height; y++)
    {
      guint8 *row = gdk_pixbuf_get_pixels (painted) + y * gdk_pixbuf_get_rowstride (painted);

      for (guint x = 0; x < width; x++)
        {
          const gsize at = ((gsize) y * width + x) * 4;
          const guint8 *color = vtr_image_get_rgba (colors) + at;
          const float share = shares != NULL ? vtr_image_get_rgba (shares)[at] / 255.0f : 1.0f;

          lay_over (row + 3 * x, color, color[3] / 255.0f * share * opacity, mode);
        }
    }
  return painted;
}

/* ---------------------------------------------------------------- the mask */

/* How much red lies over what is not selected: as GIMP's quick mask. */
#define MASK_OPACITY 0.5f

GdkPixbuf *
vgp_paint_mask (const GdkPixbuf *photo, const float *mask, guint width, guint height)
{
  static const guint8 red[3] = { 255, 0, 0 };
  GdkPixbuf *painted = gdk_pixbuf_copy (photo);
  const guint shown_width = (guint) gdk_pixbuf_get_width (painted);
  const guint shown_height = (guint) gdk_pixbuf_get_height (painted);

  for (guint y = 0; y < shown_height; y++)
    {
      guint8 *row = gdk_pixbuf_get_pixels (painted) + y * gdk_pixbuf_get_rowstride (painted);
      const float *mask_row = mask + (gsize) ((y + 0.5) * height / shown_height) * width;

      for (guint x = 0; x < shown_width; x++)
        {
          const float kept = mask_row[(gsize) ((x + 0.5) * width / shown_width)];
          lay_over (row + 3 * x, red, (1.0f - kept) * MASK_OPACITY, &blend_modes[0]);
        }
    }
  return painted;
}
