/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include "prune-run.h"

/* Something that could be taken out of the model, and what it did when it was turned off. */
typedef struct
{
  char *name;   /* for people: "10 % of the heads, 7" */
  char *option; /* of prune: "--heads 10%" */
  guint n_heads;
  guint n_layers;
  CliAgreement agreement; /* of the model without it with the model */
  gboolean safe;          /* whether it changes little: see advise.c */
} CliTrial;

/* What `advise` has found. */
typedef struct
{
  const CliExplainOptions *options;
  VtrModel *model;
  VtrDevice *device;
  GPtrArray *pictures;
  const char *target;
  const VtrAnalysis *analysis;
  double *importance; /* [n_layers][n_heads], mean over the pictures */
  double *likeness;   /* [n_layers], likewise */
  GPtrArray *groups;  /* of VtrHeadGroup */
  GPtrArray *trials;  /* of CliTrial */
  VtrReference
      *reference; /* of models of this shape, whose entropies are aimed at; NULL for none */
  VtrRegularization *regularization;
} CliAdvice;

void cli_trial_free (CliTrial *self);

void cli_advice_print (const CliAdvice *self);
char *cli_advice_to_json (const CliAdvice *self);

/* advice.json, regularization.json and regularization.py in @folder. */
gboolean cli_advice_write (const CliAdvice *self, const char *folder, GError **error);
