/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* VtrInput from inside; only for files of this layer. */
#include "preprocess/preprocess.h"

struct _VtrInput
{
  gatomicrefcount ref_count;
  VtrModel *model;
  VtrImage *image;
  VtrFit fit;
  guint size;
  VtrGeometry geometry;
  float *pixels; /* [3][height][width] */
};
