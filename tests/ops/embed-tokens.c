/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

typedef struct
{
  const char *name;
  guint b, n_prefix, p, d;
  gboolean has_positions;
} EmbedTokensCase;

static const EmbedTokensCase cases[] = {
  { "no-prefix", 1, 0, 9, 8, TRUE },
  { "cls", 1, 1, 9, 8, TRUE },
  { "cls-and-distillation", 2, 2, 6, 12, TRUE },
  { "registers", 3, 5, 7, 10, TRUE },
  { "no-positions", 2, 5, 4, 8, FALSE },
  { "bare", 1, 0, 4, 4, FALSE },
  { "one-token-odd-width", 1, 0, 1, 7, TRUE },
  { "batch-of-32", 32, 1, 16, 20, TRUE },
  { "vit-small", 1, 1, 256, 384, TRUE },
};

static void
test_embed_tokens (Harness *harness, gconstpointer data)
{
  const EmbedTokensCase *test = data;
  const guint b = test->b, p = test->p, d = test->d, n = test->n_prefix + p;
  HarnessTensor *patches = harness_input (harness, -1, 1, 3, b, p, d);
  HarnessTensor *prefix =
      test->n_prefix > 0 ? harness_input (harness, -1, 1, 2, test->n_prefix, d) : NULL;
  HarnessTensor *positions = test->has_positions ? harness_input (harness, -1, 1, 2, p, d) : NULL;
  HarnessTensor *tokens = harness_output (harness, 3, b, n, d);
  g_autofree double *expected = g_new (double, b *n *d);
  GError *error = NULL;

  reference_embed_tokens (patches->values, prefix != NULL ? prefix->values : NULL,
                          positions != NULL ? positions->values : NULL, b, p, test->n_prefix, d,
                          expected);
  harness_begin (harness);
  vtr_op_embed_tokens (harness->stream, &patches->tensor, prefix != NULL ? &prefix->tensor : NULL,
                       positions != NULL ? &positions->tensor : NULL, &tokens->tensor, &error);
  g_assert_no_error (error);
  harness_finish (harness);
  harness_assert_close (tokens, expected);
}

void
add_embed_tokens_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    harness_add ("embed-tokens", cases[i].name, test_embed_tokens, &cases[i]);
}
