/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * What the files of the pipeline share; nobody else includes it.
 *
 *   pipeline.c          the caller's thread: gathers batches in order, tells of what is finished
 *   pipeline-work.c     threads that decode and write
 *   pipeline-compute.c  threads that compute: as many as keep the device busy
 */
#include "pipeline.h"

typedef enum
{
  STATE_WAITING,   /* not begun */
  STATE_PREPARING, /* a thread decodes it */
  STATE_PREPARED,  /* input is ready */
  STATE_WRITING,   /* explanation is ready, a thread writes it */
  STATE_FINISHED,  /* the CliPicture says how */
} State;

/* A picture while it is under way. */
typedef struct
{
  CliPicture *picture;
  guint index;
  State state;
  VtrInput *input;
  VtrExplanation *explanation;
  guint64 decoded_bytes;
} Item;

typedef struct _Pipeline Pipeline;

/* Pictures that are computed together. */
typedef struct
{
  Pipeline *pipeline;
  guint number; /* in the order they began */
  guint n;
  Item *items[VTR_MAX_BATCH];
  double n_done; /* pictures, parts of them included, in the call under way; under lock */
} Batch;

struct _Pipeline
{
  const CliPipelineJob *job;
  Item *items; /* [n_items] */
  guint n_items;
  GThreadPool *workers;
  GThreadPool *computers;
  guint n_runs;  /* threads of the latter */
  gint stopping; /* atomic: nothing new is to begin */

  GMutex opening; /* of the session: who computes waits while it is made anew */
  char *device_id;
  VtrDevice *device;   /* NULL while it is lost */
  VtrSession *session; /* NULL while it is lost */
  guint n_lost;

  GMutex lock;   /* of what follows, and of the states and results of the items */
  GCond changed; /* for the caller's thread */
  GCond turn;    /* for those that compute */
  guint n_begun;
  guint n_under_way;
  guint n_preparing;
  guint64 decoded_bytes;
  guint64 largest_decoded; /* of one picture, so far */
  guint batch;             /* pictures of a batch, of the last that was gathered */
  guint n_batches;         /* that have begun */
  guint n_batches_ended;
  GError *problem; /* what stops everything */
  guint n_computed;
  double n_computing; /* the sum of the batches' n_done */
  char *doing;        /* for the progress */

  guint n_told; /* of the caller's thread alone */
};

/* ---- pipeline-work.c ---- */

/* What a thread does with an Item: prepares it, or writes its files. */
void cli_pipeline_work (gpointer item, gpointer pipeline);

/* A GCompareDataFunc of Items. */
int cli_pipeline_compare_urgency (gconstpointer a, gconstpointer b, gpointer user_data);

/* Says what became of a picture; takes the error. */
void cli_pipeline_finish (Pipeline *self, Item *item, CliPictureStatus status, GError *error);

/* Has the files written. */
void cli_pipeline_write (Pipeline *self, Item *item, VtrExplanation *explanation);

/* ---- pipeline-compute.c ---- */

/* Opens the session and starts the threads. */
gboolean cli_pipeline_open (Pipeline *self, GError **error);

/* Waits for the threads and closes the session; also without an open one. */
void cli_pipeline_close (Pipeline *self);

/* Has a batch computed by the next free thread; takes it. */
void cli_pipeline_compute (Pipeline *self, Batch *batch);

/* How many pictures of that grid make a batch. */
guint cli_pipeline_choose_batch (Pipeline *self, VtrInput *input);
