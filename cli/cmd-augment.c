/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* `augment`: training pictures made of others by what a model looks at. */
#include "augment.h"
#include "common.h"
#include "interrupt.h"
#include "report.h"

#include <glib/gstdio.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_VARIANTS 1000
#define DEFAULT_JITTER 0.2
#define DEFAULT_LEAST 0.3
#define DEFAULT_QUALITY 92

/* Of attention that a crop keeps, of patches that are erased, of patches that are pasted. */
static const double default_shares[] = {
  [VTR_AUGMENT_CROP] = 0.6,
  [VTR_AUGMENT_ERASE] = 0.25,
  [VTR_AUGMENT_PASTE] = 0.15,
};
G_STATIC_ASSERT (G_N_ELEMENTS (default_shares) == VTR_N_AUGMENT_KINDS);

/* What may be said as for explain. */
static const char *const shared_options[] = { "model",     "head",   "method",    "target", "fit",
                                              "size",      "device", "precision", "batch",  "jobs",
                                              "recursive", "resume", "json",      "quiet",  NULL };

typedef struct
{
  char *kinds;
  char *fill;
  char *format;
  char *output;
  char *folder;
  int n_variants;
  int seed;
  int quality;
  double jitter;
  double least;
  CliExplainOptions *explain;
  CliAugmentOptions how;
} AugmentOptions;

/* ---- options ---- */

/* “crop” or “crop=0.5” */
static gboolean
add_kind (CliAugmentOptions *how, const char *text, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, "=", 2);
  VtrAugmentKind kind;
  char *end;

  if (parts[0] == NULL || !vtr_augment_kind_parse (g_strstrip (parts[0]), &kind, error))
    {
      if (error != NULL && *error == NULL)
        g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE, "--kinds names nothing to make.");
      return FALSE;
    }
  how->shares[kind] = default_shares[kind];
  if (parts[1] == NULL)
    return TRUE;
  how->shares[kind] = g_ascii_strtod (parts[1], &end);
  if (end != parts[1] && *end == '\0' && how->shares[kind] > 0.0 && how->shares[kind] <= 1.0)
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "--kinds “%s” is not understood: the share is a number above 0 to 1.", text);
  return FALSE;
}

static gboolean
choose_kinds (AugmentOptions *self, GError **error)
{
  if (self->kinds == NULL)
    {
      memcpy (self->how.shares, default_shares, sizeof default_shares);
      return TRUE;
    }
  g_auto (GStrv) texts = g_strsplit (*self->kinds == '\0' ? " " : self->kinds, ",", -1);
  for (guint i = 0; texts[i] != NULL; i++)
    if (!add_kind (&self->how, texts[i], error))
      return FALSE;
  return TRUE;
}

static gboolean
check_share (const char *option, double value, double min, double max, GError **error)
{
  if (value >= min && value <= max)
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE, "--%s %g is out of range: it is %g to %g.",
               option, value, min, max);
  return FALSE;
}

static gboolean
choose_format (AugmentOptions *self, GError **error)
{
  if (self->format == NULL || strcmp (self->format, "png") == 0)
    self->how.ending = ".png";
  else if (strcmp (self->format, "jpg") == 0)
    self->how.ending = ".jpg";
  else
    g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                 "--format “%s” is not understood: it is png or jpg.", self->format);
  return self->how.ending != NULL;
}

static gboolean
check (AugmentOptions *self, GError **error)
{
  if (g_strv_length (self->explain->inputs) != 1 || self->output == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "augment is used as “vitreous augment DIR -o OUT”: “vitreous augment --help” "
                   "says more.");
      return FALSE;
    }
  return cli_check_range ("per-picture", self->n_variants, 1, MAX_VARIANTS, error) &&
         cli_check_range ("seed", self->seed, 0, G_MAXINT, error) &&
         cli_check_range ("quality", self->quality, 1, 100, error) &&
         check_share ("jitter", self->jitter, 0.0, 1.0, error) &&
         check_share ("min-size", self->least, 0.01, 1.0, error) && choose_kinds (self, error) &&
         choose_format (self, error) &&
         (self->fill == NULL || vtr_fill_parse (self->fill, &self->how.fill, error));
}

