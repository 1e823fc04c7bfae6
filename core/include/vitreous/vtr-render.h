/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-types.h>

G_BEGIN_DECLS

/* The names of the colormaps, the default first; NULL-terminated, static. */
VTR_AVAILABLE_IN_0_1
const char *const *vtr_colormap_list (void);

/**
 * vtr_map_upsample:
 * @self: a map
 * @input: the prepared picture it is of
 * @values: (out): [height][width] of the picture, caller-allocated
 *
 * Brings a map to the pixels of the picture: bilinear between the centres of
 * the patches.  Pixels that no patch covers (cropped away) become NaN.
 */
VTR_AVAILABLE_IN_0_1
void vtr_map_upsample (const VtrMap *self, const VtrInput *input, float *values);

/**
 * vtr_map_colorize:
 * @self: a map
 * @input: the prepared picture it is of
 * @colormap: a name from vtr_colormap_list()
 * @error: return location
 *
 * The map alone in colours, its least value at the start and its greatest at
 * the end of the colormap; transparent where no patch covers the picture.
 *
 * Returns: (transfer full): a picture of the size of the original
 */
VTR_AVAILABLE_IN_0_1
VtrImage *
vtr_map_colorize (const VtrMap *self, const VtrInput *input, const char *colormap, GError **error);

/**
 * vtr_map_colorize_at:
 * @width: pixels, 1 or more
 * @height: pixels, 1 or more
 *
 * As vtr_map_colorize(), for a canvas of another size that shows the whole picture.
 *
 * Returns: (transfer full): a picture of @width × @height
 */
VTR_AVAILABLE_IN_0_1
VtrImage *vtr_map_colorize_at (const VtrMap *self,
                               const VtrInput *input,
                               const char *colormap,
                               guint width,
                               guint height,
                               GError **error);

/**
 * vtr_map_overlay:
 * @opacity: of the map over the picture, 0..1
 *
 * The map laid over the picture.
 *
 * Returns: (transfer full): a picture of the size of the original
 */
VTR_AVAILABLE_IN_0_1
VtrImage *vtr_map_overlay (const VtrMap *self,
                           const VtrInput *input,
                           const char *colormap,
                           double opacity,
                           GError **error);

G_END_DECLS
