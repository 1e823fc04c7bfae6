/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * attention-rows, attention-apply: entries exp (scale·q·k − lse[q]) computed again.
 * A thread has a block of keys of one head, one key a lane; queries come QUERIES at
 * a time.  Shapes: see the shaders of these names.
 */
#include "cpu/kernels.h"
#include "cpu/tile.h"

#define QUERIES (4 * VTR_OTHERS)

typedef struct
{
  const float *q;   /* of token 0 of the head */
  const float *lse; /* of the head, [n_tokens] */
  gsize stride;     /* values from a token to the next */
  gsize head_width;
  float scale;
  gsize first_key, n_keys; /* of the block */
  float *keys;             /* [head_width][VTR_BLOCK] */
  float *dots;             /* [QUERIES][VTR_BLOCK] */
  float *gathered;         /* [QUERIES][head_width] */
} Block;

static VtrVec
entry (const Block *self, gsize row, guint vec, float lse)
{
  const VtrVec dot = vtr_vec_load (self->dots + row * VTR_BLOCK + vec * VTR_LANES);

  return vtr_vec_exp (dot * self->scale - lse);
}

/* @rows of probs, from @first on, at most QUERIES. */
static void
compute_rows (Block *self, const guint32 *rows, gsize n_rows, gsize n_tokens, float *probs)
{
  const VtrTileOthers queries = { self->gathered, self->head_width, 1 };

  for (gsize row = 0; row < n_rows; row++)
    memcpy (self->gathered + row * self->head_width, self->q + rows[row] * self->stride,
            self->head_width * sizeof (float));
  vtr_tile_multiply (self->keys, self->n_keys, self->head_width, &queries, n_rows, FALSE,
                     self->dots);
  for (gsize row = 0; row < n_rows; row++)
    for (guint v = 0; v < VTR_BLOCK_VECS && v * VTR_LANES < self->n_keys; v++)
      vtr_vec_store_part (probs + row * n_tokens + self->first_key + v * VTR_LANES,
                          entry (self, row, v, self->lse[rows[row]]), self->n_keys - v * VTR_LANES);
}

/* One chunk of the queries: partials[key] = Σ weights[query]·entry. */
static void
apply_chunk (Block *self, const float *weights, gsize begin, gsize end, float *partials)
{
  VtrVec sums[VTR_BLOCK_VECS] = { 0 };

  for (gsize first = begin; first < end; first += QUERIES)
    {
      const gsize n = MIN (QUERIES, end - first);
      const VtrTileOthers queries = { self->q + first * self->stride, self->stride, 1 };
      vtr_tile_multiply (self->keys, self->n_keys, self->head_width, &queries, n, FALSE,
                         self->dots);
      for (gsize i = 0; i < n; i++)
        for (guint v = 0; v < VTR_BLOCK_VECS; v++)
          sums[v] += weights[first + i] * entry (self, i, v, self->lse[first + i]);
    }
  for (guint v = 0; v < VTR_BLOCK_VECS && v * VTR_LANES < self->n_keys; v++)
    vtr_vec_store_part (partials + self->first_key + v * VTR_LANES, sums[v],
                        self->n_keys - v * VTR_LANES);
}

/* The @i-th block of an image's head: packs its keys. */
static void
enter_block (Block *self,
             const float *qkv,
             const float *lse,
             gsize image_head,
             gsize i,
             gsize n_tokens,
             gsize n_heads)
{
  const gsize image = image_head / n_heads, head = image_head % n_heads;

  self->stride = 3 * n_heads * self->head_width;
  self->q = qkv + image * n_tokens * self->stride + head * self->head_width;
  self->lse = lse + image_head * n_tokens;
  self->first_key = i * VTR_BLOCK;
  self->n_keys = MIN (VTR_BLOCK, n_tokens - self->first_key);
  vtr_tile_pack (self->q + n_heads * self->head_width + self->first_key * self->stride,
                 self->stride, self->n_keys, self->head_width, 1.0f, self->keys);
}

static Block
block_new (gsize head_width, float scale)
{
  return (Block){
    .head_width = head_width,
    .scale = scale,
    .keys = vtr_tile_new (head_width * VTR_BLOCK),
    .dots = vtr_tile_new (QUERIES * VTR_BLOCK),
    .gathered = vtr_tile_new (QUERIES * head_width),
  };
}

static void
block_free (Block *self)
{
  g_aligned_free (self->keys);
  g_aligned_free (self->dots);
  g_aligned_free (self->gathered);
}

void
VTR_CPU (attention_rows) (gconstpointer data, float *const *tensors)
{
  const VtrAttentionRowsParams *params = data;
  const gsize n = params->n_tokens, n_rows = params->n_rows;
  const gsize n_blocks = (n + VTR_BLOCK - 1) / VTR_BLOCK;

#pragma omp parallel if (VTR_CPU_IS_LARGE((double) params->n_images * params->n_heads * n_rows *   \
                                          n * params->head_width))
  {
    Block block = block_new (params->head_width, params->scale);

#pragma omp for schedule(dynamic)
    for (gsize i = 0; i < (gsize) params->n_images * params->n_heads * n_blocks; i++)
      {
        const gsize image_head = i / n_blocks;
        const guint32 *rows = (const guint32 *) tensors[2] + image_head / params->n_heads * n_rows;
        enter_block (&block, tensors[0], tensors[1], image_head, i % n_blocks, n, params->n_heads);
        for (gsize first = 0; first < n_rows; first += QUERIES)
          compute_rows (&block, rows + first, MIN (QUERIES, n_rows - first), n,
                        tensors[3] + (image_head * n_rows + first) * n);
      }
    block_free (&block);
  }
}

void
VTR_CPU (attention_apply) (gconstpointer data, float *const *tensors)
{
  const VtrAttentionApplyParams *params = data;
  const gsize n = params->n_tokens, n_chunks = params->n_chunks;
  const gsize n_blocks = (n + VTR_BLOCK - 1) / VTR_BLOCK;

#pragma omp parallel if (VTR_CPU_IS_LARGE((double) params->n_images * params->n_heads * n * n *    \
                                          params->head_width))
  {
    Block block = block_new (params->head_width, params->scale);

#pragma omp for schedule(dynamic)
    for (gsize i = 0; i < (gsize) params->n_images * params->n_heads * n_blocks; i++)
      {
        const gsize image_head = i / n_blocks;
        const float *weights = tensors[2] + image_head / params->n_heads * n;
        enter_block (&block, tensors[0], tensors[1], image_head, i % n_blocks, n, params->n_heads);
        for (gsize chunk = 0; chunk < n_chunks; chunk++)
          apply_chunk (&block, weights, MIN (n, chunk * params->chunk_size),
                       MIN (n, (chunk + 1) * params->chunk_size),
                       tensors[3] + (image_head * n_chunks + chunk) * n);
      }
    block_free (&block);
  }
}
