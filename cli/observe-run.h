/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include "explain-options.h"
#include "inputs.h"
#include "progress.h"

/* Many pictures observed and counted, in order. */
typedef struct
{
  const CliExplainOptions *options;
  GPtrArray *pictures; /* of CliPicture; their status and error are filled in */
  VtrSession *session;
  VtrAnalysis *analysis; /* they are observed at its temperature */
  void (*counted) (const CliPicture *picture, gpointer data); /* after each; may be NULL */
  gpointer data;
  CliProgress *progress;
  GCancellable *cancellable;
} CliObserving;

/* What is wrong with one picture is noted in it; fails only with what stops them all. */
gboolean cli_observe_pictures (const CliObserving *self, GError **error);
