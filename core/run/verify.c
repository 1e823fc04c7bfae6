/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Verifying a device: the table of ops, and what is made of their cases. */
#include "run/verify.h"

#include <math.h>
#include <string.h>

static const VtrVerifyOp *const ops[] = {
  &vtr_verify_patchify,
  &vtr_verify_embed_tokens,
  &vtr_verify_gather_tokens,
  &vtr_verify_layer_norm,
  &vtr_verify_matmul,
  &vtr_verify_swiglu,
  &vtr_verify_rope,
  &vtr_verify_attention,
  &vtr_verify_pool,
  &vtr_verify_attention_rows,
  &vtr_verify_attention_apply,
  &vtr_verify_attention_statistics,
  &vtr_verify_rollout_histogram,
  &vtr_verify_rollout_select,
  &vtr_verify_rollout_cutoff,
  &vtr_verify_rollout_step,
  &vtr_verify_grad_rollout_step,
  &vtr_verify_relevance_step,
  &vtr_verify_attention_sensitivity,
  &vtr_verify_layer_norm_backward,
  &vtr_verify_matmul_backward,
  &vtr_verify_activation_backward,
  &vtr_verify_swiglu_backward,
  &vtr_verify_attention_backward,
  &vtr_verify_pool_backward,
};

static const char *
case_name (const VtrVerifyOp *op, guint index)
{
  return *(const char *const *) ((const guint8 *) op->cases + index * op->case_size);
}

/* A case of @op computed on @device; the same numbers on every one. */
static VtrTrial *
compute (const VtrVerifyOp *op,
         guint index,
         VtrPrecision precision,
         VtrDevice *device,
         GError **error)
{
  VtrTrial *trial = vtr_trial_new (device, g_str_hash (case_name (op, index)), precision);
  gconstpointer test = (const guint8 *) op->cases + index * op->case_size;

  if (op->run (trial, test, error) && vtr_trial_finish (trial, error))
    return trial;
  vtr_trial_free (trial);
  return NULL;
}

/* What became of one case; as VtrOpCheck. */
typedef struct
{
  VtrVerdict verdict;
  double nmse;
  double max_nmse;
  double max_error;
  char *problem; /* owned */
} Outcome;

/* The share of its tolerance that an error uses up: 1 is just right. */
static double
used_share (double nmse, double max_nmse)
{
  return nmse == 0.0 ? 0.0 : nmse / max_nmse;
}

static char *
describe_difference (const VtrTrialTensor *actual, const VtrTrialError *found)
{
  const char *name = actual->tensor.name;

  if (!isfinite (found->max_error))
    return g_strdup_printf ("value %" G_GSIZE_FORMAT " of “%s” is no number.", found->worst, name);
  if (actual->max_nmse == 0.0)
    return g_strdup_printf ("value %" G_GSIZE_FORMAT " of “%s” is off by %g and has to be exact.",
                            found->worst, name, found->max_error);
  return g_strdup_printf ("“%s” has an NMSE of %.2g where %.2g is the most; value %" G_GSIZE_FORMAT
                          " is off by %g.",
                          name, found->nmse, actual->max_nmse, found->worst, found->max_error);
}

/* Takes the output that has most of its tolerance used up. */
static void
judge_output (Outcome *self, const VtrTrialTensor *actual, const VtrTrialTensor *expected)
{
  const VtrTrialError found = vtr_trial_compare (actual, expected);
  const double used = used_share (found.nmse, actual->max_nmse);

  if (self->max_nmse >= 0.0 && used <= used_share (self->nmse, self->max_nmse))
    return;
  self->nmse = found.nmse;
  self->max_nmse = actual->max_nmse;
  self->max_error = found.max_error;
  if (used <= 1.0)
    return;
  self->verdict = VTR_VERDICT_WRONG;
  g_free (self->problem);
  self->problem = describe_difference (actual, &found);
}

static Outcome
judge (const VtrTrial *actual, const VtrTrial *expected)
{
  Outcome self = { .verdict = VTR_VERDICT_RIGHT, .max_nmse = -1.0 };

  for (guint i = 0; i < actual->tensors->len; i++)
    {
      const VtrTrialTensor *tensor = g_ptr_array_index (actual->tensors, i);
      if (tensor->is_output)
        judge_output (&self, tensor, g_ptr_array_index (expected->tensors, i));
    }

  g_autofree char *stray = vtr_trial_find_stray (actual);
  if (stray != NULL)
    {
      self.verdict = VTR_VERDICT_WRONG;
      g_free (self.problem);
      self.problem = g_strdup_printf ("it writes to %s.", stray);
    }
  return self;
}

