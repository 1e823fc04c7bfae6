/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "io/io.h"
#include "learn/learn.h"

#include <string.h>

/* The labels as a JSON list; NULL: the head has none. */
static char *
format_labels (const VtrHead *self)
{
  g_autoptr (JsonBuilder) json = json_builder_new ();

  if (self->labels == NULL)
    return NULL;
  json_builder_begin_array (json);
  for (guint i = 0; i < self->labels->len; i++)
    json_builder_add_string_value (json, self->labels->pdata[i]);
  json_builder_end_array (json);

  g_autoptr (JsonNode) root = json_builder_get_root (json);
  return json_to_string (root, FALSE);
}

/* Key and value, unless there is none.  Takes @value. */
static void
take_note (GPtrArray *notes, const char *key, char *value)
{
  if (value == NULL)
    return;
  g_ptr_array_add (notes, g_strdup (key));
  g_ptr_array_add (notes, value);
}

static void
note_number (GPtrArray *notes, const char *key, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  take_note (notes, key, g_strdup (g_ascii_dtostr (text, sizeof text, value)));
}

static GPtrArray *
list_notes (const VtrHead *self)
{
  GPtrArray *notes = g_ptr_array_new_with_free_func (g_free);

  take_note (notes, "format", g_strdup ("pt"));
  take_note (notes, "vitreous", g_strdup (VTR_VERSION));
  take_note (notes, VTR_HEAD_LABELS, format_labels (self));
  take_note (notes, VTR_HEAD_FEATURES, g_strdup (self->features));
  take_note (notes, VTR_HEAD_MODEL, g_strdup (self->model_name));
  take_note (notes, VTR_HEAD_MODEL_HASH, g_strdup (self->model_hash));
  take_note (notes, VTR_HEAD_FIT, g_strdup (self->fit));
  note_number (notes, VTR_HEAD_SIZE, self->size);
  if (self->has_score)
    {
      note_number (notes, VTR_HEAD_N_EXAMPLES, self->score.n_examples);
      note_number (notes, VTR_HEAD_N_FOLDS, self->score.n_folds);
      note_number (notes, VTR_HEAD_ACCURACY, self->score.accuracy);
      note_number (notes, VTR_HEAD_DEVIATION, self->score.deviation);
      note_number (notes, VTR_HEAD_GUESSING, self->score.guessing);
      note_number (notes, VTR_HEAD_PENALTY, self->score.penalty);
    }
  g_ptr_array_add (notes, NULL);
  return notes;
}

gboolean
vtr_head_save (VtrHead *self, const char *path, GError **error)
{
  g_return_val_if_fail (self != NULL && path != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  const gsize n_weights = (gsize) self->n_classes * self->n_features;
  const gsize n_weight_bytes = n_weights * sizeof (float);
  const gsize n_bias_bytes = self->n_classes * sizeof (float);
  const char *f32 = vtr_dtype_name (VTR_DTYPE_F32);
  const VtrSafetensor tensors[] = {
    { "weight", f32, n_weight_bytes, 2, { self->n_classes, self->n_features } },
    { "bias", f32, n_bias_bytes, 1, { self->n_classes } },
  };
  g_autoptr (GPtrArray) notes = list_notes (self);
  g_autoptr (GBytes) header = vtr_safetensors_make_header ((const char *const *) notes->pdata,
                                                           tensors, G_N_ELEMENTS (tensors));
  const gsize n_header = g_bytes_get_size (header);
  guint8 *file = g_malloc (n_header + n_weight_bytes + n_bias_bytes);

  memcpy (file, g_bytes_get_data (header, NULL), n_header);
  memcpy (file + n_header, self->weight, n_weight_bytes);
  memcpy (file + n_header + n_weight_bytes, self->bias, n_bias_bytes);
  g_autoptr (GBytes) bytes = g_bytes_new_take (file, n_header + n_weight_bytes + n_bias_bytes);
  return vtr_write_atomically (path, bytes, error);
}
