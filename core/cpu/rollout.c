/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * rollout-row-sums, rollout-histogram, rollout-step: what is made of Ā, the
 * attention fused over the chosen heads, computed again by tiles of QUERIES queries
 * and a block of keys, one key a lane.  One function makes the tiles of all three, so
 * that they see the same bits, which the cutoff relies on.  Shapes: see the shaders
 * of these names.
 */
#include "cpu/kernels.h"
#include "cpu/tile.h"
#include "ops/ops.h"

#define QUERIES (8 * VTR_OTHERS)
#define N_BINS 2048

typedef struct
{
  const VtrRolloutParams *params;
  const float *qkv; /* of the image */
  const float *lse; /* of the image, [n_heads][n_tokens] */
  gsize stride;     /* values from a token to the next */
  gsize first_key, n_keys;
  float *keys;  /* [n_heads][head_width][VTR_BLOCK] */
  float *dots;  /* [QUERIES][VTR_BLOCK] */
  float *fused; /* [QUERIES][VTR_BLOCK]: Ā */
} Tiles;

static Tiles
tiles_new (const VtrRolloutParams *params)
{
  return (Tiles){
    .params = params,
    .stride = 3 * (gsize) params->n_heads * params->head_width,
    .keys = vtr_tile_new ((gsize) params->n_heads * params->head_width * VTR_BLOCK),
    .dots = vtr_tile_new (QUERIES * VTR_BLOCK),
    .fused = vtr_tile_new (QUERIES * VTR_BLOCK),
  };
}

static void
tiles_free (Tiles *self)
{
  g_aligned_free (self->keys);
  g_aligned_free (self->dots);
  g_aligned_free (self->fused);
}

static void
tiles_enter_image (Tiles *self, gsize image, float *const *tensors)
{
  self->qkv = tensors[0] + image * self->params->n_tokens * self->stride;
  self->lse = tensors[1] + image * self->params->n_heads * self->params->n_tokens;
}

static gboolean
takes_part (const VtrRolloutParams *params, guint head)
{
  return params->head_mask[head / 32] >> (head % 32) & 1;
}

static void
tiles_enter_keys (Tiles *self, gsize first_key)
{
  const VtrRolloutParams *params = self->params;
  const gsize width = params->head_width;

  self->first_key = first_key;
  self->n_keys = MIN (VTR_BLOCK, params->n_tokens - first_key);
  for (guint head = 0; head < params->n_heads; head++)
    if (takes_part (params, head))
      vtr_tile_pack (self->qkv + first_key * self->stride + (params->n_heads + head) * width,
                     self->stride, self->n_keys, width, 1.0f,
                     self->keys + head * width * VTR_BLOCK);
}

/* Takes one head's products into `fused`.  exp () grows with its argument, so the largest and
 * smallest are found before it. */
static void
fuse_head (Tiles *self, const float *lse, gsize n_queries)
{
  const float scale = self->params->scale;

  for (gsize i = 0; i < n_queries * VTR_BLOCK; i += VTR_LANES)
    {
      const VtrVec log_prob = vtr_vec_load (self->dots + i) * scale - lse[i / VTR_BLOCK];
      VtrVec fused = vtr_vec_load (self->fused + i);
      if (self->params->fusion == VTR_FUSION_MEAN)
        fused += vtr_vec_exp (log_prob);
      else if (self->params->fusion == VTR_FUSION_MAX)
        fused = vtr_vec_max (fused, log_prob);
      else
        fused = vtr_vec_min (fused, log_prob);
      vtr_vec_store (self->fused + i, fused);
    }
}

/* fused = Ā of the queries from @first on and the keys entered. */
static __attribute__ ((noinline)) void
tiles_fuse (Tiles *self, gsize first, gsize n_queries)
{
  const VtrRolloutParams *params = self->params;
  const gsize width = params->head_width;
  const gboolean is_mean = params->fusion == VTR_FUSION_MEAN;
  const float start = is_mean ? 0.0f : params->fusion == VTR_FUSION_MAX ? -3.0e38f : 3.0e38f;

  for (gsize i = 0; i < n_queries * VTR_BLOCK; i++)
    self->fused[i] = start;
  for (guint head = 0; head < params->n_heads; head++)
    {
      if (!takes_part (params, head))
        continue;
      const VtrTileOthers queries = { self->qkv + first * self->stride + head * width, self->stride,
                                      1 };
      vtr_tile_multiply (self->keys + head * width * VTR_BLOCK, self->n_keys, width, &queries,
                         n_queries, FALSE, self->dots);
      fuse_head (self, self->lse + (gsize) head * params->n_tokens + first, n_queries);
    }
  for (gsize i = 0; i < n_queries * VTR_BLOCK; i += VTR_LANES)
    {
      const VtrVec fused = vtr_vec_load (self->fused + i);
      vtr_vec_store (self->fused + i, is_mean ? fused * params->head_weight : vtr_vec_exp (fused));
    }
}