static Outcome
verify_case (const VtrVerifyOp *op,
             guint index,
             VtrPrecision precision,
             VtrDevice *device,
             VtrDevice *reference)
{
  g_autoptr (GError) error = NULL;
  VtrTrial *actual = compute (op, index, precision, device, &error);
  VtrTrial *expected = actual != NULL ? compute (op, index, precision, reference, &error) : NULL;
  Outcome outcome = { .verdict = VTR_VERDICT_FAILED };

  if (expected != NULL)
    outcome = judge (actual, expected);
  else
    outcome.problem = g_strdup (error->message);
  vtr_trial_free (actual);
  vtr_trial_free (expected);
  return outcome;
}

static gboolean
is_worse (const Outcome *outcome, const VtrOpCheck *check)
{
  if (check->worst_case == NULL || outcome->verdict != check->verdict)
    return check->worst_case == NULL || outcome->verdict > check->verdict;
  return used_share (outcome->nmse, outcome->max_nmse) > used_share (check->nmse, check->max_nmse);
}

/* Takes @outcome into the verdict of its op; steals its problem. */
static void
add_outcome (VtrOpCheck *check, const char *name, Outcome *outcome)
{
  if (!is_worse (outcome, check))
    {
      g_free (outcome->problem);
      return;
    }
  g_free (check->problem);
  check->verdict = outcome->verdict;
  check->worst_case = name;
  check->nmse = outcome->nmse;
  check->max_nmse = outcome->max_nmse;
  check->max_error = outcome->max_error;
  check->problem = outcome->problem == NULL
                       ? NULL
                       : g_strdup_printf ("In the case “%s”: %s", name, outcome->problem);
  g_free (outcome->problem);
}

static gboolean
verify_op (const VtrVerifyOp *op,
           VtrPrecision precision,
           VtrDevice *device,
           VtrDevice *reference,
           const VtrProgress *progress,
           VtrOpCheck *check,
           GError **error)
{
  check->op = precision == VTR_PRECISION_F16 ? op->op_f16 : op->op;
  check->n_cases = op->n_cases;
  for (guint i = 0; i < op->n_cases; i++)
    {
      const char *name = case_name (op, i);
      g_autofree char *what = g_strdup_printf ("verifying %s, %s", check->op, name);
      if (!vtr_progress_step (progress, (double) i / op->n_cases, what, error))
        return FALSE;

      Outcome outcome = verify_case (op, i, precision, device, reference);
      add_outcome (check, name, &outcome);
    }
  return TRUE;
}

/* An op in one precision. */
typedef struct
{
  const VtrVerifyOp *op;
  VtrPrecision precision;
} Row;

/* Every op in f32, then those that have it in f16 where the device takes that.  Returns how many.
 */
static guint
list_rows (VtrDevice *device, Row rows[2 * G_N_ELEMENTS (ops)])
{
  guint n_rows = 0;

  for (guint i = 0; i < G_N_ELEMENTS (ops); i++)
    rows[n_rows++] = (Row){ ops[i], VTR_PRECISION_F32 };
  for (guint i = 0; i < G_N_ELEMENTS (ops) && device->f16 == VTR_F16_ACTIVATIONS; i++)
    if (ops[i]->op_f16 != NULL)
      rows[n_rows++] = (Row){ ops[i], VTR_PRECISION_F16 };
  return n_rows;
}

VtrVerification *
vtr_verify (VtrDevice *device, VtrDevice *reference, const VtrProgress *progress, GError **error)
{
  g_autoptr (VtrVerification) self = g_new0 (VtrVerification, 1);
  Row rows[2 * G_N_ELEMENTS (ops)];

  self->n_ops = list_rows (device, rows);
  self->ops = g_new0 (VtrOpCheck, self->n_ops);
  for (guint i = 0; i < self->n_ops; i++)
    {
      const VtrProgress part =
          vtr_progress_part (progress, (double) i / self->n_ops, (double) (i + 1) / self->n_ops);
      if (!verify_op (rows[i].op, rows[i].precision, device, reference, &part, &self->ops[i],
                      error))
        return NULL;
      self->verdict = MAX (self->verdict, self->ops[i].verdict);
    }
  return g_steal_pointer (&self);
}

void
vtr_verification_free (VtrVerification *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->n_ops; i++)
    g_free (self->ops[i].problem);
  g_free (self->ops);
  g_free (self);
}
