/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* How alike two lists of numbers are. */
#include "analysis/agreement.h"
#include "explain/score.h"

#include <math.h>

/* Correlation of numbers that are not all the same. */
static double
correlate (const double *a, const double *b, gsize n)
{
  double mean_a = 0.0, mean_b = 0.0, aa = 0.0, bb = 0.0, ab = 0.0;

  for (gsize i = 0; i < n; i++)
    {
      mean_a += a[i] / (double) n;
      mean_b += b[i] / (double) n;
    }
  for (gsize i = 0; i < n; i++)
    {
      const double x = a[i] - mean_a, y = b[i] - mean_b;

      aa += x * x;
      bb += y * y;
      ab += x * y;
    }
  return aa > 0.0 && bb > 0.0 ? CLAMP (ab / (sqrt (aa) * sqrt (bb)), -1.0, 1.0) : NAN;
}

static gboolean
is_flat (const float *values, gsize n)
{
  for (gsize i = 1; i < n; i++)
    if (values[i] != values[0])
      return FALSE;
  return TRUE;
}

static double *
widen (const float *values, gsize n)
{
  double *wide = g_new (double, n);

  for (gsize i = 0; i < n; i++)
    wide[i] = values[i];
  return wide;
}

/* Ranks from 0 at the highest; equal values share the mean of theirs. */
static double *
rank (const float *values, gsize n)
{
  g_autofree guint32 *order = vtr_order_new (values, n);
  double *ranks = g_new (double, n);

  for (gsize from = 0, to; from < n; from = to)
    {
      for (to = from + 1; to < n && values[order[to]] == values[order[from]];)
        to++;
      for (gsize i = from; i < to; i++)
        ranks[order[i]] = (double) (from + to - 1) / 2.0;
    }
  return ranks;
}

static double
correlate_as (double *(*read) (const float *, gsize), const float *a, const float *b, gsize n)
{
  if (is_flat (a, n) || is_flat (b, n))
    return NAN;
  g_autofree double *of_a = read (a, n);
  g_autofree double *of_b = read (b, n);
  return correlate (of_a, of_b, n);
}

double
vtr_numbers_correlate (const float *a, const float *b, gsize n)
{
  return correlate_as (widen, a, b, n);
}

double
vtr_numbers_correlate_ranks (const float *a, const float *b, gsize n)
{
  return correlate_as (rank, a, b, n);
}

double
vtr_numbers_overlap (const float *a, const float *b, gsize n)
{
  const gsize n_top = (n + 4) / 5;
  g_autofree guint32 *order_a = vtr_order_new (a, n);
  g_autofree guint32 *order_b = vtr_order_new (b, n);
  g_autofree gboolean *in_a = g_new0 (gboolean, n);
  gsize n_both = 0;

  for (gsize i = 0; i < n_top; i++)
    in_a[order_a[i]] = TRUE;
  for (gsize i = 0; i < n_top; i++)
    n_both += in_a[order_b[i]];
  return (double) n_both / (double) (2 * n_top - n_both);
}

static double
add_positive (const float *values, gsize n)
{
  double sum = 0.0;

  for (gsize i = 0; i < n; i++)
    sum += MAX (values[i], 0.0f);
  return sum;
}

/* p·log₂ (p/m), which is 0 where p is. */
static double
information (double p, double m)
{
  return p > 0.0 ? p * log2 (p / m) : 0.0;
}

double
vtr_numbers_diverge (const float *a, const float *b, gsize n)
{
  const double sum_a = add_positive (a, n), sum_b = add_positive (b, n);
  double divergence = 0.0;

  if (!(sum_a > 0.0 && sum_b > 0.0))
    return NAN;
  for (gsize i = 0; i < n; i++)
    {
      const double p = MAX (a[i], 0.0f) / sum_a, q = MAX (b[i], 0.0f) / sum_b;
      const double middle = (p + q) / 2.0;

      divergence += (information (p, middle) + information (q, middle)) / 2.0;
    }
  return CLAMP (divergence, 0.0, 1.0);
}

double
vtr_numbers_cosine (const float *a, const float *b, gsize n)
{
  double aa = 0.0, bb = 0.0, ab = 0.0;

  for (gsize i = 0; i < n; i++)
    {
      aa += (double) a[i] * a[i];
      bb += (double) b[i] * b[i];
      ab += (double) a[i] * b[i];
    }
  return aa > 0.0 && bb > 0.0 ? CLAMP (ab / (sqrt (aa) * sqrt (bb)), -1.0, 1.0) : NAN;
}

gsize
vtr_numbers_find_greatest (const float *values, gsize n, double *softmax)
{
  gsize greatest = 0;
  double sum = 0.0;

  for (gsize i = 1; i < n; i++)
    if (values[i] > values[greatest])
      greatest = i;
  for (gsize i = 0; i < n; i++)
    sum += exp ((double) values[i] - values[greatest]);
  *softmax = 1.0 / sum;
  return greatest;
}
