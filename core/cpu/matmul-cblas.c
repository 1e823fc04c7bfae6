/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * matmul: y = act (x·wᵀ + bias)·scale (+ y): the product by CBLAS, a tile of y at a time,
 * each by one thread, and the rest of the line while the tile is in its cache.
 * matmul-backward: d_x = d_y·w is the same with the columns of w for its rows.
 */
#include "cpu/activation.h"
#include "cpu/product.h"
#include "cpu/tile.h"

#include <cblas.h>
#ifdef _OPENMP
#include <omp.h>
#endif

/* Of a tile: long enough that what CBLAS packs is used often, short enough for the cache. */
#define TILE_ROWS 512
#define MIN_TILE_COLS 64
#define MAX_TILE_COLS 384

/* Values of depth at a time where w is f16: so much of a tile's columns, as floats, stays in the
 * second cache. */
#define SLICE 512

/* A row of a tile: @sums may be @y. */
static inline __attribute__ ((always_inline)) void
finish_row (const VtrProduct *self,
            const VtrActivation activation,
            const float *sums,
            gsize first_col,
            gsize n_cols,
            float *y)
{
  for (gsize i = 0; i < n_cols; i += VTR_LANES)
    {
      const gsize n = n_cols - i;
      VtrVec value = vtr_vec_load_part (sums + i, n);
      if (self->bias != NULL)
        value += vtr_vec_load_part (self->bias + first_col + i, n);
      value = vtr_vec_activate (value, activation);
      if (self->scale != NULL)
        value *= vtr_vec_load_part (self->scale + first_col + i, n);
      if (self->add)
        value += vtr_vec_load_part (y + i, n);
      vtr_vec_store_part (y + i, value, n);
    }
}

typedef struct
{
  gsize first_row, n_rows, first_col, n_cols;
} Tile;

static void
finish_tile (const VtrProduct *self, const Tile *tile, const float *sums, gsize sums_stride)
{
  for (gsize row = 0; row < tile->n_rows; row++)
    {
      const float *from = sums + row * sums_stride;
      float *to = self->y + (tile->first_row + row) * self->params->n_cols + tile->first_col;
      /* Each case by itself: the activation is then a constant of the loop over columns. */
      switch ((VtrActivation) self->params->activation)
        {
        case VTR_ACTIVATION_NONE:
          finish_row (self, VTR_ACTIVATION_NONE, from, tile->first_col, tile->n_cols, to);
          break;
        case VTR_ACTIVATION_GELU_ERF:
          finish_row (self, VTR_ACTIVATION_GELU_ERF, from, tile->first_col, tile->n_cols, to);
          break;
        default:
          finish_row (self, self->params->activation, from, tile->first_col, tile->n_cols, to);
        }
    }
}

/* What a thread computes with. */
typedef struct
{
  float *sums; /* [rows of a tile][columns of a tile] */
  float *wide; /* [columns of a tile][SLICE], or [SLICE][columns]: halves of w as floats */
} Scratch;

/* sums = x·wᵀ for the tile, over @depth values from @k on, added to those before; @w: the first of
 * the tile's there, rows @w_stride apart. */
static void
multiply_tile (const VtrProduct *self,
               const Tile *tile,
               gsize k,
               gsize depth,
               const float *w,
               gsize w_stride,
               float *sums,
               gsize sums_stride)
{
  const gsize x_stride = self->params->depth;

  cblas_sgemm (CblasRowMajor, CblasNoTrans, self->w_by_depth ? CblasNoTrans : CblasTrans,
               tile->n_rows, tile->n_cols, depth, 1.0f, self->x + tile->first_row * x_stride + k,
               x_stride, w, w_stride, k > 0 ? 1.0f : 0.0f, sums, sums_stride);
}

