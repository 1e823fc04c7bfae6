/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "progress.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR_WIDTH 24
#define DEFAULT_COLUMNS 80

/* Between two drawings, in microseconds: fast enough for the eye, slow enough for a remote one. */
#define INTERVAL (G_USEC_PER_SEC / 15)

struct _CliProgress
{
  gboolean enabled;
  gboolean drawn;
  gint64 last; /* monotonic time of the last drawing */
};

CliProgress *
cli_progress_new (gboolean quiet)
{
  CliProgress *self = g_new0 (CliProgress, 1);

  self->enabled = !quiet && isatty (STDERR_FILENO);
  return self;
}

static guint
terminal_columns (void)
{
  struct winsize size;

  if (ioctl (STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    return DEFAULT_COLUMNS;
  return size.ws_col;
}

void
cli_progress_show (double done, const char *what, gpointer data)
{
  CliProgress *self = data;
  const gint64 now = g_get_monotonic_time ();

  if (!self->enabled || (self->drawn && now - self->last < INTERVAL))
    return;
  self->last = now;
  self->drawn = TRUE;

  const double share = CLAMP (done, 0.0, 1.0);
  const int n_full = (int) (share * BAR_WIDTH);
  g_autoptr (GString) line = g_string_new ("[");
  for (int i = 0; i < BAR_WIDTH; i++)
    g_string_append_c (line, i < n_full ? '#' : '.');
  g_string_append_printf (line, "] %3d %%  %s", (int) (share * 100), what);

  /* A line that wraps could not be drawn over. */
  g_autofree char *text = g_utf8_make_valid (line->str, -1);
  const glong columns = (glong) terminal_columns () - 1;
  if (g_utf8_strlen (text, -1) > columns)
    *g_utf8_offset_to_pointer (text, columns) = '\0';
  fprintf (stderr, "\r\033[K%s", text);
  fflush (stderr);
}

void
cli_progress_clear (CliProgress *self)
{
  if (!self->drawn)
    return;
  fputs ("\r\033[K", stderr);
  fflush (stderr);
  self->drawn = FALSE;
}

void
cli_progress_free (CliProgress *self)
{
  if (self == NULL)
    return;
  cli_progress_clear (self);
  g_free (self);
}
