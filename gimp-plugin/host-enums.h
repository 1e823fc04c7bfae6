/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* Choices of fields as GIMP's enumerations, which are of the same names in both GIMPs; for the
 * hosts alone. */
#include <libgimp/gimp.h>
#include <string.h>

static const struct
{
  const char *name;
  GimpLayerMode mode;
} vgp_modes[] = {
  { "normal", GIMP_LAYER_MODE_NORMAL },        { "screen", GIMP_LAYER_MODE_SCREEN },
  { "multiply", GIMP_LAYER_MODE_MULTIPLY },    { "overlay", GIMP_LAYER_MODE_OVERLAY },
  { "soft-light", GIMP_LAYER_MODE_SOFTLIGHT }, { "hard-light", GIMP_LAYER_MODE_HARDLIGHT },
  { "addition", GIMP_LAYER_MODE_ADDITION },    { "lighten", GIMP_LAYER_MODE_LIGHTEN_ONLY },
  { "darken", GIMP_LAYER_MODE_DARKEN_ONLY },
};

static inline GimpLayerMode
vgp_find_mode (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (vgp_modes); i++)
    if (strcmp (vgp_modes[i].name, name) == 0)
      return vgp_modes[i].mode;
  return GIMP_LAYER_MODE_NORMAL;
}

static inline GimpChannelOps
vgp_find_operation (const char *name)
{
  if (strcmp (name, "add") == 0)
    return GIMP_CHANNEL_OP_ADD;
  if (strcmp (name, "subtract") == 0)
    return GIMP_CHANNEL_OP_SUBTRACT;
  return strcmp (name, "intersect") == 0 ? GIMP_CHANNEL_OP_INTERSECT : GIMP_CHANNEL_OP_REPLACE;
}
