/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "plain.h"
#include "model/model.h"
#include "reference.h"

#include <math.h>

/* Tokens between two ops; d is arch->hidden_size. */
typedef struct
{
  VtrModel *model;
  const VtrArch *arch;
  guint n;       /* tokens, CLS first */
  float *tokens; /* [n][d] */
} Plain;

/* What the references compute and what they take; takes @values. */
static float *
to_floats (double *values, gsize n)
{
  float *floats = g_new (float, n);

  for (gsize i = 0; i < n; i++)
    floats[i] = (float) values[i];
  g_free (values);
  return floats;
}

static float *
read_weight (const Plain *self, VtrWeight weight, guint layer)
{
  float *values = g_new (float, vtr_model_get_weight_size (self->model, weight, layer));
  g_autoptr (GError) error = NULL;

  vtr_model_read_weight (self->model, weight, layer, values, &error);
  g_assert_no_error (error);
  return values;
}

/* x [m][k] → [m][n], the bias being the weight that follows */
static float *
multiply (const Plain *self,
          const float *x,
          VtrWeight weight,
          guint layer,
          VtrActivation activation,
          guint m)
{
  const guint n = (guint) vtr_model_get_weight_size (self->model, weight + 1, layer);
  const guint k = (guint) (vtr_model_get_weight_size (self->model, weight, layer) / n);
  g_autofree float *w = read_weight (self, weight, layer);
  g_autofree float *bias = read_weight (self, weight + 1, layer);
  double *y = g_new0 (double, (gsize) m *n);

  reference_matmul (x, w, bias, VTR_MATMUL_BIAS, activation, m, n, k, y);
  return to_floats (y, (gsize) m * n);
}

/* [n][d] */
static float *
normalise (const Plain *self, VtrWeight weight, guint layer)
{
  const guint d = self->arch->hidden_size;
  g_autofree float *affine = read_weight (self, weight, layer);
  double *y = g_new (double, (gsize) self->n *d);

  reference_layer_norm (self->tokens, affine, (float) self->arch->norm_eps, self->n, d, y);
  return to_floats (y, (gsize) self->n * d);
}

static void
add (Plain *self, const float *y)
{
  for (gsize i = 0; i < (gsize) self->n * self->arch->hidden_size; i++)
    self->tokens[i] += y[i];
}

/* qkv [n][3][h][hd] → [n][d] */
static float *
attend (const Plain *self, const float *qkv)
{
  const VtrArch *arch = self->arch;
  const ReferenceAttention attention = {
    .qkv = qkv,
    .b = 1,
    .n = self->n,
    .h = arch->n_heads,
    .hd = arch->head_size,
    .scale = (float) (1.0 / sqrt (arch->head_size)),
  };
  const gsize n_rows = (gsize) self->n * arch->n_heads;
  g_autofree double *probs = g_new (double, n_rows * self->n);
  g_autofree double *lse = g_new (double, n_rows);
  double *context = g_new (double, (gsize) self->n * arch->hidden_size);

  reference_attention_probs (&attention, probs, lse);
  reference_attention_context (&attention, probs, context);
  return to_floats (context, (gsize) self->n * arch->hidden_size);
}

static void
run_block (Plain *self, guint layer)
{
  const guint n = self->n;
  g_autofree float *normed1 = normalise (self, VTR_WEIGHT_NORM1, layer);
  g_autofree float *qkv = multiply (self, normed1, VTR_WEIGHT_QKV, layer, VTR_ACTIVATION_NONE, n);
  g_autofree float *context = attend (self, qkv);
  g_autofree float *attended =
      multiply (self, context, VTR_WEIGHT_PROJ, layer, VTR_ACTIVATION_NONE, n);

  add (self, attended);
  g_autofree float *normed2 = normalise (self, VTR_WEIGHT_NORM2, layer);
  g_autofree float *hidden =
      multiply (self, normed2, VTR_WEIGHT_FC1, layer, VTR_ACTIVATION_GELU_ERF, n);
  g_autofree float *thought =
      multiply (self, hidden, VTR_WEIGHT_FC2, layer, VTR_ACTIVATION_NONE, n);
  add (self, thought);
}

/* All tokens of the picture, [1 + p][d]. */
static float *
embed (const Plain *self, VtrInput *input)
{
  const guint d = self->arch->hidden_size, size = self->arch->patch_size;
  const guint n_rows = vtr_input_get_n_rows (input), n_columns = vtr_input_get_n_columns (input);
  const guint p = n_rows * n_columns;
  g_autoptr (GError) error = NULL;
  g_autofree float *prefix = vtr_model_make_prefix (self->model, &error);
  g_assert_no_error (error);
  g_autofree float *positions = vtr_model_make_positions (self->model, n_rows, n_columns, &error);
  g_assert_no_error (error);
  double *patches = g_new (double, (gsize) p * 3 * size * size);
  double *tokens = g_new (double, (gsize) (1 + p) * d);

  reference_patchify (vtr_input_get_pixels (input, NULL, NULL), 1, n_rows * size, n_columns * size,
                      size, patches);
  g_autofree float *pixels = to_floats (patches, (gsize) p * 3 * size * size);
  g_autofree float *embedded = multiply (self, pixels, VTR_WEIGHT_PATCH, 0, VTR_ACTIVATION_NONE, p);
  reference_embed_tokens (embedded, prefix, positions, 1, p, 1, d, tokens);
  return to_floats (tokens, (gsize) (1 + p) * d);
}

void
plain_answer (VtrModel *model, VtrInput *input, const guint32 *kept, guint n_kept, double *logits)
{
  Plain self = { .model = model, .arch = vtr_model_get_arch (model), .n = 1 + n_kept };
  const guint d = self.arch->hidden_size;
  g_autofree float *all = embed (&self, input);

  self.tokens = g_new (float, (gsize) self.n *d);
  for (guint i = 0; i < self.n; i++)
    for (guint k = 0; k < d; k++)
      self.tokens[i * d + k] = all[(i == 0 ? 0 : 1 + kept[i - 1]) * d + k];
  for (guint layer = 0; layer < self.arch->n_layers; layer++)
    run_block (&self, layer);

  g_autofree float *normed = normalise (&self, VTR_WEIGHT_FINAL_NORM, 0);
  g_autofree float *answer = multiply (&self, normed, VTR_WEIGHT_HEAD, 0, VTR_ACTIVATION_NONE, 1);
  for (guint k = 0; k < self.arch->n_classes; k++)
    logits[k] = answer[k];
  g_free (self.tokens);
}
