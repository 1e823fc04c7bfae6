/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <glib.h>

/* Columns of text, each as wide as its widest cell. */
typedef struct _CliTable CliTable;

/* @headings: NULL-terminated; one that begins with '>' is of a column of numbers. */
CliTable *cli_table_new (const char *const *headings);

/* @...: as many strings as there are headings; copied. */
void cli_table_add (CliTable *self, ...);

/* Prints to stdout; where there are no rows, nothing. */
void cli_table_print (const CliTable *self);

void cli_table_free (CliTable *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliTable, cli_table_free)
