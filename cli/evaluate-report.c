/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "evaluate-report.h"
#include "common.h"
#include "report.h"
#include "table.h"

#include <stdio.h>

static const char *const column_titles[] = {
  [VTR_MEASURE_PATCH_DELETION] = "DELETION", [VTR_MEASURE_PATCH_INSERTION] = "INSERTION",
  [VTR_MEASURE_PIXEL_DELETION] = "DELETION", [VTR_MEASURE_PIXEL_INSERTION] = "INSERTION",
  [VTR_MEASURE_POSITIVE] = "POSITIVE",       [VTR_MEASURE_NEGATIVE] = "NEGATIVE",
};

static const char *const contest_titles[] = {
  [VTR_CONTEST_PATCH] = "Patches: insertion − deletion",
  [VTR_CONTEST_PIXEL] = "Pixels (RISE): insertion − deletion",
  [VTR_CONTEST_PERTURBATION] = "Perturbation (Chefer et al.): negative − positive",
};

static gboolean
is_measured (const CliEvaluationReport *self, VtrMeasure measure)
{
  return (vtr_evaluation_get_measures (self->evaluation) >> measure & 1) != 0;
}

static const char *
name_of (const CliEvaluationReport *self, int method)
{
  if (method == VTR_RANDOM_ORDERS)
    return "random orders";
  return vtr_method_get_name (vtr_evaluation_get_method (self->evaluation, (guint) method));
}

/* ---- for people ---- */

static char *
format_area (const CliEvaluationReport *self, int method, VtrMeasure measure)
{
  if (!is_measured (self, measure))
    return g_strdup ("-");
  return cli_format_estimate (vtr_evaluation_get_area (self->evaluation, method, measure), 3,
                              FALSE);
}

static void
add_row (CliTable *table,
         const CliEvaluationReport *self,
         VtrContest contest,
         const char *rank,
         int method)
{
  const gboolean is_random = method == VTR_RANDOM_ORDERS;
  VtrMeasure fall, stay;

  vtr_contest_get_measures (contest, &fall, &stay);
  g_autofree char *fallen = format_area (self, method, fall);
  g_autofree char *stayed = format_area (self, method, stay);
  g_autofree char *score =
      cli_format_estimate (vtr_evaluation_get_score (self->evaluation, method, contest), 3, FALSE);
  g_autofree char *difference =
      is_random ? g_strdup ("")
                : cli_format_estimate (vtr_evaluation_get_difference (self->evaluation,
                                                                      (guint) method, contest),
                                       3, TRUE);
  const gboolean is_worse =
      !is_random && vtr_evaluation_compare (self->evaluation, (guint) method, contest) ==
                        VTR_COMPARISON_NOT_BETTER;

  cli_table_add (table, rank, name_of (self, method), fallen, stayed, score, difference,
                 is_worse ? "not better than random" : "");
}

static void
print_contest (const CliEvaluationReport *self, VtrContest contest, const guint *ranks)
{
  VtrMeasure fall, stay;

  vtr_contest_get_measures (contest, &fall, &stay);
  g_autofree char *fall_title = g_strconcat (">", column_titles[fall], NULL);
  g_autofree char *stay_title = g_strconcat (">", column_titles[stay], NULL);
  const char *const headings[] = {
    ">RANK", "METHOD", fall_title, stay_title, ">SCORE", ">ABOVE RANDOM", "", NULL,
  };
  g_autoptr (CliTable) table = cli_table_new (headings);

  for (guint i = 0; i < vtr_evaluation_get_n_methods (self->evaluation); i++)
    {
      g_autofree char *rank = g_strdup_printf ("%u", i + 1);
      add_row (table, self, contest, rank, (int) ranks[i]);
    }
  add_row (table, self, contest, "", VTR_RANDOM_ORDERS);
  printf ("\n%s%s\n", contest_titles[contest],
          contest == vtr_evaluation_get_main_contest (self->evaluation)
              ? "; methods are ranked by this"
              : "");
  cli_table_print (table);
}

static char *
describe_pictures (const CliEvaluationReport *self)
{
  const guint n = vtr_evaluation_get_n_pictures (self->evaluation);

  return g_strdup_printf ("%s on %u picture%s", vtr_model_get_name (self->model), n,
                          n == 1 ? "" : "s");
}

void
cli_evaluation_report_print (const CliEvaluationReport *self)
{
  const guint n = vtr_evaluation_get_n_pictures (self->evaluation);
  g_autofree char *pictures = describe_pictures (self);
  g_autofree guint *ranks = vtr_evaluation_rank (self->evaluation);

  printf ("%s: %s of what each is asked (%s); %d random orders each\n", pictures,
          vtr_quantity_get_name (vtr_evaluation_get_quantity (self->evaluation)),
          self->target != NULL                        ? self->target
          : vtr_model_get_n_classes (self->model) > 0 ? "the class it is taken for"
                                                      : "likeness to the whole picture",
          VTR_EVALUATION_N_ORDERS);
  for (guint contest = 0; contest < VTR_N_CONTESTS; contest++)
    if (vtr_evaluation_has_contest (self->evaluation, contest))
      print_contest (self, contest, ranks);
  puts (n < 2 ? "\nOne picture tells nothing of others: more give intervals."
              : "\n±: 95 % interval of the mean over the pictures.");
}

/* ---- JSON ---- */

static void
add_strings (JsonBuilder *builder, const char *member, const char *const *texts)
{
  cli_json_begin_array (builder, member);
  for (; *texts != NULL; texts++)
    json_builder_add_string_value (builder, *texts);
  json_builder_end_array (builder);
}

