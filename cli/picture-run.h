/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include "explain-options.h"
#include "inputs.h"
#include "progress.h"

/*
 * Computes a picture, in one of the threads.  What is wrong with this picture alone goes into
 * picture->error, what stops them all into @error; NULL in both cases.
 */
typedef gpointer (*CliTryFunc) (CliPicture *picture,
                                VtrProgressFunc progress,
                                gpointer progress_data,
                                GCancellable *cancellable,
                                gpointer data,
                                GError **error);

/* Takes what CliTryFunc found, in the caller's thread, in the order of the pictures. */
typedef void (*CliCountFunc) (CliPicture *picture, gpointer found, gpointer data);

/*
 * Many pictures, some at once, so that the device is kept busy; they are counted in order, and what
 * is under way is bounded, so memory does not grow with them.
 */
typedef struct
{
  GPtrArray *pictures; /* of CliPicture; their status and error are filled in */
  guint n_threads;
  CliTryFunc try_picture;
  CliCountFunc count;
  GDestroyNotify found_free; /* of what is not counted any more */
  gpointer data;             /* of all of them */
  CliProgress *progress;
  GCancellable *cancellable;
} CliPictureRun;

/*
 * Those that have failed or are skipped already are passed over.  Fails only with what stops them
 * all; pictures before that are counted.
 */
gboolean cli_picture_run (const CliPictureRun *run, GError **error);

/* The picture in a file, prepared for a model as the options say. */
VtrInput *cli_read_input (VtrModel *model,
                          const CliExplainOptions *options,
                          const char *path,
                          GError **error);

/* As many as keep the device busy while one more picture is read, or as the user says. */
guint cli_count_threads (const CliExplainOptions *options, VtrSession *session);

/* For a CliTryFunc that failed: @problem, which is taken, goes where it belongs, into the picture
 * or into @error. */
void cli_picture_fail (CliPicture *picture,
                       const CliExplainOptions *options,
                       GError *problem,
                       GError **error);

/* Whether computing another picture would fail alike: no device any more, a question the model has
 * no answer to, or cancelled. */
gboolean cli_stops_all (const CliExplainOptions *options, const GError *error);
