/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* vtr_session_measure, and what it and the score make curves of. */
#include "explain/score.h"

#include <string.h>

/* From nothing to all patches; fewer where there are not as many. */
#define MAX_PATCH_STEPS 10u

static const char *const measures[] = {
  [VTR_MEASURE_PATCH_DELETION] = "patch-deletion",
  [VTR_MEASURE_PATCH_INSERTION] = "patch-insertion",
  [VTR_MEASURE_PIXEL_DELETION] = "pixel-deletion",
  [VTR_MEASURE_PIXEL_INSERTION] = "pixel-insertion",
  [VTR_MEASURE_POSITIVE] = "positive",
  [VTR_MEASURE_NEGATIVE] = "negative",
};

const char *
vtr_measure_get_name (VtrMeasure measure)
{
  g_return_val_if_fail ((guint) measure < G_N_ELEMENTS (measures), NULL);

  return measures[measure];
}

/* ---- curves ---- */

VtrCurve *
vtr_curve_new (guint n, double step)
{
  VtrCurve *self = g_new0 (VtrCurve, 1);

  self->n = n;
  self->shares = g_new (double, n);
  self->values = g_new0 (double, n);
  for (guint i = 0; i < n; i++)
    self->shares[i] = i * step;
  return self;
}

void
vtr_curve_integrate (VtrCurve *self)
{
  double sum = 0.0;

  for (guint i = 0; i + 1 < self->n; i++)
    sum += (self->shares[i + 1] - self->shares[i]) * (self->values[i] + self->values[i + 1]) / 2;
  self->area = sum;
}

void
vtr_curve_free (VtrCurve *self)
{
  if (self == NULL)
    return;
  g_free (self->shares);
  g_free (self->values);
  g_free (self);
}

/* ---- orders of patches ---- */

guint
vtr_count_steps (guint n_patches)
{
  return MIN (n_patches, MAX_PATCH_STEPS);
}

/* ⌊n·step/steps + ½⌋ */
guint
vtr_count_patches (guint n_patches, guint step)
{
  const guint64 n_steps = vtr_count_steps (n_patches);

  return (guint) ((2 * (guint64) n_patches * step + n_steps) / (2 * n_steps));
}

/* Moves a patch to the front, those before it back by one. */
static void
lead (guint32 *order, guint n_patches, gint patch)
{
  guint place = 0;

  if (patch == VTR_NO_PATCH)
    return;
  while (place < n_patches && order[place] != (guint32) patch)
    place++;
  g_return_if_fail (place < n_patches);
  memmove (order + 1, order, place * sizeof *order);
  order[0] = (guint32) patch;
}

void
vtr_patch_order_init (VtrPatchOrder *self, const guint32 *order, guint n_patches, gint stays)
{
  self->added = g_memdup2 (order, n_patches * sizeof *order);
  self->left = g_new (guint32, n_patches);
  for (guint i = 0; i < n_patches; i++)
    self->left[i] = order[n_patches - 1 - i];
  lead (self->added, n_patches, stays);
  lead (self->left, n_patches, stays);
}

void
vtr_patch_order_clear (VtrPatchOrder *self)
{
  g_clear_pointer (&self->added, g_free);
  g_clear_pointer (&self->left, g_free);
}

/* ---- subsets that are asked about together ---- */

static guint
append (VtrSubsetList *self, const guint32 *kept, guint n_kept)
{
  g_ptr_array_add (self->kept, (gpointer) kept);
  g_array_append_val (self->n_kept, n_kept);
  return self->n_kept->len - 1;
}

void
vtr_subset_list_init (VtrSubsetList *self,
                      VtrExplanation *explanation,
                      const VtrJudge *judge,
                      const guint32 *all)
{
  const VtrVariants whole = vtr_judge_describe (judge, explanation, 1);
  const VtrArch *arch = vtr_model_get_arch (vtr_explanation_get_model (explanation));

  *self = (VtrSubsetList){
    .n_patches = whole.n_rows * whole.n_columns,
    .least = judge->patch != VTR_NO_PATCH ? 1 : vtr_min_patches (arch),
    .kept = g_ptr_array_new (),
    .n_kept = g_array_new (FALSE, FALSE, sizeof (guint)),
    .none = G_MAXUINT,
  };
  self->whole = append (self, all, self->n_patches);
}

void
vtr_subset_list_clear (VtrSubsetList *self)
{
  g_ptr_array_unref (self->kept);
  g_array_unref (self->n_kept);
}

void
vtr_subset_list_add (VtrSubsetList *self,
                     const VtrPatchOrder *order,
                     VtrMeasure measure,
                     guint *places)
{
  const gboolean deletes = measure == VTR_MEASURE_PATCH_DELETION;
  const guint n_steps = vtr_count_steps (self->n_patches);

  for (guint step = 0; step <= n_steps; step++)
    {
      const guint count = vtr_count_patches (self->n_patches, deletes ? n_steps - step : step);
      const guint n_kept = MAX (count, self->least);

      if (n_kept == self->n_patches)
        places[step] = self->whole;
      else if (n_kept == 0 && self->none != G_MAXUINT)
        places[step] = self->none;
      else
        places[step] = append (self, deletes ? order->left : order->added, n_kept);
      if (n_kept == 0)
        self->none = places[step];
    }
}

