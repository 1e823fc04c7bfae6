/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include "explain-options.h"
#include "progress.h"

/*
 * The @pictures (of CliPicture, whose status and error are filled in) through vtr_diagnosis_add (),
 * in order, the next ones read meanwhile.  Fails only with what stops them all.
 */
gboolean cli_diagnosis_run (VtrDiagnosis *diagnosis,
                            const CliExplainOptions *options,
                            GPtrArray *pictures,
                            CliProgress *progress,
                            GCancellable *cancellable,
                            GError **error);
