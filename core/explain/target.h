/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include "model/model.h"

/* A class, or what ranks at a place in each picture. */
typedef struct
{
  guint number; /* the class; or the rank, from 0 */
  gboolean is_rank;
} VtrTargetClass;

struct _VtrTarget
{
  gatomicrefcount ref_count;
  VtrTargetKind kind;
  char *text;
  VtrTargetClass a; /* of classes only */
  VtrTargetClass b; /* of a contrast, else as a */
  float *direction; /* [n_direction], of length 1; of an embedding only */
  guint n_direction;
  double x; /* pixels of the picture; of a patch only */
  double y;
};

#define VTR_TARGET_LENGTH_TEXT "embedding"

/* @b counts for a contrast only. */
VtrTarget *vtr_target_new_classes (VtrTargetKind kind, VtrTargetClass a, VtrTargetClass b);

gboolean vtr_target_is_of_classes (const VtrTarget *self);

/* The label of a class, or what stands for it: "class 7".  Transfer full. */
char *vtr_target_describe_class (guint class, VtrModel *model);

/* Whether @model can answer: it may be another than the target was made for. */
gboolean vtr_target_check (const VtrTarget *self, VtrModel *model, GError **error);

/*
 * What the target is for a picture with these logits: ranks become classes.  @logits may be NULL
 * where it is not of classes.  VTR_ERROR_USAGE where a contrast turns out to be of one class.
 */
VtrTarget *vtr_target_resolve (VtrTarget *self,
                               VtrModel *model,
                               const float *logits,
                               guint n_classes,
                               GError **error);

/*
 * y, and where @gradient [n] is given ∂y/∂values, of a resolved target.  @values [n]: logits for
 * classes, the embedding, or the patch's token.
 */
double vtr_target_evaluate (const VtrTarget *self, const float *values, guint n, float *gradient);
