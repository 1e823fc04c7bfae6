/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * rollout-row-sums, rollout-histogram, rollout-step: what is made of Ā, the
 * attention, or attention times its gradient, fused over the chosen heads, computed
 * again by tiles of QUERIES queries and a block of keys, one key a lane, for some blocks in turn.
 * One function makes the tiles of all three, so that they see the same bits, which the cutoff
 * relies on.  Shapes: see the shaders of these names.
 */
#include "cpu/kernels.h"
#include "cpu/tile.h"
#include "ops/ops.h"

#define QUERIES (8 * VTR_OTHERS)
#define N_BINS 2048

/* A block of keys. */
typedef struct
{
  gsize first, n;
  float *keys;   /* [n_heads][head_width][VTR_BLOCK] */
  float *values; /* likewise */
  float *fused;  /* [QUERIES][VTR_BLOCK]: Ā */
} Block;

typedef struct
{
  const VtrRolloutParams *params;
  const float *qkv;       /* of the image */
  const float *lse;       /* of the image, [n_heads][n_tokens] */
  const float *d_context; /* of the image, [n_tokens][n_heads][head_width]; with gradients only */
  gsize stride;           /* values from a token to the next */
  Block blocks[VTR_GROUP];
  gsize n_blocks;     /* of them, those that are entered */
  float *near[2];     /* [QUERIES][head_width]: q and d_context of some queries, copied */
  float *dots;        /* [QUERIES][VTR_BLOCK]: q·k */
  float *derivatives; /* [QUERIES][VTR_BLOCK]: d_context·v */
} Tiles;

static gboolean
has_gradient (const VtrRolloutParams *params)
{
  return params->fusion >= VTR_FUSION_GRADIENT;
}

/* Of the sensitivity, only the gradient counts. */
static gboolean
has_attention (const VtrRolloutParams *params)
{
  return params->fusion != VTR_FUSION_SENSITIVITY;
}

static Tiles
tiles_new (const VtrRolloutParams *params)
{
  const gsize n_packed = (gsize) params->n_heads * params->head_width * VTR_BLOCK;
  Tiles self = {
    .params = params,
    .stride = 3 * (gsize) params->n_heads * params->head_width,
    .near = { vtr_tile_new (QUERIES * params->head_width),
              vtr_tile_new (QUERIES * params->head_width) },
    .dots = vtr_tile_new (QUERIES * VTR_BLOCK),
    .derivatives = vtr_tile_new (QUERIES * VTR_BLOCK),
  };

  for (guint i = 0; i < VTR_GROUP; i++)
    self.blocks[i] = (Block){
      .keys = has_attention (params) ? vtr_tile_new (n_packed) : NULL,
      .values = has_gradient (params) ? vtr_tile_new (n_packed) : NULL,
      .fused = vtr_tile_new (QUERIES * VTR_BLOCK),
    };
  return self;
}

static void
tiles_free (Tiles *self)
{
  for (guint i = 0; i < VTR_GROUP; i++)
    {
      g_aligned_free (self->blocks[i].keys);
      g_aligned_free (self->blocks[i].values);
      g_aligned_free (self->blocks[i].fused);
    }
  g_aligned_free (self->near[0]);
  g_aligned_free (self->near[1]);
  g_aligned_free (self->dots);
  g_aligned_free (self->derivatives);
}

static void
tiles_enter_image (Tiles *self, gsize image, float *const *tensors)
{
  self->qkv = tensors[0] + image * self->params->n_tokens * self->stride;
  self->lse = tensors[1] + image * self->params->n_heads * self->params->n_tokens;
  if (has_gradient (self->params))
    self->d_context = tensors[2] + image * self->params->n_tokens * (self->stride / 3);
}

/* Where the cutoffs lie, 4 values an image, and the weights of the rows, 2 values a row. */
static const guint32 *
find_cutoffs (const VtrRolloutParams *params, float *const *tensors)
{
  return has_gradient (params) ? (const guint32 *) tensors[1] + params->cutoff_start
                               : (const guint32 *) tensors[2];
}

static const guint32 *
find_weights (const VtrRolloutParams *params, float *const *tensors)
{
  return has_gradient (params) ? (const guint32 *) tensors[1] + params->weights_start
                               : (const guint32 *) tensors[2];
}

