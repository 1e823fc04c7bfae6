/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Cases of the ops of a block but for attention. */
#include "run/verify.h"

/* ---- layer-norm ---- */

typedef struct
{
  const char *name;
  guint b, n, d;
  float low, high; /* of x */
  float eps;
  gboolean in_place;
} LayerNormCase;

static const LayerNormCase layer_norm_cases[] = {
  { "one-row", 1, 1, 8, -1, 1, 1e-6f, FALSE },
  { "odd-width", 1, 5, 13, -1, 1, 1e-6f, FALSE },
  { "odd-rows", 3, 7, 31, -1, 1, 1e-5f, FALSE },
  { "width-1", 1, 3, 1, -1, 1, 1e-6f, FALSE },
  { "in-place", 2, 9, 36, -2, 2, 1e-6f, TRUE },
  { "large-mean", 1, 6, 48, 100, 102, 1e-6f, FALSE },
  { "eps-counts", 1, 4, 64, -1e-3f, 1e-3f, 1e-5f, FALSE },
  { "batch-of-32", 32, 3, 20, -1, 1, 1e-6f, FALSE },
  { "vit-small", 1, 257, 384, -3, 3, 1e-6f, FALSE },
  { "vit-giant", 1, 257, 1536, -3, 3, 1e-6f, FALSE },
};

static gboolean
run_layer_norm (VtrTrial *trial, gconstpointer data, GError **error)
{
  const LayerNormCase *test = data;
  const guint b = test->b, n = test->n, d = test->d;
  VtrTrialTensor *x = vtr_trial_input (trial, "x", test->low, test->high, 3, b, n, d);
  VtrTrialTensor *affine = vtr_trial_input (trial, "affine", -1, 1, 2, 2, d);
  VtrTrialTensor *y = test->in_place ? x : vtr_trial_output_activation (trial, "y", 3, b, n, d);

  y->is_output = TRUE;
  return vtr_trial_begin (trial, error) &&
         vtr_op_layer_norm (trial->stream, &x->tensor, &affine->tensor, test->eps, &y->tensor,
                            error);
}

const VtrVerifyOp vtr_verify_layer_norm =
    VTR_VERIFY_OP_F16 ("layer-norm", run_layer_norm, layer_norm_cases);

/* ---- matmul ---- */

typedef struct
{
  const char *name;
  guint b, m, n, k; /* x [b][m][k], w [n][k] */
  VtrMatmulFlags flags;
  VtrActivation activation;
  float range; /* of x and w */
} MatmulCase;

#define PLAIN 0
#define BIAS VTR_MATMUL_BIAS
#define SCALE VTR_MATMUL_SCALE
#define ACCUMULATE VTR_MATMUL_ACCUMULATE
#define ALL (BIAS | SCALE | ACCUMULATE)
#define NONE VTR_ACTIVATION_NONE
#define GELU_ERF VTR_ACTIVATION_GELU_ERF
#define GELU_TANH VTR_ACTIVATION_GELU_TANH
#define GELU_QUICK VTR_ACTIVATION_GELU_QUICK
#define TANH VTR_ACTIVATION_TANH

/* The last ones are what GPUs take larger tiles for. */
static const MatmulCase matmul_cases[] = {
  { "one-value", 1, 1, 1, 1, PLAIN, NONE, 1 },
  { "one-row", 1, 1, 10, 16, BIAS, NONE, 1 },
  { "one-column", 1, 9, 1, 12, BIAS, NONE, 1 },
  { "depth-1", 1, 6, 5, 1, PLAIN, NONE, 1 },
  { "odd", 1, 7, 13, 19, PLAIN, NONE, 1 },
  { "odd-depth", 1, 16, 32, 33, BIAS, NONE, 1 },
  { "odd-rows", 3, 5, 64, 64, BIAS, NONE, 1 },
  { "odd-columns", 1, 64, 71, 64, BIAS, NONE, 1 },
  { "scale", 1, 11, 12, 16, SCALE, NONE, 1 },
  { "accumulate", 1, 11, 12, 16, ACCUMULATE, NONE, 1 },
  { "all-flags", 2, 17, 20, 36, ALL, NONE, 1 },
  { "gelu-erf", 1, 10, 24, 20, BIAS, GELU_ERF, 1 },
  { "gelu-tanh", 1, 10, 24, 20, BIAS, GELU_TANH, 1 },
  { "gelu-quick", 1, 10, 24, 20, BIAS, GELU_QUICK, 1 },
  { "tanh", 1, 10, 24, 20, BIAS, TANH, 1 },
  { "gelu-erf-saturated", 1, 10, 24, 20, BIAS, GELU_ERF, 8 },
  { "gelu-tanh-saturated", 1, 10, 24, 20, BIAS, GELU_TANH, 8 },
  { "gelu-quick-saturated", 1, 10, 24, 20, BIAS, GELU_QUICK, 8 },
  { "tanh-saturated", 1, 10, 24, 20, BIAS, TANH, 8 },
  { "gelu-all-flags", 1, 67, 36, 36, ALL, GELU_ERF, 1 },
  { "batch-of-32", 32, 3, 24, 28, BIAS, NONE, 1 },
  { "tiles-and-one", 1, 129, 129, 129, BIAS, NONE, 1 },
  { "patches-14", 1, 37, 48, 588, BIAS, NONE, 1 },
  { "long-depth", 1, 5, 12, 4096, BIAS, NONE, 1 },
  { "vit-small-qkv", 1, 257, 1152, 384, BIAS, NONE, 1 },
  { "vit-large-fc1", 1, 577, 2048, 96, BIAS, GELU_ERF, 1 },
  { "many-tokens", 1, 1370, 1536, 64, ALL, NONE, 1 },
  { "many-tokens-odd", 1, 1369, 1537, 27, BIAS, NONE, 1 },
};

