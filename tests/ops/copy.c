/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

typedef struct
{
  const char *name;
  guint b, n, d;
} CopyCase;

static const CopyCase cases[] = {
  { "one-value", 1, 1, 1 },
  { "odd", 3, 7, 13 },
  { "vit-small", 1, 257, 384 },
};

/* A copy of what a kernel wrote, before another kernel changes it: both must wait. */
static void
test_copy (Harness *harness, gconstpointer data)
{
  const CopyCase *test = data;
  const guint n_values = test->b * test->n * test->d;
  HarnessTensor *d_y = harness_input (harness, -1, 1, 3, test->b, test->n, test->d);
  HarnessTensor *epilogue = harness_input (harness, -1, 1, 2, 2, test->d);
  HarnessTensor *changing = harness_output (harness, 3, test->b, test->n, test->d);
  HarnessTensor *copied = harness_output (harness, 3, test->b, test->n, test->d);
  g_autofree double *once = g_new (double, n_values);
  g_autofree double *twice = g_new (double, n_values);
  GError *error = NULL;

  for (guint i = 0; i < n_values; i++)
    {
      const float scale = epilogue->values[test->d + i % test->d];
      once[i] = (double) d_y->values[i] * scale;
      twice[i] = once[i] * scale;
    }
  harness_begin (harness);
  vtr_op_activation_backward (harness->stream, NULL, &epilogue->tensor, VTR_ACTIVATION_NONE,
                              &d_y->tensor, &changing->tensor, &error);
  g_assert_no_error (error);
  vtr_stream_copy (harness->stream, &changing->tensor, &copied->tensor, &error);
  g_assert_no_error (error);
  vtr_op_activation_backward (harness->stream, NULL, &epilogue->tensor, VTR_ACTIVATION_NONE,
                              &changing->tensor, &changing->tensor, &error);
  g_assert_no_error (error);
  harness_finish (harness);
  harness_assert_close (copied, once);
  harness_assert_close (changing, twice);
}

void
add_copy_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    harness_add ("copy", cases[i].name, test_copy, &cases[i]);
}
