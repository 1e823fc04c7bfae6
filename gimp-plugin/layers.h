/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* VgpLayers: what an explanation looks like as a group of layers. */
#include "picture.h"
#include "settings.h"

typedef enum
{
  VGP_PIXELS_RGBA, /* u8 [height][width][4], sRGB, not premultiplied */
  VGP_PIXELS_GREY, /* float [height][width][2]: Y' in 0..1, alpha */
} VgpPixels;

typedef struct
{
  char *name;     /* "L11 H3" */
  char *parasite; /* JSON: the map's layer and head */
  VtrMap *map;
} VgpLayer;

typedef struct
{
  char *name; /* of the group */
  VtrExplanation *explanation;
  VgpRect rect; /* of every layer */
  VgpPixels pixels;
  char *colormap;
  gboolean alpha_of_map;
  double opacity; /* 0..1 */
  char *mode;     /* a choice of the field “mode” */
  guint n_layers;
  VgpLayer *layers; /* from the top */
} VgpLayers;

VgpLayers *
vgp_layers_new (VtrExplanation *explanation, const VgpPicture *picture, VgpSettings *settings);
void vgp_layers_free (VgpLayers *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VgpLayers, vgp_layers_free)

/* The pixels of layer @index, as self->pixels says; made when they are asked for, since all
 * together may be large.  Transfer full. */
void *vgp_layers_render (const VgpLayers *self, guint index, GError **error);
