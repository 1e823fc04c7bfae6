/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "reference.h"

#include <math.h>
#include <string.h>

enum
{
  QUERY,
  KEY,
  VALUE
};

static const float *
vector_of (const ReferenceAttention *self, guint image, guint token, guint slot, guint head)
{
  return self->qkv + (((image * self->n + token) * 3 + slot) * self->h + head) * self->hd;
}

/* One row of probabilities [n]; its log Σ exp. */
static double
softmax_row (const ReferenceAttention *self, guint image, guint head, guint query, double *probs)
{
  const float *q = vector_of (self, image, query, QUERY, head);
  double largest = -HUGE_VAL, sum = 0.0;

  for (guint key = 0; key < self->n; key++)
    {
      const float *k = vector_of (self, image, key, KEY, head);
      double dot = 0.0;
      for (guint i = 0; i < self->hd; i++)
        dot += (double) q[i] * k[i];
      probs[key] = dot * self->scale;
      largest = MAX (largest, probs[key]);
    }
  for (guint key = 0; key < self->n; key++)
    sum += exp (probs[key] - largest);
  const double lse = largest + log (sum);
  for (guint key = 0; key < self->n; key++)
    probs[key] = exp (probs[key] - lse);
  return lse;
}

void
reference_attention_probs (const ReferenceAttention *self, double *probs, double *lse)
{
  for (guint image = 0; image < self->b; image++)
    for (guint head = 0; head < self->h; head++)
      for (guint query = 0; query < self->n; query++, probs += self->n)
        *lse++ = softmax_row (self, image, head, query, probs);
}

void
reference_attention_context (const ReferenceAttention *self, const double *probs, double *context)
{
  for (guint image = 0; image < self->b; image++)
    for (guint head = 0; head < self->h; head++)
      for (guint query = 0; query < self->n; query++, probs += self->n)
        for (guint i = 0; i < self->hd; i++)
          {
            double sum = 0.0;
            for (guint key = 0; key < self->n; key++)
              sum += probs[key] * vector_of (self, image, key, VALUE, head)[i];
            context[((image * self->n + query) * self->h + head) * self->hd + i] = sum;
          }
}

/* How far apart two patches are, in patches. */
static double
distance_of (guint a, guint b, guint n_columns)
{
  const double down = (double) (a / n_columns) - (double) (b / n_columns);
  const double right = (double) (a % n_columns) - (double) (b % n_columns);

  return sqrt (down * down + right * right);
}

static void
add_key (double *sums, double p, guint query, guint key, guint n_prefix, guint n_columns)
{
  const double entropy = p > 0.0 ? -p * log (p) : 0.0;

  sums[VTR_ROW_ENTROPY] += entropy;
  sums[VTR_ROW_SQUARES] += p * p;
  sums[VTR_ROW_MAXIMUM] = MAX (sums[VTR_ROW_MAXIMUM], p);
  if (key == query)
    sums[VTR_ROW_SELF_MASS] = p;
  if (key < n_prefix)
    {
      sums[key == 0 ? VTR_ROW_FIRST_MASS : VTR_ROW_OTHER_MASS] += p;
      return;
    }
  sums[VTR_ROW_PATCH_ENTROPY] += entropy;
  sums[VTR_ROW_PATCH_MASS] += p;
  sums[VTR_ROW_PATCH_SQUARES] += p * p;
  sums[VTR_ROW_PATCH_MAXIMUM] = MAX (sums[VTR_ROW_PATCH_MAXIMUM], p);
  if (query < n_prefix)
    return;

  const double distance = distance_of (query - n_prefix, key - n_prefix, n_columns);
  sums[VTR_ROW_DISTANCE] += p * distance;
  if (key != query && distance < 1.5)
    sums[VTR_ROW_NEIGHBOUR_MASS] += p;
}

void
reference_attention_statistics (const double *probs,
                                guint n_heads,
                                guint n,
                                guint n_prefix,
                                guint n_columns,
                                double *sums)
{
  memset (sums, 0, (gsize) n_heads * n * VTR_N_ROW_SUMS * sizeof *sums);
  for (gsize row = 0; row < (gsize) n_heads * n; row++)
    for (guint key = 0; key < n; key++)
      add_key (sums + row * VTR_N_ROW_SUMS, probs[row * n + key], (guint) (row % n), key, n_prefix,
               n_columns);
}
