/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* One picture: explained by all methods, each explanation and random orders measured. */
#include "analysis/analysis.h"
#include "explain/score.h"

/* About how many forward passes things take, for the progress. */
#define COST_OF_EXPLAINING 4
#define COST_OF_PATCHES 20
static const guint pixel_costs[] = {
  [VTR_MEASURE_PIXEL_DELETION] = 57,
  [VTR_MEASURE_PIXEL_INSERTION] = 57,
  [VTR_MEASURE_POSITIVE] = 10,
  [VTR_MEASURE_NEGATIVE] = 10,
};

/* Findings under way. */
typedef struct
{
  const VtrEvaluation *evaluation;
  VtrSession *session;
  VtrInput *input;
  guint number;
  VtrFindings *findings;
  GPtrArray *explanations; /* [n_methods] */
  guint n_runners;
  VtrProgress progress;
  double done; /* of @cost */
  double cost;
} Work;

VtrFindings *
vtr_findings_new (guint n_methods, VtrMeasures measures)
{
  VtrFindings *self = g_new0 (VtrFindings, 1);

  self->n_methods = n_methods;
  self->measures = measures;
  self->curves = g_new0 (VtrCurve *, (n_methods + VTR_EVALUATION_N_ORDERS) * VTR_N_MEASURES);
  return self;
}

VtrCurve **
vtr_findings_get_place (const VtrFindings *self, guint runner, VtrMeasure measure)
{
  return &self->curves[runner * VTR_N_MEASURES + measure];
}

void
vtr_findings_free (VtrFindings *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < (self->n_methods + VTR_EVALUATION_N_ORDERS) * VTR_N_MEASURES; i++)
    vtr_curve_free (self->curves[i]);
  g_free (self->curves);
  g_free (self);
}

/* The next stretch of work. */
static VtrProgress
go_on (Work *self, double cost)
{
  const double from = self->done;

  self->done += cost;
  return vtr_progress_part (&self->progress, from / self->cost, self->done / self->cost);
}

/* A VtrProgressFunc. */
static void
relay (double done, const char *what, gpointer part)
{
  vtr_progress_step (part, done, what, NULL);
}

static double
add_costs (const Work *self)
{
  const VtrMeasures measures = self->findings->measures;
  double cost = COST_OF_EXPLAINING * self->findings->n_methods;

  if (vtr_evaluation_has_contest (self->evaluation, VTR_CONTEST_PATCH))
    cost += COST_OF_PATCHES * self->n_runners;
  for (guint i = 0; i < G_N_ELEMENTS (pixel_costs); i++)
    if (vtr_measures_have (measures, i))
      cost += pixel_costs[i] * self->n_runners;
  return cost;
}

static gboolean
explain (Work *self, GError **error)
{
  for (guint i = 0; i < self->findings->n_methods; i++)
    {
      VtrMethod *method = vtr_evaluation_get_method (self->evaluation, i);
      VtrProgress part = go_on (self, COST_OF_EXPLAINING);
      g_autoptr (GPtrArray) explanations =
          vtr_session_explain (self->session, method, &self->input, 1, VTR_EXPLAIN_DEFAULT, relay,
                               &part, part.cancellable, error);

      if (explanations == NULL)
        return FALSE;
      g_ptr_array_add (self->explanations,
                       vtr_explanation_ref (g_ptr_array_index (explanations, 0)));
    }
  return TRUE;
}

/* Of a random order the explanation says only which picture it is. */
static VtrExplanation *
explanation_of (const Work *self, guint runner)
{
  return g_ptr_array_index (self->explanations, runner < self->findings->n_methods ? runner : 0);
}

static gint64
seed_of (const Work *self, guint runner)
{
  if (runner < self->findings->n_methods)
    return VTR_ORDER_OF_MAP;
  return vtr_evaluation_get_seed (self->evaluation, self->number,
                                  runner - self->findings->n_methods);
}

/* ---- patches ---- */

static guint32 *
order_of (const Work *self, guint runner)
{
  const VtrMap *map = vtr_explanation_get_summary (explanation_of (self, runner));
  const guint n_patches = vtr_map_get_n_rows (map) * vtr_map_get_n_columns (map);
  const gint64 seed = seed_of (self, runner);

  return seed == VTR_ORDER_OF_MAP ? vtr_order_new (vtr_map_get_values (map), n_patches)
                                  : vtr_order_new_random (n_patches, (guint32) seed);
}

