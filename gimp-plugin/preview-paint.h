/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* Pictures for the preview, as GIMP will show what is added to the image. */
#include "settings.h"

#include <gdk-pixbuf/gdk-pixbuf.h>

/* @image brought into @edge × @edge pixels, on a chequered ground where it is transparent: RGB. */
GdkPixbuf *vgp_paint_photo (const VtrImage *image, guint edge);

/* @map over @photo in the style, colours, opacity and blend mode of the settings. */
GdkPixbuf *vgp_paint_map (const GdkPixbuf *photo,
                          const VtrMap *map,
                          const VtrInput *input,
                          VgpSettings *settings,
                          GError **error);

/* @photo reddened where @mask [height][width], of the original's pixels, is 0. */
GdkPixbuf *vgp_paint_mask (const GdkPixbuf *photo, const float *mask, guint width, guint height);
