/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

typedef struct
{
  const char *name;
  guint b, h, hd;
  guint n_prefix, n_rows, n_columns; /* rows of patches */
  float range;
} AttentionStatisticsCase;

static const AttentionStatisticsCase cases[] = {
  { "one-patch", 1, 1, 4, 0, 1, 1, 1 },    { "one-patch-and-cls", 1, 2, 8, 1, 1, 1, 1 },
  { "prefix-alone", 1, 2, 8, 3, 0, 1, 1 }, { "odd", 2, 3, 8, 1, 4, 4, 1 },
  { "one-row", 1, 2, 12, 2, 1, 17, 1 },    { "one-column", 1, 2, 16, 2, 17, 1, 1 },
  { "head-of-7", 1, 2, 7, 0, 5, 4, 1 },    { "head-of-128", 3, 2, 128, 1, 3, 6, 1 },
  { "prefix-of-5", 2, 2, 16, 5, 7, 9, 2 }, { "prefix-of-40", 1, 2, 16, 40, 3, 5, 2 },
  { "sharp", 1, 2, 16, 1, 9, 8, 12 },      { "batch-of-32", 32, 2, 4, 1, 5, 8, 1 },
  { "vit-small", 1, 6, 64, 1, 16, 16, 2 },
};

static void
test_attention_statistics (Harness *harness, gconstpointer data)
{
  const AttentionStatisticsCase *test = data;
  const guint b = test->b, h = test->h, n = test->n_prefix + test->n_rows * test->n_columns;
  KnownAttention known;
  known_attention_init (&known, harness, b, n, h, test->hd, test->range);
  HarnessTensor *sums = harness_output (harness, 4, b, h, n, VTR_N_ROW_SUMS);
  g_autofree double *expected = g_new (double, b *h *n *VTR_N_ROW_SUMS);
  GError *error = NULL;

  reference_attention_statistics (known.probs, b * h, n, test->n_prefix, test->n_columns, expected);
  harness_begin (harness);
  vtr_op_attention_statistics (harness->stream, &known.qkv->tensor, &known.lse->tensor,
                               known.reference.scale, test->n_prefix, test->n_columns,
                               &sums->tensor, &error);
  g_assert_no_error (error);
  harness_finish (harness);
  harness_assert_close (sums, expected);
  known_attention_clear (&known);
}

void
add_attention_statistics_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      harness_add ("attention-statistics", cases[i].name, test_attention_statistics, &cases[i]);
      harness_add_f16 ("attention-statistics", cases[i].name, VTR_F16_ACTIVATIONS,
                       test_attention_statistics, &cases[i]);
    }
}
