/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-score.h>
#include <vitreous/vtr-types.h>

G_BEGIN_DECLS

#define VTR_N_MEASURES (VTR_MEASURE_NEGATIVE + 1)

/**
 * VtrMeasures:
 *
 * Some of the measures: 1 << VtrMeasure for each.
 */
typedef guint VtrMeasures;

#define VTR_MEASURES_ALL ((VtrMeasures) (1 << VTR_N_MEASURES) - 1)

/* Their names with commas between them; "patch", "pixel" and "perturbation" mean two each, "all"
 * means all.  Fails with VTR_ERROR_USAGE. */
VTR_AVAILABLE_IN_0_1
gboolean vtr_measures_parse (const char *text, VtrMeasures *measures, GError **error);

/**
 * VtrContest:
 * @VTR_CONTEST_PATCH: patches: insertion − deletion
 * @VTR_CONTEST_PIXEL: pixels: insertion − deletion
 * @VTR_CONTEST_PERTURBATION: negative − positive
 *
 * What a method may win: the area below the curve that should stay high, less that below the one
 * that should fall.  Where one of the two is not measured, the other counts alone.
 */
typedef enum
{
  VTR_CONTEST_PATCH,
  VTR_CONTEST_PIXEL,
  VTR_CONTEST_PERTURBATION,
} VtrContest;

#define VTR_N_CONTESTS (VTR_CONTEST_PERTURBATION + 1)

/* "patch", "pixel", "perturbation" */
VTR_AVAILABLE_IN_0_1
const char *vtr_contest_get_name (VtrContest contest);

/* @fall: the measure that should be low, @stay: the one that should be high. */
VTR_AVAILABLE_IN_0_1
void vtr_contest_get_measures (VtrContest contest, VtrMeasure *fall, VtrMeasure *stay);

/**
 * VtrEstimate:
 * @mean: over the pictures
 * @low: lower end of the interval that has the mean of all such pictures with a probability of 95 %
 *   (Student's t); NaN where there are fewer than two
 * @high: its upper end
 */
typedef struct
{
  double mean;
  double low;
  double high;
} VtrEstimate;

/**
 * VtrComparison:
 * @VTR_COMPARISON_UNKNOWN: fewer than two pictures tell nothing of others
 * @VTR_COMPARISON_BETTER: the interval of the difference to random orders, picture by picture, is
 *   above 0
 * @VTR_COMPARISON_NOT_BETTER: it is not
 */
typedef enum
{
  VTR_COMPARISON_UNKNOWN,
  VTR_COMPARISON_BETTER,
  VTR_COMPARISON_NOT_BETTER,
} VtrComparison;

/* Random orders of each picture that methods are compared with. */
#define VTR_EVALUATION_N_ORDERS 5

/* In place of a method: the random orders, of which each picture counts the mean. */
#define VTR_RANDOM_ORDERS (-1)

/**
 * VtrEvaluation:
 *
 * Which of several methods shows best what a model decides by, from any number of pictures.
 * Takes the same memory for all of them.  Not for several threads at once, but for
 * vtr_evaluation_try().
 */
typedef struct _VtrEvaluation VtrEvaluation;

/* What one picture has to say about the methods of an evaluation. */
typedef struct _VtrFindings VtrFindings;

/**
 * vtr_evaluation_new:
 * @methods: (array length=n_methods): what is compared; to be asked the same
 * @n_methods: how many, 1 or more
 * @measures: by what, 1 or more
 * @seed: other random orders for another number
 *
 * Returns: (transfer full): an evaluation of no pictures so far
 */
VTR_AVAILABLE_IN_0_1
VtrEvaluation *
vtr_evaluation_new (VtrMethod *const *methods, guint n_methods, VtrMeasures measures, guint32 seed);
VTR_AVAILABLE_IN_0_1
void vtr_evaluation_free (VtrEvaluation *self);

