/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Cases of attention, and of the ops that compute it again. */
#include "run/verify.h"

#include <math.h>

/* ---- attention ---- */

typedef struct
{
  const char *name;
  guint b, n, h, hd;
  float range; /* of q, k and v */
} AttentionCase;

static const AttentionCase attention_cases[] = {
  { "one-token", 1, 1, 1, 4, 1 },
  { "two-tokens", 1, 2, 2, 8, 1 },
  { "head-of-7", 1, 20, 2, 7, 1 },
  { "head-of-12", 2, 13, 2, 12, 1 },
  { "head-of-32", 3, 17, 2, 32, 1 },
  { "head-of-64", 1, 33, 2, 64, 1 },
  { "head-of-80", 1, 21, 2, 80, 1 },
  { "head-of-88", 1, 10, 2, 88, 1 },
  { "head-of-128", 1, 19, 2, 128, 1 },
  { "sharp", 2, 40, 2, 16, 12 },
  { "one-more-than-a-tile", 1, 65, 1, 16, 2 },
  { "batch-of-32", 32, 5, 2, 8, 1 },
  { "vit-small", 1, 257, 6, 64, 2 },
  { "many-tokens", 1, 1025, 2, 64, 2 },
};

static gboolean
run_attention (VtrTrial *trial, gconstpointer data, GError **error)
{
  const AttentionCase *test = data;
  const guint b = test->b, n = test->n, h = test->h, hd = test->hd;
  VtrTrialTensor *qkv =
      vtr_trial_activation (trial, "qkv", -test->range, test->range, 5, b, n, 3, h, hd);
  VtrTrialTensor *context = vtr_trial_output_activation (trial, "context", 3, b, n, h * hd);
  VtrTrialTensor *lse = vtr_trial_output (trial, "lse", 3, b, h, n);

  return vtr_trial_begin (trial, error) &&
         vtr_op_attention (trial->stream, &qkv->tensor, 1.0f / sqrtf ((float) hd), &context->tensor,
                           &lse->tensor, error);
}

const VtrVerifyOp vtr_verify_attention =
    VTR_VERIFY_OP_F16 ("attention", run_attention, attention_cases);

/* ---- an attention computed before ---- */

enum
{
  QUERY,
  KEY,
};

static const float *
vector_of (const VtrTrialAttention *self, guint image, guint token, guint slot, guint head)
{
  const float *qkv = self->qkv->floats;

  return qkv + ((((gsize) image * self->n + token) * 3 + slot) * self->h + head) * self->hd;
}

static double
logit_of (const VtrTrialAttention *self, guint image, guint head, guint query, guint key)
{
  const float *q = vector_of (self, image, query, QUERY, head);
  const float *k = vector_of (self, image, key, KEY, head);
  double dot = 0.0;

  for (guint i = 0; i < self->hd; i++)
    dot += (double) q[i] * k[i];
  return dot * self->scale;
}

/* log Σ exp over the keys, as it is summed up on the way. */
static double
log_sum_exp (const VtrTrialAttention *self, guint image, guint head, guint query)
{
  double largest = -INFINITY, sum = 0.0;

  for (guint key = 0; key < self->n; key++)
    {
      const double logit = logit_of (self, image, head, query, key);
      const double most = MAX (largest, logit);
      sum = sum * exp (largest - most) + exp (logit - most);
      largest = most;
    }
  return largest + log (sum);
}

VtrTrialAttention
vtr_trial_attention (VtrTrial *self, guint b, guint n, guint h, guint hd, float range)
{
  const VtrTrialAttention made = {
    .b = b,
    .n = n,
    .h = h,
    .hd = hd,
    .scale = 1.0f / sqrtf ((float) hd),
    .qkv = vtr_trial_activation (self, "qkv", -range, range, 5, b, n, 3, h, hd),
    .lse = vtr_trial_zeros (self, "lse", VTR_DTYPE_F32, 3, b, h, n),
  };
  float *lse = made.lse->values;

  for (guint image = 0; image < b; image++)
    for (guint head = 0; head < h; head++)
      for (guint query = 0; query < n; query++)
        *lse++ = (float) log_sum_exp (&made, image, head, query);
  return made;
}

double
vtr_trial_attention_prob (const VtrTrialAttention *self,
                          guint image,
                          guint head,
                          guint query,
                          guint key)
{
  const float *lse = self->lse->values;

  return exp (logit_of (self, image, head, query, key) -
              lse[((gsize) image * self->h + head) * self->n + query]);
}

/* ---- attention-rows ---- */

typedef struct
{
  const char *name;
  guint b, n, h, hd;
  guint n_rows;
  float range;
} AttentionRowsCase;

static const AttentionRowsCase attention_rows_cases[] = {
  { "one-token", 1, 1, 1, 4, 1, 1 },    { "one-row", 2, 17, 3, 8, 1, 1 },
  { "few-rows", 1, 20, 2, 12, 3, 1 },   { "many-rows", 2, 21, 2, 16, 19, 1 },
  { "all-rows", 1, 37, 2, 64, 37, 1 },  { "repeated-rows", 1, 5, 2, 8, 23, 1 },
  { "head-of-5", 3, 18, 2, 5, 2, 1 },   { "head-of-128", 1, 11, 2, 128, 5, 1 },
  { "sharp", 1, 40, 2, 16, 7, 12 },     { "batch-of-32", 32, 9, 2, 8, 1, 1 },
  { "vit-small", 1, 257, 6, 64, 1, 2 },
};

