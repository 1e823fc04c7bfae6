/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* VtrModel from inside; only for files of this layer and their tests. */
#include "model/detect.h"
#include "model/head.h"
#include "model/model.h"

#define VTR_IS_MODEL(self) (G_TYPE_CHECK_INSTANCE_TYPE ((self), VTR_TYPE_MODEL))

struct _VtrModel
{
  GObject parent_instance;

  char *path;
  char *name;
  VtrStore *store;
  VtrDetection found;
  GPtrArray *files; /* paths that the checkpoint consists of */
  char *stamp;      /* of the files when they were opened; may be NULL */
  VtrModel *base; /* derive.c: owns store and what is found, all but its labels; NULL: it is self */
  VtrPruning *gates; /* pruning.c: heads and layers that are to add nothing; NULL: none */
  VtrHead *head;     /* in the place of the checkpoint's own; NULL: none was given */

  GMutex lock;
  char *hash; /* NULL until asked for; under lock */
};

/* All values of one tensor as f32, checked for NaN and infinity. */
gboolean
vtr_model_read_stored (VtrModel *self, const VtrStored *stored, float *out, GError **error);

/* The weight of one part in PyTorch's layout: a matrix as [out][in], patches as [out][3][p][p]. */
gboolean vtr_model_read_part (VtrModel *self,
                              VtrPart part,
                              const VtrStored *stored,
                              float *out,
                              GError **error);

/* hash-cache.c: device, number, size and times of the model's files, as one sum; NULL where it has
 * none.  Then the hash that was computed of such files before, or NULL; and remembering one. */
char *vtr_hash_cache_stamp (VtrModel *self);
char *vtr_hash_cache_find (const char *stamp);
void vtr_hash_cache_add (const char *stamp, const char *hash);

/* save-config.c: JSON as transformers would write it for a model of this architecture. */
char *vtr_model_make_config (VtrModel *self);
char *vtr_model_make_preprocessor_config (VtrModel *self);

/* save-weights.c: all tensors as F32 under transformers' names. */
gboolean vtr_model_save_weights (VtrModel *self,
                                 const char *path,
                                 const VtrProgress *progress,
                                 GError **error);

/* save-files.c.  A file of a folder; many bytes of the file @path; a sentence for errno. */
gboolean
vtr_files_write_text (const char *directory, const char *name, const char *text, GError **error);
gboolean vtr_files_write_all (GOutputStream *stream,
                              gconstpointer data,
                              gsize n,
                              GCancellable *cancellable,
                              const char *path,
                              GError **error);
gboolean vtr_files_fail (const char *path, GError **error);

/* A folder of files and nothing else; the same put in the place of @target, which may exist. */
void vtr_files_remove (const char *path);
gboolean vtr_files_put (const char *directory, const char *target, GError **error);

/* Writes the model as transformers would have saved it: nobody else needs to find weights in a
 * graph again. */
gboolean
vtr_model_save (VtrModel *self, const char *directory, const VtrProgress *progress, GError **error);

/* A model of what has been read already.  Takes the store; @path names it. */
VtrModel *vtr_model_new_from_store (VtrStore *store,
                                    VtrConfig *config,
                                    VtrConfig *preprocessor,
                                    const char *path,
                                    GError **error);

/* positions.c: a table [in_rows][in_columns][d] brought to [n_rows][n_columns][d]. */
float *vtr_positions_resample (VtrPositionRule rule,
                               const float *in,
                               guint in_rows,
                               guint in_columns,
                               guint n_rows,
                               guint n_columns,
                               guint d);

/* [2][n_rows·n_columns][head_size]: cos, sin; @periods [head_size/4] may be NULL, then
 * theta^(4k/head_size). */
float *
vtr_rope_make (double theta, const float *periods, guint n_rows, guint n_columns, guint head_size);
