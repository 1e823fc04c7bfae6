/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "preprocess/preprocess.h"

#include <math.h>

#define MAX_PATCHES 65536
#define MAX_EDGE ((double) (1 << 28)) /* pixels of a resized picture's edge */

typedef struct
{
  double width; /* whole numbers; double so that nothing overflows before it is checked */
  double height;
} Size;

/* @short_edge and the other in proportion, as transformers and torchvision truncate it. */
static Size
with_short_edge (guint width, guint height, guint short_edge)
{
  const double scaled = (double) short_edge * MAX (width, height);
  const double long_edge = floor (scaled / MIN (width, height));

  return width <= height ? (Size){ short_edge, long_edge } : (Size){ long_edge, short_edge };
}

/* timm's ResizeKeepRatio: both edges by one ratio, rounded to nearest, halves to even. */
static Size
with_ratio (guint width, guint height, double ratio)
{
  return (Size){ MAX (rint (width / ratio), 1.0), MAX (rint (height / ratio), 1.0) };
}

/* What the checkpoint's own resize makes of the picture, its sizes multiplied by @scale. */
static Size
resize_as_trained (const VtrPreprocess *how, guint width, guint height, double scale)
{
  const double target_width = MAX (rint (how->resize_width * scale), 1.0);
  const double target_height = MAX (rint (how->resize_height * scale), 1.0);
  const double ratio_x = width / target_width;
  const double ratio_y = height / target_height;

  switch (how->resize)
    {
    case VTR_RESIZE_SHORT_EDGE:
      return with_short_edge (width, height, (guint) target_height);
    case VTR_RESIZE_EXACT:
      return (Size){ target_width, target_height };
    case VTR_RESIZE_COVER:
      return with_ratio (width, height, MIN (ratio_x, ratio_y));
    case VTR_RESIZE_CONTAIN:
      return with_ratio (width, height, MAX (ratio_x, ratio_y));
    case VTR_RESIZE_NONE:
    default:
      return (Size){ width, height };
    }
}

/* Where a cut of @crop pixels out of @size begins; negative where it is padded. */
static int
crop_start (double size, double crop, VtrCropRounding rounding)
{
  const double margin = size - crop;

  if (rounding == VTR_CROP_FLOOR)
    return (int) floor (margin / 2);
  return (int) (margin < 0 ? -floor (-margin / 2) : rint (margin / 2));
}

/* The edge of a whole number of patches nearest to @size, one at least. */
static double
whole_patches (double size, guint patch_size)
{
  return MAX (floor (size / patch_size + 0.5), 1.0) * patch_size;
}

static void
fit_train (VtrGeometry *self, const VtrPreprocess *how, guint size, Size *resized, Size *cut)
{
  const guint trained = how->resize == VTR_RESIZE_SHORT_EDGE
                            ? how->resize_height
                            : MIN (how->resize_width, how->resize_height);
  double scale = 1.0;

  if (how->resize == VTR_RESIZE_NONE && size > 0)
    *resized = with_short_edge (self->image_width, self->image_height, size);
  else
    {
      scale = size > 0 ? (double) size / trained : 1.0;
      *resized = resize_as_trained (how, self->image_width, self->image_height, scale);
    }
  *cut = *resized;
  if (how->crop)
    {
      cut->width = MAX (rint (how->crop_width * scale), 1.0);
      cut->height = MAX (rint (how->crop_height * scale), 1.0);
      self->left = crop_start (MIN (resized->width, MAX_EDGE), cut->width, how->crop_rounding);
      self->top = crop_start (MIN (resized->height, MAX_EDGE), cut->height, how->crop_rounding);
    }
}

static void
fit_cover (VtrGeometry *self, const VtrPreprocess *how, guint size, Size *resized)
{
  const Size trained = resize_as_trained (how, self->image_width, self->image_height, 1.0);
  const double target = size > 0 ? size : MIN (trained.width, trained.height);
  const double short_edge = whole_patches (target, self->patch_size);
  const double aspect = (double) MAX (self->image_width, self->image_height) /
                        MIN (self->image_width, self->image_height);
  const double long_edge = whole_patches (short_edge * aspect, self->patch_size);

  *resized = self->image_width <= self->image_height ? (Size){ short_edge, long_edge }
                                                     : (Size){ long_edge, short_edge };
}

