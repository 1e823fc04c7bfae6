/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The number that is watched while a picture is changed. */
#include "explain/score.h"

#include <math.h>

/* Walked by names. */
static const char *const quantities[] = {
  [VTR_QUANTITY_PROBABILITY] = "probability",
  [VTR_QUANTITY_DIFFERENCE] = "difference",
  [VTR_QUANTITY_LOG_ODDS] = "log-odds",
  [VTR_QUANTITY_COSINE] = "cosine",
};

/* By the kind of target. */
static const VtrQuantity quantity_of[] = {
  [VTR_TARGET_CLASS] = VTR_QUANTITY_PROBABILITY, [VTR_TARGET_CONTRAST] = VTR_QUANTITY_DIFFERENCE,
  [VTR_TARGET_REST] = VTR_QUANTITY_LOG_ODDS,     [VTR_TARGET_EMBEDDING] = VTR_QUANTITY_COSINE,
  [VTR_TARGET_PATCH] = VTR_QUANTITY_COSINE,      [VTR_TARGET_LENGTH] = VTR_QUANTITY_COSINE,
};

const char *
vtr_quantity_get_name (VtrQuantity quantity)
{
  g_return_val_if_fail ((guint) quantity < G_N_ELEMENTS (quantities), NULL);

  return quantities[quantity];
}

/* What the explanation is of; where that is nothing, what is to be asked of its picture; where that
 * is nothing either, the class it is taken for.  NULL without an error where there are no classes.
 */
static VtrTarget *
find_target (VtrExplanation *explanation, VtrTarget *given, GError **error)
{
  VtrModel *model = vtr_explanation_get_model (explanation);
  VtrTarget *target = vtr_explanation_get_target (explanation, NULL);
  g_autoptr (VtrTarget) first = NULL;
  guint n_classes;
  const float *logits = vtr_explanation_get_logits (explanation, &n_classes);

  if (given != NULL)
    target = given;
  if (target == NULL)
    target = vtr_method_get_target (vtr_explanation_get_method (explanation));
  if (target == NULL && logits == NULL)
    return NULL;
  if (target == NULL)
    target = first = vtr_target_parse ("top1", model, error);
  if (target == NULL || !vtr_target_check (target, model, error))
    return NULL;
  return vtr_target_resolve (target, model, logits, n_classes, error);
}

/* The patch of a target, row by row. */
static gboolean
find_patch (VtrJudge *self, VtrInput *input, GError **error)
{
  guint row, column;

  self->patch = VTR_NO_PATCH;
  if (self->target == NULL || self->target->kind != VTR_TARGET_PATCH)
    return TRUE;
  if (!vtr_input_get_patch_at (input, self->target->x, self->target->y, &row, &column))
    return vtr_explain_fail_place (input, self->target->x, self->target->y, error);
  self->patch = (gint) (row * vtr_input_get_n_columns (input) + column);
  return TRUE;
}

gboolean
vtr_judge_init (VtrJudge *self, VtrExplanation *explanation, VtrTarget *target, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  const char *temperature =
      vtr_method_get (vtr_explanation_get_method (explanation), "temperature");

  *self = (VtrJudge){
    .quantity = VTR_QUANTITY_COSINE,
    .temperature = temperature != NULL ? g_ascii_strtod (temperature, NULL) : 1.0,
  };
  self->target = find_target (explanation, target, &local_error);
  if (local_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  if (self->target != NULL)
    self->quantity = quantity_of[self->target->kind];
  self->class_only = self->target != NULL && self->target->kind == VTR_TARGET_CLASS;
  return find_patch (self, vtr_explanation_get_input (explanation), error);
}

void
vtr_judge_clear (VtrJudge *self)
{
  g_clear_pointer (&self->target, vtr_target_unref);
}

/* exp (z_a) / Σ_k exp (z_k) */
static double
probability_of (guint class, const float *logits, guint n_classes)
{
  double greatest = -INFINITY;
  double sum = 0.0;

  for (guint k = 0; k < n_classes; k++)
    greatest = MAX (greatest, (double) logits[k]);
  for (guint k = 0; k < n_classes; k++)
    sum += exp (logits[k] - greatest);
  return exp (logits[class] - greatest) / sum;
}

static double
cosine_of (const float *a, const float *b, guint n)
{
  double dot = 0.0, a_squared = 0.0, b_squared = 0.0;

  for (guint i = 0; i < n; i++)
    {
      dot += (double) a[i] * b[i];
      a_squared += (double) a[i] * a[i];
      b_squared += (double) b[i] * b[i];
    }
  return a_squared > 0.0 && b_squared > 0.0 ? dot / sqrt (a_squared * b_squared) : 0.0;
}

double
vtr_judge_evaluate (const VtrJudge *self, const VtrAnswers *answers, guint index, guint whole)
{
  const gsize n_features = answers->n_features, width = answers->width;
  const float *features = answers->features + index * n_features;
  const float *logits =
      answers->logits != NULL ? answers->logits + (gsize) index * answers->n_classes : NULL;

  if (self->target == NULL)
    return cosine_of (features, answers->features + whole * n_features, answers->n_features);
  switch (self->target->kind)
    {
    case VTR_TARGET_CLASS:
      return probability_of (self->target->a.number, logits, answers->n_classes);
    case VTR_TARGET_CONTRAST:
    case VTR_TARGET_REST:
      return vtr_target_evaluate (self->target, logits, answers->n_classes, NULL);
    case VTR_TARGET_EMBEDDING:
      return vtr_target_evaluate (self->target, features, answers->n_features, NULL);
    case VTR_TARGET_LENGTH:
      return cosine_of (features, answers->features + whole * n_features, answers->n_features);
    case VTR_TARGET_PATCH:
      return cosine_of (answers->tokens + index * width, answers->tokens + whole * width,
                        answers->width);
    }
  g_return_val_if_reached (0.0);
}

double
vtr_judge_is_first (const VtrJudge *self, const VtrAnswers *answers, guint index)
{
  const float *logits = answers->logits + (gsize) index * answers->n_classes;
  const guint class = self->target->a.number;

  for (guint k = 0; k < answers->n_classes; k++)
    if (logits[k] > logits[class] || (logits[k] == logits[class] && k < class))
      return 0.0;
  return 1.0;
}

VtrVariants
vtr_judge_describe (const VtrJudge *self, VtrExplanation *explanation, guint n)
{
  VtrInput *input = vtr_explanation_get_input (explanation);

  return (VtrVariants){
    .n_rows = vtr_input_get_n_rows (input),
    .n_columns = vtr_input_get_n_columns (input),
    .temperature = self->temperature,
    .patch = self->patch,
    .n = n,
  };
}
