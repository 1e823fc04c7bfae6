/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * VtrHead from inside: a classifier head beside the checkpoint, as a file of its own has it.
 *
 *   head.c        VtrHead
 *   head-load.c   safetensors → VtrHead
 *   derive.c      a checkpoint as another model: other features, another head
 */
#include "base/json.h"
#include "model/arch.h"
#include "model/store.h"

struct _VtrHead
{
  gatomicrefcount ref_count;
  char *path; /* of the file; NULL: of none yet */
  guint n_classes;
  guint n_features;
  float *weight;     /* [n_classes][n_features] */
  float *bias;       /* [n_classes] */
  GPtrArray *labels; /* [n_classes] of strings, NULL where one has none; NULL: none */
  char *hash;        /* vtr_head_get_hash () */
  char *features;    /* what it is for, a name of VtrHeadPool; NULL: what the model has */

  /* How it came about; NULL and 0 where that is not known. */
  char *model_name;
  char *model_hash;
  char *fit;
  guint size;
  gboolean has_score;
  VtrHeadScore score;
  guint *confusion; /* what score.confusion points to; owned */
};

/* Takes @weight, @bias and @labels; all else is for the caller to fill in. */
VtrHead *
vtr_head_new (guint n_classes, guint n_features, float *weight, float *bias, GPtrArray *labels);

/* @label names the file in messages. */
VtrHead *vtr_head_from_store (VtrStore *store, const char *label, GError **error);

/* Keys of a head's metadata; docs/formats.md says what they are. */
#define VTR_HEAD_LABELS "labels"
#define VTR_HEAD_FEATURES "features"
#define VTR_HEAD_MODEL "model"
#define VTR_HEAD_MODEL_HASH "model_hash"
#define VTR_HEAD_FIT "fit"
#define VTR_HEAD_SIZE "size"
#define VTR_HEAD_N_EXAMPLES "n_examples"
#define VTR_HEAD_N_FOLDS "n_folds"
#define VTR_HEAD_ACCURACY "accuracy"
#define VTR_HEAD_DEVIATION "accuracy_deviation"
#define VTR_HEAD_GUESSING "accuracy_of_guessing"
#define VTR_HEAD_PENALTY "penalty"

/* The member "head" of the object @json is in: the head that @model was given, or null. */
void vtr_head_describe (JsonBuilder *json, VtrModel *model);