static guint32
bits_of (float value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof bits);
  return bits;
}

/* Whether an entry outlives the discarding; bits order floats ≥ 0 like their values. */
static gboolean
is_kept (gsize query, gsize key, float value, guint32 cutoff_bits)
{
  return bits_of (value) > cutoff_bits || (query == 0 && key == 0);
}

/* ---- rollout-row-sums ---- */

static float
sum_kept (const Tiles *self, gsize row, gsize query, guint32 cutoff_bits)
{
  float sum = 0.0f;

  for (gsize i = 0; i < self->n_keys; i++)
    {
      const float value = self->fused[row * VTR_BLOCK + i];
      sum += is_kept (query, self->first_key + i, value, cutoff_bits) ? value : 0.0f;
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
      for (gsize key = begin; key < end; key += VTR_BLOCK)
        {
          tiles_enter_keys (self, key);
          tiles_fuse (self, first, n_queries);
          for (gsize i = 0; i < n_queries; i++)
            sums[i] += sum_kept (self, i, first + i, cutoff_bits);
        }
    }
}

void
VTR_CPU (rollout_row_sums) (gconstpointer data, float *const *tensors)
{
  const VtrRolloutParams *params = data;
  const guint32 *cutoff = (const guint32 *) tensors[2];
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
count_entries (Tiles *self, gsize first, gsize n_queries, guint32 prefix, guint32 *counts)
{
  const VtrRolloutParams *params = self->params;

  for (gsize key = 0; key < params->n_tokens; key += VTR_BLOCK)
    {
      tiles_enter_keys (self, key);
      tiles_fuse (self, first, n_queries);
      for (gsize row = 0; row < n_queries; row++)
        for (gsize i = 0; i < self->n_keys; i++)
          {
            const guint32 bits = bits_of (self->fused[row * VTR_BLOCK + i]);
            if (((bits ^ prefix) & params->prefix_mask) == 0)
              counts[(bits & ~params->prefix_mask) >> params->shift]++;
          }
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
  const guint32 *cutoff = (const guint32 *) tensors[2];
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
add_rows (const Tiles *self, gsize first, gsize n_queries, const guint32 *row_weights, float *sums)
{
  for (gsize row = 0; row < n_queries; row++)
    {
      const gsize query = first + row;
      float weight;
      memcpy (&weight, &row_weights[2 * query], sizeof weight);
      const guint32 cutoff_bits = row_weights[2 * query + 1];
      for (gsize i = 0; i < VTR_BLOCK; i++)
        {
          const float value = self->fused[row * VTR_BLOCK + i];
          sums[i] +=
              is_kept (query, self->first_key + i, value, cutoff_bits) ? weight * value : 0.0f;
        }
    }
}

/* Of the keys entered: partials [n_chunks][n_tokens] over chunks of the queries. */
static void
step_block (Tiles *self, const guint32 *row_weights, float *partials)
{
  const gsize n = self->params->n_tokens;

  for (gsize chunk = 0; chunk < self->params->n_chunks; chunk++)
    {
      const gsize begin = MIN (n, chunk * self->params->chunk_size);
      const gsize end = MIN (n, begin + self->params->chunk_size);
      float sums[VTR_BLOCK] = { 0 };

      for (gsize i = 0; chunk == 0 && i < self->n_keys; i++) /* the identity's share */
        memcpy (&sums[i], &row_weights[2 * (self->first_key + i)], sizeof sums[i]);
      for (gsize first = begin; first < end; first += QUERIES)
        {
          const gsize n_queries = MIN (QUERIES, end - first);
          tiles_fuse (self, first, n_queries);
          add_rows (self, first, n_queries, row_weights, sums);
        }
      memcpy (partials + chunk * n + self->first_key, sums, self->n_keys * sizeof *sums);
    }
}

void
VTR_CPU (rollout_step) (gconstpointer data, float *const *tensors)
{
  const VtrRolloutParams *params = data;
  const gsize n = params->n_tokens;
  const gsize n_blocks = (n + VTR_BLOCK - 1) / VTR_BLOCK;

#pragma omp parallel if (VTR_CPU_IS_LARGE((double) params->n_images * params->n_heads * n * n *    \
                                          params->head_width))
  {
    Tiles tiles = tiles_new (params);

#pragma omp for schedule(dynamic)
    for (gsize i = 0; i < params->n_images * n_blocks; i++)
      {
        const gsize image = i / n_blocks;
        tiles_enter_image (&tiles, image, tensors);
        tiles_enter_keys (&tiles, i % n_blocks * VTR_BLOCK);
        step_block (&tiles, (const guint32 *) tensors[2] + image * n * 2,
                    tensors[3] + image * params->n_chunks * n);
      }
    tiles_free (&tiles);
  }
}