VtrAnswers *
vtr_subset_list_ask (const VtrSubsetList *self,
                     VtrSession *session,
                     VtrExplanation *explanation,
                     const VtrJudge *judge,
                     const VtrProgress *progress,
                     GError **error)
{
  const VtrSubsets subsets = {
    .all = vtr_judge_describe (judge, explanation, self->n_kept->len),
    .pixels = vtr_input_get_pixels (vtr_explanation_get_input (explanation), NULL, NULL),
    .kept = (const guint32 *const *) self->kept->pdata,
    .n_kept = (const guint *) (gconstpointer) self->n_kept->data,
  };

  return vtr_session_answer_subsets (session, &subsets, progress, error);
}

VtrCurve *
vtr_subset_list_read (const VtrSubsetList *self,
                      const VtrAnswers *answers,
                      const VtrJudge *judge,
                      const guint *places)
{
  const guint n_steps = vtr_count_steps (self->n_patches);
  VtrCurve *curve = vtr_curve_new (n_steps + 1, 1.0 / n_steps);

  for (guint step = 0; step <= n_steps; step++)
    curve->values[step] = vtr_judge_evaluate (judge, answers, places[step], self->whole);
  vtr_curve_integrate (curve);
  return curve;
}

/* ---- one measure ---- */

static VtrCurve *
measure_patches (VtrSession *session,
                 VtrExplanation *explanation,
                 const guint32 *order,
                 VtrMeasure measure,
                 const VtrJudge *judge,
                 const VtrProgress *progress,
                 GError **error)
{
  guint places[MAX_PATCH_STEPS + 1];
  VtrSubsetList list;
  VtrPatchOrder both;

  vtr_subset_list_init (&list, explanation, judge, order);
  vtr_patch_order_init (&both, order, list.n_patches, judge->patch);
  vtr_subset_list_add (&list, &both, measure, places);
  g_autoptr (VtrAnswers) answers =
      vtr_subset_list_ask (&list, session, explanation, judge, progress, error);
  VtrCurve *curve = answers != NULL ? vtr_subset_list_read (&list, answers, judge, places) : NULL;

  vtr_patch_order_clear (&both);
  vtr_subset_list_clear (&list);
  return curve;
}

/* A map whose greatest value is at the first patch of @order, and so on. */
static float *
make_ranks (const guint32 *order, guint n_patches)
{
  float *values = g_new (float, n_patches);

  for (guint i = 0; i < n_patches; i++)
    values[order[i]] = (float) (n_patches - i);
  return values;
}

static VtrCurve *
measure_judged (VtrSession *self,
                VtrExplanation *explanation,
                VtrMeasure measure,
                const VtrJudge *judge,
                gint64 seed,
                const VtrProgress *progress,
                GError **error)
{
  const VtrMap *map = vtr_explanation_get_summary (explanation);
  const guint n_patches = vtr_map_get_n_rows (map) * vtr_map_get_n_columns (map);
  const float *values = vtr_map_get_values (map);
  g_autofree guint32 *order = seed == VTR_ORDER_OF_MAP
                                  ? vtr_order_new (values, n_patches)
                                  : vtr_order_new_random (n_patches, (guint32) seed);

  if (measure == VTR_MEASURE_PATCH_DELETION || measure == VTR_MEASURE_PATCH_INSERTION)
    return measure_patches (self, explanation, order, measure, judge, progress, error);

  g_autofree float *ranks = seed == VTR_ORDER_OF_MAP ? NULL : make_ranks (order, n_patches);
  return vtr_measure_pixels (self, explanation, ranks != NULL ? ranks : values, measure, judge,
                             progress, error);
}

VtrCurve *
vtr_session_measure (VtrSession *self,
                     VtrExplanation *explanation,
                     VtrMeasure measure,
                     VtrTarget *target,
                     gint64 seed,
                     VtrProgressFunc progress,
                     gpointer progress_data,
                     GCancellable *cancellable,
                     GError **error)
{
  g_return_val_if_fail (self != NULL && explanation != NULL, NULL);
  g_return_val_if_fail ((guint) measure < G_N_ELEMENTS (measures), NULL);
  g_return_val_if_fail (seed >= VTR_ORDER_OF_MAP && seed <= (gint64) G_MAXUINT32, NULL);
  g_return_val_if_fail (vtr_explanation_get_model (explanation) == self->model, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  const VtrProgress whole = vtr_progress_whole (progress, progress_data, cancellable);
  VtrJudge judge;
  VtrCurve *curve = NULL;

  if (vtr_judge_init (&judge, explanation, target, error))
    curve = measure_judged (self, explanation, measure, &judge, seed, &whole, error);
  vtr_judge_clear (&judge);
  return curve;
}
