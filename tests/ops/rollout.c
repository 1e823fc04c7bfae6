/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

#include <math.h>

typedef struct
{
  const char *name;
  guint b, n, h, hd;
  VtrFusion fusion;
  guint64 head_mask;
  double discard_ratio; /* below 0: no discarding at all */
  float range;
} RolloutCase;

#define NONE -1.0
#define ALL_64 0xffffffffffffffff

static const RolloutCase cases[] = {
  { "one-token", 1, 1, 1, 4, VTR_FUSION_MEAN, 1, NONE, 1 },
  { "one-token-discarded", 1, 1, 1, 4, VTR_FUSION_MEAN, 1, 1.0, 1 },
  { "mean", 1, 17, 3, 8, VTR_FUSION_MEAN, 7, NONE, 1 },
  { "max", 1, 17, 3, 8, VTR_FUSION_MAX, 7, NONE, 1 },
  { "min", 1, 17, 3, 8, VTR_FUSION_MIN, 7, NONE, 1 },
  { "mean-of-some-heads", 2, 18, 5, 8, VTR_FUSION_MEAN, 0x16, NONE, 1 },
  { "max-of-some-heads", 2, 18, 5, 8, VTR_FUSION_MAX, 0x11, NONE, 1 },
  { "min-of-some-heads", 2, 18, 5, 8, VTR_FUSION_MIN, 0x0a, NONE, 1 },
  { "heads-above-32", 1, 6, 64, 4, VTR_FUSION_MAX, 0x8000000100000002, NONE, 2 },
  { "64-heads", 1, 6, 64, 4, VTR_FUSION_MEAN, ALL_64, 0.5, 2 },
  { "head-of-5", 2, 19, 2, 5, VTR_FUSION_MEAN, 3, 0.5, 1 },
  { "head-of-128", 1, 19, 2, 128, VTR_FUSION_MAX, 3, 0.5, 1 },
  { "drop-none", 1, 17, 2, 8, VTR_FUSION_MEAN, 3, 0.0, 1 },
  { "drop-one", 1, 17, 2, 8, VTR_FUSION_MEAN, 3, 1.0 / 288, 1 },
  { "drop-most", 2, 17, 2, 8, VTR_FUSION_MEAN, 3, 0.97, 1 },
  { "drop-all", 1, 17, 2, 8, VTR_FUSION_MEAN, 3, 1.0, 1 },
  { "mean-discard", 3, 50, 3, 16, VTR_FUSION_MEAN, 7, 0.9, 2 },
  { "max-discard", 3, 50, 3, 16, VTR_FUSION_MAX, 7, 0.9, 2 },
  { "min-discard", 3, 50, 3, 16, VTR_FUSION_MIN, 7, 0.9, 2 },
  { "sharp-discard", 2, 70, 2, 16, VTR_FUSION_MEAN, 3, 0.6, 12 },
  { "batch-of-32", 32, 35, 2, 4, VTR_FUSION_MIN, 3, 0.3, 1 },
  { "vit-small", 1, 257, 6, 64, VTR_FUSION_MEAN, 0x3f, NONE, 2 },
  { "vit-small-discard", 1, 257, 6, 64, VTR_FUSION_MEAN, 0x3f, 0.9, 2 },
};

/* The step of one image; its cutoff. */
static double
expect_step (const RolloutCase *test, const double *probs, const float *r, double *next)
{
  const guint64 n_entries = (guint64) test->n * test->n;
  g_autofree double *fused = g_new (double, n_entries);
  double cutoff = 0.0;

  reference_fuse (probs, test->h, test->n, test->fusion, test->head_mask, fused);
  if (test->discard_ratio >= 0.0)
    {
      cutoff = reference_select (fused, n_entries, test->discard_ratio * n_entries);
      reference_discard (fused, test->n, cutoff);
    }
  reference_rollout_step (fused, test->n, r, next);
  return cutoff;
}

