/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * context = softmax (scale·q·kᵀ)·v with an online softmax (Milakov & Gimelshein
 * 2018).  A thread has a block of queries of one head, one query a lane; keys come
 * KEYS at a time.  Shapes: see shaders/lib/attention-interface.glsl.
 */
#include "cpu/kernels.h"
#include "cpu/tile.h"

#include <math.h>

#define KEYS 96

#define LOG2_E 1.44269504f
#define LN_2 0.693147181f

/* What a thread needs for a block, allocated once. */
typedef struct
{
  float
      *queries; /* [head_width][VTR_BLOCK], scaled so that 2 to the power of a product is wanted */
  float *weights; /* [KEYS][VTR_BLOCK]: products, then 2^(product − highest) */
  float *sums;    /* [head_width][VTR_BLOCK]: of weights·v */
  VtrVec highest[VTR_BLOCK_VECS];
  VtrVec total[VTR_BLOCK_VECS]; /* of the weights */
} Block;

/* Products to weights; what was summed before fades as the highest product grows. */
static void
weigh_keys (Block *self, gsize n_queries, gsize n_keys, gsize head_width)
{
  for (guint v = 0; v < VTR_BLOCK_VECS && v * VTR_LANES < n_queries; v++)
    {
      float *column = self->weights + v * VTR_LANES;
      VtrVec highest = self->highest[v];
      for (gsize key = 0; key < n_keys; key++)
        highest = vtr_vec_max (highest, vtr_vec_load (column + key * VTR_BLOCK));

      const VtrVec fade = vtr_vec_exp2 (self->highest[v] - highest);
      VtrVec total = self->total[v] * fade;
      for (gsize key = 0; key < n_keys; key++)
        {
          const VtrVec weight = vtr_vec_exp2 (vtr_vec_load (column + key * VTR_BLOCK) - highest);
          vtr_vec_store (column + key * VTR_BLOCK, weight);
          total += weight;
        }
      for (gsize i = 0; i < head_width; i++)
        {
          float *sum = self->sums + i * VTR_BLOCK + v * VTR_LANES;
          vtr_vec_store (sum, vtr_vec_load (sum) * fade);
        }
      self->highest[v] = highest;
      self->total[v] = total;
    }
}

/* @q, @k and @v: of the block's first query and of key 0; tokens are @stride values apart. */
static void
attend (Block *self,
        const VtrAttentionParams *params,
        const float *q,
        const float *k,
        const float *v,
        gsize stride,
        gsize n_queries)
{
  const gsize width = params->head_width;

  vtr_tile_pack (q, stride, n_queries, width, params->scale * LOG2_E, self->queries);
  memset (self->sums, 0, width * VTR_BLOCK * sizeof (float));
  for (guint i = 0; i < VTR_BLOCK_VECS; i++)
    {
      self->highest[i] = vtr_vec_of (-3.402823e38f);
      self->total[i] = vtr_vec_of (0.0f);
    }
  for (gsize first = 0; first < params->n_tokens; first += KEYS)
    {
      const gsize n_keys = MIN (KEYS, params->n_tokens - first);
      const VtrTileOthers keys = { k + first * stride, stride, 1 };
      const VtrTileOthers values = { v + first * stride, 1, stride };
      vtr_tile_multiply (self->queries, n_queries, width, &keys, n_keys, FALSE, self->weights);
      weigh_keys (self, n_queries, n_keys, width);
      vtr_tile_multiply (self->weights, n_queries, n_keys, &values, width, TRUE, self->sums);
    }
}

/* VTR_LANES queries of the block from @first on, @n at most: sums to context, @width values each.
 */
static void
store_context (const Block *self, gsize first, gsize n, gsize width, gsize stride, float *context)
{
  const VtrVec inverse = 1.0f / self->total[first / VTR_LANES];

  for (gsize i = 0; i < width; i += VTR_LANES)
    {
      VtrVec square[VTR_LANES];

      for (gsize j = 0; j < VTR_LANES; j++)
        square[j] = i + j < width
                        ? vtr_vec_load (self->sums + (i + j) * VTR_BLOCK + first) * inverse
                        : vtr_vec_of (0.0f);
      vtr_vec_transpose (square);
      for (gsize query = 0; query < MIN (n, VTR_LANES); query++)
        vtr_vec_store_part (context + query * stride + i, square[query], width - i);
    }
}

static void
store_block (const Block *self,
             gsize n_queries,
             gsize width,
             gsize stride,
             float *context,
             float *lse)
{
  const float *highest = (const float *) self->highest;
  const float *total = (const float *) self->total;

  for (gsize first = 0; first < n_queries; first += VTR_LANES)
    store_context (self, first, n_queries - first, width, stride, context + first * stride);
  for (gsize query = 0; query < n_queries; query++)
    lse[query] = LN_2 * highest[query] + logf (total[query]);
}

void
VTR_CPU (attention) (gconstpointer data, float *const *tensors)
{
  const VtrAttentionParams *params = data;
  const gsize n = params->n_tokens, n_heads = params->n_heads, width = params->head_width;
  const gsize d = n_heads * width;
  const gsize n_blocks = (n + VTR_BLOCK - 1) / VTR_BLOCK;

#pragma omp parallel if (VTR_CPU_IS_LARGE(2.0 * params->n_images * n * n * d))
  {
    Block block = {
      .queries = vtr_tile_new (width * VTR_BLOCK),
      .weights = vtr_tile_new (KEYS * VTR_BLOCK),
      .sums = vtr_tile_new (width * VTR_BLOCK),
    };

#pragma omp for schedule(dynamic)
    for (gsize i = 0; i < params->n_images * n_heads * n_blocks; i++)
      {
        const gsize first = i % n_blocks * VTR_BLOCK;
        const gsize head = i / n_blocks % n_heads, image = i / n_blocks / n_heads;
        const gsize n_queries = MIN (VTR_BLOCK, n - first);
        const float *q = tensors[0] + image * n * 3 * d + head * width;

        attend (&block, params, q + first * 3 * d, q + d, q + 2 * d, 3 * d, n_queries);
        store_block (&block, n_queries, width, d,
                     tensors[1] + (image * n + first) * d + head * width,
                     tensors[2] + (image * n_heads + head) * n + first);
      }
    g_aligned_free (block.queries);
    g_aligned_free (block.weights);
    g_aligned_free (block.sums);
  }
}
