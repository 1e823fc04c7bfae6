/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* VtrExplanation: what one picture got. */
#include "explain/proof.h"
#include "explain/score.h"

struct _VtrExplanation
{
  gatomicrefcount ref_count;
  VtrInput *input;
  VtrModel *model;
  VtrMethod *method;
  VtrDeviceInfo device;
  VtrPrecision precision;
  guint *layers;
  guint n_layers;
  guint *heads;
  guint n_heads;
  VtrImportance *importance; /* NULL unless asked for */
  GPtrArray *maps;           /* of VtrMap */
  VtrMap *summary;
  VtrTarget *target; /* NULL where the method has none */
  double target_value;
  VtrScore *score; /* NULL unless asked for */
  VtrProof *proof; /* likewise */
  float *attention;
  float *matrix;
  guint n_tokens;
  float *logits;
  guint n_classes;
  float *embedding;
  guint n_embedding;
  guint64 planned_bytes;
  guint64 peak_bytes;
};

VTR_DEFINE_BOXED_TYPE (VtrExplanation, vtr_explanation)

static void
copy_device_info (VtrDeviceInfo *to, const VtrDeviceInfo *from)
{
  *to = *from;
  to->id = g_strdup (from->id);
  to->name = g_strdup (from->name);
  to->driver = g_strdup (from->driver);
  to->api = g_strdup (from->api);
  to->reason = g_strdup (from->reason);
}

static void
clear_device_info (VtrDeviceInfo *info)
{
  g_free (info->id);
  g_free (info->name);
  g_free (info->driver);
  g_free (info->api);
  g_free (info->reason);
}

