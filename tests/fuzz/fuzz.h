/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * A fuzz target is one file with fuzz_input (): it gives a parser any bytes and asserts what must
 * hold of its answer.  Built with -Dfuzz=true libFuzzer makes the bytes up; any compiler's build
 * replays the files of corpus/NAME.
 */
#include <glib.h>

void fuzz_input (GBytes *bytes);

/* A parser either answers or says why not, in a sentence that can be shown to a person. */
void fuzz_assert_answered (gboolean answered, const GError *error);
