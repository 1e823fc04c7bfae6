/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "base/base.h"

struct _VtrMap
{
  gatomicrefcount ref_count;
  guint n_rows;
  guint n_columns;
  float *values; /* [n_rows][n_columns] */
  float min;
  float max;
  int layer;
  int head;
  char *label;
};

VTR_DEFINE_BOXED_TYPE (VtrMap, vtr_map)

VtrMap *
vtr_map_new (guint n_rows,
             guint n_columns,
             const float *values,
             int layer,
             int head,
             const char *label)
{
  gsize n_values;

  g_return_val_if_fail (n_rows > 0 && n_columns > 0, NULL);
  g_return_val_if_fail (vtr_size_mul (n_rows, n_columns, &n_values), NULL);
  g_return_val_if_fail (values != NULL && label != NULL, NULL);

  VtrMap *self = g_new0 (VtrMap, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->n_rows = n_rows;
  self->n_columns = n_columns;
  self->values = g_new (float, n_values);
  self->min = self->max = values[0];
  for (gsize i = 0; i < n_values; i++)
    {
      self->values[i] = values[i];
      self->min = MIN (self->min, values[i]);
      self->max = MAX (self->max, values[i]);
    }
  self->layer = layer;
  self->head = head;
  self->label = g_strdup (label);
  return self;
}

VtrMap *
vtr_map_ref (VtrMap *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
vtr_map_unref (VtrMap *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_free (self->values);
  g_free (self->label);
  g_free (self);
}

guint
vtr_map_get_n_rows (const VtrMap *self)
{
  return self->n_rows;
}

guint
vtr_map_get_n_columns (const VtrMap *self)
{
  return self->n_columns;
}

const float *
vtr_map_get_values (const VtrMap *self)
{
  return self->values;
}

int
vtr_map_get_layer (const VtrMap *self)
{
  return self->layer;
}

int
vtr_map_get_head (const VtrMap *self)
{
  return self->head;
}

const char *
vtr_map_get_label (const VtrMap *self)
{
  return self->label;
}

void
vtr_map_get_range (const VtrMap *self, float *min, float *max)
{
  *min = self->min;
  *max = self->max;
}
