/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* `prune`: a smaller model, and what it costs on the user's own pictures. */
#include "common.h"
#include "interrupt.h"
#include "prune-report.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define N_TIMED_RUNS 7
#define DEFAULT_ABLATIONS 2
#define MAX_ABLATIONS 100

/* What may be said as for explain. */
static const char *const shared_options[] = { "model",     "head",   "target", "fit",
                                              "size",      "device", "batch",  "jobs",
                                              "recursive", "json",   "quiet",  NULL };

typedef struct
{
  char *heads;  /* NULL: none are taken out */
  char *layers; /* likewise */
  char *output;
  int n_ablations; /* at each end */
  gboolean by_layer;
  CliExplainOptions *explain;
} PruneOptions;

/* ---- options ---- */

static gboolean
check (const PruneOptions *self, GError **error)
{
  const char *missing = self->explain->inputs[0] == NULL              ? "IMAGE|DIR…"
                        : self->output == NULL                        ? "-o DIR"
                        : self->heads == NULL && self->layers == NULL ? "--heads or --layers"
                                                                      : NULL;

  if (missing == NULL)
    return cli_check_range ("ablate", self->n_ablations, 0, MAX_ABLATIONS, error);
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "prune needs %s: “vitreous prune --help” says more.", missing);
  return FALSE;
}

static gboolean
parse (PruneOptions *self, int argc, char **argv, GError **error)
{
  /* clang-format off */
  const GOptionEntry entries[] = {
    { "heads", 0, 0, G_OPTION_ARG_STRING, &self->heads,
      "Which heads are taken out: a share of all (20%) or a number of them, those that the target "
      "hangs on least; or these: layer:head,layer:head.", "N%|N|L:H,…" },
    { "layers", 0, 0, G_OPTION_ARG_STRING, &self->layers,
      "Which layers are taken out: a number of them, those that change their tokens least; or these, "
      "with commas between them (3,7; one alone: 3,).", "N|L,L…" },
    { "by-layer", 0, 0, G_OPTION_ARG_NONE, &self->by_layer,
      "Divide the importance of each layer's heads by their length √Σ² first, so that layers count "
      "alike.", NULL },
    { "ablate", 0, 0, G_OPTION_ARG_INT, &self->n_ablations,
      "Also turn off, each by itself, so many heads (layers) that count least and as many that count "
      "most, and say what changes. Default: 2.", "N" },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &self->output,
      "The folder to write the smaller model to, which must not be there yet.", "DIR" },
    G_OPTION_ENTRY_NULL,
  };
  /* clang-format on */

  self->explain = cli_explain_options_new_for (argc, argv, entries, shared_options, error);
  return self->explain != NULL && check (self, error);
}

static void
options_clear (PruneOptions *self)
{
  g_free (self->heads);
  g_free (self->layers);
  g_free (self->output);
  g_clear_pointer (&self->explain, cli_explain_options_free);
}

/* ---- what goes ---- */

static gboolean
fail_list (const char *option, const char *text, const char *syntax, GError **error)
{
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE, "“%s” is no value for --%s: write %s.", text,
               option, syntax);
  return FALSE;
}

static gboolean
parse_uint (const char *text, guint *value)
{
  guint64 number;

  if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT, &number, NULL))
    return FALSE;
  *value = (guint) number;
  return TRUE;
}

