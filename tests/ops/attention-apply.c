/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

typedef struct
{
  const char *name;
  guint b, n, h, hd;
  float range;
} AttentionApplyCase;

static const AttentionApplyCase cases[] = {
  { "one-token", 1, 1, 1, 4, 1 },      { "odd", 2, 17, 3, 8, 1 },
  { "head-of-7", 1, 20, 2, 7, 1 },     { "head-of-128", 3, 18, 2, 128, 1 },
  { "chunk-exactly", 1, 32, 1, 8, 1 }, { "chunk-and-one", 1, 33, 1, 8, 1 },
  { "chunks", 2, 150, 2, 16, 2 },      { "sharp", 1, 70, 2, 16, 12 },
  { "batch-of-32", 32, 40, 2, 4, 1 },  { "vit-small", 1, 257, 6, 64, 2 },
};

static void
test_attention_apply (Harness *harness, gconstpointer data)
{
  const AttentionApplyCase *test = data;
  const guint b = test->b, n = test->n, h = test->h;
  KnownAttention known;
  known_attention_init (&known, harness, b, n, h, test->hd, test->range);
  HarnessTensor *weights = harness_input (harness, -1, 1, 2, b, n);
  HarnessTensor *out = harness_output (harness, 3, b, h, n);
  VtrTensor partials;
  g_autofree double *expected = g_new0 (double, b *h *n);
  GError *error = NULL;

  for (guint row = 0; row < b * h; row++)
    for (guint query = 0; query < n; query++)
      for (guint key = 0; key < n; key++)
        expected[row * n + key] +=
            weights->values[row / h * n + query] * known.probs[(row * n + query) * n + key];

  harness_guard (harness);
  vtr_attention_apply_scratch_plan (&partials, harness->arena, b, h, n, &error);
  g_assert_no_error (error);
  harness_begin (harness);
  vtr_op_attention_apply (harness->stream, &known.qkv->tensor, &known.lse->tensor,
                          known.reference.scale, &weights->tensor, &partials, &out->tensor, &error);
  g_assert_no_error (error);
  harness_finish (harness);
  harness_assert_close (out, expected);
  known_attention_clear (&known);
}

void
add_attention_apply_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      harness_add ("attention-apply", cases[i].name, test_attention_apply, &cases[i]);
      harness_add_f16 ("attention-apply", cases[i].name, VTR_F16_ACTIVATIONS, test_attention_apply,
                       &cases[i]);
    }
}
