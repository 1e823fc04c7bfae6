/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * matmul: y = act (x·wᵀ + bias)·scale (+ y), a panel of columns by a few rows at a time.
 * matmul-backward: d_x = d_y·w is the same with the columns of w for its rows.
 *
 * w is packed so that one lane has a column of y: sums leave the registers as
 * they lie in y, and all that follows the product works on whole vectors.  x is
 * read where it lies: a shared packed copy costs more in traffic between the cores
 * than it saves.
 *
 * A value of y depends on its row of x and its part of w alone: batches and threads change nothing.
 */
#include "cpu/activation.h"
#include "cpu/product.h"
#include "cpu/tile.h"

#ifdef _OPENMP
#include <omp.h>
#endif

/* Rows of x that go by one packed panel of w, at most: so many that packing is paid for, so few
 * that they stay in the second cache at the usual depths. */
#define GROUP_ROWS (48 * VTR_OTHERS)
/* Panels and groups of rows for each thread at least, so that all have as much to do. */
#define TASKS_PER_THREAD 4

#define CACHE_LINE 64 /* bytes */

typedef struct
{
  const VtrProduct *product;
  gsize n_threads;
  gsize group_rows; /* a multiple of VTR_OTHERS */
} Matmul;

/* ---- what follows the product ---- */

static inline __attribute__ ((always_inline)) void
finish_row (const Matmul *self,
            const VtrActivation activation,
            const float *sums,
            gsize first_col,
            gsize n_cols,
            float *y)
{
  for (gsize i = 0; i < n_cols; i += VTR_LANES)
    {
      const gsize n = n_cols - i;
      VtrVec value = vtr_vec_load (sums + i);
      if (self->product->bias != NULL)
        value += vtr_vec_load_part (self->product->bias + first_col + i, n);
      value = vtr_vec_activate (value, activation);
      if (self->product->scale != NULL)
        value *= vtr_vec_load_part (self->product->scale + first_col + i, n);
      if (self->product->add)
        value += vtr_vec_load_part (y + i, n);
      vtr_vec_store_part (y + i, value, n);
    }
}

/* sums [n_rows][VTR_BLOCK] */
static void
finish_rows (const Matmul *self,
             const float *sums,
             gsize first_row,
             gsize n_rows,
             gsize first_col,
             gsize n_cols)
{
  float *y = self->product->y + first_row * self->product->params->n_cols + first_col;

  for (gsize row = 0; row < n_rows; row++, sums += VTR_BLOCK, y += self->product->params->n_cols)
    /* Each case by itself: the activation is then a constant of the loop over columns. */
    switch ((VtrActivation) self->product->params->activation)
      {
      case VTR_ACTIVATION_NONE:
        finish_row (self, VTR_ACTIVATION_NONE, sums, first_col, n_cols, y);
        break;
      case VTR_ACTIVATION_GELU_ERF:
        finish_row (self, VTR_ACTIVATION_GELU_ERF, sums, first_col, n_cols, y);
        break;
      default:
        finish_row (self, self->product->params->activation, sums, first_col, n_cols, y);
      }
}

/* ---- the product ---- */

/* Some lines of the memory that comes next, so that it works while we compute. */
static void
prefetch_share (const guint8 *next, gsize n_bytes, gsize share, gsize n_shares)
{
  const gsize n_lines = n_bytes / CACHE_LINE;
  const gsize last = n_lines * (share + 1) / n_shares;

  for (gsize line = n_lines * share / n_shares; line < last; line++)
    __builtin_prefetch (next + line * CACHE_LINE, 0, 2);
}

/* What a thread needs for a panel, allocated once. */
typedef struct
{
  float *panel;   /* [depth][VTR_BLOCK]: packed rows or columns of w */
  float *widened; /* [VTR_BLOCK][depth]: rows of halves before they are packed */
} Scratch;

static void
pack_rows (const Matmul *self, gsize first_col, gsize n_cols, const Scratch *scratch)
{
  const gsize depth = self->product->params->depth;
  const float *rows =
      self->product->halves != NULL ? scratch->widened : self->product->w + first_col * depth;

  if (self->product->halves != NULL)
    vtr_floats_from_halves (self->product->halves + first_col * depth, n_cols * depth,
                            scratch->widened);
  vtr_tile_pack (rows, depth, n_cols, depth, 1.0f, scratch->panel);
}

