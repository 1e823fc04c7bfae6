/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * context = softmax (scale·q·kᵀ)·v with an online softmax (Milakov & Gimelshein
 * 2018).  A thread has blocks of queries of one head, one query a lane; keys come
 * KEYS at a time, to one block after the other.  Shapes: see shaders/lib/attention-interface.glsl.
 */
#include "cpu/kernels.h"
#include "cpu/tile.h"

#include <math.h>

#define KEYS 96

#define LOG2_E 1.44269504f
#define LN_2 0.693147181f

/* A block of queries. */
typedef struct
{
  gsize n_queries;
  float
      *queries; /* [head_width][VTR_BLOCK], scaled so that 2 to the power of a product is wanted */
  float *weights; /* [KEYS][VTR_BLOCK]: products, then 2^(product − highest); of the group */
  float *sums;    /* [head_width][VTR_BLOCK]: of weights·v */
  VtrVec highest[VTR_BLOCK_VECS];
  VtrVec total[VTR_BLOCK_VECS]; /* of the weights */
} Block;

/* What a thread needs, allocated once. */
typedef struct
{
  Block blocks[VTR_GROUP];
  float *weights; /* the blocks' */
  float *near[2]; /* [KEYS][head_width]: some keys and their values, copied */
} Group;

static Group
group_new (gsize head_width)
{
  Group self = {
    .weights = vtr_tile_new (KEYS * VTR_BLOCK),
    .near = { vtr_tile_new (KEYS * head_width), vtr_tile_new (KEYS * head_width) },
  };

  for (guint i = 0; i < VTR_GROUP; i++)
    self.blocks[i] = (Block){
      .queries = vtr_tile_new (head_width * VTR_BLOCK),
      .weights = self.weights,
      .sums = vtr_tile_new (head_width * VTR_BLOCK),
    };
  return self;
}

static void
group_free (Group *self)
{
  for (guint i = 0; i < VTR_GROUP; i++)
    {
      g_aligned_free (self->blocks[i].queries);
      g_aligned_free (self->blocks[i].sums);
    }
  g_aligned_free (self->weights);
  g_aligned_free (self->near[0]);
  g_aligned_free (self->near[1]);
}

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

static void
enter_queries (Block *self, const VtrAttentionParams *params, const float *q, gsize stride)
{
  vtr_tile_pack (q, stride, self->n_queries, params->head_width, params->scale * LOG2_E,
                 self->queries);
  memset (self->sums, 0, params->head_width * VTR_BLOCK * sizeof (float));
  for (guint i = 0; i < VTR_BLOCK_VECS; i++)
    {
      self->highest[i] = vtr_vec_of (-3.402823e38f);
      self->total[i] = vtr_vec_of (0.0f);
    }
}

static void
meet_keys (Block *self, gsize width, const VtrTileVectors *k, const VtrTileVectors *v, gsize n_keys)
{
  const VtrTileOthers keys = { k->first, k->stride, 1 };
  const VtrTileOthers values = { v->first, 1, v->stride };

  vtr_tile_multiply (self->queries, self->n_queries, width, &keys, n_keys, FALSE, self->weights);
  weigh_keys (self, self->n_queries, n_keys, width);
  vtr_tile_multiply (self->weights, self->n_queries, n_keys, &values, width, TRUE, self->sums);
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
store_block (const Block *self, gsize width, gsize stride, float *context, float *lse)
{
  const gsize n_queries = self->n_queries;
  const float *highest = (const float *) self->highest;
  const float *total = (const float *) self->total;

  for (gsize first = 0; first < n_queries; first += VTR_LANES)
    store_context (self, first, n_queries - first, width, stride, context + first * stride);
  for (gsize query = 0; query < n_queries; query++)
    lse[query] = LN_2 * highest[query] + logf (total[query]);
}

/* A group: the queries from @first on, before @end; @q, @context and @lse are of token 0 of the
 * head. */
static void
attend (Group *self,
        const VtrAttentionParams *params,
        const float *q,
        gsize first,
        gsize end,
        float *context,
        float *lse)
{
  const gsize n = params->n_tokens, width = params->head_width, d = params->n_heads * width;
  const gsize stride = 3 * d;
  const VtrTileVectors keys = { q + d, stride }, values = { q + 2 * d, stride };
  Block *blocks = self->blocks;
  gsize n_blocks = 0;

  for (gsize query = first; query < MIN (n, end); query += VTR_BLOCK, n_blocks++)
    {
      blocks[n_blocks].n_queries = MIN (VTR_BLOCK, n - query);
      enter_queries (&blocks[n_blocks], params, q + query * stride, stride);
    }
  for (gsize key = 0; key < n; key += KEYS)
    {
      const gsize n_keys = MIN (KEYS, n - key);
      const VtrTileVectors k = vtr_tile_draw_near (&keys, key, n_keys, width, self->near[0]);
      const VtrTileVectors v = vtr_tile_draw_near (&values, key, n_keys, width, self->near[1]);
      for (gsize i = 0; i < n_blocks; i++)
        meet_keys (&blocks[i], width, &k, &v, n_keys);
    }
  for (gsize i = 0; i < n_blocks; i++)
    store_block (&blocks[i], width, d, context + (first + i * VTR_BLOCK) * d,
                 lse + first + i * VTR_BLOCK);
}

void
VTR_CPU (attention) (gconstpointer data, float *const *tensors)
{
  const VtrAttentionParams *params = data;
  const gsize n = params->n_tokens, n_heads = params->n_heads, width = params->head_width;
  const gsize d = n_heads * width;
  const gsize n_blocks = (n + VTR_BLOCK - 1) / VTR_BLOCK;
  const gsize n_groups = vtr_tile_count_groups (n_blocks);

#pragma omp parallel if (VTR_CPU_IS_LARGE(2.0 * params->n_images * n * n * d))
  {
    Group group = group_new (width);

#pragma omp for schedule(dynamic)
    for (gsize i = 0; i < params->n_images * n_heads * n_groups; i++)
      {
        const gsize first = vtr_tile_group_start (i % n_groups, n_groups, n_blocks);
        const gsize end = vtr_tile_group_start (i % n_groups + 1, n_groups, n_blocks);
        const gsize head = i / n_groups % n_heads, image = i / n_groups / n_heads;

        attend (&group, params, tensors[0] + image * n * 3 * d + head * width, first, end,
                tensors[1] + image * n * d + head * width,
                tensors[2] + (image * n_heads + head) * n);
      }
    group_free (&group);
  }
}
