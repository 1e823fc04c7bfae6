/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * attention-backward-rows, attention-backward: entries exp (scale·q·k − lse[q]) and their gradients
 * computed again, once.  A thread has a head, and of it blocks of keys, one a lane; queries come
 * QUERIES at a time, to one block after the other.  What the keys get is summed up in their lanes;
 * what a query gets is added to from block to block.  Shapes: see
 * shaders/lib/attention-backward-interface.glsl.
 */
#include "cpu/kernels.h"
#include "cpu/tile.h"

#define QUERIES 96

/* A block of keys. */
typedef struct
{
  gsize first, n;
  float *keys;     /* [head_width][VTR_BLOCK], scaled */
  float *values;   /* [head_width][VTR_BLOCK] */
  float *slices;   /* [n_slices][VTR_BLOCK keys][VTR_BLOCK columns] */
  float *d_keys;   /* [head_width][VTR_BLOCK]: d_sᵀ·q */
  float *d_values; /* [head_width][VTR_BLOCK]: Aᵀ·d_context */
} Block;

/* What a thread needs, allocated once. */
typedef struct
{
  const VtrAttentionBackwardParams *params;
  gsize n_slices;    /* of VTR_BLOCK columns of a head */
  const float *rows; /* of the head, [n_tokens][2]: lse, D */
  VtrTileVectors q, k, v, d_context;
  Block blocks[VTR_GROUP];
  float *near[2];   /* [QUERIES][head_width]: q and d_context of some queries, copied */
  float *probs;     /* [QUERIES][VTR_BLOCK]: products, then A */
  float *gradients; /* [QUERIES][VTR_BLOCK]: d_A, then d_s = A·(d_A − D) */
  float *d_queries; /* [n_slices][n_tokens][VTR_BLOCK]: d_s·k so far */
} Head;

static Head
head_new (const VtrAttentionBackwardParams *params)
{
  const gsize n_slices = (params->head_width + VTR_BLOCK - 1) / VTR_BLOCK;
  const gsize n = (gsize) params->head_width * VTR_BLOCK;
  Head self = {
    .params = params,
    .n_slices = n_slices,
    .near = { vtr_tile_new (QUERIES * params->head_width),
              vtr_tile_new (QUERIES * params->head_width) },
    .probs = vtr_tile_new (QUERIES * VTR_BLOCK),
    .gradients = vtr_tile_new (QUERIES * VTR_BLOCK),
    .d_queries = vtr_tile_new (n_slices * params->n_tokens * VTR_BLOCK),
  };

  for (guint i = 0; i < VTR_GROUP; i++)
    self.blocks[i] = (Block){
      .keys = vtr_tile_new (n),
      .values = vtr_tile_new (n),
      .slices = vtr_tile_new (n_slices * VTR_BLOCK * VTR_BLOCK),
      .d_keys = vtr_tile_new (n),
      .d_values = vtr_tile_new (n),
    };
  return self;
}

static void
head_free (Head *self)
{
  for (guint i = 0; i < VTR_GROUP; i++)
    {
      g_aligned_free (self->blocks[i].keys);
      g_aligned_free (self->blocks[i].values);
      g_aligned_free (self->blocks[i].slices);
      g_aligned_free (self->blocks[i].d_keys);
      g_aligned_free (self->blocks[i].d_values);
    }
  g_aligned_free (self->near[0]);
  g_aligned_free (self->near[1]);
  g_aligned_free (self->probs);
  g_aligned_free (self->gradients);
  g_aligned_free (self->d_queries);
}

/* How many columns a slice has. */
static gsize
slice_width (const Head *self, gsize slice)
{
  return MIN (VTR_BLOCK, self->params->head_width - slice * VTR_BLOCK);
}

