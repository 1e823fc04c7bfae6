/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include "common.h"

/*
 * Verifies the device that @spec names, or all that can be used where it is NULL, and prints what
 * was found.
 */
CliExit cli_verify (const char *spec, gboolean json);
