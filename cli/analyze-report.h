/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include "explain-options.h"

/* What `analyze` has found, and how. */
typedef struct
{
  const VtrAnalysis *analysis;
  const CliExplainOptions *options;
  VtrDevice *device;
  GPtrArray *pictures; /* of CliPicture */
  gboolean stopped;    /* whether pictures are missing since the run was stopped */
} CliAnalysisReport;

/* For people, to stdout. */
void cli_analysis_report_print (const CliAnalysisReport *self);

/* One document; transfer full. */
char *cli_analysis_report_to_json (const CliAnalysisReport *self);

/* analysis.html, analysis.json and analysis.csv in @folder. */
gboolean
cli_analysis_report_write (const CliAnalysisReport *self, const char *folder, GError **error);
