/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "preprocess/input-private.h"

VTR_DEFINE_BOXED_TYPE (VtrInput, vtr_input)

static const char *const fits[] = {
  [VTR_FIT_COVER] = "cover",
  [VTR_FIT_TRAIN] = "train",
  [VTR_FIT_STRETCH] = "stretch",
};

const char *
vtr_fit_get_name (VtrFit fit)
{
  g_return_val_if_fail ((guint) fit < G_N_ELEMENTS (fits), NULL);

  return fits[fit];
}

gboolean
vtr_fit_parse (const char *text, VtrFit *fit, GError **error)
{
  g_return_val_if_fail (text != NULL && fit != NULL, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (fits); i++)
    if (g_str_equal (text, fits[i]))
      {
        *fit = (VtrFit) i;
        return TRUE;
      }
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "“%s” is no way to fit a picture: it is cover, train or stretch", text);
  return FALSE;
}

/* The value of each byte of each channel, in the precision of NumPy's steps in transformers. */
static void
fill_table (float table[3][256], const VtrPreprocess *how)
{
  for (guint channel = 0; channel < 3; channel++)
    for (guint byte = 0; byte < 256; byte++)
      {
        const float scaled = (float) (byte * how->rescale);
        table[channel][byte] = (scaled - (float) how->mean[channel]) / (float) how->std[channel];
      }
}

/* Normalises rgb [window->height][window->width][3] into its place of the cut; all else is fill. */
static void
normalize (VtrInput *self, const VtrPreprocess *how, const guint8 *rgb, const VtrWindow *window)
{
  const VtrGeometry *geometry = &self->geometry;
  const gsize plane = (gsize) geometry->width * geometry->height;
  const guint x_offset = (guint) ((gint64) window->x - geometry->left);
  const guint y_offset = (guint) ((gint64) window->y - geometry->top);
  float table[3][256];

  fill_table (table, how);
  for (guint channel = 0; channel < 3; channel++)
    {
      float *out = self->pixels + channel * plane;
      for (gsize i = 0; i < plane; i++)
        out[i] = table[channel][how->fill[channel]];
      for (guint y = 0; y < window->height; y++)
        for (guint x = 0; x < window->width; x++)
          out[(gsize) (y + y_offset) * geometry->width + x + x_offset] =
              table[channel][rgb[((gsize) y * window->width + x) * 3 + channel]];
    }
}

/* The part of the resized picture that the cut shows. */
static VtrWindow
visible_window (const VtrGeometry *geometry)
{
  const gint64 left = MAX (geometry->left, 0);
  const gint64 top = MAX (geometry->top, 0);
  const gint64 right =
      MIN ((gint64) geometry->left + geometry->width, (gint64) geometry->resized_width);
  const gint64 bottom =
      MIN ((gint64) geometry->top + geometry->height, (gint64) geometry->resized_height);

  return (VtrWindow){ (guint) left, (guint) top, (guint) (right - left), (guint) (bottom - top) };
}

static gboolean
make_pixels (VtrInput *self, const VtrPreprocess *how, GError **error)
{
  const VtrGeometry *geometry = &self->geometry;
  const VtrWindow window = visible_window (geometry);
  gsize size;

  if (!vtr_size_of_shape ((guint64[]){ 3, geometry->height, geometry->width }, 3,
                          sizeof *self->pixels, &size) ||
      (self->pixels = g_try_malloc (size)) == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
                   "There is not enough memory to prepare %u × %u pixels; use --size with a "
                   "smaller number.",
                   geometry->width, geometry->height);
      return FALSE;
    }
  g_autofree guint8 *rgb = vtr_resize_rgb (vtr_image_get_rgba (self->image), geometry->image_width,
                                           geometry->image_height, geometry->resized_width,
                                           geometry->resized_height, how->filter, &window, error);
  if (rgb == NULL)
    return FALSE;
  normalize (self, how, rgb, &window);
  return TRUE;
}

VtrInput *
vtr_input_new_for_arch (const VtrArch *arch,
                        VtrModel *model,
                        VtrImage *image,
                        VtrFit fit,
                        guint size,
                        GError **error)
{
  g_autoptr (VtrInput) self = g_new0 (VtrInput, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->model = model != NULL ? g_object_ref (model) : NULL;
  self->image = vtr_image_ref (image);
  self->fit = fit;
  self->size = size;
  if (!vtr_geometry_init (&self->geometry, arch, vtr_image_get_width (image),
                          vtr_image_get_height (image), fit, size, error) ||
      !make_pixels (self, &arch->preprocess, error))
    return NULL;
  return g_steal_pointer (&self);
}

VtrInput *
vtr_input_new (VtrModel *model, VtrImage *image, VtrFit fit, guint size, GError **error)
{
  g_return_val_if_fail (model != NULL && image != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  return vtr_input_new_for_arch (vtr_model_get_arch (model), model, image, fit, size, error);
}

VtrInput *
vtr_input_ref (VtrInput *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
vtr_input_unref (VtrInput *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_clear_object (&self->model);
  vtr_image_unref (self->image);
  g_free (self->pixels);
  g_free (self);
}

VtrModel *
vtr_input_get_model (const VtrInput *self)
{
  return self->model;
}

VtrImage *
vtr_input_get_image (const VtrInput *self)
{
  return self->image;
}

VtrFit
vtr_input_get_fit (const VtrInput *self)
{
  return self->fit;
}

guint
vtr_input_get_size (const VtrInput *self)
{
  return self->size;
}

const VtrGeometry *
vtr_input_get_geometry (const VtrInput *self)
{
  return &self->geometry;
}

const float *
vtr_input_get_pixels (const VtrInput *self, guint *width, guint *height)
{
  if (width != NULL)
    *width = self->geometry.width;
  if (height != NULL)
    *height = self->geometry.height;
  return self->pixels;
}

guint
vtr_input_get_n_rows (const VtrInput *self)
{
  return self->geometry.n_rows;
}

guint
vtr_input_get_n_columns (const VtrInput *self)
{
  return self->geometry.n_columns;
}

void
vtr_input_get_region (const VtrInput *self, VtrRect *region)
{
  vtr_geometry_get_rect (&self->geometry, 0, 0, self->geometry.n_rows, self->geometry.n_columns,
                         region);
}

void
vtr_input_get_patch_rect (const VtrInput *self, guint row, guint column, VtrRect *rect)
{
  vtr_geometry_get_rect (&self->geometry, row, column, 1, 1, rect);
}

gboolean
vtr_input_get_patch_at (const VtrInput *self, double x, double y, guint *row, guint *column)
{
  return vtr_geometry_find_patch (&self->geometry, x, y, row, column);
}
