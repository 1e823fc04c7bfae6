/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include "prune-run.h"

/* A head or a layer turned off by itself. */
typedef struct
{
  guint layer;
  int head;               /* -1: the whole layer */
  gboolean is_least;      /* whether it is of those that count least, or most */
  CliAgreement agreement; /* of the model without it with the model */
} CliAblation;

/* Times of alternating runs of one picture each. */
typedef struct
{
  guint n_runs;
  double seconds[2]; /* medians: of the model, of the pruned one */
  double flops[2];
  guint n_rows; /* of patches */
  guint n_columns;
} CliSpeed;

/* What `prune` has found and done. */
typedef struct
{
  const CliExplainOptions *options;
  VtrModel *model;
  VtrModel *pruned; /* NULL: nothing is written */
  VtrDevice *device;
  GPtrArray *pictures;
  VtrPruning *pruning;
  double *importance; /* [n_layers][n_heads], mean over the pictures */
  double *likeness;   /* [n_layers], likewise */
  GArray *ablations;  /* of CliAblation */
  CliAgreement agreement;
  CliSpeed speed;
  guint64 bytes[2]; /* of the files of weights */
  const char *output;
  const char *target;
  gboolean by_layer;
} CliPruneReport;

/* With by_layer: of a layer's heads the length is 1. */
double cli_prune_report_get_weight (const CliPruneReport *self, guint layer, guint head);

void cli_prune_report_print (const CliPruneReport *self);
void cli_prune_report_print_json (const CliPruneReport *self);
