/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* `compare`: two models, or one in two settings, picture by picture. */
#include "common.h"
#include "compare.h"
#include "interrupt.h"
#include "report.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_N_WORST 8

/* What may be said of both sides as for explain. */
static const char *const shared_options[] = { "model",    "head",    "method", "target",
                                              "fit",      "size",    "device", "precision",
                                              "colormap", "opacity", "jobs",   "recursive",
                                              "resume",   "json",    "quiet",  NULL };

typedef struct
{
  char **a; /* settings, each “name=value,…” */
  char **b;
  char *by;
  char *output; /* NULL: nothing is written */
  int n_worst;
  CliExplainOptions *explain; /* of both sides */
  char **inputs;              /* those of @explain that are pictures; not owned */
  VtrAgreementMeasure measure;
  CliSide sides[CLI_N_SIDES];
} CompareOptions;

/* ---- options ---- */

/* “layers=3,7,precision=f16” → {"layers=3,7", "precision=f16"}: what has no = goes on with the
 * value before it. */
static void
split_settings (GPtrArray *settings, const char *text)
{
  g_auto (GStrv) pieces = g_strsplit (text, ",", -1);

  for (guint i = 0; pieces[i] != NULL; i++)
    if (i == 0 || strchr (pieces[i], '=') != NULL)
      g_ptr_array_add (settings, g_strdup (pieces[i]));
    else
      {
        char **last = (char **) &g_ptr_array_index (settings, settings->len - 1);
        char *longer = g_strconcat (*last, ",", pieces[i], NULL);

        g_free (*last);
        *last = longer;
      }
}

static gboolean
names_model (char **settings)
{
  for (; settings != NULL && *settings != NULL; settings++)
    if (g_str_has_prefix (*settings, "model="))
      return TRUE;
  return FALSE;
}

/* @model: the argument that is its model, or NULL. */
static gboolean
side_init (CliSide *self, const char *option, char **texts, const char *model, GError **error)
{
  GPtrArray *settings = g_ptr_array_new ();

  if (model != NULL)
    g_ptr_array_add (settings, g_strconcat ("model=", model, NULL));
  for (; texts != NULL && *texts != NULL; texts++)
    split_settings (settings, *texts);
  g_ptr_array_add (settings, NULL);
  self->settings = (char **) g_ptr_array_free (settings, FALSE);
  self->options = cli_explain_options_new_side (option, self->settings, error);
  return self->options != NULL;
}

static void
side_clear (CliSide *self)
{
  g_clear_pointer (&self->options, cli_explain_options_free);
  g_strfreev (self->settings);
  g_clear_object (&self->session);
  g_clear_object (&self->device);
  g_clear_object (&self->model);
  g_free (self->name);
}

/* The first two arguments are models, unless --model or both sides name theirs. */
static gboolean
choose_sides (CompareOptions *self, GError **error)
{
  char **arguments = self->explain->inputs;
  const guint n = g_strv_length (arguments);
  const gboolean named =
      self->explain->model != NULL || (names_model (self->a) && names_model (self->b));
  const guint n_models = named ? 0 : CLI_N_SIDES;

  if (n <= n_models)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   named ? "compare needs IMAGE|DIR…: “vitreous compare --help” says more."
                         : "compare needs A B IMAGE|DIR…, two models and pictures, or --model for "
                           "both: “vitreous compare --help” says more.");
      return FALSE;
    }
  if (named && self->a == NULL && self->b == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "With --model A and B are alike: --a or --b says what one of them has of its "
                   "own, as in “--b precision=f16”.");
      return FALSE;
    }
  self->inputs = arguments + n_models;
  return side_init (&self->sides[0], "a", self->a, named ? NULL : arguments[0], error) &&
         side_init (&self->sides[1], "b", self->b, named ? NULL : arguments[1], error);
}

