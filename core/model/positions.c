/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/private.h"

#include <math.h>
#include <string.h>

guint
vtr_arch_n_heads (const VtrArch *self, guint layer)
{
  return self->layer_heads != NULL ? self->layer_heads[layer] : self->n_heads;
}

guint
vtr_arch_context_size (const VtrArch *self, guint layer)
{
  return vtr_arch_n_heads (self, layer) * self->head_size;
}

guint
vtr_arch_n_prefix (const VtrArch *self)
{
  return self->has_cls + self->has_distillation + self->n_registers;
}

guint
vtr_arch_n_features (const VtrArch *self)
{
  if (self->projection_size > 0)
    return self->projection_size;
  return self->head_pool == VTR_HEAD_POOL_CLS_AND_MEAN ? 2 * self->hidden_size : self->hidden_size;
}

/* Where one output of a resampling comes from: @n weights for inputs first, first + 1, … */
typedef struct
{
  guint *first;   /* [n_out] */
  guint *n;       /* [n_out] */
  float *weights; /* [n_out][max] */
  guint max;
} Taps;

static void
taps_init (Taps *self, guint n_out, guint max)
{
  self->first = g_new0 (guint, n_out);
  self->n = g_new0 (guint, n_out);
  self->weights = g_new0 (float, (gsize) n_out *max);
  self->max = max;
}

static void
taps_clear (Taps *self)
{
  g_free (self->first);
  g_free (self->n);
  g_free (self->weights);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Taps, taps_clear)

/* Keys' cubic, in f32 and in PyTorch's order of operations. */
static float
cubic_near (float x, float a)
{
  return ((a + 2.0f) * x - (a + 3.0f)) * x * x + 1.0f;
}

static float
cubic_far (float x, float a)
{
  return ((a * x - 5.0f * a) * x + 8.0f * a) * x - 4.0f * a;
}

/* torch.nn.functional.interpolate (mode="bicubic", align_corners=False): a = -0.75, four taps
 * whatever the scale, edges repeated. */
static void
taps_init_bicubic (Taps *self, guint n_in, guint n_out)
{
  const float a = -0.75f;
  const float scale = (float) n_in / (float) n_out;

  taps_init (self, n_out, 4);
  for (guint i = 0; i < n_out; i++)
    {
      const float at = scale * ((float) i + 0.5f) - 0.5f;
      const int start = (int) floorf (at);
      const float t = at - (float) start;
      const float weights[4] = { cubic_far (t + 1.0f, a), cubic_near (t, a),
                                 cubic_near (1.0f - t, a), cubic_far (2.0f - t, a) };

      /* Taps that fall outside add to the edge. */
      const int low = CLAMP (start - 1, 0, (int) n_in - 1);
      const int high = CLAMP (start + 2, 0, (int) n_in - 1);
      self->first[i] = (guint) low;
      self->n[i] = (guint) (high - low + 1);
      for (int k = 0; k < 4; k++)
        self->weights[i * 4 + (guint) (CLAMP (start - 1 + k, 0, (int) n_in - 1) - low)] +=
            weights[k];
    }
}

/* The same with antialias=True: a = -0.5 as Pillow's, the filter widened by the scale. */
static void
taps_init_bicubic_antialias (Taps *self, guint n_in, guint n_out)
{
  const float a = -0.5f;
  const float scale = (float) n_in / (float) n_out;
  const float stretch = MAX (scale, 1.0f);
  const float support = 2.0f * stretch;

  taps_init (self, n_out, (guint) ceilf (support) * 2 + 1);
  for (guint i = 0; i < n_out; i++)
    {
      const float centre = scale * ((float) i + 0.5f);
      const int low = MAX ((int) (centre - support + 0.5f), 0);
      const int high = MIN ((int) (centre + support + 0.5f), (int) n_in);
      float *weights = &self->weights[(gsize) i * self->max];
      float sum = 0.0f;

      self->first[i] = (guint) low;
      self->n[i] = (guint) CLAMP (high - low, 0, (int) self->max);
      for (guint k = 0; k < self->n[i]; k++)
        {
          const float x = fabsf (((float) k + (float) low - centre + 0.5f) / stretch);
          weights[k] = x < 1.0f ? cubic_near (x, a) : x < 2.0f ? cubic_far (x, a) : 0.0f;
          sum += weights[k];
        }
      for (guint k = 0; k < self->n[i] && sum != 0.0f; k++)
        weights[k] /= sum;
    }
}

