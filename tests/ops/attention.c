/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

#include <math.h>

typedef struct
{
  const char *name;
  guint b, n, h, hd;
  float range; /* of q, k and v */
} AttentionCase;

static const AttentionCase cases[] = {
  { "one-token", 1, 1, 1, 4, 1 },    { "two-tokens", 1, 2, 2, 8, 1 },
  { "head-of-4", 1, 9, 3, 4, 1 },    { "head-of-12", 2, 13, 2, 12, 1 },
  { "head-of-32", 3, 17, 2, 32, 1 }, { "head-of-64", 1, 33, 2, 64, 1 },
  { "head-of-72", 1, 18, 2, 72, 1 }, { "head-of-80", 1, 21, 2, 80, 1 },
  { "head-of-88", 1, 10, 2, 88, 1 }, { "head-of-128", 1, 19, 2, 128, 1 },
  { "sharp", 2, 40, 2, 16, 12 },     { "one-more-than-a-tile", 1, 65, 1, 16, 2 },
  { "batch-of-32", 32, 5, 2, 8, 1 }, { "vit-small", 1, 257, 6, 64, 2 },
};

static void
test_attention (Harness *harness, gconstpointer data)
{
  const AttentionCase *test = data;
  const guint b = test->b, n = test->n, h = test->h, hd = test->hd;
  HarnessTensor *qkv = harness_activation (harness, -test->range, test->range, 5, b, n, 3, h, hd);
  HarnessTensor *context = harness_output_activation (harness, 3, b, n, h * hd);
  HarnessTensor *lse = harness_output (harness, 3, b, h, n);
  g_autofree double *probs = g_new (double, (gsize) b *h *n *n);
  g_autofree double *expected_context = g_new (double, b *n *h *hd);
  g_autofree double *expected_lse = g_new (double, b *h *n);
  const ReferenceAttention reference = {
    .qkv = qkv->values, .b = b, .n = n, .h = h, .hd = hd, .scale = 1.0f / sqrtf (hd)
  };
  GError *error = NULL;

  reference_attention_probs (&reference, probs, expected_lse);
  reference_attention_context (&reference, probs, expected_context);
  harness_begin (harness);
  vtr_op_attention (harness->stream, &qkv->tensor, reference.scale, &context->tensor, &lse->tensor,
                    &error);
  g_assert_no_error (error);
  harness_finish (harness);
  harness_assert_close (context, expected_context);
  harness_assert_close (lse, expected_lse);
}

void
add_attention_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      harness_add ("attention", cases[i].name, test_attention, &cases[i]);
      harness_add_f16 ("attention", cases[i].name, VTR_F16_ACTIVATIONS, test_attention, &cases[i]);
    }
}
