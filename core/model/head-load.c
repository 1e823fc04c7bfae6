/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/head.h"
#include "model/config.h"

#include <string.h>

#define MAX_CLASSES (1 << 20)
#define MAX_FEATURES (1 << 17) /* CLS and mean of the widest model that is read */

/* A tensor of @n_dims axes as f32. */
static const VtrStored *
find_tensor (VtrStore *store, const char *name, guint n_dims, const char *label, GError **error)
{
  const VtrStored *stored = vtr_store_find (store, name);

  if (stored != NULL && stored->n_dims == n_dims)
    return stored;
  g_set_error (error, VTR_ERROR, VTR_ERROR_MISSING_TENSOR,
               "%s: this is no classifier head: one has the tensors weight [classes][features] and "
               "bias [classes].",
               label);
  return NULL;
}

static float *
read_tensor (VtrStore *store, const VtrStored *stored, const char *label, GError **error)
{
  if (stored->dtype > VTR_DTYPE_F64)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
                   "%s: tensor %s is of the type %s; a head's are F32, F16, BF16 or F64.", label,
                   stored->name, stored->dtype_name);
      return NULL;
    }

  g_autoptr (GBytes) bytes = vtr_store_read (store, stored, error);
  if (bytes == NULL)
    return NULL;
  g_autofree float *values = g_new (float, stored->n_values);
  vtr_floats_from (stored->dtype, g_bytes_get_data (bytes, NULL), stored->n_values, values);
  const gsize bad = vtr_floats_find_bad (values, stored->n_values);
  if (bad == stored->n_values)
    return g_steal_pointer (&values);
  g_set_error (error, VTR_ERROR, VTR_ERROR_BAD_VALUES,
               "%s: tensor %s has the value %g, number %" G_GSIZE_FORMAT
               " of it; a head with such weights can tell nothing.",
               label, stored->name, values[bad], bad);
  return NULL;
}

/* The labels; *labels stays NULL where there are none. */
static gboolean
read_labels (VtrStore *store,
             guint n_classes,
             const char *label,
             GPtrArray **labels,
             GError **error)
{
  const char *text = vtr_store_get_note (store, VTR_HEAD_LABELS);

  if (text == NULL)
    return TRUE;

  g_autofree char *object = g_strdup_printf ("{\"" VTR_HEAD_LABELS "\":%s}", text);
  g_autoptr (GBytes) bytes = g_bytes_new (object, strlen (object));
  g_autofree char *where = g_strdup_printf ("%s, its labels", label);
  g_autoptr (VtrConfig) config = vtr_config_parse (bytes, where, error);
  if (config == NULL || !vtr_config_get_strings (config, VTR_HEAD_LABELS, labels, error))
    return FALSE;
  const guint n_labels = *labels != NULL ? (*labels)->len : 0;
  if (n_labels == n_classes)
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
               "%s: there are %u labels for the %u classes of this head.", label, n_labels,
               n_classes);
  return FALSE;
}

/* A number of the metadata, 0 to @max; FALSE where there is none. */
static gboolean
read_number (VtrStore *store, const char *key, double max, double *value)
{
  const char *text = vtr_store_get_note (store, key);
  char *end;

  if (text == NULL || *text == '\0')
    return FALSE;
  *value = g_ascii_strtod (text, &end);
  return *end == '\0' && *value >= 0.0 && *value <= max;
}

static gboolean
read_count (VtrStore *store, const char *key, guint *count)
{
  double value;

  if (!read_number (store, key, G_MAXUINT, &value))
    return FALSE;
  *count = (guint) value;
  return TRUE;
}

/* What was measured is told only where all of it is there. */
static gboolean
read_score (VtrHeadScore *score, VtrStore *store)
{
  return read_count (store, VTR_HEAD_N_EXAMPLES, &score->n_examples) &&
         read_count (store, VTR_HEAD_N_FOLDS, &score->n_folds) &&
         read_number (store, VTR_HEAD_ACCURACY, 1.0, &score->accuracy) &&
         read_number (store, VTR_HEAD_DEVIATION, 1.0, &score->deviation) &&
         read_number (store, VTR_HEAD_GUESSING, 1.0, &score->guessing) &&
         read_number (store, VTR_HEAD_PENALTY, G_MAXDOUBLE, &score->penalty);
}

static void
read_origin (VtrHead *self, VtrStore *store)
{
  self->features = g_strdup (vtr_store_get_note (store, VTR_HEAD_FEATURES));
  self->model_name = g_strdup (vtr_store_get_note (store, VTR_HEAD_MODEL));
  self->model_hash = g_strdup (vtr_store_get_note (store, VTR_HEAD_MODEL_HASH));
  self->fit = g_strdup (vtr_store_get_note (store, VTR_HEAD_FIT));
  read_count (store, VTR_HEAD_SIZE, &self->size);
  self->has_score = read_score (&self->score, store);
}

static gboolean
check_shapes (const VtrStored *weight, const VtrStored *bias, const char *label, GError **error)
{
  const guint64 n_classes = weight->shape[0];
  const guint64 n_features = weight->shape[1];

  if (n_classes > 0 && n_classes <= MAX_CLASSES && n_features > 0 && n_features <= MAX_FEATURES &&
      bias->shape[0] == n_classes)
    return TRUE;
  g_autofree char *shape = vtr_stored_format_shape (weight);
  g_autofree char *bias_shape = vtr_stored_format_shape (bias);
  g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
               "%s: this is no classifier head: its weight is %s and its bias %s, where they "
               "should "
               "be [classes, features] and [classes].",
               label, shape, bias_shape);
  return FALSE;
}

VtrHead *
vtr_head_from_store (VtrStore *store, const char *label, GError **error)
{
  const VtrStored *weight = find_tensor (store, "weight", 2, label, error);
  const VtrStored *bias = weight != NULL ? find_tensor (store, "bias", 1, label, error) : NULL;
  g_autoptr (GPtrArray) labels = NULL;

  if (bias == NULL || !check_shapes (weight, bias, label, error))
    return NULL;

  const guint n_classes = (guint) weight->shape[0];
  if (!read_labels (store, n_classes, label, &labels, error))
    return NULL;
  g_autofree float *weights = read_tensor (store, weight, label, error);
  g_autofree float *biases = weights != NULL ? read_tensor (store, bias, label, error) : NULL;
  if (biases == NULL)
    return NULL;

  VtrHead *self = vtr_head_new (n_classes, (guint) weight->shape[1], g_steal_pointer (&weights),
                                g_steal_pointer (&biases), g_steal_pointer (&labels));
  read_origin (self, store);
  return self;
}

VtrHead *
vtr_head_load (const char *path, GError **error)
{
  g_return_val_if_fail (path != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  g_autoptr (VtrStore) store = vtr_store_open_file (path, error);
  VtrHead *self = store != NULL ? vtr_head_from_store (store, path, error) : NULL;

  if (self != NULL)
    self->path = g_strdup (path);
  return self;
}
