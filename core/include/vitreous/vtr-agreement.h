/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-evaluation.h>
#include <vitreous/vtr-types.h>

G_BEGIN_DECLS

/**
 * VtrAgreementMeasure:
 * @VTR_AGREEMENT_PEARSON: Pearson's correlation of the maps, −1..1
 * @VTR_AGREEMENT_SPEARMAN: Spearman's: Pearson's of the ranks, of which equal values get the mean
 * @VTR_AGREEMENT_IOU: of the patches that are among the highest fifth in one map or the other, the
 *   share that are in both, 0..1
 * @VTR_AGREEMENT_DIVERGENCE: Jensen and Shannon's divergence of the maps as distributions over the
 *   patches, in bits: 0 (alike) to 1 (nothing in common)
 * @VTR_AGREEMENT_COSINE: of the embeddings, −1..1
 * @VTR_AGREEMENT_LOGIT_CHANGE: the greatest |difference| of a class's logits, 0 or more
 *
 * How far two explanations of a picture agree.  Of some measures more is better, of others less:
 * vtr_agreement_measure_is_distance().
 */
typedef enum
{
  VTR_AGREEMENT_PEARSON,
  VTR_AGREEMENT_SPEARMAN,
  VTR_AGREEMENT_IOU,
  VTR_AGREEMENT_DIVERGENCE,
  VTR_AGREEMENT_COSINE,
  VTR_AGREEMENT_LOGIT_CHANGE,
} VtrAgreementMeasure;

#define VTR_N_AGREEMENT_MEASURES (VTR_AGREEMENT_LOGIT_CHANGE + 1)

/* Share of the patches that %VTR_AGREEMENT_IOU looks at. */
#define VTR_AGREEMENT_TOP 0.2

/* "pearson", "spearman", "iou", "divergence", "cosine", "logit-change" */
VTR_AVAILABLE_IN_0_1
const char *vtr_agreement_measure_get_name (VtrAgreementMeasure measure);

/* The measure of that name; fails with %VTR_ERROR_USAGE where there is none. */
VTR_AVAILABLE_IN_0_1
gboolean
vtr_agreement_measure_parse (const char *text, VtrAgreementMeasure *measure, GError **error);

/* Whether 0 is agreement and more is less of it. */
VTR_AVAILABLE_IN_0_1
gboolean vtr_agreement_measure_is_distance (VtrAgreementMeasure measure);

/* In place of a class: there is none. */
#define VTR_NO_CLASS (-1)

/**
 * VtrAgreement:
 * @values: by VtrAgreementMeasure; NaN where it cannot be told: a correlation with a flat map, a
 *   divergence from a map without anything above 0, the cosine of embeddings of unlike width, a
 *   logit change where classes do not correspond
 * @n_rows: of the grid that the maps were compared on
 * @n_columns: its columns
 * @n_patches: of its patches those that both maps cover
 * @classes: the class each model takes the picture for, or %VTR_NO_CLASS
 * @probabilities: softmax of its logit, NaN without classes
 * @comparable: whether the classes of the two correspond
 * @changed: whether they do and the two classes differ
 *
 * What two explanations of one picture have in common.
 */
typedef struct
{
  double values[VTR_N_AGREEMENT_MEASURES];
  guint n_rows;
  guint n_columns;
  guint n_patches;
  int classes[2];
  double probabilities[2];
  gboolean comparable;
  gboolean changed;
} VtrAgreement;

/* Whether classes of two models correspond: as many in both, at least one, and none with two
 * different labels. */
VTR_AVAILABLE_IN_0_1
gboolean vtr_models_have_same_classes (VtrModel *a, VtrModel *b);

/**
 * vtr_agreement_measure:
 * @a: an explanation
 * @b: another one of the same picture, by whatever model, method or scale
 * @agreement: (out caller-allocates): what they have in common
 * @error: return location
 *
 * Compares the summaries.  Maps of different grids, or of different parts of the picture, are
 * compared on the grid with more patches (of equally many, that of @a): the other one is read at
 * the centres of its patches, bilinearly between its own, and patches that it does not cover are
 * left out.  Maps of one grid are compared as they are.
 *
 * Of the highest fifth each map has as many patches, a fifth rounded up; of equal values the first
 * in reading order count as higher.  Values below 0 count as 0 for the divergence.
 *
 * Fails with %VTR_ERROR_USAGE where the pictures are not of one size, or where the maps have no
 * part of it in common.
 *
 * Returns: whether they could be compared
 */