static gboolean
run_attention_rows (VtrTrial *trial, gconstpointer data, GError **error)
{
  const AttentionRowsCase *test = data;
  const guint b = test->b, n = test->n, h = test->h, n_rows = test->n_rows;
  const VtrTrialAttention known = vtr_trial_attention (trial, b, n, h, test->hd, test->range);
  VtrTrialTensor *rows = vtr_trial_zeros (trial, "rows", VTR_DTYPE_U32, 2, b, n_rows);
  VtrTrialTensor *probs = vtr_trial_output (trial, "probs", 4, b, h, n_rows, n);

  for (guint i = 0; i < b * n_rows; i++)
    ((guint32 *) rows->values)[i] = (guint32) g_rand_int_range (trial->rand, 0, (gint32) n);
  return vtr_trial_begin (trial, error) &&
         vtr_op_attention_rows (trial->stream, &known.qkv->tensor, &known.lse->tensor, known.scale,
                                &rows->tensor, &probs->tensor, error);
}

const VtrVerifyOp vtr_verify_attention_rows =
    VTR_VERIFY_OP_F16 ("attention-rows", run_attention_rows, attention_rows_cases);

/* ---- attention-apply ---- */

static const AttentionCase attention_apply_cases[] = {
  { "one-token", 1, 1, 1, 4, 1 },      { "odd", 2, 17, 3, 8, 1 },
  { "head-of-7", 1, 20, 2, 7, 1 },     { "head-of-128", 3, 18, 2, 128, 1 },
  { "chunk-exactly", 1, 32, 1, 8, 1 }, { "chunk-and-one", 1, 33, 1, 8, 1 },
  { "chunks", 2, 150, 2, 16, 2 },      { "sharp", 1, 70, 2, 16, 12 },
  { "batch-of-32", 32, 40, 2, 4, 1 },  { "vit-small", 1, 257, 6, 64, 2 },
};

static gboolean
run_attention_apply (VtrTrial *trial, gconstpointer data, GError **error)
{
  const AttentionCase *test = data;
  const guint b = test->b, n = test->n, h = test->h;
  const VtrTrialAttention known = vtr_trial_attention (trial, b, n, h, test->hd, test->range);
  VtrTrialTensor *weights = vtr_trial_input (trial, "weights", -1, 1, 2, b, n);
  VtrTrialTensor *out = vtr_trial_output (trial, "out", 3, b, h, n);
  VtrTensor partials;

  vtr_trial_guard (trial);
  return vtr_attention_apply_scratch_plan (&partials, trial->arena, b, h, n, error) &&
         vtr_trial_begin (trial, error) &&
         vtr_op_attention_apply (trial->stream, &known.qkv->tensor, &known.lse->tensor, known.scale,
                                 &weights->tensor, &partials, &out->tensor, error);
}

const VtrVerifyOp vtr_verify_attention_apply =
    VTR_VERIFY_OP_F16 ("attention-apply", run_attention_apply, attention_apply_cases);

/* ---- attention-statistics ---- */

typedef struct
{
  const char *name;
  guint b, h, hd;
  guint n_prefix, n_rows, n_columns; /* rows of patches */
  float range;
} AttentionStatisticsCase;

static const AttentionStatisticsCase attention_statistics_cases[] = {
  { "one-patch", 1, 1, 4, 0, 1, 1, 1 },    { "one-patch-and-cls", 1, 2, 8, 1, 1, 1, 1 },
  { "prefix-alone", 1, 2, 8, 3, 0, 1, 1 }, { "odd", 2, 3, 8, 1, 4, 4, 1 },
  { "one-row", 1, 2, 12, 2, 1, 17, 1 },    { "one-column", 1, 2, 16, 2, 17, 1, 1 },
  { "head-of-7", 1, 2, 7, 0, 5, 4, 1 },    { "head-of-128", 3, 2, 128, 1, 3, 6, 1 },
  { "prefix-of-5", 2, 2, 16, 5, 7, 9, 2 }, { "prefix-of-40", 1, 2, 16, 40, 3, 5, 2 },
  { "sharp", 1, 2, 16, 1, 9, 8, 12 },      { "batch-of-32", 32, 2, 4, 1, 5, 8, 1 },
  { "vit-small", 1, 6, 64, 1, 16, 16, 2 },
};

static gboolean
run_attention_statistics (VtrTrial *trial, gconstpointer data, GError **error)
{
  const AttentionStatisticsCase *test = data;
  const guint b = test->b, h = test->h, n = test->n_prefix + test->n_rows * test->n_columns;
  const VtrTrialAttention known = vtr_trial_attention (trial, b, n, h, test->hd, test->range);
  VtrTrialTensor *sums = vtr_trial_output (trial, "sums", 4, b, h, n, VTR_N_ROW_SUMS);

  return vtr_trial_begin (trial, error) &&
         vtr_op_attention_statistics (trial->stream, &known.qkv->tensor, &known.lse->tensor,
                                      known.scale, test->n_prefix, test->n_columns, &sums->tensor,
                                      error);
}

const VtrVerifyOp vtr_verify_attention_statistics = VTR_VERIFY_OP_F16 ("attention-statistics",
                                                                       run_attention_statistics,
                                                                       attention_statistics_cases);
