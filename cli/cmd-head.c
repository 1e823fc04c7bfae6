/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* `head train`: features of all pictures, then a head for them. */
#include "common.h"
#include "head-report.h"
#include "interrupt.h"
#include "pipeline.h"

#include <string.h>

#define DEFAULT_FOLDS 5
#define MAX_FOLDS 100
#define ENDING ".head.safetensors"

/* What may be said about computing, as for explain. */
static const char *const shared_options[] = { "model", "fit",  "size", "device", "precision",
                                              "batch", "jobs", "json", "quiet",  NULL };

typedef struct
{
  char *folder;   /* owned by @explain */
  char *features; /* NULL for what the model's head sees */
  char *output;
  int n_folds;
  CliExplainOptions *explain; /* how features are computed */
} HeadOptions;

/* The examples while they are computed; each of the threads writes rows of its own. */
typedef struct
{
  const HeadOptions *options;
  VtrModel *model;
  GPtrArray *labels;   /* of char *, by class */
  GPtrArray *pictures; /* of CliPicture */
  float *features;     /* [pictures][n_features] */
  guint n_features;
  guint *classes; /* [pictures] */
} Examples;

/* ---- options ---- */

static gboolean
check_command (char **arguments, GError **error)
{
  if (g_strv_length (arguments) == 2 && strcmp (arguments[0], "train") == 0)
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "head is used as “vitreous head train DIR”: “vitreous head --help” says more.");
  return FALSE;
}

/* DIR.head.safetensors where one is. */
static char *
default_output (const char *folder)
{
  g_autofree char *absolute = g_canonicalize_filename (folder, NULL);
  g_autofree char *name = g_path_get_basename (absolute);

  return g_strconcat (name[0] == G_DIR_SEPARATOR ? "pictures" : name, ENDING, NULL);
}

static gboolean
parse (HeadOptions *self, int argc, char **argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &self->output,
      "The file to write. Default: the name of DIR, with “" ENDING "” behind it.", "FILE" },
    { "features", 0, 0, G_OPTION_ARG_STRING, &self->features,
      "What the head sees of the last block: the CLS token, the mean of the patches, or both side "
      "by side. Default: what the model's own head sees, or would see.",
      "cls|mean|cls-and-mean" },
    { "folds", 0, 0, G_OPTION_ARG_INT, &self->n_folds,
      "How many parts the cross-validation makes of the pictures, 2 to 100. Default: 5.", "N" },
    G_OPTION_ENTRY_NULL,
  };

  self->explain = cli_explain_options_new_for (argc, argv, entries, shared_options, error);
  if (self->explain == NULL || !check_command (self->explain->inputs, error) ||
      !cli_check_range ("folds", self->n_folds, 2, MAX_FOLDS, error))
    return FALSE;
  self->folder = self->explain->inputs[1];
  if (self->output == NULL)
    self->output = default_output (self->folder);
  return TRUE;
}

static void
options_clear (HeadOptions *self)
{
  g_free (self->features);
  g_free (self->output);
  g_clear_pointer (&self->explain, cli_explain_options_free);
}

/* ---- examples ---- */

/* Of the pictures that did not fail; @features and @classes are filled in, by picture, and closed
 * ranks of those. */
static VtrExamples
list_examples (Examples *self)
{
  guint n = 0;

  for (guint i = 0; i < self->pictures->len; i++)
    {
      const CliPicture *picture = g_ptr_array_index (self->pictures, i);

      if (picture->status == CLI_PICTURE_FAILED)
        continue;
      self->classes[n] = picture->class_index;
      if (self->features != NULL)
        memmove (self->features + (gsize) n * self->n_features,
                 self->features + (gsize) i * self->n_features,
                 self->n_features * sizeof *self->features);
      n++;
    }
  return (VtrExamples){
    .features = self->features,
    .classes = self->classes,
    .n_examples = n,
    .n_features = self->n_features,
    .labels = (const char *const *) self->labels->pdata,
    .n_classes = self->labels->len,
    .fit = self->options->explain->fit,
    .size = self->options->explain->size,
  };
}

static gboolean
examples_init (Examples *self, const HeadOptions *options, GError **error)
{
  self->options = options;
  self->labels = g_ptr_array_new_with_free_func (g_free);
  self->pictures = cli_inputs_collect_classes (options->folder, self->labels, NULL, error);
  if (self->pictures == NULL)
    return FALSE;
  self->classes = g_new (guint, self->pictures->len);

  /* Before anything is computed: whether there can be enough. */
  const VtrExamples found = list_examples (self);
  return vtr_examples_check (&found, error);
}

