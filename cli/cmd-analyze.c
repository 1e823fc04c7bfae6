/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* `analyze`: how attention evolves from the first layer to the last, on the user's pictures. */
#include "analyze-report.h"
#include "common.h"
#include "interrupt.h"
#include "observe-run.h"
#include "report.h"

#include <glib/gstdio.h>
#include <stdio.h>

/* What may be said as for explain. */
static const char *const shared_options[] = { "model", "fit",       "size",      "device", "jobs",
                                              "json",  "precision", "recursive", "quiet",  NULL };

/* A number that was not given. */
#define UNSET G_MININT

/* How often what is known is put away for --resume. */
#define SAVE_EVERY (20 * G_USEC_PER_SEC)

typedef struct
{
  char *temperature_text; /* NULL: as trained */
  double temperature;
  int limit;
  char *output; /* NULL: nothing is written */
  gboolean resume;
  CliExplainOptions *explain;
} AnalyzeOptions;

/* ---- options ---- */

static gboolean
check (AnalyzeOptions *self, GError **error)
{
  if (self->explain->inputs[0] == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "analyze needs IMAGE|DIR…: “vitreous analyze --help” says more.");
      return FALSE;
    }
  if (self->temperature_text != NULL)
    {
      /* The library knows what may be said. */
      if (!vtr_method_set (self->explain->method, "temperature", self->temperature_text, error))
        return FALSE;
      self->temperature = g_ascii_strtod (self->temperature_text, NULL);
    }
  if (self->resume && self->output == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "--resume needs the folder of the earlier run: -o DIR.");
      return FALSE;
    }
  return self->limit == UNSET || cli_check_range ("limit", self->limit, 1, G_MAXINT, error);
}

static gboolean
parse (AnalyzeOptions *self, int argc, char **argv, GError **error)
{
  /* clang-format off */
  const GOptionEntry entries[] = {
    { "temperature", 0, 0, G_OPTION_ARG_STRING, &self->temperature_text,
      "Divides the attention logits. Default: 1, as trained.", "T" },
    { "limit", 0, 0, G_OPTION_ARG_INT, &self->limit,
      "At most so many pictures, spread evenly over all there are. Default: all.", "N" },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &self->output,
      "A folder to write analysis.html, analysis.json and analysis.csv to, made if need be. "
      "Default: no files.", "DIR" },
    { "resume", 0, 0, G_OPTION_ARG_NONE, &self->resume,
      "Go on with what an earlier run with the same options has counted into -o.", NULL },
    G_OPTION_ENTRY_NULL,
  };
  /* clang-format on */

  self->explain = cli_explain_options_new_for (argc, argv, entries, shared_options, error);
  return self->explain != NULL && check (self, error);
}

/* ---- what is counted ---- */

typedef struct
{
  const AnalyzeOptions *options;
  VtrSession *session;
  VtrAnalysis *analysis;
  char *state; /* a file; NULL where nothing is written */
  char *recipe;
  gint64 saved; /* when, monotonic */
} Job;

/* How each picture is brought to the model: counts of another way must not be mixed in. */
static char *
make_recipe (const AnalyzeOptions *self)
{
  return g_strdup_printf ("fit=%s size=%u precision=%s", vtr_fit_get_name (self->explain->fit),
                          self->explain->size, vtr_precision_get_name (self->explain->precision));
}

/* The same picture, unchanged; transfer full. */
static char *
make_id (const char *path)
{
  GStatBuf known;

  if (g_stat (path, &known) != 0)
    return g_strdup (path);
  return g_strdup_printf ("%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT, path, (gint64) known.st_size,
                          (gint64) known.st_mtime);
}

static gboolean
load_state (Job *job, VtrModel *model, GError **error)
{
  if (!job->options->resume || !g_file_test (job->state, G_FILE_TEST_EXISTS))
    return TRUE;
  g_autoptr (VtrAnalysis) earlier =
      vtr_analysis_load (model, job->options->temperature, job->state, error);
  if (earlier == NULL)
    return FALSE;
  if (!vtr_analysis_is_marked (earlier, job->recipe))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "The analysis in “%s” was made with another --fit, --size or --precision: say "
                   "the same, or leave --resume out to begin anew.",
                   job->state);
      return FALSE;
    }
  vtr_analysis_free (job->analysis);
  job->analysis = g_steal_pointer (&earlier);
  return TRUE;
}

static gboolean
save_state (Job *job, GError **error)
{
  job->saved = g_get_monotonic_time ();
  return job->state == NULL || vtr_analysis_get_n_pictures (job->analysis) == 0 ||
         vtr_analysis_save (job->analysis, job->state, error);
}

