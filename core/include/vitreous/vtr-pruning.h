/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-types.h>

G_BEGIN_DECLS

#define VTR_TYPE_PRUNING (vtr_pruning_get_type ())

/**
 * VtrImportance:
 * @n_layers: layers of the model
 * @n_heads: the most heads that one has
 * @heads: [n_layers][n_heads]: |⟨O, ∂y/∂O⟩|, O what a head gives for all tokens and y the target:
 *   what y would change by, to first order, if the head were turned off (Michel, Levy & Neubig
 *   2019); NaN for heads that a layer has not got
 * @likeness: [n_layers]: mean over the tokens of the cosine of what a block is given and what it
 *   gives: near 1 the block changes little
 *
 * What one picture tells of a model's heads and layers.
 */
typedef struct
{
  guint n_layers;
  guint n_heads;
  double *heads;
  double *likeness;
} VtrImportance;

/* Owned by @self; NULL unless %VTR_EXPLAIN_IMPORTANCE was asked for. */
VTR_AVAILABLE_IN_0_1
const VtrImportance *vtr_explanation_get_importance (const VtrExplanation *self);

/**
 * VtrPruning:
 *
 * Which heads and layers of a model are to be taken out, by their numbers in that model.  Not for
 * several threads at once while it is changed.
 */
typedef struct _VtrPruning VtrPruning;

VTR_AVAILABLE_IN_0_1
GType vtr_pruning_get_type (void);

/**
 * vtr_pruning_new:
 * @model: the model
 *
 * Returns: (transfer full): a pruning that takes out nothing yet
 */
VTR_AVAILABLE_IN_0_1
VtrPruning *vtr_pruning_new (VtrModel *model);

VTR_AVAILABLE_IN_0_1
VtrPruning *vtr_pruning_ref (VtrPruning *self);
VTR_AVAILABLE_IN_0_1
void vtr_pruning_unref (VtrPruning *self);

/**
 * vtr_pruning_remove_head:
 * @self: a pruning
 * @layer: the layer, from 0
 * @head: its head, from 0
 * @error: return location
 *
 * Fails with %VTR_ERROR_USAGE where there is no such head, and where it is the last one that the
 * layer has left: a layer without attention is better taken out whole.
 *
 * Returns: whether it is taken out, which it may have been already
 */
VTR_AVAILABLE_IN_0_1
gboolean vtr_pruning_remove_head (VtrPruning *self, guint layer, guint head, GError **error);

/**
 * vtr_pruning_remove_layer:
 * @self: a pruning
 * @layer: the layer, from 0
 * @error: return location
 *
 * Takes out the whole block, attention and MLP: the next one gets what it would have got.  Fails
 * with %VTR_ERROR_USAGE where there is no such layer, and where it is the last one left.
 *
 * Returns: whether it is taken out, which it may have been already
 */
VTR_AVAILABLE_IN_0_1
gboolean vtr_pruning_remove_layer (VtrPruning *self, guint layer, GError **error);

/**
 * vtr_pruning_remove_least_heads:
 * @self: a pruning
 * @importance: [n_layers][n_heads], as #VtrImportance has it, the mean over pictures
 * @n: how many heads to take out
 * @by_layer: whether the importance of each layer's heads is divided by their length √Σ² first, so
 *   that layers count alike (as Michel, Levy & Neubig do)
 * @error: return location
 *
 * Takes out the heads of the least importance, of equal ones the first, among the layers that stay;
 * never a layer's last.  Fails with %VTR_ERROR_USAGE where there are not that many.
 *
 * Returns: whether they are taken out
 */
VTR_AVAILABLE_IN_0_1
gboolean vtr_pruning_remove_least_heads (VtrPruning *self,
                                         const double *importance,
                                         guint n,
                                         gboolean by_layer,
                                         GError **error);

/* Likewise @n layers, those with the greatest numbers in @likeness [n_layers] first. */
VTR_AVAILABLE_IN_0_1
gboolean
vtr_pruning_remove_alike_layers (VtrPruning *self, const double *likeness, guint n, GError **error);

/* Whether they stay; no head stays of a layer that is taken out. */
VTR_AVAILABLE_IN_0_1
gboolean vtr_pruning_keeps_head (const VtrPruning *self, guint layer, guint head);
VTR_AVAILABLE_IN_0_1
gboolean vtr_pruning_keeps_layer (const VtrPruning *self, guint layer);

/* Heads that a layer keeps, 0 where it is taken out; layers that stay. */
VTR_AVAILABLE_IN_0_1
guint vtr_pruning_count_heads (const VtrPruning *self, guint layer);
VTR_AVAILABLE_IN_0_1
guint vtr_pruning_count_layers (const VtrPruning *self);

/* Whether layers that stay lose heads: only Vitreous can read such a checkpoint. */
VTR_AVAILABLE_IN_0_1
gboolean vtr_pruning_is_own_format (const VtrPruning *self);

/**
 * vtr_model_without:
 * @self: a model
 * @pruning: what is to have no effect, of just this model
 *
 * The same checkpoint with the outputs of heads set to 0 and blocks left out: it answers as one
 * does that they are really taken out of, but takes as long and as much memory as @self, and layers
 * and heads keep their numbers.  It shares the tensors of @self, its head and its labels; its path,
 * name and hash are those of @self.
 *
 * Returns: (transfer full): the model
 */
VTR_AVAILABLE_IN_0_1
VtrModel *vtr_model_without (VtrModel *self, VtrPruning *pruning);

/* Fails with VTR_ERROR_USAGE where vtr_model_save_pruned() could not write @directory, because
 * there is something in it: to be known before anything is computed. */
VTR_AVAILABLE_IN_0_1
gboolean vtr_pruning_check_folder (const char *directory, GError **error);

/**
 * vtr_model_save_pruned:
 * @self: a model
 * @pruning: what is taken out of it, of just this model
 * @directory: a folder to write, which must not exist, or be empty
 * @progress: (nullable) (scope call): told of progress
 * @progress_data: its data
 * @cancellable: (nullable): stops it
 * @error: return location
 *
 * Writes a smaller checkpoint: model.safetensors without the rows of queries, keys and values and
 * the columns of the projection that belong to the heads, and without the tensors of the layers,
 * the next ones moved up; config.json as @self has it with layers and heads as they are now;
 * preprocessor_config.json.  Tensors keep their names, types and layout; of an ONNX graph they get
 * those of transformers.  docs/pruning.md says who can read it.  A head that was given to @self is
 * no part of it and works with it as before.
 *
 * The folder is put in its place when all of it is written and has been opened; whatever fails or
 * is cancelled leaves nothing behind.  Fails with %VTR_ERROR_USAGE where there is something in
 * @directory: so it never writes over @self.
 *
 * Returns: whether it is written
 */
VTR_AVAILABLE_IN_0_1
gboolean vtr_model_save_pruned (VtrModel *self,
                                const VtrPruning *pruning,
                                const char *directory,
                                VtrProgressFunc progress,
                                gpointer progress_data,
                                GCancellable *cancellable,
                                GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrPruning, vtr_pruning_unref)

G_END_DECLS
