/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * attention-statistics: sums over the rows of A.  A thread has a block of queries of one head, one
 * query a lane; keys come KEYS at a time.  Shapes: see shaders/explain/attention-statistics.comp.
 */
#include "cpu/kernels.h"
#include "cpu/tile.h"
#include "ops/ops.h"

#define KEYS (4 * VTR_OTHERS)

/* What lanes of queries have of keys of one kind, the prefix or the patches. */
typedef struct
{
  VtrVec mass, entropy, squares, maximum;
} Sums;

typedef struct
{
  const VtrAttentionStatisticsParams *params;
  gsize stride;   /* values from a token to the next */
  const float *k; /* of token 0 of the head */
  gsize first_query, n_queries;
  float *queries; /* [head_width][VTR_BLOCK] */
  float *dots;    /* [KEYS][VTR_BLOCK] */
  Sums prefix[VTR_BLOCK_VECS];
  Sums patches[VTR_BLOCK_VECS];
  VtrVec lse[VTR_BLOCK_VECS];
  VtrVec number[VTR_BLOCK_VECS]; /* of the query */
  VtrVec row[VTR_BLOCK_VECS];    /* where it is, in patches; of prefix tokens as good as infinite */
  VtrVec column[VTR_BLOCK_VECS];
  VtrVec first[VTR_BLOCK_VECS]; /* p of the first prefix token */
  VtrVec self[VTR_BLOCK_VECS];
  VtrVec neighbours[VTR_BLOCK_VECS];
  VtrVec distance[VTR_BLOCK_VECS];
} Block;

/* Farther than any patch is from another; squared it is still a float. */
#define FAR_AWAY 1e18f

static void
enter_queries (Block *self, const float *q, const float *lse)
{
  const VtrAttentionStatisticsParams *params = self->params;
  float values[4][VTR_BLOCK] = { { 0 } }; /* log-sum-exp, number, row, column */

  for (gsize i = 0; i < self->n_queries; i++)
    {
      const gsize query = self->first_query + i;
      const gboolean is_patch = query >= params->n_prefix;
      const gsize patch = is_patch ? query - params->n_prefix : 0;

      values[0][i] = lse[query];
      values[1][i] = (float) query;
      values[2][i] = is_patch ? (float) (patch / params->n_columns) : FAR_AWAY;
      values[3][i] = (float) (patch % params->n_columns);
    }
  for (guint v = 0; v < VTR_BLOCK_VECS; v++)
    {
      const VtrVec zero = vtr_vec_of (0.0f);

      self->lse[v] = vtr_vec_load (values[0] + v * VTR_LANES);
      self->number[v] = vtr_vec_load (values[1] + v * VTR_LANES);
      self->row[v] = vtr_vec_load (values[2] + v * VTR_LANES);
      self->column[v] = vtr_vec_load (values[3] + v * VTR_LANES);
      self->prefix[v] = self->patches[v] = (Sums){ zero, zero, zero, zero };
      self->first[v] = self->self[v] = self->neighbours[v] = self->distance[v] = zero;
    }
  vtr_tile_pack (q + self->first_query * self->stride, self->stride, self->n_queries,
                 params->head_width, 1.0f, self->queries);
}

/* The entry of the key's row of products, added to @sums. */
static inline VtrVec
add_entry (const Block *self, const float *dots, guint v, Sums *sums)
{
  const VtrVec log = vtr_vec_load (dots + v * VTR_LANES) * self->params->scale - self->lse[v];
  const VtrVec p = vtr_vec_exp (log);

  sums->mass += p;
  sums->entropy -= p * log;
  sums->squares += p * p;
  sums->maximum = vtr_vec_max (sums->maximum, p);
  return p;
}

static void
meet_prefix (Block *self, const float *dots, gsize key, guint v)
{
  const VtrVec p = add_entry (self, dots, v, &self->prefix[v]);

  if (key == 0)
    self->first[v] = p;
  self->self[v] += vtr_vec_select (self->number[v] == (float) key, p, vtr_vec_of (0.0f));
}

static void
meet_patch (Block *self, const float *dots, float row, float column, guint v)
{
  const VtrVec p = add_entry (self, dots, v, &self->patches[v]);
  const VtrVec down = self->row[v] - row, right = self->column[v] - column;
  const VtrVec squared = down * down + right * right;
  const VtrVec zero = vtr_vec_of (0.0f);

  self->self[v] += vtr_vec_select (squared == 0.0f, p, zero);
  /* 1 or 2 of the eight around it. */
  self->neighbours[v] += vtr_vec_select ((squared < 3.0f) & (squared > 0.0f), p, zero);
  self->distance[v] += p * vtr_vec_sqrt (squared);
}

