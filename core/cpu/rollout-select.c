/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* rollout-select, rollout-weights, reduce-partials: see the shaders of these names. */
#include "cpu/kernels.h"

#include <string.h>

#define N_BINS 2048

/* Finds the bin that has the entry of the rank looked for, and its rank there. */
static void
select_bin (const guint32 *histogram, guint shift, guint32 *cutoff)
{
  guint64 rank = cutoff[1] | (guint64) cutoff[2] << 32;
  guint32 bin = 0;

  for (; bin < N_BINS - 1; bin++)
    {
      const guint64 count = histogram[bin] | (guint64) histogram[N_BINS + bin] << 32;
      if (count >= rank)
        break;
      rank -= count;
    }
  cutoff[0] |= bin << shift;
  cutoff[1] = (guint32) rank;
  cutoff[2] = (guint32) (rank >> 32);
}

void
VTR_CPU (rollout_select) (gconstpointer data, float *const *tensors)
{
  const VtrRolloutSelectParams *params = data;

  for (gsize image = 0; image < params->n_images; image++)
    {
      guint32 *histogram = (guint32 *) tensors[0] + image * 2 * N_BINS;
      guint32 *cutoff = (guint32 *) tensors[1] + image * 4;
      const guint32 begun[] = { 0, params->n_drop[0], params->n_drop[1], 0 };

      if (params->begin)
        memcpy (cutoff, begun, sizeof begun);
      else
        select_bin (histogram, params->shift, cutoff);
      memset (histogram, 0, 2 * N_BINS * sizeof *histogram);
    }
}

void
VTR_CPU (rollout_weights) (gconstpointer data, float *const *tensors)
{
  const VtrRolloutWeightsParams *params = data;
  const float *partials = tensors[0], *r = tensors[1];
  const guint32 *cutoff = (const guint32 *) tensors[2];
  guint32 *row_weights = (guint32 *) tensors[3];
  const gsize n = params->n_tokens, n_chunks = params->n_chunks;

  for (gsize i = 0; i < params->n_values; i++)
    {
      const gsize image = i / n;
      float sum = n_chunks == 0 ? 1.0f : 0.0f;
      for (gsize chunk = 0; chunk < n_chunks; chunk++)
        sum += partials[(image * n_chunks + chunk) * n + i % n];

      const float weight = params->divide ? r[i] / (1.0f + sum) : r[i];
      memcpy (&row_weights[2 * i], &weight, sizeof weight);
      row_weights[2 * i + 1] = params->has_cutoff ? cutoff[image * 4] : 0;
    }
}

void
VTR_CPU (reduce_partials) (gconstpointer data, float *const *tensors)
{
  const VtrReducePartialsParams *params = data;
  const gsize width = params->width, n_chunks = params->n_chunks;
  const gsize n_rows = params->n_values / width;

#pragma omp parallel for if (VTR_CPU_IS_LARGE((double) params->n_values * n_chunks))
  for (gsize row = 0; row < n_rows; row++)
    {
      float *sums = tensors[1] + row * width;
      memset (sums, 0, width * sizeof (float));
      for (gsize chunk = 0; chunk < n_chunks; chunk++)
        for (gsize i = 0; i < width; i++)
          sums[i] += tensors[0][(row * n_chunks + chunk) * width + i];
    }
}
