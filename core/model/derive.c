/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* A checkpoint as another model: of other features, with another head. */
#include "model/private.h"

#include <string.h>

/* The same tensors, which the model that was opened goes on owning; no head, no labels. */
static VtrModel *
derive (VtrModel *self)
{
  VtrModel *base = self->base != NULL ? self->base : self;
  VtrModel *derived = g_object_new (VTR_TYPE_MODEL, NULL);

  derived->base = g_object_ref (base);
  derived->path = g_strdup (base->path);
  derived->name = g_strdup (base->name);
  derived->store = base->store;
  derived->found = base->found;
  if (self->gates != NULL)
    derived->gates = vtr_pruning_ref (self->gates);
  derived->found.labels = NULL;
  derived->found.arch.n_classes = 0;
  /* One head, one token for it. */
  if (derived->found.arch.head_pool == VTR_HEAD_POOL_CLS_AND_DISTILLATION)
    derived->found.arch.head_pool = VTR_HEAD_POOL_CLS;
  return derived;
}

static gboolean
find_pool (const char *features, VtrHeadPool *pool, GError **error)
{
  static const VtrHeadPool pools[] = { VTR_HEAD_POOL_CLS, VTR_HEAD_POOL_MEAN,
                                       VTR_HEAD_POOL_CLS_AND_MEAN };

  for (guint i = 0; i < G_N_ELEMENTS (pools); i++)
    if (g_str_equal (features, vtr_head_pool_get_name (pools[i])))
      {
        *pool = pools[i];
        return TRUE;
      }
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "There are no features “%s”: they are cls, mean or cls-and-mean.", features);
  return FALSE;
}

/* @self was derived just now. */
static gboolean
choose_features (VtrModel *self, const char *features, GError **error)
{
  VtrArch *arch = &self->found.arch;
  VtrHeadPool pool;

  if (features == NULL)
    return TRUE;
  if (!find_pool (features, &pool, error))
    return FALSE;
  if (pool == arch->head_pool)
    return TRUE;
  if (arch->projection_size > 0 || arch->pre_logits)
    g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
                 "The model “%s” projects its token “%s” and has no features “%s”.", self->name,
                 vtr_head_pool_get_name (arch->head_pool), features);
  else if (pool != VTR_HEAD_POOL_MEAN && !arch->has_cls)
    g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
                 "The model “%s” has no CLS token, so its only features are the mean.", self->name);
  else
    {
      arch->head_pool = pool;
      return TRUE;
    }
  return FALSE;
}

VtrModel *
vtr_model_with_features (VtrModel *self, const char *features, GError **error)
{
  g_return_val_if_fail (VTR_IS_MODEL (self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  g_autoptr (VtrModel) derived = derive (self);
  return choose_features (derived, features, error) ? g_steal_pointer (&derived) : NULL;
}

VtrModel *
vtr_model_with_head (VtrModel *self, VtrHead *head, GError **error)
{
  g_return_val_if_fail (VTR_IS_MODEL (self) && head != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  g_autoptr (VtrModel) derived = derive (self);
  if (!choose_features (derived, head->features, error))
    {
      g_prefix_error (error, "%s: ", head->path != NULL ? head->path : "The head");
      return NULL;
    }

  const guint n_features = vtr_arch_n_features (&derived->found.arch);
  if (head->n_features != n_features)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
                   "%s: this head is for features of %u numbers, and those of the model “%s” have "
                   "%u.",
                   head->path != NULL ? head->path : "The head", head->n_features, self->name,
                   n_features);
      return NULL;
    }
  derived->head = vtr_head_ref (head);
  derived->found.arch.n_classes = head->n_classes;
  derived->found.labels = head->labels;
  return g_steal_pointer (&derived);
}

VtrHead *
vtr_model_get_head (VtrModel *self)
{
  g_return_val_if_fail (VTR_IS_MODEL (self), NULL);

  return self->head;
}

const char *
vtr_model_get_features (VtrModel *self)
{
  g_return_val_if_fail (VTR_IS_MODEL (self), NULL);

  const VtrHeadPool pool = self->found.arch.head_pool;
  return vtr_head_pool_get_name (pool == VTR_HEAD_POOL_CLS_AND_DISTILLATION ? VTR_HEAD_POOL_CLS
                                                                            : pool);
}

guint
vtr_model_get_n_features (VtrModel *self)
{
  g_return_val_if_fail (VTR_IS_MODEL (self), 0);

  return vtr_arch_n_features (&self->found.arch);
}
