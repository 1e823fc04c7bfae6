/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "interrupt.h"
#include "common.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <unistd.h>

/* What the handler writes to and the waiting thread reads from. */
static int wake[2];

/*
 * A handler must not touch GCancellable, a thread that is woken may.  (To block the signals in all
 * threads but one would not do: the pthread build of OpenBLAS makes its threads before main ().)
 */
static void
handle_signal (G_GNUC_UNUSED int number)
{
  static volatile sig_atomic_t seen;
  const int saved_errno = errno;

  if (seen)
    _exit (CLI_EXIT_CANCELLED);
  seen = 1;
  if (write (wake[1], "", 1) != 1)
    _exit (CLI_EXIT_CANCELLED);
  errno = saved_errno;
}

static gpointer
wait_for_signal (gpointer cancellable)
{
  char byte;

  while (read (wake[0], &byte, 1) != 1)
    ;
  g_cancellable_cancel (cancellable);
  g_object_unref (cancellable);
  return NULL;
}

GCancellable *
cli_interrupt_watch (void)
{
  GCancellable *cancellable = g_cancellable_new ();
  const struct sigaction action = { .sa_handler = handle_signal, .sa_flags = SA_RESTART };

  /* Without a pipe the signals end the program as they always do. */
  if (!g_unix_open_pipe (wake, FD_CLOEXEC, NULL))
    return cancellable;
  g_thread_unref (g_thread_new ("signals", wait_for_signal, g_object_ref (cancellable)));
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
  return cancellable;
}
