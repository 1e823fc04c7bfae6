/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-types.h>

G_BEGIN_DECLS

/**
 * VtrProofOutcome:
 * @VTR_PROOF_FLIPPED: without the patches of the proof the model decides otherwise
 * @VTR_PROOF_NOT_FLIPPED: patches were taken away in the map's order, one by one to the last, and
 *   the decision stayed what it is
 * @VTR_PROOF_NOT_PREFERRED: the whole picture is not decided so: there is nothing to prove
 *
 * What came of a proof.
 */
typedef enum
{
  VTR_PROOF_FLIPPED,
  VTR_PROOF_NOT_FLIPPED,
  VTR_PROOF_NOT_PREFERRED,
} VtrProofOutcome;

/* "flipped", "not-flipped", "not-preferred" */
VTR_AVAILABLE_IN_0_1
const char *vtr_proof_outcome_get_name (VtrProofOutcome outcome);

/**
 * VtrProof:
 * @outcome: what came of it
 * @target: what was decided: a over b; or, asked for a class or "a-rest", a over all others
 * @a: the class it speaks for
 * @b: the class it speaks against; of all others the strongest, after the patches are gone
 * @a_before: logit z_a of the whole picture
 * @b_before: z_b of the whole picture
 * @y_before: z_a less z_b, or less the greatest logit of all others; of the whole picture
 * @a_after: z_a without the patches; where the decision was not flipped, without all that can be
 *   taken away; where nothing was to be proven, as before
 * @b_after: z_b, likewise
 * @y_after: @a_after − @b_after, below 0 where it is flipped
 * @n_all: patches of the picture
 * @n_greedy: patches taken away in the map's order until the decision flipped, else 0
 * @n_patches: patches that are left of those once all that need not go were put back, else 0
 * @patches: (array length=n_patches): which, row · n_columns + column, ascending
 * @n_passes: pictures with patches left out that the model was asked about
 *
 * Patches whose removal flips a decision, none of which can be put back without the decision
 * turning again.  There may be smaller sets, of other patches: to find the smallest of all, every
 * set would have to be tried.
 */
typedef struct
{
  VtrProofOutcome outcome;
  VtrTarget *target;
  guint a;
  guint b;
  double a_before;
  double b_before;
  double y_before;
  double a_after;
  double b_after;
  double y_after;
  guint n_all;
  guint n_greedy;
  guint n_patches;
  guint *patches;
  guint n_passes;
} VtrProof;

/* For people: "42 of 256 patches decide it: without them bee 1.31 beats cat 1.28"; transfer full.
 */
VTR_AVAILABLE_IN_0_1
char *vtr_proof_describe (const VtrProof *self, VtrModel *model);

/* NULL unless asked for by VTR_EXPLAIN_PROOF; owned by @self. */
VTR_AVAILABLE_IN_0_1
const VtrProof *vtr_explanation_get_proof (const VtrExplanation *self);

G_END_DECLS