static gboolean
parse (AugmentOptions *self, int argc, char **argv, GError **error)
{
  /* clang-format off */
  const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &self->output,
      "The folder to write pictures, manifest.jsonl and manifest.csv to, made if need be; not "
      "inside of DIR, nor around it.", "DIR" },
    { "kinds", 0, 0, G_OPTION_ARG_STRING, &self->kinds,
      "What to make, with commas between: crop (=0.6: the share of the attention it holds), erase "
      "(=0.25: the share of the patches), paste (=0.15: the share of the patches that are pasted "
      "over). Default: all three.", "LIST" },
    { "per-picture", 0, 0, G_OPTION_ARG_INT, &self->n_variants,
      "How many of each kind are made of each picture. Default: 1.", "N" },
    { "jitter", 0, 0, G_OPTION_ARG_DOUBLE, &self->jitter,
      "How far shares vary from one to the next, as a part of them, 0 to 1. Default: 0.2.",
      "NUMBER" },
    { "min-size", 0, 0, G_OPTION_ARG_DOUBLE, &self->least,
      "Least edge of a crop, as a share of the picture's, 0.01 to 1. Default: 0.3.", "NUMBER" },
    { "fill", 0, 0, G_OPTION_ARG_STRING, &self->fill,
      "What is erased becomes the mean colour, noise around it, or blurred. Default: mean.",
      "mean|noise|blur" },
    { "seed", 0, 0, G_OPTION_ARG_INT, &self->seed,
      "Another number makes other random choices. Default: 0.", "N" },
    { "format", 0, 0, G_OPTION_ARG_STRING, &self->format,
      "What pictures are written as. Default: png.", "png|jpg" },
    { "quality", 0, 0, G_OPTION_ARG_INT, &self->quality,
      "Of jpg, 1 to 100. Default: 92.", "N" },
    G_OPTION_ENTRY_NULL,
  };
  /* clang-format on */

  self->explain = cli_explain_options_new_for (argc, argv, entries, shared_options, error);
  return self->explain != NULL && check (self, error);
}

/* “photos/” → “photos” */
static char *
without_separator (const char *path)
{
  gsize length = strlen (path);

  while (length > 1 && path[length - 1] == G_DIR_SEPARATOR)
    length--;
  return g_strndup (path, length);
}

static void
options_finish (AugmentOptions *self)
{
  self->folder = without_separator (self->explain->inputs[0]);
  self->how.folder = self->folder;
  self->how.output = self->output;
  self->how.n_variants = (guint) self->n_variants;
  self->how.jitter = self->jitter;
  self->how.least = self->least;
  self->how.seed = (guint32) self->seed;
  self->how.quality = (guint) self->quality;
  self->how.resume = self->explain->resume;
}

static void
options_clear (AugmentOptions *self)
{
  g_free (self->kinds);
  g_free (self->fill);
  g_free (self->format);
  g_free (self->output);
  g_free (self->folder);
  g_clear_pointer (&self->explain, cli_explain_options_free);
}

/* ---- folders ---- */

/* Whether @path is @folder or lies below it; both real. */
static gboolean
is_inside (const char *path, const char *folder)
{
  const gsize length = strlen (folder);

  return strncmp (path, folder, length) == 0 &&
         (path[length] == '\0' || path[length] == G_DIR_SEPARATOR ||
          folder[length - 1] == G_DIR_SEPARATOR);
}

/* What is made must not be taken for what it is made of, nor written over it. */
static gboolean
check_folders (const CliAugmentOptions *how, GError **error)
{
  if (!g_file_test (how->folder, G_FILE_TEST_IS_DIR))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "There is no folder “%s” to make training pictures of.", how->folder);
      return FALSE;
    }
  if (!cli_make_folder (how->output, error))
    return FALSE;
  char *folder = realpath (how->folder, NULL);
  char *output = realpath (how->output, NULL);
  const gboolean apart = folder != NULL && output != NULL && !is_inside (folder, output) &&
                         !is_inside (output, folder);

  free (folder);
  free (output);
  if (!apart)
    g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                 "The folders “%s” and “%s” lie in one another: write to one that is apart from "
                 "the pictures.",
                 how->folder, how->output);
  return apart;
}

static gboolean
holds_pictures (const char *folder)
{
  g_autoptr (GPtrArray) pictures =
      cli_inputs_collect ((char *[]){ (char *) folder, NULL }, FALSE, NULL);

  return cli_inputs_count (pictures, CLI_PICTURE_OPEN) > 0;
}

/* Folders of classes, unless the folder holds pictures itself. */
static gboolean
collect (CliAugmentation *self, GError **error)
{
  const CliAugmentOptions *how = self->how;

  if (!self->options->recursive && !holds_pictures (how->folder))
    {
      self->labels = g_ptr_array_new_with_free_func (g_free);
      self->pictures = cli_inputs_collect_classes (how->folder, self->labels, how->output, error);
      if (self->pictures == NULL)
        return FALSE;
    }
  else
    self->pictures = cli_inputs_collect ((char *[]){ (char *) how->folder, NULL },
                                         self->options->recursive, how->output);
  if (self->pictures->len == 0)
    g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                 "The folder “%s” holds neither pictures nor folders of pictures.", how->folder);
  else if (self->pictures->len == 1 && how->shares[VTR_AUGMENT_PASTE] > 0.0)
    g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                 "There is one picture, and to paste there must be two: --kinds crop,erase makes "
                 "the others.");
  else
    return TRUE;
  return FALSE;
}

