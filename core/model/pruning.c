/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* VtrPruning: what is taken out of a model; and the model without it, as if it were. */
#include "model/pruning.h"

#include <math.h>
#include <string.h>

struct _VtrPruning
{
  gatomicrefcount ref_count;
  guint n_layers;
  guint n_heads;     /* the most of any layer */
  guint *heads_left; /* [n_layers]; 0: the layer is taken out */
  gboolean *removed; /* [n_layers][n_heads]; also of heads that a layer has not got */
  guint *heads_had;  /* [n_layers] */
};

VTR_DEFINE_BOXED_TYPE (VtrPruning, vtr_pruning)

VtrPruning *
vtr_pruning_new (VtrModel *model)
{
  g_return_val_if_fail (VTR_IS_MODEL (model), NULL);

  const VtrArch *arch = &model->found.arch;
  VtrPruning *self = g_new0 (VtrPruning, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->n_layers = arch->n_layers;
  self->n_heads = arch->n_heads;
  self->heads_left = g_new (guint, self->n_layers);
  self->heads_had = g_new (guint, self->n_layers);
  self->removed = g_new0 (gboolean, (gsize) self->n_layers * self->n_heads);
  for (guint layer = 0; layer < self->n_layers; layer++)
    self->heads_left[layer] = self->heads_had[layer] = vtr_arch_n_heads (arch, layer);
  return self;
}

VtrPruning *
vtr_pruning_ref (VtrPruning *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
vtr_pruning_unref (VtrPruning *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_free (self->heads_left);
  g_free (self->heads_had);
  g_free (self->removed);
  g_free (self);
}

VtrPruning *
vtr_pruning_copy (const VtrPruning *self)
{
  VtrPruning *copy = g_memdup2 (self, sizeof *self);
  const gsize n_all = (gsize) self->n_layers * self->n_heads;

  g_atomic_ref_count_init (&copy->ref_count);
  copy->heads_left = g_memdup2 (self->heads_left, self->n_layers * sizeof (guint));
  copy->heads_had = g_memdup2 (self->heads_had, self->n_layers * sizeof (guint));
  copy->removed = g_memdup2 (self->removed, n_all * sizeof (gboolean));
  return copy;
}

static gboolean
check_layer (const VtrPruning *self, guint layer, GError **error)
{
  if (layer < self->n_layers)
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "There is no layer %u to take out of this model, which has 0 to %u.", layer,
               self->n_layers - 1);
  return FALSE;
}

gboolean
vtr_pruning_remove_head (VtrPruning *self, guint layer, guint head, GError **error)
{
  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!check_layer (self, layer, error))
    return FALSE;
  if (head >= self->heads_had[layer])
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "There is no head %u to take out of layer %u, which has 0 to %u.", head, layer,
                   self->heads_had[layer] - 1);
      return FALSE;
    }
  if (!vtr_pruning_keeps_head (self, layer, head))
    return TRUE;
  if (self->heads_left[layer] == 1)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "Layer %u would have no head left: leave it one, or take out the whole layer.",
                   layer);
      return FALSE;
    }
  self->removed[layer * self->n_heads + head] = TRUE;
  self->heads_left[layer]--;
  return TRUE;
}

gboolean
vtr_pruning_remove_layer (VtrPruning *self, guint layer, GError **error)
{
  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!check_layer (self, layer, error))
    return FALSE;
  if (!vtr_pruning_keeps_layer (self, layer))
    return TRUE;
  if (vtr_pruning_count_layers (self) == 1)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "The model would have no layer left: leave it one.");
      return FALSE;
    }
  self->heads_left[layer] = 0;
  return TRUE;
}

/* √Σ² of a layer's heads that stay, or 1 where it is 0 or not asked for. */
static double
measure_layer (const VtrPruning *self, const double *importance, guint layer, gboolean by_layer)
{
  double sum = 0.0;

  for (guint head = 0; by_layer && head < self->heads_had[layer]; head++)
    sum += importance[layer * self->n_heads + head] * importance[layer * self->n_heads + head];
  return sum > 0.0 ? sqrt (sum) : 1.0;
}

/* FALSE where no layer can spare a head. */
static gboolean
remove_least_head (VtrPruning *self, const double *importance, const double *lengths)
{
  double least = INFINITY;
  guint found = G_MAXUINT, of_layer = 0;

  for (guint layer = 0; layer < self->n_layers; layer++)
    for (guint head = 0; head < self->heads_had[layer] && self->heads_left[layer] > 1; head++)
      {
        const double weight = importance[layer * self->n_heads + head] / lengths[layer];

        if (vtr_pruning_keeps_head (self, layer, head) && weight < least)
          {
            least = weight;
            found = head;
            of_layer = layer;
          }
      }
  return found != G_MAXUINT && vtr_pruning_remove_head (self, of_layer, found, NULL);
}

