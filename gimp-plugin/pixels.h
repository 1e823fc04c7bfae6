/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* Between GEGL's buffers, which both GIMPs have, and ours.  babl converts: the buffers' formats
 * have the image's profile as their space, whatever their type and precision. */
#include "layers.h"

#include <gegl.h>

/* @rect is in pixels of the buffer here and below. */
VtrImage *vgp_pixels_read (GeglBuffer *buffer, const VgpRect *rect, GError **error);

/* Of a mask, [height][width], 0..1; 0 beyond the buffer. */
float *vgp_pixels_read_mask (GeglBuffer *buffer, const VgpRect *rect, GError **error);

/* A whole mask; what of @values lies beyond the buffer is left out. */
void vgp_pixels_write_mask (GeglBuffer *buffer, const VgpRect *rect, const float *values);

/* All pixels of layer @index. */
gboolean
vgp_pixels_write_layer (GeglBuffer *buffer, const VgpLayers *layers, guint index, GError **error);
