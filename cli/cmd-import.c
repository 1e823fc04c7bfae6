/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "common.h"
#include "interrupt.h"
#include "progress.h"

#include <stdio.h>
#include <string.h>

#define NAME_CHARACTERS G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "._-"

static const char *const model_endings[] = { ".onnx", ".safetensors", ".npz" };

/* A name for a model that was given none: its file's, without what names must not have. */
static char *
name_for (const char *path)
{
  char *name = g_path_get_basename (path);

  for (guint i = 0; i < G_N_ELEMENTS (model_endings); i++)
    if (g_str_has_suffix (name, model_endings[i]))
      {
        name[strlen (name) - strlen (model_endings[i])] = '\0';
        break;
      }
  return g_strcanon (name, NAME_CHARACTERS, '-');
}

CliExit
cli_import (int argc, char **argv)
{
  g_autofree char *name = NULL;
  gboolean replace = FALSE;
  const GOptionEntry entries[] = {
    { "name", 0, 0, G_OPTION_ARG_STRING, &name,
      "What to call it, in letters, digits, '.', '_' and '-'. Default: the file's name.", "NAME" },
    { "replace", 0, 0, G_OPTION_ARG_NONE, &replace, "Take the place of a model of that name.",
      NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) arguments = cli_parse (argc, argv, entries, 1, 1, &error);
  if (arguments == NULL)
    return cli_fail (error);
  if (name == NULL)
    name = name_for (arguments[0]);

  g_autoptr (GCancellable) cancellable = cli_interrupt_watch ();
  g_autoptr (CliProgress) progress = cli_progress_new (FALSE);
  g_autofree char *path = vtr_models_import (arguments[0], name, replace, cli_progress_show,
                                             progress, cancellable, &error);
  cli_progress_clear (progress);
  if (path == NULL)
    return cli_fail (error);
  puts (path);
  return CLI_EXIT_DONE;
}
