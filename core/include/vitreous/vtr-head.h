/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-input.h>
#include <vitreous/vtr-types.h>

G_BEGIN_DECLS

#define VTR_TYPE_HEAD (vtr_head_get_type ())

/**
 * VtrHead:
 *
 * A classifier head: a matrix and a bias that make logits of a model's features
 * (its pooled token), and the labels of the classes.  docs/formats.md has the file.
 */
VTR_AVAILABLE_IN_0_1
GType vtr_head_get_type (void);

VTR_AVAILABLE_IN_0_1
VtrHead *vtr_head_ref (VtrHead *self);
VTR_AVAILABLE_IN_0_1
void vtr_head_unref (VtrHead *self);

/**
 * vtr_head_load:
 * @path: a .safetensors file with the tensors "weight" [n_classes][n_features] and "bias"
 * [n_classes]
 * @error: return location
 *
 * Returns: (transfer full): the head
 */
VTR_AVAILABLE_IN_0_1
VtrHead *vtr_head_load (const char *path, GError **error);

/* Writes a file that vtr_head_load () reads, whole or not at all. */
VTR_AVAILABLE_IN_0_1
gboolean vtr_head_save (VtrHead *self, const char *path, GError **error);

/**
 * VtrExamples:
 * @features: [n_examples][n_features]: embeddings of pictures, as vtr_explanation_get_embedding()
 *   gives them; finite
 * @classes: [n_examples]: which class each is of
 * @labels: [n_classes]
 * @fit: how the pictures were prepared; kept in the head
 * @size: the same
 *
 * Pictures whose classes are known.
 */
typedef struct
{
  const float *features;
  const guint *classes;
  guint n_examples;
  guint n_features;
  const char *const *labels;
  guint n_classes;
  VtrFit fit;
  guint size;
} VtrExamples;

/**
 * vtr_examples_check:
 * @self: examples; their features are not looked at
 * @error: return location
 *
 * Fails with %VTR_ERROR_USAGE where there are fewer than two classes, or a class
 * has fewer than two examples.
 *
 * Returns: whether there are enough for vtr_head_train()
 */
VTR_AVAILABLE_IN_0_1
gboolean vtr_examples_check (const VtrExamples *self, GError **error);

/**
 * vtr_head_train:
 * @model: the model that the features are of
 * @examples: at least two classes, each with at least two examples
 * @n_folds: how many parts the cross-validation makes of the examples, 2 or more; fewer where there
 *   are fewer examples
 * @progress: (nullable) (scope call): told of progress
 * @progress_data: its data
 * @cancellable: (nullable): stops it
 * @error: return location
 *
 * Fits a multinomial logistic regression to standardised features.  How strongly large weights are
 * penalised is chosen by cross-validation, which also gives the score.  The same examples give the
 * same head.
 *
 * Returns: (transfer full): the head, for features as they are
 */
VTR_AVAILABLE_IN_0_1
VtrHead *vtr_head_train (VtrModel *model,
                         const VtrExamples *examples,
                         guint n_folds,
                         VtrProgressFunc progress,
                         gpointer progress_data,
                         GCancellable *cancellable,
                         GError **error);

/**
 * VtrHeadScore:
 * @n_examples: how many there were
 * @n_folds: parts of the cross-validation
 * @accuracy: share of the examples of a fold told right by a head fitted to the others, 0..1: the
 *   mean of the folds
 * @deviation: standard deviation of that between the folds
 * @guessing: accuracy of always naming the largest class
 * @penalty: what half the squares of the weights (of standardised features) are multiplied by,
 *   beside the mean loss of an example
 * @confusion: (nullable): [n_classes][n_classes]: examples of the row's class that were taken for
 *   the column's, in their fold; not kept in files
 *
 * How well a head tells examples apart that it was not fitted to.
 */
typedef struct
{
  guint n_examples;
  guint n_folds;
  double accuracy;
  double deviation;
  double guessing;
  double penalty;
  const guint *confusion;
} VtrHeadScore;

/* NULL where the file does not say; owned by @self. */
VTR_AVAILABLE_IN_0_1
const VtrHeadScore *vtr_head_get_score (VtrHead *self);

VTR_AVAILABLE_IN_0_1
guint vtr_head_get_n_classes (VtrHead *self);
VTR_AVAILABLE_IN_0_1
guint vtr_head_get_n_features (VtrHead *self);

/* The label of a class, or NULL where the file has none; owned by @self. */
VTR_AVAILABLE_IN_0_1
const char *vtr_head_get_label (VtrHead *self, guint class_index);

/* How the examples were brought to scale: "cover", "train", "stretch", or whatever else the file
 * has; NULL where it does not say.  Owned by @self. */
VTR_AVAILABLE_IN_0_1
const char *vtr_head_get_fit (VtrHead *self);

/* At which size, in pixels; 0: the trained one, or the file does not say. */
VTR_AVAILABLE_IN_0_1
guint vtr_head_get_size (VtrHead *self);

/* SHA-256 over shape, weights, biases and labels, 64 hex digits. */
VTR_AVAILABLE_IN_0_1
const char *vtr_head_get_hash (VtrHead *self);

/**
 * vtr_head_find_mismatch:
 * @self: a head
 * @model: a model
 *
 * Whether the head says that it was made with another model, by the hash of its weights.
 *
 * Returns: (nullable) (transfer full): a warning for the user, one sentence
 */
VTR_AVAILABLE_IN_0_1
char *vtr_head_find_mismatch (VtrHead *self, VtrModel *model);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrHead, vtr_head_unref)

G_END_DECLS
