/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vitreous.h>

/* What was found, in words, on stdout. */
void cli_diagnosis_report_print (const VtrDiagnosis *diagnosis);

/* The table of rules, in words or as JSON, on stdout. */
void cli_rules_print (gboolean json);
