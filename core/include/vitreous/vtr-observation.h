/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-types.h>

G_BEGIN_DECLS

/*
 * What the attention of one picture is like, layer by layer and head by head.  In the formulas p is
 * a row of A, what one query gives to each of the n keys; Σ p = 1.
 *
 * Statistics of rows exist in up to four readings (VtrReading): of all query rows, their mean, or
 * of the row of the CLS token alone; over all keys, or over the patches alone, where p is the row
 * without its prefix tokens, divided by what is left so that it sums to 1 again (where less than
 * 1e-15 is left, the row counts as uniform).
 */

/**
 * VtrReading:
 * @VTR_READING_ALL: the mean of all query rows, over all keys
 * @VTR_READING_ALL_PATCHES: the mean of all query rows, over the patches
 * @VTR_READING_CLS: the row of CLS, over all keys
 * @VTR_READING_CLS_PATCHES: the row of CLS, over the patches
 *
 * Which rows, and which of their keys.
 */
typedef enum
{
  VTR_READING_ALL,
  VTR_READING_ALL_PATCHES,
  VTR_READING_CLS,
  VTR_READING_CLS_PATCHES,
} VtrReading;

#define VTR_N_READINGS (VTR_READING_CLS_PATCHES + 1)

/* "all", "all-patches", "cls", "cls-patches" */
VTR_AVAILABLE_IN_0_1
const char *vtr_reading_get_name (VtrReading reading);

/**
 * VtrStatistic:
 * @VTR_STATISTIC_ENTROPY: −Σ p ln p / ln n, 0 (one key) to 1 (all alike); 0 ln 0 = 0 (Zhai et al.
 *   2023, normalised)
 * @VTR_STATISTIC_SUPPORT: exp (−Σ p ln p), keys; as many equal ones have that entropy
 * @VTR_STATISTIC_MAXIMUM: max p, 0..1
 * @VTR_STATISTIC_PARTICIPATION: 1 / Σ p², keys
 * @VTR_STATISTIC_HOYER: (√n − Σ p / √Σ p²) / (√n − 1), 0 (all alike) to 1 (one key) (Hoyer 2004)
 * @VTR_STATISTIC_GINI: Σ_k (2k − n − 1)·p_(k) / (n Σ p), p_(k) ascending, k from 1; 0 to 1 − 1/n.
 *   Of rows of CLS only
 * @VTR_STATISTIC_TOP_MASS: the sum of the ⌈n/10⌉ largest p, 0..1.  Of rows of CLS only
 * @VTR_STATISTIC_DISTANCE: Σ_k p_k ‖x_q − x_k‖ over the patches, pixels of the prepared picture,
 *   x the middle of a patch; the mean of all patch queries (Dosovitskiy et al. 2021).  In
 *   %VTR_READING_ALL the row is taken as it is, mass on prefix tokens counting as no distance; in
 *   %VTR_READING_ALL_PATCHES it is divided by what is left.  Not of rows of CLS
 * @VTR_STATISTIC_CLS_MASS: p of the CLS token, 0..1.  Not over patches
 * @VTR_STATISTIC_REGISTER_MASS: Σ p of the other prefix tokens (registers, distillation), 0..1.
 *   Not over patches
 * @VTR_STATISTIC_SELF_MASS: p of the query itself, 0..1.  In %VTR_READING_ALL_PATCHES the mean of
 *   all patch queries; not in %VTR_READING_CLS_PATCHES
 * @VTR_STATISTIC_NEIGHBOUR_MASS: Σ p of the up to 8 patches around the query, 0..1; the mean of all
 *   patch queries.  Not of rows of CLS
 * @VTR_STATISTIC_UNIFORM_ROWS: share of the rows with an entropy above 0.98.  Of all rows only
 * @VTR_STATISTIC_COLLAPSED_ROWS: share of the rows with an entropy below 0.02.  Of all rows only
 * @VTR_STATISTIC_SINK: max_k s_k with s_k the mean of all rows' p_k, 0..1: the most that one key
 *   gets of everything.  Of all rows only, not over patches
 * @VTR_STATISTIC_ARTIFACT_MASS: Σ p of the artifact tokens (see vtr_observation_get_artifacts());
 *   0 where there are none.  Not over patches
 * @VTR_STATISTIC_POSITIONAL: how far a row is the same for every query, seen from the query: 1 less
 *   the mean total variation between sampled patch queries' rows over the patches and the mean
 *   profile of the other sampled rows over offsets, cut to the picture, both divided by their sums
 *   over the offsets that the others know; 0..1.  NaN where no two rows share an offset.  Only
 *   %VTR_READING_ALL_PATCHES
 *
 * A number for each layer and head.
 */
