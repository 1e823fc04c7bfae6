/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-types.h>

G_BEGIN_DECLS

#define VTR_TYPE_EXPLANATION (vtr_explanation_get_type ())

/**
 * VtrExplanation:
 *
 * What one picture got: maps, the attention they were made of, logits, and how
 * they came about.  Host memory only: it outlives session and device.
 */
VTR_AVAILABLE_IN_0_1
GType vtr_explanation_get_type (void);

VTR_AVAILABLE_IN_0_1
VtrExplanation *vtr_explanation_ref (VtrExplanation *self);
VTR_AVAILABLE_IN_0_1
void vtr_explanation_unref (VtrExplanation *self);

/* The prepared picture, and through it the picture and the geometry; owned by @self. */
VTR_AVAILABLE_IN_0_1
VtrInput *vtr_explanation_get_input (const VtrExplanation *self);

/* The method with the parameters it had, and the model; owned by @self. */
VTR_AVAILABLE_IN_0_1
VtrMethod *vtr_explanation_get_method (const VtrExplanation *self);
VTR_AVAILABLE_IN_0_1
VtrModel *vtr_explanation_get_model (const VtrExplanation *self);

/* What computed it, and what it stored numbers as. */
VTR_AVAILABLE_IN_0_1
const VtrDeviceInfo *vtr_explanation_get_device_info (const VtrExplanation *self);
VTR_AVAILABLE_IN_0_1
VtrPrecision vtr_explanation_get_precision (const VtrExplanation *self);

/*
 * The maps the method made, by layer, then by head.  The summary is the one
 * map to show where only one can be: the last layer's, its heads fused.
 */
VTR_AVAILABLE_IN_0_1
guint vtr_explanation_get_n_maps (const VtrExplanation *self);
VTR_AVAILABLE_IN_0_1
VtrMap *vtr_explanation_get_map (const VtrExplanation *self, guint index);
VTR_AVAILABLE_IN_0_1
VtrMap *vtr_explanation_get_summary (const VtrExplanation *self);

/**
 * vtr_explanation_get_target:
 * @self: an explanation
 * @value: (out) (optional): the number y that the model computed for this picture
 *
 * What the picture was asked, "top1" and its like resolved to the class they are in this picture.
 *
 * Returns: (nullable): the target, owned by @self, or %NULL where the method takes none
 */
VTR_AVAILABLE_IN_0_1
VtrTarget *vtr_explanation_get_target (const VtrExplanation *self, double *value);

/**
 * vtr_explanation_get_attention:
 * @self: an explanation by "raw"
 * @n_layers: (out): asked layers
 * @n_heads: (out): asked heads, before fusion
 *
 * The attention the query gives to the patches.  Rows of the patch grid and
 * its columns are those of the input.
 *
 * A layer that heads were taken out of has fewer than others: what stands for heads it has not got
 * is NaN, as in vtr_explanation_get_matrix().
 *
 * Returns: (nullable): [n_layers][n_heads][n_rows][n_columns], or %NULL for other methods
 */
VTR_AVAILABLE_IN_0_1
const float *
vtr_explanation_get_attention (const VtrExplanation *self, guint *n_layers, guint *n_heads);

/* Which layers and heads the first two axes of attention and matrix stand for. */
VTR_AVAILABLE_IN_0_1
const guint *vtr_explanation_get_layers (const VtrExplanation *self, guint *n_layers);
VTR_AVAILABLE_IN_0_1
const guint *vtr_explanation_get_heads (const VtrExplanation *self, guint *n_heads);

/* [n_layers][n_heads][n_tokens][n_tokens], prefix tokens first; NULL unless asked for. */
VTR_AVAILABLE_IN_0_1
const float *vtr_explanation_get_matrix (const VtrExplanation *self, guint *n_tokens);

/* [n_classes], or NULL where the model has no classifier. */
VTR_AVAILABLE_IN_0_1
const float *vtr_explanation_get_logits (const VtrExplanation *self, guint *n_classes);

/* [n_values], the pooled (and for CLIP projected) embedding before any classifier. */
VTR_AVAILABLE_IN_0_1
const float *vtr_explanation_get_embedding (const VtrExplanation *self, guint *n_values);

/* Device bytes: planned for activations before the run; at most in use, weights included. */
VTR_AVAILABLE_IN_0_1
guint64 vtr_explanation_get_planned_bytes (const VtrExplanation *self);
VTR_AVAILABLE_IN_0_1
guint64 vtr_explanation_get_peak_bytes (const VtrExplanation *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrExplanation, vtr_explanation_unref)

G_END_DECLS