gboolean
vtr_pruning_remove_least_heads (VtrPruning *self,
                                const double *importance,
                                guint n,
                                gboolean by_layer,
                                GError **error)
{
  g_return_val_if_fail (self != NULL && importance != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  g_autofree double *lengths = g_new (double, self->n_layers);

  for (guint layer = 0; layer < self->n_layers; layer++)
    lengths[layer] = measure_layer (self, importance, layer, by_layer);
  for (guint i = 0; i < n; i++)
    if (!remove_least_head (self, importance, lengths))
      {
        g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                     "%u heads cannot be taken out of this model, only %u: each layer keeps one.",
                     n, i);
        return FALSE;
      }
  return TRUE;
}

gboolean
vtr_pruning_remove_alike_layers (VtrPruning *self, const double *likeness, guint n, GError **error)
{
  g_return_val_if_fail (self != NULL && likeness != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  for (guint i = 0; i < n; i++)
    {
      guint found = 0;
      double most = -INFINITY;

      for (guint layer = 0; layer < self->n_layers; layer++)
        if (self->heads_left[layer] > 0 && likeness[layer] > most)
          {
            most = likeness[layer];
            found = layer;
          }
      if (!vtr_pruning_remove_layer (self, found, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
vtr_pruning_keeps_head (const VtrPruning *self, guint layer, guint head)
{
  g_return_val_if_fail (self != NULL && layer < self->n_layers, FALSE);

  return self->heads_left[layer] > 0 && head < self->heads_had[layer] &&
         !self->removed[layer * self->n_heads + head];
}

gboolean
vtr_pruning_keeps_layer (const VtrPruning *self, guint layer)
{
  g_return_val_if_fail (self != NULL && layer < self->n_layers, FALSE);

  return self->heads_left[layer] > 0;
}

guint
vtr_pruning_count_heads (const VtrPruning *self, guint layer)
{
  g_return_val_if_fail (self != NULL && layer < self->n_layers, 0);

  return self->heads_left[layer];
}

guint
vtr_pruning_count_layers (const VtrPruning *self)
{
  guint n = 0;

  g_return_val_if_fail (self != NULL, 0);

  for (guint layer = 0; layer < self->n_layers; layer++)
    n += self->heads_left[layer] > 0;
  return n;
}

gboolean
vtr_pruning_is_own_format (const VtrPruning *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  for (guint layer = 0; layer < self->n_layers; layer++)
    if (self->heads_left[layer] > 0 && self->heads_left[layer] < self->n_heads)
      return TRUE;
  return FALSE;
}

/* ---- the model without it ---- */

VtrModel *
vtr_model_without (VtrModel *self, VtrPruning *pruning)
{
  g_return_val_if_fail (VTR_IS_MODEL (self) && pruning != NULL, NULL);
  g_return_val_if_fail (pruning->n_layers == self->found.arch.n_layers, NULL);

  VtrModel *base = self->base != NULL ? self->base : self;
  VtrModel *derived = g_object_new (VTR_TYPE_MODEL, NULL);

  derived->base = g_object_ref (base);
  derived->path = g_strdup (self->path);
  derived->name = g_strdup (self->name);
  derived->store = self->store;
  derived->found = self->found;
  if (self->head != NULL)
    derived->head = vtr_head_ref (self->head);
  derived->gates = vtr_pruning_copy (pruning);
  return derived;
}

/* Columns of proj [d][h·hd] that multiply what a removed head gives. */
static void
clear_columns (const VtrPruning *self, const VtrArch *arch, guint layer, float *proj)
{
  const gsize width = vtr_arch_context_size (arch, layer);
  const gsize head_size = arch->head_size;

  for (guint head = 0; head < self->heads_had[layer]; head++)
    for (gsize row = 0; row < arch->hidden_size && !vtr_pruning_keeps_head (self, layer, head);
         row++)
      memset (proj + row * width + head * head_size, 0, head_size * sizeof *proj);
}

void
vtr_pruning_gate (const VtrPruning *self,
                  const VtrArch *arch,
                  VtrWeight weight,
                  guint layer,
                  float *values,
                  gsize n_values)
{
  const gboolean adds = weight == VTR_WEIGHT_PROJ || weight == VTR_WEIGHT_PROJ_BIAS ||
                        weight == VTR_WEIGHT_FC2 || weight == VTR_WEIGHT_FC2_BIAS;

  if (adds && !vtr_pruning_keeps_layer (self, layer))
    memset (values, 0, n_values * sizeof *values);
  else if (weight == VTR_WEIGHT_PROJ)
    clear_columns (self, arch, layer, values);
}
