/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "interrupt.h"
#include "common.h"

#include <signal.h>
#include <unistd.h>

static void
fill (sigset_t *signals)
{
  sigemptyset (signals);
  sigaddset (signals, SIGINT);
  sigaddset (signals, SIGTERM);
}

/* A signal handler must not touch GCancellable, a thread that waits for the signal may. */
static gpointer
wait_for_signals (gpointer cancellable)
{
  sigset_t signals;
  int signal_number;

  fill (&signals);
  if (sigwait (&signals, &signal_number) == 0)
    g_cancellable_cancel (cancellable);
  if (sigwait (&signals, &signal_number) == 0)
    _exit (CLI_EXIT_CANCELLED);
  return NULL;
}

GCancellable *
cli_interrupt_watch (void)
{
  GCancellable *cancellable = g_cancellable_new ();
  sigset_t signals;

  /* Threads made later inherit the mask, so that only the waiting one takes the signals. */
  fill (&signals);
  pthread_sigmask (SIG_BLOCK, &signals, NULL);
  g_thread_unref (g_thread_new ("signals", wait_for_signals, g_object_ref (cancellable)));
  return cancellable;
}