static gboolean
takes_part (const VtrRolloutParams *params, guint head)
{
  return params->head_mask[head / 32] >> (head % 32) & 1;
}

static void
block_enter (Block *self, const Tiles *tiles, gsize first)
{
  const VtrRolloutParams *params = tiles->params;
  const gsize width = params->head_width;

  self->first = first;
  self->n = MIN (VTR_BLOCK, params->n_tokens - first);
  for (guint head = 0; head < params->n_heads; head++)
    {
      const float *key = tiles->qkv + first * tiles->stride + (params->n_heads + head) * width;

      if (takes_part (params, head) && has_attention (params))
        vtr_tile_pack (key, tiles->stride, self->n, width, 1.0f,
                       self->keys + head * width * VTR_BLOCK);
      if (takes_part (params, head) && has_gradient (params))
        vtr_tile_pack (key + tiles->stride / 3, tiles->stride, self->n, width, 1.0f,
                       self->values + head * width * VTR_BLOCK);
    }
}

/* The blocks of keys from @first on that begin before @end, a group at most; where the next begins.
 */
static gsize
tiles_enter_keys (Tiles *self, gsize first, gsize end)
{
  self->n_blocks = 0;
  for (; first < end && self->n_blocks < VTR_GROUP; first += VTR_BLOCK)
    block_enter (&self->blocks[self->n_blocks++], self, first);
  return first;
}

/* Takes one head's products into `fused`.  exp () grows with its argument, so the largest and
 * smallest are found before it. */
static void
fuse_head (const Tiles *self, const Block *block, const float *lse, gsize n_queries)
{
  const float scale = self->params->scale;

  for (gsize i = 0; i < n_queries * VTR_BLOCK; i += VTR_LANES)
    {
      const VtrVec log_prob = vtr_vec_load (self->dots + i) * scale - lse[i / VTR_BLOCK];
      VtrVec fused = vtr_vec_load (block->fused + i);
      if (self->params->fusion == VTR_FUSION_MEAN)
        fused += vtr_vec_exp (log_prob);
      else if (self->params->fusion == VTR_FUSION_MAX)
        fused = vtr_vec_max (fused, log_prob);
      else
        fused = vtr_vec_min (fused, log_prob);
      vtr_vec_store (block->fused + i, fused);
    }
}

/* Takes one head's attention times gradient into `fused`. */
static void
fuse_gradient (const Tiles *self, const Block *block, const float *lse, gsize n_queries)
{
  const float scale = self->params->scale;
  const guint32 fusion = self->params->fusion;
  const VtrVec zero = vtr_vec_of (0.0f);

  for (gsize i = 0; i < n_queries * VTR_BLOCK; i += VTR_LANES)
    {
      VtrVec value = vtr_vec_load (self->derivatives + i);
      if (fusion != VTR_FUSION_SENSITIVITY)
        value *= vtr_vec_exp (vtr_vec_load (self->dots + i) * scale - lse[i / VTR_BLOCK]);
      if (fusion != VTR_FUSION_GRADIENT)
        value = vtr_vec_max (value, zero);
      vtr_vec_store (block->fused + i, vtr_vec_load (block->fused + i) + value);
    }
}

/* One head of @n_queries queries, @q and @d_context, and of a block. */
static void
enter_head (const Tiles *self,
            const Block *block,
            guint head,
            const VtrTileVectors *q,
            const VtrTileVectors *d_context,
            const float *lse,
            gsize n_queries)
{
  const VtrRolloutParams *params = self->params;
  const gsize width = params->head_width;
  const gsize packed = head * width * VTR_BLOCK;
  const VtrTileOthers queries = { q->first, q->stride, 1 };
  const VtrTileOthers d_contexts = { d_context->first, d_context->stride, 1 };

  if (has_attention (params))
    vtr_tile_multiply (block->keys + packed, block->n, width, &queries, n_queries, FALSE,
                       self->dots);
  if (!has_gradient (params))
    {
      fuse_head (self, block, lse, n_queries);
      return;
    }
  vtr_tile_multiply (block->values + packed, block->n, width, &d_contexts, n_queries, FALSE,
                     self->derivatives);
  fuse_gradient (self, block, lse, n_queries);
}