/* ---- the run ---- */

static void
print_json (const CliAugmentation *self, gboolean stopped)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autofree char *manifest = g_build_filename (self->how->output, "manifest.jsonl", NULL);
  g_autofree char *path = cli_name_to_text (manifest);

  json_builder_begin_object (builder);
  cli_json_string (builder, "vitreous", VTR_VERSION);
  cli_json_string (builder, "model", vtr_model_get_name (self->model));
  cli_json_string (builder, "model_hash", vtr_model_get_hash (self->model));
  cli_json_string (builder, "device", vtr_device_get_info (self->device)->name);
  cli_json_string (builder, "precision", vtr_precision_get_name (self->options->precision));
  cli_json_string (builder, "method", vtr_method_get_name (self->options->method));
  cli_json_integer (builder, "seed", self->how->seed);
  cli_json_integer (builder, "pictures",
                    cli_inputs_count (self->pictures, CLI_PICTURE_DONE) +
                        cli_inputs_count (self->pictures, CLI_PICTURE_SKIPPED));
  cli_json_integer (builder, "classes", self->labels == NULL ? 0 : self->labels->len);
  cli_json_begin_object (builder, "made");
  for (guint i = 0; i < VTR_N_AUGMENT_KINDS; i++)
    cli_json_integer (builder, vtr_augment_kind_get_name (i), self->n_made[i]);
  json_builder_end_object (builder);
  cli_json_integer (builder, "kept", self->n_kept);
  cli_json_boolean (builder, "stopped", stopped);
  cli_json_failures (builder, self->pictures);
  cli_json_string (builder, "manifest", path);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static gboolean
prepare (CliAugmentation *self, GError **error)
{
  CliExplainOptions *options = self->options;

  if (!check_folders (self->how, error) || !collect (self, error))
    return FALSE;
  self->model = cli_explain_options_open_model (options, error);
  self->device = self->model == NULL
                     ? NULL
                     : cli_open_device (options->device, options->quiet || options->json, error);
  if (self->device == NULL)
    return FALSE;
  self->squares = g_new0 (CliSquares, (gsize) self->pictures->len * self->how->n_variants);
  self->lines = g_new0 (GPtrArray *, self->pictures->len);
  self->manifest = cli_manifest_new (self, error);
  return self->manifest != NULL;
}

static void
augmentation_clear (CliAugmentation *self)
{
  for (guint i = 0; self->lines != NULL && i < self->pictures->len; i++)
    g_clear_pointer (&self->lines[i], g_ptr_array_unref);
  g_free (self->lines);
  g_free (self->squares);
  cli_manifest_free (self->manifest);
  g_clear_pointer (&self->pictures, g_ptr_array_unref);
  g_clear_pointer (&self->labels, g_ptr_array_unref);
  g_clear_object (&self->device);
  g_clear_object (&self->model);
}

static CliExit
make_all (CliAugmentation *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) problem = NULL;
  const gboolean ok = cli_augmentation_run (self, &error);

  cli_progress_clear (self->progress);
  const gboolean finished = cli_manifest_finish (self->manifest, &problem);
  const CliExit code = cli_conclude (self->pictures, error, "are done; --resume goes on from here");
  if (self->options->json)
    print_json (self, !ok);
  return finished ? code : cli_fail (problem);
}

static CliExit
augment (AugmentOptions *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GCancellable) cancellable = cli_interrupt_watch ();
  g_autoptr (CliProgress) progress = cli_progress_new (self->explain->quiet);
  CliAugmentation augmentation = {
    .how = &self->how,
    .options = self->explain,
    .progress = progress,
    .cancellable = cancellable,
  };

  /* What is kept of an earlier run is found here, not as explain finds it. */
  self->explain->resume = FALSE;
  const CliExit code =
      prepare (&augmentation, &error) ? make_all (&augmentation) : cli_fail (error);
  augmentation_clear (&augmentation);
  return code;
}

CliExit
cli_augment (int argc, char **argv)
{
  AugmentOptions options = {
    .n_variants = 1,
    .quality = DEFAULT_QUALITY,
    .jitter = DEFAULT_JITTER,
    .least = DEFAULT_LEAST,
  };
  g_autoptr (GError) error = NULL;
  CliExit code;

  if (parse (&options, argc, argv, &error))
    {
      options_finish (&options);
      code = augment (&options);
    }
  else
    code = cli_fail (error);
  options_clear (&options);
  return code;
}
