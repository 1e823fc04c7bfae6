/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Cross-validation.  A head that is fitted to all folds but one tells the one; the penalty with the
 * least loss is the best.  A fold's accuracy is that of the penalty which the *other* folds find
 * best, so that no example has a say in what it is judged by.
 */
#include "learn/learn.h"

#include <math.h>
#include <string.h>

/* From 10 to 1e-5, in steps of √10. */
const double vtr_penalties[VTR_N_PENALTIES] = {
  10.0,      3.1623, 1.0,       0.31623, 0.1,       0.031623, 0.01,
  0.0031623, 1e-3,   3.1623e-4, 1e-4,    3.1623e-5, 1e-5,
};

/* Of the order in which examples are dealt to the folds. */
#define SEED 1

/* Heads for one fold. */
typedef struct
{
  const VtrExamples *examples;
  guint *train; /* rows of the other folds */
  guint n_train;
  guint *test; /* rows of this one */
  guint n_test;
  double loss[VTR_N_PENALTIES]; /* sums over this fold */
  guint *taken_for;             /* [VTR_N_PENALTIES][n_test]: classes */
  GError *error;
} Fold;

typedef struct
{
  Fold *folds;
  guint n_folds;
  GCancellable *cancellable;
  GMutex lock; /* of what follows */
  GCond changed;
  guint n_steps; /* heads fitted, of n_folds·VTR_N_PENALTIES */
  guint n_ended; /* folds that are done or have failed */
} Validation;

guint *
vtr_folds_new (const VtrExamples *examples, guint n_folds)
{
  const guint n = examples->n_examples;
  g_autoptr (GRand) random = g_rand_new_with_seed (SEED);
  g_autofree guint *order = g_new (guint, n);
  guint *folds = g_new (guint, n);
  guint n_dealt = 0;

  for (guint i = 0; i < n; i++)
    {
      const guint at = (guint) g_rand_int_range (random, 0, (gint32) i + 1);
      order[i] = order[at];
      order[at] = i;
    }
  /* Like cards, one class after the other: none comes to differ by more than one. */
  for (guint class = 0; class < examples->n_classes; class ++)
    for (guint i = 0; i < n; i++)
      if (examples->classes[order[i]] == class)
        folds[order[i]] = n_dealt++ % n_folds;
  return folds;
}

static void
fold_init (Fold *self, const VtrExamples *examples, const guint *folds, guint fold)
{
  const guint n = examples->n_examples;

  self->examples = examples;
  self->train = g_new (guint, n);
  self->test = g_new (guint, n);
  for (guint i = 0; i < n; i++)
    if (folds[i] == fold)
      self->test[self->n_test++] = i;
    else
      self->train[self->n_train++] = i;
  self->taken_for = g_new (guint, (gsize) VTR_N_PENALTIES * self->n_test);
}

static void
fold_clear (Fold *self)
{
  g_free (self->train);
  g_free (self->test);
  g_free (self->taken_for);
  g_clear_error (&self->error);
}

/* What the head says of this fold. */
static void
judge (Fold *self, const VtrFitting *fitting, guint penalty)
{
  const guint c = self->examples->n_classes;
  g_autofree double *weight = g_new (double, (gsize) self->examples->n_features *c);
  g_autofree double *bias = g_new (double, c);
  g_autofree double *scratch = g_new (double, c);
  guint *taken_for = self->taken_for + (gsize) penalty * self->n_test;

  vtr_sample_unscale (&fitting->sample, fitting->params, weight, bias);
  for (guint i = 0; i < self->n_test; i++)
    self->loss[penalty] +=
        vtr_example_loss (self->examples, self->test[i], weight, bias, scratch, &taken_for[i]);
}

static void
note (Validation *self, guint n_steps, guint n_ended)
{
  g_mutex_lock (&self->lock);
  self->n_steps += n_steps;
  self->n_ended += n_ended;
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->lock);
}

/* From the strongest penalty to the weakest: each head starts from the one before. */
static void
fit_fold (gpointer data, gpointer user_data)
{
  Validation *self = user_data;
  Fold *fold = data;
  g_auto (VtrFitting) fitting = { 0 };
  gboolean ok =
      vtr_fitting_init (&fitting, fold->examples, fold->train, fold->n_train, &fold->error);

  for (guint i = 0; ok && i < VTR_N_PENALTIES; i++)
    {
      ok = vtr_fitting_search (&fitting, vtr_penalties[i], VTR_SEARCH_TOLERANCE, self->cancellable,
                               &fold->error);
      if (ok)
        judge (fold, &fitting, i);
      note (self, 1, 0);
    }
  note (self, 0, 1);
}

