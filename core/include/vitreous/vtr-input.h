/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-types.h>

G_BEGIN_DECLS

#define VTR_TYPE_INPUT (vtr_input_get_type ())

/**
 * VtrFit:
 * @VTR_FIT_COVER: the training scale without the crop: the whole picture, a rectangular grid
 * @VTR_FIT_TRAIN: exactly the checkpoint's own resize and crop
 * @VTR_FIT_STRETCH: the whole picture squashed to the checkpoint's input size
 *
 * How a picture is brought to the model's scale.
 */
typedef enum
{
  VTR_FIT_COVER,
  VTR_FIT_TRAIN,
  VTR_FIT_STRETCH,
} VtrFit;

/* "cover", "train", "stretch" */
VTR_AVAILABLE_IN_0_1
const char *vtr_fit_get_name (VtrFit fit);

/* The fit of that name; fails with %VTR_ERROR_USAGE where there is none. */
VTR_AVAILABLE_IN_0_1
gboolean vtr_fit_parse (const char *text, VtrFit *fit, GError **error);

/**
 * VtrRect:
 *
 * A rectangle in pixels of the upright picture; edges may fall between pixels.
 */
typedef struct
{
  double x;
  double y;
  double width;
  double height;
} VtrRect;

/**
 * VtrInput:
 *
 * A picture prepared for one model: pixels resized and normalised, and the
 * geometry that leads from patches back to the picture.
 */
VTR_AVAILABLE_IN_0_1
GType vtr_input_get_type (void);

/**
 * vtr_input_new:
 * @model: the model to prepare for
 * @image: the picture
 * @fit: how to bring it to scale
 * @size: 0 for the training size, else pixels: the short edge (cover, train
 *   before its crop is scaled alike) or both edges (stretch)
 * @error: return location
 *
 * Resizes with Pillow's filters, 8-bit steps included, so that %VTR_FIT_TRAIN
 * gives the very pixels the Python preprocessors give.  Thread-safe.
 *
 * Returns: (transfer full): the prepared picture
 */
VTR_AVAILABLE_IN_0_1
VtrInput *vtr_input_new (VtrModel *model, VtrImage *image, VtrFit fit, guint size, GError **error);

VTR_AVAILABLE_IN_0_1
VtrInput *vtr_input_ref (VtrInput *self);
VTR_AVAILABLE_IN_0_1
void vtr_input_unref (VtrInput *self);

/* The picture it was made from; owned by @self. */
VTR_AVAILABLE_IN_0_1
VtrImage *vtr_input_get_image (const VtrInput *self);

VTR_AVAILABLE_IN_0_1
VtrFit vtr_input_get_fit (const VtrInput *self);

/* Normalised pixels, [3][height][width], as the model reads them; owned by @self.  @width and
 * @height may be NULL. */
VTR_AVAILABLE_IN_0_1
const float *vtr_input_get_pixels (const VtrInput *self, guint *width, guint *height);

/* Patches: rows from top to bottom, columns from left to right. */
VTR_AVAILABLE_IN_0_1
guint vtr_input_get_n_rows (const VtrInput *self);
VTR_AVAILABLE_IN_0_1
guint vtr_input_get_n_columns (const VtrInput *self);

/* The part of the picture the patches cover; may reach beyond it where a crop was padded. */
VTR_AVAILABLE_IN_0_1
void vtr_input_get_region (const VtrInput *self, VtrRect *region);

/* The part of the picture that one patch covers. */
VTR_AVAILABLE_IN_0_1
void vtr_input_get_patch_rect (const VtrInput *self, guint row, guint column, VtrRect *rect);

/* Which patch covers the point (@x, @y) of the picture; FALSE if none does. */
VTR_AVAILABLE_IN_0_1
gboolean
vtr_input_get_patch_at (const VtrInput *self, double x, double y, guint *row, guint *column);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrInput, vtr_input_unref)

G_END_DECLS