static void
load_keys (const Head *self, Block *block, gsize first)
{
  const gsize width = self->params->head_width;
  const float *k = self->k.first + first * self->k.stride;

  block->first = first;
  block->n = MIN (VTR_BLOCK, self->params->n_tokens - first);
  vtr_tile_pack (k, self->k.stride, block->n, width, self->params->scale, block->keys);
  vtr_tile_pack (self->v.first + first * self->v.stride, self->v.stride, block->n, width, 1.0f,
                 block->values);
  for (gsize slice = 0; slice < self->n_slices; slice++)
    for (gsize key = 0; key < block->n; key++)
      memcpy (block->slices + (slice * VTR_BLOCK + key) * VTR_BLOCK,
              k + key * self->k.stride + slice * VTR_BLOCK,
              slice_width (self, slice) * sizeof (float));
  memset (block->d_keys, 0, width * VTR_BLOCK * sizeof (float));
  memset (block->d_values, 0, width * VTR_BLOCK * sizeof (float));
}

/* Products to A and d_s; @rows: of the first query. */
static void
weigh_queries (Head *self, const float *rows, gsize n_queries)
{
  for (gsize query = 0; query < n_queries; query++)
    for (guint v = 0; v < VTR_BLOCK_VECS; v++)
      {
        const gsize at = query * VTR_BLOCK + v * VTR_LANES;
        const VtrVec prob = vtr_vec_exp (vtr_vec_load (self->probs + at) - rows[query * 2]);
        const VtrVec gradient = vtr_vec_load (self->gradients + at) - rows[query * 2 + 1];
        vtr_vec_store (self->probs + at, prob);
        vtr_vec_store (self->gradients + at, prob * gradient);
      }
}

/* What the queries from @first on, @q and @d_context, give the keys of a block, and get of them. */
static void
meet_queries (Head *self,
              const Block *block,
              const VtrTileVectors *q,
              const VtrTileVectors *d_context,
              gsize first,
              gsize n_queries)
{
  const gsize width = self->params->head_width;
  const gsize n = self->params->n_tokens;
  const VtrTileOthers queries = { q->first, q->stride, 1 };
  const VtrTileOthers d_contexts = { d_context->first, d_context->stride, 1 };
  const VtrTileOthers query_columns = { q->first, 1, q->stride };
  const VtrTileOthers d_context_columns = { d_context->first, 1, d_context->stride };
  const VtrTileOthers d_s = { self->gradients, VTR_BLOCK, 1 };

  vtr_tile_multiply (block->keys, block->n, width, &queries, n_queries, FALSE, self->probs);
  vtr_tile_multiply (block->values, block->n, width, &d_contexts, n_queries, FALSE,
                     self->gradients);
  weigh_queries (self, self->rows + first * 2, n_queries);
  vtr_tile_multiply (self->gradients, block->n, n_queries, &query_columns, width, TRUE,
                     block->d_keys);
  vtr_tile_multiply (self->probs, block->n, n_queries, &d_context_columns, width, TRUE,
                     block->d_values);
  for (gsize slice = 0; slice < self->n_slices; slice++)
    vtr_tile_multiply (block->slices + slice * VTR_BLOCK * VTR_BLOCK, slice_width (self, slice),
                       block->n, &d_s, n_queries, TRUE,
                       self->d_queries + (slice * n + first) * VTR_BLOCK);
}

/* All queries and the first @n_blocks blocks. */
static void
meet_all_queries (Head *self, gsize n_blocks)
{
  const gsize n = self->params->n_tokens, width = self->params->head_width;
  const gsize stride = self->d_context.stride;

  for (gsize first = 0; first < n; first += QUERIES)
    {
      const gsize n_queries = MIN (QUERIES, n - first);

      /* Then d_A, D and so all sums are 0, too. */
      if (vtr_vectors_are_zero (self->d_context.first + first * stride, stride, n_queries, width))
        continue;
      const VtrTileVectors q =
          vtr_tile_draw_near (&self->q, first, n_queries, width, self->near[0]);
      const VtrTileVectors d_context =
          vtr_tile_draw_near (&self->d_context, first, n_queries, width, self->near[1]);
      for (gsize i = 0; i < n_blocks; i++)
        meet_queries (self, &self->blocks[i], &q, &d_context, first, n_queries);
    }
}

