/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include "explain-options.h"

#include <json-glib/json-glib.h>

/* What there is to say about an evaluation. */
typedef struct
{
  const VtrEvaluation *evaluation;
  const CliExplainOptions *options;
  VtrModel *model;
  VtrDevice *device;
  GPtrArray *pictures; /* of CliPicture */
  const char *target;  /* NULL for the class each picture is taken for, or for likeness */
  char **left_out;     /* methods that need a target there is none of, NULL-terminated */
  guint seed;
  gboolean stopped; /* before all pictures were seen */
} CliEvaluationReport;

/* For people: a table for each contest. */
void cli_evaluation_report_print (const CliEvaluationReport *self);

/* The document that docs/formats.md describes; transfer full. */
char *cli_evaluation_report_to_json (const CliEvaluationReport *self);

/* Writes evaluate.json, evaluate.png and evaluate.svg into a folder. */
gboolean
cli_evaluation_report_write (const CliEvaluationReport *self, const char *folder, GError **error);
