/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

typedef struct
{
  const char *name;
  guint b, n, d;
  float low, high; /* of x */
  float eps;
  gboolean in_place;
} LayerNormCase;

static const LayerNormCase cases[] = {
  { "one-row", 1, 1, 8, -1, 1, 1e-6f, FALSE },
  { "odd-width", 1, 5, 13, -1, 1, 1e-6f, FALSE },
  { "odd-rows", 3, 7, 31, -1, 1, 1e-5f, FALSE },
  { "width-1", 1, 3, 1, -1, 1, 1e-6f, FALSE },
  { "in-place", 2, 9, 36, -2, 2, 1e-6f, TRUE },
  { "large-mean", 1, 6, 48, 100, 102, 1e-6f, FALSE },
  { "tiny-eps", 1, 4, 64, -1, 1, 1e-12f, FALSE },
  { "eps-counts", 1, 4, 64, -1e-3f, 1e-3f, 1e-5f, FALSE },
  { "batch-of-32", 32, 3, 20, -1, 1, 1e-6f, FALSE },
  { "vit-small", 1, 257, 384, -3, 3, 1e-6f, FALSE },
};

static void
test_layer_norm (Harness *harness, gconstpointer data)
{
  const LayerNormCase *test = data;
  const guint n_rows = test->b * test->n;
  HarnessTensor *x = harness_input (harness, test->low, test->high, 3, test->b, test->n, test->d);
  HarnessTensor *affine = harness_input (harness, -1, 1, 2, 2, test->d);
  HarnessTensor *y = x;
  g_autofree double *expected = g_new (double, n_rows * test->d);
  GError *error = NULL;

  if (test->in_place)
    harness_set_in_out (x);
  else
    y = harness_output_activation (harness, 3, test->b, test->n, test->d);
  reference_layer_norm (x->values, affine->values, test->eps, n_rows, test->d, expected);
  harness_begin (harness);
  vtr_op_layer_norm (harness->stream, &x->tensor, &affine->tensor, test->eps, &y->tensor, &error);
  g_assert_no_error (error);
  harness_finish (harness);
  harness_assert_close (y, expected);
}

void
add_layer_norm_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      harness_add ("layer-norm", cases[i].name, test_layer_norm, &cases[i]);
      harness_add_f16 ("layer-norm", cases[i].name, VTR_F16_ACTIVATIONS, test_layer_norm,
                       &cases[i]);
    }
}
