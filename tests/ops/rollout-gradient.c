/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* grad-rollout, relevance and sensitivity: what weights attention with its gradient. */
#include "cases.h"

typedef struct
{
  const char *name;
  guint b, n, h, hd;
  VtrFusion fusion; /* which of the three */
  guint64 head_mask;
  double discard_ratio; /* below 0: no discarding at all */
  float range;
} GradientCase;

#define NONE -1.0
#define ALL_64 0xffffffffffffffff

static const GradientCase rollout_cases[] = {
  { "one-token", 1, 1, 1, 4, VTR_FUSION_GRADIENT, 1, NONE, 1 },
  { "mean", 1, 17, 3, 8, VTR_FUSION_GRADIENT, 7, NONE, 1 },
  { "some-heads", 2, 18, 5, 8, VTR_FUSION_GRADIENT, 0x16, NONE, 1 },
  { "64-heads", 1, 6, 64, 4, VTR_FUSION_GRADIENT, ALL_64, NONE, 2 },
  { "head-of-5", 2, 19, 2, 5, VTR_FUSION_GRADIENT, 3, 0.8, 1 },
  { "head-of-128", 1, 19, 2, 128, VTR_FUSION_GRADIENT, 3, 0.8, 1 },
  { "drop-none", 1, 17, 2, 8, VTR_FUSION_GRADIENT, 3, 0.0, 1 },
  { "drop-zeros", 1, 17, 2, 8, VTR_FUSION_GRADIENT, 3, 0.25, 1 },
  { "drop-most", 2, 17, 2, 8, VTR_FUSION_GRADIENT, 3, 0.97, 1 },
  { "drop-all", 1, 17, 2, 8, VTR_FUSION_GRADIENT, 3, 1.0, 1 },
  { "discard", 3, 50, 3, 16, VTR_FUSION_GRADIENT, 7, 0.9, 2 },
  { "sharp", 2, 70, 2, 16, VTR_FUSION_GRADIENT, 3, NONE, 12 },
  { "batch-of-32", 32, 35, 2, 4, VTR_FUSION_GRADIENT, 3, 0.7, 1 },
  { "vit-small", 1, 257, 6, 64, VTR_FUSION_GRADIENT, 0x3f, 0.9, 2 },
};

static const GradientCase relevance_cases[] = {
  { "one-token", 1, 1, 1, 4, VTR_FUSION_RELEVANCE, 1, NONE, 1 },
  { "mean", 1, 17, 3, 8, VTR_FUSION_RELEVANCE, 7, NONE, 1 },
  { "some-heads", 2, 18, 5, 8, VTR_FUSION_RELEVANCE, 0x16, NONE, 1 },
  { "heads-above-32", 1, 6, 64, 4, VTR_FUSION_RELEVANCE, 0x8000000100000002, NONE, 2 },
  { "head-of-5", 2, 19, 2, 5, VTR_FUSION_RELEVANCE, 3, NONE, 1 },
  { "head-of-128", 1, 70, 2, 128, VTR_FUSION_RELEVANCE, 3, NONE, 1 },
  { "sharp", 2, 70, 2, 16, VTR_FUSION_RELEVANCE, 3, NONE, 12 },
  { "batch-of-32", 32, 35, 2, 4, VTR_FUSION_RELEVANCE, 3, NONE, 1 },
  { "vit-small", 1, 257, 6, 64, VTR_FUSION_RELEVANCE, 0x3f, NONE, 2 },
};

static const GradientCase sensitivity_cases[] = {
  { "one-token", 1, 1, 1, 4, VTR_FUSION_SENSITIVITY, 1, NONE, 1 },
  { "mean", 1, 17, 3, 8, VTR_FUSION_SENSITIVITY, 7, NONE, 1 },
  { "some-heads", 2, 18, 5, 8, VTR_FUSION_SENSITIVITY, 0x16, NONE, 1 },
  { "head-of-5", 2, 19, 2, 5, VTR_FUSION_SENSITIVITY, 3, NONE, 1 },
  { "head-of-128", 1, 70, 2, 128, VTR_FUSION_SENSITIVITY, 3, NONE, 1 },
  { "batch-of-32", 32, 35, 2, 4, VTR_FUSION_SENSITIVITY, 3, NONE, 1 },
  { "vit-small", 1, 257, 6, 64, VTR_FUSION_SENSITIVITY, 0x3f, NONE, 2 },
};

/* What one image is to give, [n]. */
static void
expect (const GradientCase *test, double *fused, const float *r, double *next)
{
  const guint n = test->n;
  const guint64 n_entries = (guint64) n * n;

  if (test->fusion == VTR_FUSION_RELEVANCE)
    reference_relevance_step (fused, n, r, next);
  if (test->fusion == VTR_FUSION_SENSITIVITY)
    for (guint key = 0; key < n; key++)
      {
        next[key] = 0.0;
        for (guint query = 0; query < n; query++)
          next[key] += fused[(gsize) query * n + key] / n;
      }
  if (test->fusion != VTR_FUSION_GRADIENT)
    return;

  if (test->discard_ratio >= 0.0)
    {
      const double cutoff =
          reference_select (fused, n_entries, (guint64) (test->discard_ratio * (double) n_entries));
      for (gsize entry = 0; entry < n_entries; entry++)
        if (fused[entry] <= cutoff)
          fused[entry] = 0.0;
    }
  reference_rollout_step (fused, n, r, next);
}

