/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

typedef struct
{
  const char *name;
  guint b, n, h, hd;
  float range; /* of q, k and v */
} AttentionBackwardCase;

static const AttentionBackwardCase cases[] = {
  { "two-tokens", 1, 2, 2, 8, 1 },   { "head-of-4", 1, 9, 3, 4, 1 },
  { "head-of-5", 3, 18, 2, 5, 1 },   { "head-of-12", 2, 13, 2, 12, 1 },
  { "head-of-32", 3, 17, 2, 32, 1 }, { "head-of-64", 1, 33, 2, 64, 1 },
  { "head-of-72", 1, 18, 2, 72, 1 }, { "head-of-80", 1, 21, 2, 80, 1 },
  { "head-of-88", 1, 10, 2, 88, 1 }, { "head-of-128", 1, 19, 2, 128, 1 },
  { "sharp", 2, 40, 2, 16, 6 },      { "one-more-than-a-tile", 1, 65, 1, 16, 2 },
  { "two-chunks", 1, 101, 1, 8, 2 }, { "batch-of-32", 32, 5, 2, 8, 1 },
  { "vit-small", 1, 257, 6, 64, 2 },
};

static void
test_attention_backward (Harness *harness, gconstpointer data)
{
  const AttentionBackwardCase *test = data;
  const guint b = test->b, n = test->n, h = test->h, hd = test->hd;
  const guint n_context = b * n * h * hd;
  KnownAttention known;
  known_attention_init (&known, harness, b, n, h, hd, test->range);
  HarnessTensor *context = harness_zeros (harness, VTR_DTYPE_F32, 3, b, n, h * hd);
  HarnessTensor *d_context = harness_input (harness, -1, 1, 3, b, n, h * hd);
  g_autofree double *exact_context = g_new (double, n_context);
  g_autofree double *expected = g_new (double, 3 * n_context);
  VtrTensor rows;
  GError *error = NULL;

  reference_attention_context (&known.reference, known.probs, exact_context);
  for (guint i = 0; i < n_context; i++)
    context->values[i] = exact_context[i];
  reference_attention_backward (&known.reference, known.probs, d_context->values, expected);

  harness_guard (harness);
  vtr_attention_backward_scratch_plan (&rows, harness->arena, b, h, n, &error);
  g_assert_no_error (error);
  HarnessTensor *d_qkv = harness_output (harness, 5, b, n, 3, h, hd);
  harness_begin (harness);
  vtr_op_attention_backward (harness->stream, &known.qkv->tensor, &known.lse->tensor,
                             known.reference.scale, &context->tensor, &d_context->tensor, &rows,
                             &d_qkv->tensor, &error);
  g_assert_no_error (error);
  harness_finish (harness);
  harness_assert_close (d_qkv, expected);
  known_attention_clear (&known);
}

void
add_attention_backward_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    harness_add ("attention-backward", cases[i].name, test_attention_backward, &cases[i]);
}
