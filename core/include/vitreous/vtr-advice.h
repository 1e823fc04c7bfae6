/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-analysis.h>

G_BEGIN_DECLS

/**
 * VtrHeadGroup:
 * @n: heads of the group, 2 or more
 * @layers: (array length=n): the layer of each
 * @heads: (array length=n): its number in it
 * @divergence: the most of any pair, bits
 * @cka: the least of any pair
 *
 * Heads that attend to the same and give the same: one of them would do.
 */
typedef struct
{
  guint n;
  guint *layers;
  guint *heads;
  double divergence;
  double cka;
} VtrHeadGroup;

VTR_AVAILABLE_IN_0_1
void vtr_head_group_free (VtrHeadGroup *self);

/* What counts as the same unless said otherwise. */
#define VTR_ALIKE_DIVERGENCE 0.05
#define VTR_ALIKE_CKA 0.9

/**
 * vtr_analysis_find_groups:
 * @self: an analysis
 * @divergence: the most that any two heads of a group may have, bits
 * @cka: the least that any two may have
 *
 * Every pair of a group meets both (complete linkage, the likest pairs first); no head is in two
 * groups.
 *
 * Returns: (transfer full) (element-type VtrHeadGroup): the groups, the largest first
 */
VTR_AVAILABLE_IN_0_1
GPtrArray *vtr_analysis_find_groups (const VtrAnalysis *self, double divergence, double cka);

/* Where the targets of a regularisation without a reference lie: outside attention is on its way to
 * collapse or says nothing. */
#define VTR_LEAST_TARGET 0.10
#define VTR_MOST_TARGET 0.95

/* Share of the loss of guessing that the penalty is to begin with. */
#define VTR_PENALTY_SHARE 0.05

/**
 * VtrRegularization:
 * @n_layers: layers
 * @present: (array length=n_layers): H_l, the mean entropy of a layer's heads (%VTR_READING_ALL)
 * @targets: (array length=n_layers): T_l, what it should be
 * @penalty: (1/L) Σ_l (H_l − T_l)², as it is now
 * @weight: λ, so that λ·penalty is %VTR_PENALTY_SHARE of ln n_classes, the loss of guessing (of 1
 *   without classes); the deviation counted as 0.05 where it is smaller, since then there is little
 *   to correct and much to disturb
 *
 * A term for the loss of a training run, λ/L Σ_l (H_l − T_l)², that holds each layer's attention at
 * an entropy (after Zhai et al. 2023, who relate its collapse to unstable training).
 */
typedef struct
{
  guint n_layers;
  double *present;
  double *targets;
  double penalty;
  double weight;
} VtrRegularization;

/**
 * vtr_regularization_new:
 * @analysis: what the attention is like now, of one picture or more
 * @healthy: (nullable) (array): [n_layers], the entropies to aim at, as
 *   vtr_reference_get_entropies() has them; where it is %NULL or a number NaN: what they are, moved
 *   into %VTR_LEAST_TARGET..%VTR_MOST_TARGET
 *
 * Returns: (transfer full): the term
 */
VTR_AVAILABLE_IN_0_1
VtrRegularization *vtr_regularization_new (const VtrAnalysis *analysis, const double *healthy);
VTR_AVAILABLE_IN_0_1
void vtr_regularization_free (VtrRegularization *self);

/* As a document, and as a module for a PyTorch training script; transfer full. */
VTR_AVAILABLE_IN_0_1
char *vtr_regularization_to_json (const VtrRegularization *self);
VTR_AVAILABLE_IN_0_1
char *vtr_regularization_to_python (const VtrRegularization *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrHeadGroup, vtr_head_group_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrRegularization, vtr_regularization_free)

G_END_DECLS