/* "3,7", and "3," for one */
static gboolean
remove_listed_layers (VtrPruning *pruning, const char *text, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, ",", -1);
  guint layer;

  for (guint i = 0; parts[i] != NULL; i++)
    {
      if (*g_strstrip (parts[i]) == '\0' && i > 0 && parts[i + 1] == NULL)
        continue;
      if (!parse_uint (parts[i], &layer))
        return fail_list ("layers", text, "a number of them (2), or which (3,7; one alone: 3,)",
                          error);
      if (!vtr_pruning_remove_layer (pruning, layer, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
remove_layers (const CliPruneReport *report, const char *text, GError **error)
{
  guint n;

  if (strchr (text, ',') != NULL)
    return remove_listed_layers (report->pruning, text, error);
  if (!parse_uint (text, &n))
    return fail_list ("layers", text, "a number of them (2), or which (3,7; one alone: 3,)", error);
  return vtr_pruning_remove_alike_layers (report->pruning, report->likeness, n, error);
}

/* "0:3,5:1" */
static gboolean
remove_listed_heads (VtrPruning *pruning, const char *text, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, ",", -1);

  for (guint i = 0; parts[i] != NULL; i++)
    {
      g_auto (GStrv) place = g_strsplit (g_strstrip (parts[i]), ":", 2);
      guint layer, head;

      if (g_strv_length (place) != 2 || !parse_uint (place[0], &layer) ||
          !parse_uint (place[1], &head))
        return fail_list ("heads", text, "20%, a number of them, or layer:head,layer:head", error);
      if (!vtr_pruning_remove_head (pruning, layer, head, error))
        return FALSE;
    }
  return TRUE;
}

/* Of all heads in the layers that stay. */
static guint
count_heads (const CliPruneReport *report)
{
  guint n = 0;

  for (guint layer = 0; layer < vtr_model_get_n_layers (report->model); layer++)
    n += vtr_pruning_count_heads (report->pruning, layer);
  return n;
}

static gboolean
remove_heads (const CliPruneReport *report, const char *text, GError **error)
{
  const gsize length = strlen (text);
  guint n;

  if (strchr (text, ':') != NULL)
    return remove_listed_heads (report->pruning, text, error);
  if (length > 1 && text[length - 1] == '%')
    {
      char *end;
      const double share = g_ascii_strtod (text, &end);

      if (end != text + length - 1 || !(share > 0.0 && share < 100.0))
        return fail_list ("heads", text, "a share between 0% and 100%", error);
      n = (guint) floor (share / 100.0 * count_heads (report) + 0.5);
    }
  else if (!parse_uint (text, &n))
    return fail_list ("heads", text, "20%, a number of them, or layer:head,layer:head", error);
  return vtr_pruning_remove_least_heads (report->pruning, report->importance, n, report->by_layer,
                                         error);
}

/* ---- what is measured ---- */

static int
compare_weights (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const CliPruneReport *report = user_data;
  const CliAblation *first = a, *second = b;
  const gboolean of_layers = first->head < 0;
  const double x = of_layers
                       ? -report->likeness[first->layer]
                       : cli_prune_report_get_weight (report, first->layer, (guint) first->head);
  const double y = of_layers
                       ? -report->likeness[second->layer]
                       : cli_prune_report_get_weight (report, second->layer, (guint) second->head);

  return (x > y) - (x < y);
}

/* Puts @n of both ends of all heads, or layers, into the report. */
static void
choose_ablations (CliPruneReport *report, gboolean of_layers, guint n)
{
  g_autoptr (GArray) all = g_array_new (FALSE, TRUE, sizeof (CliAblation));

  for (guint layer = 0; layer < vtr_model_get_n_layers (report->model); layer++)
    {
      const guint n_heads = vtr_model_get_layer_heads (report->model, layer);

      /* What is alone cannot be turned off. */
      for (guint head = 0; !of_layers && n_heads > 1 && head < n_heads; head++)
        g_array_append_val (all, ((CliAblation){ .layer = layer, .head = (int) head }));
      if (of_layers && vtr_model_get_n_layers (report->model) > 1)
        g_array_append_val (all, ((CliAblation){ .layer = layer, .head = -1 }));
    }
  g_array_sort_with_data (all, compare_weights, report);
  for (guint i = 0; i < all->len; i++)
    {
      CliAblation *ablation = &g_array_index (all, CliAblation, i);

      ablation->is_least = i < n;
      if (i < n || i + n >= all->len)
        g_array_append_val (report->ablations, *ablation);
    }
}

static gboolean
ablate (const CliPruneReport *report,
        const CliAsking *asking,
        const CliAnswer *answers,
        GError **error)
{
  for (guint i = 0; i < report->ablations->len; i++)
    {
      CliAblation *ablation = &g_array_index (report->ablations, CliAblation, i);
      g_autoptr (VtrPruning) one = vtr_pruning_new (report->model);
      const gboolean ok =
          ablation->head < 0
              ? vtr_pruning_remove_layer (one, ablation->layer, error)
              : vtr_pruning_remove_head (one, ablation->layer, (guint) ablation->head, error);
      if (!ok)
        return FALSE;

      g_autoptr (VtrModel) without = vtr_model_without (report->model, one);
      CliAnswer *others = cli_ask_pictures (asking, without, FALSE, FALSE, error);
      if (others == NULL)
        return FALSE;
      ablation->agreement = cli_compare_answers (answers, others, report->pictures->len);
      cli_answers_free (others, report->pictures->len);
    }
  return TRUE;
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  const double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* Both models in turns, so that what else the machine does disturbs both. */
static gboolean
time_models (CliPruneReport *report, const CliAsking *asking, GError **error)
{
  VtrModel *models[2] = { report->model, report->pruned };
  g_autoptr (VtrSession) first = NULL, second = NULL;
  VtrSession **sessions[2] = { &first, &second };
  double seconds[2][N_TIMED_RUNS];

  for (guint i = 0; i < 2; i++)
    {
      *sessions[i] =
          vtr_session_new (report->device, models[i], report->options->precision, cli_progress_show,
                           asking->progress, asking->cancellable, error);
      if (*sessions[i] == NULL)
        return FALSE;
    }
  for (guint run = 0; run < N_TIMED_RUNS; run++)
    for (guint i = 0; i < 2; i++)
      {
        g_autoptr (VtrBenchmark) result =
            vtr_session_benchmark (*sessions[i], report->speed.n_rows, report->speed.n_columns, 1,
                                   1, FALSE, cli_progress_show, asking->progress,
                                   asking->cancellable, error);

        if (result == NULL)
          return FALSE;
        seconds[i][run] = result->seconds;
        report->speed.flops[i] = result->flops;
      }
  for (guint i = 0; i < 2; i++)
    {
      qsort (seconds[i], N_TIMED_RUNS, sizeof (double), compare_doubles);
      report->speed.seconds[i] = seconds[i][N_TIMED_RUNS / 2];
    }
  report->speed.n_runs = N_TIMED_RUNS;
  return TRUE;
}

/* Bytes of the weights of a model: a file, or files of a folder. */
static guint64
count_bytes (const char *path)
{
  static const char *const endings[] = { ".safetensors", ".npz", ".onnx" };
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  GStatBuf info;
  guint64 n = 0;

  if (dir == NULL)
    return g_stat (path, &info) == 0 ? (guint64) info.st_size : 0;
  while ((name = g_dir_read_name (dir)) != NULL)
    for (guint i = 0; i < G_N_ELEMENTS (endings); i++)
      {
        g_autofree char *file = g_build_filename (path, name, NULL);
        if (g_str_has_suffix (name, endings[i]) && g_stat (file, &info) == 0)
          n += (guint64) info.st_size;
      }
  return n;
}

/* ---- the run ---- */

static VtrModel *
open_pruned (const CliPruneReport *report, GError **error)
{
  g_autoptr (VtrModel) pruned = vtr_model_open (report->output, error);
  VtrHead *head = vtr_model_get_head (report->model);

  if (pruned == NULL || head == NULL)
    return g_steal_pointer (&pruned);
  return vtr_model_with_head (pruned, head, error);
}

/* Writes the smaller model and compares it. */
static gboolean
write_and_compare (CliPruneReport *report,
                   const CliAsking *asking,
                   const CliAnswer *answers,
                   GError **error)
{
  if (!vtr_model_save_pruned (report->model, report->pruning, report->output, cli_progress_show,
                              asking->progress, asking->cancellable, error))
    return FALSE;
  report->pruned = open_pruned (report, error);
  if (report->pruned == NULL)
    return FALSE;

  CliAnswer *others = cli_ask_pictures (asking, report->pruned, TRUE, FALSE, error);
  if (others == NULL)
    return FALSE;
  report->agreement = cli_compare_answers (answers, others, report->pictures->len);
  cli_answers_free (others, report->pictures->len);
  report->bytes[0] = count_bytes (vtr_model_get_path (report->model));
  report->bytes[1] = count_bytes (report->output);
  return time_models (report, asking, error);
}

static void
note_grid (CliPruneReport *report, const CliAnswer *answers)
{
  for (guint i = 0; i < report->pictures->len && report->speed.n_rows == 0; i++)
    {
      report->speed.n_rows = answers[i].n_rows;
      report->speed.n_columns = answers[i].n_columns;
    }
}

static gboolean
prune (const PruneOptions *self, CliPruneReport *report, const CliAsking *asking, GError **error)
{
  const guint n_ablations = (guint) self->n_ablations;
  CliAnswer *answers = cli_ask_pictures (asking, report->model, TRUE, TRUE, error);
  if (answers == NULL)
    return FALSE;

  note_grid (report, answers);
  const gboolean chosen = cli_average_importance (answers, report->pictures->len, report->model,
                                                  &report->importance, &report->likeness, error) &&
                          (self->layers == NULL || remove_layers (report, self->layers, error)) &&
                          (self->heads == NULL || remove_heads (report, self->heads, error));
  if (chosen && self->heads != NULL)
    choose_ablations (report, FALSE, n_ablations);
  if (chosen && self->layers != NULL)
    choose_ablations (report, TRUE, n_ablations);
  const gboolean ok = chosen && ablate (report, asking, answers, error) &&
                      write_and_compare (report, asking, answers, error);
  cli_answers_free (answers, report->pictures->len);
  return ok;
}

static void
report_clear (CliPruneReport *self)
{
  g_clear_object (&self->model);
  g_clear_object (&self->pruned);
  g_clear_object (&self->device);
  g_clear_pointer (&self->pictures, g_ptr_array_unref);
  g_clear_pointer (&self->pruning, vtr_pruning_unref);
  g_clear_pointer (&self->ablations, g_array_unref);
  g_free (self->importance);
  g_free (self->likeness);
}

static gboolean
report_init (CliPruneReport *self, const PruneOptions *options, GError **error)
{
  CliExplainOptions *explain = options->explain;

  *self = (CliPruneReport){
    .options = explain,
    .output = options->output,
    .by_layer = options->by_layer,
    .ablations = g_array_new (FALSE, TRUE, sizeof (CliAblation)),
  };
  self->model = cli_explain_options_open_model (explain, error);
  if (self->model == NULL || !vtr_pruning_check_folder (options->output, error))
    return FALSE;
  self->device = cli_open_device (explain->device, explain->quiet || explain->json, error);
  if (self->device == NULL)
    return FALSE;
  self->pruning = vtr_pruning_new (self->model);
  self->pictures = cli_inputs_collect (explain->inputs, explain->recursive, NULL);
  self->target = explain->target != NULL                     ? explain->target
                 : vtr_model_get_n_classes (self->model) > 0 ? "top1"
                                                             : "embedding";
  return TRUE;
}

/* In words and as the code to end with; @error: what stopped it, or NULL. */
static CliExit
conclude (const CliPruneReport *self, const GError *error)
{
  CliExit code = CLI_EXIT_DONE;

  if (error == NULL && self->options->json)
    cli_prune_report_print_json (self);
  else if (error == NULL && !self->options->quiet)
    cli_prune_report_print (self);
  if (self->pictures != NULL)
    {
      cli_inputs_list_failures (self->pictures);
      if (cli_inputs_count (self->pictures, CLI_PICTURE_FAILED) > 0)
        code = CLI_EXIT_FAILED;
    }
  if (error != NULL && self->pruned != NULL)
    cli_say ("%s is written, but was not compared with the whole model.", self->output);
  return error != NULL ? cli_fail (error) : code;
}

static CliExit
run (const PruneOptions *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GCancellable) cancellable = cli_interrupt_watch ();
  g_autoptr (CliProgress) progress = cli_progress_new (self->explain->quiet);
  CliPruneReport report;

  if (report_init (&report, self, &error))
    {
      const CliAsking asking = {
        .options = self->explain,
        .pictures = report.pictures,
        .device = report.device,
        .progress = progress,
        .cancellable = cancellable,
      };
      prune (self, &report, &asking, &error);
    }
  cli_progress_clear (progress);
  const CliExit code = conclude (&report, error);
  report_clear (&report);
  return code;
}

CliExit
cli_prune (int argc, char **argv)
{
  PruneOptions options = { .n_ablations = DEFAULT_ABLATIONS };
  g_autoptr (GError) error = NULL;
  const CliExit code = parse (&options, argc, argv, &error) ? run (&options) : cli_fail (error);

  options_clear (&options);
  return code;
}
