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
