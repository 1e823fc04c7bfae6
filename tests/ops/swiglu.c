/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

typedef struct
{
  const char *name;
  guint b, n, f;
  float range;
} SwigluCase;

static const SwigluCase cases[] = {
  { "one-value", 1, 1, 1, 1 },    { "odd", 1, 5, 7, 3 },        { "saturated", 2, 6, 12, 200 },
  { "batch-of-32", 32, 3, 9, 2 }, { "large", 1, 257, 1024, 4 },
};

static void
test_swiglu (Harness *harness, gconstpointer data)
{
  const SwigluCase *test = data;
  const guint b = test->b, n = test->n, f = test->f;
  HarnessTensor *gate_up = harness_activation (harness, -test->range, test->range, 3, b, n, 2 * f);
  HarnessTensor *hidden = harness_output_activation (harness, 3, b, n, f);
  g_autofree double *expected = g_new (double, b *n *f);
  GError *error = NULL;

  reference_swiglu (gate_up->values, b * n, f, expected);
  harness_begin (harness);
  vtr_op_swiglu (harness->stream, &gate_up->tensor, &hidden->tensor, &error);
  g_assert_no_error (error);
  harness_finish (harness);
  harness_assert_close (hidden, expected);
}

void
add_swiglu_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      harness_add ("swiglu", cases[i].name, test_swiglu, &cases[i]);
      harness_add_f16 ("swiglu", cases[i].name, VTR_F16_ACTIVATIONS, test_swiglu, &cases[i]);
    }
}
