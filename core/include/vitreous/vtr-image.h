/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-types.h>

G_BEGIN_DECLS

#define VTR_TYPE_IMAGE (vtr_image_get_type ())

/**
 * VtrImage:
 *
 * A picture as a person sees it: 8-bit RGBA, not premultiplied, upright
 * (the EXIF orientation of the file is already applied).
 */
VTR_AVAILABLE_IN_0_1
GType vtr_image_get_type (void);

/**
 * vtr_image_load:
 * @path: a file gdk-pixbuf can read (PNG, JPEG, TIFF, WebP, ...)
 * @error: return location
 *
 * Reads a picture.  Fails with %VTR_ERROR_IO if the file cannot be read, with
 * %VTR_ERROR_CORRUPT if it is empty, broken or no picture, and with
 * %VTR_ERROR_UNSUPPORTED if it has more than 2^28 pixels.
 *
 * Returns: (transfer full): the picture
 */
VTR_AVAILABLE_IN_0_1
VtrImage *vtr_image_load (const char *path, GError **error);

/**
 * vtr_image_new:
 * @width: pixels, 1 or more
 * @height: pixels, 1 or more
 * @rgba: [height][stride], of each row the first 4 * @width bytes are used; copied
 * @stride: bytes from one row to the next, at least 4 * @width
 *
 * Returns: (transfer full): a picture of its own
 */
VTR_AVAILABLE_IN_0_1
VtrImage *vtr_image_new (guint width, guint height, const guint8 *rgba, gsize stride);

/**
 * vtr_image_save:
 * @self: a picture
 * @path: a file whose name ends with .png, .jpg or .jpeg
 * @quality: of JPEG, 0..100
 * @error: return location
 *
 * Writes a picture under a temporary name first; JPEG without transparency.
 *
 * Returns: whether it was written
 */
VTR_AVAILABLE_IN_0_1
gboolean vtr_image_save (const VtrImage *self, const char *path, guint quality, GError **error);

VTR_AVAILABLE_IN_0_1
VtrImage *vtr_image_ref (VtrImage *self);
VTR_AVAILABLE_IN_0_1
void vtr_image_unref (VtrImage *self);

/* Width and height in pixels, of the upright picture. */
VTR_AVAILABLE_IN_0_1
guint vtr_image_get_width (const VtrImage *self);
VTR_AVAILABLE_IN_0_1
guint vtr_image_get_height (const VtrImage *self);

/* The pixels, [height][width][4], rows packed without padding; owned by @self. */
VTR_AVAILABLE_IN_0_1
const guint8 *vtr_image_get_rgba (const VtrImage *self);

/* The EXIF orientation the file had, 1..8; 1 where it had none. */
VTR_AVAILABLE_IN_0_1
guint vtr_image_get_orientation (const VtrImage *self);

/* The path the picture was loaded from, or NULL; owned by @self. */
VTR_AVAILABLE_IN_0_1
const char *vtr_image_get_path (const VtrImage *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrImage, vtr_image_unref)

G_END_DECLS
