/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "render/render.h"

#include <math.h>

#define N_ANCHORS 17

/* Colours at equal steps, sRGB; between them they run straight. */
typedef struct
{
  const char *name;
  guint n_anchors;
  guint32 anchors[N_ANCHORS]; /* 0xrrggbb */
} Colormap;

/*
 * inferno, magma, plasma and viridis are even to the eye and grow lighter all the way; turbo
 * tells more values apart, jet is what old figures have.
 */
static const Colormap colormaps[] = {
  { "inferno",
    17,
    { 0x000004, 0x0b0724, 0x210c4a, 0x3d0965, 0x57106e, 0x71196e, 0x8a226a, 0xa32c61, 0xbc3754,
      0xd24644, 0xe45a31, 0xf1731d, 0xf98e09, 0xfcac11, 0xf9cb35, 0xf2ea69, 0xfcffa4 } },
  { "viridis",
    17,
    { 0x440154, 0x48186a, 0x472d7b, 0x424086, 0x3b528b, 0x33638d, 0x2c728e, 0x26828e, 0x21918c,
      0x1fa088, 0x28ae80, 0x3fbc73, 0x5ec962, 0x84d44b, 0xaddc30, 0xd8e219, 0xfde725 } },
  { "magma",
    17,
    { 0x000004, 0x0a0822, 0x1d1147, 0x36106b, 0x51127c, 0x6a1c81, 0x832681, 0x9c2e7f, 0xb73779,
      0xd0416f, 0xe75263, 0xf56b5c, 0xfc8961, 0xfea772, 0xfec488, 0xfde2a3, 0xfcfdbf } },
  { "plasma",
    17,
    { 0x0d0887, 0x310597, 0x4c02a1, 0x6600a7, 0x7e03a8, 0x9511a1, 0xaa2395, 0xbc3587, 0xcc4778,
      0xda5a6a, 0xe66c5c, 0xf0804e, 0xf89540, 0xfdac33, 0xfdc527, 0xf8df25, 0xf0f921 } },
  { "turbo",
    17,
    { 0x30123b, 0x4040a2, 0x466be3, 0x4294ff, 0x28bceb, 0x18ddc2, 0x32f298, 0x6dfe62, 0xa4fc3c,
      0xcdec34, 0xeecf3a, 0xfdac34, 0xfb7e21, 0xeb500e, 0xd02f05, 0xa91601, 0x7a0403 } },
  { "jet",
    9,
    { 0x000080, 0x0000ff, 0x0080ff, 0x00ffff, 0x80ff80, 0xffff00, 0xff8000, 0xff0000, 0x800000 } },
  { "grey", 2, { 0x000000, 0xffffff } },
};

const char *const *
vtr_colormap_list (void)
{
  static const char *names[G_N_ELEMENTS (colormaps) + 1];
  static gsize once;

  if (g_once_init_enter (&once))
    {
      for (guint i = 0; i < G_N_ELEMENTS (colormaps); i++)
        names[i] = colormaps[i].name;
      g_once_init_leave (&once, 1);
    }
  return names;
}

static const Colormap *
find_colormap (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (colormaps); i++)
    if (g_strcmp0 (colormaps[i].name, name) == 0)
      return &colormaps[i];
  return NULL;
}

gboolean
vtr_colormap_fill (const char *name, guint8 colors[VTR_N_COLORS][3], GError **error)
{
  const Colormap *map = name != NULL ? find_colormap (name) : &colormaps[0];

  if (map == NULL)
    {
      g_autofree char *names = g_strjoinv (", ", (char **) vtr_colormap_list ());
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "There is no colormap '%s'; choose one of %s.", name, names);
      return FALSE;
    }
  for (guint i = 0; i < VTR_N_COLORS; i++)
    {
      const double at = (double) i * (map->n_anchors - 1) / (VTR_N_COLORS - 1);
      const guint left = MIN ((guint) at, map->n_anchors - 2);
      for (guint channel = 0; channel < 3; channel++)
        {
          const guint shift = 16 - 8 * channel;
          const double from = (map->anchors[left] >> shift) & 0xff;
          const double to = (map->anchors[left + 1] >> shift) & 0xff;
          colors[i][channel] = (guint8) lrint (from + (to - from) * (at - left));
        }
    }
  return TRUE;
}
