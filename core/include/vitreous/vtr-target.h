/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-types.h>

G_BEGIN_DECLS

#define VTR_TYPE_TARGET (vtr_target_get_type ())

/**
 * VtrTargetKind:
 * @VTR_TARGET_CLASS: the logit of a class: y = z_a
 * @VTR_TARGET_CONTRAST: one class rather than another: y = z_a − z_b
 * @VTR_TARGET_REST: one class rather than all others: y = z_a − ln Σ_{k≠a} exp z_k, the log-odds
 *   of the class
 * @VTR_TARGET_EMBEDDING: likeness to a direction v: y = cos (e, v), where e is the embedding that
 *   vtr_explanation_get_embedding() gives
 * @VTR_TARGET_PATCH: what a place is made of: y = ‖x_p‖, the length of the token of that patch
 *   after the last block, before the final norm
 * @VTR_TARGET_LENGTH: what the whole picture is made of: y = ‖e‖, the length of the embedding.  Its
 *   gradient is that of the likeness ⟨e, ê⟩ to the embedding as it is, which cannot be had of the
 *   cosine: that is greatest there
 *
 * What y, the number that is explained, is a function of.
 */
typedef enum
{
  VTR_TARGET_CLASS,
  VTR_TARGET_CONTRAST,
  VTR_TARGET_REST,
  VTR_TARGET_EMBEDDING,
  VTR_TARGET_PATCH,
  VTR_TARGET_LENGTH,
} VtrTargetKind;

/**
 * VtrTarget:
 *
 * What a picture is asked about: a number y that the model computes and whose
 * reasons a method shows.  Immutable; good for any number of pictures.
 */
VTR_AVAILABLE_IN_0_1
GType vtr_target_get_type (void);

/**
 * vtr_target_parse:
 * @text: "CLASS", "CLASS-CLASS", "CLASS-rest", "patch:X,Y" or "embedding", where CLASS is a label,
 * the first letters of one, an index, or "top1", "top2", ... for what ranks there in the picture
 * @model: the model that is asked
 * @error: return location
 *
 * Labels are compared without regard to case; of a label with commas each part
 * counts as one.  A whole label goes before a beginning, and a label with a
 * hyphen before two classes.
 *
 * Fails with %VTR_ERROR_USAGE where no label or more than one is meant, where a
 * class is contrasted with itself, and where @model has no classifier.
 *
 * Returns: (transfer full): the target
 */
VTR_AVAILABLE_IN_0_1
VtrTarget *vtr_target_parse (const char *text, VtrModel *model, GError **error);

/**
 * vtr_target_new_embedding:
 * @model: the model that is asked
 * @values: (array length=n_values): the direction, of any length but 0
 * @n_values: how many, as many as an embedding of @model has
 * @name: what the direction stands for ("image:dog.jpg"), for people
 * @error: return location
 *
 * Returns: (transfer full): the target %VTR_TARGET_EMBEDDING
 */
VTR_AVAILABLE_IN_0_1
VtrTarget *vtr_target_new_embedding (VtrModel *model,
                                     const float *values,
                                     guint n_values,
                                     const char *name,
                                     GError **error);

/* The target VTR_TARGET_PATCH at a pixel of the upright picture. */
VTR_AVAILABLE_IN_0_1
VtrTarget *vtr_target_new_patch (double x, double y);

/* The target VTR_TARGET_LENGTH, which any model can answer; its text is "embedding". */
VTR_AVAILABLE_IN_0_1
VtrTarget *vtr_target_new_length (void);

VTR_AVAILABLE_IN_0_1
VtrTarget *vtr_target_ref (VtrTarget *self);
VTR_AVAILABLE_IN_0_1
void vtr_target_unref (VtrTarget *self);

VTR_AVAILABLE_IN_0_1
VtrTargetKind vtr_target_get_kind (const VtrTarget *self);

/* The text that vtr_target_parse() reads as the same target, classes as indices ("281-207"); for
 * an embedding its name.  Owned by @self. */
VTR_AVAILABLE_IN_0_1
const char *vtr_target_get_text (const VtrTarget *self);

/* For people: "tabby cat rather than golden retriever", a picture without its folders; transfer
 * full. */
VTR_AVAILABLE_IN_0_1
char *vtr_target_describe (const VtrTarget *self, VtrModel *model);

/**
 * vtr_target_get_classes:
 * @self: a target
 * @a: (out): the class it speaks for
 * @b: (out): the class it speaks against, @a where there is none
 *
 * Returns: whether it is about classes and they are known: not so for an embedding or a patch,
 *   nor for "top1" before a picture was seen
 */
VTR_AVAILABLE_IN_0_1
gboolean vtr_target_get_classes (const VtrTarget *self, guint *a, guint *b);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrTarget, vtr_target_unref)

G_END_DECLS
