/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Cases of the ops that go backward.  RoPE has none: it goes back through its forward op. */
#include "run/verify.h"

/* Where a gradient goes. */
typedef enum
{
  APART,
  INTO_INPUT, /* in the place of what the forward op was given */
  IN_PLACE,   /* of the gradient that came */
  ACCUMULATE, /* to what is there */
} Result;

/* ---- layer-norm-backward ---- */

typedef struct
{
  const char *name;
  guint b, n, d;
  float low, high; /* of x */
  float eps;
  Result result;
} LayerNormCase;

static const LayerNormCase layer_norm_cases[] = {
  { "one-row", 1, 1, 8, -1, 1, 1e-6f, APART },
  { "odd-width", 1, 5, 13, -1, 1, 1e-6f, APART },
  { "odd-rows", 3, 7, 31, -1, 1, 1e-5f, ACCUMULATE },
  { "width-2", 1, 3, 2, -1, 1, 1e-2f, APART },
  { "in-place", 2, 9, 36, -2, 2, 1e-6f, IN_PLACE },
  { "large-mean", 1, 6, 48, 100, 102, 1e-6f, APART },
  { "eps-counts", 1, 4, 64, -1e-3f, 1e-3f, 1e-5f, APART },
  { "batch-of-32", 32, 3, 20, -1, 1, 1e-6f, ACCUMULATE },
  { "vit-small", 1, 257, 384, -3, 3, 1e-6f, ACCUMULATE },
  { "vit-giant", 1, 257, 1536, -3, 3, 1e-6f, IN_PLACE },
};

static gboolean
run_layer_norm (VtrTrial *trial, gconstpointer data, GError **error)
{
  const LayerNormCase *test = data;
  const guint b = test->b, n = test->n, d = test->d;
  VtrTrialTensor *x = vtr_trial_input (trial, "x", test->low, test->high, 3, b, n, d);
  VtrTrialTensor *affine = vtr_trial_input (trial, "affine", -1, 1, 2, 2, d);
  vtr_trial_guard (trial);
  VtrTrialTensor *d_y = vtr_trial_input (trial, "d_y", -1, 1, 3, b, n, d);
  vtr_trial_guard (trial);
  VtrTrialTensor *d_x = test->result == IN_PLACE ? d_y
                        : test->result == ACCUMULATE
                            ? vtr_trial_input (trial, "d_x", -1, 1, 3, b, n, d)
                            : vtr_trial_output (trial, "d_x", 3, b, n, d);

  d_x->is_output = TRUE;
  return vtr_trial_begin (trial, error) &&
         vtr_op_layer_norm_backward (trial->stream, &x->tensor, &affine->tensor, test->eps,
                                     &d_y->tensor, test->result == ACCUMULATE, &d_x->tensor, error);
}

const VtrVerifyOp vtr_verify_layer_norm_backward =
    VTR_VERIFY_OP ("layer-norm-backward", run_layer_norm, layer_norm_cases);

/* ---- matmul-backward ---- */

typedef struct
{
  const char *name;
  guint b, m, n, k; /* d_y [b][m][n], w [n][k] */
} MatmulCase;

/* The last ones are what GPUs take larger tiles for. */
static const MatmulCase matmul_cases[] = {
  { "one-value", 1, 1, 1, 1 },
  { "one-row", 1, 1, 10, 16 },
  { "one-column", 1, 9, 12, 1 },
  { "depth-1", 1, 6, 1, 5 },
  { "odd", 1, 7, 19, 13 },
  { "odd-depth", 1, 16, 33, 32 },
  { "odd-rows", 3, 5, 64, 64 },
  { "odd-columns", 1, 64, 64, 71 },
  { "many-rows", 1, 67, 36, 36 },
  { "batch-of-32", 32, 3, 28, 24 },
  { "tiles-and-one", 1, 129, 129, 129 },
  { "long-depth", 1, 5, 4096, 12 },
  { "vit-small-qkv", 1, 257, 1152, 384 },
  { "vit-large-fc1", 1, 577, 96, 2048 },
  { "many-tokens", 1, 1370, 64, 1536 },
  { "many-tokens-odd", 1, 1369, 27, 1537 },
};

static gboolean
run_matmul (VtrTrial *trial, gconstpointer data, GError **error)
{
  const MatmulCase *test = data;
  VtrTrialTensor *d_y = vtr_trial_input (trial, "d_y", -1, 1, 3, test->b, test->m, test->n);
  VtrTrialTensor *w = vtr_trial_input (trial, "w", -1, 1, 2, test->n, test->k);
  VtrTrialTensor *d_x = vtr_trial_output (trial, "d_x", 3, test->b, test->m, test->k);

  return vtr_trial_begin (trial, error) &&
         vtr_op_matmul_backward (trial->stream, &d_y->tensor, &w->tensor, &d_x->tensor, error);
}

const VtrVerifyOp vtr_verify_matmul_backward =
    VTR_VERIFY_OP ("matmul-backward", run_matmul, matmul_cases);

/* ---- activation-backward ---- */

