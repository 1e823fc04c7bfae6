/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * attention-backward-rows, attention-backward: entries exp (scale·q·k − lse[q]) and their gradients
 * computed again.  A thread has a block of queries (or keys) of one head, one a lane; keys (or
 * queries) come OTHERS at a time.  Shapes: see shaders/lib/attention-backward-interface.glsl.
 */
#include "cpu/kernels.h"
#include "cpu/tile.h"

#define OTHERS 96

/* Vectors of a head: token 0's, and how many values a token is from the next. */
typedef struct
{
  const float *first;
  gsize stride;
} Vectors;

/*
 * What a thread needs for a block, allocated once.  Own vectors are q and d_context, others k and
 * v; of keys it is the other way round.
 */
typedef struct
{
  const VtrAttentionBackwardParams *params;
  const float *rows; /* of the head, [n_tokens][2] */
  float *own[2];     /* [head_width][VTR_BLOCK]; the first scaled */
  float *probs;      /* [OTHERS][VTR_BLOCK]: products, then A */
  float *gradients;  /* [OTHERS][VTR_BLOCK]: d_A, then A·(d_A − D) */
  float *sums[2];    /* [head_width][VTR_BLOCK]: of gradients·other[0], of probs·other[1] */
  VtrVec lse[VTR_BLOCK_VECS];
  VtrVec means[VTR_BLOCK_VECS]; /* D of the own queries */
} Block;

static Block
block_new (const VtrAttentionBackwardParams *params)
{
  const gsize n = (gsize) params->head_width * VTR_BLOCK;

  return (Block){
    .params = params,
    .own = { vtr_tile_new (n), vtr_tile_new (n) },
    .probs = vtr_tile_new (OTHERS * VTR_BLOCK),
    .gradients = vtr_tile_new (OTHERS * VTR_BLOCK),
    .sums = { vtr_tile_new (n), vtr_tile_new (n) },
  };
}

static void
block_free (Block *self)
{
  for (guint i = 0; i < 2; i++)
    {
      g_aligned_free (self->own[i]);
      g_aligned_free (self->sums[i]);
    }
  g_aligned_free (self->probs);
  g_aligned_free (self->gradients);
}

static void
load_own_rows (Block *self, gsize first, gsize n_own)
{
  float lse[VTR_BLOCK] = { 0 }, means[VTR_BLOCK] = { 0 };

  for (gsize i = 0; i < n_own; i++)
    {
      lse[i] = self->rows[(first + i) * 2];
      means[i] = self->rows[(first + i) * 2 + 1];
    }
  memcpy (self->lse, lse, sizeof lse);
  memcpy (self->means, means, sizeof means);
}

/* Products to A and its gradient; @rows: of the first other, where the others are queries. */
static inline __attribute__ ((always_inline)) void
weigh_others (Block *self, const gboolean of_keys, const float *rows, gsize n_others)
{
  for (gsize other = 0; other < n_others; other++)
    for (guint v = 0; v < VTR_BLOCK_VECS; v++)
      {
        const gsize at = other * VTR_BLOCK + v * VTR_LANES;
        const VtrVec lse = of_keys ? vtr_vec_of (rows[other * 2]) : self->lse[v];
        const VtrVec mean = of_keys ? vtr_vec_of (rows[other * 2 + 1]) : self->means[v];
        const VtrVec prob = vtr_vec_exp (vtr_vec_load (self->probs + at) - lse);
        const VtrVec gradient = prob * (vtr_vec_load (self->gradients + at) - mean);
        vtr_vec_store (self->probs + at, prob);
        vtr_vec_store (self->gradients + at, gradient);
      }
}

/* Sums over all others for the own tokens from @first on. */
static void
sum_others (Block *self, const Vectors own[2], const Vectors others[2], gsize first, gsize n_own)
{
  const gsize n = self->params->n_tokens, width = self->params->head_width;
  const gboolean of_keys = self->params->of_keys;

  for (guint i = 0; i < 2; i++)
    {
      vtr_tile_pack (own[i].first + first * own[i].stride, own[i].stride, n_own, width,
                     i == 0 ? self->params->scale : 1.0f, self->own[i]);
      memset (self->sums[i], 0, width * VTR_BLOCK * sizeof (float));
    }
  if (!of_keys)
    load_own_rows (self, first, n_own);

  for (gsize other = 0; other < n; other += OTHERS)
    {
      const gsize n_others = MIN (OTHERS, n - other);
      const float *firsts[] = { others[0].first + other * others[0].stride,
                                others[1].first + other * others[1].stride };
      const VtrTileOthers rows[] = { { firsts[0], others[0].stride, 1 },
                                     { firsts[1], others[1].stride, 1 } };
      const VtrTileOthers columns[] = { { firsts[0], 1, others[0].stride },
                                        { firsts[1], 1, others[1].stride } };
      vtr_tile_multiply (self->own[0], n_own, width, &rows[0], n_others, FALSE, self->probs);
      vtr_tile_multiply (self->own[1], n_own, width, &rows[1], n_others, FALSE, self->gradients);
      if (of_keys)
        weigh_others (self, TRUE, self->rows + other * 2, n_others);
      else
        weigh_others (self, FALSE, NULL, n_others);
      vtr_tile_multiply (self->gradients, n_own, n_others, &columns[0], width, TRUE, self->sums[0]);
      if (of_keys)
        vtr_tile_multiply (self->probs, n_own, n_others, &columns[1], width, TRUE, self->sums[1]);
    }
}

static void
store_sums (const float *sums, gsize n_own, gsize width, float scale, gsize stride, float *out)
{
  for (gsize i = 0; i < n_own; i++)
    for (gsize column = 0; column < width; column++)
      out[i * stride + column] = sums[column * VTR_BLOCK + i] * scale;
}

void
VTR_CPU (attention_backward) (gconstpointer data, float *const *tensors)
{
  const VtrAttentionBackwardParams *params = data;
  const gsize n = params->n_tokens, n_heads = params->n_heads, width = params->head_width;
  const gsize d = n_heads * width;
  const gsize n_blocks = (n + VTR_BLOCK - 1) / VTR_BLOCK;

#pragma omp parallel if (VTR_CPU_IS_LARGE(3.0 * params->n_images * n * n * d))
  {
    Block block = block_new (params);

#pragma omp for schedule(dynamic)
    for (gsize i = 0; i < params->n_images * n_heads * n_blocks; i++)
      {
        const gsize first = i % n_blocks * VTR_BLOCK, n_own = MIN (VTR_BLOCK, n - first);
        const gsize head = i / n_blocks % n_heads, image = i / n_blocks / n_heads;
        const float *q = tensors[0] + image * n * 3 * d + head * width;
        const Vectors queries[] = { { q, 3 * d },
                                    { tensors[1] + image * n * d + head * width, d } };
        const Vectors keys[] = { { q + d, 3 * d }, { q + 2 * d, 3 * d } };
        float *d_q = tensors[3] + (image * n + first) * 3 * d + head * width;

        block.rows = tensors[2] + i / n_blocks * n * 2;
        if (params->of_keys)
          {
            sum_others (&block, keys, queries, first, n_own);
            store_sums (block.sums[0], n_own, width, params->scale, 3 * d, d_q + d);
            store_sums (block.sums[1], n_own, width, 1.0f, 3 * d, d_q + 2 * d);
          }
        else
          {
            sum_others (&block, queries, keys, first, n_own);
            store_sums (block.sums[0], n_own, width, params->scale, 3 * d, d_q);
          }
      }
    block_free (&block);
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
