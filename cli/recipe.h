/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include "explain-options.h"

/*
 * The command line that makes the files of one picture again: all that they depend on, spelled
 * out, and no absolute path, which would tell strangers about the user's folders.
 *
 * Returns: (transfer full): arguments, NULL-terminated
 */
char **cli_recipe_new (const CliExplainOptions *options, VtrModel *model, const char *path);

/* Arguments as a line that a shell takes apart again.  Transfer full. */
char *cli_recipe_to_text (char **recipe);