static gboolean
record (Harness *harness,
        const GradientCase *test,
        const VtrRolloutLayer *layer,
        const VtrTensor *r,
        const VtrRolloutScratch *scratch,
        const VtrTensor *next,
        GError **error)
{
  VtrStream *stream = harness->stream;
  const guint64 n_drop =
      layer->discard ? (guint64) (test->discard_ratio * ((double) test->n * test->n)) : 0;

  if (test->fusion == VTR_FUSION_RELEVANCE)
    return vtr_op_relevance_step (stream, layer, r, scratch, next, error);
  if (test->fusion == VTR_FUSION_SENSITIVITY)
    return vtr_op_attention_sensitivity (stream, layer, scratch, next, error);
  return (!layer->discard || vtr_op_rollout_cutoff (stream, layer, n_drop, scratch, error)) &&
         vtr_op_rollout_step (stream, layer, r, scratch, next, error);
}

static void
test_gradient (Harness *harness, gconstpointer data)
{
  const GradientCase *test = data;
  const guint b = test->b, n = test->n;
  const gsize n_probs = (gsize) test->h * n * n;
  KnownAttention known;
  known_attention_init (&known, harness, b, n, test->h, test->hd, test->range);
  HarnessTensor *d_context = harness_input (harness, -1, 1, 3, b, n, test->h * test->hd);
  HarnessTensor *r = harness_input (harness, 0, 1, 2, b, n);
  HarnessTensor *next = harness_output (harness, 2, b, n);
  VtrRolloutScratch scratch;
  g_autofree double *expected = g_new (double, b *n);
  g_autofree double *fused = g_new (double, (gsize) n *n);
  GError *error = NULL;

  for (guint image = 0; image < b; image++)
    {
      reference_fuse_gradient (&known.reference, image, known.probs + image * n_probs,
                               d_context->values, test->fusion, test->head_mask, fused);
      expect (test, fused, r->values + image * n, expected + image * n);
    }

  harness_guard (harness);
  vtr_rollout_scratch_plan (&scratch, harness->arena, b, test->h, n, &error);
  g_assert_no_error (error);
  harness_begin (harness);
  const VtrRolloutLayer layer = {
    .qkv = &known.qkv->tensor,
    .lse = &known.lse->tensor,
    .d_context = &d_context->tensor,
    .scale = known.reference.scale,
    .fusion = VTR_FUSION_MAX, /* counts for nothing where there is a gradient */
    .head_mask = test->head_mask,
    .discard = test->discard_ratio >= 0.0,
  };
  record (harness, test, &layer, &r->tensor, &scratch, &next->tensor, &error);
  g_assert_no_error (error);
  harness_finish (harness);
  harness_assert_close (next, expected);
  known_attention_clear (&known);
}

/* Without a gradient, or with the scratch of attention alone. */
static void
test_refusals (Harness *harness, gconstpointer data G_GNUC_UNUSED)
{
  KnownAttention known;
  known_attention_init (&known, harness, 1, 4, 2, 4, 1);
  HarnessTensor *d_context = harness_input (harness, -1, 1, 3, 1, 4, 8);
  HarnessTensor *r = harness_input (harness, 0, 1, 2, 1, 4);
  HarnessTensor *next = harness_input (harness, 0, 1, 2, 1, 4);
  VtrRolloutScratch scratch;
  GError *error = NULL;

  vtr_rollout_scratch_plan (&scratch, harness->arena, 1, 0, 4, &error);
  g_assert_no_error (error);
  harness_begin (harness);
  VtrRolloutLayer layer = {
    .qkv = &known.qkv->tensor, .lse = &known.lse->tensor, .scale = 0.5f, .head_mask = 3
  };

  g_assert_false (
      vtr_op_relevance_step (harness->stream, &layer, &r->tensor, &scratch, &next->tensor, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_FAILED);
  g_clear_error (&error);
  g_assert_false (
      vtr_op_attention_sensitivity (harness->stream, &layer, &scratch, &next->tensor, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_FAILED);
  g_clear_error (&error);

  layer.d_context = &d_context->tensor;
  g_assert_false (
      vtr_op_relevance_step (harness->stream, &layer, &r->tensor, &scratch, &next->tensor, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_FAILED);
  g_clear_error (&error);
  known_attention_clear (&known);
}

static void
add_cases (const char *op, const GradientCase *cases, gsize n_cases)
{
  for (gsize i = 0; i < n_cases; i++)
    harness_add (op, cases[i].name, test_gradient, &cases[i]);
}

void
add_rollout_gradient_cases (void)
{
  add_cases ("grad-rollout", rollout_cases, G_N_ELEMENTS (rollout_cases));
  add_cases ("relevance", relevance_cases, G_N_ELEMENTS (relevance_cases));
  add_cases ("sensitivity", sensitivity_cases, G_N_ELEMENTS (sensitivity_cases));
  harness_add ("relevance", "refusals", test_refusals, NULL);
}