/* Unless nothing is discarded, [b][4] has each image's cutoff first, as its bits. */
static void
check_cutoffs (Harness *harness, const VtrRolloutScratch *scratch, const double *expected, guint b)
{
  g_autofree float *cutoffs = g_new (float, 4 * b);
  GError *error = NULL;

  vtr_stream_read (harness->stream, &scratch->cutoff, 0, cutoffs, 4 * b * sizeof *cutoffs, &error);
  g_assert_no_error (error);
  for (guint image = 0; image < b; image++)
    g_assert_cmpfloat_with_epsilon (cutoffs[4 * image], expected[image],
                                    1e-5 * expected[image] + 1e-30);
}

static void
test_rollout (Harness *harness, gconstpointer data)
{
  const RolloutCase *test = data;
  const guint b = test->b, n = test->n;
  const gsize n_probs = (gsize) test->h * n * n;
  KnownAttention known;
  known_attention_init (&known, harness, b, n, test->h, test->hd, test->range);
  HarnessTensor *r = harness_input (harness, 0, 1, 2, b, n);
  HarnessTensor *next = harness_output (harness, 2, b, n);
  VtrRolloutScratch scratch;
  g_autofree double *expected = g_new (double, b *n);
  g_autofree double *cutoffs = g_new (double, b);
  GError *error = NULL;

  for (guint image = 0; image < b; image++)
    cutoffs[image] = expect_step (test, known.probs + image * n_probs, r->values + image * n,
                                  expected + image * n);

  harness_guard (harness);
  vtr_rollout_scratch_plan (&scratch, harness->arena, b, 0, n, &error);
  g_assert_no_error (error);
  harness_begin (harness);
  const VtrRolloutLayer layer = {
    .qkv = &known.qkv->tensor,
    .lse = &known.lse->tensor,
    .scale = known.reference.scale,
    .fusion = test->fusion,
    .head_mask = test->head_mask,
    .discard = test->discard_ratio >= 0.0,
  };
  if (layer.discard)
    vtr_op_rollout_cutoff (harness->stream, &layer, test->discard_ratio * ((double) n * n),
                           &scratch, &error);
  g_assert_no_error (error);
  vtr_op_rollout_step (harness->stream, &layer, &r->tensor, &scratch, &next->tensor, &error);
  g_assert_no_error (error);
  harness_finish (harness);
  if (layer.discard)
    check_cutoffs (harness, &scratch, cutoffs, b);
  harness_assert_close (next, expected);
  known_attention_clear (&known);
}

/* What callers may get wrong is refused before anything is recorded. */
static void
test_refusals (Harness *harness, gconstpointer data G_GNUC_UNUSED)
{
  KnownAttention known;
  known_attention_init (&known, harness, 1, 4, 2, 4, 1);
  VtrRolloutScratch scratch;
  GError *error = NULL;

  vtr_rollout_scratch_plan (&scratch, harness->arena, 1, 0, 4, &error);
  g_assert_no_error (error);
  harness_begin (harness);
  VtrRolloutLayer layer = {
    .qkv = &known.qkv->tensor, .lse = &known.lse->tensor, .scale = 0.5f, .discard = TRUE
  };

  g_assert_false (vtr_op_rollout_cutoff (harness->stream, &layer, 1, &scratch, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_FAILED);
  g_clear_error (&error);

  layer.head_mask = 4; /* a third head */
  g_assert_false (vtr_op_rollout_cutoff (harness->stream, &layer, 1, &scratch, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_FAILED);
  g_clear_error (&error);

  layer.head_mask = 3;
  g_assert_false (vtr_op_rollout_cutoff (harness->stream, &layer, 17, &scratch, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_FAILED);
  g_clear_error (&error);
  known_attention_clear (&known);
}

void
add_rollout_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      harness_add ("rollout", cases[i].name, test_rollout, &cases[i]);
      harness_add_f16 ("rollout", cases[i].name, VTR_F16_ACTIVATIONS, test_rollout, &cases[i]);
    }
  harness_add ("rollout", "refusals", test_refusals, NULL);
}