typedef enum
{
  VTR_STATISTIC_ENTROPY,
  VTR_STATISTIC_SUPPORT,
  VTR_STATISTIC_MAXIMUM,
  VTR_STATISTIC_PARTICIPATION,
  VTR_STATISTIC_HOYER,
  VTR_STATISTIC_GINI,
  VTR_STATISTIC_TOP_MASS,
  VTR_STATISTIC_DISTANCE,
  VTR_STATISTIC_CLS_MASS,
  VTR_STATISTIC_REGISTER_MASS,
  VTR_STATISTIC_SELF_MASS,
  VTR_STATISTIC_NEIGHBOUR_MASS,
  VTR_STATISTIC_UNIFORM_ROWS,
  VTR_STATISTIC_COLLAPSED_ROWS,
  VTR_STATISTIC_SINK,
  VTR_STATISTIC_ARTIFACT_MASS,
  VTR_STATISTIC_POSITIONAL,
} VtrStatistic;

#define VTR_N_STATISTICS (VTR_STATISTIC_POSITIONAL + 1)

/**
 * VtrTokenStatistic:
 * @VTR_TOKEN_NORM: mean of ‖x_i‖₂ over the patches, x what the block gives, before any final norm
 * @VTR_TOKEN_NORM_MAXIMUM: max of ‖x_i‖₂ over the patches
 * @VTR_TOKEN_ARTIFACTS: share of the patches whose norm is that of an artifact in this layer, 0..1
 * @VTR_TOKEN_COSINE: mean cosine of x_i and x_j over pairs i ≠ j of patches, −1..1
 * @VTR_TOKEN_RESIDUAL: ‖X − 1·mean (X)ᵀ‖_F / ‖X‖_F over the patches, 0 (rank one) to 1 (Dong et al.
 *   2021)
 * @VTR_TOKEN_CHANGE: mean over sampled rows of the Jensen-Shannon divergence of this layer's
 *   attention, mean of its heads, and that of the layer before, bits, 0..1; NaN for the first
 * @VTR_TOKEN_UPDATE: ‖X − X'‖_F / ‖X‖_F over all tokens, X' what the block was given
 *
 * A number for each layer.
 */
typedef enum
{
  VTR_TOKEN_NORM,
  VTR_TOKEN_NORM_MAXIMUM,
  VTR_TOKEN_ARTIFACTS,
  VTR_TOKEN_COSINE,
  VTR_TOKEN_RESIDUAL,
  VTR_TOKEN_CHANGE,
  VTR_TOKEN_UPDATE,
} VtrTokenStatistic;

#define VTR_N_TOKEN_STATISTICS (VTR_TOKEN_UPDATE + 1)

/**
 * VtrStatisticInfo:
 * @name: "entropy", ...; as in JSON and CSV
 * @title: for people: "Entropy"
 * @unit: "" for a plain number, "tokens", "px", "bits"
 * @summary: what it is, one sentence
 * @readings: bit 1 << #VtrReading for each it exists in; 0 for one of tokens
 */
typedef struct
{
  const char *name;
  const char *title;
  const char *unit;
  const char *summary;
  guint readings;
} VtrStatisticInfo;

VTR_AVAILABLE_IN_0_1
const VtrStatisticInfo *vtr_statistic_get_info (VtrStatistic statistic);
VTR_AVAILABLE_IN_0_1
const VtrStatisticInfo *vtr_token_statistic_get_info (VtrTokenStatistic statistic);

/**
 * VtrObservation:
 *
 * The statistics of one picture (boxed, immutable).
 */
typedef struct _VtrObservation VtrObservation;

#define VTR_TYPE_OBSERVATION (vtr_observation_get_type ())

VTR_AVAILABLE_IN_0_1
GType vtr_observation_get_type (void);
VTR_AVAILABLE_IN_0_1
VtrObservation *vtr_observation_ref (VtrObservation *self);
VTR_AVAILABLE_IN_0_1
void vtr_observation_unref (VtrObservation *self);