/* scipy.ndimage.zoom (order=1): first and last positions fall on first and last. */
static void
taps_init_corners (Taps *self, guint n_in, guint n_out)
{
  const double scale = n_out > 1 ? (double) (n_in - 1) / (double) (n_out - 1) : 0.0;

  taps_init (self, n_out, 2);
  for (guint i = 0; i < n_out; i++)
    {
      const double at = scale * i;
      const guint low = MIN ((guint) at, n_in - 1);
      const double t = at - low;
      self->first[i] = low;
      self->n[i] = low + 1 < n_in ? 2 : 1;
      self->weights[i * 2] = (float) (self->n[i] == 2 ? 1.0 - t : 1.0);
      self->weights[i * 2 + 1] = (float) (self->n[i] == 2 ? t : 0.0);
    }
}

static void
taps_init_rule (Taps *self, VtrPositionRule rule, guint n_in, guint n_out)
{
  if (rule == VTR_POSITIONS_BICUBIC)
    taps_init_bicubic (self, n_in, n_out);
  else if (rule == VTR_POSITIONS_BICUBIC_ANTIALIAS)
    taps_init_bicubic_antialias (self, n_in, n_out);
  else
    taps_init_corners (self, n_in, n_out);
}

/* out [d] += Σ_k weights[k]·in[(first + k)·stride ..] over the taps of output @index. */
static void
gather (const Taps *taps, guint index, const float *in, gsize stride, guint d, float *out)
{
  memset (out, 0, d * sizeof *out);
  for (guint k = 0; k < taps->n[index]; k++)
    {
      const float weight = taps->weights[(gsize) index * taps->max + k];
      const float *row = in + (taps->first[index] + k) * stride;
      for (guint i = 0; i < d; i++)
        out[i] += weight * row[i];
    }
}

/* Columns first, as PyTorch does. */
float *
vtr_positions_resample (VtrPositionRule rule,
                        const float *in,
                        guint in_rows,
                        guint in_columns,
                        guint n_rows,
                        guint n_columns,
                        guint d)
{
  g_auto (Taps) horizontal = { 0 };
  g_auto (Taps) vertical = { 0 };
  g_autofree float *wide = g_new (float, (gsize) in_rows *n_columns *d);
  float *out = g_new (float, (gsize) n_rows *n_columns *d);

  taps_init_rule (&horizontal, rule, in_columns, n_columns);
  taps_init_rule (&vertical, rule, in_rows, n_rows);
  for (guint row = 0; row < in_rows; row++)
    for (guint column = 0; column < n_columns; column++)
      gather (&horizontal, column, in + (gsize) row * in_columns * d, d, d,
              wide + ((gsize) row * n_columns + column) * d);
  for (guint row = 0; row < n_rows; row++)
    for (guint column = 0; column < n_columns; column++)
      gather (&vertical, row, wide + (gsize) column * d, (gsize) n_columns * d, d,
              out + ((gsize) row * n_columns + column) * d);
  return out;
}

/* Rows of the table before those of the patches. */
static guint
n_prefix_rows (const VtrArch *arch)
{
  if (!arch->prefix_has_positions)
    return 0;
  return arch->has_cls + arch->has_distillation +
         (arch->registers_have_positions ? arch->n_registers : 0);
}

static float *
read_table (VtrModel *self, GError **error)
{
  const VtrStored *stored = vtr_parts_get (self->found.parts, VTR_PART_POSITIONS, 0)->weight;
  g_autofree float *table = g_new (float, stored->n_values);

  return vtr_model_read_stored (self, stored, table, error) ? g_steal_pointer (&table) : NULL;
}

