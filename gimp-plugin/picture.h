/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* What is explained: pixels of a drawable, where they lie on the canvas, and what of them is
 * selected. */
#include <vitreous/vitreous.h>

/* Pixels of the canvas. */
typedef struct
{
  int x;
  int y;
  guint width;
  guint height;
} VgpRect;

/* FALSE, and @out untouched, where they have nothing in common.  @out may be @a or @b. */
gboolean vgp_rect_intersect (const VgpRect *a, const VgpRect *b, VgpRect *out);

typedef struct
{
  VtrImage *image; /* sRGB, of @rect */
  VgpRect rect;
  float *selection; /* [height][width], 0..1; NULL where nothing is selected */
} VgpPicture;

/* Takes @image and @selection. */
VgpPicture *vgp_picture_new (VtrImage *image, const VgpRect *rect, float *selection);
void vgp_picture_free (VgpPicture *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VgpPicture, vgp_picture_free)

/* "X,Y" or "X,Y;X,Y;…" in pixels of the canvas as the same places of the picture; any other text as
 * it is.  Transfer full. */
char *vgp_picture_move_places (const VgpPicture *self, const char *text);

/* The text of the parameter “query” for what the settings say: "middle" is the patch under the
 * middle of the selection, "selection" the mean of the patches that are selected by half or more,
 * or else of the one selected most; places are moved; anything else stays as it is.  Fails where
 * nothing is selected for one of them.  Transfer full. */
char *vgp_picture_make_query (const VgpPicture *self,
                              const char *text,
                              const VtrInput *input,
                              GError **error);