/* Columns of w lie as the panel wants them, only too far apart. */
static void
pack_columns (const Matmul *self, gsize first_col, gsize n_cols, const Scratch *scratch)
{
  const gsize stride = self->product->params->n_cols;
  float *panel = scratch->panel;

  if (n_cols < VTR_BLOCK)
    memset (panel, 0, self->product->params->depth * VTR_BLOCK * sizeof *panel);
  for (gsize k = 0; k < self->product->params->depth; k++, panel += VTR_BLOCK)
    if (self->product->halves != NULL)
      vtr_floats_from_halves (self->product->halves + k * stride + first_col, n_cols, panel);
    else
      memcpy (panel, self->product->w + k * stride + first_col, n_cols * sizeof *panel);
}

/* A group of rows by the panel of columns from @first_col on. */
static void
multiply_panel (const Matmul *self, gsize first_row, gsize first_col, const Scratch *scratch)
{
  const gsize depth = self->product->params->depth;
  const gsize n_cols = MIN (VTR_BLOCK, self->product->params->n_cols - first_col);
  /* While every thread has one panel, the next of this one is as many on as there are threads. */
  const gsize next_col =
      MIN (first_col + self->n_threads * VTR_BLOCK, self->product->params->n_cols);
  /* Columns of w are no one piece of memory that could come next. */
  const gsize n_next =
      self->product->w_by_depth ? 0 : MIN (VTR_BLOCK, self->product->params->n_cols - next_col);
  const gsize end_row = MIN (first_row + self->group_rows, self->product->params->n_rows);
  const gsize n_blocks = (end_row - first_row + VTR_OTHERS - 1) / VTR_OTHERS;
  const gsize row_bytes =
      depth * (self->product->halves != NULL ? sizeof (guint16) : sizeof (float));
  const guint8 *w = self->product->halves != NULL ? (const guint8 *) self->product->halves
                                                  : (const guint8 *) self->product->w;
  const guint8 *next = w + next_col * row_bytes;
  float sums[VTR_OTHERS * VTR_BLOCK] __attribute__ ((aligned (VTR_TILE_ALIGNMENT)));

  if (self->product->w_by_depth)
    pack_columns (self, first_col, n_cols, scratch);
  else
    pack_rows (self, first_col, n_cols, scratch);
  for (gsize block = 0; block < n_blocks; block++)
    {
      const gsize row = first_row + block * VTR_OTHERS;
      const gsize n_rows = MIN (VTR_OTHERS, end_row - row);
      const VtrTileOthers rows = { self->product->x + row * depth, depth, 1 };

      prefetch_share (next, n_next * row_bytes, block, n_blocks);
      vtr_tile_multiply (scratch->panel, n_cols, depth, &rows, n_rows, FALSE, sums);
      finish_rows (self, sums, row, n_rows, first_col, n_cols);
    }
}

static gsize
count_threads (void)
{
#ifdef _OPENMP
  return (gsize) omp_get_max_threads ();
#else
  return 1;
#endif
}

static gsize
choose_group_rows (gsize n_rows, gsize n_panels, gsize n_threads)
{
  const gsize n_blocks = (n_rows + VTR_OTHERS - 1) / VTR_OTHERS;
  const gsize n_wanted = MAX ((n_blocks * VTR_OTHERS + GROUP_ROWS - 1) / GROUP_ROWS,
                              (n_threads * TASKS_PER_THREAD + n_panels - 1) / n_panels);
  const gsize n_groups = MIN (n_wanted, n_blocks);

  return (n_blocks + n_groups - 1) / n_groups * VTR_OTHERS;
}

void
VTR_CPU (multiply) (const VtrProduct *product)
{
  const gsize n_rows = product->params->n_rows, n_cols = product->params->n_cols;
  const gsize depth = product->params->depth;
  const gsize n_panels = (n_cols + VTR_BLOCK - 1) / VTR_BLOCK;
  const gsize n_threads = count_threads ();
  const Matmul self = {
    .product = product,
    .n_threads = n_threads,
    .group_rows = choose_group_rows (n_rows, n_panels, n_threads),
  };
  const gsize n_groups = (n_rows + self.group_rows - 1) / self.group_rows;

#pragma omp parallel if (VTR_CPU_IS_LARGE((double) n_rows * n_cols * depth))
  {
    const Scratch scratch = {
      .panel = vtr_tile_new (depth * VTR_BLOCK),
      .widened =
          product->halves != NULL && !product->w_by_depth ? vtr_tile_new (depth * VTR_BLOCK) : NULL,
    };

    /* One at a time: where another program takes a thread's core, the others do its share. */
#pragma omp for schedule(dynamic)
    for (gsize i = 0; i < n_groups * n_panels; i++)
      multiply_panel (&self, i / n_panels * self.group_rows, i % n_panels * VTR_BLOCK, &scratch);
    g_aligned_free (scratch.panel);
    g_aligned_free (scratch.widened);
  }
}
