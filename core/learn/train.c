/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "learn/learn.h"
#include "model/model.h"

/* Share of the progress that the cross-validation gets; one fit to all examples comes after it. */
#define VALIDATION_SHARE 0.9

/* [n_classes]: examples of each. */
static guint *
count_classes (const VtrExamples *examples)
{
  guint *counts = g_new0 (guint, examples->n_classes);

  for (guint i = 0; i < examples->n_examples; i++)
    counts[examples->classes[i]]++;
  return counts;
}

gboolean
vtr_examples_check (const VtrExamples *self, GError **error)
{
  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  g_autofree guint *counts = count_classes (self);

  if (self->n_classes < 2)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "A head tells classes apart, so there must be two of them at least; there %s.",
                   self->n_classes == 1 ? "is one" : "is none");
      return FALSE;
    }
  for (guint i = 0; i < self->n_classes; i++)
    if (counts[i] < 2)
      {
        g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                     "The class “%s” has %s, and two are needed at least: one to learn from and "
                     "one to test with.",
                     self->labels[i], counts[i] == 0 ? "no picture" : "one picture only");
        return FALSE;
      }
  return TRUE;
}

/* Accuracy of always naming the largest class. */
static double
accuracy_of_guessing (const VtrExamples *examples)
{
  g_autofree guint *counts = count_classes (examples);
  guint largest = 0;

  for (guint i = 0; i < examples->n_classes; i++)
    largest = MAX (largest, counts[i]);
  return (double) largest / examples->n_examples;
}

static VtrHead *
make_head (const VtrFitting *fitting)
{
  const VtrExamples *examples = fitting->sample.examples;
  const guint d = examples->n_features;
  const guint c = examples->n_classes;
  g_autofree double *weight = g_new (double, (gsize) d *c);
  g_autofree double *bias = g_new (double, c);
  g_autofree float *rows = g_new (float, (gsize) d *c);
  g_autofree float *biases = g_new (float, c);
  GPtrArray *labels = g_ptr_array_new_with_free_func (g_free);

  vtr_sample_unscale (&fitting->sample, fitting->params, weight, bias);
  for (guint k = 0; k < c; k++)
    {
      for (guint j = 0; j < d; j++)
        rows[(gsize) k * d + j] = (float) weight[(gsize) j * c + k];
      biases[k] = (float) bias[k];
      g_ptr_array_add (labels, g_strdup (examples->labels[k]));
    }
  return vtr_head_new (c, d, g_steal_pointer (&rows), g_steal_pointer (&biases), labels);
}

/* Fits a head to all examples, over the stronger penalties to the one that was chosen. */
static VtrHead *
fit_to_all (const VtrExamples *examples, guint penalty, const VtrProgress *progress, GError **error)
{
  g_autofree guint *rows = g_new (guint, examples->n_examples);
  g_auto (VtrFitting) fitting = { 0 };

  for (guint i = 0; i < examples->n_examples; i++)
    rows[i] = i;
  if (!vtr_fitting_init (&fitting, examples, rows, examples->n_examples, error))
    return NULL;
  for (guint i = 0; i <= penalty; i++)
    {
      const double tolerance = i == penalty ? VTR_FINAL_TOLERANCE : VTR_SEARCH_TOLERANCE;
      if (!vtr_progress_step (progress, (double) i / (penalty + 1), "fitting the head", error) ||
          !vtr_fitting_search (&fitting, vtr_penalties[i], tolerance, progress->cancellable, error))
        return NULL;
    }
  return make_head (&fitting);
}

VtrHead *
vtr_head_train (VtrModel *model,
                const VtrExamples *examples,
                guint n_folds,
                VtrProgressFunc func,
                gpointer progress_data,
                GCancellable *cancellable,
                GError **error)
{
  g_return_val_if_fail (model != NULL && examples != NULL && n_folds >= 2, NULL);
  g_return_val_if_fail (examples->n_features == vtr_model_get_n_features (model), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  const VtrProgress whole = vtr_progress_whole (func, progress_data, cancellable);
  const VtrProgress first = vtr_progress_part (&whole, 0.0, VALIDATION_SHARE);
  const VtrProgress second = vtr_progress_part (&whole, VALIDATION_SHARE, 1.0);
  VtrHeadScore score = { .n_examples = examples->n_examples };
  guint penalty;

  if (!vtr_examples_check (examples, error))
    return NULL;
  g_autofree guint *confusion =
      vtr_validate (examples, MIN (n_folds, examples->n_examples), &first, &score, &penalty, error);
  g_autoptr (VtrHead) self =
      confusion != NULL ? fit_to_all (examples, penalty, &second, error) : NULL;
  if (self == NULL || !vtr_progress_step (&whole, 1.0, "fitting the head", error))
    return NULL;

  score.guessing = accuracy_of_guessing (examples);
  score.penalty = vtr_penalties[penalty];
  self->features = g_strdup (vtr_model_get_features (model));
  self->model_name = g_strdup (vtr_model_get_name (model));
  self->model_hash = g_strdup (vtr_model_get_hash (model));
  self->fit = g_strdup (vtr_fit_get_name (examples->fit));
  self->size = examples->size;
  self->confusion = g_steal_pointer (&confusion);
  self->score = score;
  self->score.confusion = self->confusion;
  self->has_score = TRUE;
  return g_steal_pointer (&self);
}
