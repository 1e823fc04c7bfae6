/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vitreous.h>

/* What `explain` was told, checked as far as it can be without a model. */
typedef struct
{
  char **inputs;
  char *model;  /* NULL for the installed one */
  char *head;   /* NULL for the model's own */
  char *device; /* NULL for auto */
  VtrMethod *method;
  const char *target; /* as the user wrote it, NULL for top1 */
  VtrFit fit;
  guint size;       /* pixels, 0 for the trained one */
  gboolean has_fit; /* whether the user said so, or it may follow a head */
  gboolean has_size;
  VtrPrecision precision;
  guint batch; /* 0 for what suits the device */
  guint jobs;
  VtrExportFlags write;
  const char *write_text; /* @write as the user wrote it */
  VtrExplainFlags keep;
  const char *colormap;
  double opacity;
  const char *output;
  gboolean recursive;
  gboolean resume;
  gboolean json;
  gboolean quiet;
} CliExplainOptions;

/* Fails with VTR_ERROR_USAGE. */
CliExplainOptions *cli_explain_options_new (int argc, char **argv, GError **error);

/* The same of another command that computes pictures and writes none of explain's files: its @own
 * options and, of explain's, those named in @shared, NULL-terminated; any number of arguments.
 * “method” there stands for all options of methods; without it @method is one that takes least. */
CliExplainOptions *cli_explain_options_new_for (int argc,
                                                char **argv,
                                                const GOptionEntry *own,
                                                const char *const *shared,
                                                GError **error);

/* What the last of these was told, but for @settings: NAME=VALUE each, NULL-terminated, to outlive
 * what is returned; @option is the one they were given by.  Fails with VTR_ERROR_USAGE. */
CliExplainOptions *
cli_explain_options_new_side (const char *option, char **settings, GError **error);

/* The model and, where one is named, its head, which has a say in how pictures are brought to
 * scale. */
VtrModel *cli_explain_options_open_model (CliExplainOptions *self, GError **error);

void cli_explain_options_free (CliExplainOptions *self);

/* Whether a wrong parameter is wrong for every picture: a pixel may lie outside of some, and a rank
 * be the class it is contrasted with. */
gboolean cli_explain_options_are_of_all (const CliExplainOptions *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliExplainOptions, cli_explain_options_free)
