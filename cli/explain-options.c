/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "explain-options.h"
#include "common.h"
#include "method-options.h"

#include <string.h>

#define DEFAULT_WRITE "overlay,map,layers,json"
#define DEFAULT_OUTPUT "vitreous-out"
#define DEFAULT_OPACITY 0.6

/* The one that adds least to the forward pass. */
#define LEAST_METHOD "raw"

#define MAX_JOBS 256
#define MAX_SIZE 16384

/* A number that was not given. */
#define UNSET G_MININT

/* What the user wrote. */
typedef struct
{
  char *model, *head, *fit, *device, *precision, *colormap, *write, *output, *target;
  int size, batch, jobs;
  double opacity;
  gboolean save_matrix, recursive, resume, json, quiet, score, prove;
} Given;

/* Where GLib puts it. */
static Given given = { .size = UNSET, .batch = UNSET, .jobs = UNSET, .opacity = DEFAULT_OPACITY };

/* clang-format off */
static const GOptionEntry entries[] = {
  { "model", 'm', 0, G_OPTION_ARG_FILENAME, &given.model,
    "A folder, a file or the name of an installed model. Default: what the environment variable "
    "VITREOUS_MODEL says, else the only model installed, else “starter”.", "MODEL" },
  { "head", 0, 0, G_OPTION_ARG_FILENAME, &given.head,
    "A classifier head that “vitreous head train” wrote, in the place of the model's own. --fit and "
    "--size are by default those it was trained with.", "FILE" },
  { "target", 0, 0, G_OPTION_ARG_STRING, &given.target,
    "What to explain, for the methods that explain an answer: a class by label, its first letters "
    "or its index; top1, top2, …; A-B: one class rather than another; A-rest: rather than all "
    "others; image:FILE: what makes the picture like another; patch:X,Y: what the model made of "
    "that pixel's patch; embedding: of the picture. With no --method, relevance explains it. With --score or --prove, also "
    "what maps of raw and rollout are measured by. Default: top1.", "TARGET" },
  { "fit", 0, 0, G_OPTION_ARG_STRING, &given.fit,
    "How a picture is brought to the model's scale. cover: the whole picture at the trained scale; "
    "train: the resize and crop of the training; stretch: squashed to the trained size. "
    "Default: cover.", "cover|train|stretch" },
  { "size", 0, 0, G_OPTION_ARG_INT, &given.size,
    "The short edge the model sees, for stretch both edges. Default: the trained one.", "PX" },
  { "device", 0, 0, G_OPTION_ARG_STRING, &given.device,
    "Where to compute; “vitreous devices” lists what there is. Default: auto.",
    "auto|cpu|vulkan|vulkan:N" },
  { "precision", 0, 0, G_OPTION_ARG_STRING, &given.precision,
    "What weights, and on a GPU activations, are stored as. f16 takes half the memory and is a "
    "little less exact; sums are f32 all the same. Default: f32.", "f32|f16" },
  { "colormap", 0, 0, G_OPTION_ARG_STRING, &given.colormap, NULL, NULL },
  { "opacity", 0, 0, G_OPTION_ARG_DOUBLE, &given.opacity,
    "Opacity of the map over the picture, from 0 to 1. Default: 0.6.", "NUMBER" },
  { "write", 0, 0, G_OPTION_ARG_STRING, &given.write,
    "Which files to write, any of overlay, map, layers, sheet, npz and json with commas between "
    "them. Default: " DEFAULT_WRITE ".", "LIST" },
  { "output", 'o', 0, G_OPTION_ARG_FILENAME, &given.output,
    "The folder to write to, made if need be. Default: " DEFAULT_OUTPUT ".", "DIR" },
  { "save-matrix", 0, 0, G_OPTION_ARG_NONE, &given.save_matrix,
    "Write STEM.npz, with the whole attention matrices of the layers asked for in it.", NULL },
  { "score", 0, 0, G_OPTION_ARG_NONE, &given.score,
    "Measure what each map is worth: the model is asked again without the patches that the map "
    "points to and with those alone, and so for ten random orders. Takes about a hundred times as "
    "long as the model itself.", NULL },
  { "prove", 0, 0, G_OPTION_ARG_NONE, &given.prove,
    "Find patches that the decision of --target hangs on (A-B; A-rest or a class: over all others): "
    "without them another class wins, and none of them can be given back. They are white in "
    "STEM.proof.png. Takes some times as long as the model for each of them.", NULL },
  { "batch", 0, 0, G_OPTION_ARG_INT, &given.batch,
    "How many pictures are computed together, 1 to 32. Default: as many as fill a GPU, 1 on a "
    "processor or with --save-matrix.", "N" },
  { "jobs", 0, 0, G_OPTION_ARG_INT, &given.jobs,
    "How many threads read and write pictures. Default: as many as there are processors.", "N" },
  { "recursive", 'r', 0, G_OPTION_ARG_NONE, &given.recursive,
    "Search the folders in folders, too.", NULL },
  { "resume", 0, 0, G_OPTION_ARG_NONE, &given.resume,
    "Skip pictures whose files an earlier run has written, with the same model and options as far "
    "as STEM.json tells.", NULL },
  { "json", 0, 0, G_OPTION_ARG_NONE, &given.json, "Answer with one JSON document.", NULL },
  { "quiet", 'q', 0, G_OPTION_ARG_NONE, &given.quiet, "Say only what went wrong.", NULL },
};
/* clang-format on */

