/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* Running models and comparing numbers; what goes wrong fails the test, and the other cases go on.
 */
#include "golden.h"

#define ATTENTION_TOLERANCE 1e-5
#define LOGIT_TOLERANCE 1e-4
#define MAP_TOLERANCE 1e-4 /* of the map's maximum */

/* With f16 single numbers may be further off: then the normalised mean squared error counts. */
#define MAX_F16_NMSE 1e-4

/* The device all tests run on, and what it stores numbers as. */
extern VtrDevice *golden_device;
extern VtrPrecision golden_precision;

/* NULL where it cannot be. */
VtrSession *golden_open_session (const GoldenCase *golden);

/* @params: name, value, ..., NULL */
VtrMethod *golden_make_method (const char *name, ...) G_GNUC_NULL_TERMINATED;

/* NULL where it cannot be. */
GPtrArray *golden_explain_all (VtrSession *session,
                               VtrMethod *method,
                               VtrInput *const *inputs,
                               guint n_inputs,
                               VtrExplainFlags flags);
VtrExplanation *
golden_explain_one (VtrSession *session, VtrMethod *method, VtrInput *input, VtrExplainFlags flags);

guint golden_count_patches (VtrInput *input);

/* The centres of these patches, as a query: "X,Y;X,Y". */
char *golden_make_places (VtrInput *input, const guint *patches, guint n_patches);

/* Fails the test where values differ by more than @tolerance (see above for f16), and says what,
 * where, how much. */
gboolean golden_check_close (const char *what,
                             const float *values,
                             const float *expected,
                             gsize n_values,
                             double tolerance);

/* Opens the device that VTR_TEST_DEVICE says, for what VTR_TEST_PRECISION says, lets @add_tests
 * register for every case, and runs; the exit status of a TAP program. */
int golden_run (int argc, char **argv, void (*add_tests) (const char *name));

double golden_maximum (const float *values, gsize n_values);
