/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

typedef struct
{
  const char *name;
  guint b, m, n, k; /* d_y [b][m][n], w [n][k], d_x [b][m][k] */
} MatmulBackwardCase;

static const MatmulBackwardCase cases[] = {
  { "one-value", 1, 1, 1, 1 },
  { "one-row", 1, 1, 10, 16 },
  { "one-column", 1, 9, 12, 1 },
  { "depth-1", 1, 6, 1, 5 },
  { "odd", 1, 7, 19, 13 },
  { "odd-depth", 1, 16, 33, 32 },
  { "odd-rows", 3, 5, 64, 64 },
  { "odd-columns", 1, 64, 64, 71 },
  { "four-columns", 1, 70, 8, 4 },
  { "many-rows", 1, 67, 36, 36 },
  { "many-rows-odd", 1, 67, 19, 13 },
  { "batch-of-32", 32, 3, 28, 24 },
  { "tiles-exactly", 1, 128, 128, 128 },
  { "tiles-and-one", 1, 129, 129, 129 },
  { "tiles-and-four", 1, 132, 132, 132 },
  { "long-depth", 1, 5, 1536, 12 },
  { "few-classes", 2, 1, 3, 32 },
  { "vit-small-qkv", 1, 257, 1152, 384 },
};

static void
test_matmul_backward (Harness *harness, gconstpointer data)
{
  const MatmulBackwardCase *test = data;
  const guint b = test->b, m = test->m, n = test->n, k = test->k;
  HarnessTensor *d_y = harness_input (harness, -1, 1, 3, b, m, n);

  /* No gradient is f16: a device that multiplies halves by halves alone gets floats. */
  if (harness->device->f16 == VTR_F16_ACTIVATIONS)
    harness->weight = VTR_DTYPE_F32;
  HarnessTensor *w = harness_weights (harness, -1, 1, 2, n, k);
  HarnessTensor *d_x = harness_output (harness, 3, b, m, k);
  g_autofree double *expected = g_new (double, b *m *k);
  GError *error = NULL;

  reference_matmul_backward (d_y->values, w->values, b * m, n, k, expected);
  harness_begin (harness);
  vtr_op_matmul_backward (harness->stream, &d_y->tensor, &w->tensor, &d_x->tensor, &error);
  g_assert_no_error (error);
  harness_finish (harness);
  harness_assert_close (d_x, expected);
}

void
add_matmul_backward_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      harness_add ("matmul-backward", cases[i].name, test_matmul_backward, &cases[i]);
      harness_add_f16 ("matmul-backward", cases[i].name, VTR_F16_WEIGHTS, test_matmul_backward,
                       &cases[i]);
    }
}
