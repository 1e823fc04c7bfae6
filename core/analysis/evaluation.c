/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* What many pictures say about methods. */
#include "analysis/analysis.h"

#include <math.h>

/* A method or the random orders. */
typedef struct
{
  VtrRunning areas[VTR_N_MEASURES];
  VtrRunning points[VTR_N_MEASURES][VTR_MAX_POINTS];
  VtrRunning scores[VTR_N_CONTESTS];
  VtrRunning differences[VTR_N_CONTESTS]; /* to random orders */
} Runner;

struct _VtrEvaluation
{
  VtrMethod **methods; /* [n_methods] */
  guint n_methods;
  VtrMeasures measures;
  guint32 seed;
  guint n_pictures;
  VtrQuantity quantity;
  Runner *runners; /* [n_methods + 1], random orders last */
};

VtrEvaluation *
vtr_evaluation_new (VtrMethod *const *methods, guint n_methods, VtrMeasures measures, guint32 seed)
{
  g_return_val_if_fail (methods != NULL && n_methods > 0, NULL);
  g_return_val_if_fail (measures != 0 && (measures & ~VTR_MEASURES_ALL) == 0, NULL);

  VtrEvaluation *self = g_new0 (VtrEvaluation, 1);

  self->methods = g_new (VtrMethod *, n_methods);
  for (guint i = 0; i < n_methods; i++)
    self->methods[i] = g_object_ref (methods[i]);
  self->n_methods = n_methods;
  self->measures = measures;
  self->seed = seed;
  self->runners = g_new0 (Runner, n_methods + 1);
  return self;
}

void
vtr_evaluation_free (VtrEvaluation *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->n_methods; i++)
    g_object_unref (self->methods[i]);
  g_free (self->methods);
  g_free (self->runners);
  g_free (self);
}

/* Orders of one seed are alike in all pictures of a grid: each picture has seeds of its own, so
 * that a lucky order is one picture's luck. */
guint32
vtr_evaluation_get_seed (const VtrEvaluation *self, guint number, guint order)
{
  return self->seed + number * VTR_EVALUATION_N_ORDERS + order;
}

/* ---- pictures ---- */

/* What one picture gave a runner. */
typedef struct
{
  double areas[VTR_N_MEASURES];
  double points[VTR_N_MEASURES][VTR_MAX_POINTS];
} Result;

/* The mean of @n runners from @first on. */
static void
read_result (Result *self, const VtrFindings *findings, guint first, guint n)
{
  double values[VTR_MAX_POINTS];

  for (guint measure = 0; measure < VTR_N_MEASURES; measure++)
    for (guint i = 0; i < n && vtr_measures_have (findings->measures, measure); i++)
      {
        const VtrCurve *curve = *vtr_findings_get_place (findings, first + i, measure);

        self->areas[measure] += curve->area / n;
        vtr_curve_sample (curve, measure, values);
        for (guint k = 0; k < vtr_measure_get_n_points (measure); k++)
          self->points[measure][k] += values[k] / n;
      }
}

static double
result_score (const Result *self, VtrContest contest)
{
  VtrMeasure fall, stay;

  vtr_contest_get_measures (contest, &fall, &stay);
  return self->areas[stay] - self->areas[fall];
}

static void
add_result (const VtrEvaluation *self, Runner *runner, const Result *result, const Result *random)
{
  for (guint measure = 0; measure < VTR_N_MEASURES; measure++)
    {
      if (!vtr_measures_have (self->measures, measure))
        continue;
      vtr_running_add (&runner->areas[measure], result->areas[measure]);
      for (guint i = 0; i < vtr_measure_get_n_points (measure); i++)
        vtr_running_add (&runner->points[measure][i], result->points[measure][i]);
    }
  for (guint contest = 0; contest < VTR_N_CONTESTS; contest++)
    {
      const double score = result_score (result, contest);

      vtr_running_add (&runner->scores[contest], score);
      vtr_running_add (&runner->differences[contest], score - result_score (random, contest));
    }
}

void
vtr_evaluation_add (VtrEvaluation *self, const VtrFindings *findings)
{
  g_return_if_fail (self != NULL && findings != NULL);
  g_return_if_fail (findings->n_methods == self->n_methods && findings->measures == self->measures);

  Result random = { 0 };

  read_result (&random, findings, self->n_methods, VTR_EVALUATION_N_ORDERS);
  for (guint i = 0; i < self->n_methods; i++)
    {
      Result result = { 0 };

      read_result (&result, findings, i, 1);
      add_result (self, &self->runners[i], &result, &random);
    }
  add_result (self, &self->runners[self->n_methods], &random, &random);
  self->quantity = findings->quantity;
  self->n_pictures++;
}