/* One head of the queries from @first on and of the keys entered. */
static void
enter_head_of_all (Tiles *self, guint head, gsize first, gsize n_queries)
{
  const VtrRolloutParams *params = self->params;
  const gsize width = params->head_width, at = head * width;
  VtrTileVectors q = { 0 }, d_context = { 0 };

  if (has_attention (params))
    {
      const VtrTileVectors queries = { self->qkv + at, self->stride };
      q = vtr_tile_draw_near (&queries, first, n_queries, width, self->near[0]);
    }
  if (has_gradient (params))
    {
      const VtrTileVectors d_contexts = { self->d_context + at, self->stride / 3 };
      d_context = vtr_tile_draw_near (&d_contexts, first, n_queries, width, self->near[1]);
    }
  for (gsize i = 0; i < self->n_blocks; i++)
    enter_head (self, &self->blocks[i], head, &q, &d_context,
                self->lse + (gsize) head * params->n_tokens + first, n_queries);
}

/* Of what the heads gave together. */
static VtrVec
finish_fused (const VtrRolloutParams *params, VtrVec fused)
{
  switch ((VtrFusion) params->fusion)
    {
    case VTR_FUSION_MEAN:
    case VTR_FUSION_RELEVANCE:
    case VTR_FUSION_SENSITIVITY:
      return fused * params->head_weight;
    case VTR_FUSION_MAX:
    case VTR_FUSION_MIN:
      return vtr_vec_exp (fused);
    case VTR_FUSION_GRADIENT:
      break;
    }
  return vtr_vec_max (fused * params->head_weight, vtr_vec_of (0.0f));
}

static void
block_start (const Block *self, const VtrRolloutParams *params, gsize n_queries)
{
  const float start = params->fusion == VTR_FUSION_MAX   ? -3.0e38f
                      : params->fusion == VTR_FUSION_MIN ? 3.0e38f
                                                         : 0.0f;

  for (gsize i = 0; i < n_queries * VTR_BLOCK; i++)
    self->fused[i] = start;
}

static void
block_finish (const Block *self, const VtrRolloutParams *params, gsize n_queries)
{
  for (gsize i = 0; i < n_queries * VTR_BLOCK; i += VTR_LANES)
    vtr_vec_store (self->fused + i, finish_fused (params, vtr_vec_load (self->fused + i)));
}

/* fused = Ā of the queries from @first on and the keys entered. */
static __attribute__ ((noinline)) void
tiles_fuse (Tiles *self, gsize first, gsize n_queries)
{
  const VtrRolloutParams *params = self->params;

  for (gsize i = 0; i < self->n_blocks; i++)
    block_start (&self->blocks[i], params, n_queries);
  if (has_gradient (params) && vtr_vectors_are_zero (self->d_context + first * (self->stride / 3),
                                                     self->stride / 3, n_queries, self->stride / 3))
    return;
  for (guint head = 0; head < params->n_heads; head++)
    if (takes_part (params, head))
      enter_head_of_all (self, head, first, n_queries);
  for (gsize i = 0; i < self->n_blocks; i++)
    block_finish (&self->blocks[i], params, n_queries);
}

static guint32
bits_of (float value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof bits);
  return bits;
}

/* Whether an entry outlives the discarding; bits order floats ≥ 0 like their values.  The place
 * 0, 0 is kept of attention alone. */
static gboolean
is_kept (const Tiles *self, gsize query, gsize key, float value, guint32 cutoff_bits)
{
  return bits_of (value) > cutoff_bits || (query == 0 && key == 0 && !has_gradient (self->params));
}

/* ---- rollout-row-sums ---- */

/* A row of a tile. */
static float
sum_kept (const Tiles *self, const Block *block, gsize row, gsize query, guint32 cutoff_bits)
{
  float sum = 0.0f;

  for (gsize i = 0; i < block->n; i++)
    {
      const float value = block->fused[row * VTR_BLOCK + i];
      sum += is_kept (self, query, block->first + i, value, cutoff_bits) ? value : 0.0f;
    }
  return sum;
}

