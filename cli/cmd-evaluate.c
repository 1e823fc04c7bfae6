/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* `evaluate`: which method shows best what a model decides by. */
#include "common.h"
#include "evaluate-report.h"
#include "evaluate-run.h"
#include "interrupt.h"
#include "report.h"

#include <stdio.h>
#include <string.h>

/* What may be said as for explain. */
static const char *const shared_options[] = { "model",  "head",  "fit",       "size",
                                              "device", "jobs",  "precision", "recursive",
                                              "json",   "quiet", NULL };

/* A number that was not given. */
#define UNSET G_MININT

typedef struct
{
  char *methods_text;  /* NULL for all */
  char *measures_text; /* NULL for all */
  char *target_text;
  char *output; /* NULL: nothing is written */
  int limit;
  int seed;
  CliExplainOptions *explain;
  GPtrArray *methods;  /* of VtrMethod */
  GPtrArray *left_out; /* of their names, NULL-terminated */
  VtrMeasures measures;
} EvaluateOptions;

/* ---- options ---- */

static gboolean
has_method (GPtrArray *methods, const char *name)
{
  for (guint i = 0; i < methods->len; i++)
    if (strcmp (vtr_method_get_name (g_ptr_array_index (methods, i)), name) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
add_methods (EvaluateOptions *self, const char *const *names, GError **error)
{
  for (; *names != NULL; names++)
    {
      VtrMethod *method = vtr_method_new (*names, error);

      if (method == NULL)
        return FALSE;
      if (has_method (self->methods, *names))
        {
          g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                       "--methods has “%s” twice: each is compared once.", *names);
          g_object_unref (method);
          return FALSE;
        }
      g_ptr_array_add (self->methods, method);
    }
  return TRUE;
}

static gboolean
choose_methods (EvaluateOptions *self, GError **error)
{
  if (self->methods_text == NULL)
    return add_methods (self, vtr_method_list (), error);

  g_auto (GStrv) names = g_strsplit (self->methods_text, ",", -1);
  for (guint i = 0; names[i] != NULL; i++)
    g_strstrip (names[i]);
  return add_methods (self, (const char *const *) names, error);
}

static gboolean
check (EvaluateOptions *self, GError **error)
{
  if (self->explain->inputs[0] == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "evaluate needs IMAGE|DIR…: “vitreous evaluate --help” says more.");
      return FALSE;
    }
  return (self->limit == UNSET || cli_check_range ("limit", self->limit, 1, G_MAXINT, error)) &&
         cli_check_range ("seed", self->seed, 0, G_MAXINT, error) &&
         (self->measures_text == NULL ||
          vtr_measures_parse (self->measures_text, &self->measures, error)) &&
         choose_methods (self, error);
}

static gboolean
parse (EvaluateOptions *self, int argc, char **argv, GError **error)
{
  g_autofree char *methods = g_strjoinv (",", (char **) vtr_method_list ());
  g_autofree char *methods_help =
      g_strdup_printf ("Which methods are compared, with commas between them, each with its "
                       "parameters at their "
                       "defaults. Default: all, which are %s.",
                       methods);
  /* clang-format off */
  const GOptionEntry entries[] = {
    { "methods", 0, 0, G_OPTION_ARG_STRING, &self->methods_text, methods_help, "LIST" },
    { "measures", 0, 0, G_OPTION_ARG_STRING, &self->measures_text,
      "What they are compared by: patch-deletion, patch-insertion (together: patch), "
      "pixel-deletion, pixel-insertion (pixel), positive, negative (perturbation). Those of "
      "patches take a tenth of the time of all. Default: all.", "LIST" },
    { "target", 0, 0, G_OPTION_ARG_STRING, &self->target_text,
      "What all pictures are asked, as for explain. Default: the class each is taken for; of a "
      "model without classes its likeness to the whole picture, by the methods that need no "
      "target.", "TARGET" },
    { "limit", 0, 0, G_OPTION_ARG_INT, &self->limit,
      "At most so many pictures, spread evenly over all there are. Default: all.", "N" },
    { "seed", 0, 0, G_OPTION_ARG_INT, &self->seed,
      "Another number makes other random orders. Default: 0.", "N" },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &self->output,
      "A folder to write evaluate.json, and the charts evaluate.png and evaluate.svg to, made if "
      "need be. Default: no files.", "DIR" },
    G_OPTION_ENTRY_NULL,
  };
  /* clang-format on */

  self->explain = cli_explain_options_new_for (argc, argv, entries, shared_options, error);
  return self->explain != NULL && check (self, error);
}

static void
options_init (EvaluateOptions *self)
{
  *self = (EvaluateOptions){
    .limit = UNSET,
    .measures = VTR_MEASURES_ALL,
    .methods = g_ptr_array_new_with_free_func (g_object_unref),
    .left_out = g_ptr_array_new_with_free_func (g_free),
  };
}

static void
options_clear (EvaluateOptions *self)
{
  g_free (self->methods_text);
  g_free (self->measures_text);
  g_free (self->target_text);
  g_free (self->output);
  g_clear_pointer (&self->explain, cli_explain_options_free);
  g_ptr_array_unref (self->methods);
  g_ptr_array_unref (self->left_out);
}

/* ---- what is asked ---- */

/* Of a model without classes the methods that explain an answer have none, unless a target gives
 * one. */
