/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * attention-backward-rows, attention-backward: entries exp (scale·q·k − lse[q]) and their gradients
 * computed again, once.  A thread has a head, and of it a block of keys, one a lane; queries come
 * QUERIES at a time.  What the keys get is summed up in their lanes; what a query gets is added to
 * from block to block.  Shapes: see shaders/lib/attention-backward-interface.glsl.
 */
#include "cpu/kernels.h"
#include "cpu/tile.h"

#define QUERIES 96

/* Vectors of a head: token 0's, and how many values a token is from the next. */
typedef struct
{
  const float *first;
  gsize stride;
} Vectors;

/* What a thread needs, allocated once. */
typedef struct
{
  const VtrAttentionBackwardParams *params;
  gsize n_slices;    /* of VTR_BLOCK columns of a head */
  const float *rows; /* of the head, [n_tokens][2]: lse, D */
  Vectors q, k, v, d_context;
  float *keys;       /* [head_width][VTR_BLOCK], scaled */
  float *values;     /* [head_width][VTR_BLOCK] */
  float *key_slices; /* [n_slices][VTR_BLOCK keys][VTR_BLOCK columns] */
  float *probs;      /* [QUERIES][VTR_BLOCK]: products, then A */
  float *gradients;  /* [QUERIES][VTR_BLOCK]: d_A, then d_s = A·(d_A − D) */
  float *d_keys;     /* [head_width][VTR_BLOCK]: d_sᵀ·q */
  float *d_values;   /* [head_width][VTR_BLOCK]: Aᵀ·d_context */
  float *d_queries;  /* [n_slices][n_tokens][VTR_BLOCK]: d_s·k so far */
} Head;

static Head
head_new (const VtrAttentionBackwardParams *params)
{
  const gsize n_slices = (params->head_width + VTR_BLOCK - 1) / VTR_BLOCK;
  const gsize n = (gsize) params->head_width * VTR_BLOCK;

  return (Head){
    .params = params,
    .n_slices = n_slices,
    .keys = vtr_tile_new (n),
    .values = vtr_tile_new (n),
    .key_slices = vtr_tile_new (n_slices * VTR_BLOCK * VTR_BLOCK),
    .probs = vtr_tile_new (QUERIES * VTR_BLOCK),
    .gradients = vtr_tile_new (QUERIES * VTR_BLOCK),
    .d_keys = vtr_tile_new (n),
    .d_values = vtr_tile_new (n),
    .d_queries = vtr_tile_new (n_slices * params->n_tokens * VTR_BLOCK),
  };
}

static void
head_free (Head *self)
{
  g_aligned_free (self->keys);
  g_aligned_free (self->values);
  g_aligned_free (self->key_slices);
  g_aligned_free (self->probs);
  g_aligned_free (self->gradients);
  g_aligned_free (self->d_keys);
  g_aligned_free (self->d_values);
  g_aligned_free (self->d_queries);
}

/* How many columns a slice has. */
static gsize
slice_width (const Head *self, gsize slice)
{
  return MIN (VTR_BLOCK, self->params->head_width - slice * VTR_BLOCK);
}

static void
load_keys (Head *self, gsize first, gsize n_keys)
{
  const gsize width = self->params->head_width;
  const float *k = self->k.first + first * self->k.stride;

  vtr_tile_pack (k, self->k.stride, n_keys, width, self->params->scale, self->keys);
  vtr_tile_pack (self->v.first + first * self->v.stride, self->v.stride, n_keys, width, 1.0f,
                 self->values);
  for (gsize slice = 0; slice < self->n_slices; slice++)
    for (gsize key = 0; key < n_keys; key++)
      memcpy (self->key_slices + (slice * VTR_BLOCK + key) * VTR_BLOCK,
              k + key * self->k.stride + slice * VTR_BLOCK,
              slice_width (self, slice) * sizeof (float));
  memset (self->d_keys, 0, width * VTR_BLOCK * sizeof (float));
  memset (self->d_values, 0, width * VTR_BLOCK * sizeof (float));
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

/* What the queries from @first on give the keys loaded, and get of them. */
static void
meet_queries (Head *self, gsize first, gsize n_queries, gsize n_keys)
{
  const gsize width = self->params->head_width;
  const gsize n = self->params->n_tokens;
  const float *q = self->q.first + first * self->q.stride;
  const float *d_context = self->d_context.first + first * self->d_context.stride;
  const VtrTileOthers queries = { q, self->q.stride, 1 };
  const VtrTileOthers d_contexts = { d_context, self->d_context.stride, 1 };
  const VtrTileOthers query_columns = { q, 1, self->q.stride };
  const VtrTileOthers d_context_columns = { d_context, 1, self->d_context.stride };
  const VtrTileOthers d_s = { self->gradients, VTR_BLOCK, 1 };

  /* Then d_A, D and so all sums are 0, too. */
  if (vtr_vectors_are_zero (d_context, self->d_context.stride, n_queries, width))
    return;

  vtr_tile_multiply (self->keys, n_keys, width, &queries, n_queries, FALSE, self->probs);
  vtr_tile_multiply (self->values, n_keys, width, &d_contexts, n_queries, FALSE, self->gradients);
  weigh_queries (self, self->rows + first * 2, n_queries);
  vtr_tile_multiply (self->gradients, n_keys, n_queries, &query_columns, width, TRUE, self->d_keys);
  vtr_tile_multiply (self->probs, n_keys, n_queries, &d_context_columns, width, TRUE,
                     self->d_values);
  for (gsize slice = 0; slice < self->n_slices; slice++)
    vtr_tile_multiply (self->key_slices + slice * VTR_BLOCK * VTR_BLOCK, slice_width (self, slice),
                       n_keys, &d_s, n_queries, TRUE,
                       self->d_queries + (slice * n + first) * VTR_BLOCK);
}

static void
store_sums (const float *sums, gsize n_own, gsize width, float scale, gsize stride, float *out)
{
  for (gsize i = 0; i < n_own; i++)
    for (gsize column = 0; column < width; column++)
      out[i * stride + column] = sums[column * VTR_BLOCK + i] * scale;
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
  const gsize n = self->params->n_tokens, width = self->params->head_width;

  memset (self->d_queries, 0, self->n_slices * n * VTR_BLOCK * sizeof (float));
  for (gsize first = 0; first < n; first += VTR_BLOCK)
    {
      const gsize n_keys = MIN (VTR_BLOCK, n - first);
      float *d_k = d_q + first * 3 * d + d;

      load_keys (self, first, n_keys);
      for (gsize query = 0; query < n; query += QUERIES)
        meet_queries (self, query, MIN (QUERIES, n - query), n_keys);
      store_sums (self->d_keys, n_keys, width, self->params->scale, 3 * d, d_k);
      store_sums (self->d_values, n_keys, width, 1.0f, 3 * d, d_k + d);
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

        self.q = (Vectors){ q, 3 * d };
        self.k = (Vectors){ q + d, 3 * d };
        self.v = (Vectors){ q + 2 * d, 3 * d };
        self.d_context = (Vectors){ tensors[1] + image * n * d + head * width, d };
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