static gboolean
run_matmul (VtrTrial *trial, gconstpointer data, GError **error)
{
  const MatmulCase *test = data;
  const guint b = test->b, m = test->m, n = test->n, k = test->k;
  const float range = test->range;
  VtrTrialTensor *x = vtr_trial_activation (trial, "x", -range, range, 3, b, m, k);
  VtrTrialTensor *w = vtr_trial_activation (trial, "w", -range, range, 2, n, k);
  VtrTrialTensor *epilogue = vtr_trial_input (trial, "epilogue", -1, 1, 2, 2, n);
  vtr_trial_guard (trial);
  VtrTrialTensor *y = test->flags & ACCUMULATE
                          ? vtr_trial_input (trial, "y", -1, 1, 3, b, m, n)
                          : vtr_trial_output_activation (trial, "y", 3, b, m, n);

  y->is_output = TRUE;
  return vtr_trial_begin (trial, error) &&
         vtr_op_matmul (trial->stream, &x->tensor, &w->tensor, &epilogue->tensor, test->flags,
                        test->activation, &y->tensor, error);
}

const VtrVerifyOp vtr_verify_matmul = VTR_VERIFY_OP_F16 ("matmul", run_matmul, matmul_cases);

/* ---- swiglu ---- */

typedef struct
{
  const char *name;
  guint b, n, f;
  float range;
} SwigluCase;

static const SwigluCase swiglu_cases[] = {
  { "one-value", 1, 1, 1, 1 },      { "odd", 1, 5, 7, 3 },
  { "saturated", 2, 6, 12, 200 },   { "batch-of-32", 32, 3, 9, 2 },
  { "vit-giant", 1, 257, 4096, 4 },
};

static gboolean
run_swiglu (VtrTrial *trial, gconstpointer data, GError **error)
{
  const SwigluCase *test = data;
  const guint b = test->b, n = test->n, f = test->f;
  VtrTrialTensor *gate_up =
      vtr_trial_activation (trial, "gate_up", -test->range, test->range, 3, b, n, 2 * f);
  VtrTrialTensor *hidden = vtr_trial_output_activation (trial, "hidden", 3, b, n, f);

  return vtr_trial_begin (trial, error) &&
         vtr_op_swiglu (trial->stream, &gate_up->tensor, &hidden->tensor, error);
}

const VtrVerifyOp vtr_verify_swiglu = VTR_VERIFY_OP_F16 ("swiglu", run_swiglu, swiglu_cases);

/* ---- rope ---- */

typedef struct
{
  const char *name;
  guint b, n_prefix, p, h, hd;
  gboolean per_image; /* whether each image has its own table */
} RopeCase;

static const RopeCase rope_cases[] = {
  { "one-pair", 1, 0, 1, 1, 2, FALSE },     { "no-prefix", 1, 0, 6, 2, 8, FALSE },
  { "cls", 1, 1, 6, 3, 8, FALSE },          { "registers", 3, 5, 9, 2, 16, FALSE },
  { "head-of-6", 1, 1, 4, 3, 6, FALSE },    { "head-of-128", 1, 5, 4, 2, 128, FALSE },
  { "batch-of-32", 32, 1, 4, 2, 4, FALSE }, { "vit-small", 1, 5, 196, 6, 64, FALSE },
  { "tables", 3, 2, 5, 2, 12, TRUE },       { "tables-vit-small", 2, 5, 98, 6, 64, TRUE },
};

static gboolean
run_rope (VtrTrial *trial, gconstpointer data, GError **error)
{
  const RopeCase *test = data;
  const guint n = test->n_prefix + test->p, h = test->h, hd = test->hd;
  vtr_trial_guard (trial);
  VtrTrialTensor *qkv = vtr_trial_activation (trial, "qkv", -1, 1, 5, test->b, n, 3, h, hd);
  VtrTrialTensor *table = test->per_image
                              ? vtr_trial_input (trial, "table", -1, 1, 4, test->b, 2, test->p, hd)
                              : vtr_trial_input (trial, "table", -1, 1, 3, 2, test->p, hd);

  qkv->is_output = TRUE;
  return vtr_trial_begin (trial, error) &&
         vtr_op_rope (trial->stream, &qkv->tensor, &table->tensor, error);
}

const VtrVerifyOp vtr_verify_rope = VTR_VERIFY_OP_F16 ("rope", run_rope, rope_cases);
