/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Tokens → numbers of a layer; artifact tokens. */
#include "analysis/observation.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* What artifacts must be for the valley to count: their mean norm of the others' median, their
 * share of all patches. */
#define LEAST_ARTIFACT_RATIO 3.0
#define MOST_ARTIFACTS 0.1

void
vtr_token_norms (const float *tokens, guint n, guint width, float *norms)
{
  for (guint i = 0; i < n; i++)
    {
      const float *x = tokens + (gsize) i * width;
      double squares = 0.0;

      for (guint k = 0; k < width; k++)
        squares += (double) x[k] * x[k];
      norms[i] = (float) sqrt (squares);
    }
}

/* ---- artifacts ---- */

static int
compare_doubles (const void *a, const void *b)
{
  const double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* Otsu's threshold without bins: of @n ascending values, how many come before the cut with the
 * largest variance between the two sides; 0 where all are alike. */
static guint
find_valley (const double *sorted, guint n)
{
  double sum = 0.0, total = 0.0, greatest = 0.0;
  guint valley = 0;

  for (guint i = 0; i < n; i++)
    total += sorted[i];
  for (guint i = 1; i < n; i++)
    {
      sum += sorted[i - 1];
      if (sorted[i] <= sorted[i - 1])
        continue;
      const double between = (total - sum) / (n - i) - sum / i;
      const double variance = (double) i * (n - i) * between * between;
      if (variance > greatest)
        {
          greatest = variance;
          valley = i;
        }
    }
  return valley;
}

double
vtr_find_artifacts (const float *norms, guint n, gboolean *artifacts)
{
  g_autofree double *logs = g_new (double, n);
  double above = 0.0, threshold = INFINITY;

  for (guint i = 0; i < n; i++)
    logs[i] = log (MAX ((double) norms[i], FLT_MIN));
  qsort (logs, n, sizeof *logs, compare_doubles);

  const guint valley = find_valley (logs, n);
  for (guint i = valley; i < n; i++)
    above += exp (logs[i]) / (n - valley);
  if (valley > 0 && n - valley < MOST_ARTIFACTS * n)
    {
      const double median = (exp (logs[(valley - 1) / 2]) + exp (logs[valley / 2])) / 2;
      if (above >= LEAST_ARTIFACT_RATIO * median)
        threshold = exp ((logs[valley - 1] + logs[valley]) / 2);
    }
  for (guint i = 0; i < n; i++)
    artifacts[i] = (double) norms[i] >= threshold;
  return threshold;
}

/* ---- all of a layer ---- */

/* Σ over the patches of each coordinate, of x and of x/‖x‖. */
typedef struct
{
  double *plain;  /* [width] */
  double *unit;   /* [width] */
  guint n_unit;   /* patches that are not 0 */
  double squares; /* Σ ‖x‖² */
} Sums;

static void
add_up (Sums *sums, const float *patches, const float *norms, guint n, guint width)
{
  for (guint i = 0; i < n; i++)
    {
      const float *x = patches + (gsize) i * width;
      const double scale = norms[i] > 0.0f ? 1.0 / norms[i] : 0.0;

      sums->n_unit += norms[i] > 0.0f;
      sums->squares += (double) norms[i] * norms[i];
      for (guint k = 0; k < width; k++)
        {
          sums->plain[k] += x[k];
          sums->unit[k] += x[k] * scale;
        }
    }
}

static double
square_of (const double *x, guint width)
{
  double sum = 0.0;

  for (guint k = 0; k < width; k++)
    sum += x[k] * x[k];
  return sum;
}

/* ‖X − 1·mean (X)ᵀ‖²_F, summed as it is: as a difference of squares it would be lost where the rank
 * is one. */
static double
square_of_residual (const float *patches, const double *sum, guint n, guint width)
{
  double squares = 0.0;

  for (guint i = 0; i < n; i++)
    for (guint k = 0; k < width; k++)
      {
        const double distance = patches[(gsize) i * width + k] - sum[k] / n;
        squares += distance * distance;
      }
  return squares;
}

/* Over all tokens. */
static double
update_of (const float *tokens, const float *before, gsize n_values)
{
  double change = 0.0, squares = 0.0;

  for (gsize i = 0; i < n_values; i++)
    {
      const double difference = (double) tokens[i] - before[i];

      change += difference * difference;
      squares += (double) tokens[i] * tokens[i];
    }
  return sqrt (change / squares);
}

static void
take_norms (const float *norms, guint n, double *values)
{
  g_autofree gboolean *artifacts = g_new (gboolean, n);
  double sum = 0.0, greatest = 0.0;
  guint n_artifacts = 0;

  vtr_find_artifacts (norms, n, artifacts);
  for (guint i = 0; i < n; i++)
    {
      sum += norms[i];
      greatest = MAX (greatest, (double) norms[i]);
      n_artifacts += artifacts[i];
    }
  values[VTR_TOKEN_NORM] = sum / n;
  values[VTR_TOKEN_NORM_MAXIMUM] = greatest;
  values[VTR_TOKEN_ARTIFACTS] = (double) n_artifacts / n;
}

void
vtr_token_statistics (const VtrTokenGrid *grid,
                      const float *tokens,
                      const float *before,
                      const float *norms,
                      guint width,
                      double values[VTR_N_TOKEN_STATISTICS])
{
  const guint n = vtr_token_grid_n_patches (grid);
  const float *patches = tokens + (gsize) grid->n_prefix * width;
  g_autofree double *plain = g_new0 (double, width);
  g_autofree double *unit = g_new0 (double, width);
  Sums sums = { .plain = plain, .unit = unit };

  take_norms (norms + grid->n_prefix, n, values);
  add_up (&sums, patches, norms + grid->n_prefix, n, width);
  const double n_unit = sums.n_unit;
  values[VTR_TOKEN_COSINE] =
      n_unit > 1 ? (square_of (unit, width) - n_unit) / (n_unit * (n_unit - 1)) : NAN;
  values[VTR_TOKEN_RESIDUAL] = sqrt (square_of_residual (patches, plain, n, width) / sums.squares);
  values[VTR_TOKEN_CHANGE] = NAN;
  values[VTR_TOKEN_UPDATE] = update_of (tokens, before, (gsize) grid->n_tokens * width);
}