/* Of the queries from @first on: partials [n_chunks][n_tokens] over chunks of the keys. */
static void
sum_rows (Tiles *self, gsize first, gsize n_queries, guint32 cutoff_bits, float *partials)
{
  const gsize n = self->params->n_tokens;

  for (gsize chunk = 0; chunk < self->params->n_chunks; chunk++)
    {
      const gsize begin = MIN (n, chunk * self->params->chunk_size);
      const gsize end = MIN (n, begin + self->params->chunk_size);
      float *sums = partials + chunk * n + first;
      memset (sums, 0, n_queries * sizeof *sums);
      for (gsize key = begin; key < end;)
        {
          key = tiles_enter_keys (self, key, end);
          tiles_fuse (self, first, n_queries);
          for (gsize block = 0; block < self->n_blocks; block++)
            for (gsize i = 0; i < n_queries; i++)
              sums[i] += sum_kept (self, &self->blocks[block], i, first + i, cutoff_bits);
        }
    }
}

void
VTR_CPU (rollout_row_sums) (gconstpointer data, float *const *tensors)
{
  const VtrRolloutParams *params = data;
  const guint32 *cutoff = find_cutoffs (params, tensors);
  const gsize n = params->n_tokens;
  const gsize n_tiles = (n + QUERIES - 1) / QUERIES;

#pragma omp parallel if (VTR_CPU_IS_LARGE((double) params->n_images * params->n_heads * n * n *    \
                                          params->head_width))
  {
    Tiles tiles = tiles_new (params);

#pragma omp for schedule(dynamic)
    for (gsize i = 0; i < params->n_images * n_tiles; i++)
      {
        const gsize image = i / n_tiles, first = i % n_tiles * QUERIES;
        tiles_enter_image (&tiles, image, tensors);
        sum_rows (&tiles, first, MIN (QUERIES, n - first),
                  params->has_cutoff ? cutoff[image * 4] : 0,
                  tensors[3] + image * params->n_chunks * n);
      }
    tiles_free (&tiles);
  }
}

/* ---- rollout-histogram ---- */

static void
count_tile (const Block *self,
            const VtrRolloutParams *params,
            gsize n_queries,
            guint32 prefix,
            guint32 *counts)
{
  for (gsize row = 0; row < n_queries; row++)
    for (gsize i = 0; i < self->n; i++)
      {
        const guint32 bits = bits_of (self->fused[row * VTR_BLOCK + i]);
        if (((bits ^ prefix) & params->prefix_mask) == 0)
          counts[(bits & ~params->prefix_mask) >> params->shift]++;
      }
}

static void
count_entries (Tiles *self, gsize first, gsize n_queries, guint32 prefix, guint32 *counts)
{
  const gsize n = self->params->n_tokens;

  for (gsize key = 0; key < n;)
    {
      key = tiles_enter_keys (self, key, n);
      tiles_fuse (self, first, n_queries);
      for (gsize i = 0; i < self->n_blocks; i++)
        count_tile (&self->blocks[i], self->params, n_queries, prefix, counts);
    }
}

/* A tile's counts fit in 32 bits; those of an image may not. */
static void
add_counts (const guint32 *counts, guint32 *histogram)
{
  for (gsize bin = 0; bin < N_BINS; bin++)
    {
      histogram[bin] += counts[bin];
      if (histogram[bin] < counts[bin])
        histogram[N_BINS + bin]++;
    }
}

void
VTR_CPU (rollout_histogram) (gconstpointer data, float *const *tensors)
{
  const VtrRolloutParams *params = data;
  const guint32 *cutoff = find_cutoffs (params, tensors);
  const gsize n = params->n_tokens;
  const gsize n_tiles = (n + QUERIES - 1) / QUERIES;

#pragma omp parallel if (VTR_CPU_IS_LARGE((double) params->n_images * params->n_heads * n * n *    \
                                          params->head_width))
  {
    Tiles tiles = tiles_new (params);
    guint32 counts[N_BINS];

#pragma omp for schedule(dynamic)
    for (gsize i = 0; i < params->n_images * n_tiles; i++)
      {
        const gsize image = i / n_tiles, first = i % n_tiles * QUERIES;
        memset (counts, 0, sizeof counts);
        tiles_enter_image (&tiles, image, tensors);
        count_entries (&tiles, first, MIN (QUERIES, n - first), cutoff[image * 4], counts);
#pragma omp critical
        add_counts (counts, (guint32 *) tensors[3] + image * 2 * N_BINS);
      }
    tiles_free (&tiles);
  }
}

