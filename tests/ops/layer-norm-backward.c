/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

typedef enum
{
  APART,
  IN_PLACE, /* d_x is d_y */
  ACCUMULATE,
} Result;

typedef struct
{
  const char *name;
  guint b, n, d;
  float low, high; /* of x */
  float eps;
  Result result;
} LayerNormBackwardCase;

static const LayerNormBackwardCase cases[] = {
  { "one-row", 1, 1, 8, -1, 1, 1e-6f, APART },
  { "odd-width", 1, 5, 13, -1, 1, 1e-6f, APART },
  { "odd-rows", 3, 7, 31, -1, 1, 1e-5f, ACCUMULATE },
  { "width-2", 1, 3, 2, -1, 1, 1e-2f, APART },
  { "in-place", 2, 9, 36, -2, 2, 1e-6f, IN_PLACE },
  { "accumulate", 2, 9, 36, -2, 2, 1e-6f, ACCUMULATE },
  { "large-mean", 1, 6, 48, 100, 102, 1e-6f, APART },
  { "eps-counts", 1, 4, 64, -1e-3f, 1e-3f, 1e-5f, APART },
  { "batch-of-32", 32, 3, 20, -1, 1, 1e-6f, ACCUMULATE },
  { "vit-small", 1, 257, 384, -3, 3, 1e-6f, ACCUMULATE },
};

/* d_x, and what it is before. */
static HarnessTensor *
plan_result (Harness *harness,
             const LayerNormBackwardCase *test,
             HarnessTensor *d_y,
             double *expected)
{
  HarnessTensor *d_x = d_y;

  if (test->result == APART)
    return harness_output (harness, 3, test->b, test->n, test->d);
  if (test->result == ACCUMULATE)
    d_x = harness_input (harness, -1, 1, 3, test->b, test->n, test->d);
  harness_set_in_out (d_x);
  for (guint i = 0; test->result == ACCUMULATE && i < test->b * test->n * test->d; i++)
    expected[i] += d_x->values[i];
  return d_x;
}

static void
test_layer_norm_backward (Harness *harness, gconstpointer data)
{
  const LayerNormBackwardCase *test = data;
  const guint n_rows = test->b * test->n;
  HarnessTensor *x = harness_input (harness, test->low, test->high, 3, test->b, test->n, test->d);
  HarnessTensor *affine = harness_input (harness, -1, 1, 2, 2, test->d);
  harness_guard (harness);
  HarnessTensor *d_y = harness_input (harness, -1, 1, 3, test->b, test->n, test->d);
  g_autofree double *expected = g_new (double, n_rows * test->d);
  GError *error = NULL;

  reference_layer_norm_backward (x->values, affine->values, test->eps, d_y->values, n_rows, test->d,
                                 expected);
  harness_guard (harness);
  HarnessTensor *d_x = plan_result (harness, test, d_y, expected);
  harness_begin (harness);
  vtr_op_layer_norm_backward (harness->stream, &x->tensor, &affine->tensor, test->eps, &d_y->tensor,
                              test->result == ACCUMULATE, &d_x->tensor, &error);
  g_assert_no_error (error);
  harness_finish (harness);
  harness_assert_close (d_x, expected);
}

void
add_layer_norm_backward_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    harness_add ("layer-norm-backward", cases[i].name, test_layer_norm_backward, &cases[i]);
}
