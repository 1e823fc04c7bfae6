/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include "cpu/kernels.h"

/* y = act (x·wᵀ + bias)·scale (+ y), a product of matrices and what follows it. */
typedef struct
{
  const VtrMatmulParams *params;
  const float *x;        /* [n_rows][depth] */
  const float *w;        /* [n_cols][depth]; NULL where they are halves */
  const guint16 *halves; /* w then */
  gboolean w_by_depth;   /* w, or halves, is [depth][n_cols] */
  const float *bias;     /* [n_cols]; NULL: none */
  const float *scale;    /* [n_cols]; NULL: none */
  gboolean add;          /* to what is in y */
  float *y;              /* [n_rows][n_cols] */
} VtrProduct;

/* In matmul.c, or in its place in matmul-cblas.c. */
void VTR_CPU (multiply) (const VtrProduct *product);