static gboolean
parse (CompareOptions *self, int argc, char **argv, GError **error)
{
  /* clang-format off */
  const GOptionEntry entries[] = {
    { "a", 0, 0, G_OPTION_ARG_STRING_ARRAY, &self->a,
      "What side A has of its own, NAME=VALUE with commas between them: model, head, device, "
      "precision, fit, size, target, method, or a parameter of the method, each as its option "
      "says. May be given several times. What is given as an option is of both sides.",
      "SETTINGS" },
    { "b", 0, 0, G_OPTION_ARG_STRING_ARRAY, &self->b, "The same of side B.", "SETTINGS" },
    { "by", 0, 0, G_OPTION_ARG_STRING, &self->by,
      "What the worst pictures are chosen by. Default: pearson.",
      "pearson|spearman|iou|divergence|cosine|logit-change" },
    { "worst", 0, 0, G_OPTION_ARG_INT, &self->n_worst,
      "How many pictures are listed and drawn, 1 to 100. Default: 8.", "N" },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &self->output,
      "A folder to write compare.json, compare.csv and compare.sheet.png to, made if need be. "
      "--resume goes on from its compare.json. Default: no files.", "DIR" },
    G_OPTION_ENTRY_NULL,
  };
  /* clang-format on */

  self->explain = cli_explain_options_new_for (argc, argv, entries, shared_options, error);
  if (self->explain == NULL ||
      !cli_check_range ("worst", self->n_worst, 1, VTR_AGREEMENT_MAX_ROWS, error) ||
      (self->by != NULL && !vtr_agreement_measure_parse (self->by, &self->measure, error)))
    return FALSE;
  if (self->explain->resume && self->output == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "--resume goes on from the compare.json of --output, which is not given.");
      return FALSE;
    }
  return choose_sides (self, error);
}

static void
options_clear (CompareOptions *self)
{
  for (guint i = 0; i < CLI_N_SIDES; i++)
    side_clear (&self->sides[i]);
  g_strfreev (self->a);
  g_strfreev (self->b);
  g_free (self->by);
  g_free (self->output);
  g_clear_pointer (&self->explain, cli_explain_options_free);
}

/* ---- sides ---- */

static gboolean
is_same_text (const char *a, const char *b)
{
  return g_strcmp0 (a, b) == 0;
}

/* Opens what the other side has not opened already. */
static gboolean
open_side (CliSide *self,
           const CliSide *other,
           CliProgress *progress,
           GCancellable *cancellable,
           GError **error)
{
  CliExplainOptions *options = self->options;
  const gboolean is_second = other->model != NULL;
  /* With a head fit and size may follow it, so it is opened for each. */
  const gboolean has_model = is_second && is_same_text (options->model, other->options->model) &&
                             options->head == NULL && other->options->head == NULL;
  const gboolean has_device = is_second && is_same_text (options->device, other->options->device);

  self->model =
      has_model ? g_object_ref (other->model) : cli_explain_options_open_model (options, error);
  if (self->model == NULL)
    return FALSE;
  self->device = has_device
                     ? g_object_ref (other->device)
                     : cli_open_device (options->device, options->quiet || options->json, error);
  if (self->device == NULL)
    return FALSE;
  self->session = has_model && has_device && options->precision == other->options->precision
                      ? g_object_ref (other->session)
                      : vtr_session_new (self->device, self->model, options->precision,
                                         cli_progress_show, progress, cancellable, error);
  return self->session != NULL;
}

static gboolean
set_target (CliSide *self, CliProgress *progress, GCancellable *cancellable, GError **error)
{
  const CliExplainOptions *options = self->options;

  if (options->target == NULL)
    return TRUE;
  g_autoptr (VtrTarget) target =
      vtr_session_new_target (self->session, options->target, options->fit, options->size,
                              cli_progress_show, progress, cancellable, error);
  if (target != NULL)
    vtr_method_set_target (options->method, target);
  return target != NULL;
}

static void
add_word (GPtrArray *words, const char *before, const char *value, const char *other)
{
  if (value != NULL && !is_same_text (value, other))
    g_ptr_array_add (words, g_strconcat (before, value, NULL));
}

/* Parameters that both methods have and that differ, but for defaults of different methods. */
static void
add_parameters (GPtrArray *words, VtrMethod *method, VtrMethod *other)
{
  guint n;
  const VtrMethodParam *const *params = vtr_method_get_params (vtr_method_get_name (method), &n);
  const gboolean is_same = is_same_text (vtr_method_get_name (method), vtr_method_get_name (other));

  for (guint i = 0; i < n; i++)
    {
      const char *value = vtr_method_get (method, params[i]->name);
      const char *others = vtr_method_get (other, params[i]->name);
      g_autofree char *before = g_strconcat (params[i]->name, " ", NULL);

      if (others != NULL && (is_same || !is_same_text (value, params[i]->default_text)))
        add_word (words, before, value, others);
    }
}

