/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * preprocess: a picture as a model was trained to see it.
 *
 *   resize.c     Pillow's resampling of 8-bit RGB, bit for bit
 *   geometry.c   which resize and crop; patches ↔ pixels of the picture
 *   input.c      VtrInput: resize, crop, normalise
 *   arrange.c    the same with its pixels in other places
 */
#include "io/io.h"
#include "model/model.h"

/* How a picture gets to the model: resized to resized_*, then cut at (left, top) to width × height.
 */
typedef struct
{
  guint image_width; /* pixels of the upright picture */
  guint image_height;
  guint resized_width;
  guint resized_height;
  int left; /* of the cut, in resized pixels; negative: padding */
  int top;
  guint width; /* what the model reads */
  guint height;
  guint patch_size;
  guint n_rows; /* whole patches in height and width */
  guint n_columns;
} VtrGeometry;

gboolean vtr_geometry_init (VtrGeometry *self,
                            const VtrArch *arch,
                            guint image_width,
                            guint image_height,
                            VtrFit fit,
                            guint size,
                            GError **error);

/* The rectangle of @n_rows × @n_columns patches from (@row, @column), in pixels of the picture. */
void vtr_geometry_get_rect (const VtrGeometry *self,
                            guint row,
                            guint column,
                            guint n_rows,
                            guint n_columns,
                            VtrRect *rect);

/* Which patch covers a point of the picture; FALSE if none does. */
gboolean
vtr_geometry_find_patch (const VtrGeometry *self, double x, double y, guint *row, guint *column);

/* vtr_input_new () for a model that need not exist: @model may be NULL. */
VtrInput *vtr_input_new_for_arch (const VtrArch *arch,
                                  VtrModel *model,
                                  VtrImage *image,
                                  VtrFit fit,
                                  guint size,
                                  GError **error);

const VtrGeometry *vtr_input_get_geometry (const VtrInput *self);

/* The size asked for; 0: the training size. */
guint vtr_input_get_size (const VtrInput *self);

/* The model it was prepared for, or NULL. */
VtrModel *vtr_input_get_model (const VtrInput *self);

/* ---- arrange.c: what a fault in a checkpoint or a pipeline may have done ---- */

typedef enum
{
  VTR_ARRANGE_AS_IS = 0,
  VTR_ARRANGE_CHANNELS = 1 << 0,      /* red and blue exchanged */
  VTR_ARRANGE_BLOCKS = 1 << 1,        /* rows and columns of patches exchanged */
  VTR_ARRANGE_WITHIN_BLOCKS = 1 << 2, /* rows and columns of pixels in each patch exchanged */
} VtrArrangement;

/* NULL where patches change places and their grid is no square. */
VtrInput *vtr_input_arrange (VtrInput *self, VtrArrangement arrangement);

/* A part of a resized picture, in its pixels. */
typedef struct
{
  guint x;
  guint y;
  guint width;
  guint height;
} VtrWindow;

/* rgba [height][width][4], alpha ignored, resized to new_width × new_height, of that @window (NULL:
 * all of it) → [window->height][window->width][3]; g_free () it. */
guint8 *vtr_resize_rgb (const guint8 *rgba,
                        guint width,
                        guint height,
                        guint new_width,
                        guint new_height,
                        VtrFilter filter,
                        const VtrWindow *window,
                        GError **error);
