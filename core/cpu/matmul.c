/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * y = act (x·wᵀ + bias)·scale (+ y), a block of rows of x by a few rows of w at a time.
 * A value of y depends on its rows of x and w alone: batches and threads change nothing.
 */
#include "cpu/activation.h"
#include "cpu/kernels.h"
#include "cpu/tile.h"

/* Rows of x packed at a time: they stay in the cache while all of w goes by. */
#define GROUP_BLOCKS (512 / VTR_BLOCK)
/* Values of depth at a time: so much of VTR_OTHERS rows of w stays in the first cache. */
#define SLICE 512

typedef struct
{
  const VtrMatmulParams *params;
  const float *x;
  const float *w;
  const float *bias;  /* NULL: none */
  const float *scale; /* NULL: none */
  gboolean add;       /* to what is in y */
  float *y;
  float *packed; /* [GROUP_BLOCKS][depth][VTR_BLOCK]: rows of x */
} Matmul;

/* What follows the product, for one column of a block: lanes are rows. */
static inline __attribute__ ((always_inline)) void
finish_column (const Matmul *self, const VtrActivation activation, gsize col, float *sums)
{
  const float bias = self->bias != NULL ? self->bias[col] : 0.0f;
  const float scale = self->scale != NULL ? self->scale[col] : 1.0f;

  for (guint v = 0; v < VTR_BLOCK; v += VTR_LANES)
    vtr_vec_store (sums + v, vtr_vec_activate (vtr_vec_load (sums + v) + bias, activation) * scale);
}

static void
finish_columns (const Matmul *self, gsize first_col, gsize n_cols, float *sums)
{
  /* Each activation is a constant of its loop. */
  for (gsize j = 0; j < n_cols; j++)
    switch ((VtrActivation) self->params->activation)
      {
      case VTR_ACTIVATION_NONE:
        finish_column (self, VTR_ACTIVATION_NONE, first_col + j, sums + j * VTR_BLOCK);
        break;
      case VTR_ACTIVATION_GELU_ERF:
        finish_column (self, VTR_ACTIVATION_GELU_ERF, first_col + j, sums + j * VTR_BLOCK);
        break;
      default:
        finish_column (self, self->params->activation, first_col + j, sums + j * VTR_BLOCK);
      }
}

static inline __attribute__ ((always_inline)) void
store_columns (const Matmul *self,
               gsize first_row,
               gsize n_rows,
               gsize first_col,
               const gsize n_cols,
               const float *sums)
{
  float *y = self->y + first_row * self->params->n_cols + first_col;

  for (gsize row = 0; row < n_rows; row++, y += self->params->n_cols)
    for (gsize j = 0; j < n_cols; j++)
      y[j] = sums[j * VTR_BLOCK + row] + (self->add ? y[j] : 0.0f);
}

/* The packed rows by VTR_OTHERS rows of w at most; sums [GROUP_BLOCKS][VTR_OTHERS][VTR_BLOCK]. */
static void
multiply_columns (const Matmul *self,
                  gsize first_row,
                  gsize n_rows,
                  gsize first_col,
                  gsize n_cols,
                  float *sums)
{
  const gsize depth = self->params->depth;

  for (gsize k = 0; k < depth; k += SLICE)
    {
      const VtrTileOthers others = { self->w + first_col * depth + k, depth, 1 };
      for (gsize row = 0; row < n_rows; row += VTR_BLOCK)
        vtr_tile_multiply (self->packed + row * depth + k * VTR_BLOCK, n_rows - row,
                           MIN (SLICE, depth - k), &others, n_cols, k > 0, sums + row * VTR_OTHERS);
    }
  for (gsize row = 0; row < n_rows; row += VTR_BLOCK)
    {
      const gsize n = MIN (VTR_BLOCK, n_rows - row);
      finish_columns (self, first_col, n_cols, sums + row * VTR_OTHERS);
      if (n_cols == VTR_OTHERS)
        store_columns (self, first_row + row, n, first_col, VTR_OTHERS, sums + row * VTR_OTHERS);
      else
        store_columns (self, first_row + row, n, first_col, n_cols, sums + row * VTR_OTHERS);
    }
}

/* Rows that are packed together; every thread takes part. */
static void
multiply_group (const Matmul *self, gsize first_row, gsize n_rows, float *sums)
{
  const gsize depth = self->params->depth, n_cols = self->params->n_cols;

#pragma omp for schedule(static)
  for (gsize row = 0; row < n_rows; row += VTR_BLOCK)
    vtr_tile_pack (self->x + (first_row + row) * depth, depth, MIN (VTR_BLOCK, n_rows - row), depth,
                   1.0f, self->packed + row * depth);
#pragma omp for schedule(dynamic, 4)
  for (gsize col = 0; col < n_cols; col += VTR_OTHERS)
    multiply_columns (self, first_row, n_rows, col, MIN (VTR_OTHERS, n_cols - col), sums);
}

void
VTR_CPU (matmul) (gconstpointer data, float *const *tensors)
{
  const VtrMatmulParams *params = data;
  const gsize n_rows = params->n_rows, n_cols = params->n_cols;
  const gsize group = GROUP_BLOCKS * VTR_BLOCK;
  const Matmul self = {
    .params = params,
    .x = tensors[0],
    .w = tensors[1],
    .bias = params->flags & VTR_MATMUL_BIAS ? tensors[2] : NULL,
    .scale = params->flags & VTR_MATMUL_SCALE ? tensors[2] + n_cols : NULL,
    .add = (params->flags & VTR_MATMUL_ACCUMULATE) != 0,
    .y = tensors[3],
    .packed = vtr_tile_new (MIN (group, n_rows + VTR_BLOCK) * params->depth),
  };

#pragma omp parallel if (VTR_CPU_IS_LARGE((double) n_rows * n_cols * params->depth))
  {
    float *sums = vtr_tile_new (group * VTR_OTHERS);

    for (gsize row = 0; row < n_rows; row += group)
      multiply_group (&self, row, MIN (group, n_rows - row), sums);
    g_aligned_free (sums);
  }
  g_aligned_free (self.packed);
}
