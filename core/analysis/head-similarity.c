/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* How alike two heads are: what they look at, and what they give. */
#include "analysis/observation.h"
#include "cpu/simd.h"

#include <math.h>

/* Values whose sum may be one of floats before it goes on as a double. */
#define RUN (32 * VTR_LANES)

/* p·log₂ p, of what is 0 or close to it: 0. */
static inline VtrVec
p_log2_p (VtrVec p)
{
  return p * vtr_vec_log2 (p);
}

double
vtr_sum_p_log2_p (const float *p, guint n)
{
  double sum = 0.0;

  for (guint first = 0; first < n; first += RUN)
    {
      VtrVec part = vtr_vec_of (0.0f);

      for (guint i = first; i < MIN (n, first + RUN); i += VTR_LANES)
        part += p_log2_p (vtr_vec_load_part (p + i, n - i));
      sum += vtr_vec_sum (part);
    }
  return sum;
}

/* H ((p + q)/2) − (H (p) + H (q))/2 */
double
vtr_divergence (const float *p, double p_sum, const float *q, double q_sum, guint n)
{
  double sum = 0.0;

  for (guint first = 0; first < n; first += RUN)
    {
      VtrVec part = vtr_vec_of (0.0f);

      for (guint i = first; i < MIN (n, first + RUN); i += VTR_LANES)
        part +=
            p_log2_p (0.5f * (vtr_vec_load_part (p + i, n - i) + vtr_vec_load_part (q + i, n - i)));
      sum += vtr_vec_sum (part);
    }
  const double divergence = (p_sum + q_sum) / 2 - sum;
  return CLAMP (divergence, 0.0, 1.0);
}

static double
dot (const float *a, const float *b, guint n)
{
  double sum = 0.0;

  for (guint i = 0; i < n; i++)
    sum += (double) a[i] * b[i];
  return sum;
}

/* products [n·(n − 1)/2], each pair i > k at i·(i − 1)/2 + k, less what rows and columns have in
 * common.  Returns Σ of the squares that are left. */
static double
centre (double *products, const double *row_sums, double total, guint n)
{
  double squares = 0.0;
  gsize place = 0;

  for (guint i = 0; i < n; i++)
    for (guint k = 0; k < i; k++, place++)
      {
        products[place] +=
            total / ((n - 1.0) * (n - 2.0)) - (row_sums[i] + row_sums[k]) / (n - 2.0);
        squares += products[place] * products[place];
      }
  return squares;
}

void
vtr_gram_init (float *gram, const float *vectors, gsize stride, guint n, guint width)
{
  const gsize n_pairs = vtr_gram_size (n);
  g_autofree double *products = g_new (double, n_pairs);
  g_autofree double *row_sums = g_new0 (double, n);
  double total = 0.0, plain = 0.0;
  gsize place = 0;

  g_return_if_fail (n >= 4);
  for (guint i = 0; i < n; i++)
    for (guint k = 0; k < i; k++, place++)
      {
        products[place] = dot (vectors + i * stride, vectors + k * stride, width);
        row_sums[i] += products[place];
        row_sums[k] += products[place];
        total += 2 * products[place];
        plain += products[place] * products[place];
      }

  const double squares = centre (products, row_sums, total, n);
  /* Of vectors that are all alike only rounding is left. */
  const double scale = squares > 1e-24 * plain ? 1.0 / sqrt (squares) : NAN;
  for (gsize i = 0; i < n_pairs; i++)
    gram[i] = (float) (products[i] * scale);
}

double
vtr_gram_product (const float *a, const float *b, gsize n)
{
  double sum = 0.0;

  for (gsize first = 0; first < n; first += RUN)
    {
      VtrVec part = vtr_vec_of (0.0f);

      for (gsize i = first; i < MIN (n, first + RUN); i += VTR_LANES)
        part += vtr_vec_load_part (a + i, n - i) * vtr_vec_load_part (b + i, n - i);
      sum += vtr_vec_sum (part);
    }
  return sum;
}