/**
 * vtr_evaluation_try:
 * @self: an evaluation; unchanged
 * @session: what computes
 * @input: a picture
 * @number: which picture it is; each number has random orders of its own
 * @progress: (nullable) (scope call): told of progress
 * @progress_data: its data
 * @cancellable: (nullable): stops it
 * @error: return location
 *
 * Explains a picture by all methods and measures all explanations and random orders.  May be called
 * from several threads.
 *
 * Returns: (transfer full): for vtr_evaluation_add()
 */
VTR_AVAILABLE_IN_0_1
VtrFindings *vtr_evaluation_try (const VtrEvaluation *self,
                                 VtrSession *session,
                                 VtrInput *input,
                                 guint number,
                                 VtrProgressFunc progress,
                                 gpointer progress_data,
                                 GCancellable *cancellable,
                                 GError **error);
VTR_AVAILABLE_IN_0_1
void vtr_findings_free (VtrFindings *self);

/* Counts a picture in. */
VTR_AVAILABLE_IN_0_1
void vtr_evaluation_add (VtrEvaluation *self, const VtrFindings *findings);

VTR_AVAILABLE_IN_0_1
guint vtr_evaluation_get_n_pictures (const VtrEvaluation *self);
VTR_AVAILABLE_IN_0_1
guint vtr_evaluation_get_n_methods (const VtrEvaluation *self);
VTR_AVAILABLE_IN_0_1
VtrMethod *vtr_evaluation_get_method (const VtrEvaluation *self, guint method);
VTR_AVAILABLE_IN_0_1
VtrMeasures vtr_evaluation_get_measures (const VtrEvaluation *self);

/* What the curves show; of "positive" and "negative" for a class instead the share of pictures that
 * are still taken for it. */
VTR_AVAILABLE_IN_0_1
VtrQuantity vtr_evaluation_get_quantity (const VtrEvaluation *self);

/* Whether a contest has a measure at all, and the first one that has, which is what methods are
 * ranked by. */
VTR_AVAILABLE_IN_0_1
gboolean vtr_evaluation_has_contest (const VtrEvaluation *self, VtrContest contest);
VTR_AVAILABLE_IN_0_1
VtrContest vtr_evaluation_get_main_contest (const VtrEvaluation *self);

/* The area below a measure's curve.  @method: an index or VTR_RANDOM_ORDERS, here and below. */
VTR_AVAILABLE_IN_0_1
VtrEstimate vtr_evaluation_get_area (const VtrEvaluation *self, int method, VtrMeasure measure);

/* The mean curve: point @point of vtr_measure_get_n_points(), at vtr_measure_get_share(). */
VTR_AVAILABLE_IN_0_1
VtrEstimate
vtr_evaluation_get_point (const VtrEvaluation *self, int method, VtrMeasure measure, guint point);
VTR_AVAILABLE_IN_0_1
guint vtr_measure_get_n_points (VtrMeasure measure);
VTR_AVAILABLE_IN_0_1
double vtr_measure_get_share (VtrMeasure measure, guint point);

VTR_AVAILABLE_IN_0_1
VtrEstimate vtr_evaluation_get_score (const VtrEvaluation *self, int method, VtrContest contest);

/* The score less that of random orders, picture by picture. */
VTR_AVAILABLE_IN_0_1
VtrEstimate
vtr_evaluation_get_difference (const VtrEvaluation *self, guint method, VtrContest contest);
VTR_AVAILABLE_IN_0_1
VtrComparison vtr_evaluation_compare (const VtrEvaluation *self, guint method, VtrContest contest);

/* The methods by their score in the main contest, best first; [n_methods], transfer full. */
VTR_AVAILABLE_IN_0_1
guint *vtr_evaluation_rank (const VtrEvaluation *self);

/**
 * vtr_evaluation_save_charts:
 * @self: an evaluation of one picture or more
 * @title: what was evaluated, for people
 * @stem: path of the files without their endings
 * @error: return location
 *
 * Draws mean curves and differences to random orders: STEM.png and STEM.svg, each under a temporary
 * name first.
 */
VTR_AVAILABLE_IN_0_1
gboolean vtr_evaluation_save_charts (const VtrEvaluation *self,
                                     const char *title,
                                     const char *stem,
                                     GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrEvaluation, vtr_evaluation_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrFindings, vtr_findings_free)

G_END_DECLS
