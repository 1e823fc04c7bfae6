/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * What a map is worth: the picture is changed in the map's order, and a number is watched.
 *
 *   judge.c           the number
 *   order.c           orders of patches and pixels, steps through them
 *   measure.c         vtr_session_measure, and curves
 *   measure-pixels.c  pixels that are deleted, inserted, blackened
 *   score.c           VTR_EXPLAIN_SCORE: patches against random orders
 */
#include "explain/explain.h"
#include "run/variants.h"

/* ---- judge.c ---- */

/* What is measured of the answers to a changed picture. */
typedef struct
{
  VtrQuantity quantity;
  VtrTarget *target;   /* NULL for likeness to the whole picture; owned */
  gint patch;          /* whose token is compared, or VTR_NO_PATCH */
  double temperature;  /* of the explanation */
  gboolean class_only; /* whether it is one class's */
} VtrJudge;

/* @target: NULL for the explanation's own.  Clear @self afterwards, also on failure. */
gboolean
vtr_judge_init (VtrJudge *self, VtrExplanation *explanation, VtrTarget *target, GError **error);
void vtr_judge_clear (VtrJudge *self);

/* y of variant @index; @whole is the one of the whole picture. */
double
vtr_judge_evaluate (const VtrJudge *self, const VtrAnswers *answers, guint index, guint whole);

/* Whether the target's class is the one with the greatest logit; 0 or 1. */
double vtr_judge_is_first (const VtrJudge *self, const VtrAnswers *answers, guint index);

/* What all variants of the explanation's picture have in common. */
VtrVariants vtr_judge_describe (const VtrJudge *self, VtrExplanation *explanation, guint n);

/* ---- order.c ---- */

/* Indices of the values, the greatest first; of equal ones the first. */
guint32 *vtr_order_new (const float *values, gsize n);

/* A random one, the same for a seed on every machine. */
guint32 *vtr_order_new_random (gsize n, guint32 seed);

/* A map [n_rows][n_columns] of patches at every pixel [height][width], bilinear between their
 * centres. */
float *
vtr_map_enlarge (const float *values, guint n_rows, guint n_columns, guint height, guint width);

/* ---- measure.c ---- */

/* @n points with shares 0, @step, 2·@step, ...; the values are to be filled in. */
VtrCurve *vtr_curve_new (guint n, double step);
void vtr_curve_integrate (VtrCurve *self);

/* Evenly spaced steps from no patch to all: @step is 0..vtr_count_steps (p). */
guint vtr_count_steps (guint n_patches);
guint vtr_count_patches (guint n_patches, guint step);

/*
 * Patches in an order and the wrong way round: what insertion keeps of it are its first ones, what
 * deletion keeps are the first ones of the other.  A patch that must stay leads both.
 */
typedef struct
{
  guint32 *added;
  guint32 *left;
} VtrPatchOrder;

/* @order: [n_patches] */
void vtr_patch_order_init (VtrPatchOrder *self, const guint32 *order, guint n_patches, gint stays);
void vtr_patch_order_clear (VtrPatchOrder *self);

/* Subsets that are yet to be asked about; the whole picture and none of it only once. */
typedef struct
{
  guint n_patches;
  guint least;     /* patches that a subset has at least */
  GPtrArray *kept; /* of guint32 */
  GArray *n_kept;  /* guint */
  guint whole;     /* index of the whole picture */
  guint none;      /* index of the empty subset; G_MAXUINT if there is none so far */
} VtrSubsetList;

void vtr_subset_list_init (VtrSubsetList *self,
                           VtrExplanation *explanation,
                           const VtrJudge *judge,
                           const guint32 *all);
void vtr_subset_list_clear (VtrSubsetList *self);

/* The subsets of one curve: @places [steps + 1] gets where their answers will be. */
void vtr_subset_list_add (VtrSubsetList *self,
                          const VtrPatchOrder *order,
                          VtrMeasure measure,
                          guint *places);
VtrAnswers *vtr_subset_list_ask (const VtrSubsetList *self,
                                 VtrSession *session,
                                 VtrExplanation *explanation,
                                 const VtrJudge *judge,
                                 const VtrProgress *progress,
                                 GError **error);
VtrCurve *vtr_subset_list_read (const VtrSubsetList *self,
                                const VtrAnswers *answers,
                                const VtrJudge *judge,
                                const guint *places);

/* ---- measure-pixels.c ---- */

/* @values: of the map that gives the order */
VtrCurve *vtr_measure_pixels (VtrSession *session,
                              VtrExplanation *explanation,
                              const float *values,
                              VtrMeasure measure,
                              const VtrJudge *judge,
                              const VtrProgress *progress,
                              GError **error);

/* ---- score.c ---- */

void vtr_score_free (VtrScore *self); /* NULL is fine */

/* Puts a score into the explanation. */
gboolean vtr_score_explanation (VtrSession *session,
                                VtrExplanation *explanation,
                                const VtrProgress *progress,
                                GError **error);
