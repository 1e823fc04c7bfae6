/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "reference.h"

#include <math.h>
#include <string.h>

static void
unnorm_row (const float *x, const float *weight, float eps, const float *d_y, guint d, double *d_x)
{
  double mean = 0.0, variance = 0.0, sum = 0.0, dot = 0.0;

  for (guint i = 0; i < d; i++)
    mean += x[i] / (double) d;
  for (guint i = 0; i < d; i++)
    variance += (x[i] - mean) * (x[i] - mean) / d;
  const double deviation = sqrt (variance + eps);

  for (guint i = 0; i < d; i++)
    {
      sum += (double) d_y[i] * weight[i];
      dot += (double) d_y[i] * weight[i] * (x[i] - mean) / deviation;
    }
  for (guint i = 0; i < d; i++)
    d_x[i] =
        ((double) d_y[i] * weight[i] - sum / d - (x[i] - mean) / deviation * dot / d) / deviation;
}

void
reference_layer_norm_backward (const float *x,
                               const float *affine,
                               float eps,
                               const float *d_y,
                               guint n_rows,
                               guint d,
                               double *d_x)
{
  for (guint row = 0; row < n_rows; row++)
    unnorm_row (x + row * d, affine, eps, d_y + row * d, d, d_x + row * d);
}

void
reference_matmul_backward (const float *d_y, const float *w, guint m, guint n, guint k, double *d_x)
{
  for (guint row = 0; row < m; row++)
    for (guint i = 0; i < k; i++)
      {
        double sum = 0.0;
        for (guint col = 0; col < n; col++)
          sum += (double) d_y[row * n + col] * w[col * k + i];
        d_x[row * k + i] = sum;
      }
}

static double
sigmoid (double x)
{
  return 1.0 / (1.0 + exp (-x));
}

static double
activation_slope (double x, VtrActivation activation)
{
  const double c = sqrt (2.0 / G_PI);
  const double t = tanh (c * (x + 0.044715 * x * x * x));
  const double s = sigmoid (1.702 * x);

  switch (activation)
    {
    case VTR_ACTIVATION_NONE:
      return 1.0;
    case VTR_ACTIVATION_GELU_ERF:
      return 0.5 * (1.0 + erf (x / G_SQRT2)) + x * exp (-x * x / 2.0) / sqrt (2.0 * G_PI);
    case VTR_ACTIVATION_GELU_TANH:
      return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * c * (1.0 + 3.0 * 0.044715 * x * x);
    case VTR_ACTIVATION_GELU_QUICK:
      return s + 1.702 * x * s * (1.0 - s);
    case VTR_ACTIVATION_TANH:
      return 1.0 - tanh (x) * tanh (x);
    }
  g_assert_not_reached ();
}

void
reference_activation_backward (const float *z,
                               const float *scale,
                               VtrActivation activation,
                               const float *d_y,
                               guint m,
                               guint n,
                               double *d_z)
{
  for (guint i = 0; i < m * n; i++)
    d_z[i] = d_y[i] * activation_slope (z[i], activation) * (scale != NULL ? scale[i % n] : 1.0);
}

void
reference_swiglu_backward (const float *gate_up,
                           const float *d_hidden,
                           guint n_rows,
                           guint f,
                           double *d_gate_up)
{
  for (guint row = 0; row < n_rows; row++, gate_up += 2 * f, d_gate_up += 2 * f, d_hidden += f)
    for (guint i = 0; i < f; i++)
      {
        const double gate = gate_up[i], s = sigmoid (gate);
        d_gate_up[i] = d_hidden[i] * (double) gate_up[f + i] * (s + gate * s * (1.0 - s));
        d_gate_up[f + i] = d_hidden[i] * gate * s;
      }
}

/* Where the forward gives y = a·cos₁ − b·sin₁ and z = b·cos₂ + a·sin₂. */
static void
rotate_back (double *d_x, const float *cosines, const float *sines, guint hd)
{
  const guint half = hd / 2;

  for (guint i = 0; i < half; i++)
    {
      const double d_y = d_x[i], d_z = d_x[half + i];
      d_x[i] = d_y * cosines[i] + d_z * sines[half + i];
      d_x[half + i] = d_z * cosines[half + i] - d_y * sines[i];
    }
}

