/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "io/io.h"

#include <string.h>

struct _VtrImage
{
  gatomicrefcount ref_count;
  guint width;
  guint height;
  guint8 *rgba; /* [height][width][4] */
  guint orientation;
  char *path;
};

VTR_DEFINE_BOXED_TYPE (VtrImage, vtr_image)

VtrImage *
vtr_image_take (guint width, guint height, guint8 *rgba, guint orientation, const char *path)
{
  VtrImage *self = g_new0 (VtrImage, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->width = width;
  self->height = height;
  self->rgba = rgba;
  self->orientation = orientation;
  self->path = g_strdup (path);
  return self;
}

VtrImage *
vtr_image_new (guint width, guint height, const guint8 *rgba, gsize stride)
{
  gsize row_size;
  gsize size;

  g_return_val_if_fail (width > 0 && height > 0 && rgba != NULL, NULL);
  g_return_val_if_fail (vtr_size_mul (width, 4, &row_size), NULL);
  g_return_val_if_fail (vtr_size_mul (row_size, height, &size), NULL);
  g_return_val_if_fail (stride >= row_size, NULL);

  guint8 *copy = g_malloc (size);
  for (guint y = 0; y < height; y++)
    memcpy (copy + y * row_size, rgba + y * stride, row_size);
  return vtr_image_take (width, height, copy, 1, NULL);
}

VtrImage *
vtr_image_ref (VtrImage *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
vtr_image_unref (VtrImage *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_free (self->rgba);
  g_free (self->path);
  g_free (self);
}

guint
vtr_image_get_width (const VtrImage *self)
{
  return self->width;
}

guint
vtr_image_get_height (const VtrImage *self)
{
  return self->height;
}

const guint8 *
vtr_image_get_rgba (const VtrImage *self)
{
  return self->rgba;
}

guint
vtr_image_get_orientation (const VtrImage *self)
{
  return self->orientation;
}

const char *
vtr_image_get_path (const VtrImage *self)
{
  return self->path;
}