/*
 * A command's own entries (NULL for none), then those above, or of them those named in @shared,
 * with those of the methods between them and the colormaps the library has.  The texts are made
 * once and live as long as the program.
 */
static GArray *
make_entries (const GOptionEntry *own, const char *const *shared)
{
  GArray *all = g_array_new (TRUE, TRUE, sizeof (GOptionEntry));

  for (; own != NULL && own->long_name != NULL; own++)
    g_array_append_val (all, *own);
  for (guint i = 0; i < G_N_ELEMENTS (entries); i++)
    {
      GOptionEntry entry = entries[i];

      if (shared != NULL && !g_strv_contains (shared, entry.long_name))
        continue;
      if (entry.arg_data == &given.colormap)
        {
          entry.description =
              g_strdup_printf ("Colours of the map. Default: %s.", vtr_colormap_list ()[0]);
          entry.arg_description = g_strjoinv ("|", (char **) vtr_colormap_list ());
        }
      g_array_append_val (all, entry);
      if (entry.arg_data == &given.model && (shared == NULL || g_strv_contains (shared, "method")))
        cli_method_options_add (all);
    }
  return all;
}

static gboolean
find_fit (CliExplainOptions *self, GError **error)
{
  self->fit = VTR_FIT_COVER;
  if (given.fit == NULL || vtr_fit_parse (given.fit, &self->fit, NULL))
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "--fit “%s” is not understood: it is cover, train or stretch.", given.fit);
  return FALSE;
}

/* 1 to @max, or 0 where it was not given. */
static gboolean
check_count (const char *option, int value, int max, guint *out, GError **error)
{
  if (value == UNSET)
    {
      *out = 0;
      return TRUE;
    }
  if (value < 1 || value > max)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE, "--%s %d is out of range: it is 1 to %d.",
                   option, value, max);
      return FALSE;
    }
  *out = (guint) value;
  return TRUE;
}

static gboolean
check_looks (CliExplainOptions *self, GError **error)
{
  const char *const *colormaps = vtr_colormap_list ();

  self->colormap = given.colormap == NULL ? colormaps[0] : given.colormap;
  self->opacity = given.opacity;
  if (!g_strv_contains (colormaps, self->colormap))
    {
      g_autofree char *known = g_strjoinv (", ", (char **) colormaps);
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE, "There is no colormap “%s”: there are %s.",
                   self->colormap, known);
      return FALSE;
    }
  if (!(self->opacity >= 0.0 && self->opacity <= 1.0))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE, "--opacity %g is out of range: it is 0 to 1.",
                   self->opacity);
      return FALSE;
    }
  return TRUE;
}

/* A decision has to be named, and is one between classes. */
static gboolean
check_proof (GError **error)
{
  if (!given.prove || (given.target != NULL && !g_str_has_prefix (given.target, "image:") &&
                       !g_str_has_prefix (given.target, "patch:")))
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "--prove needs a decision between classes: give it one with --target A-B, A-rest or "
               "the name of a class.");
  return FALSE;
}

