/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* VTR_EXPLAIN_SCORE: patches in the map's order against random orders. */
#include "explain/score.h"

#include <math.h>

/* The order of the map, then random ones. */
#define N_ORDERS (1 + VTR_SCORE_N_ORDERS)

/* Student's t for a two-sided probability of 95 % and 9 degrees of freedom. */
#define STUDENT_T 2.2621571628
G_STATIC_ASSERT (VTR_SCORE_N_ORDERS == 9 + 1);

/* An order and where the answers of its two curves will be. */
typedef struct
{
  VtrPatchOrder order;
  guint *deleted; /* [steps + 1] */
  guint *inserted;
} Row;

void
vtr_score_free (VtrScore *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->target, vtr_target_unref);
  vtr_curve_free (self->deletion);
  vtr_curve_free (self->insertion);
  g_free (self);
}

/* With @n_decimals, and never “-0.00”. */
static char *
format_number (double number, guint n_decimals)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  const char format[] = { '%', '.', (char) ('0' + n_decimals), 'f', '\0' };

  g_ascii_formatd (text, sizeof text, format, number);
  return g_strdup (text[0] == '-' && g_ascii_strtod (text, NULL) == 0.0 ? text + 1 : text);
}

char *
vtr_score_describe (const VtrScore *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  const double half = (self->random_high - self->random_low) / 2;
  const guint n_decimals = half >= 0.02 ? 2 : half >= 0.002 ? 3 : 4;
  g_autofree char *score = format_number (self->score, n_decimals);
  g_autofree char *mean = format_number (self->random_mean, n_decimals);
  g_autofree char *reach = format_number (half, n_decimals);

  return g_strdup_printf ("%s (random %s±%s)%s", score, mean, reach,
                          self->better ? "" : ", not better than random");
}

static void
row_init (Row *self, const guint32 *order, gint stays, VtrSubsetList *list)
{
  const guint n_points = vtr_count_steps (list->n_patches) + 1;

  vtr_patch_order_init (&self->order, order, list->n_patches, stays);
  self->deleted = g_new (guint, n_points);
  self->inserted = g_new (guint, n_points);
  vtr_subset_list_add (list, &self->order, VTR_MEASURE_PATCH_DELETION, self->deleted);
  vtr_subset_list_add (list, &self->order, VTR_MEASURE_PATCH_INSERTION, self->inserted);
}

static void
row_clear (Row *self)
{
  vtr_patch_order_clear (&self->order);
  g_free (self->deleted);
  g_free (self->inserted);
}

/*
 * Where one more random order would be with a probability of 95 %, of what R of them gave:
 * mean ± t·s·√(1 + 1/R).
 */
static void
summarise_random (VtrScore *self)
{
  const double n = VTR_SCORE_N_ORDERS;
  double mean = 0.0, squares = 0.0;

  for (guint i = 0; i < VTR_SCORE_N_ORDERS; i++)
    mean += self->random[i] / n;
  for (guint i = 0; i < VTR_SCORE_N_ORDERS; i++)
    squares += (self->random[i] - mean) * (self->random[i] - mean);

  const double half = STUDENT_T * sqrt (squares / (n - 1.0)) * sqrt (1.0 + 1.0 / n);
  self->random_mean = mean;
  self->random_low = mean - half;
  self->random_high = mean + half;
  self->better = self->score > self->random_high;
}

static VtrScore *
read_score (const VtrSubsetList *list,
            const VtrAnswers *answers,
            const VtrJudge *judge,
            const Row *rows)
{
  VtrScore *self = g_new0 (VtrScore, 1);

  self->quantity = judge->quantity;
  self->target = judge->target != NULL ? vtr_target_ref (judge->target) : NULL;
  self->deletion = vtr_subset_list_read (list, answers, judge, rows[0].deleted);
  self->insertion = vtr_subset_list_read (list, answers, judge, rows[0].inserted);
  self->score = self->insertion->area - self->deletion->area;
  for (guint i = 0; i < VTR_SCORE_N_ORDERS; i++)
    {
      g_autoptr (VtrCurve) deletion =
          vtr_subset_list_read (list, answers, judge, rows[1 + i].deleted);
      g_autoptr (VtrCurve) insertion =
          vtr_subset_list_read (list, answers, judge, rows[1 + i].inserted);

      self->random[i] = insertion->area - deletion->area;
    }
  summarise_random (self);
  return self;
}

/* All subsets of all orders in one go, so that those of a size are computed together. */
static VtrScore *
score_judged (VtrSession *session,
              VtrExplanation *explanation,
              const VtrJudge *judge,
              const VtrProgress *progress,
              GError **error)
{
  const VtrMap *map = vtr_explanation_get_summary (explanation);
  const guint n_patches = vtr_map_get_n_rows (map) * vtr_map_get_n_columns (map);
  g_autofree guint32 *order = vtr_order_new (vtr_map_get_values (map), n_patches);
  VtrSubsetList list;
  Row rows[N_ORDERS];

  vtr_subset_list_init (&list, explanation, judge, order);
  row_init (&rows[0], order, judge->patch, &list);
  for (guint32 seed = 0; seed < VTR_SCORE_N_ORDERS; seed++)
    {
      g_autofree guint32 *shuffled = vtr_order_new_random (n_patches, seed);
      row_init (&rows[1 + seed], shuffled, judge->patch, &list);
    }

  g_autoptr (VtrAnswers) answers =
      vtr_subset_list_ask (&list, session, explanation, judge, progress, error);
  VtrScore *score = answers != NULL ? read_score (&list, answers, judge, rows) : NULL;

  for (guint i = 0; i < N_ORDERS; i++)
    row_clear (&rows[i]);
  vtr_subset_list_clear (&list);
  return score;
}

gboolean
vtr_score_explanation (VtrSession *session,
                       VtrExplanation *explanation,
                       const VtrProgress *progress,
                       GError **error)
{
  VtrJudge judge;
  VtrScore *score = NULL;

  if (vtr_judge_init (&judge, explanation, NULL, error))
    score = score_judged (session, explanation, &judge, progress, error);
  vtr_judge_clear (&judge);
  if (score != NULL)
    vtr_explanation_take_score (explanation, score);
  return score != NULL;
}