void
reference_rope_backward (double *d_qkv,
                         const float *table,
                         guint b,
                         guint n,
                         guint p,
                         guint h,
                         guint hd)
{
  for (guint image = 0; image < b; image++)
    for (guint patch = 0; patch < p; patch++)
      for (guint head = 0; head < 2 * h; head++) /* of q, then of k */
        rotate_back (d_qkv + ((image * n + n - p + patch) * 3 * h + head) * hd, table + patch * hd,
                     table + (p + patch) * hd, hd);
}

/* One row of A: its share of d_q, d_k and d_v. */
static void
attend_back (const ReferenceAttention *self,
             guint image,
             guint head,
             guint query,
             const double *probs,
             const float *d_context,
             double *d_qkv)
{
  const guint d = self->h * self->hd;
  const gsize q = (gsize) (image * self->n + query) * 3 * d + head * self->hd;
  g_autofree double *d_probs = g_new0 (double, self->n);
  double mean = 0.0;

  d_context += (gsize) (image * self->n + query) * d + head * self->hd;
  for (guint key = 0; key < self->n; key++)
    {
      const gsize v = (gsize) (image * self->n + key) * 3 * d + 2 * d + head * self->hd;
      for (guint i = 0; i < self->hd; i++)
        {
          d_probs[key] += (double) d_context[i] * self->qkv[v + i];
          d_qkv[v + i] += probs[key] * d_context[i];
        }
      mean += probs[key] * d_probs[key];
    }
  for (guint key = 0; key < self->n; key++)
    {
      const gsize k = (gsize) (image * self->n + key) * 3 * d + d + head * self->hd;
      const double d_score = probs[key] * (d_probs[key] - mean) * self->scale;
      for (guint i = 0; i < self->hd; i++)
        {
          d_qkv[q + i] += d_score * self->qkv[k + i];
          d_qkv[k + i] += d_score * self->qkv[q + i];
        }
    }
}

void
reference_attention_backward (const ReferenceAttention *self,
                              const double *probs,
                              const float *d_context,
                              double *d_qkv)
{
  memset (d_qkv, 0, sizeof *d_qkv * self->b * self->n * 3 * self->h * self->hd);
  for (guint image = 0; image < self->b; image++)
    for (guint head = 0; head < self->h; head++)
      for (guint query = 0; query < self->n; query++, probs += self->n)
        attend_back (self, image, head, query, probs, d_context, d_qkv);
}

/* d_tokens from @first up to @end: what each adds to their mean. */
static void
spread (const float *d_mean, guint first, guint end, guint d, double *d_tokens)
{
  for (guint token = first; token < end; token++)
    for (guint i = 0; i < d; i++)
      d_tokens[token * d + i] += (double) d_mean[i] / (end - first);
}

void
reference_pool_backward (const float *d_pooled,
                         guint b,
                         guint n,
                         guint d,
                         guint n_prefix,
                         VtrPool pool,
                         double *d_tokens)
{
  memset (d_tokens, 0, sizeof *d_tokens * b * n * d);
  for (guint image = 0; image < b; image++, d_tokens += n * d)
    switch (pool)
      {
      case VTR_POOL_CLS:
        spread (d_pooled + image * d, 0, 1, d, d_tokens);
        break;
      case VTR_POOL_MEAN:
        spread (d_pooled + image * d, n_prefix, n, d, d_tokens);
        break;
      case VTR_POOL_CLS_AND_MEAN:
        spread (d_pooled + image * 2 * d, 0, 1, d, d_tokens);
        spread (d_pooled + image * 2 * d + d, n_prefix, n, d, d_tokens);
        break;
      case VTR_POOL_DISTILLATION:
        spread (d_pooled + image * d, 1, 2, d, d_tokens);
        break;
      case VTR_POOL_MEAN_ALL:
        spread (d_pooled + image * d, 0, n, d, d_tokens);
        break;
      }
}
