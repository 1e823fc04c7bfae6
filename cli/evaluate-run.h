/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include "explain-options.h"
#include "inputs.h"
#include "progress.h"

/* Many pictures through vtr_evaluation_try (), some at once. */
typedef struct
{
  const CliExplainOptions *options;
  GPtrArray *pictures; /* of CliPicture; their status and error are filled in */
  VtrSession *session;
  VtrEvaluation *evaluation;
  CliProgress *progress;
  GCancellable *cancellable;
} CliEvaluationJob;

/*
 * What is wrong with one picture is noted in it; fails only with what stops them all: no device any
 * more, a question the model has no answer to, or cancelled.  Pictures before that count.
 */
gboolean cli_evaluation_run (const CliEvaluationJob *job, GError **error);
