/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

typedef enum
{
  APART,
  INTO_Z,   /* d_z is z */
  INTO_D_Y, /* d_z is d_y */
} Result;

typedef struct
{
  const char *name;
  guint b, m, n; /* z, d_y, d_z [b][m][n] */
  VtrActivation activation;
  gboolean scale;
  float range; /* of z */
  Result result;
} ActivationBackwardCase;

#define NONE VTR_ACTIVATION_NONE
#define ERF VTR_ACTIVATION_GELU_ERF
#define TANH VTR_ACTIVATION_GELU_TANH
#define QUICK VTR_ACTIVATION_GELU_QUICK

static const ActivationBackwardCase cases[] = {
  { "one-value", 1, 1, 1, ERF, FALSE, 1, APART },
  { "copy", 2, 3, 5, NONE, FALSE, 1, APART },
  { "scale", 2, 3, 5, NONE, TRUE, 1, APART },
  { "scale-in-place", 2, 3, 7, NONE, TRUE, 1, INTO_D_Y },
  { "gelu-erf", 1, 9, 21, ERF, FALSE, 4, APART },
  { "gelu-tanh", 1, 9, 21, TANH, FALSE, 4, APART },
  { "gelu-quick", 1, 9, 21, QUICK, FALSE, 4, APART },
  { "tanh", 1, 9, 21, VTR_ACTIVATION_TANH, FALSE, 4, APART },
  { "gelu-erf-scale", 1, 9, 21, ERF, TRUE, 4, INTO_Z },
  { "gelu-erf-in-place", 1, 9, 21, ERF, FALSE, 4, INTO_D_Y },
  { "gelu-erf-saturated", 1, 5, 16, ERF, FALSE, 1e20f, APART },
  { "gelu-tanh-saturated", 1, 5, 16, TANH, FALSE, 1e20f, APART },
  { "gelu-quick-saturated", 1, 5, 16, QUICK, FALSE, 1e20f, APART },
  { "tanh-saturated", 1, 5, 16, VTR_ACTIVATION_TANH, FALSE, 12, APART },
  { "batch-of-32", 32, 3, 12, QUICK, TRUE, 2, APART },
  { "vit-small", 1, 257, 1536, ERF, FALSE, 3, INTO_D_Y },
};

static void
test_activation_backward (Harness *harness, gconstpointer data)
{
  const ActivationBackwardCase *test = data;
  const guint b = test->b, m = test->m, n = test->n;
  harness_guard (harness);
  HarnessTensor *z = harness_input (harness, -test->range, test->range, 3, b, m, n);
  HarnessTensor *epilogue = harness_input (harness, -1, 1, 2, 2, n);
  harness_guard (harness);
  HarnessTensor *d_y = harness_input (harness, -1, 1, 3, b, m, n);
  HarnessTensor *d_z = test->result == INTO_Z ? z : d_y;
  g_autofree double *expected = g_new (double, b *m *n);
  GError *error = NULL;

  if (test->result == APART)
    d_z = harness_output (harness, 3, b, m, n);
  else
    harness_set_in_out (d_z);
  reference_activation_backward (z->values, test->scale ? epilogue->values + n : NULL,
                                 test->activation, d_y->values, b * m, n, expected);
  harness_begin (harness);
  vtr_op_activation_backward (harness->stream, test->activation != NONE ? &z->tensor : NULL,
                              test->scale ? &epilogue->tensor : NULL, test->activation,
                              &d_y->tensor, &d_z->tensor, &error);
  g_assert_no_error (error);
  harness_finish (harness);
  harness_assert_close (d_z, expected);
}

void
add_activation_backward_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    harness_add ("activation-backward", cases[i].name, test_activation_backward, &cases[i]);
}
