/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * VTR_EXPLAIN_IMPORTANCE: how much the target hangs on each head, and what each block changes.
 *
 *   heads[l][h] = |⟨O_h, ∂y/∂O_h⟩|, O_h [n][hd] what head h gave: the gradient by a gate in front
 * of it (Michel, Levy & Neubig 2019, eq. 2), for one picture likeness[l] = mean over the tokens of
 * cos (x, x'), x what block l was given, x' what it gave
 *
 * The products of rows are those that the gradient of the attention begins with, so its kernel
 * makes them: of the heads, and of tokens cut into as many pieces.
 */
#include "explain/explain.h"
#include "run/blocks.h"

#include <math.h>
#include <string.h>

/* On the way back. */
typedef struct
{
  VtrExplainRun *run;
  VtrImportanceScratch *scratch;
  float *rows;        /* [b][h][n][2], as read */
  double *products;   /* [3][b][n]: x·x', x·x, x'·x' */
  VtrImportance **to; /* [b]: the explanations' */
} Weighing;

VtrImportance *
vtr_importance_new (const VtrArch *arch)
{
  VtrImportance *self = g_new0 (VtrImportance, 1);

  self->n_layers = arch->n_layers;
  self->n_heads = arch->n_heads;
  self->heads = g_new (double, (gsize) arch->n_layers * arch->n_heads);
  self->likeness = g_new0 (double, arch->n_layers);
  for (gsize i = 0; i < (gsize) arch->n_layers * arch->n_heads; i++)
    self->heads[i] = NAN;
  return self;
}

void
vtr_importance_free (VtrImportance *self)
{
  if (self == NULL)
    return;
  g_free (self->heads);
  g_free (self->likeness);
  g_free (self);
}

gboolean
vtr_importance_plan (VtrImportanceScratch *self, VtrExplainRun *run, GError **error)
{
  const guint32 b = run->n_inputs, h = run->arch->n_heads, n = run->plan->n_tokens;

  if (run->plan->backward == NULL && !vtr_plan_add_backward (run->plan, run->model, 0, error))
    return FALSE;
  return vtr_attention_backward_scratch_plan (&self->rows, run->arena, b, h, n, error) &&
         vtr_arena_plan (run->arena, &self->unused, "importance.unused", VTR_DTYPE_F32, 3,
                         (guint32[]){ b, h, n }, error);
}

/* Products of the rows of @a and @b, [b][n][h·hd], read into ->rows [b][h][n][2]. */
static gboolean
multiply_rows (const Weighing *self,
               const VtrTensor *a,
               const VtrTensor *b,
               guint32 n_heads,
               GError **error)
{
  VtrExplainRun *run = self->run;
  const VtrTensor rows = vtr_tensor_with_size (&self->scratch->rows, VTR_AXIS_LSE_HEADS, n_heads);
  const VtrTensor unused =
      vtr_tensor_with_size (&self->scratch->unused, VTR_AXIS_LSE_HEADS, n_heads);

  return vtr_op_head_products (run->stream, a, b, &unused, &rows, error) &&
         vtr_stream_read (run->stream, &rows, 0, self->rows, vtr_tensor_n_bytes (&rows), error);
}

static gboolean
weigh_heads (const Weighing *self, const VtrBackwardBlock *block, GError **error)
{
  const VtrExplainRun *run = self->run;
  const guint n_heads = vtr_arch_n_heads (run->arch, block->layer);
  const gsize n_tokens = run->plan->n_tokens;
  const VtrTensor *context = &run->plan->backward->contexts[block->layer];

  if (!multiply_rows (self, context, block->d_context, n_heads, error))
    return FALSE;
  for (guint image = 0; image < run->n_inputs; image++)
    for (guint head = 0; head < n_heads; head++)
      {
        const float *rows = self->rows + ((gsize) image * n_heads + head) * n_tokens * 2;
        double sum = 0.0;

        for (gsize token = 0; token < n_tokens; token++)
          sum += rows[2 * token + 1];
        self->to[image]->heads[block->layer * run->arch->n_heads + head] = fabs (sum);
      }
  return TRUE;
}

/* products [b][n] += what is in ->rows, over the pieces of each token. */
static void
add_pieces (const Weighing *self, double *products)
{
  const VtrExplainRun *run = self->run;
  const guint n_pieces = run->arch->n_heads;
  const gsize n_tokens = run->plan->n_tokens;

  memset (products, 0, run->n_inputs * n_tokens * sizeof *products);
  for (guint image = 0; image < run->n_inputs; image++)
    for (guint piece = 0; piece < n_pieces; piece++)
      for (gsize token = 0; token < n_tokens; token++)
        products[image * n_tokens + token] +=
            self->rows[(((gsize) image * n_pieces + piece) * n_tokens + token) * 2 + 1];
}

static gboolean
compare_tokens (const Weighing *self, const VtrBackwardBlock *block, GError **error)
{
  const VtrExplainRun *run = self->run;
  const VtrTensor *input = block->input;
  const VtrTensor *output = vtr_plan_get_output (run->plan, run->arch, block->layer);
  const VtrTensor *pairs[3][2] = { { input, output }, { input, input }, { output, output } };
  const gsize n_tokens = run->plan->n_tokens, n_all = run->n_inputs * n_tokens;

  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++)
    {
      if (!multiply_rows (self, pairs[i][0], pairs[i][1], run->arch->n_heads, error))
        return FALSE;
      add_pieces (self, self->products + i * n_all);
    }
  for (gsize i = 0; i < n_all; i++)
    {
      const double lengths = sqrt (self->products[n_all + i] * self->products[2 * n_all + i]);
      const double cosine = lengths > 0.0 ? self->products[i] / lengths : 0.0;

      self->to[i / n_tokens]->likeness[block->layer] += cosine / (double) n_tokens;
    }
  return TRUE;
}

static gboolean
weigh_block (const VtrBackwardBlock *block, gpointer data, GError **error)
{
  return weigh_heads (data, block, error) && compare_tokens (data, block, error);
}

gboolean
vtr_importance_measure (VtrImportanceScratch *scratch, VtrExplainRun *run, GError **error)
{
  const gsize n_all = (gsize) run->n_inputs * run->plan->n_tokens;
  g_autofree float *rows = g_new (float, n_all * run->arch->n_heads * 2);
  g_autofree double *products = g_new (double, 3 * n_all);
  g_autofree VtrImportance **to = g_new0 (VtrImportance *, run->n_inputs);
  Weighing self = {
    .run = run,
    .scratch = scratch,
    .rows = rows,
    .products = products,
    .to = to,
  };

  for (guint image = 0; image < run->n_inputs; image++)
    {
      to[image] = vtr_importance_new (run->arch);
      vtr_explanation_take_importance (run->explanations[image], to[image]);
    }
  return vtr_gradient_go_back (run, NULL, 0, FALSE, weigh_block, &self, error);
}