static void
leave_out (EvaluateOptions *self, VtrModel *model)
{
  const gboolean can_answer = self->target_text != NULL || vtr_model_get_n_classes (model) > 0;

  for (guint i = 0; !can_answer && self->methods_text == NULL && i < self->methods->len;)
    {
      const char *name = vtr_method_get_name (g_ptr_array_index (self->methods, i));

      if (vtr_method_takes_target (name))
        {
          g_ptr_array_add (self->left_out, g_strdup (name));
          g_ptr_array_remove_index (self->methods, i);
        }
      else
        i++;
    }
  g_ptr_array_add (self->left_out, NULL);
  if (self->left_out->len > 1 && !self->explain->quiet && !self->explain->json)
    {
      g_autofree char *names = g_strjoinv (", ", (char **) self->left_out->pdata);
      cli_say ("The model “%s” has no classes, so %s are left out: --target image:FILE or "
               "patch:X,Y gives them something to explain, --head classes.",
               vtr_model_get_name (model), names);
    }
}

static gboolean
set_target (EvaluateOptions *self,
            VtrSession *session,
            CliProgress *progress,
            GCancellable *cancellable,
            GError **error)
{
  const CliExplainOptions *explain = self->explain;

  if (self->target_text == NULL)
    return TRUE;
  g_autoptr (VtrTarget) target =
      vtr_session_new_target (session, self->target_text, explain->fit, explain->size,
                              cli_progress_show, progress, cancellable, error);
  if (target == NULL)
    return FALSE;
  for (guint i = 0; i < self->methods->len; i++)
    vtr_method_set_target (g_ptr_array_index (self->methods, i), target);
  vtr_method_set_target (explain->method, target);
  return TRUE;
}

/* ---- the run ---- */

/* Prints and writes what there is. */
static gboolean
report (const CliEvaluationReport *report, const char *output, GError **error)
{
  if (vtr_evaluation_get_n_pictures (report->evaluation) == 0)
    return TRUE;
  if (report->options->json)
    {
      g_autofree char *json = cli_evaluation_report_to_json (report);
      puts (json);
    }
  else if (!report->options->quiet)
    cli_evaluation_report_print (report);
  return output == NULL || cli_evaluation_report_write (report, output, error);
}

/* In words and as the code to end with; @error: what stopped it, or NULL. */
static CliExit
conclude (const CliEvaluationReport *self, const char *output, const GError *error)
{
  g_autoptr (GError) problem = NULL;
  const gboolean reported = report (self, output, &problem);
  const CliExit code = cli_conclude (self->pictures, error, "are counted");

  return reported ? code : cli_fail (problem);
}

static CliExit
evaluate_pictures (EvaluateOptions *self,
                   VtrSession *session,
                   CliProgress *progress,
                   GCancellable *cancellable)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) pictures =
      cli_inputs_collect (self->explain->inputs, self->explain->recursive, self->output);
  g_autoptr (VtrEvaluation) evaluation =
      vtr_evaluation_new ((VtrMethod *const *) self->methods->pdata, self->methods->len,
                          self->measures, (guint32) self->seed);

  if (self->limit != UNSET)
    cli_inputs_thin_out (pictures, (guint) self->limit);
  const CliEvaluationJob job = {
    .options = self->explain,
    .pictures = pictures,
    .session = session,
    .evaluation = evaluation,
    .progress = progress,
    .cancellable = cancellable,
  };
  const gboolean ok = cli_evaluation_run (&job, &error);
  const CliEvaluationReport report = {
    .evaluation = evaluation,
    .options = self->explain,
    .model = vtr_session_get_model (session),
    .device = vtr_session_get_device (session),
    .pictures = pictures,
    .target = self->target_text,
    .left_out = (char **) self->left_out->pdata,
    .seed = (guint) self->seed,
    .stopped = !ok,
  };
  return conclude (&report, self->output, error);
}

static CliExit
evaluate (EvaluateOptions *self)
{
  g_autoptr (GError) error = NULL;
  const CliExplainOptions *explain = self->explain;
  g_autoptr (GCancellable) cancellable = cli_interrupt_watch ();
  g_autoptr (CliProgress) progress = cli_progress_new (explain->quiet);
  g_autoptr (VtrModel) model = cli_explain_options_open_model (self->explain, &error);
  if (model == NULL)
    return cli_fail (error);

  leave_out (self, model);
  g_autoptr (VtrDevice) device =
      cli_open_device (explain->device, explain->quiet || explain->json, &error);
  if (device == NULL || (self->output != NULL && !cli_make_folder (self->output, &error)))
    return cli_fail (error);
  g_autoptr (VtrSession) session =
      vtr_session_new (device, model, explain->precision, cli_progress_show, progress, cancellable,
                       &error);
  if (session == NULL || !set_target (self, session, progress, cancellable, &error))
    {
      cli_progress_clear (progress);
      return cli_fail (error);
    }
  return evaluate_pictures (self, session, progress, cancellable);
}

CliExit
cli_evaluate (int argc, char **argv)
{
  EvaluateOptions options;
  g_autoptr (GError) error = NULL;

  options_init (&options);
  const CliExit code =
      parse (&options, argc, argv, &error) ? evaluate (&options) : cli_fail (error);
  options_clear (&options);
  return code;
}