typedef struct
{
  const char *name;
  guint b, m, n; /* z, d_y, d_z [b][m][n] */
  VtrActivation activation;
  gboolean scale;
  float range; /* of z */
  Result result;
} ActivationCase;

#define NONE VTR_ACTIVATION_NONE
#define GELU_ERF VTR_ACTIVATION_GELU_ERF
#define GELU_TANH VTR_ACTIVATION_GELU_TANH
#define GELU_QUICK VTR_ACTIVATION_GELU_QUICK
#define TANH VTR_ACTIVATION_TANH

static const ActivationCase activation_cases[] = {
  { "one-value", 1, 1, 1, GELU_ERF, FALSE, 1, APART },
  { "copy", 2, 3, 5, NONE, FALSE, 1, APART },
  { "scale", 2, 3, 7, NONE, TRUE, 1, IN_PLACE },
  { "gelu-erf", 1, 9, 21, GELU_ERF, FALSE, 4, APART },
  { "gelu-tanh", 1, 9, 21, GELU_TANH, FALSE, 4, APART },
  { "gelu-quick", 1, 9, 21, GELU_QUICK, FALSE, 4, APART },
  { "tanh", 1, 9, 21, TANH, FALSE, 4, APART },
  { "gelu-erf-scale", 1, 9, 21, GELU_ERF, TRUE, 4, INTO_INPUT },
  { "gelu-erf-saturated", 1, 5, 16, GELU_ERF, FALSE, 1e20f, APART },
  { "gelu-tanh-saturated", 1, 5, 16, GELU_TANH, FALSE, 1e20f, APART },
  { "gelu-quick-saturated", 1, 5, 16, GELU_QUICK, FALSE, 1e20f, APART },
  { "tanh-saturated", 1, 5, 16, TANH, FALSE, 12, APART },
  { "batch-of-32", 32, 3, 12, GELU_QUICK, TRUE, 2, APART },
  { "vit-small", 1, 257, 1536, GELU_ERF, FALSE, 3, IN_PLACE },
};

static gboolean
run_activation (VtrTrial *trial, gconstpointer data, GError **error)
{
  const ActivationCase *test = data;
  const guint b = test->b, m = test->m, n = test->n;
  const float range = test->range;
  vtr_trial_guard (trial);
  VtrTrialTensor *z = vtr_trial_input (trial, "z", -range, range, 3, b, m, n);
  VtrTrialTensor *epilogue = vtr_trial_input (trial, "epilogue", -1, 1, 2, 2, n);
  vtr_trial_guard (trial);
  VtrTrialTensor *d_y = vtr_trial_input (trial, "d_y", -1, 1, 3, b, m, n);
  VtrTrialTensor *d_z = test->result == IN_PLACE     ? d_y
                        : test->result == INTO_INPUT ? z
                                                     : vtr_trial_output (trial, "d_z", 3, b, m, n);

  d_z->is_output = TRUE;
  return vtr_trial_begin (trial, error) &&
         vtr_op_activation_backward (trial->stream, test->activation != NONE ? &z->tensor : NULL,
                                     test->scale ? &epilogue->tensor : NULL, test->activation,
                                     &d_y->tensor, &d_z->tensor, error);
}

const VtrVerifyOp vtr_verify_activation_backward =
    VTR_VERIFY_OP ("activation-backward", run_activation, activation_cases);

/* ---- swiglu-backward ---- */

typedef struct
{
  const char *name;
  guint b, n, f;
  float range; /* of gate_up */
  Result result;
} SwigluCase;

static const SwigluCase swiglu_cases[] = {
  { "one-value", 1, 1, 1, 1, APART },          { "odd", 1, 5, 13, 1, APART },
  { "in-place", 3, 7, 24, 4, INTO_INPUT },     { "saturated", 1, 9, 20, 40, APART },
  { "batch-of-32", 32, 3, 12, 2, INTO_INPUT }, { "vit-small", 1, 257, 1024, 3, INTO_INPUT },
};

static gboolean
run_swiglu (VtrTrial *trial, gconstpointer data, GError **error)
{
  const SwigluCase *test = data;
  const guint b = test->b, n = test->n, f = test->f;
  vtr_trial_guard (trial);
  VtrTrialTensor *gate_up =
      vtr_trial_input (trial, "gate_up", -test->range, test->range, 3, b, n, 2 * f);
  VtrTrialTensor *d_hidden = vtr_trial_input (trial, "d_hidden", -1, 1, 3, b, n, f);
  VtrTrialTensor *d_gate_up =
      test->result == INTO_INPUT ? gate_up : vtr_trial_output (trial, "d_gate_up", 3, b, n, 2 * f);

  d_gate_up->is_output = TRUE;
  return vtr_trial_begin (trial, error) &&
         vtr_op_swiglu_backward (trial->stream, &gate_up->tensor, &d_hidden->tensor,
                                 &d_gate_up->tensor, error);
}

const VtrVerifyOp vtr_verify_swiglu_backward =
    VTR_VERIFY_OP ("swiglu-backward", run_swiglu, swiglu_cases);