/* ---- rollout-step ---- */

/* @row_weights [n_tokens][2]: weight of the row, bits of the cutoff. */
static void
add_rows (const Tiles *self,
          const Block *block,
          gsize first,
          gsize n_queries,
          const guint32 *row_weights,
          float *sums)
{
  for (gsize row = 0; row < n_queries; row++)
    {
      const gsize query = first + row;
      float weight;
      memcpy (&weight, &row_weights[2 * query], sizeof weight);
      const guint32 cutoff_bits = row_weights[2 * query + 1];
      for (gsize i = 0; i < VTR_BLOCK; i++)
        {
          const float value = block->fused[row * VTR_BLOCK + i];
          sums[i] +=
              is_kept (self, query, block->first + i, value, cutoff_bits) ? weight * value : 0.0f;
        }
    }
}

/* Without weights or cutoff. */
static void
add_plain_rows (const Block *self, gsize n_queries, float *sums)
{
  for (gsize i = 0; i < n_queries * VTR_BLOCK; i++)
    sums[i % VTR_BLOCK] += self->fused[i];
}

/* The identity's share. */
static void
add_identity (const Block *self, const guint32 *row_weights, float *sums)
{
  for (gsize i = 0; i < self->n; i++)
    memcpy (&sums[i], &row_weights[2 * (self->first + i)], sizeof sums[i]);
}

/* Of the keys entered: partials [n_chunks][n_tokens] over chunks of the queries. */
static void
step_blocks (Tiles *self, const guint32 *row_weights, float *partials)
{
  const gsize n = self->params->n_tokens;
  const gboolean has_weights = has_attention (self->params);

  for (gsize chunk = 0; chunk < self->params->n_chunks; chunk++)
    {
      const gsize begin = MIN (n, chunk * self->params->chunk_size);
      const gsize end = MIN (n, begin + self->params->chunk_size);
      float sums[VTR_GROUP][VTR_BLOCK] = { 0 };

      for (gsize i = 0; chunk == 0 && has_weights && i < self->n_blocks; i++)
        add_identity (&self->blocks[i], row_weights, sums[i]);
      for (gsize first = begin; first < end; first += QUERIES)
        {
          const gsize n_queries = MIN (QUERIES, end - first);
          tiles_fuse (self, first, n_queries);
          for (gsize i = 0; i < self->n_blocks; i++)
            if (has_weights)
              add_rows (self, &self->blocks[i], first, n_queries, row_weights, sums[i]);
            else
              add_plain_rows (&self->blocks[i], n_queries, sums[i]);
        }
      for (gsize i = 0; i < self->n_blocks; i++)
        memcpy (partials + chunk * n + self->blocks[i].first, sums[i],
                self->blocks[i].n * sizeof (float));
    }
}

void
VTR_CPU (rollout_step) (gconstpointer data, float *const *tensors)
{
  const VtrRolloutParams *params = data;
  const gsize n = params->n_tokens;
  const gsize n_blocks = (n + VTR_BLOCK - 1) / VTR_BLOCK;
  const gsize n_groups = vtr_tile_count_groups (n_blocks);

#pragma omp parallel if (VTR_CPU_IS_LARGE((double) params->n_images * params->n_heads * n * n *    \
                                          params->head_width))
  {
    Tiles tiles = tiles_new (params);

#pragma omp for schedule(dynamic)
    for (gsize i = 0; i < params->n_images * n_groups; i++)
      {
        const gsize image = i / n_groups;
        tiles_enter_image (&tiles, image, tensors);
        tiles_enter_keys (&tiles, vtr_tile_group_start (i % n_groups, n_groups, n_blocks),
                          vtr_tile_group_start (i % n_groups + 1, n_groups, n_blocks));
        step_blocks (&tiles, find_weights (params, tensors) + image * n * 2,
                     tensors[3] + image * params->n_chunks * n);
      }
    tiles_free (&tiles);
  }
}