/* ---- what came of it ---- */

guint
vtr_evaluation_get_n_pictures (const VtrEvaluation *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->n_pictures;
}

guint
vtr_evaluation_get_n_methods (const VtrEvaluation *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->n_methods;
}

VtrMethod *
vtr_evaluation_get_method (const VtrEvaluation *self, guint method)
{
  g_return_val_if_fail (self != NULL && method < self->n_methods, NULL);

  return self->methods[method];
}

VtrMeasures
vtr_evaluation_get_measures (const VtrEvaluation *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->measures;
}

VtrQuantity
vtr_evaluation_get_quantity (const VtrEvaluation *self)
{
  g_return_val_if_fail (self != NULL, VTR_QUANTITY_PROBABILITY);

  return self->quantity;
}

gboolean
vtr_evaluation_has_contest (const VtrEvaluation *self, VtrContest contest)
{
  VtrMeasure fall, stay;

  g_return_val_if_fail (self != NULL && (guint) contest < VTR_N_CONTESTS, FALSE);
  vtr_contest_get_measures (contest, &fall, &stay);
  return vtr_measures_have (self->measures, fall) || vtr_measures_have (self->measures, stay);
}

VtrContest
vtr_evaluation_get_main_contest (const VtrEvaluation *self)
{
  guint contest = 0;

  g_return_val_if_fail (self != NULL, VTR_CONTEST_PATCH);
  while (!vtr_evaluation_has_contest (self, contest))
    contest++;
  return contest;
}

static const VtrEstimate no_estimate = { NAN, NAN, NAN };

/* NULL is misuse. */
static const Runner *
get_runner (const VtrEvaluation *self, int method)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (method >= VTR_RANDOM_ORDERS && method < (int) self->n_methods, NULL);

  return &self->runners[method == VTR_RANDOM_ORDERS ? (int) self->n_methods : method];
}

VtrEstimate
vtr_evaluation_get_area (const VtrEvaluation *self, int method, VtrMeasure measure)
{
  const Runner *runner = get_runner (self, method);

  g_return_val_if_fail (runner != NULL && (guint) measure < VTR_N_MEASURES, no_estimate);
  return vtr_running_estimate (&runner->areas[measure]);
}

VtrEstimate
vtr_evaluation_get_point (const VtrEvaluation *self, int method, VtrMeasure measure, guint point)
{
  const Runner *runner = get_runner (self, method);

  g_return_val_if_fail (runner != NULL && (guint) measure < VTR_N_MEASURES, no_estimate);
  g_return_val_if_fail (point < vtr_measure_get_n_points (measure), no_estimate);
  return vtr_running_estimate (&runner->points[measure][point]);
}

VtrEstimate
vtr_evaluation_get_score (const VtrEvaluation *self, int method, VtrContest contest)
{
  const Runner *runner = get_runner (self, method);

  g_return_val_if_fail (runner != NULL && (guint) contest < VTR_N_CONTESTS, no_estimate);
  return vtr_running_estimate (&runner->scores[contest]);
}

VtrEstimate
vtr_evaluation_get_difference (const VtrEvaluation *self, guint method, VtrContest contest)
{
  const Runner *runner = get_runner (self, (int) method);

  g_return_val_if_fail (runner != NULL && (guint) contest < VTR_N_CONTESTS, no_estimate);
  return vtr_running_estimate (&runner->differences[contest]);
}

VtrComparison
vtr_evaluation_compare (const VtrEvaluation *self, guint method, VtrContest contest)
{
  const VtrEstimate difference = vtr_evaluation_get_difference (self, method, contest);

  if (isnan (difference.low))
    return VTR_COMPARISON_UNKNOWN;
  return difference.low > 0.0 ? VTR_COMPARISON_BETTER : VTR_COMPARISON_NOT_BETTER;
}

/* Of methods that are equal the one that was named first. */
guint *
vtr_evaluation_rank (const VtrEvaluation *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  const VtrContest contest = vtr_evaluation_get_main_contest (self);
  guint *ranks = g_new (guint, self->n_methods);

  for (guint i = 0; i < self->n_methods; i++)
    {
      guint place = i;

      for (; place > 0 && self->runners[i].scores[contest].mean >
                              self->runners[ranks[place - 1]].scores[contest].mean;
           place--)
        ranks[place] = ranks[place - 1];
      ranks[place] = i;
    }
  return ranks;
}