/* What the model reads in training, whole patches of it. */
static void
fit_stretch (VtrGeometry *self, const VtrArch *arch, guint size, Size *resized)
{
  const VtrPreprocess *how = &arch->preprocess;
  double width = how->resize_width;
  double height = how->resize_height;

  if (how->crop)
    {
      width = how->crop_width;
      height = how->crop_height;
    }
  else if (how->resize == VTR_RESIZE_SHORT_EDGE)
    width = how->resize_height;
  else if (how->resize == VTR_RESIZE_NONE)
    {
      width = (double) arch->grid_columns * self->patch_size;
      height = (double) arch->grid_rows * self->patch_size;
    }
  if (size > 0)
    width = height = size;
  resized->width = floor (width / self->patch_size) * self->patch_size;
  resized->height = floor (height / self->patch_size) * self->patch_size;
}

/* Takes the sizes over where they make sense. */
static gboolean
set_sizes (VtrGeometry *self, const Size *resized, const Size *cut, GError **error)
{
  const double n_columns = floor (cut->width / self->patch_size);
  const double n_rows = floor (cut->height / self->patch_size);

  if (n_columns < 1 || n_rows < 1)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "At %.0f × %.0f pixels there is no whole patch of %u pixels to look at; "
                   "use --size with a greater number.",
                   cut->width, cut->height, self->patch_size);
      return FALSE;
    }
  if (n_columns * n_rows > MAX_PATCHES)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "The picture of %u × %u pixels would be looked at as %.0f × %.0f patches, more "
                   "than %d in all; use --size with a smaller number.",
                   self->image_width, self->image_height, n_columns, n_rows, MAX_PATCHES);
      return FALSE;
    }
  if (resized->width > MAX_EDGE || resized->height > MAX_EDGE)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "The picture of %u × %u pixels is too long and thin for this model's resize; "
                   "use --fit stretch, or crop it.",
                   self->image_width, self->image_height);
      return FALSE;
    }
  self->resized_width = (guint) resized->width;
  self->resized_height = (guint) resized->height;
  self->n_columns = (guint) n_columns;
  self->n_rows = (guint) n_rows;
  self->width = self->n_columns * self->patch_size;
  self->height = self->n_rows * self->patch_size;
  return TRUE;
}

gboolean
vtr_geometry_init (VtrGeometry *self,
                   const VtrArch *arch,
                   guint image_width,
                   guint image_height,
                   VtrFit fit,
                   guint size,
                   GError **error)
{
  Size resized;
  Size cut;

  *self = (VtrGeometry){
    .image_width = image_width,
    .image_height = image_height,
    .patch_size = arch->patch_size,
  };
  switch (fit)
    {
    case VTR_FIT_TRAIN:
      fit_train (self, &arch->preprocess, size, &resized, &cut);
      return set_sizes (self, &resized, &cut, error);
    case VTR_FIT_STRETCH:
      fit_stretch (self, arch, size, &resized);
      break;
    case VTR_FIT_COVER:
    default:
      fit_cover (self, &arch->preprocess, size, &resized);
      break;
    }
  return set_sizes (self, &resized, &resized, error);
}

void
vtr_geometry_get_rect (const VtrGeometry *self,
                       guint row,
                       guint column,
                       guint n_rows,
                       guint n_columns,
                       VtrRect *rect)
{
  const double scale_x = (double) self->image_width / self->resized_width;
  const double scale_y = (double) self->image_height / self->resized_height;

  rect->x = (self->left + (double) column * self->patch_size) * scale_x;
  rect->y = (self->top + (double) row * self->patch_size) * scale_y;
  rect->width = (double) n_columns * self->patch_size * scale_x;
  rect->height = (double) n_rows * self->patch_size * scale_y;
}

gboolean
vtr_geometry_find_patch (const VtrGeometry *self, double x, double y, guint *row, guint *column)
{
  const double column_at =
      floor ((x * self->resized_width / self->image_width - self->left) / self->patch_size);
  const double row_at =
      floor ((y * self->resized_height / self->image_height - self->top) / self->patch_size);

  if (!(x >= 0 && x < self->image_width && y >= 0 && y < self->image_height))
    return FALSE;
  if (column_at < 0 || column_at >= self->n_columns || row_at < 0 || row_at >= self->n_rows)
    return FALSE;
  *row = (guint) row_at;
  *column = (guint) column_at;
  return TRUE;
}
