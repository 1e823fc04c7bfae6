/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

typedef struct
{
  const char *name;
  guint b, n_prefix, p, h, hd;
  gboolean per_image; /* whether each image has its own table; forward only */
} RopeCase;

static const RopeCase cases[] = {
  { "one-pair", 1, 0, 1, 1, 2, FALSE },      { "no-prefix", 1, 0, 6, 2, 8, FALSE },
  { "cls", 1, 1, 6, 3, 8, FALSE },           { "two-prefix-tokens", 2, 2, 5, 2, 12, FALSE },
  { "registers", 3, 5, 9, 2, 16, FALSE },    { "head-of-6", 1, 1, 4, 3, 6, FALSE },
  { "head-of-128", 1, 5, 4, 2, 128, FALSE }, { "batch-of-32", 32, 1, 4, 2, 4, FALSE },
  { "vit-small", 1, 5, 196, 6, 64, FALSE },  { "tables", 3, 2, 5, 2, 12, TRUE },
  { "tables-of-32", 32, 1, 4, 2, 4, TRUE },  { "tables-vit-small", 2, 5, 98, 6, 64, TRUE },
};

static void
test_rope (Harness *harness, gconstpointer data)
{
  const RopeCase *test = data;
  const guint b = test->b, n = test->n_prefix + test->p, h = test->h, hd = test->hd;
  const guint n_values = b * n * 3 * h * hd;
  harness_guard (harness);
  HarnessTensor *qkv = harness_activation (harness, -1, 1, 5, b, n, 3, h, hd);
  HarnessTensor *table = test->per_image ? harness_input (harness, -1, 1, 4, b, 2, test->p, hd)
                                         : harness_input (harness, -1, 1, 3, 2, test->p, hd);
  g_autofree double *expected = g_new (double, n_values);
  GError *error = NULL;

  harness_set_in_out (qkv);
  for (guint i = 0; i < n_values; i++)
    expected[i] = qkv->values[i];
  for (guint image = 0; test->per_image && image < b; image++)
    reference_rope (expected + image * n * 3 * h * hd, table->values + image * 2 * test->p * hd, 1,
                    n, test->p, h, hd);
  if (!test->per_image)
    reference_rope (expected, table->values, b, n, test->p, h, hd);

  harness_begin (harness);
  vtr_op_rope (harness->stream, &qkv->tensor, &table->tensor, &error);
  g_assert_no_error (error);
  harness_finish (harness);
  harness_assert_close (qkv, expected);
}

/* The gradient goes through the forward op, with another table. */
static void
test_rope_backward (Harness *harness, gconstpointer data)
{
  const RopeCase *test = data;
  const guint b = test->b, n = test->n_prefix + test->p, h = test->h, hd = test->hd;
  const guint n_values = b * n * 3 * h * hd;
  harness_guard (harness);
  HarnessTensor *d_qkv = harness_input (harness, -1, 1, 5, b, n, 3, h, hd);
  HarnessTensor *table = harness_input (harness, -1, 1, 3, 2, test->p, hd);
  HarnessTensor *transposed = harness_zeros (harness, VTR_DTYPE_F32, 3, 2, test->p, hd);
  g_autofree double *expected = g_new (double, n_values);
  GError *error = NULL;

  harness_set_in_out (d_qkv);
  for (guint i = 0; i < n_values; i++)
    expected[i] = d_qkv->values[i];
  reference_rope_backward (expected, table->values, b, n, test->p, h, hd);
  vtr_rope_transpose_table (table->values, test->p, hd, transposed->values);

  harness_begin (harness);
  vtr_op_rope (harness->stream, &d_qkv->tensor, &transposed->tensor, &error);
  g_assert_no_error (error);
  harness_finish (harness);
  harness_assert_close (d_qkv, expected);
}

void
add_rope_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      harness_add ("rope", cases[i].name, test_rope, &cases[i]);
      harness_add_f16 ("rope", cases[i].name, VTR_F16_ACTIVATIONS, test_rope, &cases[i]);
      if (!cases[i].per_image)
        harness_add ("rope-backward", cases[i].name, test_rope_backward, &cases[i]);
    }
}