/* How pictures are computed, whatever is made of them. */
static gboolean
check_computing (CliExplainOptions *self, GError **error)
{
  if (!find_fit (self, error) ||
      (given.precision != NULL &&
       !vtr_precision_parse (given.precision, &self->precision, error)) ||
      !check_count ("size", given.size, MAX_SIZE, &self->size, error) ||
      !check_count ("batch", given.batch, VTR_MAX_BATCH, &self->batch, error) ||
      !check_count ("jobs", given.jobs, MAX_JOBS, &self->jobs, error))
    return FALSE;
  if (self->jobs == 0)
    self->jobs = MIN (g_get_num_processors (), MAX_JOBS);
  self->has_fit = given.fit != NULL;
  self->has_size = given.size != UNSET;
  self->model = given.model;
  self->head = given.head;
  self->device = given.device;
  self->recursive = given.recursive;
  self->json = given.json;
  self->quiet = given.quiet;
  return TRUE;
}

CliExplainOptions *
cli_explain_options_new (int argc, char **argv, GError **error)
{
  g_autoptr (CliExplainOptions) self = g_new0 (CliExplainOptions, 1);
  g_autoptr (GArray) all = make_entries (NULL, NULL);

  self->inputs =
      cli_parse (argc, argv, (const GOptionEntry *) (gpointer) all->data, 1, G_MAXUINT, error);
  if (self->inputs == NULL || !check_computing (self, error) || !check_looks (self, error))
    return NULL;

  if (!check_proof (error))
    return NULL;
  self->target = given.target;
  self->method = cli_method_options_make (self->target != NULL, given.score || given.prove, error);
  if (self->method == NULL)
    return NULL;

  self->write_text = given.write == NULL ? DEFAULT_WRITE : given.write;
  if (!vtr_export_flags_parse (self->write_text, &self->write, error))
    return NULL;
  if (given.save_matrix)
    {
      self->keep |= VTR_EXPLAIN_MATRIX;
      self->write |= VTR_EXPORT_NPZ;
    }
  if (given.score)
    self->keep |= VTR_EXPLAIN_SCORE;
  if (given.prove)
    {
      self->keep |= VTR_EXPLAIN_PROOF;
      self->write |= VTR_EXPORT_PROOF;
    }
  self->output = given.output == NULL ? DEFAULT_OUTPUT : given.output;
  self->resume = given.resume;
  return g_steal_pointer (&self);
}

CliExplainOptions *
cli_explain_options_new_for (int argc,
                             char **argv,
                             const GOptionEntry *own,
                             const char *const *shared,
                             GError **error)
{
  g_autoptr (CliExplainOptions) self = g_new0 (CliExplainOptions, 1);
  g_autoptr (GArray) all = make_entries (own, shared);

  self->inputs =
      cli_parse (argc, argv, (const GOptionEntry *) (gpointer) all->data, 0, G_MAXUINT, error);
  if (self->inputs == NULL || !check_computing (self, error) || !check_looks (self, error))
    return NULL;
  self->target = given.target;
  self->resume = given.resume;
  self->method = g_strv_contains (shared, "method")
                     ? cli_method_options_make (self->target != NULL, FALSE, error)
                     : vtr_method_new (LEAST_METHOD, error);
  return self->method == NULL ? NULL : g_steal_pointer (&self);
}

/* ---- sides ---- */

/* What a side may have of its own, beside a method and its parameters. */
static const struct
{
  const char *name;
  char **text;
} side_settings[] = {
  { "model", &given.model }, { "head", &given.head },     { "target", &given.target },
  { "fit", &given.fit },     { "device", &given.device }, { "precision", &given.precision },
};

static gboolean
set_size (const char *text, GError **error)
{
  gint64 size;

  if (!g_ascii_string_to_signed (text, 10, 1, MAX_SIZE, &size, NULL))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "The size “%s” is not understood: it is 1 to %d, in pixels.", text, MAX_SIZE);
      return FALSE;
    }
  given.size = (int) size;
  return TRUE;
}

static gboolean
fail_setting (const char *option, const char *setting, GError **error)
{
  g_autoptr (GString) names = g_string_new (NULL);
  g_autofree char *params = cli_method_options_list ();

  for (guint i = 0; i < G_N_ELEMENTS (side_settings); i++)
    g_string_append_printf (names, "%s, ", side_settings[i].name);
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "--%s “%s” is not understood: it is NAME=VALUE, and names are %ssize, %s.", option,
               setting, names->str, params);
  return FALSE;
}