/* The mean curve: points as [share, mean, low, high]. */
static void
add_curve (JsonBuilder *builder, const CliEvaluationReport *self, int method, VtrMeasure measure)
{
  cli_json_begin_array (builder, "curve");
  for (guint i = 0; i < vtr_measure_get_n_points (measure); i++)
    {
      const VtrEstimate point = vtr_evaluation_get_point (self->evaluation, method, measure, i);

      json_builder_begin_object (builder);
      cli_json_number (builder, "share", vtr_measure_get_share (measure, i));
      cli_json_estimate (builder, point);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static void
add_measures (JsonBuilder *builder, const CliEvaluationReport *self, int method)
{
  cli_json_begin_object (builder, "measures");
  for (guint measure = 0; measure < VTR_N_MEASURES; measure++)
    {
      if (!is_measured (self, measure))
        continue;
      cli_json_begin_object (builder, vtr_measure_get_name (measure));
      cli_json_estimate (builder, vtr_evaluation_get_area (self->evaluation, method, measure));
      add_curve (builder, self, method, measure);
      json_builder_end_object (builder);
    }
  json_builder_end_object (builder);
}

static void
add_difference (JsonBuilder *builder,
                const CliEvaluationReport *self,
                guint method,
                VtrContest contest)
{
  const VtrComparison comparison = vtr_evaluation_compare (self->evaluation, method, contest);

  cli_json_begin_object (builder, "above_random");
  cli_json_estimate (builder, vtr_evaluation_get_difference (self->evaluation, method, contest));
  json_builder_end_object (builder);
  json_builder_set_member_name (builder, "better_than_random");
  if (comparison == VTR_COMPARISON_UNKNOWN)
    json_builder_add_null_value (builder);
  else
    json_builder_add_boolean_value (builder, comparison == VTR_COMPARISON_BETTER);
}

static void
add_scores (JsonBuilder *builder, const CliEvaluationReport *self, int method)
{
  cli_json_begin_object (builder, "scores");
  for (guint contest = 0; contest < VTR_N_CONTESTS; contest++)
    {
      if (!vtr_evaluation_has_contest (self->evaluation, contest))
        continue;
      cli_json_begin_object (builder, vtr_contest_get_name (contest));
      cli_json_estimate (builder, vtr_evaluation_get_score (self->evaluation, method, contest));
      if (method != VTR_RANDOM_ORDERS)
        add_difference (builder, self, (guint) method, contest);
      json_builder_end_object (builder);
    }
  json_builder_end_object (builder);
}

static void
add_methods (JsonBuilder *builder, const CliEvaluationReport *self)
{
  g_autofree guint *ranks = vtr_evaluation_rank (self->evaluation);

  cli_json_begin_array (builder, "methods");
  for (guint i = 0; i < vtr_evaluation_get_n_methods (self->evaluation); i++)
    {
      const int method = (int) ranks[i];

      json_builder_begin_object (builder);
      cli_json_integer (builder, "rank", i + 1);
      cli_json_string (builder, "method", name_of (self, method));
      cli_json_parameters (builder, vtr_evaluation_get_method (self->evaluation, ranks[i]));
      add_measures (builder, self, method);
      add_scores (builder, self, method);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static void
add_random (JsonBuilder *builder, const CliEvaluationReport *self)
{
  cli_json_begin_object (builder, "random");
  cli_json_integer (builder, "orders", VTR_EVALUATION_N_ORDERS);
  cli_json_integer (builder, "seed", self->seed);
  add_measures (builder, self, VTR_RANDOM_ORDERS);
  add_scores (builder, self, VTR_RANDOM_ORDERS);
  json_builder_end_object (builder);
}

char *
cli_evaluation_report_to_json (const CliEvaluationReport *self)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  const VtrContest contest = vtr_evaluation_get_main_contest (self->evaluation);

  json_builder_begin_object (builder);
  cli_json_string (builder, "vitreous", VTR_VERSION);
  cli_json_string (builder, "model", vtr_model_get_name (self->model));
  cli_json_string (builder, "model_hash", vtr_model_get_hash (self->model));
  cli_json_string (builder, "device", vtr_device_get_info (self->device)->name);
  cli_json_string (builder, "precision", vtr_precision_get_name (self->options->precision));
  cli_json_string (builder, "fit", vtr_fit_get_name (self->options->fit));
  cli_json_string (builder, "target", self->target);
  cli_json_string (builder, "quantity",
                   vtr_quantity_get_name (vtr_evaluation_get_quantity (self->evaluation)));
  cli_json_integer (builder, "pictures", vtr_evaluation_get_n_pictures (self->evaluation));
  cli_json_boolean (builder, "stopped", self->stopped);
  cli_json_failures (builder, self->pictures);
  add_strings (builder, "left_out", (const char *const *) self->left_out);
  cli_json_string (builder, "ranked_by", vtr_contest_get_name (contest));
  add_methods (builder, self);
  add_random (builder, self);
  json_builder_end_object (builder);
  return cli_json_to_text (builder);
}

/* ---- files ---- */

gboolean
cli_evaluation_report_write (const CliEvaluationReport *self, const char *folder, GError **error)
{
  g_autofree char *json = cli_evaluation_report_to_json (self);
  g_autofree char *stem = g_build_filename (folder, "evaluate", NULL);
  g_autofree char *pictures = describe_pictures (self);
  g_autofree char *title = g_strdup_printf ("Explanation methods compared: %s", pictures);

  return cli_write_text (folder, "evaluate.json", json, error) &&
         vtr_evaluation_save_charts (self->evaluation, title, stem, error);
}
