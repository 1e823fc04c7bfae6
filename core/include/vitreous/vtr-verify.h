/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-types.h>

G_BEGIN_DECLS

/**
 * VtrVerdict:
 * @VTR_VERDICT_RIGHT: in every case the results are those of the processor, but for rounding
 * @VTR_VERDICT_WRONG: in some case they are not, or memory beside a result was written to
 * @VTR_VERDICT_FAILED: some case could not be computed, the others are right
 */
typedef enum
{
  VTR_VERDICT_RIGHT,
  VTR_VERDICT_FAILED,
  VTR_VERDICT_WRONG,
} VtrVerdict;

/**
 * VtrOpCheck:
 * @op: the op ("matmul", "attention", ...); with " f16" behind it where activations are f16
 * @n_cases: how many shapes and variants of it were computed
 * @verdict: of all of them
 * @worst_case: the case that has most of its tolerance used up, or that is wrong ("odd-depth")
 * @nmse: its normalised mean squared error, Σ (x − expected)² / Σ expected²; infinite where a
 *   result is no number; 0 where it could not be computed
 * @max_nmse: the most it may be; 0: results must agree exactly
 * @max_error: the largest |x − expected| of the case
 * @problem: what is wrong, a sentence; %NULL where all is right
 */
typedef struct
{
  const char *op;
  guint n_cases;
  VtrVerdict verdict;
  const char *worst_case;
  double nmse;
  double max_nmse;
  double max_error;
  char *problem;
} VtrOpCheck;

/**
 * VtrVerification:
 * @verdict: the worst of all ops'
 * @n_ops: entries of @ops
 * @ops: every op Vitreous has
 */
typedef struct
{
  VtrVerdict verdict;
  guint n_ops;
  VtrOpCheck *ops;
} VtrVerification;

/**
 * vtr_device_verify:
 * @self: the device to be verified
 * @progress: (nullable) (scope call): told of each case
 * @progress_data: its data
 * @cancellable: (nullable): stops between two cases
 * @error: return location
 *
 * Computes every op on @self and on the processor, in many shapes and variants,
 * on the same random numbers, and compares.  A case that @self cannot compute
 * (too little memory, a lost device) is that op's verdict and no error.
 *
 * Fails with %VTR_ERROR_NO_DEVICE where this build cannot compute on the
 * processor, and if cancelled.
 *
 * Returns: (transfer full): what was found, op by op
 */
VTR_AVAILABLE_IN_0_1
VtrVerification *vtr_device_verify (VtrDevice *self,
                                    VtrProgressFunc progress,
                                    gpointer progress_data,
                                    GCancellable *cancellable,
                                    GError **error);

VTR_AVAILABLE_IN_0_1
void vtr_verification_free (VtrVerification *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrVerification, vtr_verification_free)

G_END_DECLS