static void
meet_keys (Block *self, gsize first, gsize n_keys)
{
  const VtrAttentionStatisticsParams *params = self->params;
  const VtrTileOthers keys = { self->k + first * self->stride, self->stride, 1 };

  vtr_tile_multiply (self->queries, self->n_queries, params->head_width, &keys, n_keys, FALSE,
                     self->dots);
  for (gsize i = 0; i < n_keys; i++)
    for (guint v = 0; v < VTR_BLOCK_VECS && v * VTR_LANES < self->n_queries; v++)
      {
        const float *dots = self->dots + i * VTR_BLOCK;
        const gsize key = first + i;

        if (key < params->n_prefix)
          meet_prefix (self, dots, key, v);
        else
          meet_patch (self, dots, (float) ((key - params->n_prefix) / params->n_columns),
                      (float) ((key - params->n_prefix) % params->n_columns), v);
      }
}

/* @sums: of the block's first query, [n_queries][VTR_N_ROW_SUMS] */
static void
store_sums (const Block *self, guint v, float *sums)
{
  const Sums *prefix = &self->prefix[v], *patches = &self->patches[v];
  const VtrVec zero = vtr_vec_of (0.0f);
  const VtrMask is_patch = self->row[v] < FAR_AWAY;
  const VtrVec values[VTR_N_ROW_SUMS] = {
    [VTR_ROW_ENTROPY] = prefix->entropy + patches->entropy,
    [VTR_ROW_PATCH_ENTROPY] = patches->entropy,
    [VTR_ROW_PATCH_MASS] = patches->mass,
    [VTR_ROW_SQUARES] = prefix->squares + patches->squares,
    [VTR_ROW_PATCH_SQUARES] = patches->squares,
    [VTR_ROW_MAXIMUM] = vtr_vec_max (prefix->maximum, patches->maximum),
    [VTR_ROW_PATCH_MAXIMUM] = patches->maximum,
    [VTR_ROW_FIRST_MASS] = self->first[v],
    [VTR_ROW_OTHER_MASS] = prefix->mass - self->first[v],
    [VTR_ROW_SELF_MASS] = self->self[v],
    [VTR_ROW_NEIGHBOUR_MASS] = self->neighbours[v],
    [VTR_ROW_DISTANCE] = vtr_vec_select (is_patch, self->distance[v], zero),
  };

  for (gsize lane = 0; lane < VTR_LANES && v * VTR_LANES + lane < self->n_queries; lane++)
    for (guint i = 0; i < VTR_N_ROW_SUMS; i++)
      sums[(v * VTR_LANES + lane) * VTR_N_ROW_SUMS + i] = values[i][lane];
}

void
VTR_CPU (attention_statistics) (gconstpointer data, float *const *tensors)
{
  const VtrAttentionStatisticsParams *params = data;
  const gsize n = params->n_tokens, h = params->n_heads, width = params->head_width;
  const gsize n_blocks = (n + VTR_BLOCK - 1) / VTR_BLOCK;

#pragma omp parallel if (VTR_CPU_IS_LARGE((double) params->n_images * h * n * n * width))
  {
    Block block = {
      .params = params,
      .stride = 3 * h * width,
      .queries = vtr_tile_new (width * VTR_BLOCK),
      .dots = vtr_tile_new (KEYS * VTR_BLOCK),
    };

#pragma omp for schedule(dynamic)
    for (gsize i = 0; i < (gsize) params->n_images * h * n_blocks; i++)
      {
        const gsize image_head = i / n_blocks, image = image_head / h, head = image_head % h;
        const float *q = tensors[0] + image * n * block.stride + head * width;

        block.k = q + h * width;
        block.first_query = i % n_blocks * VTR_BLOCK;
        block.n_queries = MIN (VTR_BLOCK, n - block.first_query);
        enter_queries (&block, q, tensors[1] + image_head * n);
        for (gsize key = 0; key < n; key += KEYS)
          meet_keys (&block, key, MIN (KEYS, n - key));
        for (guint v = 0; v < VTR_BLOCK_VECS; v++)
          store_sums (&block, v,
                      tensors[2] + (image_head * n + block.first_query) * VTR_N_ROW_SUMS);
      }
    g_aligned_free (block.queries);
    g_aligned_free (block.dots);
  }
}
