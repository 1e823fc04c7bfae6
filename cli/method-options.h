/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vitreous.h>

/*
 * The options --method and, for each parameter that any method has, one of its name: made of the
 * library's tables, so that a new method or parameter needs nothing here.
 */

/* Appends GOptionEntry; the texts live as long as the program.  Once in a process. */
void cli_method_options_add (GArray *entries);

/* The method that the parsed options describe; fails with VTR_ERROR_USAGE. */
VtrMethod *cli_method_options_make (gboolean has_target, gboolean scores, GError **error);

/* --method, or a parameter, as if the user had said so; FALSE where there is none of that name.
 * @value is not copied. */
gboolean cli_method_options_set (const char *name, char *value);

/* All that may be set so: "method, layers, ..."; transfer full. */
char *cli_method_options_list (void);

/* What the user has said so far; and back to that, which takes it. */
char **cli_method_options_keep (void);
void cli_method_options_restore (char **kept);
