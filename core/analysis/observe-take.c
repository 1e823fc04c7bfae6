/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* What was read of a block → statistics of its heads and tokens; pairs of heads. */
#include "analysis/observe.h"
#include "run/variants.h"

#include <math.h>
#include <string.h>

/* The @i-th row that is compared, of those of a head. */
static const float *
compared_row (const VtrObserving *run, const float *rows, guint i)
{
  const VtrObservedRows *sample = &run->sample;
  const guint n_cls = sample->compare_cls ? 1 : 0;

  return rows + (gsize) (i < n_cls ? 0 : sample->first_compared + i - n_cls) * run->grid.n_tokens;
}

/* ---- a block, on the host ---- */

/* The Gram matrix of what a head gave to the sampled patches. */
static void
take_context (VtrObserving *run, guint head, guint place)
{
  const VtrObservedBlock *block = &run->block;
  const gsize size = block->head_size, width = block->n_heads * size;
  const gsize value = vtr_dtype_size (block->context_type);
  g_autofree float *vectors = g_new (float, run->n_vectors *size);

  for (guint i = 0; i < run->n_vectors; i++)
    {
      const gsize token = run->grid.n_prefix + run->vectors[i];
      const guint8 *from = (const guint8 *) block->context + (token * width + head * size) * value;

      vtr_floats_from (block->context_type, from, size, vectors + i * size);
    }
  if (run->n_vectors >= 4)
    vtr_gram_init (run->grams + place * vtr_gram_size (run->n_vectors), vectors, size,
                   run->n_vectors, (guint) size);
}

/* Head @head of the block, which is @place of all. */
static void
take_head (VtrObserving *run, guint head, guint place)
{
  const VtrTokenGrid *grid = &run->grid;
  const gsize n = grid->n_tokens;
  const VtrObservedBlock *block = &run->block;
  const float *rows = block->probs + head * run->sample.n * n;
  const float *columns = block->columns + head * n;
  VtrHeadStatistics *statistics = &run->observation->heads[place];

  vtr_head_statistics_take_sums (statistics, grid, run->arch->patch_size,
                                 block->sums + head * n * VTR_N_ROW_SUMS);
  vtr_head_statistics_take_columns (statistics, grid, columns);
  memcpy (run->columns + place * n, columns, n * sizeof *columns);
  if (grid->has_cls)
    {
      vtr_head_statistics_take_cls (statistics, grid, rows);
      memcpy (run->cls_rows + place * n, rows, n * sizeof *rows);
    }
  statistics->values[VTR_STATISTIC_POSITIONAL][VTR_READING_ALL_PATCHES] =
      vtr_positional (grid, rows + (grid->has_cls ? n : 0), run->sample.patches,
                      run->sample.n_patches);
  for (guint i = 0; i < run->sample.n_compared; i++)
    {
      const gsize row = (gsize) place * run->sample.n_compared + i;

      memcpy (run->compared + row * n, compared_row (run, rows, i), n * sizeof *rows);
      run->compared_sums[row] = vtr_sum_p_log2_p (run->compared + row * n, (guint) n);
    }
  take_context (run, head, place);
}

/* Mean over heads of @values, a row [n] @stride values from the next. */
static void
average (const float *values, gsize stride, guint n_heads, guint n, float *mean)
{
  for (guint i = 0; i < n; i++)
    {
      double sum = 0.0;

      for (guint head = 0; head < n_heads; head++)
        sum += values[head * stride + i];
      mean[i] = (float) (sum / n_heads);
    }
}

/* How far the mean attention is from that of the layer before, which it replaces. */
static double
take_change (VtrObserving *run, guint layer)
{
  const guint n = run->grid.n_tokens, n_rows = run->sample.n_compared;
  const gsize stride = (gsize) n_rows * n;
  const float *rows = run->compared + run->first_head[layer] * stride;
  g_autofree float *mean = g_new (float, n);
  double sum = 0.0;

  for (guint i = 0; i < n_rows; i++)
    {
      float *before = run->mean_rows + (gsize) i * n;

      average (rows + (gsize) i * n, stride, run->block.n_heads, n, mean);
      sum += vtr_divergence (mean, vtr_sum_p_log2_p (mean, n), before, vtr_sum_p_log2_p (before, n),
                             n);
      memcpy (before, mean, n * sizeof *mean);
    }
  return layer > 0 ? sum / n_rows : NAN;
}

