/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * learn: examples → a classifier head.
 *
 *   softmax.c    the loss of examples under a head, and its gradient
 *   fit.c        a head that makes the loss least (by libLBFGS)
 *   validate.c   cross-validation: how strong a penalty, how good a head
 *   train.c      vtr_head_train
 *   save.c       vtr_head_save
 *
 * d: features of an example, c: classes.  Everything is computed in f64.
 */
#include "model/head.h"
#include "preprocess/preprocess.h"

/* ---- softmax.c ---- */

/* Some of the examples, and the scale that their features are brought to. */
typedef struct
{
  const VtrExamples *examples;
  const guint *rows; /* [n_rows]: which of them; not owned */
  guint n_rows;
  double *mean;  /* [d], of these examples */
  double *scale; /* [d]: one by the standard deviation; 0 where it is 0 */
} VtrSample;

/* @rows stay the caller's and must outlive @self. */
void
vtr_sample_init (VtrSample *self, const VtrExamples *examples, const guint *rows, guint n_rows);
void vtr_sample_clear (VtrSample *self);

/* Parameters of a head: [d + 1][c], weights of standardised features, then biases. */
gsize vtr_sample_count_params (const VtrSample *self);

/* The same head for features as they are: weight [d][c], bias [c]. */
void vtr_sample_unscale (const VtrSample *self, const double *params, double *weight, double *bias);

/* The mean loss of an example (natural logarithm) and the penalty; @gradient: [d + 1][c]. */
double
vtr_sample_loss (const VtrSample *self, double penalty, const double *params, double *gradient);

/* The loss of one example under a head for features as they are; the class it is taken for.
 * @scratch: [c] */
double vtr_example_loss (const VtrExamples *examples,
                         guint example,
                         const double *weight,
                         const double *bias,
                         double *scratch,
                         guint *taken_for);

/* ---- fit.c ---- */

/* A head on its way; memory is libLBFGS's. */
typedef struct
{
  VtrSample sample;
  double *params; /* [d + 1][c]; what was found last, where the next search starts */
} VtrFitting;

gboolean vtr_fitting_init (VtrFitting *self,
                           const VtrExamples *examples,
                           const guint *rows,
                           guint n_rows,
                           GError **error);
void vtr_fitting_clear (VtrFitting *self);

/* Searches until the gradient is below @tolerance times the length of the parameters. */
gboolean vtr_fitting_search (VtrFitting *self,
                             double penalty,
                             double tolerance,
                             GCancellable *cancellable,
                             GError **error);

/* ---- validate.c ---- */

/* Strengths of the penalty that are tried, strongest first. */
#define VTR_N_PENALTIES 13
extern const double vtr_penalties[VTR_N_PENALTIES];

/* How far a search goes while penalties are compared, and for the head that is kept. */
#define VTR_SEARCH_TOLERANCE 1e-5
#define VTR_FINAL_TOLERANCE 1e-8

/* Which fold each example is in, [n_examples]: by chance, always the same, with as many of a class
 * in each as can be. */
guint *vtr_folds_new (const VtrExamples *examples, guint n_folds);

/* Fits heads to all folds but one, for every penalty and every fold, several at a time.  Fills in
 * @score, but for the confusion, which is returned: [c][c]; NULL: cancelled or out of memory.
 * *penalty: the index of the best. */
guint *vtr_validate (const VtrExamples *examples,
                     guint n_folds,
                     const VtrProgress *progress,
                     VtrHeadScore *score,
                     guint *penalty,
                     GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VtrFitting, vtr_fitting_clear)
