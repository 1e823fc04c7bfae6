/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Training pictures by attention: cut out, erased, pasted. */
#include "analysis/analysis.h"
#include "explain/score.h"

#include <math.h>
#include <string.h>

static const char *const kind_names[] = {
  [VTR_AUGMENT_CROP] = "crop",
  [VTR_AUGMENT_ERASE] = "erase",
  [VTR_AUGMENT_PASTE] = "paste",
};

static const char *const fill_names[] = {
  [VTR_FILL_MEAN] = "mean",
  [VTR_FILL_NOISE] = "noise",
  [VTR_FILL_BLUR] = "blur",
};

/* The index of @text; fails where it is none of the names. */
static gboolean
find_name (const char *text,
           const char *const *names,
           guint n_names,
           const char *what,
           guint *index,
           GError **error)
{
  g_autoptr (GString) known = g_string_new (NULL);

  for (guint i = 0; i < n_names; i++)
    {
      if (strcmp (text, names[i]) == 0)
        {
          *index = i;
          return TRUE;
        }
      g_string_append_printf (known, "%s%s", i > 0 ? ", " : "", names[i]);
    }
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE, "There is no %s “%s”: there are %s.", what, text,
               known->str);
  return FALSE;
}

const char *
vtr_augment_kind_get_name (VtrAugmentKind kind)
{
  g_return_val_if_fail ((guint) kind < VTR_N_AUGMENT_KINDS, NULL);

  return kind_names[kind];
}

gboolean
vtr_augment_kind_parse (const char *text, VtrAugmentKind *kind, GError **error)
{
  guint index;

  g_return_val_if_fail (text != NULL && kind != NULL, FALSE);
  if (!find_name (text, kind_names, G_N_ELEMENTS (kind_names), "kind of augmentation", &index,
                  error))
    return FALSE;
  *kind = index;
  return TRUE;
}

const char *
vtr_fill_get_name (VtrFill fill)
{
  g_return_val_if_fail ((guint) fill < G_N_ELEMENTS (fill_names), NULL);

  return fill_names[fill];
}

gboolean
vtr_fill_parse (const char *text, VtrFill *fill, GError **error)
{
  guint index;

  g_return_val_if_fail (text != NULL && fill != NULL, FALSE);
  if (!find_name (text, fill_names, G_N_ELEMENTS (fill_names), "fill", &index, error))
    return FALSE;
  *fill = index;
  return TRUE;
}

double
vtr_augment_weigh (double covered, double pasted)
{
  const double left = 1.0 - covered;

  return left + pasted > 0.0 ? pasted / (left + pasted) : 0.5;
}

guint64
vtr_augment_draw (guint32 seed, const char *name, VtrAugmentKind kind, guint variant, guint draw)
{
  g_return_val_if_fail (name != NULL && (guint) kind < VTR_N_AUGMENT_KINDS, 0);

  g_autofree char *text = g_strdup_printf ("%s\n%s %u %u", name, kind_names[kind], variant, draw);
  return vtr_random_begin (seed, text);
}

/* ---- cutting and pasting ---- */

/* Copies rows of pixels between pictures of two widths. */
static void
copy_rows (guint8 *to, gsize to_width, const guint8 *from, gsize from_width, gsize width, gsize n)
{
  for (gsize row = 0; row < n; row++)
    memcpy (to + row * to_width * 4, from + row * from_width * 4, width * 4);
}

VtrImage *
vtr_image_crop (const VtrImage *self, const VtrRect *rect)
{
  const guint x = (guint) rect->x, y = (guint) rect->y;
  const guint width = (guint) rect->width, height = (guint) rect->height;
  const gsize own_width = vtr_image_get_width (self);

  g_return_val_if_fail (rect->x >= 0 && rect->y >= 0 && width > 0 && height > 0, NULL);
  g_return_val_if_fail (x + width <= own_width && y + height <= vtr_image_get_height (self), NULL);

  guint8 *rgba = g_malloc ((gsize) width * height * 4);
  copy_rows (rgba, width, vtr_image_get_rgba (self) + (y * own_width + x) * 4, own_width, width,
             height);
  return vtr_image_take (width, height, rgba, 1, NULL);
}

VtrImage *
vtr_image_paste (const VtrImage *self,
                 const VtrRect *place,
                 const VtrImage *other,
                 const VtrRect *part,
                 GError **error)
{
  const guint width = (guint) place->width, height = (guint) place->height;
  const gsize x = (gsize) place->x, y = (gsize) place->y, own_width = vtr_image_get_width (self);
  const gsize size = own_width * vtr_image_get_height (self) * 4;

  g_return_val_if_fail (place->x >= 0 && place->y >= 0 && width > 0 && height > 0, NULL);
  g_return_val_if_fail (x + width <= own_width && y + height <= vtr_image_get_height (self), NULL);

  g_autoptr (VtrImage) cut = vtr_image_crop (other, part);
  g_autoptr (VtrImage) scaled = cut == NULL ? NULL : vtr_image_scale (cut, width, height, error);
  if (scaled == NULL)
    return NULL;
  guint8 *rgba = g_memdup2 (vtr_image_get_rgba (self), size);
  copy_rows (rgba + (y * own_width + x) * 4, own_width, vtr_image_get_rgba (scaled), width, width,
             height);
  return vtr_image_take ((guint) own_width, vtr_image_get_height (self), rgba, 1, NULL);
}

