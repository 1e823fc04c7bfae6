/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include "common.h"
#include "inputs.h"

/* What reports on many pictures have in common. */

/* "0.412±0.031"; what follows ± is half of the interval.  @with_sign: "+0.412" where it is above 0.
 * Transfer full. */
char *cli_format_estimate (VtrEstimate estimate, guint n_digits, gboolean with_sign);

/* ---- members of the object a builder is in ---- */

/* Opens one; the caller ends it. */
void cli_json_begin_object (JsonBuilder *builder, const char *member);
void cli_json_begin_array (JsonBuilder *builder, const char *member);

/* "mean", "low", "high" */
void cli_json_estimate (JsonBuilder *builder, VtrEstimate estimate);

/* "parameters" */
void cli_json_parameters (JsonBuilder *builder, VtrMethod *method);

/* "failed": of the pictures those that have */
void cli_json_failures (JsonBuilder *builder, GPtrArray *pictures);

/* ---- files ---- */

/* A text as a field of CSV, in quotation marks where need be; nothing for NULL. */
void cli_csv_append (GString *line, const char *text);

/* A line feed is added; written under a temporary name first. */
gboolean cli_write_text (const char *folder, const char *name, const char *text, GError **error);

/* ---- the end ---- */

/* Lists the failures and says what stopped the run, if anything did; what to end with.  @stopped:
 * said after a Ctrl-C, with how many of how many pictures are finished before it. */
CliExit cli_conclude (GPtrArray *pictures, const GError *error, const char *stopped);
