/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

typedef struct
{
  const char *name;
  guint b, n_prefix, p, d;
  VtrPool pool;
} PoolCase;

static const PoolCase cases[] = {
  { "cls", 1, 1, 9, 8, VTR_POOL_CLS },
  { "cls-of-registers", 3, 5, 9, 7, VTR_POOL_CLS },
  { "mean-no-prefix", 1, 0, 9, 8, VTR_POOL_MEAN },
  { "mean-cls", 2, 1, 10, 9, VTR_POOL_MEAN },
  { "mean-registers", 2, 5, 11, 10, VTR_POOL_MEAN },
  { "cls-and-mean", 2, 1, 6, 12, VTR_POOL_CLS_AND_MEAN },
  { "cls-and-mean-registers", 3, 5, 6, 5, VTR_POOL_CLS_AND_MEAN },
  { "distillation", 2, 2, 4, 6, VTR_POOL_DISTILLATION },
  { "mean-all", 2, 2, 5, 8, VTR_POOL_MEAN_ALL },
  { "one-token", 1, 0, 1, 3, VTR_POOL_MEAN_ALL },
  { "batch-of-32", 32, 1, 4, 12, VTR_POOL_CLS_AND_MEAN },
  { "vit-small", 1, 1, 1369, 384, VTR_POOL_MEAN },
};

static void
test_pool (Harness *harness, gconstpointer data)
{
  const PoolCase *test = data;
  const guint n = test->n_prefix + test->p;
  const guint pooled_width = test->pool == VTR_POOL_CLS_AND_MEAN ? 2 * test->d : test->d;
  HarnessTensor *tokens = harness_activation (harness, -1, 1, 3, test->b, n, test->d);
  HarnessTensor *pooled = harness_output (harness, 2, test->b, pooled_width);
  g_autofree double *expected = g_new (double, test->b *pooled_width);
  GError *error = NULL;

  reference_pool (tokens->values, test->b, n, test->d, test->n_prefix, test->pool, expected);
  harness_begin (harness);
  vtr_op_pool (harness->stream, &tokens->tensor, test->n_prefix, test->pool, &pooled->tensor,
               &error);
  g_assert_no_error (error);
  harness_finish (harness);
  harness_assert_close (pooled, expected);
}

void
add_pool_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      harness_add ("pool", cases[i].name, test_pool, &cases[i]);
      harness_add_f16 ("pool", cases[i].name, VTR_F16_ACTIVATIONS, test_pool, &cases[i]);
    }
}
