/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* A head that makes the loss of its examples least: a convex problem, so there is one. */
#include "learn/learn.h"

#include <lbfgs.h>

/* Where the penalty is weak and the classes lie apart, a search would go on for very long, for
 * hardly any gain. */
#define MAX_ITERATIONS 1000

/* Pairs of steps and gradients that are remembered: some more than usual take fewer evaluations. */
#define N_REMEMBERED 10

typedef struct
{
  const VtrSample *sample;
  double penalty;
  GCancellable *cancellable;
} Search;

static lbfgsfloatval_t
evaluate (void *data,
          const lbfgsfloatval_t *params,
          lbfgsfloatval_t *gradient,
          G_GNUC_UNUSED const int n,
          G_GNUC_UNUSED const lbfgsfloatval_t step)
{
  const Search *self = data;

  return vtr_sample_loss (self->sample, self->penalty, params, gradient);
}

/* Other than 0 stops the search. */
static int
look_up (void *data,
         G_GNUC_UNUSED const lbfgsfloatval_t *params,
         G_GNUC_UNUSED const lbfgsfloatval_t *gradient,
         G_GNUC_UNUSED const lbfgsfloatval_t loss,
         G_GNUC_UNUSED const lbfgsfloatval_t params_length,
         G_GNUC_UNUSED const lbfgsfloatval_t gradient_length,
         G_GNUC_UNUSED const lbfgsfloatval_t step,
         G_GNUC_UNUSED int n,
         G_GNUC_UNUSED int iteration,
         G_GNUC_UNUSED int n_evaluations)
{
  return g_cancellable_is_cancelled (((const Search *) data)->cancellable);
}

static gboolean
fail_memory (const VtrExamples *examples, GError **error)
{
  g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
               "There is not enough memory to fit a head of %u classes to %u features.",
               examples->n_classes, examples->n_features);
  return FALSE;
}

gboolean
vtr_fitting_init (VtrFitting *self,
                  const VtrExamples *examples,
                  const guint *rows,
                  guint n_rows,
                  GError **error)
{
  vtr_sample_init (&self->sample, examples, rows, n_rows);
  const gsize n_params = vtr_sample_count_params (&self->sample);
  self->params = n_params <= G_MAXINT - 16 ? lbfgs_malloc ((int) n_params) : NULL;
  if (self->params == NULL)
    return fail_memory (examples, error);
  for (gsize i = 0; i < n_params; i++)
    self->params[i] = 0.0;
  return TRUE;
}

void
vtr_fitting_clear (VtrFitting *self)
{
  vtr_sample_clear (&self->sample);
  if (self->params != NULL)
    lbfgs_free (self->params);
  self->params = NULL;
}

gboolean
vtr_fitting_search (VtrFitting *self,
                    double penalty,
                    double tolerance,
                    GCancellable *cancellable,
                    GError **error)
{
  Search search = { &self->sample, penalty, cancellable };
  lbfgs_parameter_t settings;

  lbfgs_parameter_init (&settings);
  settings.m = N_REMEMBERED;
  settings.epsilon = tolerance;
  settings.max_iterations = MAX_ITERATIONS;
  const int answer = lbfgs ((int) vtr_sample_count_params (&self->sample), self->params, NULL,
                            evaluate, look_up, &search, &settings);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  if (answer == LBFGSERR_OUTOFMEMORY)
    return fail_memory (self->sample.examples, error);
  /* What else can end it, an end of the iterations or of what f64 resolves, leaves the best so far.
   */
  if (answer < 0)
    g_debug ("The search ended with %d at a penalty of %g", answer, penalty);
  return TRUE;
}
