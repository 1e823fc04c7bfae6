/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "reference.h"

#include <stdlib.h>
#include <string.h>

void
reference_fuse (const double *probs,
                guint h,
                guint n,
                VtrFusion fusion,
                guint64 head_mask,
                double *fused)
{
  for (gsize entry = 0; entry < (gsize) n * n; entry++)
    {
      double sum = 0.0, largest = 0.0, smallest = 1.0;
      guint n_heads = 0;
      for (guint head = 0; head < h; head++)
        {
          if ((head_mask >> head & 1) == 0)
            continue;
          const double prob = probs[(gsize) head * n * n + entry];
          sum += prob;
          largest = MAX (largest, prob);
          smallest = MIN (smallest, prob);
          n_heads++;
        }
      fused[entry] = fusion == VTR_FUSION_MEAN  ? sum / n_heads
                     : fusion == VTR_FUSION_MAX ? largest
                                                : smallest;
    }
}

static int
compare_doubles (const void *a, const void *b)
{
  const double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

double
reference_select (const double *values, guint64 n_values, guint64 n_drop)
{
  if (n_drop == 0)
    return 0.0;

  g_autofree double *sorted = g_memdup2 (values, n_values * sizeof *values);
  qsort (sorted, n_values, sizeof *sorted, compare_doubles);
  return sorted[n_drop - 1];
}

void
reference_discard (double *fused, guint n, double cutoff)
{
  for (gsize entry = 1; entry < (gsize) n * n; entry++)
    if (fused[entry] <= cutoff)
      fused[entry] = 0.0;
}

void
reference_rollout_step (const double *fused, guint n, const float *r, double *next)
{
  for (guint key = 0; key < n; key++)
    next[key] = 0.0;
  for (guint query = 0; query < n; query++)
    {
      double sum = 1.0;
      for (guint key = 0; key < n; key++)
        sum += fused[(gsize) query * n + key];
      for (guint key = 0; key < n; key++)
        next[key] += r[query] * (fused[(gsize) query * n + key] + (query == key)) / sum;
    }
}

void
reference_fuse_gradient (const ReferenceAttention *self,
                         guint image,
                         const double *probs,
                         const float *d_context,
                         VtrFusion fusion,
                         guint64 head_mask,
                         double *fused)
{
  const guint n = self->n, h = self->h, hd = self->hd;
  guint n_heads = 0;

  memset (fused, 0, (gsize) n * n * sizeof *fused);
  for (guint head = 0; head < h; head++)
    {
      if ((head_mask >> head & 1) == 0)
        continue;
      n_heads++;
      for (guint query = 0; query < n; query++)
        for (guint key = 0; key < n; key++)
          {
            const float *d = d_context + ((gsize) (image * n + query) * h + head) * hd;
            const float *v = self->qkv + (((gsize) (image * n + key) * 3 + 2) * h + head) * hd;
            const double prob = probs[((gsize) head * n + query) * n + key];
            double value = 0.0;
            for (guint i = 0; i < hd; i++)
              value += (double) d[i] * v[i];
            if (fusion != VTR_FUSION_SENSITIVITY)
              value *= prob;
            fused[(gsize) query * n + key] +=
                fusion == VTR_FUSION_GRADIENT ? value : MAX (value, 0.0);
          }
    }
  for (gsize entry = 0; entry < (gsize) n * n; entry++)
    fused[entry] = MAX (fused[entry] / n_heads, 0.0);
}

void
reference_relevance_step (const double *fused, guint n, const float *r, double *next)
{
  for (guint key = 0; key < n; key++)
    {
      next[key] = r[key];
      for (guint query = 0; query < n; query++)
        next[key] += r[query] * fused[(gsize) query * n + key];
    }
}
