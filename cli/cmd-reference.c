/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* `reference make`: what a healthy model is like, for `diagnose`. */
#include "common.h"
#include "diagnosis-run.h"
#include "inputs.h"
#include "interrupt.h"

#include <stdio.h>
#include <string.h>

#define ENDING ".json"

/* What may be said as for explain. */
static const char *const shared_options[] = { "head", "device", "jobs", "recursive",
                                              "json", "quiet",  NULL };

typedef struct
{
  char *output; /* NULL: among the user's references */
  char *name;   /* NULL: that of the model */
  CliExplainOptions *explain;
} ReferenceOptions;

static gboolean
parse (ReferenceOptions *self, int argc, char **argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &self->output,
      "The file to write. Default: NAME" ENDING " among the references of the user, where "
      "“vitreous diagnose” finds it.",
      "FILE" },
    { "name", 0, 0, G_OPTION_ARG_STRING, &self->name,
      "What it is called. Default: the name of the model.", "NAME" },
    G_OPTION_ENTRY_NULL,
  };

  self->explain = cli_explain_options_new_for (argc, argv, entries, shared_options, error);
  if (self->explain == NULL)
    return FALSE;

  char **arguments = self->explain->inputs;
  if (g_strv_length (arguments) == 3 && strcmp (arguments[0], "make") == 0)
    {
      self->explain->model = arguments[1];
      return TRUE;
    }
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "reference is used as “vitreous reference make MODEL DIR”: “vitreous reference "
               "--help” says more.");
  return FALSE;
}

static char *
default_output (const char *name)
{
  g_autofree char *folder = vtr_references_get_directory ();
  g_autofree char *file = g_strconcat (name, ENDING, NULL);

  return g_build_filename (folder, file, NULL);
}

static gboolean
write_reference (const VtrReference *reference, const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);

  return cli_make_folder (folder, error) && vtr_reference_save (reference, path, error);
}

static void
report (const VtrReference *reference, const char *path, const CliExplainOptions *options)
{
  if (options->json)
    {
      JsonBuilder *json = json_builder_new ();

      json_builder_begin_object (json);
      cli_json_string (json, "file", path);
      cli_json_string (json, "name", vtr_reference_get_name (reference));
      cli_json_integer (json, "pictures", vtr_reference_get_n_pictures (reference));
      json_builder_end_object (json);
      cli_print_json (json);
    }
  else if (!options->quiet)
    puts (path);
}

static CliExit
make (const ReferenceOptions *self,
      VtrDiagnosis *diagnosis,
      CliProgress *progress,
      GCancellable *cancellable)
{
  g_autoptr (GError) error = NULL;
  const CliExplainOptions *explain = self->explain;
  const char *name =
      self->name != NULL ? self->name : vtr_model_get_name (vtr_diagnosis_get_model (diagnosis));
  g_autofree char *path = self->output != NULL ? g_strdup (self->output) : default_output (name);
  g_autoptr (GPtrArray) pictures =
      cli_inputs_collect (explain->inputs + 2, explain->recursive, NULL);
  g_autoptr (VtrReference) reference = NULL;

  if (cli_diagnosis_run (diagnosis, explain, pictures, progress, cancellable, &error))
    reference = vtr_reference_new (diagnosis, name, &error);
  cli_progress_clear (progress);
  cli_inputs_list_failures (pictures);
  if (reference == NULL || !write_reference (reference, path, &error))
    return cli_fail (error);
  report (reference, path, explain);
  return cli_inputs_count (pictures, CLI_PICTURE_FAILED) > 0 ? CLI_EXIT_FAILED : CLI_EXIT_DONE;
}

static CliExit
open_and_make (ReferenceOptions *self)
{
  g_autoptr (GError) error = NULL;
  const CliExplainOptions *explain = self->explain;
  g_autoptr (GCancellable) cancellable = cli_interrupt_watch ();
  g_autoptr (CliProgress) progress = cli_progress_new (explain->quiet);
  g_autoptr (VtrModel) model = cli_explain_options_open_model (self->explain, &error);
  if (model == NULL)
    return cli_fail (error);
  g_autoptr (VtrDevice) device =
      cli_open_device (explain->device, explain->quiet || explain->json, &error);
  if (device == NULL)
    return cli_fail (error);
  g_autoptr (VtrDiagnosis) diagnosis =
      vtr_diagnosis_new (device, model, NULL, 1.0, cli_progress_show, progress, cancellable,
                         &error);
  if (diagnosis == NULL)
    {
      cli_progress_clear (progress);
      return cli_fail (error);
    }
  return make (self, diagnosis, progress, cancellable);
}

CliExit
cli_reference (int argc, char **argv)
{
  ReferenceOptions options = { 0 };
  g_autoptr (GError) error = NULL;

  if (argc == 1)
    return cli_reference (2, (char *[]){ argv[0], (char *) "--help", NULL });
  const CliExit code =
      parse (&options, argc, argv, &error) ? open_and_make (&options) : cli_fail (error);
  g_free (options.output);
  g_free (options.name);
  g_clear_pointer (&options.explain, cli_explain_options_free);
  return code;
}