/* As above over all the depth, widening a slice at a time. */
static void
multiply_tile_of_halves (const VtrProduct *self,
                         const Tile *tile,
                         float *wide,
                         float *sums,
                         gsize sums_stride)
{
  const gsize depth = self->params->depth;
  const gsize stride = self->w_by_depth ? self->params->n_cols : depth;

  for (gsize k = 0; k < depth; k += SLICE)
    {
      const gsize n = MIN (SLICE, depth - k);
      /* Rows of the slice, and values in each. */
      const gsize n_rows = self->w_by_depth ? n : tile->n_cols;
      const gsize n_values = self->w_by_depth ? tile->n_cols : n;
      const guint16 *halves = self->halves + (self->w_by_depth ? k * stride + tile->first_col
                                                               : tile->first_col * stride + k);

      for (gsize row = 0; row < n_rows; row++)
        vtr_floats_from_halves (halves + row * stride, n_values, wide + row * n_values);
      multiply_tile (self, tile, k, n, wide, n_values, sums, sums_stride);
    }
}

static void
compute_tile (const VtrProduct *self, const Tile *tile, const Scratch *scratch)
{
  const gsize depth = self->params->depth, n_cols = self->params->n_cols;
  float *sums = self->add ? scratch->sums : self->y + tile->first_row * n_cols + tile->first_col;
  const gsize stride = self->add ? tile->n_cols : n_cols;

  if (self->halves != NULL)
    multiply_tile_of_halves (self, tile, scratch->wide, sums, stride);
  else if (self->w_by_depth)
    multiply_tile (self, tile, 0, depth, self->w + tile->first_col, n_cols, sums, stride);
  else
    multiply_tile (self, tile, 0, depth, self->w + tile->first_col * depth, depth, sums, stride);
  finish_tile (self, tile, sums, stride);
}

/* So that all threads have as much to do, within the limits above; whole vectors. */
static gsize
choose_tile_cols (gsize n_cols, gsize n_row_tiles)
{
#ifdef _OPENMP
  const gsize n_threads = (gsize) omp_get_max_threads ();
#else
  const gsize n_threads = 1;
#endif
  const gsize n_wanted = MAX (1, (n_threads + n_row_tiles - 1) / n_row_tiles);
  const gsize cols = CLAMP ((n_cols + n_wanted - 1) / n_wanted, MIN_TILE_COLS, MAX_TILE_COLS);
  const gsize n_tiles = (n_cols + cols - 1) / cols;
  const gsize n_even = (n_tiles + n_wanted - 1) / n_wanted * n_wanted;
  const gsize even = MAX ((n_cols + n_even - 1) / n_even, MIN_TILE_COLS);

  return (even + 15) / 16 * 16;
}

void
VTR_CPU (multiply) (const VtrProduct *self)
{
  const gsize n_rows = self->params->n_rows, n_cols = self->params->n_cols;
  const gsize n_row_tiles = (n_rows + TILE_ROWS - 1) / TILE_ROWS;
  const gsize tile_rows = (n_rows + n_row_tiles - 1) / n_row_tiles;
  const gsize tile_cols = choose_tile_cols (n_cols, n_row_tiles);
  const gsize n_col_tiles = (n_cols + tile_cols - 1) / tile_cols;

#pragma omp parallel if (VTR_CPU_IS_LARGE((double) n_rows * n_cols * self->params->depth))
  {
    const Scratch scratch = {
      .sums = vtr_tile_new (tile_rows * tile_cols),
      .wide = vtr_tile_new (self->halves != NULL ? tile_cols * SLICE : 1),
    };

#pragma omp for schedule(dynamic)
    for (gsize i = 0; i < n_row_tiles * n_col_tiles; i++)
      {
        Tile tile = { .first_row = i / n_col_tiles * tile_rows,
                      .first_col = i % n_col_tiles * tile_cols };
        if (tile.first_row >= n_rows)
          continue; /* the rows were rounded up */
        tile.n_rows = MIN (tile_rows, n_rows - tile.first_row);
        tile.n_cols = MIN (tile_cols, n_cols - tile.first_col);
        compute_tile (self, &tile, &scratch);
      }
    g_aligned_free (scratch.sums);
    g_aligned_free (scratch.wide);
  }
}
