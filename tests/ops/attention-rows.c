/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

#include <string.h>

typedef struct
{
  const char *name;
  guint b, n, h, hd;
  guint n_rows;
  float range;
} AttentionRowsCase;

static const AttentionRowsCase cases[] = {
  { "one-token", 1, 1, 1, 4, 1, 1 },    { "one-row", 2, 17, 3, 8, 1, 1 },
  { "few-rows", 1, 20, 2, 12, 3, 1 },   { "many-rows", 2, 21, 2, 16, 19, 1 },
  { "all-rows", 1, 37, 2, 64, 37, 1 },  { "repeated-rows", 1, 5, 2, 8, 23, 1 },
  { "head-of-5", 3, 18, 2, 5, 2, 1 },   { "head-of-128", 1, 11, 2, 128, 5, 1 },
  { "sharp", 1, 40, 2, 16, 7, 12 },     { "batch-of-32", 32, 9, 2, 8, 1, 1 },
  { "vit-small", 1, 257, 6, 64, 1, 2 },
};

static void
test_attention_rows (Harness *harness, gconstpointer data)
{
  const AttentionRowsCase *test = data;
  const guint b = test->b, n = test->n, h = test->h, n_rows = test->n_rows;
  KnownAttention known;
  known_attention_init (&known, harness, b, n, h, test->hd, test->range);
  HarnessTensor *rows = harness_zeros (harness, VTR_DTYPE_U32, 2, b, n_rows);
  HarnessTensor *probs = harness_output (harness, 4, b, h, n_rows, n);
  g_autofree double *expected = g_new (double, b *h *n_rows *n);
  GError *error = NULL;

  for (guint image = 0; image < b; image++)
    for (guint i = 0; i < n_rows; i++)
      {
        const guint32 row = g_rand_int_range (harness->rand, 0, n);
        memcpy (&rows->values[image * n_rows + i], &row, sizeof row);
        for (guint head = 0; head < h; head++)
          memcpy (expected + ((image * h + head) * n_rows + i) * n,
                  known.probs + ((image * h + head) * n + row) * n, n * sizeof *expected);
      }

  harness_begin (harness);
  vtr_op_attention_rows (harness->stream, &known.qkv->tensor, &known.lse->tensor,
                         known.reference.scale, &rows->tensor, &probs->tensor, &error);
  g_assert_no_error (error);
  harness_finish (harness);
  harness_assert_close (probs, expected);
  known_attention_clear (&known);
}

void
add_attention_rows_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      harness_add ("attention-rows", cases[i].name, test_attention_rows, &cases[i]);
      harness_add_f16 ("attention-rows", cases[i].name, VTR_F16_ACTIVATIONS, test_attention_rows,
                       &cases[i]);
    }
}
