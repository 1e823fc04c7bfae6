/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * Many pictures, several things at once: threads decode and resize, others upload and have the
 * device compute, others write files.  What is under way is bounded, so memory does not grow with
 * the pictures.
 *
 *        ┌────────── threads ─────────┐   ┌──── threads ────┐   ┌── threads ──┐
 *   path → VtrImage → VtrInput → (in order, by batches) → VtrExplanation → STEM.*
 */
#include "explain-options.h"
#include "inputs.h"
#include "progress.h"

/* Makes of an explanation what is to become of it, in one of the threads; the files that are
 * written for it, or NULL. */
typedef char **(*CliWriteFunc) (const CliPicture *picture,
                                VtrExplanation *explanation,
                                gpointer data,
                                GError **error);

/* Told of each picture when it is done, skipped or has failed, in order, by the caller's thread. */
typedef void (*CliPictureFunc) (const CliPicture *picture, gpointer data);

typedef struct
{
  const CliExplainOptions *options;
  GPtrArray *pictures; /* of CliPicture; their results are filled in */
  VtrDevice *device;
  VtrModel *model;
  CliWriteFunc write;
  CliPictureFunc finished;
  gpointer data; /* of both */
  CliProgress *progress;
  GCancellable *cancellable;
} CliPipelineJob;

/*
 * Explains and writes all pictures.  What is wrong with one is noted in it; fails only with what
 * stops them all: no device any more, parameters the model has no answer to, or cancelled.
 * What was under way is then complete or gone.
 */
gboolean cli_pipeline_run (const CliPipelineJob *job, GError **error);
