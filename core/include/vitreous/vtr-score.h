/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-types.h>

G_BEGIN_DECLS

/**
 * VtrQuantity:
 * @VTR_QUANTITY_PROBABILITY: the probability of a class: softmax of the logits
 * @VTR_QUANTITY_DIFFERENCE: z_a − z_b, the logit of one class less that of another
 * @VTR_QUANTITY_LOG_ODDS: z_a − ln Σ_{k≠a} exp z_k
 * @VTR_QUANTITY_COSINE: the cosine of the embedding and the direction asked for; of a patch's token
 *   and what it is in the whole picture; or, where nothing can be asked, of the embedding and that
 *   of the whole picture
 *
 * What is measured of a changed picture: y.
 */
typedef enum
{
  VTR_QUANTITY_PROBABILITY,
  VTR_QUANTITY_DIFFERENCE,
  VTR_QUANTITY_LOG_ODDS,
  VTR_QUANTITY_COSINE,
} VtrQuantity;

/* "probability", "difference", "log-odds", "cosine" */
VTR_AVAILABLE_IN_0_1
const char *vtr_quantity_get_name (VtrQuantity quantity);

/**
 * VtrMeasure:
 * @VTR_MEASURE_PATCH_DELETION: patches are taken away, those first that the map is greatest at; the
 *   model never sees them
 * @VTR_MEASURE_PATCH_INSERTION: patches are added in that order, to none
 * @VTR_MEASURE_PIXEL_DELETION: pixels in that order become 0, which is the mean colour (RISE,
 *   Petsiuk et al. 2018)
 * @VTR_MEASURE_PIXEL_INSERTION: pixels in that order come into the blurred picture (RISE)
 * @VTR_MEASURE_POSITIVE: pixels in that order become black, a tenth to nine tenths of them (Chefer
 *   et al. 2021)
 * @VTR_MEASURE_NEGATIVE: the same, those first that the map is least at
 *
 * How a picture is changed to see what a map is worth.
 */
typedef enum
{
  VTR_MEASURE_PATCH_DELETION,
  VTR_MEASURE_PATCH_INSERTION,
  VTR_MEASURE_PIXEL_DELETION,
  VTR_MEASURE_PIXEL_INSERTION,
  VTR_MEASURE_POSITIVE,
  VTR_MEASURE_NEGATIVE,
} VtrMeasure;

/* "patch-deletion", ... */
VTR_AVAILABLE_IN_0_1
const char *vtr_measure_get_name (VtrMeasure measure);

/**
 * VtrCurve:
 * @n: points
 * @shares: (array length=n): how much was taken away or added, 0..1, evenly spaced from 0 on
 * @values: (array length=n): y at each; of %VTR_MEASURE_POSITIVE and %VTR_MEASURE_NEGATIVE for a
 *   class 1 where the model still says that class, else 0
 * @area: below the curve, by trapezoids
 */
typedef struct
{
  guint n;
  double *shares;
  double *values;
  double area;
} VtrCurve;

VTR_AVAILABLE_IN_0_1
void vtr_curve_free (VtrCurve *self);

/* In place of a seed: the order of the map. */
#define VTR_ORDER_OF_MAP (-1)

/**
 * vtr_session_measure:
 * @self: the session that made @explanation, or one of the same model
 * @explanation: what is judged by its summary
 * @measure: how
 * @target: (nullable): what y is of; %NULL: what the picture was asked, or where it was asked
 *   nothing, the class it is taken for
 * @seed: %VTR_ORDER_OF_MAP, or a number 0..2³²−1: as if the map were of patches in random order
 * @progress: (nullable) (scope call): told of progress
 * @progress_data: its data
 * @cancellable: (nullable): stops it
 * @error: return location
 *
 * Equal places of the map are taken row by row.  Patch measures have eleven points, or one more
 * than there are patches; where the head reads a mean of patches, one patch always stays.  Pixel
 * measures go on by whole rows of pixels, in at most 56 steps.
 *
 * Returns: (transfer full): the curve
 */
VTR_AVAILABLE_IN_0_1
VtrCurve *vtr_session_measure (VtrSession *self,
                               VtrExplanation *explanation,
                               VtrMeasure measure,
                               VtrTarget *target,
                               gint64 seed,
                               VtrProgressFunc progress,
                               gpointer progress_data,
                               GCancellable *cancellable,
                               GError **error);

/* Random orders that a map is compared with. */
#define VTR_SCORE_N_ORDERS 10

/**
 * VtrScore:
 * @quantity: what y is
 * @target: (nullable): what it is of; %NULL for likeness to the whole picture
 * @deletion: y while patches are taken away
 * @insertion: y while they are added
 * @score: area of @insertion less area of @deletion
 * @random: the scores of random orders, of seeds 0 and up
 * @random_mean: their mean
 * @random_low: lower end of where one more of them is with a probability of 95 %
 * @random_high: its upper end
 * @better: whether @score is above it
 *
 * What the summary of an explanation is worth.
 */
typedef struct
{
  VtrQuantity quantity;
  VtrTarget *target;
  VtrCurve *deletion;
  VtrCurve *insertion;
  double score;
  double random[VTR_SCORE_N_ORDERS];
  double random_mean;
  double random_low;
  double random_high;
  gboolean better;
} VtrScore;

/* For people: "0.42 (random 0.05±0.03)", and where it is so ", not better than random"; what
 * follows ± is half of low..high.  Transfer full. */
VTR_AVAILABLE_IN_0_1
char *vtr_score_describe (const VtrScore *self);

/* NULL unless asked for by VTR_EXPLAIN_SCORE; owned by @self. */
VTR_AVAILABLE_IN_0_1
const VtrScore *vtr_explanation_get_score (const VtrExplanation *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrCurve, vtr_curve_free)

G_END_DECLS