/* @setting: "name=value" */
static gboolean
set_setting (const char *option, char *setting, GError **error)
{
  char *value = strchr (setting, '=');

  if (value == NULL)
    return fail_setting (option, setting, error);
  g_autofree char *name = g_strndup (setting, (gsize) (value - setting));
  value++;
  if (strcmp (name, "size") == 0)
    return set_size (value, error);
  for (guint i = 0; i < G_N_ELEMENTS (side_settings); i++)
    if (strcmp (name, side_settings[i].name) == 0)
      {
        *side_settings[i].text = value;
        return TRUE;
      }
  return cli_method_options_set (name, value) || fail_setting (option, setting, error);
}

CliExplainOptions *
cli_explain_options_new_side (const char *option, char **settings, GError **error)
{
  g_autoptr (CliExplainOptions) self = g_new0 (CliExplainOptions, 1);
  const Given common = given;
  char **common_of_method = cli_method_options_keep ();
  gboolean ok = TRUE;

  self->inputs = g_new0 (char *, 1);
  for (guint i = 0; ok && settings[i] != NULL; i++)
    ok = set_setting (option, settings[i], error);
  if (ok && check_computing (self, error) && check_looks (self, error))
    {
      self->target = given.target;
      self->method = cli_method_options_make (self->target != NULL, FALSE, error);
    }
  given = common;
  cli_method_options_restore (common_of_method);
  return self->method == NULL ? NULL : g_steal_pointer (&self);
}

/* ---- the model ---- */

static gboolean
follow_fit (CliExplainOptions *self, const char *fit, GError **error)
{
  if (!vtr_fit_parse (fit, &self->fit, NULL))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
                   "%s: this head was trained with the fit “%s”, which is not known: --fit gives "
                   "another.",
                   self->head, fit);
      return FALSE;
    }
  g_info ("--fit %s, as the head was trained", fit);
  return TRUE;
}

static gboolean
follow_size (CliExplainOptions *self, guint size, GError **error)
{
  if (size > MAX_SIZE)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
                   "%s: this head was trained at the size %u, which is more than %d: --size gives "
                   "another.",
                   self->head, size, MAX_SIZE);
      return FALSE;
    }
  self->size = size;
  g_info ("--size %u, as the head was trained", size);
  return TRUE;
}

/* What was not said about fit and size is as it was when @head was trained, as far as its file
 * tells: features change with the scale. */
static gboolean
follow_head (CliExplainOptions *self, VtrHead *head, GError **error)
{
  const char *fit = self->has_fit ? NULL : vtr_head_get_fit (head);
  const guint size = self->has_size ? 0 : vtr_head_get_size (head);

  return (fit == NULL || follow_fit (self, fit, error)) &&
         (size == 0 || follow_size (self, size, error));
}

/* A head that was made with another model may be used, but not unnoticed. */
static void
warn_of_mismatch (VtrHead *head, VtrModel *model)
{
  g_autofree char *warning = vtr_head_find_mismatch (head, model);

  if (warning != NULL)
    cli_say ("%s", warning);
}

VtrModel *
cli_explain_options_open_model (CliExplainOptions *self, GError **error)
{
  g_autoptr (VtrModel) model = cli_open_model (self->model, self->head, error);
  VtrHead *head = model == NULL ? NULL : vtr_model_get_head (model);

  if (head != NULL)
    {
      if (!follow_head (self, head, error))
        return NULL;
      if (!self->quiet && !self->json)
        warn_of_mismatch (head, model);
    }
  return g_steal_pointer (&model);
}

void
cli_explain_options_free (CliExplainOptions *self)
{
  if (self == NULL)
    return;
  g_clear_object (&self->method);
  g_strfreev (self->inputs);
  g_free (self);
}

gboolean
cli_explain_options_are_of_all (const CliExplainOptions *self)
{
  const char *query = vtr_method_get (self->method, "query");
  const VtrTarget *target = vtr_method_get_target (self->method);
  const VtrTargetKind kind = target == NULL ? VTR_TARGET_CLASS : vtr_target_get_kind (target);
  guint a, b;

  /* A place may lie outside of some pictures, and what ranks first in one be no contrast to it. */
  return (query == NULL || strchr (query, ',') == NULL) && kind != VTR_TARGET_PATCH &&
         (kind != VTR_TARGET_CONTRAST || vtr_target_get_classes (target, &a, &b));
}
