/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Cases of what weights attention with its gradient: grad-rollout, relevance, sensitivity. */
#include "run/verify.h"

typedef struct
{
  const char *name;
  guint b, n, h, hd;
  guint64 head_mask;
  double discard_ratio; /* below 0: no discarding at all */
  float range;
} GradientCase;

#define KEEP -1.0

typedef struct
{
  VtrTrialAttention known;
  VtrRolloutScratch scratch;
  VtrRolloutLayer layer;
  VtrTrialTensor *r;
  VtrTrialTensor *next;
} Gradient;

static gboolean
begin (Gradient *self, VtrTrial *trial, const GradientCase *test, GError **error)
{
  const guint b = test->b, n = test->n;

  self->known = vtr_trial_attention (trial, b, n, test->h, test->hd, test->range);
  self->layer = (VtrRolloutLayer){
    .qkv = &self->known.qkv->tensor,
    .lse = &self->known.lse->tensor,
    .d_context = &vtr_trial_input (trial, "d_context", -1, 1, 3, b, n, test->h * test->hd)->tensor,
    .scale = self->known.scale,
    .head_mask = test->head_mask,
    .discard = test->discard_ratio >= 0.0,
  };
  self->r = vtr_trial_input (trial, "r", 0, 1, 2, b, n);
  self->next = vtr_trial_output (trial, "next", 2, b, n);
  vtr_trial_guard (trial);
  return vtr_rollout_scratch_plan (&self->scratch, trial->arena, b, test->h, n, error) &&
         vtr_trial_begin (trial, error);
}

/* About half of the entries are 0, so that dropping less drops nothing that counts, whatever the
 * rounding; but it has to be found out. */
static const GradientCase grad_rollout_cases[] = {
  { "one-token", 1, 1, 1, 4, 1, KEEP, 1 },
  { "mean", 1, 17, 3, 8, 7, KEEP, 1 },
  { "some-heads", 2, 18, 5, 8, 0x16, KEEP, 1 },
  { "heads-above-32", 1, 9, 64, 4, 0x8000000100000002, KEEP, 2 },
  { "head-of-5", 2, 19, 2, 5, 3, KEEP, 1 },
  { "head-of-128", 1, 19, 2, 128, 3, KEEP, 1 },
  { "drop-none", 1, 17, 2, 8, 3, 0.0, 1 },
  { "drop-zeros", 3, 50, 3, 16, 7, 0.25, 2 },
  { "drop-all", 1, 17, 2, 8, 3, 1.0, 1 },
  { "batch-of-32", 32, 14, 2, 4, 3, KEEP, 1 },
  { "vit-small", 1, 257, 6, 64, 0x3f, 0.25, 2 },
};

static gboolean
run_grad_rollout (VtrTrial *trial, gconstpointer data, GError **error)
{
  const GradientCase *test = data;
  const guint64 n_drop = (guint64) (MAX (test->discard_ratio, 0.0) * ((double) test->n * test->n));
  Gradient gradient;

  return begin (&gradient, trial, test, error) &&
         (!gradient.layer.discard || vtr_op_rollout_cutoff (trial->stream, &gradient.layer, n_drop,
                                                            &gradient.scratch, error)) &&
         vtr_op_rollout_step (trial->stream, &gradient.layer, &gradient.r->tensor,
                              &gradient.scratch, &gradient.next->tensor, error);
}

const VtrVerifyOp vtr_verify_grad_rollout_step =
    VTR_VERIFY_OP ("grad-rollout-step", run_grad_rollout, grad_rollout_cases);

static const GradientCase relevance_cases[] = {
  { "one-token", 1, 1, 1, 4, 1, KEEP, 1 },
  { "mean", 1, 17, 3, 8, 7, KEEP, 1 },
  { "some-heads", 2, 18, 5, 8, 0x16, KEEP, 1 },
  { "heads-above-32", 1, 9, 64, 4, 0x8000000100000002, KEEP, 2 },
  { "head-of-5", 2, 19, 2, 5, 3, KEEP, 1 },
  { "head-of-128", 1, 19, 2, 128, 3, KEEP, 1 },
  { "sharp", 2, 70, 2, 16, 3, KEEP, 5 },
  { "batch-of-32", 32, 14, 2, 4, 3, KEEP, 1 },
  { "vit-small", 1, 257, 6, 64, 0x3f, KEEP, 2 },
};

static gboolean
run_relevance (VtrTrial *trial, gconstpointer data, GError **error)
{
  Gradient gradient;

  return begin (&gradient, trial, data, error) &&
         vtr_op_relevance_step (trial->stream, &gradient.layer, &gradient.r->tensor,
                                &gradient.scratch, &gradient.next->tensor, error);
}

const VtrVerifyOp vtr_verify_relevance_step =
    VTR_VERIFY_OP ("relevance-step", run_relevance, relevance_cases);

static gboolean
run_sensitivity (VtrTrial *trial, gconstpointer data, GError **error)
{
  Gradient gradient;

  return begin (&gradient, trial, data, error) &&
         vtr_op_attention_sensitivity (trial->stream, &gradient.layer, &gradient.scratch,
                                       &gradient.next->tensor, error);
}

const VtrVerifyOp vtr_verify_attention_sensitivity =
    VTR_VERIFY_OP ("attention-sensitivity", run_sensitivity, relevance_cases);
