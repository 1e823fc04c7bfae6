/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * What a model says of many pictures, to be compared with what another one says of the same.
 */
#include "explain-options.h"
#include "inputs.h"
#include "progress.h"

/* Of one picture; nothing where it failed. */
typedef struct
{
  float *embedding; /* [n_features] */
  guint n_features;
  float *logits; /* [n_classes], NULL where the model has no classes */
  guint n_classes;
  float *map; /* [n_patches]: the rollout; NULL unless asked for */
  guint n_patches;
  guint n_rows; /* of patches */
  guint n_columns;
  double *heads;    /* [n_layers][n_heads]: VtrImportance; NULL unless asked for */
  double *likeness; /* [n_layers] */
} CliAnswer;

typedef struct
{
  const CliExplainOptions *options;
  GPtrArray *pictures; /* of CliPicture */
  VtrDevice *device;
  CliProgress *progress;
  GCancellable *cancellable;
} CliAsking;

/*
 * Asks @model about all pictures: [n_pictures] of CliAnswer, by their index, transfer full.  @maps:
 * also rollouts; @importance: also what the target hangs on.  Fails with what stops them all.
 */
CliAnswer *cli_ask_pictures (const CliAsking *self,
                             VtrModel *model,
                             gboolean maps,
                             gboolean importance,
                             GError **error);
void cli_answers_free (CliAnswer *self, guint n);

/* Means over the pictures that were answered: @heads [n_layers][n_heads], @likeness [n_layers],
 * transfer full, NULL on failure; fails with VTR_ERROR_USAGE where there is no such picture. */
gboolean cli_average_importance (const CliAnswer *answers,
                                 guint n,
                                 VtrModel *model,
                                 double **heads,
                                 double **likeness,
                                 GError **error);

/* How alike two models' answers are: means over the pictures that both have answered. */
typedef struct
{
  guint n_pictures;
  double top1;            /* share with the same likeliest class; NaN without classes */
  double logit_change;    /* of the first's likeliest class, second − first; NaN likewise */
  double cosine;          /* of embeddings */
  double least_cosine;    /* the least of them */
  double map_correlation; /* Pearson, of the rollouts; NaN where there are none */
} CliAgreement;

CliAgreement cli_compare_answers (const CliAnswer *first, const CliAnswer *second, guint n);
