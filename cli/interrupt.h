/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

/*
 * From here on the first SIGINT or SIGTERM cancels, the second ends the program at once.
 * Once in a process.
 *
 * Returns: (transfer full): what is cancelled
 */
GCancellable *cli_interrupt_watch (void);
