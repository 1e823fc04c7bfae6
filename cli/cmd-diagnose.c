/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* `diagnose`: what is wrong with a model, and what to do about it. */
#include "common.h"
#include "diagnosis-report.h"
#include "diagnosis-run.h"
#include "inputs.h"
#include "interrupt.h"

#include <stdio.h>
#include <string.h>

/* What may be said as for explain. */
static const char *const shared_options[] = { "model",     "head", "device", "jobs",
                                              "recursive", "json", "quiet",  NULL };

/* A number that was not given. */
#define UNSET G_MININT

#define NO_REFERENCE "none"

typedef struct
{
  char *reference_text;   /* NULL: the one for the model's shape */
  char *temperature_text; /* NULL: as trained */
  char *fail_on_text;     /* NULL: never */
  double temperature;
  VtrSeverity fail_on;
  int limit;
  gboolean rules;
  CliExplainOptions *explain;
} DiagnoseOptions;

/* ---- options ---- */

static gboolean
check (DiagnoseOptions *self, GError **error)
{
  if (self->rules)
    return TRUE;
  if (self->explain->inputs[0] == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "diagnose needs IMAGE|DIR…: “vitreous diagnose --help” says more.");
      return FALSE;
    }
  if (self->temperature_text != NULL)
    {
      /* The library knows what may be said. */
      if (!vtr_method_set (self->explain->method, "temperature", self->temperature_text, error))
        return FALSE;
      self->temperature = g_ascii_strtod (self->temperature_text, NULL);
    }
  if (self->fail_on_text != NULL && !vtr_severity_parse (self->fail_on_text, &self->fail_on, error))
    return FALSE;
  return self->limit == UNSET || cli_check_range ("limit", self->limit, 1, G_MAXINT, error);
}

static gboolean
parse (DiagnoseOptions *self, int argc, char **argv, GError **error)
{
  /* clang-format off */
  const GOptionEntry entries[] = {
    { "reference", 0, 0, G_OPTION_ARG_FILENAME, &self->reference_text,
      "What a healthy model is like: a file that “vitreous reference make” wrote, or “none”. "
      "Default: the one for models of this shape, where there is one.", "FILE" },
    { "temperature", 0, 0, G_OPTION_ARG_STRING, &self->temperature_text,
      "Divides the attention logits. Default: 1, as trained.", "T" },
    { "limit", 0, 0, G_OPTION_ARG_INT, &self->limit,
      "At most so many pictures, spread evenly over all there are. Default: all.", "N" },
    { "fail-on", 0, 0, G_OPTION_ARG_STRING, &self->fail_on_text,
      "End with code 1 where something as bad as this was found, for scripts. Default: never.",
      "note|warning|fault" },
    { "rules", 0, 0, G_OPTION_ARG_NONE, &self->rules,
      "Print the table of rules instead, with --json as JSON.", NULL },
    G_OPTION_ENTRY_NULL,
  };
  /* clang-format on */

  self->explain = cli_explain_options_new_for (argc, argv, entries, shared_options, error);
  return self->explain != NULL && check (self, error);
}

/* ---- the run ---- */

/* FALSE with an error; *reference stays NULL where there is none. */
static gboolean
find_reference (const DiagnoseOptions *self,
                VtrModel *model,
                VtrReference **reference,
                GError **error)
{
  GError *problem = NULL;

  if (self->reference_text == NULL)
    *reference = vtr_reference_find (model, &problem);
  else if (strcmp (self->reference_text, NO_REFERENCE) != 0)
    *reference = vtr_reference_load (self->reference_text, &problem);
  if (problem == NULL)
    return TRUE;
  g_propagate_error (error, problem);
  return FALSE;
}

static void
report (const DiagnoseOptions *self, const VtrDiagnosis *diagnosis)
{
  if (self->explain->json)
    {
      g_autofree char *json = vtr_diagnosis_to_json (diagnosis);
      puts (json);
    }
  else if (!self->explain->quiet)
    cli_diagnosis_report_print (diagnosis);
}

static CliExit
judge (const DiagnoseOptions *self, const VtrDiagnosis *diagnosis, GPtrArray *pictures)
{
  const guint n_failed = cli_inputs_count (pictures, CLI_PICTURE_FAILED);

  cli_inputs_list_failures (pictures);
  if (n_failed > 0)
    return CLI_EXIT_FAILED;
  return self->fail_on_text != NULL && vtr_diagnosis_get_n_symptoms (diagnosis) > 0 &&
                 vtr_diagnosis_get_symptom (diagnosis, 0)->severity >= self->fail_on
             ? CLI_EXIT_FAILED
             : CLI_EXIT_DONE;
}

static CliExit
diagnose_pictures (const DiagnoseOptions *self,
                   VtrDiagnosis *diagnosis,
                   CliProgress *progress,
                   GCancellable *cancellable)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) pictures =
      cli_inputs_collect (self->explain->inputs, self->explain->recursive, NULL);

  if (self->limit != UNSET)
    cli_inputs_thin_out (pictures, (guint) self->limit);
  gboolean ok =
      cli_diagnosis_run (diagnosis, self->explain, pictures, progress, cancellable, &error) &&
      vtr_diagnosis_conclude (diagnosis, cli_progress_show, progress, cancellable, &error);
  cli_progress_clear (progress);
  if (!ok)
    return cli_fail (error);
  report (self, diagnosis);
  return judge (self, diagnosis, pictures);
}

static CliExit
diagnose (DiagnoseOptions *self)
{
  g_autoptr (GError) error = NULL;
  const CliExplainOptions *explain = self->explain;
  g_autoptr (VtrReference) reference = NULL;

  if (self->rules)
    {
      cli_rules_print (explain->json);
      return CLI_EXIT_DONE;
    }
  g_autoptr (GCancellable) cancellable = cli_interrupt_watch ();
  g_autoptr (CliProgress) progress = cli_progress_new (explain->quiet);
  g_autoptr (VtrModel) model = cli_explain_options_open_model (self->explain, &error);
  if (model == NULL || !find_reference (self, model, &reference, &error))
    return cli_fail (error);
  g_autoptr (VtrDevice) device =
      cli_open_device (explain->device, explain->quiet || explain->json, &error);
  if (device == NULL)
    return cli_fail (error);
  g_autoptr (VtrDiagnosis) diagnosis =
      vtr_diagnosis_new (device, model, reference, self->temperature, cli_progress_show, progress,
                         cancellable, &error);
  if (diagnosis == NULL)
    {
      cli_progress_clear (progress);
      return cli_fail (error);
    }
  return diagnose_pictures (self, diagnosis, progress, cancellable);
}

CliExit
cli_diagnose (int argc, char **argv)
{
  DiagnoseOptions options = { .temperature = 1.0, .limit = UNSET };
  g_autoptr (GError) error = NULL;
  const CliExit code =
      parse (&options, argc, argv, &error) ? diagnose (&options) : cli_fail (error);

  g_free (options.reference_text);
  g_free (options.temperature_text);
  g_free (options.fail_on_text);
  g_clear_pointer (&options.explain, cli_explain_options_free);
  return code;
}