/* ---- attention-backward ---- */

typedef struct
{
  const char *name;
  guint b, n, h, hd;
  float range; /* of q, k and v */
} AttentionCase;

static const AttentionCase attention_cases[] = {
  { "two-tokens", 1, 2, 2, 8, 1 },   { "head-of-5", 3, 18, 2, 5, 1 },
  { "head-of-12", 2, 13, 2, 12, 1 }, { "head-of-32", 3, 17, 2, 32, 1 },
  { "head-of-64", 1, 33, 2, 64, 1 }, { "head-of-80", 1, 21, 2, 80, 1 },
  { "head-of-88", 1, 10, 2, 88, 1 }, { "head-of-128", 1, 19, 2, 128, 1 },
  { "sharp", 2, 40, 2, 16, 6 },      { "one-more-than-a-tile", 1, 65, 1, 16, 2 },
  { "two-chunks", 1, 101, 1, 8, 2 }, { "batch-of-32", 32, 5, 2, 8, 1 },
  { "vit-small", 1, 257, 6, 64, 2 },
};

/* The context is any: all that is made of it is its product with d_context. */
static gboolean
run_attention (VtrTrial *trial, gconstpointer data, GError **error)
{
  const AttentionCase *test = data;
  const guint b = test->b, n = test->n, h = test->h, hd = test->hd;
  const VtrTrialAttention known = vtr_trial_attention (trial, b, n, h, hd, test->range);
  VtrTrialTensor *context = vtr_trial_input (trial, "context", -1, 1, 3, b, n, h * hd);
  VtrTrialTensor *d_context = vtr_trial_input (trial, "d_context", -1, 1, 3, b, n, h * hd);
  VtrTensor rows;

  vtr_trial_guard (trial);
  if (!vtr_attention_backward_scratch_plan (&rows, trial->arena, b, h, n, error))
    return FALSE;
  VtrTrialTensor *d_qkv = vtr_trial_output (trial, "d_qkv", 5, b, n, 3, h, hd);
  return vtr_trial_begin (trial, error) &&
         vtr_op_attention_backward (trial->stream, &known.qkv->tensor, &known.lse->tensor,
                                    known.scale, &context->tensor, &d_context->tensor, &rows,
                                    &d_qkv->tensor, error);
}

const VtrVerifyOp vtr_verify_attention_backward =
    VTR_VERIFY_OP ("attention-backward", run_attention, attention_cases);

/* ---- pool-backward ---- */

typedef struct
{
  const char *name;
  guint b, n_prefix, p, d;
  VtrPool pool;
  Result result;
} PoolCase;

static const PoolCase pool_cases[] = {
  { "cls", 1, 1, 9, 8, VTR_POOL_CLS, APART },
  { "cls-of-registers", 3, 5, 9, 7, VTR_POOL_CLS, APART },
  { "mean-no-prefix", 1, 0, 9, 8, VTR_POOL_MEAN, APART },
  { "mean-registers", 2, 5, 11, 10, VTR_POOL_MEAN, ACCUMULATE },
  { "cls-and-mean", 2, 1, 6, 12, VTR_POOL_CLS_AND_MEAN, APART },
  { "cls-and-mean-registers", 3, 5, 6, 5, VTR_POOL_CLS_AND_MEAN, ACCUMULATE },
  { "distillation", 2, 2, 4, 6, VTR_POOL_DISTILLATION, ACCUMULATE },
  { "mean-all", 2, 2, 5, 8, VTR_POOL_MEAN_ALL, APART },
  { "one-token", 1, 0, 1, 3, VTR_POOL_MEAN_ALL, APART },
  { "batch-of-32", 32, 1, 4, 12, VTR_POOL_CLS_AND_MEAN, APART },
  { "vit-small", 1, 1, 1369, 384, VTR_POOL_MEAN, APART },
};

static gboolean
run_pool (VtrTrial *trial, gconstpointer data, GError **error)
{
  const PoolCase *test = data;
  const guint b = test->b, n = test->n_prefix + test->p, d = test->d;
  const guint pooled_width = test->pool == VTR_POOL_CLS_AND_MEAN ? 2 * d : d;
  VtrTrialTensor *d_pooled = vtr_trial_input (trial, "d_pooled", -1, 1, 2, b, pooled_width);
  vtr_trial_guard (trial);
  VtrTrialTensor *d_tokens = test->result == ACCUMULATE
                                 ? vtr_trial_input (trial, "d_tokens", -1, 1, 3, b, n, d)
                                 : vtr_trial_output (trial, "d_tokens", 3, b, n, d);

  d_tokens->is_output = TRUE;
  return vtr_trial_begin (trial, error) &&
         vtr_op_pool_backward (trial->stream, &d_pooled->tensor, test->n_prefix, test->pool,
                               test->result == ACCUMULATE, &d_tokens->tensor, error);
}

const VtrVerifyOp vtr_verify_pool_backward = VTR_VERIFY_OP ("pool-backward", run_pool, pool_cases);
