/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * y = act (x·wᵀ + bias)·scale (+ y): the product by CBLAS, a tile of y at a time,
 * each by one thread, and the rest of the line while the tile is in its cache.
 */
#include "cpu/activation.h"
#include "cpu/kernels.h"

#include <cblas.h>
#ifdef _OPENMP
#include <omp.h>
#endif

/* Of a tile: long enough that what CBLAS packs is used often, short enough for the cache. */
#define TILE_ROWS 512
#define MIN_TILE_COLS 64
#define MAX_TILE_COLS 384

typedef struct
{
  const float *bias;  /* NULL: none */
  const float *scale; /* NULL: none */
  gboolean add;       /* to what is in y */
} Epilogue;

/* A row of a tile: @sums may be @y. */
static inline __attribute__ ((always_inline)) void
finish_row (const Epilogue *self,
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
finish_tile (const VtrMatmulParams *params,
             const Epilogue *epilogue,
             const Tile *tile,
             const float *sums,
             gsize sums_stride,
             float *y)
{
  for (gsize row = 0; row < tile->n_rows; row++)
    {
      const float *from = sums + row * sums_stride;
      float *to = y + (tile->first_row + row) * params->n_cols + tile->first_col;
      /* Each case by itself: the activation is then a constant of the loop over columns. */
      switch ((VtrActivation) params->activation)
        {
        case VTR_ACTIVATION_NONE:
          finish_row (epilogue, VTR_ACTIVATION_NONE, from, tile->first_col, tile->n_cols, to);
          break;
        case VTR_ACTIVATION_GELU_ERF:
          finish_row (epilogue, VTR_ACTIVATION_GELU_ERF, from, tile->first_col, tile->n_cols, to);
          break;
        default:
          finish_row (epilogue, params->activation, from, tile->first_col, tile->n_cols, to);
        }
    }
}

static void
compute_tile (const VtrMatmulParams *params,
              const Epilogue *epilogue,
              const Tile *tile,
              const float *x,
              const float *w,
              float *y,
              float *scratch)
{
  const gsize depth = params->depth;
  float *sums = epilogue->add ? scratch : y + tile->first_row * params->n_cols + tile->first_col;
  const gsize stride = epilogue->add ? tile->n_cols : params->n_cols;

  cblas_sgemm (CblasRowMajor, CblasNoTrans, CblasTrans, tile->n_rows, tile->n_cols, depth, 1.0f,
               x + tile->first_row * depth, depth, w + tile->first_col * depth, depth, 0.0f, sums,
               stride);
  finish_tile (params, epilogue, tile, sums, stride, y);
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
VTR_CPU (matmul) (gconstpointer data, float *const *tensors)
{
  const VtrMatmulParams *params = data;
  const gsize n_rows = params->n_rows, n_cols = params->n_cols;
  const Epilogue epilogue = {
    .bias = params->flags & VTR_MATMUL_BIAS ? tensors[2] : NULL,
    .scale = params->flags & VTR_MATMUL_SCALE ? tensors[2] + n_cols : NULL,
    .add = (params->flags & VTR_MATMUL_ACCUMULATE) != 0,
  };
  const gsize n_row_tiles = (n_rows + TILE_ROWS - 1) / TILE_ROWS;
  const gsize tile_rows = (n_rows + n_row_tiles - 1) / n_row_tiles;
  const gsize tile_cols = choose_tile_cols (n_cols, n_row_tiles);
  const gsize n_col_tiles = (n_cols + tile_cols - 1) / tile_cols;

#pragma omp parallel if (VTR_CPU_IS_LARGE((double) n_rows * n_cols * params->depth))
  {
    float *scratch = g_aligned_alloc (tile_rows * tile_cols, sizeof (float), VTR_TILE_ALIGNMENT);

#pragma omp for schedule(dynamic)
    for (gsize i = 0; i < n_row_tiles * n_col_tiles; i++)
      {
        Tile tile = { .first_row = i / n_col_tiles * tile_rows,
                      .first_col = i % n_col_tiles * tile_cols };
        if (tile.first_row >= n_rows)
          continue; /* the rows were rounded up */
        tile.n_rows = MIN (tile_rows, n_rows - tile.first_row);
        tile.n_cols = MIN (tile_cols, n_cols - tile.first_col);
        compute_tile (params, &epilogue, &tile, tensors[0], tensors[1], tensors[3], scratch);
      }
    g_aligned_free (scratch);
  }
}
