/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

typedef struct
{
  const char *name;
  guint b, n_prefix, p, d;
  VtrPool pool;
  gboolean accumulate;
} PoolBackwardCase;

static const PoolBackwardCase cases[] = {
  { "cls", 1, 1, 9, 8, VTR_POOL_CLS, FALSE },
  { "cls-of-registers", 3, 5, 9, 7, VTR_POOL_CLS, FALSE },
  { "mean-no-prefix", 1, 0, 9, 8, VTR_POOL_MEAN, FALSE },
  { "mean-cls", 2, 1, 10, 9, VTR_POOL_MEAN, TRUE },
  { "mean-registers", 2, 5, 11, 10, VTR_POOL_MEAN, FALSE },
  { "cls-and-mean", 2, 1, 6, 12, VTR_POOL_CLS_AND_MEAN, FALSE },
  { "cls-and-mean-no-prefix", 2, 0, 6, 12, VTR_POOL_CLS_AND_MEAN, FALSE },
  { "cls-and-mean-registers", 3, 5, 6, 5, VTR_POOL_CLS_AND_MEAN, TRUE },
  { "distillation", 2, 2, 4, 6, VTR_POOL_DISTILLATION, TRUE },
  { "mean-all", 2, 2, 5, 8, VTR_POOL_MEAN_ALL, FALSE },
  { "one-token", 1, 0, 1, 3, VTR_POOL_MEAN_ALL, FALSE },
  { "batch-of-32", 32, 1, 4, 12, VTR_POOL_CLS_AND_MEAN, FALSE },
  { "vit-small", 1, 1, 1369, 384, VTR_POOL_MEAN, FALSE },
};

static void
test_pool_backward (Harness *harness, gconstpointer data)
{
  const PoolBackwardCase *test = data;
  const guint n = test->n_prefix + test->p;
  const guint n_values = test->b * n * test->d;
  const guint pooled_width = test->pool == VTR_POOL_CLS_AND_MEAN ? 2 * test->d : test->d;
  HarnessTensor *d_pooled = harness_input (harness, -1, 1, 2, test->b, pooled_width);
  HarnessTensor *d_tokens;
  g_autofree double *expected = g_new (double, n_values);
  GError *error = NULL;

  reference_pool_backward (d_pooled->values, test->b, n, test->d, test->n_prefix, test->pool,
                           expected);
  if (test->accumulate)
    {
      harness_guard (harness);
      d_tokens = harness_input (harness, -1, 1, 3, test->b, n, test->d);
      harness_set_in_out (d_tokens);
      for (guint i = 0; i < n_values; i++)
        expected[i] += d_tokens->values[i];
    }
  else
    d_tokens = harness_output (harness, 3, test->b, n, test->d);
  harness_begin (harness);
  vtr_op_pool_backward (harness->stream, &d_pooled->tensor, test->n_prefix, test->pool,
                        test->accumulate, &d_tokens->tensor, &error);
  g_assert_no_error (error);
  harness_finish (harness);
  harness_assert_close (d_tokens, expected);
}

void
add_pool_backward_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    harness_add ("pool-backward", cases[i].name, test_pool_backward, &cases[i]);
}