/* What a side has that the other has not; where that is nothing, its model. */
static char *
name_side (const CliSide *self, const CliSide *other)
{
  const CliExplainOptions *mine = self->options, *others = other->options;
  const char *model = vtr_model_get_name (self->model);
  g_autoptr (GPtrArray) words = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *size = g_strdup_printf ("%u", mine->size);
  g_autofree char *other_size = g_strdup_printf ("%u", others->size);

  add_word (words, "", model, vtr_model_get_name (other->model));
  if (words->len == 0 &&
      !is_same_text (vtr_model_get_hash (self->model), vtr_model_get_hash (other->model)))
    g_ptr_array_add (words, g_strdup_printf ("%s %.8s", model, vtr_model_get_hash (self->model)));
  add_word (words, "head ", mine->head, others->head);
  add_word (words, "", vtr_precision_get_name (mine->precision),
            vtr_precision_get_name (others->precision));
  add_word (words, "", vtr_method_get_name (mine->method), vtr_method_get_name (others->method));
  add_parameters (words, mine->method, others->method);
  add_word (words, "target ", mine->target, others->target);
  add_word (words, "fit ", vtr_fit_get_name (mine->fit), vtr_fit_get_name (others->fit));
  add_word (words, "size ", size, other_size);
  add_word (words, "", vtr_device_get_info (self->device)->id,
            vtr_device_get_info (other->device)->id);
  if (words->len == 0)
    return g_strdup (model);
  g_ptr_array_add (words, NULL);
  return g_strjoinv (", ", (char **) words->pdata);
}

static gboolean
open_sides (CompareOptions *self, CliProgress *progress, GCancellable *cancellable, GError **error)
{
  CliSide *a = &self->sides[0], *b = &self->sides[1];

  if (!open_side (a, b, progress, cancellable, error) ||
      !open_side (b, a, progress, cancellable, error) ||
      !set_target (a, progress, cancellable, error) ||
      !set_target (b, progress, cancellable, error))
    return FALSE;
  a->name = name_side (a, b);
  b->name = name_side (b, a);
  return TRUE;
}

/* ---- the run ---- */

/* Prints and writes what there is. */
static gboolean
report (const CliComparison *self, GError **error)
{
  if (cli_inputs_count (self->pictures, CLI_PICTURE_DONE) +
          cli_inputs_count (self->pictures, CLI_PICTURE_SKIPPED) ==
      0)
    return TRUE;
  if (self->options->json)
    {
      g_autofree char *json = cli_comparison_to_json (self);
      puts (json);
    }
  else if (!self->options->quiet)
    cli_comparison_print (self);
  return self->output == NULL || cli_comparison_write (self, error);
}

static void
free_row (gpointer row)
{
  vtr_agreement_row_free (row);
}

static CliExit
compare_pictures (CompareOptions *self, CliProgress *progress, GCancellable *cancellable)
{
  g_autoptr (GPtrArray) pictures =
      cli_inputs_collect (self->inputs, self->explain->recursive, self->output);
  g_autofree VtrAgreement *agreements = g_new0 (VtrAgreement, pictures->len);
  g_autoptr (GArray) worst = g_array_new (FALSE, FALSE, sizeof (guint));
  g_autoptr (GHashTable) rows = g_hash_table_new_full (NULL, NULL, NULL, free_row);
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) problem = NULL;
  CliComparison comparison = {
    .options = self->explain,
    .sides = self->sides,
    .by = self->measure,
    .n_worst = (guint) self->n_worst,
    .output = self->output,
    .pictures = pictures,
    .agreements = agreements,
    .worst = worst,
    .rows = rows,
    .progress = progress,
    .cancellable = cancellable,
  };

  if (self->explain->resume)
    cli_comparison_resume (&comparison);
  comparison.stopped = !cli_comparison_run (&comparison, &error);
  const gboolean reported = report (&comparison, &problem);
  const CliExit code =
      cli_conclude (pictures, error,
                    self->output == NULL ? "are compared"
                                         : "are compared; --resume goes on from here");
  return reported ? code : cli_fail (problem);
}

static CliExit
compare (CompareOptions *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GCancellable) cancellable = cli_interrupt_watch ();
  g_autoptr (CliProgress) progress = cli_progress_new (self->explain->quiet);
  const gboolean opened = open_sides (self, progress, cancellable, &error) &&
                          (self->output == NULL || cli_make_folder (self->output, &error));

  cli_progress_clear (progress);
  return opened ? compare_pictures (self, progress, cancellable) : cli_fail (error);
}

CliExit
cli_compare (int argc, char **argv)
{
  CompareOptions options = { .n_worst = DEFAULT_N_WORST, .measure = VTR_AGREEMENT_PEARSON };
  g_autoptr (GError) error = NULL;
  const CliExit code = parse (&options, argc, argv, &error) ? compare (&options) : cli_fail (error);

  options_clear (&options);
  return code;
}