static void
store_sums (const float *sums, gsize n_own, gsize width, float scale, gsize stride, float *out)
{
  for (gsize i = 0; i < n_own; i++)
    for (gsize column = 0; column < width; column++)
      out[i * stride + column] = sums[column * VTR_BLOCK + i] * scale;
}

/* @d_k and @d_v: token 0's; tokens are @stride values apart. */
static void
store_keys (const Head *self, const Block *block, gsize stride, float *d_k, float *d_v)
{
  const gsize width = self->params->head_width, at = block->first * stride;

  store_sums (block->d_keys, block->n, width, self->params->scale, stride, d_k + at);
  store_sums (block->d_values, block->n, width, 1.0f, stride, d_v + at);
}

static void
store_queries (const Head *self, gsize stride, float *out)
{
  const gsize n = self->params->n_tokens;

  for (gsize query = 0; query < n; query++)
    for (gsize column = 0; column < self->params->head_width; column++)
      out[query * stride + column] =
          self->params->scale *
          self->d_queries[(column / VTR_BLOCK * n + query) * VTR_BLOCK + column % VTR_BLOCK];
}

/* d_q, d_k and d_v of one head; @d_q: token 0's, laid out as qkv. */
static void
go_back (Head *self, gsize d, float *d_q)
{
  const gsize n = self->params->n_tokens;

  memset (self->d_queries, 0, self->n_slices * n * VTR_BLOCK * sizeof (float));
  for (gsize first = 0; first < n; first += VTR_GROUP * VTR_BLOCK)
    {
      gsize n_blocks = 0;

      for (gsize key = first; n_blocks < VTR_GROUP && key < n; key += VTR_BLOCK)
        load_keys (self, &self->blocks[n_blocks++], key);
      meet_all_queries (self, n_blocks);
      for (gsize i = 0; i < n_blocks; i++)
        store_keys (self, &self->blocks[i], 3 * d, d_q + d, d_q + 2 * d);
    }
  store_queries (self, 3 * d, d_q);
}

void
VTR_CPU (attention_backward) (gconstpointer data, float *const *tensors)
{
  const VtrAttentionBackwardParams *params = data;
  const gsize n = params->n_tokens, n_heads = params->n_heads, width = params->head_width;
  const gsize d = n_heads * width;

  if (!params->of_keys) /* the pass over the keys does it all */
    return;

#pragma omp parallel if (VTR_CPU_IS_LARGE(5.0 * params->n_images * n * n * d))
  {
    Head self = head_new (params);

#pragma omp for schedule(dynamic)
    for (gsize i = 0; i < params->n_images * n_heads; i++)
      {
        const gsize head = i % n_heads, image = i / n_heads;
        const float *q = tensors[0] + image * n * 3 * d + head * width;

        self.q = (VtrTileVectors){ q, 3 * d };
        self.k = (VtrTileVectors){ q + d, 3 * d };
        self.v = (VtrTileVectors){ q + 2 * d, 3 * d };
        self.d_context = (VtrTileVectors){ tensors[1] + image * n * d + head * width, d };
        self.rows = tensors[2] + i * n * 2;
        go_back (&self, d, tensors[3] + image * n * 3 * d + head * width);
      }
    head_free (&self);
  }
}

void
VTR_CPU (attention_backward_rows) (gconstpointer data, float *const *tensors)
{
  const VtrAttentionBackwardRowsParams *params = data;
  const gsize n = params->n_tokens, n_heads = params->n_heads, width = params->head_width;

#pragma omp parallel for if (VTR_CPU_IS_LARGE((double) params->n_values * width))
  for (gsize i = 0; i < params->n_values; i++)
    {
      const gsize token = i % n, head = i / n % n_heads, image = i / n / n_heads;
      const gsize start = ((image * n + token) * n_heads + head) * width;
      const float *context = tensors[0] + start, *d_context = tensors[1] + start;
      float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
      for (gsize column = 0; column < width; column++)
        sum += context[column] * d_context[column];
      tensors[3][i * 2] = tensors[2][i];
      tensors[3][i * 2 + 1] = sum;
    }
}
