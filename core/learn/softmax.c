/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Multinomial logistic regression.  Features stay as they are, f32 and shared by all fits; that
 * they are standardised is put into the weights: with w a weight of the standardised feature j,
 * w·(x − mean)·scale = (w·scale)·x − (w·scale·mean), and gradients the other way round.
 */
#include "learn/learn.h"

#include <math.h>
#include <string.h>

/* Examples that go through the weights together. */
#define BLOCK 8

void
vtr_sample_init (VtrSample *self, const VtrExamples *examples, const guint *rows, guint n_rows)
{
  const guint d = examples->n_features;

  *self = (VtrSample){ examples, rows, n_rows, g_new0 (double, d), g_new0 (double, d) };
  for (guint i = 0; i < n_rows; i++)
    {
      const float *x = examples->features + (gsize) rows[i] * d;
      for (guint j = 0; j < d; j++)
        self->mean[j] += (double) x[j] / n_rows;
    }
  for (guint i = 0; i < n_rows; i++)
    {
      const float *x = examples->features + (gsize) rows[i] * d;
      for (guint j = 0; j < d; j++)
        self->scale[j] += (x[j] - self->mean[j]) * (x[j] - self->mean[j]) / n_rows;
    }
  /* What varies by roundings alone tells nothing. */
  for (guint j = 0; j < d; j++)
    {
      const double deviation = sqrt (self->scale[j]);
      self->scale[j] = deviation > 1e-7 * fabs (self->mean[j]) ? 1.0 / deviation : 0.0;
    }
}

void
vtr_sample_clear (VtrSample *self)
{
  g_clear_pointer (&self->mean, g_free);
  g_clear_pointer (&self->scale, g_free);
}

gsize
vtr_sample_count_params (const VtrSample *self)
{
  return ((gsize) self->examples->n_features + 1) * self->examples->n_classes;
}

void
vtr_sample_unscale (const VtrSample *self, const double *params, double *weight, double *bias)
{
  const guint d = self->examples->n_features;
  const guint c = self->examples->n_classes;

  memcpy (bias, params + (gsize) d * c, c * sizeof *bias);
  for (guint j = 0; j < d; j++)
    for (guint k = 0; k < c; k++)
      {
        const double value = params[(gsize) j * c + k] * self->scale[j];
        weight[(gsize) j * c + k] = value;
        bias[k] -= value * self->mean[j];
      }
}

/* logits[n][c] of @n examples.  Classes are innermost: they lie in the lanes of vectors. */
static void
compute_logits (const float *const *x,
                guint n,
                guint d,
                guint c,
                const double *weight,
                const double *bias,
                double *logits)
{
  for (guint i = 0; i < n; i++)
    memcpy (logits + (gsize) i * c, bias, c * sizeof *logits);
  for (guint j = 0; j < d; j++)
    for (guint i = 0; i < n; i++)
      {
        const double value = x[i][j];
        const double *w = weight + (gsize) j * c;
        double *z = logits + (gsize) i * c;
        for (guint k = 0; k < c; k++)
          z[k] += value * w[k];
      }
}

/* Logits become probabilities; −ln of that of @class. */
static double
softmax (double *z, guint c, guint class)
{
  double greatest = z[0];
  double sum = 0.0;

  for (guint k = 1; k < c; k++)
    greatest = MAX (greatest, z[k]);
  const double own = z[class] - greatest;
  for (guint k = 0; k < c; k++)
    sum += z[k] = exp (z[k] - greatest);
  for (guint k = 0; k < c; k++)
    z[k] /= sum;
  return log (sum) - own;
}

/* The losses of @n examples; adds to the gradient of the weights for features as they are [d][c],
 * and to what the biases' is, [c]. */
static double
add_block (const VtrSample *self,
           guint first,
           guint n,
           const double *weight,
           const double *bias,
           double *logits,
           double *d_weight,
           double *d_bias)
{
  const VtrExamples *examples = self->examples;
  const guint d = examples->n_features;
  const guint c = examples->n_classes;
  const float *x[BLOCK];
  double loss = 0.0;

  for (guint i = 0; i < n; i++)
    x[i] = examples->features + (gsize) self->rows[first + i] * d;
  compute_logits (x, n, d, c, weight, bias, logits);
  for (guint i = 0; i < n; i++)
    {
      const guint class = examples->classes[self->rows[first + i]];
      double *residual = logits + (gsize) i * c;

      loss += softmax (residual, c, class);
      residual[class] -= 1.0;
      for (guint k = 0; k < c; k++)
        d_bias[k] += residual[k];
    }
  for (guint j = 0; j < d; j++)
    for (guint i = 0; i < n; i++)
      {
        const double value = x[i][j];
        const double *residual = logits + (gsize) i * c;
        double *g = d_weight + (gsize) j * c;
        for (guint k = 0; k < c; k++)
          g[k] += value * residual[k];
      }
  return loss;
}

double
vtr_sample_loss (const VtrSample *self, double penalty, const double *params, double *gradient)
{
  const guint d = self->examples->n_features;
  const guint c = self->examples->n_classes;
  const gsize n_weights = (gsize) d * c;
  g_autofree double *weight = g_new (double, n_weights);
  g_autofree double *bias = g_new (double, c);
  g_autofree double *logits = g_new (double, (gsize) BLOCK *c);
  double *d_bias = gradient + n_weights;
  double loss = 0.0;
  double squares = 0.0;

  vtr_sample_unscale (self, params, weight, bias);
  memset (gradient, 0, (n_weights + c) * sizeof *gradient);
  for (guint i = 0; i < self->n_rows; i += BLOCK)
    loss +=
        add_block (self, i, MIN (BLOCK, self->n_rows - i), weight, bias, logits, gradient, d_bias);

  for (guint j = 0; j < d; j++)
    for (guint k = 0; k < c; k++)
      {
        const gsize at = (gsize) j * c + k;
        const double raw = gradient[at] - self->mean[j] * d_bias[k];
        gradient[at] = self->scale[j] * raw / self->n_rows + penalty * params[at];
        squares += params[at] * params[at];
      }
  for (guint k = 0; k < c; k++)
    d_bias[k] /= self->n_rows;
  return loss / self->n_rows + 0.5 * penalty * squares;
}

double
vtr_example_loss (const VtrExamples *examples,
                  guint example,
                  const double *weight,
                  const double *bias,
                  double *scratch,
                  guint *taken_for)
{
  const guint c = examples->n_classes;
  const float *x = examples->features + (gsize) example * examples->n_features;

  compute_logits (&x, 1, examples->n_features, c, weight, bias, scratch);
  *taken_for = 0;
  for (guint k = 1; k < c; k++)
    if (scratch[k] > scratch[*taken_for])
      *taken_for = k;
  return softmax (scratch, c, examples->classes[example]);
}