static void
take_map (VtrObserving *run, guint layer)
{
  const VtrTokenGrid *grid = &run->grid;
  const VtrObservedBlock *block = &run->block;
  const guint n = vtr_token_grid_n_patches (grid);
  float *map = run->observation->maps + (gsize) layer * n;
  const float *rows = grid->has_cls        ? block->probs
                      : grid->n_prefix > 0 ? block->patch_columns
                                           : block->columns;

  average (rows + grid->n_prefix, (grid->has_cls ? run->sample.n : 1) * (gsize) grid->n_tokens,
           block->n_heads, n, map);
}

gboolean
vtr_observing_take_block (VtrObserving *run, guint layer, GError **error)
{
  const VtrTokenGrid *grid = &run->grid;
  const VtrObservedBlock *block = &run->block;
  const guint width = run->arch->hidden_size;
  VtrObservation *observation = run->observation;
  float *norms = observation->norms + (gsize) layer * grid->n_tokens;

  if (!vtr_check_finite (run->session->model, run->session->precision, block->tokens,
                         (gsize) grid->n_tokens * width, error) ||
      !vtr_check_finite (run->session->model, run->session->precision, block->sums,
                         (gsize) block->n_heads * grid->n_tokens * VTR_N_ROW_SUMS, error))
    return FALSE;
  for (guint head = 0; head < block->n_heads; head++)
    take_head (run, head, run->first_head[layer] + head);
  take_map (run, layer);
  vtr_token_norms (block->tokens, grid->n_tokens, width, norms);
  vtr_token_statistics (grid, block->tokens, run->before, norms, width, observation->tokens[layer]);
  observation->tokens[layer][VTR_TOKEN_CHANGE] = take_change (run, layer);
  memcpy (run->before, block->tokens, (gsize) grid->n_tokens * width * sizeof (float));
  return TRUE;
}

/* ---- once all blocks are known ---- */

void
vtr_observing_take_artifacts (VtrObserving *run)
{
  VtrObservation *observation = run->observation;
  const guint last = run->arch->n_layers - 1;
  const gsize n = run->grid.n_tokens;

  observation->threshold =
      vtr_find_artifacts (observation->norms + last * n + run->grid.n_prefix,
                          vtr_token_grid_n_patches (&run->grid), observation->artifacts);
  for (guint i = 0; i < vtr_observation_n_all_heads (observation); i++)
    vtr_head_statistics_take_artifacts (&observation->heads[i], &run->grid, observation->artifacts,
                                        run->columns + i * n,
                                        run->grid.has_cls ? run->cls_rows + i * n : NULL);
}

static double
compare_rows (const VtrObserving *run, gsize a, gsize b)
{
  const gsize n = run->grid.n_tokens, n_rows = run->sample.n_compared;
  double sum = 0.0;

  for (gsize i = 0; i < n_rows; i++)
    sum += vtr_divergence (run->compared + (a * n_rows + i) * n, run->compared_sums[a * n_rows + i],
                           run->compared + (b * n_rows + i) * n, run->compared_sums[b * n_rows + i],
                           (guint) n);
  return sum / n_rows;
}

gboolean
vtr_observing_compare_heads (VtrObserving *run, GError **error)
{
  VtrObservation *observation = run->observation;
  const VtrProgress progress = vtr_progress_part (&run->progress, VTR_OBSERVE_FORWARD_SHARE, 1.0);
  const gsize n_heads = vtr_observation_n_all_heads (observation);
  const gsize size = vtr_gram_size (run->n_vectors);

  for (gsize b = 1; b < n_heads; b++)
    {
      for (gsize a = 0; a < b; a++)
        {
          const gsize pair = vtr_observation_pair (a, b);

          observation->divergences[pair] = (float) compare_rows (run, a, b);
          if (run->n_vectors >= 4)
            observation->ckas[pair] =
                (float) vtr_gram_product (run->grams + a * size, run->grams + b * size, size);
        }
      if (!vtr_progress_step (&progress, (double) b * b / (double) (n_heads * n_heads),
                              "comparing heads", error))
        return FALSE;
    }
  return vtr_progress_step (&progress, 1.0, "comparing heads", error);
}
