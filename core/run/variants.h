/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * variants: what a model answers to one picture changed in many ways.  The forward pass is that of
 * all pictures; only what goes in differs.
 */
#include "run/run.h"

/* What is wanted of each variant besides embedding and logits. */
#define VTR_NO_PATCH (-1)

/* The answers, in the order of the variants; what the model has not got is NULL. */
typedef struct
{
  guint n; /* variants */
  guint n_features;
  guint n_classes; /* 0 without a head */
  guint width;     /* of a token */
  float *features; /* [n][n_features], as vtr_plan_get_embedding () */
  float *logits;   /* [n][n_classes]; of DeiT the mean of its two heads' */
  float *tokens;   /* [n][width]: of the asked patch after the last block; NULL if none was */
} VtrAnswers;

void vtr_answers_free (VtrAnswers *self); /* NULL is fine */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrAnswers, vtr_answers_free)

/* What all variants of a picture have in common. */
typedef struct
{
  guint n_rows; /* of patches */
  guint n_columns;
  double temperature; /* divides the attention logits */
  gint patch;         /* whose token is wanted, row by row, or VTR_NO_PATCH */
  guint n;            /* variants */
} VtrVariants;

/*
 * Subsets of a picture's patches: the others are taken out after they were embedded, so that the
 * model never sees that there was something.  Prefix tokens always stay.
 */
typedef struct
{
  VtrVariants all;
  const float *pixels;        /* [3][rows·patch][columns·patch], normalised */
  const guint32 *const *kept; /* [n] of [n_kept[i]]: patches in any order, none of them twice; the
                               * one that is asked for among them */
  const guint *n_kept;        /* [n], each at least vtr_min_patches () */
} VtrSubsets;

/* The fewest patches a model can answer to: 1 where the head reads their mean, else 0. */
guint vtr_min_patches (const VtrArch *arch);

/*
 * Subsets of one size are computed together, in smaller batches where memory does not suffice.
 * VTR_ERROR_BAD_VALUES if an answer is not finite.
 */
VtrAnswers *vtr_session_answer_subsets (VtrSession *self,
                                        const VtrSubsets *subsets,
                                        const VtrProgress *progress,
                                        GError **error);

/* A picture with other pixels. */
typedef struct
{
  VtrVariants all;

  /* Writes variant @index into @pixels, [3][rows·patch][columns·patch]; called in order, but from
   * the first on again where a batch was too large. */
  void (*make) (guint index, float *pixels, gpointer user_data);
  gpointer user_data;
} VtrPixels;

VtrAnswers *vtr_session_answer_pixels (VtrSession *self,
                                       const VtrPixels *pixels,
                                       const VtrProgress *progress,
                                       GError **error);

/* ---- what every reader of embeddings and logits does with them ---- */

/* DeiT's two heads answer with the mean of their logits. */
void vtr_average_logits (float *logits, const float *of_distillation, gsize n_values);

/* VTR_ERROR_BAD_VALUES if not: weights or pixels the model cannot be right with, or numbers on the
 * way that were too large for f16. */
gboolean vtr_check_finite (VtrModel *model,
                           VtrPrecision precision,
                           const float *values,
                           gsize n_values,
                           GError **error);
