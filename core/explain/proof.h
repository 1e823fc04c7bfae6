/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* Patches that a decision hangs on: VTR_EXPLAIN_PROOF. */
#include "explain/explain.h"

void vtr_proof_free (VtrProof *self); /* NULL is fine */

/* Whether there is a decision to prove: @target, NULL for the first class, is about classes, and
 * the model has more than one. */
gboolean vtr_proof_check (const VtrTarget *target, VtrModel *model, GError **error);

/* Puts a proof into the explanation, of what its summary's order leads to. */
gboolean vtr_prove_explanation (VtrSession *session,
                                VtrExplanation *explanation,
                                const VtrProgress *progress,
                                GError **error);