VTR_AVAILABLE_IN_0_1
gboolean vtr_explanations_compare (const VtrExplanation *a,
                                   const VtrExplanation *b,
                                   VtrAgreement *agreement,
                                   GError **error);

/**
 * VtrAgreements:
 *
 * The agreements of any number of pictures, added up in the same memory for all of them.
 */
typedef struct _VtrAgreements VtrAgreements;

VTR_AVAILABLE_IN_0_1
VtrAgreements *vtr_agreements_new (void);
VTR_AVAILABLE_IN_0_1
void vtr_agreements_free (VtrAgreements *self);

/* Counts a picture in. */
VTR_AVAILABLE_IN_0_1
void vtr_agreements_add (VtrAgreements *self, const VtrAgreement *agreement);

VTR_AVAILABLE_IN_0_1
guint vtr_agreements_get_n_pictures (const VtrAgreements *self);

/* Over the pictures that have it, @n of them; NaN where none has. */
VTR_AVAILABLE_IN_0_1
VtrEstimate
vtr_agreements_get_estimate (const VtrAgreements *self, VtrAgreementMeasure measure, guint *n);

/* How many pictures have classes that correspond, and of them those that are taken for another
 * one. */
VTR_AVAILABLE_IN_0_1
guint vtr_agreements_get_n_comparable (const VtrAgreements *self);
VTR_AVAILABLE_IN_0_1
guint vtr_agreements_get_n_changed (const VtrAgreements *self);

/**
 * VtrAgreementRow:
 *
 * One picture as it is shown on a sheet: small pictures and words, nothing else of it.
 */
typedef struct _VtrAgreementRow VtrAgreementRow;

/**
 * VtrAgreementLooks:
 * @colormap: (nullable): a name from vtr_colormap_list(), %NULL for the default
 * @opacity: of the maps over the picture, 0..1
 *
 * How maps look on a sheet.
 */
typedef struct
{
  const char *colormap;
  double opacity;
} VtrAgreementLooks;

/**
 * vtr_agreement_row_new:
 * @a: an explanation
 * @b: another one of the same picture
 * @agreement: what vtr_explanations_compare() found
 * @name: (nullable): of the picture
 * @looks: how the maps look
 * @error: return location
 *
 * Draws the picture, both maps over it and their difference: of each map what it gives to a patch,
 * as a share of all it gives.
 *
 * Returns: (transfer full): the row
 */
VTR_AVAILABLE_IN_0_1
VtrAgreementRow *vtr_agreement_row_new (const VtrExplanation *a,
                                        const VtrExplanation *b,
                                        const VtrAgreement *agreement,
                                        const char *name,
                                        const VtrAgreementLooks *looks,
                                        GError **error);
VTR_AVAILABLE_IN_0_1
void vtr_agreement_row_free (VtrAgreementRow *self);

/* The most rows of a sheet. */
#define VTR_AGREEMENT_MAX_ROWS 100

/**
 * vtr_agreement_sheet_new:
 * @rows: (array length=n_rows): from top to bottom
 * @n_rows: how many, 1..%VTR_AGREEMENT_MAX_ROWS
 * @title: what is compared, for people
 * @subtitle: more of it
 * @name_a: what A is
 * @name_b: what B is
 * @error: return location
 *
 * Returns: (transfer full): all rows on one picture, with headings and numbers
 */
VTR_AVAILABLE_IN_0_1
VtrImage *vtr_agreement_sheet_new (VtrAgreementRow *const *rows,
                                   guint n_rows,
                                   const char *title,
                                   const char *subtitle,
                                   const char *name_a,
                                   const char *name_b,
                                   GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrAgreements, vtr_agreements_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrAgreementRow, vtr_agreement_row_free)

G_END_DECLS
