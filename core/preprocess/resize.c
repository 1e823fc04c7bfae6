/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "preprocess/preprocess.h"

#include <math.h>
#include <string.h>

/*
 * As Pillow resamples 8-bit pictures: along the rows and along the columns, each pass rounded to
 * 8 bits; weights are integers in units of 2^-22.  Where a size shrinks, the filter is widened
 * by the same factor (antialias).  Rows come first unless the height shrinks by more than twice
 * what the width does, as Pillow has it since version 13.  tests/unit/preprocess-resize.c compares
 * bit for bit.
 */
#define PRECISION_BITS (32 - 8 - 2)

/* A weight is 2^LOW_BITS·high + low with 16 bits each, so that two 16-bit dot products, which
 * every vector unit has, make one of 8 × 24 bits. */
#define LOW_BITS 11
#define BLOCK 8      /* taps of a row pass are a multiple of it */
#define MAX_RUN 4096 /* taps whose products with bytes, low part, add up to less than 2^31 */

typedef struct
{
  double (*weight) (double x);
  double support; /* weight is 0 outside -support..support, in pixels of the coarser picture */
} Filter;

static double
weight_box (double x)
{
  return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

static double
weight_bilinear (double x)
{
  return fabs (x) < 1.0 ? 1.0 - fabs (x) : 0.0;
}

static double
sinc (double x)
{
  return x == 0.0 ? 1.0 : sin (x * G_PI) / (x * G_PI);
}

static double
weight_hamming (double x)
{
  return fabs (x) < 1.0 ? sinc (fabs (x)) * (0.54f + 0.46f * cos (fabs (x) * G_PI)) : 0.0;
}

/* Keys 1981, with a = -1/2. */
static double
weight_bicubic (double x)
{
  const double a = -0.5;

  x = fabs (x);
  if (x < 1.0)
    return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0)
    return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

static double
weight_lanczos (double x)
{
  return x >= -3.0 && x < 3.0 ? sinc (x) * sinc (x / 3) : 0.0;
}

static const Filter filters[] = {
  [VTR_FILTER_BILINEAR] = { weight_bilinear, 1.0 }, [VTR_FILTER_BICUBIC] = { weight_bicubic, 2.0 },
  [VTR_FILTER_LANCZOS] = { weight_lanczos, 3.0 },   [VTR_FILTER_BOX] = { weight_box, 0.5 },
  [VTR_FILTER_HAMMING] = { weight_hamming, 1.0 },
};

/* Which pixels of the old axis make each of the new one, and how much of each. */
typedef struct
{
  guint n_new;
  guint n_taps;    /* weights per new pixel, a multiple of BLOCK; those not used are 0 */
  guint *first;    /* [n_new] */
  guint *count;    /* [n_new] */
  gint32 *weights; /* [n_new][n_taps], in 2^-PRECISION_BITS */
} Taps;

static void
taps_clear (Taps *self)
{
  g_free (self->first);
  g_free (self->count);
  g_free (self->weights);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Taps, taps_clear)

static gint32
to_fixed (double weight)
{
  const double scaled = weight * (1 << PRECISION_BITS);

  return (gint32) (weight < 0 ? scaled - 0.5 : scaled + 0.5);
}

static gboolean
taps_allocate (Taps *self, guint n_new, double support)
{
  gsize n_weights;

  if (support > G_MAXINT / 4)
    return FALSE;
  self->n_new = n_new;
  self->n_taps = ((guint) ceil (support) * 2 + 1 + BLOCK - 1) / BLOCK * BLOCK;
  if (!vtr_size_mul (self->n_taps, n_new, &n_weights) || n_weights > G_MAXSIZE / 4)
    return FALSE;
  self->first = g_try_new (guint, n_new);
  self->count = g_try_new (guint, n_new);
  self->weights = g_try_new0 (gint32, n_weights);
  return self->first != NULL && self->count != NULL && self->weights != NULL;
}

/* For the new pixels @start to @start + @n_new of an axis scaled from @old_size to @new_size. */
static gboolean
taps_init (Taps *self,
           const Filter *filter,
           guint old_size,
           guint new_size,
           guint start,
           guint n_new)
{
  const double scale = (double) old_size / new_size;
  const double filter_scale = MAX (scale, 1.0);
  const double support = old_size == new_size ? 0.0 : filter->support * filter_scale;

  if (!taps_allocate (self, n_new, support))
    return FALSE;
  g_autofree double *exact = g_try_new (double, self->n_taps);
  if (exact == NULL)
    return FALSE;

  for (guint i = 0; i < n_new; i++)
    {
      gint32 *weights = self->weights + (gsize) i * self->n_taps;
      if (old_size == new_size) /* Pillow leaves this pass out */
        {
          self->first[i] = start + i;
          self->count[i] = 1;
          weights[0] = 1 << PRECISION_BITS;
          continue;
        }

      const double center = ((double) (start + i) + 0.5) * scale;
      const int lower = (int) (center - support + 0.5);
      const int upper = (int) (center + support + 0.5);
      const guint first = (guint) MAX (lower, 0);
      const guint count = (guint) MIN (upper, (int) old_size) - first;
      double sum = 0.0;
      for (guint k = 0; k < count; k++)
        {
          exact[k] = filter->weight ((k + first - center + 0.5) * (1.0 / filter_scale));
          sum += exact[k];
        }
      for (guint k = 0; k < count; k++)
        weights[k] = to_fixed (sum != 0.0 ? exact[k] / sum : exact[k]);
      self->first[i] = first;
      self->count[i] = count;
    }
  return TRUE;
}

/* The pixels of the old axis that any new pixel needs: from the first one's first. */
static guint
taps_get_span (const Taps *self)
{
  const guint last = self->n_new - 1;

  return self->first[last] + self->count[last] - self->first[0];
}

static inline guint8
to_byte (guint32 sum)
{
  const gint32 value = (gint32) sum >> PRECISION_BITS;

  return (guint8) CLAMP (value, 0, 255);
}

/* Sum of pixels · weights, @n a multiple of BLOCK; modulo 2^32, in which the sum fits. */
static inline guint32
dot (const gint16 *pixels, const gint16 *high, const gint16 *low, guint n)
{
  guint32 sum = 0;

  for (guint start = 0; start < n; start += MAX_RUN)
    {
      const guint run = MIN (n - start, MAX_RUN) & ~(guint) (BLOCK - 1);
      gint32 sum_high = 0;
      gint32 sum_low = 0;
      for (guint k = start; k < start + run; k++)
        {
          sum_high += pixels[k] * high[k];
          sum_low += pixels[k] * low[k];
        }
      sum += ((guint32) sum_high << LOW_BITS) + (guint32) sum_low;
    }
  return sum;
}

/* rgba [n_rows][..][4], each row beginning at the first pixel that @taps needs, @stride bytes from
 * the next → out [n_rows][taps->n_new][3]. */
static gboolean
resample_rows (const guint8 *rgba, gsize stride, guint n_rows, const Taps *taps, guint8 *out)
{
  const gsize n_weights = (gsize) taps->n_new * taps->n_taps;
  const guint span = taps_get_span (taps);
  const gsize plane_size = (gsize) span + BLOCK;
  g_autofree gint16 *high = g_try_new (gint16, n_weights);
  g_autofree gint16 *low = g_try_new (gint16, n_weights);
  g_autofree gint16 *planes = g_try_new0 (gint16, 3 * plane_size); /* of one row */

  if (high == NULL || low == NULL || planes == NULL)
    return FALSE;
  for (gsize i = 0; i < n_weights; i++)
    {
      high[i] = (gint16) (taps->weights[i] >> LOW_BITS);
      low[i] = (gint16) (taps->weights[i] & ((1 << LOW_BITS) - 1));
    }

  gint16 *red = planes;
  gint16 *green = planes + plane_size;
  gint16 *blue = planes + 2 * plane_size;
  for (guint y = 0; y < n_rows; y++, rgba += stride)
    {
      for (guint x = 0; x < span; x++)
        {
          red[x] = rgba[4 * (gsize) x];
          green[x] = rgba[4 * (gsize) x + 1];
          blue[x] = rgba[4 * (gsize) x + 2];
        }
      for (guint i = 0; i < taps->n_new; i++)
        {
          const guint first = taps->first[i] - taps->first[0];
          const gsize at = (gsize) i * taps->n_taps;
          const guint n = (taps->count[i] + BLOCK - 1) / BLOCK * BLOCK;
          const guint32 half = 1 << (PRECISION_BITS - 1);

          *out++ = to_byte (half + dot (red + first, high + at, low + at, n));
          *out++ = to_byte (half + dot (green + first, high + at, low + at, n));
          *out++ = to_byte (half + dot (blue + first, high + at, low + at, n));
        }
    }
  return TRUE;
}

/* rows [..][stride], beginning at the first row that @taps needs, of each @row_size bytes
 * → out [taps->n_new][row_size]. */
static gboolean
resample_columns (const guint8 *rows, gsize stride, gsize row_size, const Taps *taps, guint8 *out)
{
  g_autofree guint32 *sums = g_try_new (guint32, row_size);

  if (sums == NULL)
    return FALSE;
  for (guint i = 0; i < taps->n_new; i++)
    {
      const gint32 *weights = taps->weights + (gsize) i * taps->n_taps;
      const guint8 *in = rows + (gsize) (taps->first[i] - taps->first[0]) * stride;

      for (gsize x = 0; x < row_size; x++)
        sums[x] = 1 << (PRECISION_BITS - 1);
      for (guint k = 0; k < taps->count[i]; k++, in += stride)
        for (gsize x = 0; x < row_size; x++)
          sums[x] += in[x] * (guint32) weights[k];
      for (gsize x = 0; x < row_size; x++)
        *out++ = to_byte (sums[x]);
    }
  return TRUE;
}

/* Both passes over the pixels of rgba [..][width][4] that the taps need. */
static gboolean
resample (const guint8 *rgba,
          guint width,
          const Taps *columns,
          const Taps *rows,
          gboolean height_first,
          guint8 *out)
{
  const gsize stride = (gsize) width * 4;
  const guint8 *origin = rgba + rows->first[0] * stride + (gsize) columns->first[0] * 4;
  const gsize new_row_size = (gsize) columns->n_new * 3;
  const gsize band_row_size = height_first ? (gsize) taps_get_span (columns) * 4 : new_row_size;
  const guint band_rows = height_first ? rows->n_new : taps_get_span (rows);
  gsize band_size;

  if (!vtr_size_mul (band_row_size, band_rows, &band_size))
    return FALSE;
  g_autofree guint8 *band = g_try_malloc (band_size);
  if (band == NULL)
    return FALSE;
  if (height_first)
    return resample_columns (origin, stride, band_row_size, rows, band) &&
           resample_rows (band, band_row_size, band_rows, columns, out);
  return resample_rows (origin, stride, band_rows, columns, band) &&
         resample_columns (band, band_row_size, band_row_size, rows, out);
}

/* Positions are summed up, not multiplied, as Pillow does: the rounding differs. */
static guint *
nearest_positions (guint old_size, guint new_size, guint start, guint n_new)
{
  const double scale = (double) old_size / new_size;
  double position = scale * 0.5;
  guint *positions = g_new (guint, n_new);

  for (guint i = 0; i < start + n_new; i++, position += scale)
    if (i >= start)
      positions[i - start] = (guint) position;
  return positions;
}

static void
resize_nearest (const guint8 *rgba,
                guint width,
                guint height,
                guint new_width,
                guint new_height,
                const VtrWindow *window,
                guint8 *out)
{
  g_autofree guint *columns = nearest_positions (width, new_width, window->x, window->width);
  g_autofree guint *rows = nearest_positions (height, new_height, window->y, window->height);

  for (guint y = 0; y < window->height; y++)
    for (guint x = 0; x < window->width; x++, out += 3)
      {
        if (rows[y] < height && columns[x] < width)
          memcpy (out, rgba + ((gsize) rows[y] * width + columns[x]) * 4, 3);
        else /* rounded over the edge: Pillow leaves it black */
          memset (out, 0, 3);
      }
}

static gboolean
resize_into (const guint8 *rgba,
             guint width,
             guint height,
             guint new_width,
             guint new_height,
             VtrFilter filter,
             const VtrWindow *window,
             guint8 *out)
{
  const gint64 shrinks_x = (gint64) width - new_width;
  const gint64 shrinks_y = (gint64) height - new_height;
  const gboolean height_first = shrinks_y > 0 && shrinks_y > 2 * shrinks_x;
  g_auto (Taps) columns = { 0 };
  g_auto (Taps) rows = { 0 };

  if (filter == VTR_FILTER_NEAREST)
    {
      resize_nearest (rgba, width, height, new_width, new_height, window, out);
      return TRUE;
    }
  return taps_init (&columns, &filters[filter], width, new_width, window->x, window->width) &&
         taps_init (&rows, &filters[filter], height, new_height, window->y, window->height) &&
         resample (rgba, width, &columns, &rows, height_first, out);
}

guint8 *
vtr_resize_rgb (const guint8 *rgba,
                guint width,
                guint height,
                guint new_width,
                guint new_height,
                VtrFilter filter,
                const VtrWindow *window,
                GError **error)
{
  const VtrWindow whole = { 0, 0, new_width, new_height };
  gsize row_size;
  gsize size;

  if (window == NULL)
    window = &whole;
  g_return_val_if_fail (width > 0 && height > 0, NULL);
  g_return_val_if_fail (window->width > 0 && window->x <= new_width - window->width, NULL);
  g_return_val_if_fail (window->height > 0 && window->y <= new_height - window->height, NULL);

  guint8 *out = NULL;
  if (vtr_size_mul (window->width, 3, &row_size) && vtr_size_mul (row_size, window->height, &size))
    out = g_try_malloc (size);
  if (out != NULL && resize_into (rgba, width, height, new_width, new_height, filter, window, out))
    return out;
  g_free (out);
  g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
               "There is not enough memory to resize a picture of %u × %u pixels to %u × %u.",
               width, height, new_width, new_height);
  return NULL;
}
