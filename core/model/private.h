/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* VtrModel from inside; only for files of this layer and their tests. */
#include "model/detect.h"
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

  GMutex lock;
  char *hash; /* NULL until asked for; under lock */
};

/* All values of one tensor as f32, checked for NaN and infinity. */
gboolean
vtr_model_read_stored (VtrModel *self, const VtrStored *stored, float *out, GError **error);
