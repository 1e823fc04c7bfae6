/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <glib.h>

/* A bar on stderr, redrawn in place; draws nothing where stderr is no terminal. */
typedef struct _CliProgress CliProgress;

CliProgress *cli_progress_new (gboolean quiet);

/* @done: 0..1.  @data: a CliProgress.  A VtrProgressFunc. */
void cli_progress_show (double done, const char *what, gpointer data);

/* Takes the bar away, so that a line can be printed in its place. */
void cli_progress_clear (CliProgress *self);

/* Clears, then frees. */
void cli_progress_free (CliProgress *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliProgress, cli_progress_free)