/* ---- erasing ---- */

/* What erased pixels get. */
typedef struct
{
  VtrFill fill;
  double mean[3];
  double deviation[3];
  guint64 random;    /* state */
  VtrImage *blurred; /* of the picture's size */
} Paint;

static void
measure_colors (Paint *self, const VtrImage *image)
{
  const gsize n = (gsize) vtr_image_get_width (image) * vtr_image_get_height (image);
  const guint8 *rgba = vtr_image_get_rgba (image);

  for (guint channel = 0; channel < 3; channel++)
    {
      guint64 sum = 0, squares = 0;

      for (gsize i = 0; i < n; i++)
        {
          const guint64 value = rgba[4 * i + channel];
          sum += value;
          squares += value * value;
        }
      self->mean[channel] = (double) sum / (double) n;
      self->deviation[channel] = sqrt (
          MAX ((double) squares / (double) n - self->mean[channel] * self->mean[channel], 0.0));
    }
}

/* Down to half as many pixels as there are patches, and up again. */
static VtrImage *
blur (const VtrImage *image, const VtrInput *input, GError **error)
{
  const guint width = vtr_image_get_width (image), height = vtr_image_get_height (image);
  g_autoptr (VtrImage) small =
      vtr_image_scale (image, CLAMP (vtr_input_get_n_columns (input) / 2, 1, width),
                       CLAMP (vtr_input_get_n_rows (input) / 2, 1, height), error);

  return small == NULL ? NULL : vtr_image_scale (small, width, height, error);
}

static gboolean
paint_init (Paint *self, VtrFill fill, const VtrInput *input, guint64 seed, GError **error)
{
  const VtrImage *image = vtr_input_get_image (input);

  *self = (Paint){ .fill = fill, .random = seed };
  measure_colors (self, image);
  if (fill == VTR_FILL_BLUR)
    self->blurred = blur (image, input, error);
  return fill != VTR_FILL_BLUR || self->blurred != NULL;
}

/* Evenly within √3 deviations, which has that deviation. */
static double
draw_noise (Paint *self, guint channel)
{
  const double share = vtr_random_next_share (&self->random);

  return self->mean[channel] + (2.0 * share - 1.0) * sqrt (3.0) * self->deviation[channel];
}

static void
paint_pixel (Paint *self, guint8 *pixel, gsize index)
{
  if (self->fill == VTR_FILL_BLUR)
    {
      memcpy (pixel, vtr_image_get_rgba (self->blurred) + 4 * index, 3);
      return;
    }
  for (guint i = 0; i < 3; i++)
    pixel[i] = (guint8) lrint (
        CLAMP (self->fill == VTR_FILL_NOISE ? draw_noise (self, i) : self->mean[i], 0.0, 255.0));
}

/* Whether each patch is one of the highest; their share of the map. */
static gboolean *
mark_highest (const VtrMap *map, double share, double *mass)
{
  const guint n = vtr_map_get_n_rows (map) * vtr_map_get_n_columns (map);
  const guint n_marked = CLAMP ((guint) ceil (share * n - 1e-9), 1, n);
  const float *values = vtr_map_get_values (map);
  g_autofree guint32 *order = vtr_order_new (values, n);
  gboolean *marked = g_new0 (gboolean, n);
  double inside = 0.0, all = 0.0;

  for (guint i = 0; i < n; i++)
    {
      const double value = MAX (values[order[i]], 0.0f);

      all += value;
      inside += i < n_marked ? value : 0.0;
      marked[order[i]] = i < n_marked;
    }
  if (mass != NULL)
    *mass = all > 0.0 ? inside / all : (double) n_marked / n;
  return marked;
}

VtrImage *
vtr_map_erase (const VtrMap *self,
               const VtrInput *input,
               double share,
               VtrFill fill,
               guint64 seed,
               double *mass,
               GError **error)
{
  g_return_val_if_fail (self != NULL && input != NULL, NULL);
  g_return_val_if_fail (share > 0.0 && share <= 1.0, NULL);

  const VtrImage *image = vtr_input_get_image (input);
  const guint width = vtr_image_get_width (image), height = vtr_image_get_height (image);
  const guint n_columns = vtr_map_get_n_columns (self);
  Paint paint;
  guint row, column;

  if (!paint_init (&paint, fill, input, seed, error))
    return NULL;
  g_autofree gboolean *marked = mark_highest (self, share, mass);
  guint8 *rgba = g_memdup2 (vtr_image_get_rgba (image), (gsize) width * height * 4);
  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++)
      if (vtr_input_get_patch_at (input, x + 0.5, y + 0.5, &row, &column) &&
          marked[row * n_columns + column])
        paint_pixel (&paint, rgba + 4 * ((gsize) y * width + x), (gsize) y * width + x);
  g_clear_pointer (&paint.blurred, vtr_image_unref);
  return vtr_image_take (width, height, rgba, 1, NULL);
}