static void
skip_counted (const Job *job, GPtrArray *pictures)
{
  for (guint i = 0; i < pictures->len; i++)
    {
      CliPicture *picture = g_ptr_array_index (pictures, i);
      g_autofree char *id = make_id (picture->path);

      if (picture->status == CLI_PICTURE_OPEN && vtr_analysis_is_marked (job->analysis, id))
        picture->status = CLI_PICTURE_SKIPPED;
    }
}

/* Called for each picture that is counted. */
static void
note_counted (const CliPicture *picture, gpointer data)
{
  Job *job = data;
  g_autofree char *id = make_id (picture->path);
  g_autoptr (GError) error = NULL;

  vtr_analysis_mark (job->analysis, id);
  /* Another try is made later; the last one's error is told. */
  if (g_get_monotonic_time () - job->saved > SAVE_EVERY && !save_state (job, &error))
    g_info ("%s", error->message);
}

/* ---- the end ---- */

static gboolean
report (const CliAnalysisReport *self, const char *output, GError **error)
{
  if (vtr_analysis_get_n_pictures (self->analysis) == 0)
    return TRUE;
  if (self->options->json)
    {
      g_autofree char *json = cli_analysis_report_to_json (self);
      puts (json);
    }
  else if (!self->options->quiet)
    cli_analysis_report_print (self);
  return output == NULL || cli_analysis_report_write (self, output, error);
}

/* In words and as the code to end with; @error: what stopped it, or NULL. */
static CliExit
conclude (const CliAnalysisReport *self, const char *output, const GError *error)
{
  g_autoptr (GError) problem = NULL;
  const gboolean reported = report (self, output, &problem);
  const CliExit code =
      cli_conclude (self->pictures, error,
                    output != NULL ? "are counted; --resume goes on from there" : "are counted");

  return reported ? code : cli_fail (problem);
}

static CliExit
analyze_pictures (Job *job, CliProgress *progress, GCancellable *cancellable)
{
  const AnalyzeOptions *options = job->options;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) save_error = NULL;
  g_autoptr (GPtrArray) pictures =
      cli_inputs_collect (options->explain->inputs, options->explain->recursive, options->output);

  if (options->limit != UNSET)
    cli_inputs_thin_out (pictures, (guint) options->limit);
  skip_counted (job, pictures);
  vtr_analysis_mark (job->analysis, job->recipe);
  const CliObserving observing = {
    .options = options->explain,
    .pictures = pictures,
    .session = job->session,
    .analysis = job->analysis,
    .counted = note_counted,
    .data = job,
    .progress = progress,
    .cancellable = cancellable,
  };
  const gboolean ok = cli_observe_pictures (&observing, &error);
  const gboolean saved = save_state (job, &save_error);
  const CliAnalysisReport report = {
    .analysis = job->analysis,
    .options = options->explain,
    .device = vtr_session_get_device (job->session),
    .pictures = pictures,
    .stopped = !ok,
  };
  const CliExit code = conclude (&report, options->output, error);
  return saved ? code : cli_fail (save_error);
}

static CliExit
analyze (AnalyzeOptions *self)
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
  if (device == NULL || (self->output != NULL && !cli_make_folder (self->output, &error)))
    return cli_fail (error);
  g_autoptr (VtrSession) session =
      vtr_session_new (device, model, explain->precision, cli_progress_show, progress, cancellable,
                       &error);
  if (session == NULL)
    {
      cli_progress_clear (progress);
      return cli_fail (error);
    }

  Job job = {
    .options = self,
    .session = session,
    .analysis = vtr_analysis_new (model, self->temperature),
    .state = self->output == NULL ? NULL : g_build_filename (self->output, "analysis.state", NULL),
    .recipe = make_recipe (self),
    .saved = g_get_monotonic_time (),
  };
  const CliExit code = load_state (&job, model, &error)
                           ? analyze_pictures (&job, progress, cancellable)
                           : cli_fail (error);
  vtr_analysis_free (job.analysis);
  g_free (job.state);
  g_free (job.recipe);
  return code;
}

CliExit
cli_analyze (int argc, char **argv)
{
  AnalyzeOptions options = { .temperature = 1.0, .limit = UNSET };
  g_autoptr (GError) error = NULL;
  const CliExit code = parse (&options, argc, argv, &error) ? analyze (&options) : cli_fail (error);

  g_free (options.temperature_text);
  g_free (options.output);
  g_clear_pointer (&options.explain, cli_explain_options_free);
  return code;
}
