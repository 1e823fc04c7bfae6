/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

typedef struct
{
  const char *name;
  guint b, n, f;
  float range; /* of gate_up */
  gboolean in_place;
} SwigluBackwardCase;

static const SwigluBackwardCase cases[] = {
  { "one-value", 1, 1, 1, 1, FALSE },    { "odd", 1, 5, 13, 1, FALSE },
  { "in-place", 3, 7, 24, 4, TRUE },     { "saturated", 1, 9, 20, 40, FALSE },
  { "batch-of-32", 32, 3, 12, 2, TRUE }, { "vit-small", 1, 257, 1024, 3, TRUE },
};

static void
test_swiglu_backward (Harness *harness, gconstpointer data)
{
  const SwigluBackwardCase *test = data;
  const guint b = test->b, n = test->n, f = test->f;
  harness_guard (harness);
  HarnessTensor *gate_up = harness_input (harness, -test->range, test->range, 3, b, n, 2 * f);
  HarnessTensor *d_hidden = harness_input (harness, -1, 1, 3, b, n, f);
  HarnessTensor *d_gate_up = gate_up;
  g_autofree double *expected = g_new (double, b *n * 2 * f);
  GError *error = NULL;

  if (test->in_place)
    harness_set_in_out (gate_up);
  else
    d_gate_up = harness_output (harness, 3, b, n, 2 * f);
  reference_swiglu_backward (gate_up->values, d_hidden->values, b * n, f, expected);
  harness_begin (harness);
  vtr_op_swiglu_backward (harness->stream, &gate_up->tensor, &d_hidden->tensor, &d_gate_up->tensor,
                          &error);
  g_assert_no_error (error);
  harness_finish (harness);
  harness_assert_close (d_gate_up, expected);
}

void
add_swiglu_backward_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    harness_add ("swiglu-backward", cases[i].name, test_swiglu_backward, &cases[i]);
}
