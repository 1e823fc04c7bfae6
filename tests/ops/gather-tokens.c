/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

#include <string.h>

typedef struct
{
  const char *name;
  guint b, n, m, d;
  gboolean shared; /* whether all images are of the same x */
} GatherTokensCase;

static const GatherTokensCase cases[] = {
  { "one-token", 1, 1, 1, 1, FALSE },           { "one-of-many", 1, 17, 1, 12, FALSE },
  { "each-image-its-own", 3, 10, 6, 9, FALSE }, { "of-one-image", 5, 10, 6, 9, TRUE },
  { "one-image-of-one", 1, 10, 4, 8, TRUE },    { "more-than-there-are", 2, 3, 11, 8, FALSE },
  { "odd-width", 3, 7, 5, 13, TRUE },           { "batch-of-32", 32, 16, 5, 20, TRUE },
  { "vit-small", 3, 257, 129, 384, TRUE },
};

static void
test_gather_tokens (Harness *harness, gconstpointer data)
{
  const GatherTokensCase *test = data;
  const guint b = test->b, n = test->n, m = test->m, d = test->d;
  HarnessTensor *x = harness_input (harness, -1, 1, 3, test->shared ? 1 : b, n, d);
  HarnessTensor *indices = harness_zeros (harness, VTR_DTYPE_U32, 2, b, m);
  HarnessTensor *y = harness_output (harness, 3, b, m, d);
  g_autofree guint32 *chosen = g_new (guint32, b * m);
  g_autofree double *expected = g_new (double, b *m *d);
  GError *error = NULL;

  for (guint i = 0; i < b * m; i++)
    chosen[i] = g_rand_int_range (harness->rand, 0, n);
  memcpy (indices->values, chosen, b * m * sizeof *chosen);
  reference_gather_tokens (x->values, chosen, b, test->shared, n, m, d, expected);

  harness_begin (harness);
  vtr_op_gather_tokens (harness->stream, &x->tensor, &indices->tensor, &y->tensor, &error);
  g_assert_no_error (error);
  harness_finish (harness);
  harness_assert_close (y, expected);
}

void
add_gather_tokens_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    harness_add ("gather-tokens", cases[i].name, test_gather_tokens, &cases[i]);
}