VtrExplanation *
vtr_explanation_new (VtrInput *input,
                     VtrModel *model,
                     VtrMethod *method,
                     const VtrDeviceInfo *device,
                     VtrPrecision precision,
                     const guint *layers,
                     guint n_layers,
                     const guint *heads,
                     guint n_heads)
{
  VtrExplanation *self = g_new0 (VtrExplanation, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->input = vtr_input_ref (input);
  self->model = g_object_ref (model);
  self->method = g_object_ref (method);
  copy_device_info (&self->device, device);
  self->precision = precision;
  self->layers = g_memdup2 (layers, n_layers * sizeof *layers);
  self->n_layers = n_layers;
  self->heads = g_memdup2 (heads, n_heads * sizeof *heads);
  self->n_heads = n_heads;
  self->maps = g_ptr_array_new_with_free_func ((GDestroyNotify) vtr_map_unref);
  return self;
}

VtrExplanation *
vtr_explanation_ref (VtrExplanation *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
vtr_explanation_unref (VtrExplanation *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  vtr_input_unref (self->input);
  g_object_unref (self->model);
  g_object_unref (self->method);
  clear_device_info (&self->device);
  g_free (self->layers);
  g_free (self->heads);
  g_ptr_array_unref (self->maps);
  g_clear_pointer (&self->summary, vtr_map_unref);
  g_clear_pointer (&self->target, vtr_target_unref);
  vtr_score_free (self->score);
  vtr_proof_free (self->proof);
  vtr_importance_free (self->importance);
  g_free (self->attention);
  g_free (self->matrix);
  g_free (self->logits);
  g_free (self->embedding);
  g_free (self);
}

void
vtr_explanation_set_target (VtrExplanation *self, VtrTarget *target, double value)
{
  self->target = vtr_target_ref (target);
  self->target_value = value;
}

char *
vtr_explanation_make_label (const VtrExplanation *self)
{
  const char *name = vtr_method_get_name (self->method);

  if (self->target == NULL)
    return g_strdup (name);
  g_autofree char *described = vtr_target_describe (self->target, self->model);
  return g_strconcat (name, ": ", described, NULL);
}

void
vtr_explanation_take_map (VtrExplanation *self, VtrMap *map)
{
  g_ptr_array_add (self->maps, map);
}

void
vtr_explanation_take_summary (VtrExplanation *self, VtrMap *map)
{
  g_clear_pointer (&self->summary, vtr_map_unref);
  self->summary = map;
}

void
vtr_explanation_take_score (VtrExplanation *self, VtrScore *score)
{
  vtr_score_free (self->score);
  self->score = score;
}

void
vtr_explanation_take_proof (VtrExplanation *self, VtrProof *proof)
{
  vtr_proof_free (self->proof);
  self->proof = proof;
}

void
vtr_explanation_take_attention (VtrExplanation *self, float *attention)
{
  self->attention = attention;
}

void
vtr_explanation_take_matrix (VtrExplanation *self, float *matrix, guint n_tokens)
{
  self->matrix = matrix;
  self->n_tokens = n_tokens;
}

void
vtr_explanation_take_logits (VtrExplanation *self, float *logits, guint n_classes)
{
  self->logits = logits;
  self->n_classes = n_classes;
}

void
vtr_explanation_take_embedding (VtrExplanation *self, float *embedding, guint n_values)
{
  self->embedding = embedding;
  self->n_embedding = n_values;
}

void
vtr_explanation_set_bytes (VtrExplanation *self, guint64 planned, guint64 peak)
{
  self->planned_bytes = planned;
  self->peak_bytes = peak;
}

VtrInput *
vtr_explanation_get_input (const VtrExplanation *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->input;
}

VtrMethod *
vtr_explanation_get_method (const VtrExplanation *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->method;
}

VtrModel *
vtr_explanation_get_model (const VtrExplanation *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->model;
}

const VtrDeviceInfo *
vtr_explanation_get_device_info (const VtrExplanation *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return &self->device;
}

VtrPrecision
vtr_explanation_get_precision (const VtrExplanation *self)
{
  g_return_val_if_fail (self != NULL, VTR_PRECISION_F32);

  return self->precision;
}

guint
vtr_explanation_get_n_maps (const VtrExplanation *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->maps->len;
}

VtrMap *
vtr_explanation_get_map (const VtrExplanation *self, guint index)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (index < self->maps->len, NULL);

  return g_ptr_array_index (self->maps, index);
}

VtrMap *
vtr_explanation_get_summary (const VtrExplanation *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->summary;
}

VtrTarget *
vtr_explanation_get_target (const VtrExplanation *self, double *value)
{
  g_return_val_if_fail (self != NULL, NULL);

  if (value != NULL)
    *value = self->target_value;
  return self->target;
}

const VtrScore *
vtr_explanation_get_score (const VtrExplanation *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->score;
}

const VtrImportance *
vtr_explanation_get_importance (const VtrExplanation *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->importance;
}

void
vtr_explanation_take_importance (VtrExplanation *self, VtrImportance *importance)
{
  g_clear_pointer (&self->importance, vtr_importance_free);
  self->importance = importance;
}

const VtrProof *
vtr_explanation_get_proof (const VtrExplanation *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->proof;
}

const float *
vtr_explanation_get_attention (const VtrExplanation *self, guint *n_layers, guint *n_heads)
{
  g_return_val_if_fail (self != NULL, NULL);

  if (n_layers != NULL)
    *n_layers = self->n_layers;
  if (n_heads != NULL)
    *n_heads = self->n_heads;
  return self->attention;
}

const guint *
vtr_explanation_get_layers (const VtrExplanation *self, guint *n_layers)
{
  g_return_val_if_fail (self != NULL, NULL);

  *n_layers = self->n_layers;
  return self->layers;
}

const guint *
vtr_explanation_get_heads (const VtrExplanation *self, guint *n_heads)
{
  g_return_val_if_fail (self != NULL, NULL);

  *n_heads = self->n_heads;
  return self->heads;
}

const float *
vtr_explanation_get_matrix (const VtrExplanation *self, guint *n_tokens)
{
  g_return_val_if_fail (self != NULL, NULL);

  *n_tokens = self->n_tokens;
  return self->matrix;
}

const float *
vtr_explanation_get_logits (const VtrExplanation *self, guint *n_classes)
{
  g_return_val_if_fail (self != NULL, NULL);

  *n_classes = self->n_classes;
  return self->logits;
}

const float *
vtr_explanation_get_embedding (const VtrExplanation *self, guint *n_values)
{
  g_return_val_if_fail (self != NULL, NULL);

  *n_values = self->n_embedding;
  return self->embedding;
}

guint64
vtr_explanation_get_planned_bytes (const VtrExplanation *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->planned_bytes;
}

guint64
vtr_explanation_get_peak_bytes (const VtrExplanation *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->peak_bytes;
}