/* Tells of progress until all folds are through. */
static void
wait_for_all (Validation *self, const VtrProgress *progress)
{
  g_mutex_lock (&self->lock);
  while (self->n_ended < self->n_folds)
    {
      const double done = (double) self->n_steps / (self->n_folds * VTR_N_PENALTIES);

      g_mutex_unlock (&self->lock);
      /* Who was cancelled is told by the folds. */
      vtr_progress_step (progress, done, "fitting heads", NULL);
      g_mutex_lock (&self->lock);
      if (self->n_ended < self->n_folds)
        g_cond_wait_until (&self->changed, &self->lock,
                           g_get_monotonic_time () + G_USEC_PER_SEC / 5);
    }
  g_mutex_unlock (&self->lock);
}

static gboolean
fit_all (Validation *self, const VtrProgress *progress, GError **error)
{
  const guint n_threads = MIN (g_get_num_processors (), self->n_folds);
  GThreadPool *pool = g_thread_pool_new (fit_fold, self, (int) n_threads, FALSE, NULL);

  for (guint i = 0; i < self->n_folds; i++)
    g_thread_pool_push (pool, &self->folds[i], NULL);
  wait_for_all (self, progress);
  g_thread_pool_free (pool, FALSE, TRUE);
  for (guint i = 0; i < self->n_folds; i++)
    if (self->folds[i].error != NULL)
      {
        g_propagate_error (error, g_steal_pointer (&self->folds[i].error));
        return FALSE;
      }
  return TRUE;
}

/* The penalty of the least loss over all folds but @without. */
static guint
find_best (const Validation *self, guint without)
{
  guint best = 0;
  double least = INFINITY;

  for (guint penalty = 0; penalty < VTR_N_PENALTIES; penalty++)
    {
      double loss = 0.0;
      for (guint i = 0; i < self->n_folds; i++)
        if (i != without)
          loss += self->folds[i].loss[penalty];
      if (loss < least)
        {
          least = loss;
          best = penalty;
        }
    }
  return best;
}

/* Share of the fold's examples told right; counts what was taken for what. */
static double
score_fold (const Fold *self, guint penalty, guint *confusion)
{
  const guint *taken_for = self->taken_for + (gsize) penalty * self->n_test;
  guint n_right = 0;

  for (guint i = 0; i < self->n_test; i++)
    {
      const guint class = self->examples->classes[self->test[i]];
      n_right += taken_for[i] == class;
      confusion[(gsize) class * self->examples->n_classes + taken_for[i]]++;
    }
  return (double) n_right / self->n_test;
}

static void
score_all (const Validation *self, VtrHeadScore *score, guint *confusion)
{
  double sum = 0.0;
  double squares = 0.0;

  for (guint i = 0; i < self->n_folds; i++)
    {
      const double accuracy = score_fold (&self->folds[i], find_best (self, i), confusion);
      sum += accuracy;
      squares += accuracy * accuracy;
    }
  score->n_folds = self->n_folds;
  score->accuracy = sum / self->n_folds;
  score->deviation = sqrt (MAX (0.0, (squares - sum * score->accuracy) / (self->n_folds - 1)));
}

guint *
vtr_validate (const VtrExamples *examples,
              guint n_folds,
              const VtrProgress *progress,
              VtrHeadScore *score,
              guint *penalty,
              GError **error)
{
  g_autofree guint *folds = vtr_folds_new (examples, n_folds);
  g_autofree guint *confusion = g_new0 (guint, (gsize) examples->n_classes * examples->n_classes);
  Validation self = {
    .folds = g_new0 (Fold, n_folds),
    .n_folds = n_folds,
    .cancellable = progress->cancellable,
  };

  g_mutex_init (&self.lock);
  g_cond_init (&self.changed);
  for (guint i = 0; i < n_folds; i++)
    fold_init (&self.folds[i], examples, folds, i);
  const gboolean ok = fit_all (&self, progress, error);
  if (ok)
    {
      score_all (&self, score, confusion);
      *penalty = find_best (&self, n_folds);
    }
  for (guint i = 0; i < n_folds; i++)
    fold_clear (&self.folds[i]);
  g_free (self.folds);
  g_cond_clear (&self.changed);
  g_mutex_clear (&self.lock);
  return ok ? g_steal_pointer (&confusion) : NULL;
}