static void
examples_clear (Examples *self)
{
  g_clear_pointer (&self->pictures, g_ptr_array_unref);
  g_clear_pointer (&self->labels, g_ptr_array_unref);
  g_clear_object (&self->model);
  g_free (self->features);
  g_free (self->classes);
}

/* A CliWriteFunc: no files. */
static char **
keep_features (const CliPicture *picture,
               VtrExplanation *explanation,
               gpointer data,
               GError **error)
{
  Examples *self = data;
  guint n_values;
  const float *values = vtr_explanation_get_embedding (explanation, &n_values);

  (void) error;
  memcpy (self->features + (gsize) picture->index * self->n_features, values,
          self->n_features * sizeof *values);
  return g_new0 (char *, 1);
}

static void
ignore_picture (G_GNUC_UNUSED const CliPicture *picture, G_GNUC_UNUSED gpointer data)
{
}

/* The model whose embedding is what the head is to see. */
static VtrModel *
open_model (const HeadOptions *options, GError **error)
{
  g_autoptr (VtrModel) model = cli_open_model (options->explain->model, NULL, error);

  return model == NULL ? NULL : vtr_model_with_features (model, options->features, error);
}

static gboolean
compute_features (Examples *self, CliProgress *progress, GCancellable *cancellable, GError **error)
{
  const CliExplainOptions *explain = self->options->explain;
  g_autoptr (VtrDevice) device =
      cli_open_device (explain->device, explain->quiet || explain->json, error);
  if (device == NULL)
    return FALSE;

  self->n_features = vtr_model_get_n_features (self->model);
  self->features = g_try_malloc_n (self->pictures->len, self->n_features * sizeof (float));
  if (self->features == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
                   "There is not enough memory for %u features of %u pictures.", self->n_features,
                   self->pictures->len);
      return FALSE;
    }
  const CliPipelineJob job = {
    .options = explain,
    .pictures = self->pictures,
    .device = device,
    .model = self->model,
    .write = keep_features,
    .finished = ignore_picture,
    .data = self,
    .progress = progress,
    .cancellable = cancellable,
  };
  return cli_pipeline_run (&job, error);
}

/* ---- the head ---- */

static gboolean
make_folder_of (const char *file, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (file);

  return cli_make_folder (folder, error);
}

static VtrHead *
make_head (Examples *self, CliProgress *progress, GError **error)
{
  g_autoptr (GCancellable) cancellable = cli_interrupt_watch ();
  const HeadOptions *options = self->options;

  self->model = open_model (options, error);
  if (self->model == NULL || !make_folder_of (options->output, error) ||
      !compute_features (self, progress, cancellable, error))
    return NULL;

  const VtrExamples examples = list_examples (self);
  g_autoptr (VtrHead) head = vtr_head_train (self->model, &examples, (guint) options->n_folds,
                                             cli_progress_show, progress, cancellable, error);
  return head != NULL && vtr_head_save (head, options->output, error) ? g_steal_pointer (&head)
                                                                      : NULL;
}

static void
report (const Examples *self, VtrHead *head)
{
  const CliHeadReport report = { head, self->model, self->pictures, self->options->output };

  if (self->options->explain->json)
    cli_head_report_print_json (&report);
  else if (!self->options->explain->quiet)
    cli_head_report_print (&report);
}

static CliExit
train (const HeadOptions *options)
{
  Examples examples = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (CliProgress) progress = cli_progress_new (options->explain->quiet);
  g_autoptr (VtrHead) head = NULL;
  CliExit code = CLI_EXIT_DONE;

  if (examples_init (&examples, options, &error))
    head = make_head (&examples, progress, &error);
  cli_progress_clear (progress);
  if (examples.model != NULL)
    {
      cli_inputs_list_failures (examples.pictures);
      if (cli_inputs_count (examples.pictures, CLI_PICTURE_FAILED) > 0)
        code = CLI_EXIT_FAILED;
    }
  if (head != NULL)
    report (&examples, head);
  else if (code == CLI_EXIT_DONE)
    code = cli_fail (error);
  else
    cli_fail (error);
  examples_clear (&examples);
  return code;
}

CliExit
cli_head (int argc, char **argv)
{
  HeadOptions options = { .n_folds = DEFAULT_FOLDS };
  g_autoptr (GError) error = NULL;

  if (argc == 1)
    return cli_head (2, (char *[]){ argv[0], (char *) "--help", NULL });
  const CliExit code = parse (&options, argc, argv, &error) ? train (&options) : cli_fail (error);
  options_clear (&options);
  return code;
}