static gboolean
ask_about_patches (Work *self,
                   const VtrJudge *judge,
                   const VtrSubsetList *list,
                   const guint *places, /* [n_runners][2][n_points] */
                   guint n_points,
                   GError **error)
{
  const VtrProgress part = go_on (self, COST_OF_PATCHES * self->n_runners);
  g_autoptr (VtrAnswers) answers =
      vtr_subset_list_ask (list, self->session, explanation_of (self, 0), judge, &part, error);

  if (answers == NULL)
    return FALSE;
  for (guint i = 0; i < self->n_runners; i++)
    for (guint measure = VTR_MEASURE_PATCH_DELETION; measure <= VTR_MEASURE_PATCH_INSERTION;
         measure++)
      if (vtr_measures_have (self->findings->measures, measure))
        *vtr_findings_get_place (self->findings, i, measure) =
            vtr_subset_list_read (list, answers, judge,
                                  places + (gsize) (i * 2 + measure) * n_points);
  return TRUE;
}

/* All subsets of all orders in one go, so that those of a size are computed together. */
static gboolean
measure_patches (Work *self, const VtrJudge *judge, GError **error)
{
  g_autofree VtrPatchOrder *orders = g_new0 (VtrPatchOrder, self->n_runners);
  g_autofree guint32 *first = order_of (self, 0);
  VtrSubsetList list;

  vtr_subset_list_init (&list, explanation_of (self, 0), judge, first);
  const guint n_points = vtr_count_steps (list.n_patches) + 1;
  g_autofree guint *places = g_new (guint, (gsize) self->n_runners * 2 * n_points);
  for (guint i = 0; i < self->n_runners; i++)
    {
      g_autofree guint32 *order = order_of (self, i);

      vtr_patch_order_init (&orders[i], order, list.n_patches, judge->patch);
      for (guint measure = VTR_MEASURE_PATCH_DELETION; measure <= VTR_MEASURE_PATCH_INSERTION;
           measure++)
        if (vtr_measures_have (self->findings->measures, measure))
          vtr_subset_list_add (&list, &orders[i], measure,
                               places + (gsize) (i * 2 + measure) * n_points);
    }
  const gboolean ok = ask_about_patches (self, judge, &list, places, n_points, error);
  for (guint i = 0; i < self->n_runners; i++)
    vtr_patch_order_clear (&orders[i]);
  vtr_subset_list_clear (&list);
  return ok;
}
G_STATIC_ASSERT (VTR_MEASURE_PATCH_DELETION == 0 && VTR_MEASURE_PATCH_INSERTION == 1);

/* ---- pixels ---- */

static gboolean
measure_pixels (Work *self, VtrMeasure measure, GError **error)
{
  for (guint i = 0; i < self->n_runners; i++)
    {
      VtrProgress part = go_on (self, pixel_costs[measure]);
      VtrCurve *curve =
          vtr_session_measure (self->session, explanation_of (self, i), measure, NULL,
                               seed_of (self, i), relay, &part, part.cancellable, error);

      if (curve == NULL)
        return FALSE;
      *vtr_findings_get_place (self->findings, i, measure) = curve;
    }
  return TRUE;
}

static gboolean
measure_all (Work *self, GError **error)
{
  VtrJudge judge;
  gboolean ok = vtr_judge_init (&judge, explanation_of (self, 0), NULL, error);

  self->findings->quantity = judge.quantity;
  if (ok && vtr_evaluation_has_contest (self->evaluation, VTR_CONTEST_PATCH))
    ok = measure_patches (self, &judge, error);
  vtr_judge_clear (&judge);
  for (guint i = VTR_MEASURE_PIXEL_DELETION; ok && i < VTR_N_MEASURES; i++)
    if (vtr_measures_have (self->findings->measures, i))
      ok = measure_pixels (self, i, error);
  return ok;
}

VtrFindings *
vtr_evaluation_try (const VtrEvaluation *self,
                    VtrSession *session,
                    VtrInput *input,
                    guint number,
                    VtrProgressFunc progress,
                    gpointer progress_data,
                    GCancellable *cancellable,
                    GError **error)
{
  g_return_val_if_fail (self != NULL && session != NULL && input != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  const guint n_methods = vtr_evaluation_get_n_methods (self);
  g_autoptr (GPtrArray) explanations =
      g_ptr_array_new_with_free_func ((GDestroyNotify) vtr_explanation_unref);
  g_autoptr (VtrFindings) findings =
      vtr_findings_new (n_methods, vtr_evaluation_get_measures (self));
  Work work = {
    .evaluation = self,
    .session = session,
    .input = input,
    .number = number,
    .findings = findings,
    .explanations = explanations,
    .n_runners = n_methods + VTR_EVALUATION_N_ORDERS,
    .progress = vtr_progress_whole (progress, progress_data, cancellable),
  };

  work.cost = add_costs (&work);
  return explain (&work, error) && measure_all (&work, error) ? g_steal_pointer (&findings) : NULL;
}