float *
vtr_model_make_positions (VtrModel *self, guint n_rows, guint n_columns, GError **error)
{
  g_return_val_if_fail (VTR_IS_MODEL (self) && n_rows > 0 && n_columns > 0, NULL);

  const VtrArch *arch = &self->found.arch;
  const guint d = arch->hidden_size;
  guint64 shape[] = { n_rows, n_columns, d };
  gsize size;

  if (arch->positions == VTR_POSITIONS_NONE)
    return NULL;
  if (!vtr_size_of_shape (shape, 3, sizeof (float), &size))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
                   "Positions for %u × %u patches are larger than memory can be.", n_columns,
                   n_rows);
      return NULL;
    }
  g_autofree float *table = read_table (self, error);
  if (table == NULL)
    return NULL;

  const float *patches = table + (gsize) n_prefix_rows (arch) * d;
  if (n_rows == arch->grid_rows && n_columns == arch->grid_columns)
    return g_memdup2 (patches, size);
  return vtr_positions_resample (arch->positions, patches, arch->grid_rows, arch->grid_columns,
                                 n_rows, n_columns, d);
}

float *
vtr_model_make_prefix (VtrModel *self, GError **error)
{
  g_return_val_if_fail (VTR_IS_MODEL (self), NULL);

  static const VtrPart parts[] = { VTR_PART_CLS, VTR_PART_DISTILLATION, VTR_PART_REGISTERS };
  const VtrArch *arch = &self->found.arch;
  const gboolean has[] = { arch->has_cls, arch->has_distillation, arch->n_registers > 0 };
  const gsize d = arch->hidden_size;
  gsize at = 0;

  if (vtr_arch_n_prefix (arch) == 0)
    return NULL;
  g_autofree float *prefix = g_new0 (float, vtr_arch_n_prefix (arch) * d);
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      const VtrStored *stored = vtr_parts_get (self->found.parts, parts[i], 0)->weight;
      if (!has[i])
        continue;
      if (!vtr_model_read_stored (self, stored, prefix + at, error))
        return NULL;
      at += stored->n_values;
    }
  if (n_prefix_rows (arch) > 0)
    {
      g_autofree float *table = read_table (self, error);
      if (table == NULL)
        return NULL;
      for (gsize i = 0; i < n_prefix_rows (arch) * d; i++)
        prefix[i] += table[i];
    }
  return g_steal_pointer (&prefix);
}

float *
vtr_rope_make (double theta, const float *periods, guint n_rows, guint n_columns, guint head_size)
{
  const gsize n = (gsize) n_rows * n_columns;
  const guint quarter = head_size / 4;
  g_autofree float *frequencies = g_new (float, quarter);
  float *out = g_new (float, 2 * n * head_size);

  for (guint k = 0; k < quarter; k++)
    frequencies[k] =
        1.0f / (periods != NULL ? periods[k] : powf ((float) theta, (float) (k * 4.0 / head_size)));

  /* Angles [y‖x], twice over: 2π·coordinate·frequency, coordinates of centres in -1..1. */
  for (gsize patch = 0; patch < n; patch++)
    {
      const float y = ((float) (patch / n_columns) + 0.5f) / (float) n_rows * 2.0f - 1.0f;
      const float x = ((float) (patch % n_columns) + 0.5f) / (float) n_columns * 2.0f - 1.0f;
      for (guint i = 0; i < head_size; i++)
        {
          const guint k = i % (head_size / 2);
          const float turn = (float) (2.0 * G_PI) * (k < quarter ? y : x);
          const float angle = turn * frequencies[k % quarter];
          out[patch * head_size + i] = cosf (angle);
          out[(n + patch) * head_size + i] = sinf (angle);
        }
    }
  return out;
}

float *
vtr_model_make_rope (VtrModel *self, guint n_rows, guint n_columns, GError **error)
{
  g_return_val_if_fail (VTR_IS_MODEL (self) && n_rows > 0 && n_columns > 0, NULL);

  const VtrArch *arch = &self->found.arch;
  const VtrStored *stored = vtr_parts_get (self->found.parts, VTR_PART_PERIODS, 0)->weight;
  const guint64 shape[] = { 2, n_rows, n_columns, arch->head_size };
  g_autofree float *periods = NULL;
  gsize size;

  if (arch->rope_theta == 0.0)
    return NULL;
  if (!vtr_size_of_shape (shape, 4, sizeof (float), &size))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
                   "RoPE for %u × %u patches is larger than memory can be.", n_columns, n_rows);
      return NULL;
    }
  if (stored != NULL)
    {
      periods = g_new (float, stored->n_values);
      if (!vtr_model_read_stored (self, stored, periods, error))
        return NULL;
    }
  return vtr_rope_make (arch->rope_theta, periods, n_rows, n_columns, arch->head_size);
}
