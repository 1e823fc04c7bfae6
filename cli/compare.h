/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * What the files of `compare` share; nobody else includes it.
 *
 *   cmd-compare.c      options, the two sides
 *   compare-run.c      pictures through both sides, the worst of them kept for the sheet
 *   compare-report.c   what came of it, in words, as JSON, CSV and a sheet
 *   compare-resume.c   what an earlier run has found
 */
#include "explain-options.h"
#include "inputs.h"
#include "progress.h"

#include <json-glib/json-glib.h>

#define CLI_N_SIDES 2

/* One of the two that are compared. */
typedef struct
{
  char **settings; /* NAME=VALUE, owned; what @options has of them points there */
  CliExplainOptions *options;
  VtrModel *model;
  VtrDevice *device;
  VtrSession *session;
  char *name; /* what the other is not: "f16" */
} CliSide;

typedef struct
{
  const CliExplainOptions *options; /* of both */
  CliSide *sides;                   /* [CLI_N_SIDES] */
  VtrAgreementMeasure by;           /* which pictures are the worst */
  guint n_worst;
  const char *output; /* NULL: nothing is written */
  GPtrArray *pictures;
  VtrAgreement *agreements; /* [pictures], of those that are done or skipped */
  GArray *worst;            /* guint, of those so far, the worst first; at most @n_worst */
  GHashTable *rows;         /* picture's index → VtrAgreementRow, of those in @worst */
  CliProgress *progress;
  GCancellable *cancellable;
  gboolean stopped; /* before all pictures were compared */
} CliComparison;

/* ---- compare-run.c ---- */

/* Compares the pictures that are open; fails with what stops all. */
gboolean cli_comparison_run (CliComparison *self, GError **error);

/* Ranks a picture among the worst; whether it is one. */
gboolean cli_comparison_note (CliComparison *self, guint index);

/* ---- compare-report.c ---- */

/* A side as JSON has it; all that its answers depend on. */
void cli_side_add_json (const CliSide *self, JsonBuilder *builder, const char *member);

void cli_comparison_print (const CliComparison *self);
char *cli_comparison_to_json (const CliComparison *self);

/* compare.json, compare.csv and, where there are rows, compare.sheet.png. */
gboolean cli_comparison_write (const CliComparison *self, GError **error);

/* ---- compare-resume.c ---- */

/* Takes over what compare.json tells of pictures that have not changed since, compared alike. */
void cli_comparison_resume (CliComparison *self);
