/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Cases of the ops around the blocks: pixels → tokens, tokens → embedding. */
#include "run/verify.h"

/* ---- patchify ---- */

typedef struct
{
  const char *name;
  guint b, height, width, size;
} PatchifyCase;

static const PatchifyCase patchify_cases[] = {
  { "one-patch", 1, 4, 4, 4 },
  { "rectangle", 2, 28, 70, 14 },
  { "part-patches-left-out", 3, 17, 23, 5 },
  { "single-pixels", 1, 3, 2, 1 },
  { "large-patches", 1, 64, 96, 32 },
  { "batch-of-32", 32, 16, 16, 8 },
  { "vit-base", 1, 224, 224, 16 },
};

static gboolean
run_patchify (VtrTrial *trial, gconstpointer data, GError **error)
{
  const PatchifyCase *test = data;
  const guint p = test->height / test->size * (test->width / test->size);
  VtrTrialTensor *pixels =
      vtr_trial_input (trial, "pixels", -2, 2, 4, test->b, 3, test->height, test->width);
  VtrTrialTensor *patches =
      vtr_trial_output_activation (trial, "patches", 3, test->b, p, 3 * test->size * test->size);

  if (patches->tensor.dtype == VTR_DTYPE_F32)
    patches->max_nmse = 0.0; /* it only copies */
  return vtr_trial_begin (trial, error) &&
         vtr_op_patchify (trial->stream, &pixels->tensor, test->size, &patches->tensor, error);
}

const VtrVerifyOp vtr_verify_patchify =
    VTR_VERIFY_OP_F16 ("patchify", run_patchify, patchify_cases);

/* ---- embed-tokens ---- */

typedef struct
{
  const char *name;
  guint b, n_prefix, p, d;
  gboolean has_positions;
} EmbedTokensCase;

static const EmbedTokensCase embed_tokens_cases[] = {
  { "no-prefix", 1, 0, 9, 8, TRUE },      { "cls", 1, 1, 9, 8, TRUE },
  { "registers", 3, 5, 7, 10, TRUE },     { "no-positions", 2, 5, 4, 8, FALSE },
  { "bare", 1, 0, 4, 4, FALSE },          { "one-token-odd-width", 1, 0, 1, 7, TRUE },
  { "batch-of-32", 32, 1, 16, 20, TRUE }, { "vit-small", 1, 1, 256, 384, TRUE },
};

static gboolean
run_embed_tokens (VtrTrial *trial, gconstpointer data, GError **error)
{
  const EmbedTokensCase *test = data;
  const guint b = test->b, p = test->p, d = test->d;
  VtrTrialTensor *patches = vtr_trial_input (trial, "patches", -1, 1, 3, b, p, d);
  VtrTrialTensor *prefix =
      test->n_prefix == 0 ? NULL : vtr_trial_input (trial, "prefix", -1, 1, 2, test->n_prefix, d);
  VtrTrialTensor *positions =
      test->has_positions ? vtr_trial_input (trial, "positions", -1, 1, 2, p, d) : NULL;
  VtrTrialTensor *tokens = vtr_trial_output (trial, "tokens", 3, b, test->n_prefix + p, d);

  return vtr_trial_begin (trial, error) &&
         vtr_op_embed_tokens (trial->stream, &patches->tensor,
                              prefix != NULL ? &prefix->tensor : NULL,
                              positions != NULL ? &positions->tensor : NULL, &tokens->tensor,
                              error);
}

const VtrVerifyOp vtr_verify_embed_tokens =
    VTR_VERIFY_OP ("embed-tokens", run_embed_tokens, embed_tokens_cases);

/* ---- gather-tokens ---- */

typedef struct
{
  const char *name;
  guint b, n, m, d;
  gboolean shared; /* whether all images are of the same x */
} GatherTokensCase;

static const GatherTokensCase gather_tokens_cases[] = {
  { "one-token", 1, 1, 1, 7, FALSE },   { "some", 2, 17, 5, 12, FALSE },
  { "of-one", 5, 10, 6, 9, TRUE },      { "more-than-there-are", 2, 3, 11, 8, FALSE },
  { "batch-of-32", 32, 9, 4, 6, TRUE }, { "vit-small", 4, 257, 129, 384, TRUE },
};

static gboolean
run_gather_tokens (VtrTrial *trial, gconstpointer data, GError **error)
{
  const GatherTokensCase *test = data;
  const guint b = test->b, m = test->m, d = test->d;
  VtrTrialTensor *x = vtr_trial_input (trial, "x", -1, 1, 3, test->shared ? 1 : b, test->n, d);
  VtrTrialTensor *indices = vtr_trial_zeros (trial, "indices", VTR_DTYPE_U32, 2, b, m);
  VtrTrialTensor *y = vtr_trial_output (trial, "y", 3, b, m, d);

  y->max_nmse = 0.0; /* it only copies */
  for (guint i = 0; i < b * m; i++)
    ((guint32 *) indices->values)[i] =
        (guint32) g_rand_int_range (trial->rand, 0, (gint32) test->n);
  return vtr_trial_begin (trial, error) &&
         vtr_op_gather_tokens (trial->stream, &x->tensor, &indices->tensor, &y->tensor, error);
}

const VtrVerifyOp vtr_verify_gather_tokens =
    VTR_VERIFY_OP ("gather-tokens", run_gather_tokens, gather_tokens_cases);

/* ---- pool ---- */

typedef struct
{
  const char *name;
  guint b, n_prefix, p, d;
  VtrPool pool;
} PoolCase;

static const PoolCase pool_cases[] = {
  { "cls", 1, 1, 9, 8, VTR_POOL_CLS },
  { "cls-of-registers", 3, 5, 9, 7, VTR_POOL_CLS },
  { "mean-no-prefix", 1, 0, 9, 8, VTR_POOL_MEAN },
  { "mean-registers", 2, 5, 11, 10, VTR_POOL_MEAN },
  { "cls-and-mean", 3, 5, 6, 5, VTR_POOL_CLS_AND_MEAN },
  { "distillation", 2, 2, 4, 6, VTR_POOL_DISTILLATION },
  { "mean-all", 2, 2, 5, 8, VTR_POOL_MEAN_ALL },
  { "one-token", 1, 0, 1, 3, VTR_POOL_MEAN_ALL },
  { "batch-of-32", 32, 1, 4, 12, VTR_POOL_CLS_AND_MEAN },
  { "vit-small", 1, 1, 1369, 384, VTR_POOL_MEAN },
};

static gboolean
run_pool (VtrTrial *trial, gconstpointer data, GError **error)
{
  const PoolCase *test = data;
  const guint d = test->d;
  VtrTrialTensor *tokens =
      vtr_trial_activation (trial, "tokens", -1, 1, 3, test->b, test->n_prefix + test->p, d);
  VtrTrialTensor *pooled = vtr_trial_output (trial, "pooled", 2, test->b,
                                             test->pool == VTR_POOL_CLS_AND_MEAN ? 2 * d : d);

  return vtr_trial_begin (trial, error) &&
         vtr_op_pool (trial->stream, &tokens->tensor, test->n_prefix, test->pool, &pooled->tensor,
                      error);
}

const VtrVerifyOp vtr_verify_pool = VTR_VERIFY_OP_F16 ("pool", run_pool, pool_cases);