/**
 * vtr_session_observe:
 * @self: a session
 * @input: a prepared picture of the session's model
 * @temperature: divides the attention logits; 1 as trained; above 0
 * @progress: (nullable) (scope call): told of progress
 * @progress_data: its data
 * @cancellable: (nullable): stops between two submissions to the device
 * @error: return location
 *
 * Runs the model once and takes all statistics as each layer's attention is there; no matrix of
 * n_tokens² is made.  Similarities of heads and %VTR_TOKEN_CHANGE are of sampled rows: CLS, where
 * there is one, and patches evenly spread over the picture, at most 32, fewer where the model has
 * many heads or the picture many patches; the same ones for every picture of a grid.
 * %VTR_STATISTIC_POSITIONAL always has as many.
 *
 * Fails with %VTR_ERROR_BAD_VALUES where anything is not finite.  May be called from several
 * threads.
 *
 * Returns: (transfer full): the statistics
 */
VTR_AVAILABLE_IN_0_1
VtrObservation *vtr_session_observe (VtrSession *self,
                                     VtrInput *input,
                                     double temperature,
                                     VtrProgressFunc progress,
                                     gpointer progress_data,
                                     GCancellable *cancellable,
                                     GError **error);

VTR_AVAILABLE_IN_0_1
VtrInput *vtr_observation_get_input (const VtrObservation *self);
VTR_AVAILABLE_IN_0_1
guint vtr_observation_get_n_layers (const VtrObservation *self);

/* The most that any layer has. */
VTR_AVAILABLE_IN_0_1
guint vtr_observation_get_n_heads (const VtrObservation *self);

/* NaN where the statistic does not exist in @reading, the model has no CLS token, or the layer no
 * such head. */
VTR_AVAILABLE_IN_0_1
double vtr_observation_get (const VtrObservation *self,
                            VtrStatistic statistic,
                            VtrReading reading,
                            guint layer,
                            guint head);
VTR_AVAILABLE_IN_0_1
double vtr_observation_get_of_tokens (const VtrObservation *self,
                                      VtrTokenStatistic statistic,
                                      guint layer);

/**
 * vtr_observation_get_similarity:
 * @layer_a: a layer
 * @head_a: a head of it
 * @layer_b: a layer
 * @head_b: a head of it
 * @divergence: (out) (optional): mean over the sampled rows of the Jensen-Shannon divergence of the
 *   two heads' attention, bits: 0 (the same) to 1
 * @cka: (out) (optional): linear CKA of what the two heads give, over at most 64 patches evenly
 *   spread, each of them [head_size]: HSIC (K, L) / √(HSIC (K, K)·HSIC (L, L)) with the unbiased
 *   HSIC₁ (Song et al. 2012; Nguyen et al. 2021), about 0 to 1; NaN with fewer than 4 patches
 */
VTR_AVAILABLE_IN_0_1
void vtr_observation_get_similarity (const VtrObservation *self,
                                     guint layer_a,
                                     guint head_a,
                                     guint layer_b,
                                     guint head_b,
                                     double *divergence,
                                     double *cka);

/**
 * vtr_observation_get_artifacts:
 * @threshold: (out) (optional): the norm from which on a patch is one; infinity where there are
 *   none
 *
 * Artifact tokens (Darcet et al. 2024): patches whose norm after the last block, before any final
 * norm, lies beyond a valley of the distribution of log-norms.  The valley is Otsu's threshold; it
 * counts only where the patches above have a mean norm of at least 3 times the median of the others
 * and are fewer than a tenth of all.
 *
 * Returns: (array): whether each patch is one, [n_rows·n_columns], owned by @self
 */
VTR_AVAILABLE_IN_0_1
const gboolean *vtr_observation_get_artifacts (const VtrObservation *self, double *threshold);

/* ‖x‖₂ of each token after a block, [n_tokens], prefix tokens first; owned by @self. */
VTR_AVAILABLE_IN_0_1
const float *vtr_observation_get_norms (const VtrObservation *self, guint layer);

/* Row of CLS over the patches, mean of the layer's heads, as it is, [n_rows·n_columns]; of a model
 * without CLS the mean of all patches' rows; owned by @self. */
VTR_AVAILABLE_IN_0_1
const float *vtr_observation_get_map (const VtrObservation *self, guint layer);

/* What the model answered, NULL where it has no classes; the embedding it was made of. */
VTR_AVAILABLE_IN_0_1
const float *vtr_observation_get_logits (const VtrObservation *self, guint *n_classes);
VTR_AVAILABLE_IN_0_1
const float *vtr_observation_get_embedding (const VtrObservation *self, guint *n_values);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrObservation, vtr_observation_unref)

G_END_DECLS
