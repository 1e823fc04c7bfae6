/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/head.h"
#include "model/model.h"

#include <string.h>

VTR_DEFINE_BOXED_TYPE (VtrHead, vtr_head)

static char *
compute_hash (const VtrHead *self)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autofree char *shape = g_strdup_printf ("[%u, %u]", self->n_classes, self->n_features);
  const gsize row = self->n_features * sizeof (float);

  g_checksum_update (sum, (const guchar *) shape, (gssize) strlen (shape));
  for (guint i = 0; i < self->n_classes; i++)
    g_checksum_update (sum, (const guchar *) (self->weight + (gsize) i * self->n_features),
                       (gssize) row);
  g_checksum_update (sum, (const guchar *) self->bias, (gssize) (self->n_classes * sizeof (float)));
  for (guint i = 0; self->labels != NULL && i < self->labels->len; i++)
    if (self->labels->pdata[i] != NULL)
      g_checksum_update (sum, self->labels->pdata[i], (gssize) strlen (self->labels->pdata[i]) + 1);
  return g_strdup (g_checksum_get_string (sum));
}

VtrHead *
vtr_head_new (guint n_classes, guint n_features, float *weight, float *bias, GPtrArray *labels)
{
  VtrHead *self = g_new0 (VtrHead, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->n_classes = n_classes;
  self->n_features = n_features;
  self->weight = weight;
  self->bias = bias;
  self->labels = labels;
  self->hash = compute_hash (self);
  return self;
}

VtrHead *
vtr_head_ref (VtrHead *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
vtr_head_unref (VtrHead *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_free (self->path);
  g_free (self->weight);
  g_free (self->bias);
  g_clear_pointer (&self->labels, g_ptr_array_unref);
  g_free (self->hash);
  g_free (self->features);
  g_free (self->model_name);
  g_free (self->model_hash);
  g_free (self->fit);
  g_free (self->confusion);
  g_free (self);
}

const VtrHeadScore *
vtr_head_get_score (VtrHead *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->has_score ? &self->score : NULL;
}

guint
vtr_head_get_n_classes (VtrHead *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->n_classes;
}

guint
vtr_head_get_n_features (VtrHead *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->n_features;
}

const char *
vtr_head_get_label (VtrHead *self, guint class_index)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->labels != NULL && class_index < self->labels->len
             ? g_ptr_array_index (self->labels, class_index)
             : NULL;
}

const char *
vtr_head_get_fit (VtrHead *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->fit;
}

guint
vtr_head_get_size (VtrHead *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->size;
}

const char *
vtr_head_get_hash (VtrHead *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->hash;
}

char *
vtr_head_find_mismatch (VtrHead *self, VtrModel *model)
{
  g_return_val_if_fail (self != NULL && model != NULL, NULL);

  if (self->model_hash == NULL || g_str_equal (self->model_hash, vtr_model_get_hash (model)))
    return NULL;
  return g_strdup_printf ("The head was made with other weights than those of “%s”%s%s%s: what it "
                          "answers may mean nothing.",
                          vtr_model_get_name (model),
                          self->model_name != NULL ? ", with the model “" : "",
                          self->model_name != NULL ? self->model_name : "",
                          self->model_name != NULL ? "”" : "");
}

static void
describe_score (JsonBuilder *json, const VtrHeadScore *score)
{
  vtr_json_add_int (json, VTR_HEAD_N_EXAMPLES, score->n_examples);
  vtr_json_add_int (json, VTR_HEAD_N_FOLDS, score->n_folds);
  vtr_json_add_double (json, VTR_HEAD_ACCURACY, score->accuracy);
  vtr_json_add_double (json, VTR_HEAD_DEVIATION, score->deviation);
  vtr_json_add_double (json, VTR_HEAD_GUESSING, score->guessing);
  vtr_json_add_double (json, VTR_HEAD_PENALTY, score->penalty);
}

void
vtr_head_describe (JsonBuilder *json, VtrModel *model)
{
  VtrHead *self = vtr_model_get_head (model);

  json_builder_set_member_name (json, "head");
  if (self == NULL)
    {
      json_builder_add_null_value (json);
      return;
    }
  g_autofree char *warning = vtr_head_find_mismatch (self, model);
  json_builder_begin_object (json);
  vtr_json_add_text (json, "path", self->path);
  vtr_json_add_text (json, "hash", self->hash);
  vtr_json_add_int (json, "n_classes", self->n_classes);
  vtr_json_add_int (json, "n_features", self->n_features);
  vtr_json_add_text (json, VTR_HEAD_FEATURES, vtr_model_get_features (model));
  vtr_json_add_text (json, VTR_HEAD_MODEL, self->model_name);
  vtr_json_add_text (json, VTR_HEAD_MODEL_HASH, self->model_hash);
  vtr_json_add_text (json, VTR_HEAD_FIT, self->fit);
  vtr_json_add_int (json, VTR_HEAD_SIZE, self->size);
  if (self->has_score)
    describe_score (json, &self->score);
  vtr_json_add_text (json, "warning", warning);
  json_builder_end_object (json);
}
