/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-types.h>

G_BEGIN_DECLS

#define VTR_TYPE_MODEL (vtr_model_get_type ())

/**
 * VtrModel:
 *
 * A checkpoint: what its architecture is, how its pictures are prepared, and
 * its weights, memory-mapped where the format allows.  Immutable.
 */
VTR_AVAILABLE_IN_0_1
GType vtr_model_get_type (void);

/**
 * vtr_model_open:
 * @path: a directory as Hugging Face or timm lay it out, or one .safetensors,
 *   .npz (vit_jax) or .onnx file
 * @error: return location
 *
 * Recognises the checkpoint and checks the name and shape of every tensor that
 * the architecture needs; values are checked when they are read.
 *
 * Returns: (transfer full): the model
 */
VTR_AVAILABLE_IN_0_1
VtrModel *vtr_model_open (const char *path, GError **error);

/**
 * vtr_model_find:
 * @name: (nullable): a path, or the name of an installed model; %NULL means
 *   the only one installed, or "starter" where it is among several
 * @error: return location
 *
 * Returns: (transfer full): the path to give to vtr_model_open()
 */
VTR_AVAILABLE_IN_0_1
char *vtr_model_find (const char *name, GError **error);

/* The directory installed models live in: $XDG_DATA_HOME/vitreous/models.  Transfer full. */
VTR_AVAILABLE_IN_0_1
char *vtr_models_get_directory (void);

/* The names of the installed models, sorted; NULL-terminated, transfer full. */
VTR_AVAILABLE_IN_0_1
char **vtr_models_list (void);

/**
 * vtr_models_import:
 * @path: what vtr_model_open() takes
 * @name: the name to install it under: letters, digits, '.', '_' and '-'
 * @replace: whether an installed model of that name may be replaced
 * @progress: (nullable) (scope call): told of progress
 * @progress_data: its data
 * @cancellable: (nullable): stops it, leaving nothing behind
 * @error: return location
 *
 * Lays a checkpoint out among the installed models.  An ONNX file is rewritten
 * as config.json, preprocessor_config.json and model.safetensors.
 *
 * Returns: (transfer full): the path of the installed model
 */
VTR_AVAILABLE_IN_0_1
char *vtr_models_import (const char *path,
                         const char *name,
                         gboolean replace,
                         VtrProgressFunc progress,
                         gpointer progress_data,
                         GCancellable *cancellable,
                         GError **error);

/**
 * vtr_model_describe:
 * @self: a model
 *
 * What was recognised and why: family, source format, naming, sizes, switches,
 * position rule, preprocessing, labels, licence.  docs/formats.md has the schema.
 *
 * Returns: (transfer full): a JSON object
 */
VTR_AVAILABLE_IN_0_1
char *vtr_model_describe (VtrModel *self);

/* Where it came from; the name of its file or directory; its family ("dinov2"). */
VTR_AVAILABLE_IN_0_1
const char *vtr_model_get_path (VtrModel *self);
VTR_AVAILABLE_IN_0_1
const char *vtr_model_get_name (VtrModel *self);
VTR_AVAILABLE_IN_0_1
const char *vtr_model_get_family (VtrModel *self);

/* SHA-256 over names, shapes, types and bytes of the weights used, 64 hex digits. Computed at the
 * first call. */
VTR_AVAILABLE_IN_0_1
const char *vtr_model_get_hash (VtrModel *self);

VTR_AVAILABLE_IN_0_1
guint vtr_model_get_n_layers (VtrModel *self);
VTR_AVAILABLE_IN_0_1
guint vtr_model_get_n_heads (VtrModel *self);

/* The heads of one layer: fewer than vtr_model_get_n_heads() where some were taken out of it. */
VTR_AVAILABLE_IN_0_1
guint vtr_model_get_layer_heads (VtrModel *self, guint layer);

/* Side of a patch, in input pixels. */
VTR_AVAILABLE_IN_0_1
guint vtr_model_get_patch_size (VtrModel *self);

/* Tokens before the patches: CLS, distillation, registers. */
VTR_AVAILABLE_IN_0_1
guint vtr_model_get_n_prefix_tokens (VtrModel *self);

/* Whether token 0 is a CLS token. */
VTR_AVAILABLE_IN_0_1
gboolean vtr_model_has_cls_token (VtrModel *self);

/* How many classes the head tells apart; 0 where the model has no classifier. */
VTR_AVAILABLE_IN_0_1
guint vtr_model_get_n_classes (VtrModel *self);

/* The label of a class, or NULL where the checkpoint has none; owned by @self. */
VTR_AVAILABLE_IN_0_1
const char *vtr_model_get_label (VtrModel *self, guint class_index);

/**
 * vtr_model_with_features:
 * @self: a model
 * @features: (nullable): what becomes of the tokens of the last block: "cls", "mean" (of the
 *   patches) or "cls-and-mean"; %NULL for what a head of the checkpoint sees
 * @error: return location
 *
 * Returns: (transfer full): the same weights as a model without a head, whose embedding is those
 *   features
 */
VTR_AVAILABLE_IN_0_1
VtrModel *vtr_model_with_features (VtrModel *self, const char *features, GError **error);

/**
 * vtr_model_with_head:
 * @self: a model
 * @head: a head for its features
 * @error: return location
 *
 * Fails with %VTR_ERROR_UNSUPPORTED where the head is for features of another width.
 *
 * Returns: (transfer full): the same weights as a model with that head, and that head's labels, in
 *   the place of its own
 */
VTR_AVAILABLE_IN_0_1
VtrModel *vtr_model_with_head (VtrModel *self, VtrHead *head, GError **error);

/* The head it was given by vtr_model_with_head (), or NULL; owned by @self. */
VTR_AVAILABLE_IN_0_1
VtrHead *vtr_model_get_head (VtrModel *self);

/* What its embedding is: "cls", "mean" or "cls-and-mean"; how many numbers it has. */
VTR_AVAILABLE_IN_0_1
const char *vtr_model_get_features (VtrModel *self);
VTR_AVAILABLE_IN_0_1
guint vtr_model_get_n_features (VtrModel *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrModel, g_object_unref)

G_END_DECLS
